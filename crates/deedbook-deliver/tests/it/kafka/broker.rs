//! What a broker does that is none of librdkafka's own: Tansu, which speaks Kafka's protocol and keeps all in memory.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::*;

/// The variable that names the program, which `cargo xtask test` installs.
const PROGRAM: &str = "DEEDBOOK_KAFKA_BROKER";

/// Starts the broker, and ends it where the process is gone that holds its standard input.
const KEEPER: &str = r#""$@" & broker=$!; read -r _; kill -KILL $broker; wait $broker"#;

struct Broker {
    address: String,
    keeper: Child,
    directory: TempDir,
}

impl Broker {
    /// A broker with the topic `audit`.
    fn start(test: &str) -> Option<Self> {
        let Some(program) = std::env::var_os(PROGRAM) else {
            let why = "DEEDBOOK_KAFKA_BROKER does not name the program tansu";
            deedbook_testkit::skipped(test, why);
            assert!(std::env::var_os("CI").is_none(), "SKIPPED {test}: {why}");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (address, directory) = (format!("127.0.0.1:{port}"), tempfile::tempdir().unwrap());
        let log = File::create(directory.path().join("log")).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh"]).arg(&program).args(["broker", "--storage-engine", "memory://tansu/"]);
        command.args(["--listener-url", &format!("tcp://{address}")]);
        command.args(["--advertised-listener-url", &format!("tcp://{address}")]);
        command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        let broker = Self { address, keeper: command.spawn().unwrap(), directory };
        let begun = Instant::now();
        while TcpStream::connect(&broker.address).is_err() {
            assert!(begun.elapsed() < WAIT, "it does not start: {}", broker.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        broker.make_topic();
        Some(broker)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    fn make_topic(&self) {
        let mut config = ClientConfig::new();
        let admin: AdminClient<DefaultClientContext> = config.set("bootstrap.servers", &self.address).create().unwrap();
        let topic = NewTopic::new("audit", PARTITIONS, TopicReplication::Fixed(1));
        let made = admin.create_topics([&topic], &AdminOptions::new());
        let made = Runtime::new().unwrap().block_on(made).unwrap();
        assert_eq!(made, [Ok("audit".to_owned())], "{}", self.log());
    }

    /// So many messages, those of each partition in their order, and what comes behind them within a moment.
    fn messages(&self, count: usize) -> Vec<Seen> {
        let consumer = consumer(&self.address);
        let mut messages: Vec<Seen> =
            (0..count).map(|_| seen(&consumer.poll(WAIT).expect("one more").unwrap())).collect();
        while let Some(more) = consumer.poll(Duration::from_millis(500)) {
            messages.push(seen(&more.unwrap()));
        }
        messages
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

#[test]
fn a_broker_gets_everything_once_and_what_is_about_one_thing_in_order() {
    let Some(broker) = Broker::start("a broker of Kafka") else { return };
    let all = invoices(0..3_000);
    let mut sink = sink(&broker.address, "json", 10);
    all.chunks(700).for_each(|batch| sink.deliver(batch).unwrap());
    let mut messages = broker.messages(all.len());
    assert_eq!(messages.len(), all.len(), "nothing comes twice");
    assert!(keys_are_in_order(&messages, &all));
    let sent: HashMap<String, &Entry> = all.iter().map(|entry| (id(entry), entry)).collect();
    for seen in &messages {
        let entry = sent[&seen.id];
        let invoice = &entry.event.targets[0].id;
        assert_eq!(seen.key, format!("{}/invoice:{invoice}", entry.receipt.tenant));
        assert_eq!((&seen.text, &seen.content_type[..]), (&record(&Format::Json, entry), "application/json"));
    }
    // The control: one that is in another place is found.
    messages[20].partition += 1;
    assert!(!keys_are_in_order(&messages, &all));
}

#[test]
fn what_is_sent_to_a_broker_again_comes_with_the_same_ids() {
    let Some(broker) = Broker::start("a broker of Kafka again") else { return };
    let all = invoices(0..100);
    sink(&broker.address, "json", 10).deliver(&all).unwrap();
    // Another producer, as after a crash.
    sink(&broker.address, "json", 10).deliver(&all[40..]).unwrap();
    let messages = broker.messages(160);
    assert_eq!(messages.len(), 160);
    assert_eq!(messages.iter().map(|seen| seen.id.clone()).collect::<HashSet<_>>(), ids(&all));
    assert!(keys_are_in_order(&messages, &all));
}
