//! How a server begins and ends, and what it does when the log below it fails.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deedbook_core::commitment::Key;
use deedbook_core::{Atomicity, Cancellation, Draft, Error, ErrorKind, MemoryStore, Reply, Store};
use deedbook_server::Limits;
use deedbook_testkit::Clock;

use crate::support::{House, Response, Through, event};

/// Appends that fail as a test says, or wait until it lets them go.
struct Failing {
    store: Arc<MemoryStore>,
    failure: AtomicU8,
    held: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

const NONE: u8 = 0;
const HOLD: u8 = 1;
const PANIC: u8 = 2;
const KINDS: u8 = 3;

/// What a store can refuse a batch with, the status and the code it becomes.
const FAILURES: [(ErrorKind, u16, &str); 6] = [
    (ErrorKind::Overloaded, 503, "overloaded"),
    (ErrorKind::DiskFull, 507, "disk_full"),
    (ErrorKind::Io, 500, "internal"),
    (ErrorKind::Corrupt, 500, "internal"),
    (ErrorKind::NotFound, 503, "shutting_down"),
    (ErrorKind::Poisoned, 503, "poisoned"),
];

impl Failing {
    fn house() -> (Arc<Self>, House) {
        let clock = Clock::fixed();
        let below = Arc::new(MemoryStore::new(clock.function(), Key([7; 32])));
        let failing = Arc::new(Self { store: below.clone(), failure: AtomicU8::new(NONE), held: Mutex::default() });
        let appending = failing.clone();
        let submit = move |drafts, atomicity, reply| appending.submit(drafts, atomicity, reply);
        (
            failing,
            House::over(Arc::new(Through { below, submit, reading: || (), counting: || () }), clock, Limits::default()),
        )
    }

    fn fail(&self, failure: u8) {
        self.failure.store(failure, Ordering::SeqCst);
    }

    /// Waits until an append is held.
    fn until_held(&self) {
        while self.held.lock().unwrap().is_empty() {
            std::thread::yield_now();
        }
    }

    fn release(&self) {
        self.held.lock().unwrap().drain(..).for_each(|go| go());
    }

