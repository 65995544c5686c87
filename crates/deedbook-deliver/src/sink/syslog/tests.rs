//! The sink against collectors that do what a test says.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::trial::entries;

/// A collector, and a sink that knows it.
fn collector(more: Value) -> (TcpListener, SyslogSink) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut settings = json!({ "address": format!("127.0.0.1:{port}"), "transport": "tcp", "hostname": "host" });
    settings.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let mut sink = SyslogSink::read(settings, &Place { folder: Path::new("."), format: None, batch_entries: 500 })
        .expect("a sink");
    sink.write = Box::new(|entry, out| out.extend(entry.receipt.id.bytes()));
    sink.peer.stall_max = Duration::from_millis(300);
    (listener, sink)
}

fn accept(listener: &TcpListener) -> BufReader<TcpStream> {
    BufReader::new(listener.accept().expect("a connection").0)
}

/// The record of the next message, whose length stands before it.
fn record(from: &mut BufReader<TcpStream>) -> Option<String> {
    let mut length = Vec::new();
    from.read_until(b' ', &mut length).expect("a length");
    let length: usize = String::from_utf8(length).expect("ASCII").trim().parse().ok()?;
    let mut message = vec![0; length];
    from.read_exact(&mut message).expect("a whole message");
    let message = String::from_utf8(message).expect("UTF-8");
    assert!(message.starts_with("<110>1 1970-01-01T00:00:00.000000Z host deedbook - thing.made ["), "{message}");
    Some(message.rsplit(' ').next().expect("a record").to_owned())
}

fn records(from: &mut BufReader<TcpStream>, count: usize) -> Vec<String> {
    (0..count).map(|_| record(from).expect("a message")).collect()
}

#[test]
fn messages_are_counted_in_octets() {
    let (listener, mut sink) = collector(json!({}));
    sink.deliver(&entries(0..3)).expect("delivered");
    let mut end = accept(&listener);
    assert_eq!(records(&mut end, 3), ["evt_0", "evt_1", "evt_2"]);
    sink.deliver(&entries(3..4)).expect("delivered");
    assert_eq!(records(&mut end, 1), ["evt_3"], "over the same connection");
    drop(thread::spawn(move || drop(sink)));
    assert_eq!(record(&mut end), None, "it ends in order");
}

#[test]
fn messages_may_end_in_a_line_feed() {
    let (listener, mut sink) = collector(json!({ "framing": "newline" }));
    sink.deliver(&entries(0..2)).expect("delivered");
    let lines = accept(&listener).lines().take(2).collect::<std::io::Result<Vec<_>>>().expect("lines");
    assert!(lines[0].starts_with("<110>1 ") && lines[0].ends_with("] evt_0"), "{lines:?}");
    assert!(lines[1].ends_with("] evt_1"), "{lines:?}");
}

#[test]
fn what_may_be_lost_with_a_connection_is_sent_again() {
    let (listener, mut sink) = collector(json!({}));
    sink.deliver(&entries(0..2)).expect("delivered");
    let mut first = accept(&listener);
    assert_eq!(records(&mut first, 1), ["evt_0"]);
    // With something unread: the other side is told by a reset.
    drop(first);
    sink.deliver(&entries(2..3)).expect("delivered over a new connection");
    let mut second = accept(&listener);
    assert_eq!(records(&mut second, 3), ["evt_0", "evt_1", "evt_2"]);
    // In order: the other side is told by an end.
    second.get_ref().shutdown(std::net::Shutdown::Write).expect("shut down");
    sink.deliver(&entries(3..4)).expect("delivered over a new connection");
    assert_eq!(records(&mut accept(&listener), 4), ["evt_0", "evt_1", "evt_2", "evt_3"]);
}

