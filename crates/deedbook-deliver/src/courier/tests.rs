//! The loop of a courier in virtual time: sinks that are away, refuse, or come back; restarts, replays, clocks that jump.

use std::sync::atomic::Ordering;

use super::*;
use crate::trial::World;

fn terms() -> Terms {
    Terms { batch_entries: 8, ..Terms::new("sink") }
}

fn positions(sent: &[Entry]) -> Vec<u64> {
    sent.iter().map(|entry| entry.receipt.position).collect()
}

fn refused() -> Failure {
    Failure::Refused { why: "400 Bad Request".to_owned() }
}

fn all(entries: u64) -> Vec<u64> {
    (0..entries).collect()
}

#[test]
fn everything_arrives_in_order_and_once() {
    for entries in [0, 1, 7, 8, 9, 100] {
        let world = World::with(entries);
        let handle = world.run(&terms(), |_| (), |_| Ok(()));
        assert_eq!(world.received(), all(entries));
        let status = handle.status();
        assert_eq!((status.next, status.delivered, status.last_error), (entries, entries, None));
    }
}

#[test]
fn a_batch_has_its_bounds() {
    let world = World::with(20);
    let terms = Terms { batch_bytes: 350, ..terms() };
    world.run(
        &terms,
        |_| (),
        |sent| {
            assert!(sent.len() <= 3);
            Ok(())
        },
    );
    assert_eq!((world.received(), world.calls.load(Ordering::SeqCst)), (all(20), 7));
    let world = World::with(3);
    let terms = Terms { batch_bytes: 1, ..terms };
    world.run(
        &terms,
        |_| (),
        |sent| {
            assert_eq!(sent.len(), 1);
            Ok(())
        },
    );
    assert_eq!(world.received(), all(3));
}

#[test]
fn what_does_not_fit_into_a_batch_is_hardly_read_twice() {
    let world = World::with(300);
    world.run(&Terms { batch_entries: 100, batch_bytes: 1_000, ..terms() }, |_| (), |_| Ok(()));
    assert_eq!((world.received(), world.calls.load(Ordering::SeqCst)), (all(300), 30));
    let read = world.read.load(Ordering::SeqCst);
    assert!(read < 600, "{read} of 300 entries");
}

#[test]
fn a_sink_that_is_away_gets_everything_later() {
    let world = World::with(20);
    let mut tries = 0;
    world.run(
        &terms(),
        |_| (),
        move |_| {
            tries += 1;
            if tries % 3 == 0 { Ok(()) } else { Err(Failure::later("connection reset")) }
        },
    );
    assert_eq!(world.received(), all(20));
}

#[test]
fn waits_grow_up_to_their_bound_and_begin_anew_after_success() {
    let world = World::with(9);
    let (times, mut left) = (Arc::new(std::sync::Mutex::new(Vec::new())), 9);
    let (seen, clock) = (times.clone(), world.clone());
    world.run(
        &terms(),
        |_| (),
        move |sent| {
            seen.lock().unwrap().push(clock.seconds());
            if sent[0].receipt.position == 0 && left > 0 || left == -1 {
                left -= 1;
                return Err(Failure::later("away"));
            }
            left = if left == 0 { -1 } else { left };
            Ok(())
        },
    );
    let times = times.lock().unwrap();
    let waits: Vec<u64> = times.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60, 0, 1]);
}

#[test]
fn a_sink_is_asked_again_when_it_wants_that() {
    let world = World::with(1);
    let mut asked = vec![Duration::from_secs(86_400), Duration::from_secs(100)];
    world.run(
        &terms(),
        |_| (),
        move |_| match asked.pop() {
            Some(after) => Err(Failure::Later { why: "429".to_owned(), after: Some(after) }),
            None => Ok(()),
        },
    );
    assert_eq!(world.received(), [0]);
    let waited = world.seconds();
    assert!((3_600 + 100..=(3_600 + 100) * 11 / 10 + 1).contains(&waited), "{waited}");
}

