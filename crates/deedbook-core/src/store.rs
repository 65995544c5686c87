//! What every store can do: the [`Store`] trait, object-safe, the same for memory, file and PostgreSQL.
//!
//! Reads never see an entry before it is durable. Nothing here answers without a [`Scope`].

use std::sync::mpsc;
use std::time::Duration;

use crate::query::Query;
use crate::removal::Erasure;
use crate::{Draft, Entry, Error, ErrorKind, Receipt, Result, Scope};

/// Where checked events go and entries are found.
pub trait Store: Send + Sync {
    /// Hands `drafts` over in this order; `reply` is called exactly once when the fate of each is known: `Ok` means
    /// durable. It does not wait for that, but it may compute on the calling thread and wait for room in a queue, and
    /// what it refuses at once is told from the calling thread.
    ///
    /// # Errors
    /// To `reply`, for the batch as a whole: [`ErrorKind::Overloaded`], [`ErrorKind::Poisoned`],
    /// [`ErrorKind::DiskFull`], [`ErrorKind::Io`]; then nothing of it was recorded. For one draft, in its place:
    /// [`ErrorKind::Conflict`]; with [`Atomicity::PerEvent`] also the former, where a store takes a large batch in
    /// pieces and could take some of them. With [`Atomicity::AllOrNothing`] a conflict refuses the batch: then it is the error of
    /// the batch, with one problem for each conflicting draft, whose pointer is its index: `/3`.
    fn submit(&self, drafts: Vec<Draft>, atomicity: Atomicity, reply: Reply);

    /// The entry with this id, if it is within `scope`.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`], [`ErrorKind::Io`].
    fn get(&self, tenant: &str, id: &str, scope: &Scope) -> Result<Option<Entry>>;

    /// One page of the entries that match, by position.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`], [`ErrorKind::Io`].
    fn page(&self, query: &Query, scope: &Scope, request: &PageRequest) -> Result<Page>;

    /// How many entries match, per combination of `groups` (one total where there are none), most first, then by key.
    /// An entry with several targets counts once under each.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`], [`ErrorKind::Io`].
    fn count(&self, query: &Query, scope: &Scope, groups: &[GroupBy]) -> Result<Vec<Group>>;

    /// The entries from position `from` on, oldest first, at most `limit`; waits up to `wait` for the first of them.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`], [`ErrorKind::Io`], [`ErrorKind::NotFound`] when the store was closed.
    fn follow(&self, from: u64, limit: usize, wait: Duration, scope: &Scope) -> Result<Vec<Entry>>;

    /// How many positions of all tenants are visible, those of removed entries included; the next position.
    fn visible_count(&self) -> u64;

    /// Takes away all but the leaf hash and the place (tenant, seq, position, `recorded_at`) of the entries at these
    /// positions, each greater than the one before. They are in no answer any more, and their ids may be used again.
    ///
    /// When it returns, this is durable, and nothing of them is left in any file, index or cache. What is retired already
    /// stays so. It blocks neither readers nor appends; a reader that began before may still be given what it found.
    ///
    /// An entry that authorises this ([`Authority`](crate::removal::Authority)) must be durable in the tenant of each
    /// first. The store does not look for it; whoever checks the log does.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for positions that are not in the log or not in order, and for entries that are kept for
    /// good ([`is_kept_for_good`](crate::removal::is_kept_for_good)): nothing changed. [`ErrorKind::DiskFull`],
    /// [`ErrorKind::Io`], [`ErrorKind::Corrupt`], [`ErrorKind::Poisoned`]: each entry is as it was or retired, and the
    /// same call again goes on.
    fn retire(&self, positions: &[u64]) -> Result<()>;

