//! What happens on the callers' threads: drafts are hashed, their terms found, and handed to the writer.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use deedbook_core::commitment::event_root;
use deedbook_core::{Appended, Atomicity, Digest, Draft, Error, ErrorKind, IdOrigin, Outcome, Reply, Result};

use crate::index::{Collector, TermIndex};
use crate::terms::{IdHasher, each_term, terms_of};
use crate::unsealed::Identity;
use crate::wal::{Generation, Record};

/// A batch of at least this many gets its index from the thread that brings it.
const INDEXED_BATCH: usize = 128;

/// Memory for indexes that is kept: about a MiB each after batches of a thousand.
const COLLECTORS_KEPT: usize = 4;

/// A draft with all that can be computed before its place in the log is known.
pub(crate) struct Prepared {
    pub(crate) identity: Identity,
    pub(crate) id_hash: u64,
    pub(crate) id_origin: IdOrigin,
    pub(crate) outcome: Outcome,
    /// Microseconds since 1970.
    pub(crate) occurred_at: Option<i64>,
    pub(crate) canonical: Box<[u8]>,
    /// Under the key of the generation that was current.
    pub(crate) event_root: Digest,
    /// Empty where the batch has an index.
    pub(crate) terms: Box<[u8]>,
}

/// A batch on its way to the writer.
pub(crate) struct Submission {
    /// Empty: nothing is to be appended, but what was appended is to be sealed.
    pub(crate) items: Vec<Prepared>,
    /// Over all items, where there are enough of them.
    pub(crate) index: Option<TermIndex>,
    /// Whose key the roots were made with.
    pub(crate) generation: Arc<Generation>,
    pub(crate) atomicity: Atomicity,
    pub(crate) bytes: usize,
    pub(crate) reply: Reply,
}

/// Makes drafts ready for the writer, on the threads that bring them.
pub(crate) struct Preparation {
    hasher: IdHasher,
    /// Memory for indexes that no thread uses at the moment.
    collectors: Mutex<Vec<Collector>>,
}

impl Preparation {
    pub(crate) fn new(hasher: IdHasher) -> Self {
        Self { hasher, collectors: Mutex::default() }
    }

    /// Computes what the writer needs, and an index over the batch if it is large.
    ///
    /// # Errors
    /// Canonical bytes that cannot be read, which [`deedbook_core::prepare`] never makes.
    pub(crate) fn prepare(
        &self,
        drafts: Vec<Draft>,
        generation: &Generation,
    ) -> Result<(Vec<Prepared>, Option<TermIndex>)> {
        if drafts.len() < INDEXED_BATCH {
            let with_terms = |draft: Draft| {
                let terms = terms_of(draft.event(), &self.hasher);
                Prepared::new(draft, terms, &self.hasher, generation)
            };
            return Ok((drafts.into_iter().map(with_terms).collect::<Result<_>>()?, None));
        }
        let mut collector = crate::locked(&self.collectors).pop().unwrap_or_default();
        let mut items = Vec::with_capacity(drafts.len());
        for (draft, number) in drafts.into_iter().zip(0..) {
            each_term(draft.event(), &self.hasher, &mut |term| collector.add(term, number));
            items.push(Prepared::new(draft, Box::default(), &self.hasher, generation)?);
        }
        let index = collector.finish();
        let mut collectors = crate::locked(&self.collectors);
        if collectors.len() < COLLECTORS_KEPT {
            collectors.push(collector);
        }
        Ok((items, Some(index)))
    }
}

impl Prepared {
    /// At most as many bytes as its record takes in a frame.
    pub(crate) fn bytes(&self) -> usize {
        Record { tenant: self.identity.tenant(), seq: 0, canonical: &self.canonical }.size_max()
    }

    fn new(draft: Draft, terms: Box<[u8]>, hasher: &IdHasher, generation: &Generation) -> Result<Self> {
        let (tenant, id) = (draft.tenant(), draft.id());
        Ok(Self {
            identity: Identity::new(tenant, id, &draft.event().action),
            id_hash: hasher.event(tenant, id),
            id_origin: draft.id_origin(),
            outcome: draft.event().outcome.unwrap_or(Outcome::Success),
            occurred_at: draft.event().occurred_at.map(|instant| instant.as_microsecond()),
            event_root: event_root(draft.canonical(), &generation.key.seed(tenant, id))?,
            terms,
            canonical: draft.into_parts().1.into(),
        })
    }
}

/// The batches that wait for the writer, bounded in bytes.
pub(crate) struct Intake {
    bytes_max: usize,
    wait_max: Duration,
    waiting: Mutex<Waiting>,
    /// Something was added, or the intake was closed.
    filled: Condvar,
    /// Something was taken, or the intake was closed.
    drained: Condvar,
}

#[derive(Default)]
struct Waiting {
    submissions: VecDeque<Submission>,
    bytes: usize,
    closed: bool,
}

impl Intake {
    pub(crate) fn new(bytes_max: usize, wait_max: Duration) -> Self {
        Self { bytes_max, wait_max, waiting: Mutex::default(), filled: Condvar::new(), drained: Condvar::new() }
    }

    /// Hands a batch over; waits for room. What is refused gets its reply here.
    pub(crate) fn push(&self, submission: Submission) {
        let deadline = Instant::now() + self.wait_max;
        let mut waiting = crate::locked(&self.waiting);
        // A batch that is larger than all the room may go when it is alone.
        while !waiting.closed && waiting.bytes > 0 && waiting.bytes + submission.bytes > self.bytes_max {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(waiting);
                return (submission.reply)(Err(overloaded()));
            }
            waiting = self.drained.wait_timeout(waiting, left).unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        if waiting.closed {
            drop(waiting);
            return (submission.reply)(Err(closed()));
        }
        waiting.bytes += submission.bytes;
        waiting.submissions.push_back(submission);
        self.filled.notify_one();
    }

    /// Takes batches of together about `bytes_max`, at least one; waits for it. Empty when the intake was closed and
    /// nothing is left.
    pub(crate) fn take(&self, bytes_max: usize) -> Vec<Submission> {
        let mut waiting = crate::locked(&self.waiting);
        while waiting.submissions.is_empty() && !waiting.closed {
            waiting = self.filled.wait(waiting).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        let mut taken: Vec<Submission> = Vec::new();
        let mut bytes = 0;
        while let Some(next) = waiting.submissions.front() {
            if !taken.is_empty() && bytes + next.bytes > bytes_max {
                break;
            }
            bytes += next.bytes;
            taken.extend(waiting.submissions.pop_front());
        }
        waiting.bytes -= bytes;
        self.drained.notify_all();
        taken
    }

    /// Refuses what comes from now on; what waits is still taken.
    pub(crate) fn close(&self) {
        crate::locked(&self.waiting).closed = true;
        self.filled.notify_all();
        self.drained.notify_all();
    }
}

/// Gives a batch its reply; a reply that panics harms nobody but whoever waits for it.
pub(crate) fn tell(reply: Reply, fate: Result<Vec<Result<Appended>>>) {
    let _ = std::panic::catch_unwind(AssertUnwindSafe(|| reply(fate)));
}

fn overloaded() -> Error {
    Error::new(ErrorKind::Overloaded, "the log is over capacity and nothing of the batch was recorded; try again later")
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::NotFound, "the log was closed")
}