#[test]
fn what_is_refused_for_good_is_parked_and_everything_else_arrives() {
    let poison = [3, 4, 17];
    let world = World::with(20);
    let handle = world.run(
        &terms(),
        |_| (),
        move |sent| {
            if positions(sent).iter().any(|position| poison.contains(position)) { Err(refused()) } else { Ok(()) }
        },
    );
    let good: Vec<u64> = (0..20).filter(|position| !poison.contains(position)).collect();
    assert_eq!(world.received(), good, "in order and once");
    let parked: Vec<u64> = world.state().parked.iter().map(|parked| parked.position).collect();
    assert_eq!((parked, handle.status().parked), (poison.to_vec(), 3));
    let told = world.incidents.lock().unwrap();
    assert!(matches!(&told[0], Incident::Parked(parked) if parked.id == "evt_3" && parked.why.contains("400")));
    assert_eq!(told.len(), 3);
    assert!(world.calls.load(Ordering::SeqCst) < 60, "a batch is halved, not tried one by one");
}

#[test]
fn a_sink_that_refuses_everything_stands_still() {
    let world = World::with(20);
    world.ends_at.store(3_600, Ordering::SeqCst);
    let terms = Terms { parked_max: 2, ..terms() };
    let handle = world.run(&terms, |_| (), |_| Err(refused()));
    let status = handle.status();
    assert_eq!((status.next, status.parked), (2, 2));
    assert!(status.last_error.unwrap().1.contains("no more is parked"));
    // Its settings are mended.
    world.ends_at.store(u64::MAX, Ordering::SeqCst);
    world.run(&terms, |_| (), |_| Ok(()));
    assert_eq!(world.received(), (2..20).collect::<Vec<_>>());
    world.run(&terms, Handle::replay_parked, |_| Ok(()));
    assert_eq!(world.received()[18..], [0, 1]);
    assert_eq!(world.state().parked, []);
}

#[test]
fn what_is_parked_and_refused_again_stays_parked() {
    let world = World::with(3);
    let poison = |sent: &[Entry]| if positions(sent).contains(&1) { Err(refused()) } else { Ok(()) };
    world.run(&terms(), |_| (), poison);
    world.run(&terms(), Handle::replay_parked, poison);
    assert_eq!((world.received(), world.state().parked.len()), (vec![0, 2], 1));
    // A replay of everything meets it too.
    world.run(&terms(), |handle| handle.replay_from(0), poison);
    assert_eq!((world.received(), world.state().parked.len()), (vec![0, 2, 0, 2], 1));
}

#[test]
fn a_courier_that_ends_anywhere_goes_on_there() {
    for ends_at in 1..30 {
        let world = World::with(40);
        let mut again = 0;
        while world.received().last() != Some(&39) {
            world.ends_at.store(world.seconds() + ends_at, Ordering::SeqCst);
            let (clock, mut calls) = (world.clone(), 0);
            world.run(
                &terms(),
                |_| (),
                move |_| {
                    calls += 1;
                    clock.pass(Duration::from_secs(1));
                    if calls % 4 == 2 { Err(Failure::later("away")) } else { Ok(()) }
                },
            );
            again += 1;
            assert!(again < 50, "it gets on");
        }
        assert_eq!(world.received(), all(40), "one that ends in order delivers nothing twice");
    }
}

#[test]
fn what_could_not_be_noted_is_delivered_again() {
    let world = World::with(20);
    world.saves_fail.store(true, Ordering::SeqCst);
    let handle = world.run(&terms(), |_| (), |_| Ok(()));
    assert!(handle.status().last_error.unwrap().1.contains("cannot be kept"));
    // As after a crash.
    world.saves_fail.store(false, Ordering::SeqCst);
    world.run(&terms(), |_| (), |_| Ok(()));
    assert_eq!(world.received(), [all(20), all(20)].concat());
}

