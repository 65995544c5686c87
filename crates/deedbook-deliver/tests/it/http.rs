//! What holds of every sink that speaks HTTP, beside what holds of every sink.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use deedbook_core::Entry;
use deedbook_core::serde_json::{Value, from_slice, json};
use deedbook_deliver::{Bodies, Failure, Format, Guard, Secret, Settings, Sink, Webhook};

use crate::conformance::Connection;
use crate::conformance::http::{FOLDER, Request, answer, read};
use crate::samples::entries;

/// A server that gives one answer after the other, each on a connection of its own, and the requests that it gets.
fn serve(answers: Vec<Vec<u8>>) -> (SocketAddr, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (writer, _) = listener.accept().unwrap();
            let mut connection = Connection { reader: BufReader::new(writer.try_clone().unwrap()), writer };
            sender.send(read(&mut connection).unwrap().unwrap()).unwrap();
            connection.writer.write_all(&answer).unwrap();
        }
    });
    (address, requests)
}

/// A server that says this to whoever connects, and reads nothing.
fn greet(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        connection.write_all(bytes).unwrap();
        // Until the other side has enough.
        let _ = io::copy(&mut connection, &mut io::sink());
    });
    address
}

/// A sink of each kind for this path of the server.
fn sinks(address: SocketAddr, path: &str) -> [Box<dyn Sink>; 4] {
    let url = format!("http://{address}{path}");
    let token = json!({ "file": "token" });
    [
        json!({ "webhook": { "url": url, "secret": { "file": "webhook-secret" }, "headers": { "Authorization": token } } }),
        json!({ "splunk": { "url": url, "token": token } }),
        json!({ "otlp": { "url": url, "headers": { "Authorization": token } } }),
        json!({ "deedbook": { "url": url, "token": token } }),
    ]
    .map(|mut table| {
        table["name"] = "sink".into();
        Settings::read(table, Path::new(FOLDER)).unwrap().sink
    })
}

fn sample() -> Vec<Entry> {
    entries().into_iter().take(3).collect()
}

#[test]
fn a_redirect_is_not_followed() {
    let (elsewhere, requests) = serve(vec![answer(200, "", "{}")]);
    for status in [301, 302, 307, 308] {
        let location = format!("Location: http://{elsewhere}/\r\n");
        let (address, _asked) = serve(vec![answer(status, &location, ""); 4]);
        for mut sink in sinks(address, "/") {
            let failure = sink.deliver(&sample()).unwrap_err();
            assert!(
                matches!(&failure, Failure::Later { why, .. } if why.contains("redirects are not followed")),
                "{failure:?}"
            );
        }
    }
    assert!(requests.try_recv().is_err(), "nothing went elsewhere");
}

#[test]
fn secrets_are_in_no_error() {
    let path = "/services/T000/canary-of-the-path?sig=canary-of-the-query";
    for status in [200, 400, 401, 500] {
        let said = |secret: &str| format!("no {secret}\r\nfor {path}, \u{1b}[31mnor canary-of-the-query");
        let (address, _asked) = serve(vec![answer(status, "", &said("a-token-of-the-tests")); 4]);
        let mut seen = 0;
        for mut sink in sinks(address, path) {
            // The webhook is content with 200.
            let Err(failure) = sink.deliver(&sample()) else { continue };
            let why = failure.why();
            seen += 1;
            assert!(why.contains(&format!("http://{address} answered {status}")), "{why}");
            assert!(!why.contains("canary") && !why.contains("a-token-of") && !why.contains(char::is_control), "{why}");
        }
        assert!(seen >= 3, "{status}");
    }
}

#[test]
fn who_is_not_there_is_told_without_the_address() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for mut sink in sinks(address, "/canary-of-the-path?canary-of-the-query") {
        let failure = sink.deliver(&sample()).unwrap_err();
        let Failure::Later { why, after: None } = &failure else { panic!("{failure:?}") };
        assert!(why.starts_with(&format!("http://{address} was not reached: ")) && why.contains("refused"), "{why}");
        assert!(!why.contains("canary"), "{why}");
    }
}

