//! The thread that brings readings into the log, and tries again where the log does not take them.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use deedbook_core::{
    Actor, Appended, Atomicity, Draft, Error, ErrorKind, Event, OWN_TENANT, PageRequest, Query, Result, Scope, Store,
    rfc3339,
};
use serde_json::json;

use super::slot::{DENIED, VIEWED, event_by};
use super::{DUE_MAX, ExportEnd, Exported, Kept, Key};
use crate::app::App;
use crate::own;
use crate::settings::{Author, Uses};

const EXPORTED: &str = "audit.exported";
const MISSED: &str = "audit.readings.missed";

/// What reading makes.
pub(super) const ACTIONS: [&str; 4] = [VIEWED, DENIED, EXPORTED, MISSED];

/// How long the thread waits for a reading before it looks whether a minute is over.
const WAIT_MAX: Duration = Duration::from_millis(250);
/// How long it waits after a first reading for others to go with it; well below the second that is promised.
const GATHERING: Duration = Duration::from_millis(100);
/// How long it rests after the log did not take something, at first and at most.
const REST: Duration = Duration::from_millis(250);
const REST_MAX: Duration = Duration::from_secs(5);
/// Entries that are brought to the log at once.
const BATCH: usize = 256;
/// How long an attempt waits for the log.
const APPEND_TIME_MAX: Duration = Duration::from_secs(2);
/// How long the end of the server waits for the log to take what is left.
const END_TIME_MAX: Duration = Duration::from_secs(5);

/// The thread.
pub(crate) struct Enterer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Enterer {
    /// Begins to enter what `app` notes.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where the thread cannot be started.
    pub(crate) fn start(app: Arc<App>) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let work = move || Work { app, tenants: HashSet::new(), rest: REST }.run(&stopped);
        let thread = std::thread::Builder::new().name("deedbook-readings".to_owned()).spawn(work);
        let thread = thread.map_err(|error| Error::new(ErrorKind::Io, "cannot start a thread").with_source(error))?;
        Ok(Self { stop, thread })
    }

    /// Enters what is left, and ends.
    pub(crate) async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        // It ends within END_TIME_MAX; waiting for it must not hold a thread of the runtime.
        let _ = tokio::task::spawn_blocking(move || self.thread.join()).await;
    }
}

struct Work {
    app: Arc<App>,
    /// Tenants that have entries.
    tenants: HashSet<String>,
    rest: Duration,
}

