//! The courier: brings what the log holds beyond a cursor to one sink, in order, and moves the cursor behind what arrived.
//!
//! ```text
//! read a page → deliver it → move the cursor, saved ten times a second → read on
//!                  │ not now: wait, the same again
//!                  └ refused: halve it until one entry is left; try that some more, then park it
//! ```
//!
//! A courier never sits in the write path: it reads like any reader, and the log knows nothing of it. What it delivered
//! and did not note before it died it delivers again, with the same ids.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use deedbook_core::{Entry, Order, Page, PageRequest, Query, Result, Scope, Store, Timestamp, rfc3339};
use tracing::{info, warn};

use crate::Handle;
use crate::handle::{Test, Wish};
use crate::sink::{Failure, Sink};
use crate::state::{Parked, State, States};
use crate::time::Time;

/// How long a courier that has delivered everything waits for the log before it looks what is wanted of it.
const FOLLOW_WAIT: Duration = Duration::from_millis(500);

/// How long a sink fails before that is an incident.
const INCIDENT: Duration = Duration::from_secs(300);

/// After how many positions that are not for a sink its state is kept.
const PASSED_MAX: u64 = 100_000;

/// How long what was delivered may be noted in memory alone. Keeping it is two syncs of a disk to which the log is synced
/// too; what was delivered since comes again after a crash, with the same ids.
const SAVE_INTERVAL: Duration = Duration::from_millis(100);

/// The longest wait that is granted to a sink that asks for one.
const ASKED_MAX: Duration = Duration::from_secs(3600);

/// How a courier works.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What the sink is called: letters, digits, `-` and `_`.
    pub name: String,
    /// Which entries it gets, besides those that match `query`.
    pub scope: Scope,
    /// Which entries it gets.
    pub query: Query,
    /// Entries of one batch, at least one.
    pub batch_entries: usize,
    /// Bytes of the canonical events of one batch; a single entry may be larger.
    pub batch_bytes: usize,
    /// How long it gathers more where a batch is not full.
    pub linger: Duration,
    /// The first wait after a failure; each further one is twice as long.
    pub wait_first: Duration,
    /// The longest wait after a failure.
    pub wait_max: Duration,
    /// How often an entry that is refused by itself is tried before it is parked, at least once.
    pub refusals_max: u32,
    /// How many entries may be parked. Beyond, the sink stands still: so much that is refused is a mistake in its
    /// settings.
    pub parked_max: usize,
    /// Where a sink begins that never ran.
    pub start: Start,
}

/// Where a sink begins that never ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the first entry of the log.
    Beginning,
    /// With what is recorded from now on.
    Now,
}

impl Terms {
    /// Everything but the log's own tenant, in batches of up to 500 entries and 1 MiB.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            scope: Scope::all_tenants(),
            query: Query::all(),
            batch_entries: 500,
            batch_bytes: 1 << 20,
            linger: Duration::ZERO,
            wait_first: Duration::from_secs(1),
            wait_max: Duration::from_secs(60),
            refusals_max: 5,
            parked_max: 10_000,
            start: Start::Beginning,
        }
    }
}

/// What happened to a sink, for the log itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incident {
    /// Nothing went through for five minutes.
    Fails {
        /// What it said last.
        why: String,
    },
    /// It works again after that.
    Recovered,
    /// An entry was parked.
    Parked(Parked),
}

/// What the courier works with.
pub struct Courier {
    store: Arc<dyn Store>,
    sink: Box<dyn Sink>,
    states: Arc<dyn States>,
    time: Arc<dyn Time>,
    incidents: Box<dyn Fn(Incident) + Send>,
    terms: Terms,
    handle: Handle,
    state: State,
    /// Positions that were passed over since the state was kept.
    passed: u64,
    /// Whether something was delivered since.
    is_unsaved: bool,
    /// When it was kept, as [`Time::elapsed`].
    saved_at: Duration,
    trouble: Option<Trouble>,
    /// How many entries are read at once: fewer than a batch may have, where fewer fit into its bytes.
    reads: usize,
}

/// Tries that failed, one after the other.
struct Trouble {
    tries: u32,
    since: Duration,
    told: bool,
}

/// Whether the courier goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    GoesOn,
    /// Something is wanted of it that comes before the batch at hand.
    Interrupted,
}