    /// Takes values or the whole content from entries, by rising position; otherwise as [`Store::retire`].
    ///
    /// In the place of an erased value is null, and no query finds the entry by it. An entry without its content is in no
    /// answer. The id of either stays taken: any draft with it is a repetition, whatever its content. What went further
    /// before stays so: values of an entry without content, anything of a retired one.
    ///
    /// # Errors
    /// As [`Store::retire`]; [`ErrorKind::Invalid`] also for a path that is not that of a personal value of the entry.
    fn erase(&self, erasures: &[Erasure]) -> Result<()>;
}

/// Called once with the fate of a batch.
pub type Reply = Box<dyn FnOnce(Result<Vec<Result<Appended>>>) + Send>;

/// The fate of one draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Where it stands in the log.
    pub receipt: Receipt,
    /// Whether it is new, or stood there already with equal content.
    pub status: AppendStatus,
}

/// Whether an append added something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendStatus {
    /// The event was entered.
    Created,
    /// An equal event with this id was there; its first receipt is given.
    Replayed,
}

/// What happens to a batch of which one event is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomicity {
    /// Each event has its own fate.
    PerEvent,
    /// All or nothing, in one frame of the log.
    AllOrNothing,
}

/// Which part of the matching entries is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Direction by position.
    pub order: Order,
    /// At most this many entries.
    pub limit: usize,
    /// Only entries beyond this position in `order`, itself excluded; from the start where absent.
    pub after: Option<u64>,
}

impl PageRequest {
    /// The newest `limit` entries.
    pub fn newest(limit: usize) -> Self {
        Self { order: Order::Descending, limit, after: None }
    }

    /// The oldest `limit` entries.
    pub fn oldest(limit: usize) -> Self {
        Self { order: Order::Ascending, limit, after: None }
    }
}

/// Direction of a page, by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// Entries that match, in the order asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// At most `limit` entries.
    pub entries: Vec<Entry>,
    /// Whether entries beyond the last one match.
    pub has_more: bool,
    /// The highest position that was visible when the page was read; `None` in an empty log.
    pub watermark: Option<u64>,
    /// Whether some of the entries were read in an archive, where that takes longer.
    pub archived: bool,
}

/// By what entries are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// The action.
    Action,
    /// The actor as `TYPE:ID`, or `TYPE` where it has no id.
    Actor,
    /// Each target as `TYPE:ID`.
    Target,
    /// The outcome.
    Outcome,
    /// The day of `occurred_at` (else `recorded_at`) in UTC, as `2026-09-20`.
    Day,
    /// The tenant.
    Tenant,
}

/// One line of a count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// One value for each [`GroupBy`] asked for, in that order.
    pub key: Vec<String>,
    /// How many entries.
    pub count: u64,
}

/// What a log in files takes on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskUsage {
    /// Bytes of all its files, room that is kept for what comes next included.
    pub bytes: u64,
    /// Bytes of the files that hold sealed entries, their indexes included.
    pub sealed_bytes: u64,
    /// How many positions these cover, those of removed entries included.
    pub sealed_entries: u64,
    /// Bytes of entries that were moved to an archive, which are not among the others.
    pub archived_bytes: u64,
}

/// Conveniences over any [`Store`].
pub trait StoreExt: Store {
    /// Appends `drafts` and waits until the fate of each is known; `Ok` in a place means that draft is durable.
    ///
    /// # Errors
    /// As [`Store::submit`].
    fn append(&self, drafts: Vec<Draft>, atomicity: Atomicity) -> Result<Vec<Result<Appended>>> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.submit(drafts, atomicity, Box::new(move |fate| drop(sender.send(fate))));
        receiver.recv().unwrap_or_else(|_| Err(Error::new(ErrorKind::NotFound, "the log was closed")))
    }

    /// Appends one draft and waits until it is durable.
    ///
    /// # Errors
    /// As [`Store::submit`], and [`ErrorKind::Conflict`].
    fn append_one(&self, draft: Draft) -> Result<Appended> {
        let mut fates = self.append(vec![draft], Atomicity::PerEvent)?;
        fates.pop().expect("a batch of one has one fate")
    }
}

impl<S: Store + ?Sized> StoreExt for S {}
