//! What a courier is told, and what it tells.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deedbook_core::Timestamp;

/// One courier, for whoever looks after it. Clones are of the same one.
#[derive(Clone, Debug, Default)]
pub struct Handle(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    told: Mutex<Told>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Told {
    wishes: Vec<Wish>,
    status: Status,
}

/// What a courier is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Stop,
    Pause,
    Resume,
    ReplayFrom(u64),
    ReplayParked,
}

/// How a sink gets on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The position that comes next: everything before it was delivered, parked, or passed over by the query.
    pub next: u64,
    /// When the entry at [`Status::next`] was recorded, where it is known to wait.
    pub waits_since: Option<Timestamp>,
    /// Entries delivered since the process began, those that were delivered again too.
    pub delivered: u64,
    /// Entries that are parked.
    pub parked: u64,
    /// Whether somebody paused it.
    pub paused: bool,
    /// What went wrong last, and when; it may have been mended since.
    pub last_error: Option<(Timestamp, String)>,
    /// Since when nothing went through, where the last try failed.
    pub failing_since: Option<Timestamp>,
}

impl Handle {
    /// How it gets on.
    pub fn status(&self) -> Status {
        self.told().status.clone()
    }

    /// Ends the courier after the batch that it sends; it goes on from there when it is started again.
    pub fn stop(&self) {
        self.wish(Wish::Stop);
    }

    /// Pauses it, across restarts, until it is resumed.
    pub fn pause(&self) {
        self.wish(Wish::Pause);
    }

    /// Ends a pause; one that waits because of a failure tries at once.
    pub fn resume(&self) {
        self.wish(Wish::Resume);
    }

    /// Delivers everything from this position on again.
    pub fn replay_from(&self, position: u64) {
        self.wish(Wish::ReplayFrom(position));
    }

    /// Tries what is parked once more, before anything else.
    pub fn replay_parked(&self) {
        self.wish(Wish::ReplayParked);
    }

    /// Waits so long, or until something is wanted.
    pub(crate) fn wait(&self, time: Duration) {
        let idle = |told: &mut Told| told.wishes.is_empty();
        drop(self.0.changed.wait_timeout_while(self.told(), time, idle));
    }

    pub(crate) fn take_wish(&self) -> Option<Wish> {
        let mut told = self.told();
        // Nothing else matters to one that is to end.
        if told.wishes.contains(&Wish::Stop) {
            return Some(Wish::Stop);
        }
        (!told.wishes.is_empty()).then(|| told.wishes.remove(0))
    }

    pub(crate) fn is_wanted(&self) -> bool {
        !self.told().wishes.is_empty()
    }

    pub(crate) fn tell(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.told().status);
    }

    fn wish(&self, wish: Wish) {
        self.told().wishes.push(wish);
        self.0.changed.notify_all();
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
