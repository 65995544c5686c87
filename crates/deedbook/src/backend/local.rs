//! A store in this process.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use deedbook_core::commitment::Key;
use deedbook_core::history::History;
use deedbook_core::{Error, ErrorKind, Group, GroupBy, MemoryStore, PageRequest, Result, Store, Timestamp};
use tokio::sync::Semaphore;

use super::readers::Readers;
use super::{Submission, closed};
use crate::history::{TargetId, Version, VersionPage};
use crate::search::{Cursor, Page, Question};
use crate::{Entry, deadline};

/// Kibibytes of canonical events that are on their way into the store at most: half of what its queue takes by
/// default, so that a task waits here, where others of its thread go on, and never there.
const IN_FLIGHT_KIB_MAX: u32 = 8 * 1024;

/// A store, what reads it aside of the tasks, and how it is closed.
pub(crate) struct Local {
    open: RwLock<Option<Open>>,
    room: Arc<Semaphore>,
    readers: Readers,
}

#[derive(Clone)]
struct Open {
    store: Arc<dyn Store>,
    close: Closing,
}

/// How a store is closed.
#[derive(Clone)]
enum Closing {
    /// It needs nothing, or whoever made it closes it.
    Nothing,
    #[cfg(feature = "file")]
    File(Arc<deedbook_store::FileStore>),
}

impl Local {
    /// The store in a directory, which is made where it does not exist.
    ///
    /// # Errors
    /// As [`deedbook_store::FileStore::open`].
    #[cfg(feature = "file")]
    pub(crate) fn file(directory: PathBuf) -> Result<Self> {
        let store = Arc::new(deedbook_store::FileStore::open(directory, deedbook_store::Options::default())?);
        Self::over(Open { store: store.clone(), close: Closing::File(store) })
    }

    #[cfg(not(feature = "file"))]
    pub(crate) fn file(_directory: PathBuf) -> Result<Self> {
        let message = "this program was built without the feature \"file\" of the crate deedbook, which `file:` needs";
        Err(Error::new(ErrorKind::Invalid, message))
    }

    /// A store in memory, for tests.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where the operating system gives no thread.
    pub(crate) fn memory() -> Result<Self> {
        let mut key = [0; 32];
        crate::fill_random(&mut key);
        Self::on(Arc::new(MemoryStore::new(Timestamp::now, Key(key))))
    }

    /// Any store; closing it is left to whoever made it.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where the operating system gives no thread.
    pub(crate) fn on(store: Arc<dyn Store>) -> Result<Self> {
        Self::over(Open { store, close: Closing::Nothing })
    }

    fn over(open: Open) -> Result<Self> {
        Ok(Self {
            open: RwLock::new(Some(open)),
            room: Arc::new(Semaphore::new(IN_FLIGHT_KIB_MAX as usize)),
            readers: Readers::start()?,
        })
    }

