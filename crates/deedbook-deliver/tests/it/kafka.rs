//! Messages at a cluster of brokers that librdkafka simulates on loopback, and at a broker of its own; without one the
//! tests that need it say SKIPPED.

mod broker;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deedbook_core::commitment::Key;
use deedbook_core::serde_json::{Value, json};
use deedbook_core::{Actor, Entry, Event, Limits, MemoryStore, Store, StoreExt, Target, prepare};
use deedbook_deliver::{Courier, Failure, Folder, Format, RealTime, Settings, Sink, Terms};
use deedbook_testkit::Clock;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{Offset, TopicPartitionList};

use crate::samples::{accepted, entries, record};

const PARTITIONS: i32 = 6;

/// How long a message is waited for.
const WAIT: Duration = Duration::from_secs(10);

/// A cluster with the topic `audit`.
struct Kafka(MockCluster<'static, DefaultProducerContext>);

/// What a consumer sees of a message.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    partition: i32,
    key: String,
    id: String,
    content_type: String,
    text: String,
}

impl Kafka {
    fn start() -> Self {
        let cluster = MockCluster::new(2).unwrap();
        cluster.create_topic("audit", PARTITIONS, 2).unwrap();
        Self(cluster)
    }

    fn sink(&self, format: &str) -> Box<dyn Sink> {
        sink(&self.0.bootstrap_servers(), format, 10)
    }

    /// Refuses as many produce requests, each with its error.
    fn refuse(&self, errors: &[RDKafkaRespErr]) {
        self.0.request_errors(RDKafkaApiKey::Produce, errors);
    }

    /// All messages, those of each partition in their order.
    fn messages(&self) -> Vec<Seen> {
        let consumer = consumer(&self.0.bootstrap_servers());
        let ends = (0..PARTITIONS).map(|partition| consumer.fetch_watermarks("audit", partition, WAIT).unwrap().1);
        let count: i64 = ends.sum();
        (0..count).map(|_| seen(&consumer.poll(WAIT).expect("one more").unwrap())).collect()
    }
}

/// Reads the topic from its beginning.
fn consumer(brokers: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "nobody").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        partitions.add_partition_offset("audit", partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&partitions).unwrap();
    consumer
}

fn seen(message: &BorrowedMessage<'_>) -> Seen {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let headers: HashMap<&str, String> =
        message.headers().unwrap().iter().map(|header| (header.key, text(header.value.unwrap()))).collect();
    Seen {
        partition: message.partition(),
        key: text(message.key().unwrap_or_default()),
        id: headers["deedbook-id"].clone(),
        content_type: headers["content-type"].clone(),
        text: text(message.payload().unwrap()),
    }
}

fn sink(brokers: &str, format: &str, timeout_s: u64) -> Box<dyn Sink> {
    let brokers: Vec<&str> = brokers.split(',').collect();
    let kafka = json!({ "brokers": brokers, "timeout_s": timeout_s });
    Settings::read(json!({ "name": "stream", "format": format, "kafka": kafka }), Path::new("/")).unwrap().sink
}

/// An event about one of some invoices.
fn about(number: u64, invoice: u64, bytes: usize) -> Event {
    let mut event = Event::new("invoice.approved", Actor::new("user", "ada"));
    event.id = Some(format!("evt_{number}"));
    event.targets.push(Target::new("invoice", invoice.to_string()));
    event.metadata.insert("text".to_owned(), "x".repeat(bytes).into());
    event
}

/// Entries about ten invoices in turn.
fn invoices(numbers: std::ops::Range<u64>) -> Vec<Entry> {
    numbers.map(|number| accepted(number, about(number, number % 10, 10))).collect()
}

fn id(entry: &Entry) -> String {
    format!("{}/{}", entry.receipt.tenant, entry.receipt.id)
}

fn ids<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> HashSet<String> {
    entries.into_iter().map(id).collect()
}

