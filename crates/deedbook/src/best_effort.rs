//! Records that nobody waits for: a bounded queue in memory and one thread that checks and hands over.
//!
//! The caller pays for a clone of its context and a place in the queue. What finds no place, waits too long or is
//! refused is dropped, and counted: [`BestEffortCounts`].

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use deedbook_core::{Atomicity, Draft, Error, ErrorKind, Event, Result};
use tokio::sync::watch;

use crate::Context;
use crate::backend::{Backend, Submission};
use crate::blocking::block_on;
use crate::builder::Settings;
use crate::event::Counting;
use crate::receipt::{Fates, Recorded};
use crate::tally::Tally;

/// Events that are handed over at once at most: a frame of 256 typical events is 180 KB.
const BATCH_EVENTS_MAX: usize = 256;
/// How long an idle thread gathers before it looks again. Callers need not wake it meanwhile, which would cost them more
/// than all the rest.
const GATHER: Duration = Duration::from_millis(2);
/// Looks at an empty queue, a fifth of a second, before the thread sleeps until it is woken.
const IDLE_LOOKS_MAX: u32 = 100;

/// What became of the events that were given to [`crate::Deedbook::best_effort`] since the book was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BestEffortCounts {
    /// Durable.
    pub recorded: u64,
    /// Refused at once, for the queue was full, the book shut down, or no thread to be had.
    pub dropped: u64,
    /// Not recorded before the deadline.
    pub late: u64,
    /// Broken, in conflict, or refused by the store.
    pub refused: u64,
}

/// Makes the event on the thread of the queue.
type Make = Box<dyn FnOnce(&Context) -> Result<Event> + Send>;

/// An event that waits to be made.
pub(crate) struct Waiting {
    pub(crate) make: Make,
    pub(crate) context: Context,
    pub(crate) counting: Counting,
    pub(crate) deadline: Instant,
}

/// The queue and its thread, which is started by the first event.
pub(crate) struct BestEffort {
    queue: Arc<Queue>,
    running: Mutex<Option<Running>>,
}

/// The thread, and how tasks that must not block learn that it ended: its sender is gone then.
struct Running {
    thread: JoinHandle<()>,
    ended: watch::Receiver<()>,
}

struct Queue {
    state: Mutex<State>,
    woken: Condvar,
    counts: Arc<Counts>,
    settings: Settings,
    backend: Arc<Backend>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    thread: Thread,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Thread {
    /// No event was given yet.
    #[default]
    NotStarted,
    /// It looks at the queue by itself.
    Awake,
    /// It must be woken.
    Asleep,
    /// The book was shut down.
    Stopping,
}

#[derive(Default)]
struct Counts {
    recorded: AtomicU64,
    dropped: AtomicU64,
    late: AtomicU64,
    refused: AtomicU64,
}

impl BestEffort {
    pub(crate) fn new(backend: Arc<Backend>, settings: Settings) -> Self {
        let queue = Queue { state: Mutex::default(), woken: Condvar::new(), counts: Arc::default(), settings, backend };
        Self { queue: Arc::new(queue), running: Mutex::default() }
    }

    pub(crate) fn push(&self, waiting: Waiting) {
        let mut state = self.queue.locked();
        // Under the lock: whoever shuts the book down after an event was taken must find the thread that hands it over.
        if state.thread == Thread::NotStarted && self.start().is_ok() {
            state.thread = Thread::Awake;
        }
        let is_full = state.waiting.len() >= self.queue.settings.best_effort_events_max;
        if is_full || matches!(state.thread, Thread::NotStarted | Thread::Stopping) {
            drop(state);
            add(&self.queue.counts.dropped, 1);
            return;
        }
        state.waiting.push_back(waiting);
        let before = std::mem::replace(&mut state.thread, Thread::Awake);
        drop(state);
        if before == Thread::Asleep {
            self.queue.woken.notify_one();
        }
    }

    pub(crate) fn counts(&self) -> BestEffortCounts {
        self.queue.counts.read()
    }

    /// Hands over what waits and ends the thread; later events are dropped.
    pub(crate) async fn stop(&self) {
        self.signal();
        let ended = self.running().as_ref().map(|running| running.ended.clone());
        if let Some(mut ended) = ended {
            // An error means that the thread is gone, which is what is waited for.
            let _ = ended.changed().await;
        }
    }

    fn signal(&self) {
        self.queue.locked().thread = Thread::Stopping;
        self.queue.woken.notify_one();
    }

