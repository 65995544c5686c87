//! A log, a clock and a sink that do what a test says.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deedbook_core::removal::Erasure;
use deedbook_core::{
    Actor, Atomicity, Digest, Draft, Entry, Error, ErrorKind, Event, Group, GroupBy, Page, PageRequest, Query, Receipt,
    Reply, Result, Scope, Store, Timestamp,
};

use crate::{Courier, Failure, Handle, Incident, Sink, State, States, Terms, Time, Writer};

/// The entries at these positions.
pub(crate) fn entries(positions: Range<u64>) -> Vec<Entry> {
    positions.map(entry).collect()
}

/// Writes positions for entries.
pub(crate) fn positions() -> Writer {
    Box::new(|entry, out| out.extend(entry.receipt.position.to_string().bytes()))
}

fn entry(position: u64) -> Entry {
    let receipt = Receipt {
        id: format!("evt_{position}"),
        tenant: "acme".to_owned(),
        seq: position,
        position,
        recorded_at: Timestamp::UNIX_EPOCH,
        leaf_hash: Digest([0; 32]),
    };
    Entry { receipt, event: Event::new("thing.made", Actor::new("user", "ada")), canonical: vec![b'x'; 100] }
}

/// Where time passes only by waiting, and a log that grows with it.
#[derive(Default)]
pub(crate) struct World {
    milliseconds: AtomicU64,
    /// By how much the clock of the wall is wrong, in seconds.
    pub(crate) wrong_by: AtomicU64,
    /// Entries that the log has from the beginning.
    pub(crate) entries: AtomicU64,
    /// Entries that come each second.
    pub(crate) rate: AtomicU64,
    /// Entries that were read.
    pub(crate) read: AtomicU64,
    /// Ends the courier when everything was delivered, or when it waits at or after this time.
    pub(crate) ends_at: AtomicU64,
    handle: Mutex<Option<Handle>>,
    pub(crate) saves_fail: AtomicBool,
    /// How often the state was kept.
    pub(crate) saves: AtomicU64,
    states: Mutex<HashMap<String, State>>,
    pub(crate) received: Mutex<Vec<u64>>,
    pub(crate) calls: AtomicU64,
    pub(crate) incidents: Mutex<Vec<Incident>>,
}

impl World {
    pub(crate) fn with(entries: u64) -> Arc<Self> {
        let world = Self::default();
        world.entries.store(entries, Ordering::SeqCst);
        world.ends_at.store(u64::MAX, Ordering::SeqCst);
        Arc::new(world)
    }

    pub(crate) fn seconds(&self) -> u64 {
        self.milliseconds.load(Ordering::SeqCst) / 1000
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.milliseconds.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
        if self.seconds() >= self.ends_at.load(Ordering::SeqCst) {
            self.end();
        }
    }

    fn end(&self) {
        self.handle.lock().unwrap().iter().for_each(Handle::stop);
    }

    pub(crate) fn state(&self) -> State {
        self.states.lock().unwrap()["sink"].clone()
    }

    pub(crate) fn received(&self) -> Vec<u64> {
        self.received.lock().unwrap().clone()
    }

    /// Runs a courier until it has delivered everything, or until [`World::ends_at`]. The sink takes what `answer` is
    /// content with.
    pub(crate) fn run(
        self: &Arc<Self>,
        terms: &Terms,
        prepare: impl FnOnce(&Handle),
        answer: impl FnMut(&[Entry]) -> std::result::Result<(), Failure> + Send + 'static,
    ) -> Handle {
        let sink = Box::new(Scripted { world: self.clone(), answer });
        let told = self.clone();
        let incidents = move |incident| told.incidents.lock().unwrap().push(incident);
        let courier = Courier::new(self.clone(), sink, self.clone(), self.clone(), incidents, terms.clone()).unwrap();
        let handle = courier.handle();
        *self.handle.lock().unwrap() = Some(handle.clone());
        prepare(&handle);
        courier.run();
        handle
    }
}

struct Scripted<A> {
    world: Arc<World>,
    answer: A,
}

impl<A: FnMut(&[Entry]) -> std::result::Result<(), Failure> + Send> Sink for Scripted<A> {
    fn deliver(&mut self, entries: &[Entry]) -> std::result::Result<(), Failure> {
        assert!(!entries.is_empty(), "nothing is no batch");
        self.world.calls.fetch_add(1, Ordering::SeqCst);
        (self.answer)(entries)?;
        self.world.received.lock().unwrap().extend(entries.iter().map(|entry| entry.receipt.position));
        Ok(())
    }
}

impl Time for World {
    fn now(&self) -> Timestamp {
        let seconds = self.seconds() + self.wrong_by.load(Ordering::SeqCst);
        Timestamp::from_second(seconds as i64).unwrap()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.milliseconds.load(Ordering::SeqCst))
    }

    fn wait(&self, _: &Handle, time: Duration) {
        self.pass(time);
    }

    fn jitter(&self) -> f64 {
        1.0
    }
}

impl States for World {
    fn load(&self, name: &str) -> Result<Option<State>> {
        Ok(self.states.lock().unwrap().get(name).cloned())
    }

    fn save(&self, name: &str, state: &State) -> Result<()> {
        if self.saves_fail.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::DiskFull, "no space is left"));
        }
        self.saves.fetch_add(1, Ordering::SeqCst);
        self.states.lock().unwrap().insert(name.to_owned(), state.clone());
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.states.lock().unwrap().remove(name);
        Ok(())
    }
}

impl Store for World {
    fn submit(&self, _: Vec<Draft>, _: Atomicity, _: Reply) {
        unreachable!("a courier records nothing")
    }

    fn get(&self, _: &str, _: &str, _: &Scope) -> Result<Option<Entry>> {
        unreachable!("a courier asks by position")
    }

    fn page(&self, _: &Query, _: &Scope, request: &PageRequest) -> Result<Page> {
        let first = request.after.map_or(0, |after| after + 1);
        let visible = self.visible_count();
        let last = visible.min(first.saturating_add(request.limit as u64)).max(first);
        let entries = entries(first..last);
        self.read.fetch_add(entries.len() as u64, Ordering::SeqCst);
        Ok(Page { entries, has_more: last < visible, watermark: visible.checked_sub(1), archived: false })
    }

    fn count(&self, _: &Query, _: &Scope, _: &[GroupBy]) -> Result<Vec<Group>> {
        unreachable!("a courier counts nothing")
    }

    fn follow(&self, from: u64, _: usize, wait: Duration, _: &Scope) -> Result<Vec<Entry>> {
        // Nobody records any more: that was all.
        if self.rate.load(Ordering::SeqCst) == 0 && from >= self.visible_count() {
            self.end();
        }
        self.pass(wait);
        Ok(Vec::new())
    }

    fn visible_count(&self) -> u64 {
        self.entries.load(Ordering::SeqCst) + self.seconds() * self.rate.load(Ordering::SeqCst)
    }

    fn retire(&self, _: &[u64]) -> Result<()> {
        unreachable!("a courier takes nothing away")
    }

    fn erase(&self, _: &[Erasure]) -> Result<()> {
        unreachable!("a courier takes nothing away")
    }
}