#[test]
fn the_cursor_is_kept_ten_times_a_second_and_not_for_each_batch() {
    let world = World::with(800);
    let (clock, kept) = (world.clone(), world.clone());
    let mut delivered = 0;
    world.run(
        &terms(),
        |_| (),
        move |sent| {
            delivered += sent.len() as u64;
            clock.pass(Duration::from_millis(10));
            // What a crash would deliver again: the batches of a tenth of a second, and this one.
            assert!(delivered - kept.state().next <= 12 * 8, "{delivered} delivered, {} kept", kept.state().next);
            Ok(())
        },
    );
    assert_eq!((world.received(), world.state().next), (all(800), 800));
    let saves = world.saves.load(Ordering::SeqCst);
    assert!((10..=14).contains(&saves), "100 batches of 10 ms were noted {saves} times");
}

#[test]
fn what_was_delivered_is_noted_though_nothing_follows() {
    let world = World::with(3);
    world.rate.store(1, Ordering::SeqCst);
    world.ends_at.store(60, Ordering::SeqCst);
    let kept = world.clone();
    world.run(
        &terms(),
        |_| (),
        move |sent| {
            // Nothing came for a second, and all of what came before is kept.
            let first = sent[0].receipt.position;
            assert!(kept.state().next >= first, "{} kept before {first}", kept.state().next);
            Ok(())
        },
    );
    assert!(world.received().len() > 50);
}

#[test]
fn a_pause_outlives_the_process() {
    let world = World::with(20);
    world.ends_at.store(10, Ordering::SeqCst);
    world.run(&terms(), Handle::pause, |_| Ok(()));
    world.ends_at.store(20, Ordering::SeqCst);
    let handle = world.run(&terms(), |_| (), |_| Ok(()));
    assert!(world.received().is_empty() && handle.status().paused);
    world.run(&terms(), Handle::resume, |_| Ok(()));
    assert_eq!(world.received(), all(20));
}

/// What a test of the sink by `handle` answers.
fn tested(handle: &Handle) -> std::sync::mpsc::Receiver<std::result::Result<(), Failure>> {
    let (sender, answer) = std::sync::mpsc::channel();
    let entry = crate::trial::entries(7..8).remove(0);
    handle.test(entry, Box::new(move |delivered| sender.send(delivered).unwrap()));
    answer
}

#[test]
fn a_test_is_sent_at_once_and_counts_for_nothing() {
    for paused in [false, true] {
        let world = World::with(20);
        world.ends_at.store(10, Ordering::SeqCst);
        let mut answer = None;
        let prepare = |handle: &Handle| {
            if paused {
                handle.pause();
            }
            answer = Some(tested(handle));
        };
        let handle = world.run(&terms(), prepare, |_| Ok(()));
        assert_eq!(answer.unwrap().recv().unwrap(), Ok(()));
        let rest = if paused { Vec::new() } else { all(20) };
        assert_eq!(world.received(), [vec![7], rest].concat());
        assert_eq!(handle.status().delivered, if paused { 0 } else { 20 });
    }
}

#[test]
fn a_test_says_why_nothing_goes_through_and_leaves_no_trace() {
    let world = World::with(3);
    let mut answer = None;
    let mut calls = 0;
    let fails_once = move |_: &[Entry]| {
        calls += 1;
        if calls == 1 { Err(refused()) } else { Ok(()) }
    };
    let handle = world.run(&terms(), |handle| answer = Some(tested(handle)), fails_once);
    assert_eq!(answer.unwrap().recv().unwrap(), Err(refused()));
    let status = handle.status();
    assert_eq!((world.received(), status.parked, status.last_error), (all(3), 0, None));
}

#[test]
fn a_test_that_cannot_be_done_is_let_go_of() {
    let world = World::with(3);
    let mut answers = Vec::new();
    let twice = |handle: &Handle| answers.extend([tested(handle), tested(handle)]);
    let handle = world.run(&terms(), twice, |_| Ok(()));
    let answers: Vec<_> = answers.iter().map(|answer| answer.recv()).collect();
    assert_eq!(answers, [Err(std::sync::mpsc::RecvError), Ok(Ok(()))], "the later one takes the place of the first");
    assert!(tested(&handle).recv().is_err(), "the courier has ended");
}

