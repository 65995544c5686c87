//! The thread of a server that does what is due: a run of retention each day, erasures that were approved, and what was
//! interrupted.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deedbook_core::{Error, ErrorKind, Result, Timestamp};
use jiff::SignedDuration;

use super::{Governance, Pace, Watch};
use crate::settings::{Author, Erasure, Settings};

/// How long the worker waits before it looks whether something is due.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// How long a run or an erasure that failed is left alone.
const RETRY_INTERVAL: Duration = Duration::from_secs(600);
/// Time between two runs of retention.
const RUN_INTERVAL: SignedDuration = SignedDuration::from_hours(24);

/// What the worker is told by requests.
#[derive(Default)]
pub(crate) struct Orders {
    state: Mutex<State>,
    told: Condvar,
    stop: AtomicBool,
}

#[derive(Default)]
struct State {
    /// A run that somebody asked for.
    run: Option<(String, Author)>,
    /// Something changed: an erasure was approved, a hold released.
    news: bool,
}

impl Orders {
    /// Asks for a run; its id.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] where one was asked for already.
    pub(crate) fn run(&self, author: Author) -> Result<String> {
        let mut state = self.state();
        if state.run.is_some() {
            return Err(Error::new(ErrorKind::Conflict, "a run was asked for already; wait until it has ended"));
        }
        let id = Settings::new_run_id();
        state.run = Some((id.clone(), author));
        self.told.notify_all();
        Ok(id)
    }

    /// Tells that there is something to do.
    pub(crate) fn look(&self) {
        self.state().news = true;
        self.told.notify_all();
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        let _state = self.state();
        self.told.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for an order, at most [`LOOK_INTERVAL`]; a run that was asked for, and whether there is news.
    fn wait(&self) -> (Option<(String, Author)>, bool) {
        let idle = |state: &mut State| state.run.is_none() && !state.news && !self.is_stopped();
        let waited = self.told.wait_timeout_while(self.state(), LOOK_INTERVAL, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (state.run.take(), std::mem::take(&mut state.news))
    }
}

/// The thread.
pub(crate) struct Worker {
    orders: Arc<Orders>,
    thread: std::thread::JoinHandle<()>,
}

impl Worker {
    /// # Errors
    /// [`ErrorKind::Io`] where the operating system gives no thread.
    pub(crate) fn start(governance: Arc<Governance>, orders: Arc<Orders>) -> Result<Self> {
        let told = orders.clone();
        let work = move || Work { governance, orders: told, failed: HashMap::new(), forgotten: HashSet::new() }.go_on();
        let thread = std::thread::Builder::new().name("deedbook-governor".to_owned()).spawn(work);
        let thread = thread.map_err(|error| Error::new(ErrorKind::Io, "cannot start a thread").with_source(error))?;
        Ok(Self { orders, thread })
    }

    /// Ends the thread; what goes on is interrupted after the page that it reads.
    pub(crate) async fn stop(self) {
        self.orders.stop();
        let _ = tokio::task::spawn_blocking(move || self.thread.join()).await;
    }
}

struct Work {
    governance: Arc<Governance>,
    orders: Arc<Orders>,
    /// What failed, and when: the ids of erasures, and the empty text for retention.
    failed: HashMap<String, Instant>,
    /// Ended erasures whose requests say no more who the person was.
    forgotten: HashSet<String>,
}

impl Work {
    fn go_on(mut self) {
        let (mut asked, mut news) = (None, true);
        while !self.orders.is_stopped() {
            if news {
                self.failed.clear();
            }
            self.erasures();
            self.forget();
            self.retention(asked.take());
            (asked, news) = self.orders.wait();
        }
    }

    /// Takes from the requests of ended erasures who the person was, where that was interrupted.
    fn forget(&mut self) {
        for erasure in self.governance.settings.erasures() {
            let is_left = erasure.ended.is_some() && erasure.names_person && !self.forgotten.contains(&erasure.id);
            if is_left && !self.is_left_alone(&erasure.id) {
                let forgotten = self.governance.forget_person(&erasure, &watch(&self.orders));
                if forgotten.is_ok() {
                    self.forgotten.insert(erasure.id.clone());
                }
                self.note(&erasure.id, forgotten);
            }
        }
    }

    fn erasures(&mut self) {
        let approved = |erasure: &&Arc<Erasure>| erasure.state() == "approved";
        for erasure in self.governance.settings.erasures().iter().filter(approved) {
            if !self.is_left_alone(&erasure.id) && !self.orders.is_stopped() {
                let done = self.governance.carry_out_erasure(&erasure.id, &watch(&self.orders));
                self.note(&erasure.id, done.map(drop));
            }
        }
    }

    fn retention(&mut self, asked: Option<(String, Author)>) {
        if self.orders.is_stopped() {
            return;
        }
        let done = match asked {
            Some((id, author)) => self.governance.retain(Some(id), &author, &watch(&self.orders)).map(drop),
            None if self.is_left_alone("") => return,
            None if self.governance.is_due() => {
                self.governance.retain(None, &Author::system(), &watch(&self.orders)).map(drop)
            }
            None => Ok(()),
        };
        self.note("", done);
    }

    fn is_left_alone(&self, id: &str) -> bool {
        self.failed.get(id).is_some_and(|at| at.elapsed() < RETRY_INTERVAL)
    }

    fn note(&mut self, id: &str, done: Result<()>) {
        match done {
            Ok(()) => drop(self.failed.remove(id)),
            Err(_) if self.orders.is_stopped() => {}
            Err(error) => {
                let what = if id.is_empty() { "a run of retention" } else { id };
                tracing::error!(%error, "{what} did not end; it is tried again in ten minutes");
                self.failed.insert(id.to_owned(), Instant::now());
            }
        }
    }
}

fn watch(orders: &Orders) -> Watch<'_> {
    Watch { read: &|_| {}, stop: &orders.stop, pace: Pace::Background }
}

impl Governance {
    /// Whether a run of retention is due: one was interrupted, or the last began a day ago. The first is due a day after
    /// its rules were set, so that whoever reads them has time to set others.
    fn is_due(&self) -> bool {
        self.next_run_at().is_some_and(|at| at <= self.now())
    }

    /// When the next run of retention begins by itself; `None` where no rules were entered yet.
    pub(crate) fn next_run_at(&self) -> Option<Timestamp> {
        match self.settings.latest_run() {
            Some(run) if run.finished.is_none() => Some(run.started_at),
            Some(run) => Some(run.started_at.saturating_add(RUN_INTERVAL).unwrap_or(Timestamp::MAX)),
            None => {
                let set_at = self.settings.retention()?.set_at;
                Some(set_at.saturating_add(RUN_INTERVAL).unwrap_or(Timestamp::MAX))
            }
        }
    }
}
