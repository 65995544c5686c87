//! What a courier is told, and what it tells.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deedbook_core::{Entry, Timestamp};

use crate::sink::Failure;

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
    has_ended: bool,
}

/// What a courier is to do next.
#[derive(Debug)]
pub(crate) enum Wish {
    Stop,
    Pause,
    Resume,
    ReplayFrom(u64),
    ReplayParked,
    Test(Box<Test>),
}

/// An entry that is sent by itself, and who is told how that went.
pub(crate) struct Test {
    pub(crate) entry: Entry,
    pub(crate) reply: TestReply,
}

/// Is told how a test went; dropped without a call where it was not done.
pub type TestReply = Box<dyn FnOnce(Result<(), Failure>) + Send>;

/// How a sink gets on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The position that comes next: everything before it was delivered, parked, or passed over by the query.
    pub next: u64,
    /// When the entry was recorded that waits longest; `None` where none is known to wait.
    pub waits_since: Option<Timestamp>,
    /// Entries delivered since the process began, those that were delivered again too.
    pub delivered: u64,
    /// Entries that are parked.
    pub parked: u64,
    /// Whether it is paused, or will be after the batch that it sends.
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

    /// Pauses it after the batch that it sends, across restarts, until it is resumed.
    pub fn pause(&self) {
        self.tell(|status| status.paused = true);
        self.wish(Wish::Pause);
    }

    /// Ends a pause; one that waits because of a failure tries at once.
    pub fn resume(&self) {
        self.tell(|status| status.paused = false);
        self.wish(Wish::Resume);
    }

    /// Delivers everything from this position on again. One that is not there yet stays where it is: nothing is left
    /// out by a replay.
    pub fn replay_from(&self, position: u64) {
        self.wish(Wish::ReplayFrom(position));
    }

    /// Tries what is parked once more, before anything else.
    pub fn replay_parked(&self) {
        self.wish(Wish::ReplayParked);
    }

    /// Sends this entry alone and before the next batch, whatever the query, the place and the pause of the sink. It
    /// counts for nothing but `reply`, takes the place of a test that still waits, and is not done where the courier has
    /// ended.
    pub fn test(&self, entry: Entry, reply: TestReply) {
        self.told().wishes.retain(|wish| !matches!(wish, Wish::Test(_)));
        self.wish(Wish::Test(Box::new(Test { entry, reply })));
    }

    /// Waits so long, or until something is wanted.
    pub(crate) fn wait(&self, time: Duration) {
        let idle = |told: &mut Told| told.wishes.is_empty();
        drop(self.0.changed.wait_timeout_while(self.told(), time, idle));
    }

    pub(crate) fn take_wish(&self) -> Option<Wish> {
        let mut told = self.told();
        // Nothing else matters to one that is to end.
        if told.wishes.iter().any(|wish| matches!(wish, Wish::Stop)) {
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

    /// Nothing is wanted any more of a courier that has ended.
    pub(crate) fn end(&self) {
        let mut told = self.told();
        told.has_ended = true;
        told.wishes.clear();
    }

    fn wish(&self, wish: Wish) {
        let mut told = self.told();
        if !told.has_ended {
            told.wishes.push(wish);
            self.0.changed.notify_all();
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Test").field("entry", &self.entry.receipt.id).finish_non_exhaustive()
    }
}
