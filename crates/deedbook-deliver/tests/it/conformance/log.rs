//! A small log, a clock that waits for nobody, and a courier between them and a peer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deedbook_core::commitment::Key;
use deedbook_core::removal::Erasure;
use deedbook_core::{
    Actor, Atomicity, Draft, Entry, Event, Group, GroupBy, Limits, MemoryStore, Page, PageRequest, Query, Reply,
    Result, Scope, Store, StoreExt, Timestamp, prepare,
};
use deedbook_deliver::{Courier, Folder, Handle, Sink, Status, Terms, Time};
use deedbook_testkit::Clock;

use super::Id;

/// Entries of a batch.
pub(super) const BATCH: usize = 8;

/// Entries of two tenants in turn, with the same ids in both.
pub(super) fn ids(entries: usize) -> Vec<Id> {
    (0..entries).map(|number| (["acme", "beta"][number % 2].to_owned(), format!("evt_{}", number / 2))).collect()
}

/// A log, how far its sink is, and all that tests want to know of a courier between them.
pub(super) struct Log {
    store: MemoryStore,
    handle: Mutex<Option<Handle>>,
    /// Up to which position entries were given out.
    given: AtomicU64,
    milliseconds: AtomicU64,
    waits: Mutex<Vec<Duration>>,
    states: tempfile::TempDir,
}

/// Hours after which a courier that gets nowhere is ended: a check fails then, and does not hang.
const HOURS_MAX: u64 = 24;

impl Log {
    pub(super) fn with(entries: usize) -> Arc<Self> {
        let store = MemoryStore::new(Clock::fixed().function(), Key([7; 32]));
        for (tenant, id) in ids(entries) {
            let mut event = Event::new("thing.made", Actor::new("user", "ada"));
            (event.tenant, event.id) = (Some(tenant), Some(id));
            store.append_one(prepare(event, &Limits::default(), || unreachable!("it has its id")).unwrap()).unwrap();
        }
        Arc::new(Self {
            store,
            handle: Mutex::default(),
            given: AtomicU64::new(0),
            milliseconds: AtomicU64::new(0),
            waits: Mutex::default(),
            states: tempfile::tempdir().unwrap(),
        })
    }

    /// A courier that ends when everything was delivered or parked.
    pub(super) fn courier(self: &Arc<Self>, sink: Box<dyn Sink>) -> Courier {
        let terms = Terms { batch_entries: BATCH, ..Terms::new("sink") };
        let states = Arc::new(Folder::at(self.states.path()));
        let courier = Courier::new(self.clone(), sink, states, self.clone(), |_| {}, terms).unwrap();
        *self.handle.lock().unwrap() = Some(courier.handle());
        courier
    }

    pub(super) fn stop(&self) {
        self.handle.lock().unwrap().iter().for_each(Handle::stop);
    }

    pub(super) fn status(&self) -> Status {
        self.handle.lock().unwrap().as_ref().unwrap().status()
    }

    /// What was parked.
    pub(super) fn parked(&self) -> Vec<Id> {
        use deedbook_deliver::States;
        let state = Folder::at(self.states.path()).load("sink").unwrap().unwrap_or_default();
        state.parked.into_iter().map(|parked| (parked.tenant, parked.id)).collect()
    }

    /// How many entries the courier was given so far.
    pub(super) fn given(&self) -> usize {
        self.given.load(Ordering::SeqCst) as usize
    }

    pub(super) fn waits(&self) -> Vec<Duration> {
        self.waits.lock().unwrap().clone()
    }
}

impl Time for Log {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.milliseconds.load(Ordering::SeqCst))
    }

    fn wait(&self, _: &Handle, time: Duration) {
        self.waits.lock().unwrap().push(time);
        self.milliseconds.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
        if self.elapsed() > Duration::from_secs(HOURS_MAX * 3600) {
            self.stop();
        }
    }

    fn jitter(&self) -> f64 {
        1.0
    }
}

impl Store for Log {
    fn submit(&self, drafts: Vec<Draft>, atomicity: Atomicity, reply: Reply) {
        self.store.submit(drafts, atomicity, reply);
    }

    fn get(&self, tenant: &str, id: &str, scope: &Scope) -> Result<Option<Entry>> {
        self.store.get(tenant, id, scope)
    }

    fn page(&self, query: &Query, scope: &Scope, request: &PageRequest) -> Result<Page> {
        let page = self.store.page(query, scope, request)?;
        let given = page.entries.last().map_or(0, |entry| entry.receipt.position + 1);
        self.given.fetch_max(given, Ordering::SeqCst);
        Ok(page)
    }

    fn count(&self, query: &Query, scope: &Scope, groups: &[GroupBy]) -> Result<Vec<Group>> {
        self.store.count(query, scope, groups)
    }

    /// Nobody records any more: that was all.
    fn follow(&self, from: u64, _: usize, _: Duration, _: &Scope) -> Result<Vec<Entry>> {
        if from >= self.visible_count() {
            self.stop();
        }
        Ok(Vec::new())
    }

    fn visible_count(&self) -> u64 {
        self.store.visible_count()
    }

    fn retire(&self, positions: &[u64]) -> Result<()> {
        self.store.retire(positions)
    }

    fn erase(&self, erasures: &[Erasure]) -> Result<()> {
        self.store.erase(erasures)
    }
}
