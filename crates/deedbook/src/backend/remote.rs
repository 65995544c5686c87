//! A log behind a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deedbook_core::history::{Diff, Existence, Moment, Restoration, Sight, State, TargetId};
use deedbook_core::{Atomicity, Error, ErrorKind, Group, GroupBy, Result};
use tokio::sync::Semaphore;

use super::{Submission, closed};
use crate::Entry;
use crate::background::Background;
use crate::client::{Ask, Client, FoundVersion};
use crate::history::{Around, Version, VersionPage};
use crate::search::{Cursor, Page, Question};

/// Submissions on their way at most; what waits for the server is bounded by the client besides.
const ON_THEIR_WAY_MAX: usize = 100_000;

/// A client, and the thread on which it works.
pub(crate) struct Remote {
    client: Client,
    background: Background,
    on_their_way: Arc<Semaphore>,
    is_closed: AtomicBool,
}

impl Remote {
    pub(crate) fn new(client: Client, background: Background) -> Self {
        let on_their_way = Arc::new(Semaphore::new(ON_THEIR_WAY_MAX));
        Self { client, background, on_their_way, is_closed: AtomicBool::new(false) }
    }

    pub(super) async fn submit(&self, submission: Submission) {
        let Submission { drafts, atomicity, deadline, reply } = submission;
        // The semaphore is never closed, so there is always a permit in the end.
        let permit = self.on_their_way.clone().acquire_owned().await.ok();
        if self.is_closed.load(Ordering::Acquire) {
            return reply(Err(closed()));
        }
        let (client, deadline) = (self.client.clone(), deadline.into());
        self.background.handle().spawn(async move {
            let fates = match atomicity {
                Atomicity::PerEvent => client.record_together(&drafts, deadline).await,
                Atomicity::AllOrNothing => client.post(&drafts, atomicity, deadline).await,
            };
            reply(fates);
            drop(permit);
        });
    }

    /// Sends events in canonical JSON, of which each has its id.
    #[cfg(feature = "spool")]
    pub(super) async fn deliver(
        &self,
        claims: Vec<bytes::Bytes>,
        deadline: tokio::time::Instant,
    ) -> crate::receipt::Fates {
        let client = self.client.clone();
        let post = async move { client.post_claims(&claims, Atomicity::PerEvent, deadline).await };
        self.background.run(post).await
    }

    pub(super) async fn get(&self, question: &Question, id: &str) -> Result<Option<Entry>> {
        ask(question)?;
        let (client, tenant, id) = (self.client.clone(), question.tenant().map(str::to_owned), id.to_owned());
        let found = self.background.run(async move { client.get(&id, tenant.as_deref()).await }).await?;
        Ok(found.map(|found| found.entry))
    }

    pub(super) async fn page(&self, question: &Question, limit: usize, after: Option<&Cursor>) -> Result<Page> {
        let mut ask = ask(question)?.limit(limit);
        if let Some(cursor) = after {
            ask = ask.after(cursor.to_string());
        }
        let client = self.client.clone();
        let page = self.background.run(async move { client.page(&ask).await }).await?;
        Ok(Page {
            entries: page.entries.into_iter().map(|found| found.entry).collect(),
            next: page.next.map(Cursor::from),
        })
    }

    pub(super) async fn count(&self, question: &Question, groups: &[GroupBy]) -> Result<Vec<Group>> {
        let (client, ask, groups) = (self.client.clone(), ask(question)?, groups.to_vec());
        self.background.run(async move { client.count_by(&ask, &groups).await }).await
    }

    pub(super) async fn versions(
        &self,
        target: &TargetId,
        question: &Question,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<VersionPage> {
        let mut ask = ask(question)?.limit(limit);
        if let Some(cursor) = after {
            ask = ask.after(cursor.to_string());
        }
        let (client, target) = (self.client.clone(), target.clone());
        let page = self.background.run(async move { client.versions(&target, &ask).await }).await?;
        let versions = page.versions.into_iter().map(Version::from).collect();
        Ok(VersionPage { versions, next: page.next.map(Cursor::from) })
    }

    pub(super) async fn state(&self, target: &TargetId, question: &Question, at: Moment) -> Result<Option<State>> {
        let (about, moment) = (target.clone(), at.clone());
        let asked = self.ask_about(
            target,
            question,
            move |client: Client, target: TargetId, tenant: Option<String>| async move {
                client.state(&target, tenant.as_deref(), &at).await
            },
        );
        let state = asked.await?;
        // As a store of this process tells it: of a thing that no entry names nothing is known, at any time.
        Ok(state.or_else(|| nothing_known(about, moment)))
    }

    pub(super) async fn diff(
        &self,
        target: &TargetId,
        question: &Question,
        from: Moment,
        to: Moment,
    ) -> Result<Option<Diff>> {
        self.ask_about(target, question, move |client: Client, target: TargetId, tenant: Option<String>| async move {
            client.diff(&target, tenant.as_deref(), &from, &to).await
        })
        .await
    }

    pub(super) async fn restore(
        &self,
        target: &TargetId,
        question: &Question,
        to: Moment,
    ) -> Result<Option<Restoration>> {
        self.ask_about(target, question, move |client: Client, target: TargetId, tenant: Option<String>| async move {
            client.restore(&target, tenant.as_deref(), &to).await
        })
        .await
    }

    pub(super) async fn around(&self, target: &TargetId, question: &Question, id: &str) -> Result<Option<Around>> {
        let id = id.to_owned();
        let found = self.ask_about(
            target,
            question,
            move |client: Client, target: TargetId, tenant: Option<String>| async move {
                client.around(&target, tenant.as_deref(), &id).await
            },
        );
        Ok(found.await?.map(|found| Around {
            previous: found.previous.map(Version::from),
            version: Version::from(found.version),
            next: found.next.map(Version::from),
        }))
    }

    async fn ask_about<T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
        &self,
        target: &TargetId,
        question: &Question,
        about: impl FnOnce(Client, TargetId, Option<String>) -> F,
    ) -> Result<T> {
        ask(question)?;
        let tenant = question.tenant().map(str::to_owned);
        self.background.run(about(self.client.clone(), target.clone(), tenant)).await
    }

    pub(super) async fn close(&self) -> Result<()> {
        self.is_closed.store(true, Ordering::Release);
        // All permits are there once everything that was submitted has its fate, which each deadline bounds.
        drop(self.on_their_way.acquire_many(ON_THEIR_WAY_MAX as u32).await);
        Ok(())
    }
}

fn ask(question: &Question) -> Result<Ask> {
    if question.is_narrowed() {
        let message = "a server shows what its token may see; ask with a token for these eyes instead of `visible_to`";
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let ask = Ask::new(question.text()).order(question.order());
    Ok(match question.tenant() {
        Some(tenant) => ask.tenant(tenant),
        None => ask,
    })
}

impl From<FoundVersion> for Version {
    fn from(version: FoundVersion) -> Self {
        Self { entry: version.found.entry, effect: version.effect }
    }
}

/// The state of a thing that no entry names; an event that is not about it has none.
fn nothing_known(target: TargetId, at: Moment) -> Option<State> {
    let is_event = matches!(at, Moment::Event(_));
    (!is_event).then(|| State {
        target,
        at,
        existence: Existence::Unknown,
        created_by: None,
        deleted_by: None,
        sight: Sight::Part,
        document: None,
        fields: Vec::new(),
        incomplete: vec![String::new()],
        contradictions: Vec::new(),
    })
}
