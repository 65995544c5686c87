//! Messages at a real NATS server with JetStream; without one the tests say SKIPPED.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{Config, DiscardPolicy};
use async_nats::jetstream::{self, Context};
use deedbook_core::serde_json::{Value, json};
use deedbook_core::{Actor, Entry, Event};
use deedbook_deliver::{Failure, Format, Settings, Sink};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::samples::{accepted, entries, record};

/// The variable that names the program, which `cargo xtask test` installs.
const PROGRAM: &str = "DEEDBOOK_NATS_SERVER";

/// Starts the server, and ends it where the process is gone that holds its standard input.
const KEEPER: &str = r#""$@" & server=$!; read -r _; kill -KILL $server; wait $server"#;

struct Nats {
    program: PathBuf,
    directory: TempDir,
    port: u16,
    running: Option<Child>,
    runtime: Runtime,
}

impl Nats {
    fn start(test: &str, configuration: &str) -> Option<Self> {
        let Some(program) = std::env::var_os(PROGRAM) else {
            let why = "DEEDBOOK_NATS_SERVER does not name a nats-server";
            deedbook_testkit::skipped(test, why);
            assert!(std::env::var_os("CI").is_none(), "SKIPPED {test}: {why}");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().display();
        let listen = format!("listen: \"127.0.0.1:{port}\"\nmax_payload: 300KB\n");
        let jetstream = format!("jetstream {{ store_dir: \"{store}\", sync_interval: always }}\n");
        fs::write(directory.path().join("conf"), listen + &jetstream + configuration).unwrap();
        let mut server =
            Self { program: program.into(), directory, port, running: None, runtime: Runtime::new().unwrap() };
        server.restart();
        Some(server)
    }

    fn restart(&mut self) {
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh"]).arg(&self.program).arg("-c").arg(self.directory.path().join("conf"));
        let log = fs::File::options().append(true).create(true).open(self.directory.path().join("log")).unwrap();
        command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        self.running = Some(command.spawn().unwrap());
        let (begun, ready) = (Instant::now(), self.starts() + 1);
        while self.log().matches("Server is ready").count() < ready {
            assert!(begun.elapsed() < Duration::from_secs(30), "it does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How often it was started and ended.
    fn starts(&self) -> usize {
        self.log().matches("Server is ready").count()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    fn kill(&mut self) {
        let Some(mut child) = self.running.take() else { return };
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    fn sink(&self, format: &str, more: Value) -> Box<dyn Sink> {
        let mut nats = json!({ "servers": [format!("nats://127.0.0.1:{}", self.port)] });
        nats.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let table = json!({ "name": "stream", "format": format, "nats": nats });
        Settings::read(table, self.directory.path()).unwrap().sink
    }

    fn context(&self) -> Context {
        let address = format!("nats://127.0.0.1:{}", self.port);
        self.runtime.block_on(async { jetstream::new(async_nats::connect(address).await.unwrap()) })
    }

    fn make_stream(&self, config: Config) {
        let config = Config { name: "audit".into(), subjects: vec!["audit.>".into()], ..config };
        self.runtime.block_on(self.context().create_stream(config)).unwrap();
    }

    /// Subject, id and text of each message of the stream.
    fn messages(&self) -> Vec<(String, String, String)> {
        let context = self.context();
        self.runtime.block_on(async {
            let mut stream = context.get_stream("audit").await.unwrap();
            let last = stream.info().await.unwrap().state.last_sequence;
            let mut messages = Vec::new();
            for sequence in 1..=last {
                let message = stream.get_raw_message(sequence).await.unwrap();
                let id = message.headers.get("Nats-Msg-Id").unwrap().to_string();
                messages.push((message.subject.to_string(), id, String::from_utf8(message.payload.to_vec()).unwrap()));
            }
            messages
        })
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

fn id(entry: &Entry) -> String {
    format!("{}/{}", entry.receipt.tenant, entry.receipt.id)
}

fn later(failure: Result<(), Failure>) -> String {
    match failure {
        Err(Failure::Later { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_has_the_subject_the_id_and_the_record_of_its_entry() {
    let Some(server) = Nats::start("messages of NATS", "") else { return };
    server.make_stream(Config::default());
    let all = entries();
    let mut sink = server.sink("ecs", json!({}));
    sink.deliver(&all[..2]).unwrap();
    // A part of it again: what is there is there once.
    sink.deliver(&all).unwrap();
    let expected: Vec<_> = all
        .iter()
        .map(|entry| {
            let subject = format!("audit.{}.{}", entry.receipt.tenant, entry.event.action);
            (subject, id(entry), record(&Format::Ecs, entry))
        })
        .collect();
    assert_eq!(server.messages(), expected);
}

#[test]
fn more_than_may_wait_for_an_acknowledgement_goes_in_order() {
    let Some(server) = Nats::start("large batches of NATS", "") else { return };
    server.make_stream(Config::default());
    let all: Vec<Entry> = (0..2_500).map(|number| accepted(number, numbered(number, 10))).collect();
    server.sink("json", json!({})).deliver(&all).unwrap();
    let ids: Vec<_> = server.messages().into_iter().map(|(_, id, _)| id).collect();
    assert_eq!(ids, all.iter().map(id).collect::<Vec<_>>());
}

#[test]
fn without_a_stream_entries_wait() {
    let Some(server) = Nats::start("NATS without a stream", "") else { return };
    let mut sink = server.sink("json", json!({ "subject": "audit.{tenant}" }));
    let why = later(sink.deliver(&entries()));
    assert!(why.contains("no stream takes the subject audit.acme") && why.contains("'audit.>'"), "{why}");
    server.make_stream(Config::default());
    sink.deliver(&entries()).unwrap();
    assert_eq!(server.messages().len(), entries().len());
}

#[test]
fn what_is_too_large_is_refused_and_what_has_no_room_waits() {
    let Some(server) = Nats::start("limits of NATS", "") else { return };
    server.make_stream(Config {
        max_message_size: 100_000,
        max_bytes: 1_000_000,
        discard: DiscardPolicy::New,
        ..Config::default()
    });
    let mut sink = server.sink("json", json!({}));
    for (bytes, limit) in [(150_000, "maximum"), (250_000, "max")] {
        let refused = sink.deliver(&[accepted(1, numbered(1, bytes))]);
        assert!(matches!(&refused, Err(Failure::Refused { why }) if why.contains(limit)), "{refused:?}");
    }
    let full = (2..20).find_map(|number| sink.deliver(&[accepted(number, numbered(number, 90_000))]).err());
    assert!(matches!(&full, Some(Failure::Later { why, .. }) if why.contains("maximum bytes")), "{full:?}");
}

#[test]
fn a_server_that_is_killed_loses_nothing_that_was_delivered() {
    let Some(mut server) = Nats::start("NATS starting anew", "") else { return };
    server.make_stream(Config::default());
    let mut sink = server.sink("json", json!({}));
    let all: Vec<Entry> = (0..200).map(|number| accepted(number, numbered(number, 300))).collect();
    for (number, batch) in all.chunks(20).enumerate() {
        if number % 4 == 2 {
            server.kill();
            later(sink.deliver(batch));
            server.restart();
        }
        sink.deliver(batch).unwrap();
    }
    let ids: Vec<_> = server.messages().into_iter().map(|(_, id, _)| id).collect();
    assert_eq!(ids, all.iter().map(id).collect::<Vec<_>>());
}

#[test]
fn whoever_is_not_let_in_is_told() {
    let configuration = "authorization { user: deedbook, password: canary }\n";
    let Some(server) = Nats::start("log-ins of NATS", configuration) else { return };
    let why = later(server.sink("json", json!({})).deliver(&entries()));
    assert!(why.to_lowercase().contains("authorization"), "{why}");
    fs::write(server.directory.path().join("secret"), "canary").unwrap();
    let login = json!({ "user": "deedbook", "password": { "file": "secret" } });
    let why = later(server.sink("json", login).deliver(&entries()));
    assert!(why.contains("no stream takes the subject"), "{why}");
}

#[test]
fn settings_that_cannot_be_used_say_why() {
    let check = |nats: Value, expected: &str| {
        let table = json!({ "name": "stream", "nats": nats });
        let error = Settings::read(table, Path::new("/")).err().unwrap().to_string();
        assert!(error.contains(expected) && !error.contains("canary"), "{error}");
    };
    check(json!({}), "missing field `servers`");
    check(json!({ "servers": [] }), "servers is empty");
    check(json!({ "servers": ["http://canary"] }), "write nats://HOST:PORT");
    check(json!({ "servers": ["nats://me:canary@host:4222"] }), "has a password in its address");
    let with = |name: &str, value: Value| json!({ "servers": ["nats://host:4222"], name: value });
    check(with("subject", json!("audit.*")), "take tokens between dots");
    check(with("user", json!("me")), "take one of credentials_file, token, or user with password");
    check(with("token", json!("canary")), "a secret is { file = \"path\" }");
    check(with("key_file", json!("k.pem")), "certificate_file and key_file go together");
}

fn numbered(number: u64, bytes: usize) -> Event {
    let mut event = Event::new("invoice.approved", Actor::new("user", "ada"));
    event.id = Some(format!("evt_{number}"));
    event.metadata.insert("text".to_owned(), "x".repeat(bytes).into());
    event
}