    pub(super) async fn submit(&self, submission: Submission) {
        let Submission { drafts, atomicity, deadline, reply } = submission;
        let bytes: usize = drafts.iter().map(|draft| draft.canonical().len()).sum();
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX).min(IN_FLIGHT_KIB_MAX);
        let Some(room) = deadline::before(deadline, self.room.clone().acquire_many_owned(kib)).await else {
            return reply(Err(no_room()));
        };
        let Some(store) = self.store() else { return reply(Err(closed())) };
        let reply = Box::new(move |fate| {
            reply(super::seen(fate));
            // Given back after the reply: closing waits for all of the room, and so for everybody to know their fates.
            drop(room);
        });
        store.submit(drafts, atomicity, reply);
    }

    /// Prepares and hands over events of a spool; those that break a rule by now are refused one by one.
    #[cfg(feature = "spool")]
    pub(super) async fn deliver(&self, claims: Vec<bytes::Bytes>, deadline: tokio::time::Instant) -> super::Fates {
        // Each has its id, or would get the same one and be told apart by nothing.
        let prepared = claims.iter().map(|claim| {
            let event = deedbook_core::Event::from_json(claim)?;
            let no_id = || Error::invalid("/id", "missing_member", "an event of a spool has no id");
            event.id.as_ref().ok_or_else(no_id)?;
            deedbook_core::prepare(event, &deedbook_core::Limits::default(), || [0; 16])
        });
        let mut drafts = Vec::with_capacity(claims.len());
        let refusals: Vec<Option<Error>> = prepared.map(|draft| draft.map(|draft| drafts.push(draft)).err()).collect();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let reply: super::Reply = Box::new(move |fates| drop(sender.send(fates)));
        self.submit(Submission {
            drafts,
            atomicity: deedbook_core::Atomicity::PerEvent,
            deadline: deadline.into_std(),
            reply,
        })
        .await;
        let mut fates = receiver.await.unwrap_or_else(|_| Err(closed()))?.into_iter();
        let fate = |refusal: Option<Error>| match refusal {
            Some(error) => Err(error),
            None => fates.next().unwrap_or_else(|| Err(closed())),
        };
        Ok(refusals.into_iter().map(fate).collect())
    }

    pub(super) async fn get(&self, question: &Question, id: &str) -> Result<Option<Entry>> {
        let (scope, tenant, id) = (question.scope(), question.tenant_or_default(), id.to_owned());
        self.read(move |store| Ok(store.get(&tenant, &id, &scope)?.map(Entry::from))).await
    }

    pub(super) async fn page(&self, question: &Question, limit: usize, after: Option<&Cursor>) -> Result<Page> {
        let (query, place) = question.resolve(after)?;
        let (scope, order) = (question.scope(), question.order());
        let request = PageRequest { order, limit, after: place.after };
        self.read(move |store| {
            let page = store.page(&query, &scope, &request)?;
            let last = page.entries.last().map(|entry| entry.receipt.position);
            let next = last.filter(|_| page.has_more).map(|position| place.next(position));
            Ok(Page { entries: page.entries.into_iter().map(Entry::from).collect(), next })
        })
        .await
    }

    pub(super) async fn count(&self, question: &Question, groups: &[GroupBy]) -> Result<Vec<Group>> {
        let ((query, _), scope, groups) = (question.resolve(None)?, question.scope(), groups.to_vec());
        self.read(move |store| store.count(&query, &scope, &groups)).await
    }

    pub(super) async fn versions(
        &self,
        target: &TargetId,
        question: &Question,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<VersionPage> {
        let (query, place) = question.resolve(after)?;
        let request = PageRequest { order: question.order(), limit, after: place.after };
        self.history(target, question, move |history| {
            let page = history.page(&query, &request)?;
            let last = page.versions.last().map(|version| version.entry.receipt.position);
            let next = last.filter(|_| page.has_more).map(|position| place.next(position));
            Ok(VersionPage { versions: page.versions.into_iter().map(Version::from).collect(), next })
        })
        .await
    }

    pub(super) async fn history<T: Send + 'static>(
        &self,
        target: &TargetId,
        question: &Question,
        ask: impl FnOnce(&History<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (target, scope, tenant) = (target.clone(), question.scope(), question.tenant_or_default());
        self.read(move |store| ask(&History::new(store, &tenant, target, &scope))).await
    }

    pub(super) async fn close(&self) -> Result<()> {
        let open = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        // Everything that was handed over has its fate once all of the room is free.
        let all = self.room.acquire_many(IN_FLIGHT_KIB_MAX).await;
        let closed = match open.map(|open| open.close) {
            Some(close) => self.readers.run(move || close.run()).await,
            None => Ok(()),
        };
        drop(all);
        closed
    }

    pub(super) fn store(&self) -> Option<Arc<dyn Store>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map(|open| open.store.clone())
    }

    async fn read<T: Send + 'static>(&self, read: impl FnOnce(&dyn Store) -> Result<T> + Send + 'static) -> Result<T> {
        let store = self.store().ok_or_else(closed)?;
        self.readers.run(move || read(&*store)).await
    }
}

impl Closing {
    fn run(self) -> Result<()> {
        match self {
            Self::Nothing => Ok(()),
            #[cfg(feature = "file")]
            Self::File(store) => store.close(),
        }
    }
}

fn no_room() -> Error {
    let message =
        "the store did not take the events before the deadline, so none of them was recorded; try again later";
    Error::new(ErrorKind::Overloaded, message)
}