#[test]
fn a_replay_goes_back_and_never_leaves_anything_out() {
    let world = World::with(20);
    world.run(&terms(), |handle| handle.replay_from(10), |_| Ok(()));
    assert_eq!(world.received(), all(20), "it had not come so far");
    world.run(&terms(), |handle| handle.replay_from(17), |_| Ok(()));
    assert_eq!(world.received()[20..], [17, 18, 19]);
}

#[test]
fn parked_entries_wait_while_the_other_side_is_away() {
    let world = World::with(8);
    let even = |sent: &[Entry]| if positions(sent).iter().any(|at| at % 2 == 0) { Err(refused()) } else { Ok(()) };
    world.run(&terms(), |_| (), even);
    let mut calls = 0;
    let away_at_the_second = move |_: &[Entry]| {
        calls += 1;
        if calls == 2 { Err(Failure::later("away")) } else { Ok(()) }
    };
    world.run(&terms(), Handle::replay_parked, away_at_the_second);
    let parked: Vec<u64> = world.state().parked.iter().map(|parked| parked.position).collect();
    assert_eq!((&world.received()[4..], parked), (&[0][..], vec![2, 4, 6]));
}

#[test]
fn it_is_known_since_when_an_entry_waits() {
    for prepare in [Handle::pause as fn(&Handle), |_| ()] {
        let world = World::with(20);
        world.ends_at.store(100, Ordering::SeqCst);
        let handle = world.run(&terms(), prepare, |sent| match sent[0].receipt.position {
            // The second half of a batch that was halved.
            0 if sent.len() > 4 => Err(refused()),
            4 => Err(Failure::later("away")),
            _ => Ok(()),
        });
        assert_eq!(handle.status().waits_since, Some(Timestamp::UNIX_EPOCH));
        world.ends_at.store(u64::MAX, Ordering::SeqCst);
        let handle = world.run(&terms(), Handle::resume, |_| Ok(()));
        assert_eq!((handle.status().waits_since, world.received()), (None, all(20)));
    }
}

#[test]
fn a_failure_of_five_minutes_is_an_incident_once() {
    let world = World::with(1);
    let clock = world.clone();
    world.run(
        &terms(),
        |_| (),
        move |_| {
            if clock.seconds() < 3_000 { Err(Failure::later("connection refused")) } else { Ok(()) }
        },
    );
    let fails = Incident::Fails { why: "connection refused".to_owned() };
    assert_eq!(*world.incidents.lock().unwrap(), [fails, Incident::Recovered]);
    assert_eq!(world.received(), [0]);
}

#[test]
fn a_clock_that_jumps_changes_no_wait() {
    for jump in [1_000_000_u64, 0] {
        let world = World::with(1);
        let (clock, mut tries) = (world.clone(), 0);
        world.wrong_by.store(500_000, Ordering::SeqCst);
        world.run(
            &terms(),
            |_| (),
            move |_| {
                clock.wrong_by.store(jump, Ordering::SeqCst);
                tries += 1;
                if tries < 4 { Err(Failure::later("away")) } else { Ok(()) }
            },
        );
        assert_eq!((world.received(), world.seconds()), (vec![0], 1 + 2 + 4));
    }
}

#[test]
fn a_log_that_ends_before_the_cursor_is_followed_from_its_end() {
    let world = World::with(20);
    world.run(&terms(), |_| (), |_| Ok(()));
    world.entries.store(10, Ordering::SeqCst);
    world.ends_at.store(world.seconds() + 5, Ordering::SeqCst);
    world.rate.store(1, Ordering::SeqCst);
    world.run(&terms(), |_| (), |_| Ok(()));
    assert!(world.received()[20] < 20, "{:?}", world.received());
}

#[test]
fn a_sink_may_begin_with_what_comes() {
    let world = World::with(20);
    world.rate.store(1, Ordering::SeqCst);
    world.ends_at.store(5, Ordering::SeqCst);
    world.run(&Terms { start: Start::Now, ..terms() }, |_| (), |_| Ok(()));
    assert_eq!(world.received()[0], 20);
}