fn later(failure: Result<(), Failure>) -> String {
    match failure {
        Err(Failure::Later { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

/// Whether the messages of each key are in one partition, and come there for the first time in the order of `entries`.
fn keys_are_in_order(messages: &[Seen], entries: &[Entry]) -> bool {
    let order: HashMap<String, usize> = entries.iter().map(id).zip(0..).collect();
    let (mut places, mut met) = (HashMap::new(), HashSet::new());
    messages.iter().filter(|message| met.insert(&message.id)).all(|message| {
        let (partition, last) = places.entry(&message.key).or_insert((message.partition, 0));
        let is_behind = *partition == message.partition && *last <= order[&message.id];
        *last = order[&message.id];
        is_behind
    })
}

#[test]
fn a_message_has_the_key_the_id_and_the_record_of_its_entry() {
    let kafka = Kafka::start();
    let all = entries();
    kafka.sink("cloudevents").deliver(&all).unwrap();
    let messages: HashMap<String, Seen> = kafka.messages().into_iter().map(|seen| (seen.id.clone(), seen)).collect();
    assert_eq!(messages.len(), all.len());
    for entry in &all {
        let seen = &messages[&id(entry)];
        let key = match entry.event.targets.first() {
            Some(target) => format!("{}/{}:{}", entry.receipt.tenant, target.kind, target.id),
            None => entry.receipt.tenant.clone(),
        };
        assert_eq!((&seen.key, &seen.text), (&key, &record(&Format::CloudEvents, entry)));
        assert_eq!(seen.content_type, "application/cloudevents+json");
    }
}

#[test]
fn what_is_about_one_thing_stays_in_order() {
    let kafka = Kafka::start();
    let all = invoices(0..3_000);
    let mut sink = kafka.sink("json");
    all.chunks(700).for_each(|batch| sink.deliver(batch).unwrap());
    let mut messages = kafka.messages();
    assert_eq!(messages.len(), all.len(), "nothing comes twice");
    assert!(keys_are_in_order(&messages, &all));
    let used: HashSet<i32> = messages.iter().map(|message| message.partition).collect();
    assert!(used.len() > 1, "there is more than one place where it could be: {used:?}");
    // The control: one that is in another place is found, and one that is in the place of another.
    messages[20].partition += 1;
    assert!(!keys_are_in_order(&messages, &all));
    messages[20].partition -= 1;
    let same = (21..messages.len()).find(|&other| messages[other].key == messages[20].key).unwrap();
    messages.swap(20, same);
    assert!(!keys_are_in_order(&messages, &all));
}

#[test]
fn brokers_that_fail_for_a_while_get_everything_in_order() {
    use RDKafkaRespErr::*;
    let kafka = Kafka::start();
    let all = invoices(0..400);
    let mut sink = kafka.sink("json");
    let errors = [
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR__TRANSPORT,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
    ];
    for batch in all.chunks(100) {
        kafka.refuse(&errors);
        sink.deliver(batch).unwrap();
    }
    let messages = kafka.messages();
    assert_eq!(messages.iter().map(|seen| seen.id.clone()).collect::<HashSet<_>>(), ids(&all));
    assert!(keys_are_in_order(&messages, &all));
}

#[test]
fn what_a_broker_will_not_decide_comes_later() {
    let kafka = Kafka::start();
    let all = invoices(0..50);
    let mut sink = kafka.sink("json");
    kafka.refuse(&[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; PARTITIONS as usize]);
    let why = later(sink.deliver(&all));
    assert!(why.contains("authorization"), "{why}");
    kafka.0.clear_request_errors(RDKafkaApiKey::Produce);
    sink.deliver(&all).unwrap();
    let messages = kafka.messages();
    assert_eq!(messages.iter().map(|seen| seen.id.clone()).collect::<HashSet<_>>(), ids(&all));
    assert!(keys_are_in_order(&messages, &all));
}

#[test]
fn what_is_too_large_is_refused() {
    let kafka = Kafka::start();
    let mut sink = kafka.sink("template:{metadata}{metadata}{metadata}{metadata}{metadata}");
    // By the client, before it goes out.
    let refused = sink.deliver(&[accepted(0, about(0, 1, 10)), accepted(1, about(1, 1, 250_000))]);
    assert!(matches!(&refused, Err(Failure::Refused { why }) if why.contains("too large")), "{refused:?}");
    // By a broker whose topic takes less.
    kafka.refuse(&[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    let refused = sink.deliver(&[accepted(2, about(2, 1, 10))]);
    assert!(matches!(&refused, Err(Failure::Refused { why }) if why.contains("too large")), "{refused:?}");
    sink.deliver(&[accepted(3, about(3, 1, 10))]).unwrap();
}

#[test]
fn nothing_overtakes_what_is_refused() {
    let kafka = Kafka::start();
    let mut sink = kafka.sink("json");
    // More than fits into one request, or two.
    let all: Vec<Entry> = (0..30).map(|number| accepted(number, about(number, 7, 100_000))).collect();
    kafka.refuse(&[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    let refused = sink.deliver(&all);
    assert!(matches!(refused, Err(Failure::Refused { .. })), "{refused:?}");
    assert_eq!(kafka.messages(), []);
    sink.deliver(&all).unwrap();
    let ids: Vec<String> = kafka.messages().into_iter().map(|seen| seen.id).collect();
    assert_eq!(ids, all.iter().map(id).collect::<Vec<_>>());
}

#[test]
fn brokers_that_are_away_are_waited_for() {
    let kafka = Kafka::start();
    kafka.0.broker_down(-1).unwrap();
    let mut sink = sink(&kafka.0.bootstrap_servers(), "json", 1);
    let all = invoices(0..50);
    let begun = Instant::now();
    let why = later(sink.deliver(&all));
    assert!(why.contains("within 1 seconds; ") && why.contains("127.0.0.1"), "{why}");
    // A machine that has other things to do takes its time too.
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    kafka.0.broker_up(-1).unwrap();
    while sink.deliver(&all).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "they are there again");
    }
    let messages = kafka.messages();
    assert_eq!(messages.iter().map(|seen| seen.id.clone()).collect::<HashSet<_>>(), ids(&all));
    assert!(keys_are_in_order(&messages, &all));
}

#[test]
fn without_the_topic_entries_wait() {
    let kafka = Kafka::start();
    kafka.0.topic_error("audit", RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART).unwrap();
    let mut sink = sink(&kafka.0.bootstrap_servers(), "json", 2);
    let why = later(sink.deliver(&invoices(0..5)));
    assert!(why.contains("there is no topic audit: make it"), "{why}");
    kafka.0.topic_error("audit", RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).unwrap();
    sink.deliver(&invoices(0..5)).unwrap();
}

/// A courier that ends before it has noted how far it was sends again what it sent, with the same ids, and nothing else
/// twice.
#[test]
fn a_courier_that_begins_anew_repeats_ids_and_nothing_else() {
    let kafka = Kafka::start();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Clock::fixed().function(), Key([7; 32])));
    for number in 0..60 {
        let event = about(number, number % 10, 10);
        store.append_one(prepare(event, &Limits::default(), || unreachable!("it has its id")).unwrap()).unwrap();
    }
    let states = tempfile::tempdir().unwrap();
    let run = || {
        let terms = Terms { batch_entries: 7, ..Terms::new("stream") };
        let folder = Arc::new(Folder::at(states.path()));
        let time = Arc::new(RealTime);
        let courier = Courier::new(store.clone(), kafka.sink("json"), folder, time, |_| {}, terms).unwrap();
        let handle = courier.handle();
        let thread = std::thread::spawn(|| courier.run());
        let begun = Instant::now();
        while handle.status().next < store.visible_count() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", handle.status());
            std::thread::sleep(Duration::from_millis(5));
        }
        handle.stop();
        thread.join().unwrap();
    };
    run();
    let once = kafka.messages();
    assert_eq!(once.len(), 60);
    // What a crash leaves that came before the state was kept.
    std::fs::remove_dir_all(states.path()).unwrap();
    std::fs::create_dir(states.path()).unwrap();
    run();
    let twice = kafka.messages();
    let all: HashSet<&String> = once.iter().map(|seen| &seen.id).collect();
    assert_eq!((twice.len(), twice.iter().map(|seen| &seen.id).collect::<HashSet<_>>()), (120, all));
    assert!(once.iter().all(|seen| twice.iter().filter(|again| *again == seen).count() == 2), "the same, twice");
}

#[test]
fn settings_that_cannot_be_used_say_why() {
    let check = |kafka: Value, expected: &str| {
        let table = json!({ "name": "stream", "kafka": kafka });
        let error = Settings::read(table, Path::new("/")).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(json!({}), "missing field `brokers`");
    check(json!({ "brokers": [] }), "brokers is empty");
    for broker in ["one.example", "ssl://one.example:9093", "one.example:0"] {
        check(json!({ "brokers": ["two.example:9092", broker] }), "take a host and a port");
    }
    let with = |name: &str, value: Value| json!({ "brokers": ["one.example:9092"], name: value });
    for topic in ["", ".", "audit.{tenant}", "é", &"a".repeat(250)] {
        check(with("topic", json!(topic)), "take letters, digits, ., _ and -");
    }
    check(with("timeout_s", json!(301)), "take 1 to 300");
    check(with("ca_file", json!("ca.pem")), "unknown field `ca_file`");
}
