//! The checks, simple ones first.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deedbook_testkit::Random;

use super::log::{BATCH, Log, ids};
use super::peer::{Peer, Script};
use super::{Act, BUSY, Check, Dialect, Id, Message, Says, TIMEOUT};

/// Entries of most checks: some batches, the last of them not full.
const ENTRIES: usize = 43;

pub(super) const CHECKS: &[Check] = &[
    Check { name: "everything arrives in order and once", run: in_order_and_once },
    Check { name: "a connection that is reset after the answer loses nothing", run: reset_after_the_answer },
    Check { name: "a connection that is reset before the answer loses nothing", run: reset_before_the_answer },
    Check { name: "an answer that breaks off loses nothing", run: answer_breaks_off },
    Check { name: "what is refused is parked and the rest arrives", run: poison },
    Check { name: "what is too much at once arrives in parts", run: too_large },
    Check { name: "a peer that is busy is asked again when it wants", run: busy },
    Check { name: "a peer that fails gets everything later", run: failing },
    Check { name: "a peer that hangs is given up and asked again", run: hanging },
    Check { name: "a peer that never answers a connection is given up", run: half_open },
    Check { name: "a stop waits for no peer that hangs", run: stop_during_a_hang },
    Check { name: "a courier that stops goes on there", run: goes_on_after_a_stop },
    Check { name: "a slow peer holds back the courier", run: back_pressure },
    Check { name: "everything at once", run: storm },
];

/// What came of a courier and a peer.
struct Trial {
    log: Arc<Log>,
    peer: Peer,
}

impl Trial {
    /// Lets a courier deliver everything.
    fn run(dialect: &Arc<dyn Dialect>, entries: usize, script: Script) -> Self {
        let (log, peer) = (Log::with(entries), Peer::start(dialect, script));
        log.courier(dialect.sink(peer.address)).run();
        Self { log, peer }
    }

    /// Whether the peer has these, those of each tenant in their order; what came again does not count.
    fn has(&self, expected: &[Id]) {
        let mut first = Vec::new();
        for id in self.peer.taken() {
            if !first.contains(&id) {
                first.push(id);
            }
        }
        for tenant in ["acme", "beta"] {
            let of = |ids: &[Id]| ids.iter().filter(|id| id.0 == tenant).cloned().collect::<Vec<_>>();
            assert_eq!(of(&first), of(expected), "the entries of {tenant}, in their order");
        }
        assert_eq!(first.len(), expected.len(), "nothing is of another tenant");
    }

    fn has_everything(&self, entries: usize) {
        self.has(&ids(entries));
        assert_eq!(self.log.parked(), [], "nothing is parked");
        assert_eq!(self.log.status().next, entries as u64, "the cursor is behind all");
    }
}

fn taken() -> Act {
    Act::Says(Says::Taken)
}

/// Whether the protocol has these answers at all.
fn can(dialect: &Arc<dyn Dialect>, says: &[Says]) -> bool {
    let message = Message { entries: ids(1) };
    says.iter().all(|says| dialect.answer(says, &message).is_some())
}

fn in_order_and_once(dialect: &Arc<dyn Dialect>) {
    for entries in [1, BATCH, ENTRIES] {
        let trial = Trial::run(dialect, entries, Script::new(|_, _| taken()));
        trial.has_everything(entries);
        assert_eq!(trial.peer.taken().len(), entries, "nothing comes twice");
    }
}

/// Does this with every third message, from the first on.
fn now_and_then(dialect: &Arc<dyn Dialect>, act: Act) {
    let trial =
        Trial::run(dialect, ENTRIES, Script::new(move |number, _| if number % 3 == 0 { act.clone() } else { taken() }));
    trial.has_everything(ENTRIES);
}

fn reset_after_the_answer(dialect: &Arc<dyn Dialect>) {
    if !dialect.confirms() {
        return;
    }
    now_and_then(dialect, Act::TakesAndResets);
}

fn reset_before_the_answer(dialect: &Arc<dyn Dialect>) {
    if !dialect.confirms() {
        return;
    }
    now_and_then(dialect, Act::TakesInSilence);
    now_and_then(dialect, Act::Resets);
}

fn answer_breaks_off(dialect: &Arc<dyn Dialect>) {
    if !dialect.confirms() {
        return;
    }
    now_and_then(dialect, Act::TakesAndBreaksOff);
}

/// Refuses these entries, wherever they are.
fn refusing(poison: Vec<Id>) -> impl FnMut(usize, &[Id]) -> Act + Send + 'static {
    move |_, entries| {
        let refused: Vec<Id> = entries.iter().filter(|entry| poison.contains(entry)).cloned().collect();
        if refused.is_empty() { taken() } else { Act::Says(Says::Refused(refused)) }
    }
}

fn poison(dialect: &Arc<dyn Dialect>) {
    if !can(dialect, &[Says::Refused(ids(1))]) {
        return;
    }
    let all = ids(ENTRIES);
    for poison in [&[0][..], &[3, 4, 17], &[BATCH - 1, BATCH, ENTRIES - 1]] {
        let poison: Vec<Id> = poison.iter().map(|&number| all[number].clone()).collect();
        let trial = Trial::run(dialect, ENTRIES, Script::new(refusing(poison.clone())));
        let good: Vec<Id> = all.iter().filter(|id| !poison.contains(id)).cloned().collect();
        assert_eq!(trial.log.parked(), poison, "these are parked, and no others");
        trial.has(&good);
        assert_eq!(trial.log.status().next, ENTRIES as u64, "the cursor is behind all");
    }
}

fn too_large(dialect: &Arc<dyn Dialect>) {
    if !can(dialect, &[Says::TooLarge]) {
        return;
    }
    let act = |_, entries: &[Id]| if entries.len() > 3 { Act::Says(Says::TooLarge) } else { taken() };
    Trial::run(dialect, ENTRIES, Script::new(act)).has_everything(ENTRIES);
}