#[test]
fn a_sink_begins_once() {
    let world = World::with(20);
    let terms = Terms { start: Start::Now, ..terms() };
    world.run(&terms, |_| (), |_| Ok(()));
    world.entries.store(23, Ordering::SeqCst);
    world.run(&terms, |_| (), |_| Ok(()));
    assert_eq!(world.received(), [20, 21, 22], "what came while it was not running is not left out");
}

#[test]
fn a_batch_that_is_not_full_waits_for_more() {
    let world = World::with(1);
    world.rate.store(1, Ordering::SeqCst);
    world.ends_at.store(60, Ordering::SeqCst);
    world.run(&Terms { linger: Duration::from_secs(5), ..terms() }, |_| (), |_| Ok(()));
    let (received, calls) = (world.received().len() as u64, world.calls.load(Ordering::SeqCst));
    assert!(received >= 50 && calls <= received / 5 + 1, "{received} entries in {calls} calls");
}

/// A sink is away for eight hours at 500 events a second: nothing is lost, one batch is held, and it catches up.
#[test]
fn eight_hours_are_caught_up_with() {
    const RATE: u64 = 500;
    const AWAY: u64 = 8 * 3600;
    let world = World::with(0);
    world.rate.store(RATE, Ordering::SeqCst);
    let (clock, mut expected) = (world.clone(), 0);
    let terms = Terms { batch_entries: 5_000, batch_bytes: 1 << 20, ..Terms::new("sink") };
    let (sender, caught_up_at) = std::sync::mpsc::channel();
    world.run(
        &terms,
        |_| (),
        move |sent| {
            assert!(sent.len() <= 5_000, "one batch is all that is held");
            if clock.seconds() < AWAY {
                return Err(Failure::later("connection refused"));
            }
            assert_eq!(sent[0].receipt.position, expected, "nothing is left out");
            expected += sent.len() as u64;
            // The other side takes six times what comes.
            clock.pass(Duration::from_millis(sent.len() as u64 * 1000 / (6 * RATE)));
            if clock.visible_count() - expected < RATE {
                sender.send((expected, clock.seconds())).unwrap();
                clock.ends_at.store(clock.seconds(), Ordering::SeqCst);
                clock.pass(Duration::ZERO);
            }
            world_forgets(&clock);
            Ok(())
        },
    );
    let (delivered, at) = caught_up_at.recv().unwrap();
    let rate = delivered / (at - AWAY);
    assert!(rate >= 5 * RATE, "{delivered} entries in {} s", at - AWAY);
    assert_eq!(*world.incidents.lock().unwrap().first().unwrap(), Incident::Fails { why: "connection refused".into() });
}

/// The test keeps no list of fourteen million.
fn world_forgets(world: &World) {
    world.received.lock().unwrap().clear();
}

/// The control: the tests would see a sink that says that it has what it has not.
#[test]
fn a_sink_that_forgets_is_noticed() {
    let world = World::with(20);
    let inner = world.clone();
    world.run(
        &terms(),
        |_| (),
        move |sent| {
            if sent[0].receipt.position == 8 {
                inner.received.lock().unwrap().truncate(4);
            }
            Ok(())
        },
    );
    assert_ne!(world.received(), all(20));
}

#[test]
fn a_position_is_found_by_its_time() {
    use deedbook_core::{Actor, Event, Limits, MemoryStore, StoreExt, commitment::Key, prepare};
    let clock = deedbook_testkit::Clock::fixed();
    let store = MemoryStore::new(clock.function(), Key([7; 32]));
    let first = clock.now();
    for number in 0_u8..20 {
        let event = Event::new("thing.made", Actor::new("user", "ada"));
        let draft = prepare(event, &Limits::default(), || [number; 16]).unwrap();
        store.append_one(draft).unwrap();
        clock.advance_seconds(10);
    }
    store.retire(&[4, 5, 6]).unwrap();
    let at = |seconds: i64| {
        let time = deedbook_core::Timestamp::from_second(first.as_second() + seconds).unwrap();
        position_at(&store, time).unwrap()
    };
    assert_eq!([at(-1), at(0), at(1), at(30), at(35), at(70), at(190), at(191)], [0, 0, 1, 3, 4, 4, 19, 20]);
}
