//! Messages of a topic of Kafka, one for each entry.
//!
//! The client tries again by itself what may be tried again, in order, until the time of a batch is over. Then, and
//! where a message is refused, the producer is given up with all that waits in it, so that nothing of it comes behind
//! what is sent after it: of each partition the brokers have a beginning of the batch, and the rest of it comes later.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deedbook_core::{Entry, Result};
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use serde::Deserialize;
use serde_json::Value;

use super::{Failure, Sink};
use crate::Format;
use crate::settings::{Place, bounded, host_and_port, parse, wrong};

/// How long the brokers may take to acknowledge a batch, connecting included, in seconds, where nothing else is said.
const TIMEOUT_S: u64 = 30;

/// The longest time that may be said: ending waits for it.
const TIMEOUT_S_MAX: u64 = 300;

/// Bytes of the name of a topic, as Kafka has it.
const TOPIC_BYTES_MAX: usize = 249;

/// What every producer is told.
///
/// Order is kept by messages that have no time of their own, and wait until the batch is given up; and, where one is
/// refused, by one request at a time and no gaps: nothing behind it is on its way, and nothing is sent after it.
/// (Sequences alone do not do it: a broker that does not know a producer yet takes whatever comes first.) The partition
/// of a key is that of the clients for Java.
const CONFIGURATION: [(&str, &str); 8] = [
    ("client.id", "deedbook"),
    ("enable.idempotence", "true"),
    ("enable.gapless.guarantee", "true"),
    ("max.in.flight.requests.per.connection", "1"),
    ("acks", "all"),
    ("message.timeout.ms", "0"),
    ("partitioner", "murmur2"),
    ("reconnect.backoff.max.ms", "1000"),
];

/// `kafka = { brokers = ["one.example:9092"], topic = "audit" }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    brokers: Vec<String>,
    topic: Option<String>,
    timeout_s: Option<u64>,
}

pub(crate) fn make(settings: Value, place: &Place<'_>) -> Result<Box<dyn Sink>> {
    let settings: Settings = parse(settings)?;
    if settings.brokers.is_empty() {
        return Err(wrong("brokers is empty: name at least one, such as \"one.example:9092\""));
    }
    for broker in &settings.brokers {
        host_and_port("brokers", broker)?;
    }
    let timeout = Duration::from_secs(bounded("timeout_s", settings.timeout_s.unwrap_or(TIMEOUT_S), TIMEOUT_S_MAX)?);
    let topic = topic(settings.topic.as_deref().unwrap_or("audit"))?;
    let cluster = Cluster { brokers: settings.brokers.join(","), topic, timeout };
    Ok(Box::new(KafkaSink { cluster, format: place.format(), connection: None }))
}

/// A name that a topic can have.
fn topic(name: &str) -> Result<String> {
    let fits = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    if name.is_empty() || name.len() > TOPIC_BYTES_MAX || !name.chars().all(fits) || [".", ".."].contains(&name) {
        return Err(wrong(format!("topic = {name:?}: take letters, digits, ., _ and -, at most {TOPIC_BYTES_MAX}")));
    }
    Ok(name.to_owned())
}

struct KafkaSink {
    cluster: Cluster,
    format: Format,
    connection: Option<Connection>,
}

/// Where messages go, and how long that may take.
struct Cluster {
    brokers: String,
    topic: String,
    timeout: Duration,
}

/// A producer, and what becomes of its messages.
struct Connection {
    producer: ThreadedProducer<Reports>,
    reports: Receiver<std::result::Result<(), KafkaError>>,
}

/// What the thread of a producer tells.
struct Reports {
    delivered: Sender<std::result::Result<(), KafkaError>>,
    /// What went wrong last that concerns no single message: a broker that is not reached.
    trouble: Mutex<Option<String>>,
}

impl ClientContext for Reports {
    fn error(&self, error: KafkaError, reason: &str) {
        // That says less than what was said of each of them.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *self.trouble() = Some(reason.to_owned());
        }
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, delivered: &DeliveryResult<'_>, (): ()) {
        let report = delivered.as_ref().map(drop).map_err(|(error, _)| error.clone());
        // Nobody waits for the messages of a producer that was given up.
        let _ = self.delivered.send(report);
    }
}