    /// Starts the thread, which waits for the lock of whoever starts it.
    fn start(&self) -> std::io::Result<()> {
        let queue = self.queue.clone();
        let (sender, ended) = watch::channel(());
        let work = move || {
            queue.run();
            drop(sender);
        };
        let thread = thread::Builder::new().name("deedbook-best-effort".to_owned()).spawn(work)?;
        *self.running() = Some(Running { thread, ended });
        Ok(())
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for BestEffort {
    fn drop(&mut self) {
        // An event that holds the last handle of its book is dropped on the thread itself, which cannot wait for itself.
        self.signal();
        let running = self.running().take();
        if let Some(running) = running.filter(|running| running.thread.thread().id() != thread::current().id()) {
            let _ = running.thread.join();
        }
    }
}

impl Queue {
    fn run(&self) {
        while let Some(waiting) = self.take() {
            let now = Instant::now();
            let (in_time, late): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|waiting| waiting.deadline > now);
            add(&self.counts.late, late.len());
            if let Some(last) = in_time.last() {
                let deadline = last.deadline;
                self.hand_over(in_time, deadline);
            }
        }
    }

    /// The next events, oldest first; `None` at the end.
    fn take(&self) -> Option<VecDeque<Waiting>> {
        let mut state = self.locked();
        let mut looks = 0;
        while state.waiting.is_empty() {
            if state.thread == Thread::Stopping {
                return None;
            }
            state = if looks < IDLE_LOOKS_MAX {
                looks += 1;
                self.woken.wait_timeout(state, GATHER).unwrap_or_else(PoisonError::into_inner).0
            } else {
                looks = 0;
                state.thread = Thread::Asleep;
                self.woken.wait(state).unwrap_or_else(PoisonError::into_inner)
            };
        }
        let rest = match state.waiting.len() {
            0..=BATCH_EVENTS_MAX => VecDeque::new(),
            _ => state.waiting.split_off(BATCH_EVENTS_MAX),
        };
        Some(std::mem::replace(&mut state.waiting, rest))
    }

    fn hand_over(&self, waiting: Vec<Waiting>, deadline: Instant) {
        let made: Vec<(Tally, Draft)> = waiting.into_iter().filter_map(|waiting| self.draft(waiting)).collect();
        let (tallies, drafts): (Vec<Tally>, Vec<Draft>) = made.into_iter().unzip();
        let (is_empty, counts) = (drafts.is_empty(), self.counts.clone());
        let reply = Box::new(move |fates| counts.judge(&tallies, fates));
        let submission = Submission { drafts, atomicity: Atomicity::PerEvent, deadline, reply };
        if !is_empty {
            block_on(self.backend.submit(submission));
        }
    }

    /// `None` where the event is refused, which is counted.
    fn draft(&self, waiting: Waiting) -> Option<(Tally, Draft)> {
        let Waiting { make, context, counting, .. } = waiting;
        let context = context.within(&self.settings.defaults);
        // What the application's code panics with must not end the thread for all others.
        let made = catch_unwind(AssertUnwindSafe(|| make(&context)));
        let event = made.unwrap_or_else(|_| Err(Error::new(ErrorKind::Invalid, "making the event panicked")));
        match event.and_then(|event| self.settings.prepare(event)) {
            Ok(draft) => Some((Tally::new(draft.event(), counting), draft)),
            Err(_) => {
                add(&self.counts.refused, 1);
                None
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn read(&self) -> BestEffortCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BestEffortCounts {
            recorded: read(&self.recorded),
            dropped: read(&self.dropped),
            late: read(&self.late),
            refused: read(&self.refused),
        }
    }

    /// Counts the fates of a batch.
    fn judge(&self, tallies: &[Tally], fates: Fates) {
        let fates = fates.unwrap_or_else(|error| vec![Err(error); tallies.len()]);
        for (tally, fate) in tallies.iter().zip(fates) {
            if fate.is_ok() {
                tally.count();
            }
            add(self.of(&fate), 1);
        }
    }

    fn of(&self, fate: &Result<Recorded>) -> &AtomicU64 {
        match fate.as_ref().map_err(Error::kind) {
            Ok(_) => &self.recorded,
            Err(ErrorKind::Overloaded | ErrorKind::Unavailable) => &self.late,
            Err(_) => &self.refused,
        }
    }
}

fn add(counter: &AtomicU64, events: usize) {
    counter.fetch_add(events as u64, Ordering::Relaxed);
}
