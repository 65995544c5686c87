//! A log behind a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deedbook_core::{Atomicity, Error, ErrorKind, Group, GroupBy, Result};
use tokio::sync::Semaphore;

use super::{Submission, closed};
use crate::Entry;
use crate::background::Background;
use crate::client::{Ask, Client};
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
