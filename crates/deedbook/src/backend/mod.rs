//! What stands behind a book: the only place that names stores and servers.
//!
//! A book checks events and hands over drafts; a backend makes them durable and answers questions. It knows nothing of
//! contexts, derives or metrics.

mod local;
mod readers;
#[cfg(feature = "http")]
mod remote;

use std::time::Instant;

use deedbook_core::history::History;
use deedbook_core::{Atomicity, Draft, Error, ErrorKind, Group, GroupBy, Result, Store};

use crate::Entry;
use crate::history::{Around, Diff, Moment, Restoration, State, TargetId, VersionPage};
use crate::receipt::{Fates, Recorded};
use crate::search::{Cursor, Page, Question};

pub(crate) use local::Local;
#[cfg(feature = "http")]
pub(crate) use remote::Remote;

/// Where a book's events go.
pub(crate) enum Backend {
    /// A store in this process.
    Local(Local),
    /// A server.
    #[cfg(feature = "http")]
    Remote(Remote),
}

/// Drafts on their way to be durable.
pub(crate) struct Submission {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) atomicity: Atomicity,
    /// Nobody waits for the reply after this instant: what could not be handed over by then is given up.
    pub(crate) deadline: Instant,
    /// Called once, from any thread, when the fate of each draft is known.
    pub(crate) reply: Reply,
}

/// Called once with the fate of a batch.
pub(crate) type Reply = Box<dyn FnOnce(Fates) + Send>;

/// The fate of a batch, as those who record see it.
fn seen(fates: Result<Vec<Result<deedbook_core::Appended>>>) -> Fates {
    Ok(fates?.into_iter().map(|fate| fate.map(Recorded::from)).collect())
}

impl Backend {
    /// Hands drafts over. Waits for room until the deadline, but not until they are durable: that is what the reply
    /// tells. Refusals are told by the reply too.
    pub(crate) async fn submit(&self, submission: Submission) {
        match self {
            Self::Local(local) => local.submit(submission).await,
            #[cfg(feature = "http")]
            Self::Remote(remote) => remote.submit(submission).await,
        }
    }

    /// Makes events durable of which each is canonical JSON with its id; `Err` for all is no verdict on any of them.
    #[cfg(feature = "spool")]
    pub(crate) async fn deliver(&self, claims: Vec<bytes::Bytes>, deadline: tokio::time::Instant) -> Fates {
        match self {
            Self::Local(local) => local.deliver(claims, deadline).await,
            #[cfg(feature = "http")]
            Self::Remote(remote) => remote.deliver(claims, deadline).await,
        }
    }

    /// The entry with this id, if its reader may see it.
    pub(crate) async fn get(&self, question: &Question, id: &str) -> Result<Option<Entry>> {
        match self {
            Self::Local(local) => local.get(question, id).await,
            #[cfg(feature = "http")]
            Self::Remote(remote) => remote.get(question, id).await,
        }
    }

    /// One page of what matches.
    pub(crate) async fn page(&self, question: &Question, limit: usize, after: Option<&Cursor>) -> Result<Page> {
        match self {
            Self::Local(local) => local.page(question, limit, after).await,
            #[cfg(feature = "http")]
            Self::Remote(remote) => remote.page(question, limit, after).await,
        }
    }

    /// How many entries match, for each combination of `groups`.
    pub(crate) async fn count(&self, question: &Question, groups: &[GroupBy]) -> Result<Vec<Group>> {
        match self {
            Self::Local(local) => local.count(question, groups).await,
            #[cfg(feature = "http")]
            Self::Remote(remote) => remote.count(question, groups).await,
        }
    }

    /// One page of the versions of a thing, newest first.
    pub(crate) async fn versions(
        &self,
        target: &TargetId,
        question: &Question,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<VersionPage> {
        match self {
            Self::Local(local) => local.versions(target, question, limit, after).await,
            #[cfg(feature = "http")]
            Self::Remote(remote) => remote.versions(target, question, limit, after).await,
        }
    }

    /// A thing at a moment; `None` where that is an event which is not about it.
    pub(crate) async fn state(&self, target: &TargetId, question: &Question, at: Moment) -> Result<Option<State>> {
        match self {
            Self::Local(local) => local.history(target, question, move |history| history.state(&at)).await,
            #[cfg(feature = "http")]
            Self::Remote(remote) => remote.state(target, question, at).await,
        }
    }

    /// What differs between two moments.
    pub(crate) async fn diff(
        &self,
        target: &TargetId,
        question: &Question,
        from: Moment,
        to: Moment,
    ) -> Result<Option<Diff>> {
        match self {
            Self::Local(local) => local.history(target, question, move |history| history.diff(&from, &to)).await,
            #[cfg(feature = "http")]
            Self::Remote(remote) => remote.diff(target, question, from, to).await,
        }
    }

    /// One version and its neighbours.
    pub(crate) async fn around(&self, target: &TargetId, question: &Question, id: &str) -> Result<Option<Around>> {
        match self {
            Self::Local(local) => {
                let id = id.to_owned();
                let around = move |history: &History<'_>| history.around(&id);
                Ok(local.history(target, question, around).await?.map(Around::from))
            }
            #[cfg(feature = "http")]
            Self::Remote(remote) => remote.around(target, question, id).await,
        }
    }

    /// The way back to a moment.
    pub(crate) async fn restore(
        &self,
        target: &TargetId,
        question: &Question,
        to: Moment,
    ) -> Result<Option<Restoration>> {
        match self {
            Self::Local(local) => local.history(target, question, move |history| history.restore(&to)).await,
            #[cfg(feature = "http")]
            Self::Remote(remote) => remote.restore(target, question, to).await,
        }
    }

    /// Waits until everything that was handed over has its fate, and lets go of files and connections. What is handed
    /// over later is refused.
    pub(crate) async fn close(&self) -> Result<()> {
        match self {
            Self::Local(local) => local.close().await,
            #[cfg(feature = "http")]
            Self::Remote(remote) => remote.close().await,
        }
    }

    /// The store, where there is one in this process.
    pub(crate) fn store(&self) -> Option<std::sync::Arc<dyn Store>> {
        match self {
            Self::Local(local) => local.store(),
            #[cfg(feature = "http")]
            Self::Remote(_) => None,
        }
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::NotFound, "the book was shut down")
}
