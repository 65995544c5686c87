//! Group commit over HTTP: while one request is under way, what is recorded meanwhile waits and goes into the next one.
//!
//! Each caller gets the fate of its own events, and a caller that gave up before its events were sent takes them along.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use deedbook_core::{Atomicity, Draft, Error, ErrorKind, Result};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::post::{claim, fitting};
use super::{Client, ClientOptions};
use crate::receipt::{Fates, Recorded};

type Reply = oneshot::Sender<Result<Recorded>>;

/// Events that wait to be sent.
pub(super) struct Batcher {
    queue: Mutex<Queue>,
    events_max: usize,
    bytes_max: usize,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    sender: Sender,
}

/// The task that sends.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Sender {
    #[default]
    Idle,
    Sending,
}

struct Waiting {
    claim: Bytes,
    deadline: Instant,
    reply: Reply,
}

impl Client {
    /// Records one event; `Ok` means that the server has it durably. Shares a request with others that are recorded at
    /// the same time, whose fates are their own. A passing failure is tried again until `deadline`.
    ///
    /// # Errors
    /// [`ErrorKind::Overloaded`] where too many events wait, and as [`Client::post`].
    pub async fn record(&self, draft: &Draft, deadline: Instant) -> Result<Recorded> {
        let mut fates = self.record_together(std::slice::from_ref(draft), deadline).await?;
        fates.pop().unwrap_or_else(|| Err(ended()))
    }

    /// As [`Client::record`], for several events that keep their order; all of them wait to be sent, or none.
    pub(crate) async fn record_together(&self, drafts: &[Draft], deadline: Instant) -> Fates {
        let fates = self.gather(drafts, deadline)?;
        let mut found = Vec::with_capacity(fates.len());
        for fate in fates {
            found.push(match tokio::time::timeout_at(deadline, fate).await {
                Ok(fate) => fate.unwrap_or_else(|_| Err(ended())),
                Err(_) => Err(late()),
            });
        }
        Ok(found)
    }

    /// Puts events into the queue and sees to it that a task sends them.
    fn gather(&self, drafts: &[Draft], deadline: Instant) -> Result<Vec<oneshot::Receiver<Result<Recorded>>>> {
        let batcher = &self.shared.batcher;
        let claims: Vec<Bytes> = drafts.iter().map(claim).collect();
        let (fates, before) = batcher.push(claims, deadline)?;
        if before == Sender::Idle {
            let client = self.clone();
            // The guard is made here: a task that never runs is dropped with it.
            let guard = BackToIdle(Some(self.clone()));
            tokio::spawn(async move { client.send_waiting(guard).await });
        }
        Ok(fates)
    }

    async fn send_waiting(&self, guard: BackToIdle) {
        while let Some(batch) = self.shared.batcher.take(Instant::now()) {
            let deadline = batch.iter().map(|waiting| waiting.deadline).max().unwrap_or_else(Instant::now);
            let (claims, replies): (Vec<Bytes>, Vec<Reply>) =
                batch.into_iter().map(|waiting| (waiting.claim, waiting.reply)).unzip();
            let fates = self.post_claims(&claims, Atomicity::PerEvent, deadline).await;
            tell(replies, fates);
        }
        guard.forget();
    }
}

/// A caller that has gone needs no answer.
fn tell(replies: Vec<Reply>, fates: Fates) {
    match fates {
        Ok(fates) => replies.into_iter().zip(fates).for_each(|(reply, fate)| drop(reply.send(fate))),
        Err(error) => replies.into_iter().for_each(|reply| drop(reply.send(Err(error.clone())))),
    }
}

impl Batcher {
    pub(super) fn new(options: &ClientOptions) -> Self {
        let (events_max, bytes_max) = (options.waiting_events_max, options.waiting_bytes_max);
        Self { queue: Mutex::default(), events_max, bytes_max }
    }

    /// Tells, besides, what the sending task was doing; it is sending now.
    fn push(
        &self,
        claims: Vec<Bytes>,
        deadline: Instant,
    ) -> Result<(Vec<oneshot::Receiver<Result<Recorded>>>, Sender)> {
        let bytes: usize = claims.iter().map(Bytes::len).sum();
        let mut queue = self.locked();
        // A batch that is over the limits by itself finds room in an empty queue.
        let is_full = queue.waiting.len() + claims.len() > self.events_max || queue.bytes + bytes > self.bytes_max;
        if is_full && !queue.waiting.is_empty() {
            return Err(self.full(queue.waiting.len()));
        }
        queue.bytes += bytes;
        let fates = claims.into_iter().map(|claim| {
            let (reply, fate) = oneshot::channel();
            queue.waiting.push_back(Waiting { claim, deadline, reply });
            fate
        });
        let fates = fates.collect();
        Ok((fates, std::mem::replace(&mut queue.sender, Sender::Sending)))
    }

    /// What goes into the next request; `None` where nothing waits, and then the task is idle.
    fn take(&self, now: Instant) -> Option<Vec<Waiting>> {
        let mut queue = self.locked();
        queue.waiting.retain(|waiting| waiting.deadline > now && !waiting.reply.is_closed());
        let count = fitting(queue.waiting.iter().map(|waiting| waiting.claim.len()));
        let batch: Vec<Waiting> = queue.waiting.drain(..count).collect();
        queue.bytes = queue.waiting.iter().map(|waiting| waiting.claim.len()).sum();
        if batch.is_empty() {
            queue.sender = Sender::Idle;
            return None;
        }
        Some(batch)
    }

    fn full(&self, waiting: usize) -> Error {
        let message = format!(
            "{waiting} events wait for the server already, of at most {} and {} bytes; try again later",
            self.events_max, self.bytes_max
        );
        Error::new(ErrorKind::Overloaded, message)
    }

    fn locked(&self) -> MutexGuard<'_, Queue> {
        // Every change of the queue is whole when a panic could happen.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Frees the place of the sending task when it is dropped with its runtime, and whoever waits for it.
struct BackToIdle(Option<Client>);

impl BackToIdle {
    /// The task ended by itself and said so under the lock; another one may be sending by now.
    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for BackToIdle {
    fn drop(&mut self) {
        if let Some(client) = &self.0 {
            *client.shared.batcher.locked() = Queue::default();
        }
    }
}

fn late() -> Error {
    let message = "no receipt from the server in time; the event may be recorded or not: record it again with the same \
                   id, which never enters it twice";
    Error::new(ErrorKind::Unavailable, message)
}

fn ended() -> Error {
    Error::new(ErrorKind::Unavailable, "the runtime that sends events ended before there was a receipt")
}
