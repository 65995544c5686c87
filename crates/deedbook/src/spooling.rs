//! One record that goes to the spool where the log cannot take it.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use deedbook_core::{Error, ErrorKind, Result};

use crate::blocking::block_on;
use crate::record::{Parts, record};
use crate::tally::Tally;
use crate::{Receipt, Record};

/// A record that begins when it is awaited and survives that the log is away; made by [`crate::Deedbook::spool`].
#[must_use = "nothing is recorded until this is awaited"]
pub struct SpooledRecord(Record);

/// Where an event is now, durably in either case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In the log.
    Recorded(Receipt),
    /// In the spool, from where it will be delivered.
    Spooled {
        /// Id of the event, by which it will be found in the log.
        id: String,
    },
}

impl SpooledRecord {
    pub(crate) fn new(record: Record) -> Self {
        Self(record)
    }

    /// How long the log is waited for before the event goes to the spool, counted from the await.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self(self.0.deadline(deadline))
    }

    /// The id of the event, as [`Record::id`].
    pub fn id(self, id: impl Into<String>) -> Self {
        Self(self.0.id(id))
    }

    /// As awaiting it, for threads that run no tasks.
    ///
    /// # Errors
    /// As awaiting it.
    pub fn wait(self) -> Result<Kept> {
        block_on(self.run())
    }

    async fn run(self) -> Result<Kept> {
        let Parts { book, event, counting, deadline } = self.0.into_parts();
        let spool = book.spool_of_book().ok_or_else(no_spool)?;
        let draft = book.prepare(event?)?;
        let tally = Tally::new(draft.event(), counting);
        // What waits already keeps its place before this, and tells that the log is away.
        if spool.is_empty() {
            match record(&book, draft.clone(), deadline).await {
                Ok(receipt) => {
                    tally.count();
                    return Ok(Kept::Recorded(receipt));
                }
                Err(error) if is_verdict(&error) => return Err(error),
                Err(_) => {}
            }
        }
        spool.add(&draft).await?;
        tally.count();
        Ok(Kept::Spooled { id: draft.id().to_owned() })
    }
}

impl IntoFuture for SpooledRecord {
    type Output = Result<Kept>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// Whether the error speaks of the event, or of a book that was shut down: waiting will not change it.
fn is_verdict(error: &Error) -> bool {
    use ErrorKind::{Conflict, Invalid, NotFound, TooLarge};
    matches!(error.kind(), Invalid | TooLarge | Conflict | NotFound)
}

fn no_spool() -> Error {
    let message = "the book has no spool; open it with `Deedbook::builder().spool(SpoolOptions::in_directory(…))`";
    Error::new(ErrorKind::Invalid, message)
}