#[test]
fn a_collector_that_is_away_is_tried_again() {
    let (listener, mut sink) = collector(json!({}));
    sink.deliver(&entries(0..1)).expect("delivered");
    drop(accept(&listener));
    let address = listener.local_addr().expect("an address");
    drop(listener);
    for _ in 0..2 {
        let failure = sink.deliver(&entries(1..2)).expect_err("nobody listens");
        assert!(matches!(failure, Failure::Later { .. }), "{failure:?}");
        assert!(failure.why().starts_with(&address.to_string()), "{failure:?}");
    }
    let listener = TcpListener::bind(address).expect("the same port");
    sink.deliver(&entries(1..2)).expect("delivered");
    assert_eq!(records(&mut accept(&listener), 2), ["evt_0", "evt_1"]);
}

#[test]
fn a_collector_that_does_not_read_holds_nobody() {
    let (listener, mut sink) = collector(json!({}));
    let mut failure = None;
    for begin in 0..200 {
        failure = sink.deliver(&entries(begin * 1_000..begin * 1_000 + 1_000)).err();
        if failure.is_some() {
            break;
        }
    }
    let failure = failure.expect("at some time all buffers are full");
    assert!(failure.why().contains("does not take what is sent"), "{failure:?}");
    drop(listener);
}

#[test]
fn what_a_collector_says_is_read_and_forgotten() {
    let (listener, mut sink) = collector(json!({}));
    sink.deliver(&entries(0..1)).expect("delivered");
    let mut end = accept(&listener);
    std::io::Write::write_all(end.get_mut(), b"welcome\n").expect("written");
    sink.deliver(&entries(1..2)).expect("delivered");
    assert_eq!(records(&mut end, 2), ["evt_0", "evt_1"], "over the same connection");
}

#[test]
fn a_message_that_the_collector_would_cut_is_refused() {
    let (listener, mut sink) = collector(json!({ "message_kib_max": 1 }));
    sink.header = Header::new("audit", None, "deedbook", 1, ByteOrderMark::Absent).expect("a header");
    sink.write = Box::new(|_, out| out.resize(out.len() + 1024, b'x'));
    let failure = sink.deliver(&entries(0..1)).expect_err("too long");
    assert!(matches!(&failure, Failure::Refused { why } if why.contains("message_kib_max")), "{failure:?}");
    drop(listener);
}

#[test]
fn settings_that_cannot_be_used_say_why() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("empty.pem"), "").expect("a file");
    let place = Place { folder: folder.path(), format: None, batch_entries: 500 };
    let check = |settings: Value, expected: &str| {
        let error = SyslogSink::read(settings, &place).err().expect(expected);
        let told = error.problems()[0].detail.clone();
        assert!(told.contains(expected), "{told}");
    };
    check(json!({}), "missing field `address`");
    for address in ["host", "host:", ":514", "host:0", "2001:db8::1:514", "host:port"] {
        check(json!({ "address": address }), "take a host and a port");
    }
    let with = |name: &str, value: Value| json!({ "address": "h:1", "transport": "tcp", name: value });
    check(with("facility", json!("audits")), "take one of kern, user");
    check(with("framing", json!("lines")), "expected `octet-counting` or `newline`");
    check(with("hostname", json!("a b")), "hostname = \"a b\": take 1 to 255");
    check(with("app_name", json!("x".repeat(49))), "take 1 to 48");
    check(with("message_kib_max", json!(0)), "message_kib_max = 0");
    check(with("ca_file", json!("ca.pem")), "ca_file has no use with transport = \"tcp\"");
    check(with("adress", json!("x")), "unknown field `adress`");
    check(json!({ "address": "h:1", "transport": "udp" }), "expected `tls` or `tcp`");
    check(json!({ "address": "h:1", "ca_file": "absent.pem" }), "absent.pem");
    check(json!({ "address": "h:1", "ca_file": "empty.pem" }), "there is no certificate in it");
    check(json!({ "address": "h:1", "certificate_file": "c.pem" }), "certificate_file and key_file go together");
}

#[test]
fn addresses_are_hosts_with_ports() {
    for (address, host, port) in [
        ("logs.example:6514", "logs.example", 6514),
        ("192.0.2.1:1", "192.0.2.1", 1),
        ("[2001:db8::1]:514", "2001:db8::1", 514),
    ] {
        assert_eq!(host_and_port("address", address).expect(address), (host.to_owned(), port));
    }
}