impl Courier {
    /// A courier that has not begun. What happens to the sink is told to `incidents`, which must not block for long.
    ///
    /// # Errors
    /// As [`States::load`].
    pub fn new(
        store: Arc<dyn Store>,
        sink: Box<dyn Sink>,
        states: Arc<dyn States>,
        time: Arc<dyn Time>,
        incidents: impl Fn(Incident) + Send + 'static,
        terms: Terms,
    ) -> Result<Self> {
        let first = || match terms.start {
            Start::Beginning => 0,
            Start::Now => store.visible_count(),
        };
        let kept = states.load(&terms.name)?;
        let is_new = kept.is_none();
        let mut state = kept.unwrap_or_else(|| State { next: first(), ..State::default() });
        if state.next > store.visible_count() {
            // An older log was put in the place of the one that was read: what it will hold from here on is new.
            warn!(sink = terms.name, next = state.next, "the log ends before the place up to which it was delivered");
            state.next = store.visible_count();
        }
        let handle = Handle::default();
        handle.tell(|status| {
            status.next = state.next;
            status.paused = state.paused;
            status.parked = state.parked.len() as u64;
        });
        let incidents = Box::new(incidents);
        let reads = terms.batch_entries.max(1);
        let mut courier = Self {
            store,
            sink,
            states,
            time,
            incidents,
            terms,
            handle,
            state,
            passed: 0,
            is_unsaved: false,
            saved_at: Duration::ZERO,
            trouble: None,
            reads,
        };
        if is_new {
            // One that begins now does not begin anew with the next start.
            courier.save();
        }
        Ok(courier)
    }

    /// By what it is looked after.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Works until it is told to stop.
    pub fn run(mut self) {
        let _end = End(self.handle.clone());
        loop {
            match self.handle.take_wish() {
                Some(Wish::Stop) => return self.save_late(),
                Some(wish) => self.fulfil(wish),
                None if self.state.paused => self.rest(),
                None => self.work(),
            }
        }
    }

    fn fulfil(&mut self, wish: Wish) {
        match wish {
            Wish::Stop => {}
            Wish::Pause => self.state.paused = true,
            Wish::Resume => {
                self.state.paused = false;
                self.trouble.iter_mut().for_each(|trouble| trouble.tries = 0);
            }
            Wish::ReplayFrom(position) => {
                self.state.next = position.min(self.state.next);
                self.handle.tell(|status| status.waits_since = None);
            }
            Wish::ReplayParked => return self.replay_parked(),
            Wish::Test(test) => {
                let Test { entry, reply } = *test;
                return reply(self.sink.deliver(&[entry]));
            }
        }
        self.save();
    }

    /// Waits while it is paused, and looks since when something waits.
    fn rest(&mut self) {
        if self.handle.status().waits_since.is_some() {
            return self.time.wait(&self.handle, FOLLOW_WAIT);
        }
        match self.page() {
            Ok(page) if page.entries.is_empty() => self.pass(&page),
            Ok(_) => {}
            Err(error) => self.fail(&format!("the log cannot be read: {error}"), None),
        }
    }

    /// Delivers the next batch, or waits for one.
    fn work(&mut self) {
        match self.next_page() {
            Ok(page) if page.entries.is_empty() => self.pass(&page),
            Ok(page) => {
                let end = end_of(&page);
                if self.deliver(&page.entries) == Flow::GoesOn {
                    self.pass_over(end);
                }
            }
            Err(error) => self.fail(&format!("the log cannot be read: {error}"), None),
        }
    }

    fn next_page(&mut self) -> Result<Page> {
        let page = self.page()?;
        if page.entries.is_empty() || page.has_more || self.terms.linger.is_zero() || self.trouble.is_some() {
            return Ok(page);
        }
        self.save_late();
        self.time.wait(&self.handle, self.terms.linger);
        self.page()
    }

    /// The entries of the next batch.
    fn page(&mut self) -> Result<Page> {
        let request = PageRequest { order: Order::Ascending, limit: self.reads, after: self.state.next.checked_sub(1) };
        let mut page = self.store.page(&self.terms.query, &self.terms.scope, &request)?;
        self.cut(&mut page);
        let waits_since = page.entries.first().map(|entry| entry.receipt.recorded_at);
        self.handle.tell(|status| status.waits_since = waits_since);
        Ok(page)
    }

    /// Leaves what fits into a batch.
    fn cut(&mut self, page: &mut Page) {
        let mut bytes = 0;
        let fits = page.entries.iter().take_while(|entry| {
            bytes += entry.canonical.len();
            bytes <= self.terms.batch_bytes
        });
        let fits = fits.count().max(1);
        let is_cut = fits < page.entries.len();
        page.has_more |= is_cut;
        page.entries.truncate(fits);
        // What is cut was read for nothing.
        let reads = if is_cut { fits + fits / 4 + 1 } else { self.reads.saturating_mul(2) };
        self.reads = reads.min(self.terms.batch_entries.max(1));
    }

