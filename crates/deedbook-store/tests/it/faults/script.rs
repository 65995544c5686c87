//! A bit of everything, the same for the same seed: single events, batches, atomic ones, repetitions, conflicts,
//! batches that arrive together, sealing on demand, closing and opening again.

use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, mpsc};

use deedbook_core::{Appended, Atomicity, Error, ErrorKind, Store, StoreExt, Timestamp};
use deedbook_store::{Background, FileStore, Moved, OpenArchive, Options};
use deedbook_testkit::disk::SimulatedDisk;
use deedbook_testkit::{Clock, Random};

use super::ledger::{Acknowledged, Ledger, Verdict, all_entries, conflicting_draft, draft};
use super::taken::Taking;

/// One act of a client.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Append(Vec<u64>, Atomicity),
    /// Batches that arrive while another one is being written, and so become one frame.
    Together(Vec<(Vec<u64>, Atomicity)>),
    /// An event with the id of one that was acknowledged, and other content.
    Conflict(u64),
    Take(Vec<u64>, Taking),
    Compact,
    /// Entries go to an archive, which is on the same disk so that it is crashed with the log.
    Offload,
    Recall,
    Reopen,
    MoveClock(i64),
}

/// The acts of a seed, so many of them.
pub(super) fn acts(seed: u64, count: usize) -> Vec<Act> {
    let mut writer = Acts { random: Random::new(seed), next: seed * 10_000 };
    (0..count).map(|_| writer.act()).collect()
}

struct Acts {
    random: Random,
    next: u64,
}

impl Acts {
    fn act(&mut self) -> Act {
        match self.random.below(40) {
            0 | 1 => Act::Reopen,
            2 => Act::Compact,
            3 => Act::Conflict(self.earlier()),
            4 => Act::MoveClock(self.random.below(4000) as i64 - 2000),
            5 => self.append(18, Atomicity::PerEvent),
            6..=9 => self.append(6, Atomicity::AllOrNothing),
            10..=13 => Act::Together((0..2 + self.random.below(3)).map(|_| self.batch()).collect()),
            14..=20 => self.append(7, Atomicity::PerEvent),
            21..=24 => self.take(),
            25..=27 => Act::Offload,
            28 => Act::Recall,
            _ => self.append(1, Atomicity::PerEvent),
        }
    }

    fn take(&mut self) -> Act {
        let taking = *self.random.pick(&[Taking::Name, Taking::Content, Taking::Retire]);
        let count = 1 + self.random.below(5);
        Act::Take((0..count).map(|_| self.earlier()).collect(), taking)
    }

    fn batch(&mut self) -> (Vec<u64>, Atomicity) {
        let atomicity = if self.random.one_in(3) { Atomicity::AllOrNothing } else { Atomicity::PerEvent };
        (self.numbers(4), atomicity)
    }

    fn append(&mut self, count_max: usize, atomicity: Atomicity) -> Act {
        Act::Append(self.numbers(count_max), atomicity)
    }

    /// Mostly new events, some repeated.
    fn numbers(&mut self, count_max: usize) -> Vec<u64> {
        let count = 1 + self.random.below(count_max);
        (0..count).map(|_| if self.random.one_in(12) { self.earlier() } else { self.fresh() }).collect()
    }

    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn earlier(&mut self) -> u64 {
        let first = self.next / 10_000 * 10_000;
        let count = (self.next - first).max(1) as usize;
        first + 1 + self.random.below(count) as u64
    }
}

/// Small sizes, so that a script of some dozens of batches seals, merges and changes files many times.
pub(super) fn options(seed: u64, gate: &Gate) -> Options {
    let mut random = Random::new(seed ^ 0x6f70_7469_6f6e_7300);
    let mut options = Options::default();
    options.first_generation_bytes = 4096;
    options.generation_bytes = *random.pick(&[4096, 8192, 16384]);
    options.unsealed_generations_max = 1 + random.below(3);
    options.merge_fan_in = 2 + random.below(3);
    // With so little room every second look at a block reads it again.
    options.cache_bytes = *random.pick(&[1, 1 << 20]);
    options.filter_bytes_max = *random.pick(&[0, 256, 1 << 20]);
    options.background = Background::Inline;
    options.clock = Arc::new(gate.clock());
    let fresh = Mutex::new(random);
    options.random = Arc::new(move |buffer: &mut [u8]| {
        let mut fresh = fresh.lock().unwrap();
        buffer.chunks_mut(8).for_each(|chunk| {
            let bytes = fresh.next_u64().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        });
    });
    options
}

/// As [`options`], with an archive on the disk.
pub(super) fn options_on(disk: &SimulatedDisk, seed: u64) -> Options {
    let mut options = options(seed, &Gate::new());
    options.archive = archive_on(disk);
    options
}

