//! Who takes part: one trait, one file each, one list.

mod deedbook;
mod limit;
mod postgres;
mod sqlite;

use std::path::Path;
use std::time::Duration;

use deedbook_core::Event;

use crate::Result;
use crate::question::{Answer, Question};
use crate::row::Row;

pub use self::deedbook::{Deedbook, Finish};
pub use self::limit::Limit;
pub use self::postgres::Postgres;
pub use self::sqlite::Sqlite;

/// One way to keep an audit log.
pub trait Contestant {
    /// What a batch must be made of.
    fn diet(&self) -> Diet;

    /// Makes these batches durable, each as one transaction, and says how long each took. It may take the contents;
    /// what it leaves is dropped outside of the measurement.
    ///
    /// # Errors
    /// Whatever prevents it; the run ends.
    fn load(&mut self, batches: &mut [Batch]) -> Result<Vec<Append>>;

    /// Waits until nothing goes on in the background any more. Called inside the measurement.
    ///
    /// # Errors
    /// As `load`.
    fn settle(&mut self) -> Result<()> {
        Ok(())
    }

    /// Brings the data into the state in which it stays when nothing more is entered; then answers questions. Called
    /// inside the measurement.
    ///
    /// # Errors
    /// As `load`.
    fn finish(&mut self) -> Result<()>;

    /// Bytes on disk, indexes included, after `finish`.
    ///
    /// # Errors
    /// When the files cannot be listed.
    fn disk_bytes(&mut self) -> Result<u64>;

    /// CPU time that was used for this contestant outside of this process.
    ///
    /// # Errors
    /// When it cannot be read.
    fn cpu_elsewhere(&self) -> Result<Duration> {
        Ok(Duration::ZERO)
    }

    /// The answer, or `None` from a contestant that cannot be asked.
    ///
    /// # Errors
    /// As `load`.
    fn answer(&mut self, question: &Question) -> Result<Option<Answer>>;
}

/// What a contestant is fed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diet {
    /// What an application has in hand: nothing is done yet.
    Events,
    /// Ready columns and a ready body.
    Rows,
}

/// What is made durable at once.
pub enum Batch {
    /// For [`Diet::Events`].
    Events(Vec<Event>),
    /// For [`Diet::Rows`].
    Rows(Vec<Row>),
}

impl Batch {
    /// The rows of a batch of rows; none of any other.
    fn rows(&self) -> &[Row] {
        match self {
            Self::Rows(rows) => rows,
            Self::Events(_) => &[],
        }
    }
}

/// One batch made durable.
#[derive(Clone, Copy, Debug)]
pub struct Append {
    /// From handing it over until it was durable.
    pub took: Duration,
    /// What went on meanwhile.
    pub background: Background,
}

impl Append {
    /// An append of which nobody knows what went on meanwhile.
    fn of(took: Duration) -> Self {
        Self { took, background: Background::Unknown }
    }
}

/// Whether sealing or merging went on during an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// The contestant does not say.
    Unknown,
    /// It did not.
    Quiet,
    /// It did.
    Busy,
}

/// Bytes of all files under `directory`.
fn bytes_under(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_under(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