    fn submit(&self, drafts: Vec<Draft>, atomicity: Atomicity, reply: Reply) {
        if is_own(&drafts) {
            return self.store.submit(drafts, atomicity, reply);
        }
        match self.failure.load(Ordering::SeqCst) {
            NONE => self.store.submit(drafts, atomicity, reply),
            HOLD => {
                let (sender, receiver) = std::sync::mpsc::channel();
                self.store.submit(drafts, atomicity, Box::new(move |fates| sender.send(fates).unwrap()));
                self.held.lock().unwrap().push(Box::new(move || reply(receiver.recv().unwrap())));
            }
            PANIC => panic!("a store that panics"),
            kind => {
                let kind = FAILURES[usize::from(kind - KINDS)].0;
                reply(Err(Error::new(kind, "the store says so").with_source(std::io::Error::other("sda1 broke"))));
            }
        }
    }
}

/// Whether these are entries of the log's own, which come beside those of the tests.
fn is_own(drafts: &[Draft]) -> bool {
    drafts.iter().all(|draft| draft.event().action.starts_with("audit."))
}

#[test]
fn what_a_store_refuses_becomes_a_problem() {
    let (store, house) = Failing::house();
    for (number, (_, status, code)) in (0..).zip(FAILURES) {
        if code == "poisoned" {
            continue;
        }
        store.fail(KINDS + number);
        let refused = house.post("/v1/events", event("a"));
        assert_eq!(refused.problem(status), code);
        assert_eq!(refused.header("retry-after").is_some(), status == 503);
        assert!(!refused.body.contains("sda1"), "{}", refused.body);
        assert_eq!(house.post("/v1/events", format!("[{}]", event("a"))).problem(status), code);
    }
    store.fail(NONE);
    house.post("/v1/events", event("a")).is(201);
}

#[test]
fn a_panic_is_an_answer_and_the_server_goes_on() {
    let (store, house) = Failing::house();
    store.fail(PANIC);
    assert_eq!(house.post("/v1/events", event("a")).problem(500), "internal");
    let large = format!("[{}]", (0..500).map(|id| event(&id.to_string())).collect::<Vec<_>>().join(","));
    assert_eq!(house.post("/v1/events", large).problem(500), "internal");
    store.fail(NONE);
    house.post("/v1/events", event("a")).is(201);
}

#[test]
fn a_poisoned_log_ends_the_server() {
    let (store, house) = Failing::house();
    let mut tail = house.request("GET", "/v1/events/tail").open();
    store.fail(KINDS + 5);
    assert_eq!(house.post("/v1/events", event("a")).problem(503), "poisoned");
    let mut all = Vec::new();
    tail.read_to_end(&mut all).unwrap();
    assert_eq!(house.ended().unwrap_err().kind(), ErrorKind::Poisoned);
}

#[test]
fn requests_that_were_begun_are_answered_and_tails_end() {
    let (store, house) = Failing::house();
    let mut tail = house.request("GET", "/v1/events/tail").open();
    let mut idle = house.connect();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut begun = [0; 12];
    idle.read_exact(&mut begun).unwrap();
    store.fail(HOLD);
    let body = event("a");
    let head = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
    let mut posting = house.request("POST", "/v1/events").header(&head).open();
    posting.write_all(body.as_bytes()).unwrap();
    store.until_held();
    let address = house.address;
    let ending = std::thread::spawn(move || house.stop());
    let mut rest = Vec::new();
    tail.read_to_end(&mut rest).unwrap();
    idle.read_to_end(&mut rest).unwrap();
    // The listener is gone by then, and the request that was begun still waits.
    assert!(std::net::TcpStream::connect(address).is_err());
    assert!(!ending.is_finished());
    store.release();
    Response::read(posting).is(201);
    ending.join().unwrap().unwrap();
}

#[test]
fn a_caller_who_goes_away_loses_nothing_that_was_handed_over() {
    let (store, house) = Failing::house();
    store.fail(HOLD);
    let body = event("a");
    let head = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
    let mut posting = house.request("POST", "/v1/events").header(&head).open();
    posting.write_all(body.as_bytes()).unwrap();
    store.until_held();
    drop(posting);
    store.fail(NONE);
    store.release();
    house.get("/v1/events/a").is(200);
    house.post("/v1/events", event("a")).is(200);
}

/// Whoever is given up must not make room for another while the work for it goes on.
#[test]
fn work_for_those_who_were_given_up_keeps_its_turn() {
    static GATE: Mutex<()> = Mutex::new(());
    static SUBMITTING: AtomicUsize = AtomicUsize::new(0);
    static SUBMITTING_MAX: AtomicUsize = AtomicUsize::new(0);
    let pass = || drop(GATE.lock().unwrap_or_else(PoisonError::into_inner));
    let clock = Clock::fixed();
    let below = Arc::new(MemoryStore::new(clock.function(), Key([7; 32])));
    let store = below.clone();
    let submit = move |drafts: Vec<Draft>, atomicity, reply| {
        if is_own(&drafts) {
            return store.submit(drafts, atomicity, reply);
        }
        SUBMITTING_MAX.fetch_max(SUBMITTING.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        pass();
        SUBMITTING.fetch_sub(1, Ordering::SeqCst);
        store.submit(drafts, atomicity, reply);
    };
    let limits = Limits {
        reads_max: 1,
        read_wait_max: Duration::from_millis(50),
        request_time_max: Duration::from_millis(300),
        ..Limits::default()
    };
    let reading = || drop(GATE.lock().unwrap_or_else(PoisonError::into_inner));
    let house = House::over(Arc::new(Through { below, submit, reading, counting: || () }), clock, limits);
    let closed = GATE.lock().unwrap();
    assert_eq!(house.get("/v1/events").problem(503), "time_exceeded");
    // The one turn is still taken by the read that nobody waits for any more.
    assert_eq!(house.get("/v1/events").problem(503), "overloaded");
    let large = format!("[{}]", (0..500).map(|id| event(&id.to_string())).collect::<Vec<_>>().join(","));
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    for _ in 0..processors + 2 {
        assert_eq!(house.post("/v1/events", &large).problem(503), "time_exceeded");
    }
    assert_eq!(SUBMITTING_MAX.load(Ordering::SeqCst), processors);
    drop(closed);
    while house.get("/v1/events?limit=1").status != 200 {}
    house.post("/v1/events", event("after")).is(201);
}

/// What nobody waits for any more must not be counted to its end.
#[test]
fn reads_of_those_who_went_away_or_were_given_up_end() {
    static BEGUN: AtomicUsize = AtomicUsize::new(0);
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    let counting = || {
        BEGUN.fetch_add(1, Ordering::SeqCst);
        let begun = std::time::Instant::now();
        while !Cancellation::is_cancelled_here() {
            assert!(begun.elapsed() < Duration::from_secs(20), "nobody gave the read up");
            std::thread::yield_now();
        }
        ENDED.fetch_add(1, Ordering::SeqCst);
    };
    let until = |counter: &AtomicUsize, count| {
        let begun = std::time::Instant::now();
        while counter.load(Ordering::SeqCst) < count {
            assert!(begun.elapsed() < Duration::from_secs(20));
            std::thread::yield_now();
        }
    };
    let clock = Clock::fixed();
    let below = Arc::new(MemoryStore::new(clock.function(), Key([7; 32])));
    let store = below.clone();
    let submit = move |drafts, atomicity, reply| store.submit(drafts, atomicity, reply);
    let limits = Limits { request_time_max: Duration::from_millis(300), ..Limits::default() };
    let house = House::over(Arc::new(Through { below, submit, reading: || (), counting }), clock, limits);
    assert_eq!(house.get("/v1/events/count").problem(503), "time_exceeded");
    until(&ENDED, 1);
    // One who closes the connection before the time is over.
    let asking = house.request("GET", "/v1/events/count").open();
    until(&BEGUN, 2);
    drop(asking);
    until(&ENDED, 2);
}