/// An archive on the disk of the log itself.
pub(super) fn archive_on(disk: &SimulatedDisk) -> OpenArchive {
    let disk = disk.clone();
    Arc::new(move |_| Ok(Arc::new(disk.clone())))
}

/// The clock of a store, which can hold the writer up while a test hands over more batches.
#[derive(Clone)]
pub(super) struct Gate {
    clock: Clock,
    state: Arc<(Mutex<GateState>, Condvar)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum GateState {
    Open,
    Closed,
    /// The writer waits, or has told the fate without passing.
    Reached,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self { clock: Clock::fixed(), state: Arc::new((Mutex::new(GateState::Open), Condvar::new())) }
    }

    pub(super) fn advance_seconds(&self, seconds: i64) {
        self.clock.advance_seconds(seconds);
    }

    fn clock(&self) -> impl Fn() -> deedbook_core::Timestamp + Send + Sync + 'static {
        let gate = self.clone();
        move || {
            gate.pass();
            gate.clock.now()
        }
    }

    fn set(&self, state: GateState) {
        *self.state.0.lock().unwrap() = state;
        self.state.1.notify_all();
    }

    fn pass(&self) {
        let mut state = self.state.0.lock().unwrap();
        if *state == GateState::Closed {
            *state = GateState::Reached;
            self.state.1.notify_all();
        }
        drop(self.state.1.wait_while(state, |state| *state != GateState::Open).unwrap());
    }

    fn wait_until_reached(&self) {
        let state = self.state.0.lock().unwrap();
        drop(self.state.1.wait_while(state, |state| *state == GateState::Closed).unwrap());
    }

    /// The fate was told before the clock was asked.
    fn give_up(&self) {
        let mut state = self.state.0.lock().unwrap();
        if *state == GateState::Closed {
            *state = GateState::Reached;
            self.state.1.notify_all();
        }
    }
}

/// A client at work on a disk.
pub(super) struct Client {
    pub(super) disk: SimulatedDisk,
    pub(super) ledger: Ledger,
    pub(super) store: Option<FileStore>,
    /// What failed, in order.
    pub(super) errors: Vec<Error>,
    /// How often the log was poisoned, and so opened anew.
    pub(super) poisonings: usize,
    pub(super) options: Options,
    /// How many segments went to the archive or came back.
    pub(super) moved: u64,
    gate: Gate,
}

impl Client {
    pub(super) fn new(disk: &SimulatedDisk, seed: u64) -> Self {
        let gate = Gate::new();
        let mut options = options(seed, &gate);
        options.archive = archive_on(disk);
        let ledger = Ledger::default();
        Self { disk: disk.clone(), ledger, store: None, errors: Vec::new(), poisonings: 0, options, moved: 0, gate }
    }

    /// A client of a seed on a sound disk that has done all its acts, which must succeed.
    pub(super) fn after_acts(seed: u64, count: usize) -> Self {
        let mut client = Self::new(&SimulatedDisk::new(), seed);
        client.act_all(&acts(seed, count));
        assert!(client.errors.is_empty(), "seed {seed}: {:?}", client.errors);
        client
    }

    pub(super) fn act_all(&mut self, acts: &[Act]) {
        self.open();
        acts.iter().for_each(|act| self.act(act));
    }

    /// Opens the log where it is not open; `false` if that fails.
    pub(super) fn open(&mut self) -> bool {
        if self.store.is_none() {
            match FileStore::open_on(Arc::new(self.disk.clone()), "the simulated disk", self.options.clone()) {
                Ok(store) => self.store = Some(store),
                Err(error) => self.errors.push(error),
            }
        }
        self.store.is_some()
    }

    pub(super) fn close(&mut self) {
        if let Some(Err(error)) = self.store.take().map(|store| store.close()) {
            self.errors.push(error);
        }
    }

    /// Does an act; opens the log for it where it is not open, and closes it after it was poisoned.
    pub(super) fn act(&mut self, act: &Act) {
        if !self.open() {
            return;
        }
        self.act_without_reopening(act);
        if self.store.as_ref().is_some_and(|store| store.stats().poisoned) {
            self.check_poisoned();
            self.poisonings += 1;
            self.close();
        }
    }

    /// Does an act on an open log.
    pub(super) fn act_without_reopening(&mut self, act: &Act) {
        match act {
            Act::Append(numbers, atomicity) => self.append(numbers, *atomicity),
            Act::Together(batches) => self.append_together(batches),
            Act::Conflict(number) => self.conflict(*number),
            Act::Take(numbers, taking) => self.take(numbers, *taking),
            Act::Compact => self.compact(),
            Act::Offload => self.offload(),
            Act::Recall => self.recall(),
            Act::Reopen => {
                self.close();
                self.open();
            }
            Act::MoveClock(seconds) => self.gate.advance_seconds(*seconds),
        }
    }

