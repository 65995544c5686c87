//! Far more than the server can hold is sent to it at one time: it refuses politely, its memory stays within bounds, and it
//! goes on.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deedbook_testkit::skipped;

use crate::server::{ADMIN, Served};
use crate::support::Room;

/// Clients that send at one time, twice each.
const CLIENTS: usize = 256;
/// Bytes of what each of them sends: together 1 GiB, of which the server holds 64 MiB.
const BODY_BYTES: usize = 4 << 20;
/// What the server may take: 64 MiB of bodies, 12 MiB on their way into the log, what reading two bodies at a time takes,
/// and some 200 MiB of the log's own, for its cache, what is not sealed yet, and a segment that is being made. A server
/// that held what is sent would need more than 1 GiB.
const MEMORY_MAX: u64 = 448 << 20;

#[derive(Debug, Default)]
struct Seen {
    accepted: AtomicUsize,
    refused: AtomicUsize,
    /// Refusals that do not say when to come again, and answers that are neither.
    wrong: AtomicUsize,
    /// The refusal was lost, because the client was still sending when the server closed.
    cut: AtomicUsize,
}

#[test]
fn memory_is_bounded_while_far_too_much_is_sent() {
    let room = Room::new();
    let served = Served::on(&room.path().join("log"));
    let status = format!("/proc/{}/status", served.id());
    if !fs::exists(&status).unwrap() {
        return skipped("memory_is_bounded_while_far_too_much_is_sent", "there is no /proc here");
    }
    let (body, seen, together) = (lines(), Seen::default(), Barrier::new(CLIENTS));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                for _ in 0..2 {
                    together.wait();
                    post(served.address, &body, &seen);
                }
            });
        }
    });
    let memory = memory_max(&status);
    println!("{seen:?}, {} MiB at most", memory >> 20);
    assert_eq!(seen.wrong.into_inner(), 0);
    let (accepted, refused) = (seen.accepted.into_inner(), seen.refused.into_inner() + seen.cut.into_inner());
    assert!(accepted > 0 && refused > accepted, "{accepted} accepted, {refused} refused: this was no overload");
    assert!(memory < MEMORY_MAX, "{} MiB", memory >> 20);
    // It goes on by itself.
    let (status, _) = served.client().send("POST", "/v1/events", ADMIN, EVENT).unwrap();
    assert_eq!(status, 201);
}

const EVENT: &str = r#"{"action":"invoice.approved","actor":{"type":"user","id":"ada"}}"#;

/// As many events as a request may hold, as large as it may be.
fn lines() -> Vec<u8> {
    let reason = "x".repeat(BODY_BYTES / 1_000 - 90);
    let line =
        format!("{{\"action\":\"invoice.approved\",\"actor\":{{\"type\":\"system\"}},\"reason\":\"{reason}\"}}\n");
    line.repeat(1_000).into_bytes()
}

fn post(address: SocketAddr, body: &[u8], seen: &Seen) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\r\nConnection: close\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    // A server that refuses closes before it has read all.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    let mut answer = BufReader::new(stream);
    let mut first = String::new();
    let mut rest = Vec::new();
    let read = answer.read_line(&mut first).and_then(|_| answer.read_to_end(&mut rest));
    let counter = match (first.split(' ').nth(1), read) {
        (Some("200"), Ok(_)) => &seen.accepted,
        (Some("503"), _) if String::from_utf8_lossy(&rest).contains("retry-after: ") => &seen.refused,
        (None, _) => &seen.cut,
        _ => &seen.wrong,
    };
    counter.fetch_add(1, Ordering::SeqCst);
}

/// The most bytes of memory that a process had.
fn memory_max(status: &str) -> u64 {
    let status = fs::read_to_string(status).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
