//! One strict record: `Ok` means durable, an error is the caller's.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::{Duration, Instant};

use deedbook_core::{Atomicity, Draft, Error, ErrorKind, Event, Result};
use tokio::sync::oneshot;

use crate::backend::Submission;
use crate::blocking::block_on;
use crate::event::Counting;
use crate::receipt::{Fates, Receipt};
use crate::tally::Tally;
use crate::{Deedbook, ToTimestamp, deadline};

/// A record that begins when it is awaited; made by [`Deedbook::record`].
///
/// Awaited, it gives the [`Receipt`]: the event is durable. If the future is dropped before it ends, the event may or
/// may not be recorded; [`Record::id`] makes it safe to record it again.
#[must_use = "nothing is recorded until this is awaited"]
pub struct Record {
    book: Deedbook,
    event: Result<Event>,
    counting: Counting,
    deadline: Duration,
}

impl Record {
    pub(crate) fn new(book: Deedbook, event: Result<Event>, counting: Counting) -> Self {
        let deadline = book.settings().deadline;
        Self { book, event, counting, deadline }
    }

    /// Gives up after this long, counted from the await; see [`crate::Builder::deadline`].
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// The id of the event, 1 to 128 of `[A-Za-z0-9_.:-]`: an equal event with this id is recorded once, however often
    /// it is tried.
    pub fn id(self, id: impl Into<String>) -> Self {
        self.with(|event| event.id = Some(id.into()))
    }

    /// When it happened, where that is not now.
    pub fn occurred_at(mut self, at: impl ToTimestamp) -> Self {
        match at.to_timestamp() {
            Ok(at) => self.with(|event| event.occurred_at = Some(at)),
            Err(error) => {
                self.event = self.event.and(Err(error));
                self
            }
        }
    }

    /// As awaiting it, for threads that run no tasks: blocks until the event is durable.
    ///
    /// # Errors
    /// As awaiting it.
    pub fn wait(self) -> Result<Receipt> {
        block_on(self.run())
    }

    fn with(mut self, change: impl FnOnce(&mut Event)) -> Self {
        if let Ok(event) = &mut self.event {
            change(event);
        }
        self
    }

    async fn run(self) -> Result<Receipt> {
        let draft = self.book.prepare(self.event?)?;
        let tally = Tally::new(draft.event(), self.counting);
        let receipt = record(&self.book, draft, self.deadline).await?;
        tally.count();
        Ok(receipt)
    }

    #[cfg(feature = "spool")]
    pub(crate) fn into_parts(self) -> Parts {
        Parts { book: self.book, event: self.event, counting: self.counting, deadline: self.deadline }
    }
}

impl IntoFuture for Record {
    type Output = Result<Receipt>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// What a record is made of.
#[cfg(feature = "spool")]
pub(crate) struct Parts {
    pub(crate) book: Deedbook,
    pub(crate) event: Result<Event>,
    pub(crate) counting: Counting,
    pub(crate) deadline: Duration,
}

/// Hands `draft` over and waits for its receipt, no longer than `wait`.
pub(crate) async fn record(book: &Deedbook, draft: Draft, wait: Duration) -> Result<Receipt> {
    let id = draft.id().to_owned();
    let fates = submit(book, vec![draft], Atomicity::PerEvent, Instant::now() + wait).await;
    let mut fates = fates.unwrap_or_else(|| Err(deadline_passed(&id, wait)))?;
    Ok(fates.pop().unwrap_or_else(|| Err(abandoned()))?.receipt)
}

/// Hands drafts over and waits for their fates; `None` where the deadline passes before they are known.
pub(crate) async fn submit(
    book: &Deedbook,
    drafts: Vec<Draft>,
    atomicity: Atomicity,
    deadline: Instant,
) -> Option<Fates> {
    let (sender, receiver) = oneshot::channel();
    let reply = Box::new(move |fates| drop(sender.send(fates)));
    book.backend().submit(Submission { drafts, atomicity, deadline, reply }).await;
    let fates = deadline::before(deadline, receiver).await?;
    Some(fates.unwrap_or_else(|_| Err(abandoned())))
}

pub(crate) fn deadline_passed(id: &str, deadline: Duration) -> Error {
    let message = format!(
        "no receipt for the event {id:?} within {deadline:?}; it may be recorded or not: record it again with this id, \
         which never enters it twice"
    );
    Error::new(ErrorKind::Unavailable, message)
}

pub(crate) fn abandoned() -> Error {
    Error::new(ErrorKind::NotFound, "the book was shut down before it gave a receipt")
}