    pub(super) fn append(&mut self, numbers: &[u64], atomicity: Atomicity) {
        let replies = self.submit(numbers, atomicity);
        self.take_reply(&replies);
    }

    /// Hands a batch over; the receipts are noted before anyone is told.
    fn submit(&mut self, numbers: &[u64], atomicity: Atomicity) -> mpsc::Receiver<Vec<Error>> {
        // What is retired is not sent again: it would be another event.
        let numbers: Vec<u64> = numbers.iter().copied().filter(|number| !self.ledger.is_retired(*number)).collect();
        let drafts = self.ledger.send(&numbers, atomicity);
        let (acknowledged, disk, gate) = (self.ledger.acknowledged(), self.disk.clone(), self.gate.clone());
        let (sender, receiver) = mpsc::channel();
        let reply = move |fates: Result<Vec<Result<Appended, Error>>, Error>| {
            let step = disk.steps();
            let mut errors = Vec::new();
            for fate in fates.unwrap_or_else(|error| vec![Err(error)]) {
                match fate {
                    Ok(appended) => acknowledged.lock().unwrap().push(Acknowledged { step, appended }),
                    Err(error) => errors.push(error),
                }
            }
            gate.give_up();
            sender.send(errors).unwrap();
        };
        self.store.as_ref().expect("it is open").submit(drafts, atomicity, Box::new(reply));
        receiver
    }

    fn take_reply(&mut self, replies: &mpsc::Receiver<Vec<Error>>) {
        self.errors.extend(replies.recv().expect("each batch gets a reply"));
    }

    fn append_together(&mut self, batches: &[(Vec<u64>, Atomicity)]) {
        self.gate.set(GateState::Closed);
        let mut replies = Vec::new();
        for (nth, (numbers, atomicity)) in batches.iter().enumerate() {
            replies.push(self.submit(numbers, *atomicity));
            if nth == 0 {
                self.gate.wait_until_reached();
            }
        }
        self.gate.set(GateState::Open);
        replies.iter().for_each(|replies| self.take_reply(replies));
    }

    fn conflict(&mut self, number: u64) {
        if !self.ledger.has_receipt(number) || self.ledger.is_touched(number) {
            return;
        }
        let store = self.store.as_ref().expect("it is open");
        match store.append_one(conflicting_draft(number)) {
            Ok(appended) => panic!("other content was taken under a known id: {appended:?}"),
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) => self.errors.push(error),
        }
    }

    /// Has something taken away; what fails is tried again.
    fn take(&mut self, numbers: &[u64], taking: Taking) {
        let receipts = self.ledger.begin_taking(numbers, taking, self.disk.steps());
        let positions: Vec<u64> = receipts.iter().map(|receipt| receipt.position).collect();
        for _ in 0..2 {
            let store = self.store.as_ref().expect("it is open");
            let taken = match taking {
                Taking::Retire => store.retire(&positions),
                _ => store.erase(&positions.iter().map(|&position| taking.erasure(position)).collect::<Vec<_>>()),
            };
            match taken {
                Ok(()) => return self.ledger.end_taking(&receipts, self.disk.steps()),
                Err(error) => self.errors.push(error),
            }
        }
    }

    fn compact(&mut self) {
        let compacted = self.store.as_ref().expect("it is open").compact();
        self.errors.extend(compacted.err());
    }

    fn offload(&mut self) {
        let store = self.store.as_ref().expect("it is open");
        let moved = store.offload("the same disk", Timestamp::MAX, &|_| ControlFlow::Continue(()));
        self.note_moved(moved);
    }

    fn recall(&mut self) {
        let store = self.store.as_ref().expect("it is open");
        let moved = store.recall(Timestamp::MIN..Timestamp::MAX, &|_| ControlFlow::Continue(()));
        self.note_moved(moved);
    }

    fn note_moved(&mut self, moved: Result<Moved, Error>) {
        match moved {
            Ok(moved) => self.moved += moved.segments,
            Err(error) => self.errors.push(error),
        }
    }

    /// A poisoned log refuses every append and reads on.
    fn check_poisoned(&self) {
        let store = self.store.as_ref().expect("it is open");
        let refused = store.append_one(draft(99_999_999)).expect_err("nothing is appended to a poisoned log");
        assert_eq!(refused.kind(), ErrorKind::Poisoned);
        let mut verdict = Verdict::default();
        let entries = all_entries(store, &mut verdict);
        assert!(verdict.is_clean(), "a poisoned log does not read on: {verdict:?}");
        assert!(entries.len() as u64 <= store.visible_count());
    }
}
