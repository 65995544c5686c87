//! A broker of Kafka with a topic of one partition: as much of the protocol as an idempotent producer speaks.
//!
//! Source: the guide to the protocol of Apache Kafka, and the format of record batches with magic 2.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;

use deedbook_core::serde_json::json;
use deedbook_deliver::{Settings, Sink};

use super::{Connection, Dialect, Id, Message, Says, TIMEOUT, run};

/// Which requests there are, each with the one version that is understood.
const VERSIONS: [(i16, i16); 5] = [(PRODUCE, 3), (1, 4), (METADATA, 1), (API_VERSIONS, 3), (INIT_PRODUCER_ID, 0)];

const PRODUCE: i16 = 0;
const METADATA: i16 = 3;
const API_VERSIONS: i16 = 18;
const INIT_PRODUCER_ID: i16 = 22;

/// Bytes of a record batch before its records.
const BATCH_HEADER_BYTES: usize = 61;

#[derive(Default)]
struct Kafka {
    address: Mutex<Option<SocketAddr>>,
    /// By which number an answer is known, by the first entry of what it answers.
    correlations: Mutex<HashMap<Id, i32>>,
}

/// What was read of a request.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(count);
        self.0 = rest;
        bytes
    }

    fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.bytes(2).try_into().unwrap())
    }

    fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.bytes(4).try_into().unwrap())
    }

    /// A text with its length before it; absent ones have -1.
    fn text(&mut self) -> &'a [u8] {
        let length = self.i16();
        self.bytes(usize::try_from(length).unwrap_or(0))
    }

    /// A number of variable length, zigzag.
    fn varint(&mut self) -> i64 {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let byte = self.bytes(1)[0];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return (value >> 1) as i64 ^ -((value & 1) as i64);
            }
        }
    }

    fn field(&mut self) -> &'a [u8] {
        let length = self.varint();
        self.bytes(usize::try_from(length).unwrap_or(0))
    }
}

/// The entries of a record batch, by their headers.
fn entries(batch: &[u8]) -> Vec<Id> {
    let producer_id = i64::from_be_bytes(batch[43..51].try_into().unwrap());
    assert_eq!((batch[16], producer_id), (2, 7), "a batch of an idempotent producer");
    let count = i32::from_be_bytes(batch[BATCH_HEADER_BYTES - 4..BATCH_HEADER_BYTES].try_into().unwrap());
    let mut records = Input(&batch[BATCH_HEADER_BYTES..]);
    (0..count).map(|_| entry(Input(records.field()))).collect()
}

fn entry(mut record: Input<'_>) -> Id {
    record.bytes(1);
    // The deltas of time and offset.
    record.varint();
    record.varint();
    let (key, _value) = (record.field(), record.field());
    let headers = record.varint();
    let mut headers = (0..headers).map(|_| (record.field(), record.field()));
    let (_, id) = headers.find(|(name, _)| *name == b"deedbook-id").unwrap();
    let (tenant, id) = str::from_utf8(id).unwrap().split_once('/').unwrap();
    assert_eq!(key, tenant.as_bytes());
    (tenant.to_owned(), id.to_owned())
}

/// An answer with its length before it.
fn framed(correlation: i32, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).unwrap();
    [&length.to_be_bytes(), &correlation.to_be_bytes(), body].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&i16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

fn numbers(numbers: &[i32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn versions() -> Vec<u8> {
    let mut body = vec![0, 0, VERSIONS.len() as u8 + 1];
    for (request, version) in VERSIONS {
        for number in [request, version, version] {
            body.extend(number.to_be_bytes());
        }
        body.push(0);
    }
    body.extend([0; 5]);
    body
}

impl Kafka {
    /// A broker, which leads the partition.
    fn metadata(&self) -> Vec<u8> {
        let address = self.address.lock().unwrap().unwrap();
        let broker =
            [numbers(&[1, 1]), text("127.0.0.1"), numbers(&[address.port().into()]), vec![0xff, 0xff]].concat();
        let topic = [numbers(&[1, 1]), vec![0, 0], text("audit"), vec![0]].concat();
        let partition = [numbers(&[1]), vec![0, 0], numbers(&[0, 1, 1, 1, 1, 1])].concat();
        [broker, topic, partition].concat()
    }

    /// Answers a request; the entries, where it is one that produces.
    fn request(&self, connection: &mut Connection, mut input: Input<'_>) -> io::Result<Option<Vec<Id>>> {
        let (request, _version, correlation) = (input.i16(), input.i16(), input.i32());
        let _client = input.text();
        let body = match request {
            API_VERSIONS => versions(),
            METADATA => self.metadata(),
            INIT_PRODUCER_ID => [numbers(&[0]), vec![0; 2], 7_i64.to_be_bytes().to_vec(), vec![0; 2]].concat(),
            PRODUCE => {
                let (_transaction, acknowledgements, _timeout) = (input.text(), input.i16(), input.i32());
                assert_eq!(acknowledgements, -1, "of all replicas");
                let (topics, topic, partitions, partition) = (input.i32(), input.text(), input.i32(), input.i32());
                assert_eq!((topics, topic, partitions, partition), (1, &b"audit"[..], 1, 0));
                let length = input.i32();
                let entries = entries(input.bytes(length.try_into().unwrap()));
                self.correlations.lock().unwrap().insert(entries[0].clone(), correlation);
                return Ok(Some(entries));
            }
            other => panic!("nobody said that request {other} is understood"),
        };
        connection.writer.write_all(&framed(correlation, &body))?;
        Ok(None)
    }
}

impl Dialect for Kafka {
    /// With twice the time: a producer that begins may take half of the least that can be set to ask for its number.
    fn sink(&self, address: SocketAddr) -> Box<dyn Sink> {
        *self.address.lock().unwrap() = Some(address);
        let kafka = json!({ "brokers": [address.to_string()], "timeout_s": (TIMEOUT * 2).as_secs() });
        Settings::read(json!({ "name": "sink", "kafka": kafka }), Path::new("/")).unwrap().sink
    }

    fn read(&self, connection: &mut Connection) -> io::Result<Option<Message>> {
        loop {
            let mut length = [0; 4];
            match connection.reader.read_exact(&mut length) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                read => read?,
            }
            let mut request = vec![0; u32::from_be_bytes(length) as usize];
            connection.reader.read_exact(&mut request)?;
            if let Some(entries) = self.request(connection, Input(&request))? {
                return Ok(Some(Message { entries }));
            }
        }
    }

    fn answer(&self, says: &Says, message: &Message) -> Option<Vec<u8>> {
        let code: i16 = match says {
            Says::Taken => 0,
            Says::Refused(_) => 87,
            Says::TooLarge => 10,
            Says::Failed => 19,
            Says::Unavailable => 6,
            Says::Busy => return None,
        };
        let correlation = self.correlations.lock().unwrap().get(&message.entries[0]).copied().unwrap_or_default();
        let topic = [numbers(&[1]), text("audit"), numbers(&[1, 0]), code.to_be_bytes().to_vec()].concat();
        // The offset, the time, and for how long the sink is held back.
        let rest = [vec![0; 8], vec![0xff; 8], vec![0; 4]].concat();
        Some(framed(correlation, &[topic, rest].concat()))
    }
}

#[test]
fn messages() {
    run(Kafka::default());
}