impl Sink for KafkaSink {
    fn deliver(&mut self, entries: &[Entry]) -> std::result::Result<(), Failure> {
        let deadline = Instant::now() + self.cluster.timeout;
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.cluster.connect(deadline)?,
        };
        *connection.producer.context().trouble() = None;
        for (sent, entry) in entries.iter().enumerate() {
            self.send(&connection, entry).map_err(|error| self.cluster.unsent(&connection, sent, &error, deadline))?;
        }
        self.cluster.wait(&connection, entries.len(), deadline)?;
        // After a failure it is not kept.
        self.connection = Some(connection);
        Ok(())
    }
}

impl KafkaSink {
    fn send(&self, connection: &Connection, entry: &Entry) -> std::result::Result<(), KafkaError> {
        let mut record = Vec::new();
        self.format.write(entry, &mut record);
        let (key, id) = (key(entry), format!("{}/{}", entry.receipt.tenant, entry.receipt.id));
        let headers = OwnedHeaders::new()
            .insert(Header { key: "deedbook-id", value: Some(&id) })
            .insert(Header { key: "content-type", value: Some(self.format.content_type()) });
        let message = BaseRecord::to(&self.cluster.topic).key(&key).payload(&record).headers(headers);
        connection.producer.send(message).map_err(|(error, _)| error)
    }
}

impl Cluster {
    fn connect(&self, deadline: Instant) -> std::result::Result<Connection, Failure> {
        let (delivered, reports) = channel();
        let mut config = ClientConfig::new();
        for (name, value) in CONFIGURATION {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.brokers);
        // So that a topic that is not there is told before the time of a batch is over.
        config.set("topic.metadata.propagation.max.ms", (self.timeout / 2).as_millis().to_string());
        let producer = config.create_with_context(Reports { delivered, trouble: Mutex::default() });
        let producer: ThreadedProducer<Reports> = producer.map_err(|error| Failure::later(error.to_string()))?;
        let connection = Connection { producer, reports };
        // By itself a producer looks only twice a second whether there is somebody who gives it its number.
        let found = connection.producer.client().fetch_metadata(Some(&self.topic), left(deadline));
        found.map_err(|_| self.unanswered(&connection))?;
        Ok(connection)
    }

    /// Waits until each of so many messages is acknowledged.
    fn wait(&self, connection: &Connection, messages: usize, deadline: Instant) -> std::result::Result<(), Failure> {
        let mut failed = None;
        for _ in 0..messages {
            match connection.reports.recv_timeout(left(deadline)) {
                Ok(Ok(())) => {}
                // One that is refused takes others of the batch with it, which are told as something else.
                Ok(Err(error)) => match self.failure(connection, &error) {
                    refused @ Failure::Refused { .. } => return Err(refused),
                    later => failed = failed.or(Some(later)),
                },
                Err(_) => return Err(failed.unwrap_or_else(|| self.unanswered(connection))),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Why a message cannot be handed over after so many that were. One that the broker refused has ended the producer
    /// meanwhile: that is what there is to tell.
    fn unsent(&self, connection: &Connection, sent: usize, error: &KafkaError, deadline: Instant) -> Failure {
        let is_ended = error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal);
        match is_ended.then(|| self.wait(connection, sent, deadline)) {
            Some(Err(refused @ Failure::Refused { .. })) => refused,
            _ => self.failure(connection, error),
        }
    }

    fn unanswered(&self, connection: &Connection) -> Failure {
        let (seconds, trouble) = (self.timeout.as_secs(), connection.trouble());
        Failure::later(format!("the brokers did not acknowledge the messages within {seconds} seconds{trouble}"))
    }

    /// What a message that was not stored means for the batch.
    fn failure(&self, connection: &Connection, error: &KafkaError) -> Failure {
        use RDKafkaErrorCode as Code;
        match error.rdkafka_error_code() {
            Some(Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidRecord) => {
                Failure::Refused { why: error.to_string() }
            }
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition) => {
                let make = format!("kafka-topics.sh --create --topic {}", self.topic);
                Failure::later(format!("there is no topic {}: make it, such as by `{make}`", self.topic))
            }
            _ => Failure::later(format!("{error}{}", connection.trouble())),
        }
    }
}

/// The time until then.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

impl Connection {
    /// What went wrong besides, to be put behind another text.
    fn trouble(&self) -> String {
        let trouble = self.producer.context().trouble();
        trouble.as_ref().map(|trouble| format!("; {trouble}")).unwrap_or_default()
    }
}

impl Reports {
    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What keeps the entries about one thing together and in order: its tenant, and the first target where there is one.
fn key(entry: &Entry) -> String {
    let tenant = &entry.receipt.tenant;
    match entry.event.targets.first() {
        Some(target) => format!("{tenant}/{}:{}", target.kind, target.id),
        None => tenant.clone(),
    }
}