impl Work {
    fn run(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            self.app.readings.wait(WAIT_MAX);
            std::thread::sleep(GATHERING);
            self.gather(Minutes::Past);
            if let Err(error) = self.enter_all() {
                tracing::warn!(%error, "who read the log cannot be entered yet; it is tried again");
                std::thread::sleep(self.rest);
                self.rest = (self.rest * 2).min(REST_MAX);
            } else {
                self.rest = REST;
                self.enter_uses(Uses::Daily);
            }
        }
        self.end();
    }

    fn end(&mut self) {
        self.gather(Minutes::All);
        let begun = Instant::now();
        while let Err(error) = self.enter_all() {
            if error.kind() == ErrorKind::Poisoned || begun.elapsed() > END_TIME_MAX {
                let waiting = self.app.readings.kept().due.len();
                tracing::error!(%error, waiting, "the server ends, and not all of who read the log could be entered");
                return;
            }
            std::thread::sleep(REST);
        }
        self.enter_uses(Uses::All);
    }

    fn enter_uses(&self, which: Uses) {
        if let Err(error) = self.app.settings.enter_uses(which) {
            tracing::warn!(%error, "when tokens were used last cannot be entered yet");
        }
    }

    /// Makes entries of what was noted.
    fn gather(&mut self, minutes: Minutes) {
        let this_minute = self.app.now().as_second().div_euclid(60);
        let (events, exported, missed) = {
            let kept = &mut *self.app.readings.kept();
            let mut events = Vec::new();
            for key in std::mem::take(&mut kept.fresh) {
                events.extend(kept.slots.get(&key).map(|slot| (key.tenant.clone(), slot.first(key.what))));
            }
            let is_over = |key: &Key| minutes == Minutes::All || key.minute < this_minute;
            let over: Vec<Key> = kept.slots.keys().filter(|key| is_over(key)).cloned().collect();
            for key in over {
                let Some(slot) = kept.slots.remove(&key) else { continue };
                kept.query_bytes -= slot.bytes();
                events.extend(slot.rest(key.what).map(|event| (key.tenant.clone(), event)));
            }
            (events, std::mem::take(&mut kept.exported), std::mem::take(&mut kept.missed))
        };
        let mut drafts: Vec<Draft> =
            events.into_iter().filter_map(|(tenant, event)| self.draft(tenant, event)).collect();
        drafts.extend(exported.into_iter().filter_map(|exported| {
            let tenant = exported.tenant.clone();
            self.draft(tenant, export_event(exported))
        }));
        if missed > 0 {
            let mut event = Event::new(MISSED, Actor::without_id("system"));
            event.metadata.insert("readings".to_owned(), json!(missed));
            event.metadata.insert("until".to_owned(), json!(rfc3339(self.app.now())));
            drafts.extend(self.draft(None, event));
        }
        self.keep(drafts);
    }

    fn keep(&self, drafts: Vec<Draft>) {
        let readings = &self.app.readings;
        let kept = &mut *readings.kept();
        for draft in drafts {
            if kept.due.len() < DUE_MAX {
                kept.due.push_back(draft);
            } else {
                readings.miss(kept);
            }
        }
        readings.waiting.set(kept.due.len() as f64);
    }

    /// In the tenant that was read; where that has no entries, in the log's own, so that nobody makes tenants by asking
    /// for them.
    fn draft(&mut self, tenant: Option<String>, mut event: Event) -> Option<Draft> {
        let place = match tenant {
            Some(tenant) if self.has_entries(&tenant) => tenant,
            Some(tenant) => {
                if own::check_tenant(&tenant).is_ok() {
                    event.metadata.insert("tenant".to_owned(), json!(tenant));
                }
                OWN_TENANT.to_owned()
            }
            None => OWN_TENANT.to_owned(),
        };
        let drafted = own::access_draft(&place, event);
        drafted.inspect_err(|error| tracing::error!(%error, "who read the log cannot be entered")).ok()
    }

    fn has_entries(&mut self, tenant: &str) -> bool {
        if tenant == OWN_TENANT || self.tenants.contains(tenant) {
            return true;
        }
        let page = self.app.store.page(&Query::all(), &Scope::tenant(tenant), &PageRequest::newest(1));
        let has_entries = page.is_ok_and(|page| !page.entries.is_empty());
        if has_entries {
            self.tenants.insert(tenant.to_owned());
        }
        has_entries
    }

    /// Brings to the log what is due.
    fn enter_all(&self) -> Result<()> {
        loop {
            let batch: Vec<Draft> = self.app.readings.kept().due.iter().take(BATCH).cloned().collect();
            if batch.is_empty() {
                return Ok(());
            }
            let count = batch.len();
            let fates = append(&*self.app.store, batch)?;
            let undone = fates.iter().filter_map(|fate| fate.as_ref().err()).find(|error| is_passing(error));
            if let Some(error) = undone {
                return Err(error.clone());
            }
            for error in fates.iter().filter_map(|fate| fate.as_ref().err()) {
                tracing::error!(%error, "who read the log cannot be entered");
            }
            self.taken(count, &mut self.app.readings.kept());
        }
    }

    fn taken(&self, count: usize, kept: &mut Kept) {
        kept.due.drain(..count);
        self.app.readings.waiting.set(kept.due.len() as f64);
    }
}

/// Which slots are closed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Minutes {
    /// Those of minutes that are over.
    Past,
    /// All of them: the server ends.
    All,
}

/// Appends and waits for a bounded time; what was not known by then is tried again under the same ids.
fn append(store: &dyn Store, drafts: Vec<Draft>) -> Result<Vec<Result<Appended>>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    // A store that panics must not end this thread.
    let hand_over = AssertUnwindSafe(|| {
        store.submit(drafts, Atomicity::PerEvent, Box::new(move |fates| drop(sender.send(fates))));
    });
    let handed_over = std::panic::catch_unwind(hand_over);
    let panicked = |_| Error::new(ErrorKind::Io, "the log panicked");
    handed_over.map_err(panicked)?;
    let late = |_| Error::new(ErrorKind::Overloaded, "the log did not say what became of the entries");
    receiver.recv_timeout(APPEND_TIME_MAX).map_err(late)?
}

/// Whether a later attempt may go better.
fn is_passing(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Invalid | ErrorKind::TooLarge)
}

fn export_event(exported: Exported) -> Event {
    let Exported { caller, asked, form, entries, bytes, sha256, end, at, .. } = exported;
    let author: Author = caller.author();
    let mut event = event_by(&author, EXPORTED, vec![asked.to_json()]);
    let hex: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    let members = [
        ("form", json!(form)),
        ("entries", json!(entries)),
        ("bytes", json!(bytes)),
        ("file_sha256", json!(hex)),
        ("whole", json!(end == ExportEnd::Whole)),
        ("ended_at", json!(rfc3339(at))),
    ];
    event.metadata.extend(members.map(|(name, value)| (name.to_owned(), value)));
    event
}
