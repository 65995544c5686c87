//! Legal holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deedbook_core::ErrorKind;
use deedbook_core::retention::Rules;
use deedbook_server::{NewHold, Policy};

use super::{Book, admin, event, watch};
use crate::support::Failing;

fn hold(reason: &str) -> NewHold {
    NewHold { reason: reason.to_owned(), ..NewHold::default() }
}

fn run(book: &Book) -> u64 {
    book.governance.retain(None, &admin("ops:1"), &watch()).unwrap()["count"].as_u64().unwrap()
}

fn book() -> Book {
    let book = Book::new();
    book.governance.set_rules(&Rules::parse("keep 1d").unwrap(), "a test", &admin("ops:1")).unwrap();
    for words in ["acme a.b - a", "acme c.d - b", "beta a.b - a"] {
        book.record(event(words));
    }
    book.days(2);
    book
}

#[test]
fn what_a_hold_covers_stays_until_it_is_released() {
    let text = |text: &str| Some(text.to_owned());
    for (new, left) in [
        (NewHold { tenant: text("acme"), ..hold("x") }, vec!["acme:0", "acme:1"]),
        (NewHold { query: text("action:a.*"), ..hold("x") }, vec!["acme:0", "beta:0"]),
        (NewHold { target: text("thing:a"), ..hold("x") }, vec!["acme:0", "beta:0"]),
        (NewHold { target: text("thing:a"), tenant: text("beta"), ..hold("x") }, vec!["beta:0"]),
        (NewHold { actor: text("user:user_1"), ..hold("x") }, vec!["acme:0", "acme:1", "beta:0"]),
        (NewHold { actor: text("user_2"), ..hold("x") }, vec![]),
        (NewHold { query: text(""), ..hold("x") }, vec!["acme:0", "acme:1", "beta:0"]),
    ] {
        let book = book();
        let placed = book.governance.place_hold(new.clone(), &admin("ops:1")).unwrap();
        let plan = book.governance.plan(None, &watch()).unwrap();
        assert_eq!(plan.rules[0].held().count, left.len() as u64, "{new:?}");
        run(&book);
        assert_eq!(book.left(), left, "{new:?}");
        let released = book.governance.release_hold(&placed.id, "over", &admin("ops:2")).unwrap().unwrap();
        assert_eq!(released.released.as_ref().unwrap().by, "operator:ops:2");
        run(&book.reopened(Policy::default()));
        assert_eq!(book.left(), [""; 0], "{new:?}");
    }
}

#[test]
fn relative_times_are_those_of_the_placing() {
    let book = book();
    let new = NewHold { query: Some("recorded:>=-3d".to_owned()), ..hold("x") };
    let placed = book.governance.place_hold(new, &admin("ops:1")).unwrap();
    assert!(!placed.query.as_ref().unwrap().contains('-') || placed.query.as_ref().unwrap().contains("20"));
    book.days(100);
    assert_eq!(run(&book.reopened(Policy::default())), 0);
}

#[test]
fn what_is_wrong_with_a_hold() {
    let book = book();
    let text = |text: &str| Some(text.to_owned());
    for (new, expected) in [
        (hold("x"), " missing_member"),
        (NewHold { tenant: text("acme"), ..hold("") }, "/reason bad_reason"),
        (NewHold { query: text("action:"), ..hold("x") }, "/query query_syntax"),
        (NewHold { target: text(""), ..hold("x") }, "/target bad_id"),
        (NewHold { tenant: text("Acme"), ..hold("x") }, "/tenant bad_tenant"),
    ] {
        let error = book.governance.place_hold(new, &admin("ops:1")).unwrap_err();
        let places: Vec<String> = error.problems().iter().map(|it| format!("{} {}", it.pointer, it.code)).collect();
        assert_eq!((error.kind(), places.join(", ")), (ErrorKind::Invalid, expected.to_owned()));
    }
    assert!(book.governance.release_hold("hold_none", "x", &admin("ops:1")).unwrap().is_none());
}

#[test]
fn a_hold_that_cannot_be_read_covers_everything() {
    let book = book();
    let mut newer = event("_deedbook audit.hold.placed admin h");
    newer.metadata.insert("query".to_owned(), "nearby:everything".into());
    book.record(newer);
    let book = book.reopened(Policy::default());
    assert_eq!(run(&book), 0);
}

#[test]
fn a_hold_placed_while_a_run_goes_on_is_obeyed_from_its_answer_on() {
    // At each call to the store in turn another thread places a hold; what is there when it has its answer stays.
    let mut placed = 0;
    for at in 0..60 {
        let plain = book();
        let store = Arc::new(Failing::new(plain.store.clone()));
        let book = Arc::new(Book::over(store.clone(), plain.clock.clone(), Policy::default()));
        let (other, kept) = (book.clone(), Arc::new(AtomicU64::new(u64::MAX)));
        let (sender, receiver) = std::sync::mpsc::channel();
        let seen = kept.clone();
        store.at_call(at, move || {
            let (book, seen, sender) = (other.clone(), seen.clone(), sender.clone());
            let placing = std::thread::spawn(move || {
                let new = NewHold { query: Some(String::new()), ..hold("a case") };
                book.governance.place_hold(new, &admin("ops:2")).unwrap();
                seen.store(book.left().len() as u64, Ordering::SeqCst);
            });
            sender.send(placing).unwrap();
            // The run goes on meanwhile, wherever the other thread is.
            std::thread::yield_now();
        });
        let ran = book.governance.retain(None, &admin("ops:1"), &watch());
        store.heal();
        let Ok(placing) = receiver.try_recv() else { break };
        placing.join().unwrap();
        ran.unwrap();
        assert_eq!(book.left().len() as u64, kept.load(Ordering::SeqCst), "at call {at}");
        placed += 1;
    }
    assert!(placed > 5, "the hold was placed at {placed} moments");
}
