//! Entries of an embedded log in the application's own logging.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deedbook::sinks::{self, Couriers, Settings};
use deedbook::{Actor, Deedbook, ErrorKind, Event};
use serde_json::json;

/// The records that reached the crate `log`.
static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target() == "deedbook::audit" {
            LOGGED.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

fn started(book: &Deedbook, folder: &Path) -> Couriers {
    let couriers = sinks::couriers(book, folder).unwrap();
    let table = json!({ "name": "logging", "query": "category:account", "log": {} });
    couriers.start(Settings::read(table, folder).unwrap()).unwrap();
    couriers
}

fn record(book: &Deedbook, id: &str, category: &str) {
    let mut event = Event::new("user.signed_in", Actor::new("user", "ada"));
    (event.id, event.category) = (Some(id.to_owned()), Some(category.to_owned()));
    book.record(event).wait().unwrap();
}

/// What was logged, once there are so many.
fn logged(count: usize) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let logged = LOGGED.lock().unwrap().clone();
        if logged.len() >= count {
            return logged;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{logged:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn entries_reach_the_log_of_an_application() {
    let directory = tempfile::tempdir().unwrap();
    let (url, folder) = (format!("file:{}", directory.path().join("log").display()), directory.path().join("sinks"));
    let book = Arc::new(Deedbook::open(&url).unwrap());
    record(&book, "evt_1", "account");
    let couriers = started(&book, &folder);
    // Nobody listens yet: it waits.
    let status = || couriers.get("logging").unwrap().handle.status();
    while status().last_error.is_none() {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(status().next, 0);
    log::set_logger(&Logger).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    couriers.get("logging").unwrap().handle.resume();
    record(&book, "evt_2", "project");
    record(&book, "evt_3", "account");
    let lines = logged(2);
    assert!(lines[0].starts_with("user.signed_in tenant=") && lines[0].contains("evt_1"), "{lines:?}");
    assert!(lines[1].contains("evt_3") && lines[1].contains("actor=\"user:ada\""), "{lines:?}");
    // It goes on where it ended, with the log that they let go of.
    couriers.stop();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(book.shutdown()).unwrap();
    assert_eq!(sinks::couriers(&book, &folder).unwrap_err().kind(), ErrorKind::Invalid);
    drop((book, couriers));
    let book = Deedbook::open(&url).unwrap();
    record(&book, "evt_4", "account");
    let couriers = started(&book, &folder);
    assert!(logged(3)[2].contains("evt_4"));
    couriers.stop();
    assert_eq!(logged(3).len(), 3);
}