    /// Moves behind what is not for this sink, and waits for more.
    fn pass(&mut self, page: &Page) {
        self.pass_over(end_of(page));
        self.save_in_time();
        let everything = Scope::unrestricted("a courier waits for whatever comes");
        let wait = if self.is_unsaved { SAVE_INTERVAL } else { FOLLOW_WAIT };
        if let Err(error) = self.store.follow(self.state.next, 1, wait, &everything) {
            self.fail(&format!("the log cannot be followed: {error}"), None);
        }
    }

    /// Moves to `end`. What was passed over since the state was kept is passed over again after a crash: that costs a read,
    /// and nothing is sent twice.
    fn pass_over(&mut self, end: u64) {
        let (before, next) = (self.state.next, self.state.next.max(end));
        self.state.next = next;
        self.handle.tell(|status| status.next = next);
        self.passed += next - before;
        if self.passed >= PASSED_MAX {
            self.save();
        }
    }

    /// Brings these entries to the sink: each is delivered or parked when it returns, unless it was interrupted; the
    /// cursor is behind those that were.
    fn deliver(&mut self, entries: &[Entry]) -> Flow {
        let mut refusals = 0;
        let mut ranges: Vec<Range<usize>> = std::iter::once(0..entries.len()).collect();
        while let Some(range) = ranges.pop() {
            let sent = &entries[range.clone()];
            self.handle.tell(|status| status.waits_since = Some(sent[0].receipt.recorded_at));
            match self.sink.deliver(sent) {
                Ok(()) => {
                    refusals = 0;
                    self.succeeded(sent.len());
                    self.advance(behind(sent));
                    continue;
                }
                Err(Failure::Refused { .. }) if sent.len() > 1 => {
                    ranges.extend(halves(&range).into_iter().rev());
                }
                Err(Failure::Refused { why }) => {
                    refusals += 1;
                    let has_room = self.state.parked.len() < self.terms.parked_max;
                    if refusals >= self.terms.refusals_max && has_room {
                        refusals = 0;
                        self.park(&sent[0], why);
                        continue;
                    }
                    let full = if has_room { "" } else { "; no more is parked: " };
                    self.fail(&format!("refused{full}: {why}"), None);
                    ranges.push(range);
                }
                Err(Failure::Later { why, after }) => {
                    self.fail(&why, after);
                    ranges.push(range);
                }
            }
            if self.handle.is_wanted() {
                return Flow::Interrupted;
            }
        }
        Flow::GoesOn
    }

    fn park(&mut self, entry: &Entry, why: String) {
        let receipt = &entry.receipt;
        let parked = Parked {
            position: receipt.position,
            tenant: receipt.tenant.clone(),
            id: receipt.id.clone(),
            why,
            at: rfc3339(self.time.now()),
        };
        warn!(sink = self.terms.name, tenant = parked.tenant, id = parked.id, why = parked.why, "an entry is parked");
        let place = self.state.parked.partition_point(|other| other.position < parked.position);
        // A replay may meet what is parked already.
        if self.state.parked.get(place).is_some_and(|other| other.position == parked.position) {
            self.state.parked[place] = parked.clone();
        } else {
            self.state.parked.insert(place, parked.clone());
        }
        (self.incidents)(Incident::Parked(parked));
        self.state.next = receipt.position + 1;
        self.save();
    }

    /// Tries each parked entry once, until the other side is away or something else is wanted.
    fn replay_parked(&mut self) {
        let mut parked = std::mem::take(&mut self.state.parked).into_iter();
        for one in parked.by_ref() {
            match self.at(one.position) {
                // What the log does not have any more cannot be delivered.
                Ok(None) => {}
                Ok(Some(entry)) => match self.sink.deliver(&[entry]) {
                    Ok(()) => self.succeeded(1),
                    Err(failure) => {
                        let (why, at) = (failure.why().to_owned(), rfc3339(self.time.now()));
                        self.state.parked.push(Parked { why, at, ..one });
                        if matches!(failure, Failure::Later { .. }) {
                            break;
                        }
                    }
                },
                Err(error) => {
                    warn!(sink = self.terms.name, %error, "a parked entry cannot be read");
                    self.state.parked.push(one);
                }
            }
            if self.handle.is_wanted() {
                break;
            }
        }
        self.state.parked.extend(parked);
        self.save();
    }

