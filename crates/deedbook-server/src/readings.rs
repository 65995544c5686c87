//! Who read the log, entered in the log: one entry for each token, kind of read, tenant and minute, within a second and
//! aside from the answer. No caller can switch it off.
//!
//! ```text
//! reading, access → Readings (slots of this minute, entries that are due) → the thread `deedbook-readings` → the log
//! ```
//!
//! Entries that the log does not take, because it is over capacity or its disk is full, wait here and are tried again;
//! what waits is bounded, and what was not kept for want of room is counted and entered as such. Reading the entries of
//! this room makes no further ones where a tail delivers them, so that no chain is without an end.

mod asked;
mod entering;
mod slot;

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deedbook_core::{Draft, Entry, Timestamp};
use metrics::{Counter, Gauge};

use crate::access::Caller;
use crate::clock::Clock;
use crate::figures::Figures;

pub(crate) use asked::Asked;
pub(crate) use entering::Enterer;
use slot::{Slot, What};

/// Readings of different tokens, kinds, tenants and minutes that are kept at one time: 16,384.
const SLOTS_MAX: usize = 16_384;
/// Bytes of queries that are kept at one time: 16 MiB; beyond it queries are counted and their text is not kept.
const QUERY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Entries that are made and not taken by the log yet: 16,384, each some 1 KiB.
const DUE_MAX: usize = 16_384;

/// What was read and is not entered yet.
pub(crate) struct Readings {
    kept: Mutex<Kept>,
    news: Condvar,
    clock: Clock,
    missed: Counter,
    waiting: Gauge,
}

#[derive(Default)]
struct Kept {
    /// What is read in this minute, and was in those before until it is taken out.
    slots: HashMap<Key, Slot>,
    /// The slots whose first entry is not made yet.
    fresh: Vec<Key>,
    /// Exports that ended.
    exported: Vec<Exported>,
    /// Entries that are made; their ids stay, so that an entry that was taken is not entered twice.
    due: VecDeque<Draft>,
    query_bytes: usize,
    /// Readings that could not be kept.
    missed: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    token: String,
    what: What,
    tenant: Option<String>,
    /// Minutes since 1970.
    minute: i64,
}

/// An export that ended or broke off.
pub(crate) struct Exported {
    pub(crate) caller: Caller,
    /// The tenant that was read; all of them where absent.
    pub(crate) tenant: Option<String>,
    pub(crate) asked: Asked,
    /// `ndjson` or `csv`.
    pub(crate) form: &'static str,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// SHA-256 of what went out.
    pub(crate) sha256: [u8; 32],
    pub(crate) end: ExportEnd,
    pub(crate) at: Timestamp,
}

/// How an export ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExportEnd {
    /// All of it went out.
    Whole,
    /// It broke off.
    BrokenOff,
}

impl Readings {
    pub(crate) fn new(figures: &Figures, clock: Clock) -> Self {
        Self {
            kept: Mutex::default(),
            news: Condvar::new(),
            clock,
            missed: figures.readings_missed.clone(),
            waiting: figures.readings_waiting.clone(),
        }
    }

    /// Notes that `caller` reads `tenant`, or all tenants, in this way.
    pub(crate) fn viewed(&self, caller: &Caller, kind: &'static str, tenant: Option<&str>, asked: &Asked) {
        self.note(caller, What::Viewed(kind), tenant, asked);
    }

    /// Notes that `caller` was refused.
    pub(crate) fn denied(&self, caller: &Caller, reason: &'static str, asked: Asked) {
        // What another tenant is asked for is entered where the token belongs: nobody writes into others' logs by
        // being refused there.
        self.note(caller, What::Denied(reason), caller.token.tenant.as_deref(), &asked);
    }

    /// Notes that an export ended.
    pub(crate) fn exported(&self, exported: Exported) {
        let mut kept = self.kept();
        if kept.exported.len() >= DUE_MAX {
            return self.miss(&mut kept);
        }
        kept.exported.push(exported);
        self.news.notify_one();
    }

    fn note(&self, caller: &Caller, what: What, tenant: Option<&str>, asked: &Asked) {
        let now = (self.clock)();
        let key = Key {
            token: caller.token.id.clone(),
            what,
            tenant: tenant.map(str::to_owned),
            minute: now.as_second().div_euclid(60),
        };
        let mut kept = self.kept();
        let has_room = kept.query_bytes + asked.bytes() <= QUERY_BYTES_MAX;
        if let Some(slot) = kept.slots.get_mut(&key) {
            kept.query_bytes += slot.again(asked, has_room);
            return;
        }
        if kept.slots.len() >= SLOTS_MAX {
            return self.miss(&mut kept);
        }
        kept.query_bytes += asked.bytes();
        kept.slots.insert(key.clone(), Slot::new(caller.author(), now, asked, has_room));
        kept.fresh.push(key);
        self.news.notify_one();
    }

    fn miss(&self, kept: &mut Kept) {
        kept.missed += 1;
        self.missed.increment(1);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A panic elsewhere leaves what is kept usable: it is changed in single steps.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to enter, at most so long.
    fn wait(&self, longest: Duration) {
        let idle = |kept: &mut Kept| kept.fresh.is_empty() && kept.exported.is_empty();
        drop(self.news.wait_timeout_while(self.kept(), longest, idle));
    }
}

/// Whether a tail that delivers `entries` delivers anything but what reading makes.
pub(crate) fn is_worth_entering(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| !entering::ACTIONS.contains(&entry.event.action.as_str()))
}
