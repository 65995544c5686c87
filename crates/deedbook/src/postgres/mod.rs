//! Events and contexts inside a transaction of PostgreSQL: what is recorded here commits with the act, or never was.
//!
//! The event is written into a table of the same database (one insert, in the transaction), from where `deedbook capture
//! postgres run` brings it into the log; the request waits for neither. The schema is installed once, and the role of
//! the application needs one right:
//!
//! ```sql
//! GRANT EXECUTE ON FUNCTION deedbook.record(text, text) TO my_application;
//! ```
//!
//! With the feature `tokio-postgres` it works on that driver's transactions, with `sqlx-postgres` on those of sqlx.
//!
//! ```
//! # #[cfg(feature = "tokio-postgres")]
//! # mod example {
//! use deedbook::{Event, postgres};
//!
//! async fn approve(client: &mut tokio_postgres::Client, number: i64, event: Event) -> Result<(), Box<dyn std::error::Error>> {
//!     let mut transaction = postgres::begin(client).await?;
//!     transaction.execute("UPDATE invoice SET state = 'approved' WHERE number = $1", &[&number]).await?;
//!     postgres::record_in(&mut transaction, event).await?;
//!     transaction.commit().await?;
//!     Ok(())
//! }
//! # }
//! ```

#[cfg(feature = "sqlx-postgres")]
mod sqlx;
#[cfg(feature = "tokio-postgres")]
mod tokio_postgres;

use std::error::Error as StdError;
use std::future::Future;

use deedbook_core::{Draft, Error, ErrorKind, Event, Limits, Result, prepare};

use crate::{Context, Deedbook, IntoEvent, context};

/// A transaction of a driver: `tokio_postgres::Transaction`, `sqlx::Transaction<Postgres>`, or a `sqlx::PgConnection` in
/// which one is open.
pub trait Transaction: sealed::Call {}

/// Where transactions begin: `&mut tokio_postgres::Client`, `&sqlx::PgPool`, `&mut sqlx::PgConnection`.
pub trait Begin: sealed::Begin {}

/// Begins a transaction and binds the context of the task to it, which costs no round trip of its own.
///
/// # Errors
/// [`ErrorKind::Unavailable`] where the database is not reached, [`ErrorKind::Invalid`] where the context breaks a rule
/// of events, [`ErrorKind::Io`] for what else the database refuses.
pub async fn begin<B: Begin>(from: B) -> Result<B::Transaction> {
    let claim = context::current().claim()?;
    from.begin(claim).await
}

/// Binds the context of the task to the transaction: changes of captured tables, and events of `deedbook.record`, are
/// entered as done by its actor, in its request. It holds until the transaction ends, or until another is bound, and
/// never for the next user of the connection. [`begin`] and [`record_in`] do it too.
///
/// # Errors
/// As [`begin`], and [`ErrorKind::NotFound`] where the schema is not installed.
pub async fn bind<T: Transaction>(transaction: &mut T) -> Result<()> {
    match context::current().claim()? {
        Some(claim) => transaction.call("SELECT deedbook.context($1)", &[Some(&claim)]).await,
        None => Ok(()),
    }
}

/// Records `event` in the transaction, and binds the context of the task to it, in one round trip. Once the transaction
/// has committed, the event arrives in the log, exactly once; rolled back, to a savepoint too, it never was. Gives the
/// id that the entry will have.
///
/// The event goes through the same checks as one that is recorded at once, and one that breaks a rule is refused before
/// the database hears of it. There is no receipt: the log has not seen it yet. It waits for the answer of the database,
/// since PostgreSQL takes the COMMIT of a transaction that has failed for a ROLLBACK and calls that no error. Whoever
/// has a book records with [`Deedbook::record_in`], which gives the event what the book gives every event.
///
/// # Errors
/// [`ErrorKind::Invalid`] and [`ErrorKind::TooLarge`] for the event; the transaction is as it was then. For the
/// database: as [`bind`], and [`ErrorKind::Denied`] where the role may not execute `deedbook.record`; PostgreSQL has
/// given up the transaction then.
pub async fn record_in<T: Transaction, E: IntoEvent>(transaction: &mut T, event: E) -> Result<String> {
    let context = context::current().frozen();
    let event = event.into_event(&context)?;
    written(transaction, &prepared(event)?, &context).await
}

impl Deedbook {
    /// As [`record_in`], with what the book gives every event that does not say it itself ([`Deedbook::builder`]): its
    /// tenant, its source. The log of the book is not asked; the event arrives there if `deedbook capture postgres run`
    /// delivers into it.
    ///
    /// ```
    /// # #[cfg(feature = "tokio-postgres")]
    /// # mod example {
    /// use deedbook::{Deedbook, Event, postgres};
    ///
    /// async fn approve(book: &Deedbook, client: &mut tokio_postgres::Client, event: Event) -> Result<(), Box<dyn std::error::Error>> {
    ///     let mut transaction = postgres::begin(client).await?;
    ///     book.record_in(&mut transaction, event).await?;
    ///     transaction.commit().await?;
    ///     Ok(())
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`record_in`].
    pub async fn record_in<T: Transaction, E: IntoEvent>(&self, transaction: &mut T, event: E) -> Result<String> {
        let event = event.into_event(&self.context())?;
        // What is bound is what `begin` binds, or the database would write the context of the transaction twice.
        written(transaction, &self.prepare(event)?, &context::current().frozen()).await
    }
}

fn prepared(event: Event) -> Result<Draft> {
    prepare(event, &Limits::default(), || {
        let mut random = [0; 16];
        crate::fill_random(&mut random);
        random
    })
}

async fn written<T: Transaction>(transaction: &mut T, draft: &Draft, context: &Context) -> Result<String> {
    let body = text(draft.claim().into_owned())?;
    let claim = context.claim()?;
    transaction.call("SELECT deedbook.record($1, $2)", &[Some(&body), claim.as_deref()]).await?;
    Ok(draft.id().to_owned())
}

fn text(canonical: Vec<u8>) -> Result<String> {
    let invalid = |error| Error::new(ErrorKind::Invalid, "canonical bytes are no text").with_source(error);
    String::from_utf8(canonical).map_err(invalid)
}

/// What a driver is asked for.
mod sealed {
    use super::{Future, Result};

    /// Runs one statement with values of type `text`.
    pub trait Call: Send {
        fn call(&mut self, sql: &'static str, values: &[Option<&str>]) -> impl Future<Output = Result<()>> + Send;
    }

    /// Begins a transaction with this claim as its context.
    pub trait Begin: Send {
        type Transaction;

        fn begin(self, claim: Option<String>) -> impl Future<Output = Result<Self::Transaction>> + Send;
    }
}

/// An error of the driver, by the code that the database gave, if any.
fn failed(code: Option<&str>, error: impl StdError + Send + Sync + 'static) -> Error {
    let (kind, message) = match code {
        // Whatever is not an answer of the database is the connection.
        None => (ErrorKind::Unavailable, "the database did not take it"),
        Some("3F000" | "42883") => {
            (ErrorKind::NotFound, "Deedbook is not installed in this database: run `deedbook capture postgres install`")
        }
        Some("42501") => {
            (ErrorKind::Denied, "the role may not record: GRANT EXECUTE ON FUNCTION deedbook.record(text, text) TO it")
        }
        Some(code) if code.starts_with("08") || code.starts_with("57") => {
            (ErrorKind::Unavailable, "the database did not take it")
        }
        Some(_) => (ErrorKind::Io, "the database refused it"),
    };
    Error::new(kind, message).with_source(error)
}