    fn at(&self, position: u64) -> Result<Option<Entry>> {
        let request = PageRequest { order: Order::Ascending, limit: 1, after: position.checked_sub(1) };
        let page = self.store.page(&Query::all(), &self.terms.scope, &request)?;
        Ok(page.entries.into_iter().next().filter(|entry| entry.receipt.position == position))
    }

    /// Everything before `next` is delivered.
    fn advance(&mut self, next: u64) {
        self.state.next = next;
        self.handle.tell(|status| status.next = next);
        self.is_unsaved = true;
        self.save_in_time();
    }

    /// Keeps the state where that was not done lately.
    fn save_in_time(&mut self) {
        if self.time.elapsed().saturating_sub(self.saved_at) >= SAVE_INTERVAL {
            self.save_late();
        }
    }

    /// Keeps the state where something was delivered since.
    fn save_late(&mut self) {
        if self.is_unsaved {
            self.save();
        }
    }

    /// Keeps the state. Where that fails nothing is lost, and after a crash something is delivered again.
    fn save(&mut self) {
        self.passed = 0;
        self.is_unsaved = false;
        self.saved_at = self.time.elapsed();
        let saved = self.states.save(&self.terms.name, &self.state);
        let (next, parked) = (self.state.next, self.state.parked.len() as u64);
        self.handle.tell(|status| {
            status.next = next;
            status.parked = parked;
        });
        if let Err(error) = saved {
            self.note(&format!("how far the sink is cannot be kept: {error}"));
        }
    }

    fn succeeded(&mut self, entries: usize) {
        self.handle.tell(|status| {
            status.delivered += entries as u64;
            status.failing_since = None;
        });
        if let Some(trouble) = self.trouble.take() {
            info!(sink = self.terms.name, "it works again");
            if trouble.told {
                (self.incidents)(Incident::Recovered);
            }
        }
    }

    /// Notes a failure and waits before the next try.
    fn fail(&mut self, why: &str, asked: Option<Duration>) {
        self.note(why);
        self.save_late();
        let now = self.time.elapsed();
        let trouble = self.trouble.get_or_insert(Trouble { tries: 0, since: now, told: false });
        let own = self.terms.wait_first.saturating_mul(1 << trouble.tries.min(20)).min(self.terms.wait_max);
        trouble.tries += 1;
        if !trouble.told && now.saturating_sub(trouble.since) >= INCIDENT {
            trouble.told = true;
            (self.incidents)(Incident::Fails { why: why.to_owned() });
        }
        let wait = match asked {
            Some(asked) => asked.min(ASKED_MAX).mul_f64(1.0 + self.time.jitter() / 10.0),
            None => own.mul_f64(0.5 + self.time.jitter() / 2.0),
        };
        self.time.wait(&self.handle, wait);
    }

    fn note(&self, why: &str) {
        warn!(sink = self.terms.name, why, "a sink failed");
        let now = self.time.now();
        self.handle.tell(|status| {
            status.last_error = Some((now, why.to_owned()));
            status.failing_since.get_or_insert(now);
        });
    }
}

/// The position behind everything that the page says something about.
fn end_of(page: &Page) -> u64 {
    let last = page.entries.last().map(|entry| entry.receipt.position);
    let seen = if page.has_more { last } else { page.watermark.max(last) };
    seen.map_or(0, |position| position + 1)
}

fn behind(entries: &[Entry]) -> u64 {
    entries.last().map_or(0, |entry| entry.receipt.position + 1)
}

fn halves(range: &Range<usize>) -> [Range<usize>; 2] {
    let middle = range.start + range.len() / 2;
    [range.start..middle, middle..range.end]
}

/// Tells, however a courier ends, that nothing more is to be wanted of it.
struct End(Handle);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier").field("terms", &self.terms).field("state", &self.state).finish_non_exhaustive()
    }
}

/// A position before which everything was recorded before `time`, and from which on nothing was.
///
/// # Errors
/// As [`Store::page`].
pub fn position_at(store: &dyn Store, time: Timestamp) -> Result<u64> {
    // Times of recording rise with positions, so that the place can be halved.
    let scope = Scope::unrestricted("a position is sought by its time");
    let (mut low, mut high) = (0, store.visible_count());
    while low < high {
        let middle = low + (high - low) / 2;
        let request = PageRequest { order: Order::Ascending, limit: 1, after: middle.checked_sub(1) };
        let page = store.page(&Query::all(), &scope, &request)?;
        match page.entries.first() {
            Some(entry) if entry.receipt.recorded_at < time => low = entry.receipt.position + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests;
