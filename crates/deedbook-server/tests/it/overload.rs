//! Ten times as many requests as the log can take, sent by the clock and not by the answers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use deedbook_core::commitment::Key;
use deedbook_core::{Atomicity, Draft, MemoryStore, Reply, Store};
use deedbook_server::Limits;
use deedbook_testkit::Clock;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::{ADMIN, House, Through, event};

/// How long the store below takes for an event: it can do a hundred in a second.
const COMMIT_TIME: Duration = Duration::from_millis(10);
/// How many events may wait for it.
const WAITING_MAX: usize = 20;
/// What such an event takes of the room.
const EVENT_BYTES: usize = 280;

/// What the clients saw.
#[derive(Debug, Default)]
struct Seen {
    accepted: AtomicU64,
    refused: AtomicU64,
    /// Refusals that do not say when to come again, and answers that are neither.
    wrong: AtomicU64,
}

/// A server over a store that takes its time, and how many waited for it at most.
fn slow_house(limits: Limits) -> (House, Arc<AtomicUsize>) {
    let clock = Clock::fixed();
    let below = Arc::new(MemoryStore::new(clock.function(), Key([7; 32])));
    let (queue, submissions) = mpsc::channel::<(Vec<Draft>, Atomicity, Reply)>();
    let (waiting, waited_max) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (store, left) = (below.clone(), waiting.clone());
    std::thread::spawn(move || {
        for (drafts, atomicity, reply) in submissions {
            // The pace of the store is what is tested against.
            std::thread::sleep(COMMIT_TIME);
            left.fetch_sub(1, Ordering::SeqCst);
            store.submit(drafts, atomicity, reply);
        }
    });
    let most = waited_max.clone();
    let submit = move |drafts, atomicity, reply| {
        most.fetch_max(waiting.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        queue.send((drafts, atomicity, reply)).unwrap();
    };
    (House::over(Arc::new(Through { below, submit, reading: || (), counting: || () }), clock, limits), waited_max)
}

fn bounded() -> Limits {
    Limits {
        append_bytes_max: WAITING_MAX * EVENT_BYTES,
        append_wait_max: Duration::from_millis(50),
        ..Limits::default()
    }
}

#[test]
fn ten_times_overload_is_refused_politely_and_costs_no_goodput() {
    let (house, waited_max) = slow_house(bounded());
    let time = Duration::from_secs(2);
    let capacity = offer(house.address, 8, Pace::AsAnswered, time).accepted.into_inner();
    let offered = capacity * 10;
    let seen = offer(house.address, 200, Pace::PerSecond(offered / time.as_secs()), time);
    let (accepted, refused) = (seen.accepted.into_inner(), seen.refused.into_inner());
    let waited_max = waited_max.load(Ordering::SeqCst);
    println!("capacity {capacity}, offered {offered}: {accepted} accepted, {refused} refused, {waited_max} waited");
    assert_eq!(seen.wrong.into_inner(), 0);
    assert!(refused > accepted, "{refused} refused, {accepted} accepted: this was no overload");
    assert!(accepted * 10 >= capacity * 8, "{accepted} of {capacity}");
    assert!(waited_max <= WAITING_MAX, "{waited_max} events waited");
    // It recovers by itself.
    house.post("/v1/events", event("after")).is(201);
}

#[test]
fn without_a_bound_the_queue_grows() {
    let (house, waited_max) = slow_house(Limits::default());
    offer(house.address, 200, Pace::PerSecond(1_000), Duration::from_secs(1));
    assert!(waited_max.load(Ordering::SeqCst) > WAITING_MAX, "the test does not see an unbounded queue");
}

#[derive(Clone, Copy)]
enum Pace {
    /// The next request follows the answer.
    AsAnswered,
    /// Requests are due by the clock, whatever the answers are.
    PerSecond(u64),
}

fn offer(address: SocketAddr, connections: u64, pace: Pace, time: Duration) -> Seen {
    static RUN: AtomicU64 = AtomicU64::new(0);
    let run = RUN.fetch_add(1, Ordering::SeqCst);
    let seen = Arc::new(Seen::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let begun = Instant::now();
        let clients = (0..connections).map(|client| {
            let seen = seen.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
                for number in 0.. {
                    if let Pace::PerSecond(rate) = pace {
                        let due = (number * connections + client) as f64 / rate as f64;
                        tokio::time::sleep_until(begun + Duration::from_secs_f64(due)).await;
                    }
                    if begun.elapsed() >= time {
                        return;
                    }
                    post(&mut stream, &format!("{run}_{client}_{number}"), &seen).await;
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }
    });
    drop(runtime);
    Arc::into_inner(seen).unwrap()
}

async fn post(stream: &mut BufReader<TcpStream>, id: &str, seen: &Seen) {
    let body = event(id);
    let request = format!(
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.get_mut().write_all(request.as_bytes()).await.unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(stream.read_line(&mut head).await.unwrap() > 0, "{head}");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    stream.read_exact(&mut vec![0; length]).await.unwrap();
    let counter = match head.split(' ').nth(1) {
        Some("201") => &seen.accepted,
        Some("503") if head.contains("retry-after: ") => &seen.refused,
        _ => &seen.wrong,
    };
    counter.fetch_add(1, Ordering::SeqCst);
}