#[test]
fn what_is_no_tls_is_told_and_tried_again() {
    let address = greet(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let table = json!({ "name": "sink", "webhook": { "url": format!("https://{address}/canary-of-the-path") } });
    let mut sink = Settings::read(table, Path::new(FOLDER)).unwrap().sink;
    let failure = sink.deliver(&sample()).unwrap_err();
    let Failure::Later { why, after: None } = &failure else { panic!("{failure:?}") };
    assert!(why.starts_with(&format!("https://{address} was not reached: ")) && !why.contains("canary"), "{why}");
}

/// An answer without an end is read up to a bound.
#[test]
fn an_endless_answer_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let writer = connection.unwrap();
            let mut connection = Connection { reader: BufReader::new(writer.try_clone().unwrap()), writer };
            read(&mut connection).unwrap();
            connection.writer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            while connection.writer.write_all(&[b'x'; 4096]).is_ok() {}
        }
    });
    let begun = Instant::now();
    for mut sink in sinks(address, "/") {
        let failure = sink.deliver(&sample()).unwrap_err();
        assert!(failure.why().len() < 1_000, "{failure:?}");
    }
    // Long before the time of a request, which is thirty seconds.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

fn webhook(address: SocketAddr, format: &str, entries: u64) -> Box<dyn Sink> {
    let table = json!({
        "name": "sink",
        "format": format,
        "batch": { "entries": entries },
        "webhook": { "url": format!("http://{address}/"), "secret": { "file": "webhook-secret" } },
    });
    Settings::read(table, Path::new(FOLDER)).unwrap().sink
}

#[test]
fn a_webhook_has_a_body_that_is_whole_by_itself() {
    let (address, requests) = serve(vec![answer(200, "Connection: close\r\n", ""); 6]);
    for (format, content_type) in [
        ("json", "application/json"),
        ("ocsf", "application/json"),
        ("ecs", "application/json"),
        ("cloudevents", "application/cloudevents-batch+json"),
    ] {
        webhook(address, format, 500).deliver(&sample()).unwrap();
        let request = requests.recv().unwrap();
        assert_eq!(request.headers["content-type"], content_type);
        assert_eq!(from_slice::<Vec<Value>>(&request.body).unwrap().len(), 3, "{format}");
    }
    webhook(address, "cef", 500).deliver(&sample()).unwrap();
    let request = requests.recv().unwrap();
    assert_eq!(request.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(String::from_utf8(request.body).unwrap().lines().count(), 3);
    webhook(address, "template:{id}", 500).deliver(&sample()[..1]).unwrap();
    assert_eq!(requests.recv().unwrap().body, format!("{}\n", sample()[0].receipt.id).into_bytes());
}

#[test]
fn a_webhook_of_one_entry_sends_it_as_it_is() {
    let (address, requests) = serve(vec![answer(200, "Connection: close\r\n", ""); 4]);
    let sample = sample();
    webhook(address, "json", 1).deliver(&sample).unwrap();
    for entry in &sample {
        assert_eq!(requests.recv().unwrap().body, entry.to_json());
    }
    webhook(address, "cloudevents", 1).deliver(&sample[..1]).unwrap();
    assert_eq!(requests.recv().unwrap().headers["content-type"], "application/cloudevents+json");
}

#[test]
fn the_same_entries_have_the_same_message_id() {
    let (address, requests) = serve(vec![answer(503, "Connection: close\r\n", ""); 4]);
    let id = |entries: &[Entry]| {
        webhook(address, "json", 500).deliver(entries).unwrap_err();
        requests.recv().unwrap().headers["webhook-id"].clone()
    };
    let sample = sample();
    let first = id(&sample);
    assert_eq!(id(&sample), first);
    assert_ne!(id(&sample[..2]), first);
    assert!(!first.contains('.'), "{first}");
}

#[test]
fn a_webhook_of_the_api_reaches_this_machine_in_tests_alone() {
    let (address, requests) = serve(vec![answer(200, "", "")]);
    let url = format!("http://localhost:{}/", address.port());
    let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let made = |guard| Webhook::guarded(&url, &secret, Format::Json, Bodies::Batches, &guard);
    assert!(made(Guard::public()).is_err());
    made(Guard::anywhere()).unwrap().deliver(&sample()).unwrap();
    assert!(requests.recv().unwrap().headers.contains_key("webhook-signature"));
}

#[test]
fn a_sink_may_be_dropped_where_a_runtime_works() {
    let (address, _requests) = serve(vec![answer(200, "", "")]);
    let mut sink = webhook(address, "json", 500);
    sink.deliver(&sample()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { drop(sink) });
}

/// A sink with nothing behind it is what a server makes at its start.
#[test]
fn making_a_sink_asks_nobody() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    drop(sinks(listener.local_addr()?, "/"));
    listener.set_nonblocking(true)?;
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    Ok(())
}
