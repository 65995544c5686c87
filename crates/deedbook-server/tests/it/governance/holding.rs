//! Legal holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deedbook_core::ErrorKind;
use deedbook_core::retention::Rules;
use deedbook_server::{NewHold, Policy};
use deedbook_testkit::StoreKind;

use super::{Book, admin, event, watch};
use crate::support::Failing;

deedbook_testkit::over_each_store! {
    what_a_hold_covers_stays_until_it_is_released,
    relative_times_are_those_of_the_placing,
    what_is_wrong_with_a_hold,
    a_hold_that_cannot_be_read_covers_everything,
    a_hold_placed_while_a_run_goes_on_is_obeyed_from_its_answer_on,
    a_hold_placed_without_the_lock_would_be_broken,
}

fn hold(reason: &str) -> NewHold {
    NewHold { reason: reason.to_owned(), ..NewHold::default() }
}

fn run(book: &Book) -> u64 {
    book.governance.retain(None, &admin("ops:1"), &watch()).unwrap()["count"].as_u64().unwrap()
}

fn book(on: StoreKind) -> Book {
    let book = Book::new(on);
    book.governance.set_rules(&Rules::parse("keep 1d").unwrap(), "a test", &admin("ops:1")).unwrap();
    for words in ["acme a.b - a", "acme c.d - b", "beta a.b - a"] {
        book.record(event(words));
    }
    book.days(2);
    book
}

fn what_a_hold_covers_stays_until_it_is_released(on: StoreKind) {
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
        let book = book(on);
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

fn relative_times_are_those_of_the_placing(on: StoreKind) {
    let book = book(on);
    let new = NewHold { query: Some("recorded:>=-3d".to_owned()), ..hold("x") };
    let placed = book.governance.place_hold(new, &admin("ops:1")).unwrap();
    assert!(!placed.query.as_ref().unwrap().contains('-') || placed.query.as_ref().unwrap().contains("20"));
    book.days(100);
    assert_eq!(run(&book.reopened(Policy::default())), 0);
}

fn what_is_wrong_with_a_hold(on: StoreKind) {
    let book = book(on);
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

fn a_hold_that_cannot_be_read_covers_everything(on: StoreKind) {
    let book = book(on);
    let mut newer = event("_deedbook audit.hold.placed admin h");
    newer.metadata.insert("query".to_owned(), "nearby:everything".into());
    book.record(newer);
    let book = book.reopened(Policy::default());
    assert_eq!(run(&book), 0);
}

fn a_hold_placed_while_a_run_goes_on_is_obeyed_from_its_answer_on(on: StoreKind) {
    let found = placed_at_each_call(on, Placing::InThisProcess);
    assert!(found.placed > 5, "the hold was placed at {} moments", found.placed);
    assert_eq!(found.broken, [0; 0], "calls at which what it covers went after its answer");
}

/// The control: without the lock that holds and removals share, there is a moment at which a hold comes too late.
fn a_hold_placed_without_the_lock_would_be_broken(on: StoreKind) {
    assert_ne!(placed_at_each_call(on, Placing::WithoutTheLock).broken, [0; 0]);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Placing {
    InThisProcess,
    /// By another door to the same log, which knows nothing of the run.
    WithoutTheLock,
}

#[derive(Default)]
struct Found {
    placed: u64,
    broken: Vec<u64>,
}

/// At each call to the store in turn another thread places a hold; what is there when it has its answer is to stay.
fn placed_at_each_call(on: StoreKind, how: Placing) -> Found {
    let mut found = Found::default();
    for at in 0..60 {
        let plain = book(on);
        let store = Arc::new(Failing::new(plain.store.clone()));
        let book = Arc::new(Book::over(store.clone(), plain.clock.clone(), Policy::default()));
        let placer = match how {
            Placing::InThisProcess => book.clone(),
            Placing::WithoutTheLock => Arc::new(plain.reopened(Policy::default())),
        };
        let kept = Arc::new(AtomicU64::new(u64::MAX));
        let (sender, receiver) = std::sync::mpsc::channel();
        let seen = kept.clone();
        store.at_call(at, move || {
            let (placer, seen) = (placer.clone(), seen.clone());
            let placing = std::thread::spawn(move || {
                let new = NewHold { query: Some(String::new()), ..hold("a case") };
                placer.governance.place_hold(new, &admin("ops:2")).unwrap();
                seen.store(placer.left().len() as u64, Ordering::SeqCst);
            });
            // Where there is a lock the run may have it, so it goes on meanwhile.
            match how {
                Placing::InThisProcess => sender.send(Some(placing)).unwrap(),
                Placing::WithoutTheLock => {
                    placing.join().unwrap();
                    sender.send(None).unwrap();
                }
            }
        });
        let ran = book.governance.retain(None, &admin("ops:1"), &watch());
        store.heal();
        let Ok(placing) = receiver.try_recv() else { break };
        placing.into_iter().for_each(|placing| placing.join().unwrap());
        ran.unwrap();
        found.placed += 1;
        if plain.left().len() as u64 != kept.load(Ordering::SeqCst) {
            found.broken.push(at);
        }
    }
    found
}