fn busy(dialect: &Arc<dyn Dialect>) {
    if !can(dialect, &[Says::Busy]) {
        return;
    }
    let act = |number, _: &[Id]| if number < 2 { Act::Says(Says::Busy) } else { taken() };
    let trial = Trial::run(dialect, ENTRIES, Script::new(act));
    trial.has_everything(ENTRIES);
    let waits = trial.log.waits();
    let kept = waits.iter().all(|wait| (BUSY..=BUSY + BUSY / 5).contains(wait));
    assert!(waits.len() == 2 && kept, "it wanted {BUSY:?}, and waits were {waits:?}");
}

fn failing(dialect: &Arc<dyn Dialect>) {
    for says in [Says::Failed, Says::Unavailable] {
        if can(dialect, std::slice::from_ref(&says)) {
            now_and_then(dialect, Act::Says(says));
        }
    }
}

fn hanging(dialect: &Arc<dyn Dialect>) {
    if !dialect.confirms() {
        return;
    }
    let act = |number, _: &[Id]| if number == 0 { Act::Hangs } else { taken() };
    Trial::run(dialect, ENTRIES, Script::new(act)).has_everything(ENTRIES);
}

fn half_open(dialect: &Arc<dyn Dialect>) {
    if !dialect.confirms() {
        return;
    }
    let script = Script { deaf: 1, ..Script::new(|_, _| taken()) };
    Trial::run(dialect, ENTRIES, script).has_everything(ENTRIES);
}

fn stop_during_a_hang(dialect: &Arc<dyn Dialect>) {
    if !dialect.confirms() {
        return;
    }
    let (sender, hangs) = channel();
    let act = move |_, _: &[Id]| {
        // Nobody listens any more after the first.
        let _ = sender.send(());
        Act::Hangs
    };
    let (log, peer) = (Log::with(ENTRIES), Peer::start(dialect, Script::new(act)));
    let courier = log.courier(dialect.sink(peer.address));
    let thread = std::thread::spawn(|| courier.run());
    hangs.recv_timeout(Duration::from_secs(30)).expect("a message arrives");
    let stopped = Instant::now();
    log.stop();
    thread.join().unwrap();
    let took = stopped.elapsed();
    // A machine that has other things to do takes its time too.
    assert!(took < TIMEOUT * 2 + Duration::from_secs(2), "it took {took:?} to end");
    assert_eq!((log.status().next, peer.taken()), (0, Vec::new()), "nothing is taken for delivered");
}

fn goes_on_after_a_stop(dialect: &Arc<dyn Dialect>) {
    if !dialect.confirms() {
        return;
    }
    let log = Log::with(ENTRIES);
    let stopped = log.clone();
    let act = move |number, _: &[Id]| {
        if number % 2 == 1 {
            stopped.stop();
        }
        if number % 4 == 1 { Act::Resets } else { taken() }
    };
    let peer = Peer::start(dialect, Script::new(act));
    for _ in 0..ENTRIES {
        log.courier(dialect.sink(peer.address)).run();
        if log.status().next == ENTRIES as u64 {
            break;
        }
    }
    Trial { log, peer }.has_everything(ENTRIES);
}

fn back_pressure(dialect: &Arc<dyn Dialect>) {
    if !dialect.confirms() {
        return;
    }
    let log = Log::with(ENTRIES);
    let (seen, largest) = (log.clone(), Arc::new(Mutex::new(0)));
    let (ahead, mut taken_before) = (largest.clone(), 0);
    let act = move |_, entries: &[Id]| {
        std::thread::sleep(Duration::from_millis(5));
        let mut ahead = ahead.lock().unwrap();
        *ahead = (*ahead).max(seen.given().saturating_sub(taken_before));
        taken_before += entries.len();
        taken()
    };
    let peer = Peer::start(dialect, Script::new(act));
    log.courier(dialect.sink(peer.address)).run();
    let trial = Trial { log, peer };
    trial.has_everything(ENTRIES);
    assert!(trial.peer.messages() >= ENTRIES / BATCH, "it sends in batches");
    let largest = *largest.lock().unwrap();
    assert!(largest <= BATCH, "{largest} entries were read and not delivered, a batch has {BATCH}");
}

fn storm(dialect: &Arc<dyn Dialect>) {
    const ENTRIES: usize = 150;
    if !dialect.confirms() {
        return;
    }
    let all = ids(ENTRIES);
    let can_refuse = can(dialect, &[Says::Refused(ids(1))]);
    let poison: Vec<Id> =
        if can_refuse { [5, 30, 31, 77].map(|number: usize| all[number].clone()).to_vec() } else { Vec::new() };
    let says = [Says::Busy, Says::Failed, Says::Unavailable];
    let mut acts: Vec<Act> =
        says.into_iter().filter(|says| can(dialect, std::slice::from_ref(says))).map(Act::Says).collect();
    acts.extend([Act::TakesAndResets, Act::TakesAndBreaksOff, Act::TakesInSilence, Act::Resets]);
    for seed in 1..=3 {
        let (mut random, acts, mut judge) = (Random::new(seed), acts.clone(), refusing(poison.clone()));
        let act = move |number, entries: &[Id]| match judge(number, entries) {
            Act::Says(Says::Taken) if random.one_in(2) => random.pick(&acts).clone(),
            judged => judged,
        };
        let trial = Trial::run(dialect, ENTRIES, Script::new(act));
        let good: Vec<Id> = all.iter().filter(|id| !poison.contains(id)).cloned().collect();
        assert_eq!(trial.log.parked(), poison, "seed {seed}: these are parked, and no others");
        trial.has(&good);
    }
}
