//! Entries of a log by tenant and day as Parquet, in a directory or an object store, as DuckDB, Spark, ClickHouse and
//! Trino read a partitioned table.
//!
//! [`Archive::bring_up`] brings an archive up to what a log holds, [`Archive::verify`] holds every byte of it against what
//! was written and against the log, [`Archive::entries`] gives entries back. [`Files`] are bytes beside that table, for a
//! log that keeps its old entries there. Nothing here runs by itself. What a file holds, and why it can be trusted after a
//! crash, is in `docs/decisions/0018-archive.md` and `docs/archive.md`.

mod cells;
mod commit;
mod feed;
mod files;
mod requests;
mod restore;
mod rows;
mod run;
#[cfg(feature = "cloud")]
mod s3;
mod schema;
mod shelf;
mod table;
mod verify;

use std::path::Path;
use std::sync::Arc;

use deedbook_core::retention::Age;
use deedbook_core::{Digest, Error, ErrorKind, Result};
pub use object_store;
use object_store::ObjectStore;

pub use commit::{Commit, Last, Listed};
pub use files::{Files, Upload};
pub use restore::Selection;
pub use run::{Brought, Limits};
pub use verify::Verdict;

use shelf::{Missing, Patience, Shelf};

/// An archive; any number of processes may read it, and of those that write one at a time wins.
pub struct Archive {
    shelf: Shelf,
}

/// What keeps an object from being removed or replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// `COMPLIANCE`: nobody lifts it; `GOVERNANCE`: who has the right to does.
    pub mode: String,
    /// Until when, by RFC 3339.
    pub until: String,
}

impl Archive {
    /// The archive at a path or a URL such as `s3://bucket/prefix`; a directory that is not there is made.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a URL that cannot be one of an archive; [`ErrorKind::Io`].
    pub fn open(place: &str) -> Result<Self> {
        Self::at(place, Missing::Make)
    }

    /// As [`Archive::open`], of a directory that must be there.
    ///
    /// # Errors
    /// As [`Archive::open`]; [`ErrorKind::NotFound`].
    pub fn open_to_read(place: &str) -> Result<Self> {
        Self::at(place, Missing::Refuse)
    }

    fn at(place: &str, missing: Missing) -> Result<Self> {
        let shelf = if place.contains("://") {
            Shelf::url(place, missing, Patience::Long)?
        } else {
            Shelf::directory(Path::new(place), missing)?
        };
        Ok(Self { shelf })
    }

    /// The archive in any other store of objects; it must have [`PutMode::Create`](object_store::PutMode::Create).
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where the operating system gives no means to wait.
    pub fn on(objects: Arc<dyn ObjectStore>) -> Result<Self> {
        Ok(Self { shelf: Shelf::on(objects)? })
    }

    /// What is written from now on can be removed or replaced by nobody for so long, the owner of the bucket included:
    /// each file and commit gets an object lock of S3 in compliance mode, up to the end of a day in UTC.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the archive is not in S3.
    pub fn lock_for(&mut self, age: Age) -> Result<()> {
        self.shelf.lock(age)
    }

    /// What keeps the last commit from being removed; `None` where nothing does, where there is no commit, or where the
    /// keys may not know it.
    ///
    /// # Errors
    /// As [`Archive::commits`].
    pub fn lock(&self) -> Result<Option<Lock>> {
        let head = self.head()?;
        Ok(head.map(|(commit, _)| self.shelf.lock_of(&Commit::path(commit.first))).transpose()?.flatten())
    }

    /// All commits, in order, each held against the one before it.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] where one is missing or was changed; [`ErrorKind::NewerFormat`], [`ErrorKind::Io`].
    pub fn commits(&self) -> Result<Vec<Commit>> {
        Ok(self.chain()?.into_iter().map(|(commit, _)| commit).collect())
    }

    /// Whether one of the commits has this SHA-256: then everything up to it is as it was when it was the last one.
    ///
    /// # Errors
    /// As [`Archive::commits`].
    pub fn leads_back_to(&self, known: &Digest) -> Result<bool> {
        Ok(self.chain()?.iter().any(|(_, digest)| digest == known))
    }

    fn chain(&self) -> Result<Vec<(Commit, Digest)>> {
        let mut chain: Vec<(Commit, Digest)> = Vec::new();
        for path in self.shelf.list(commit::FOLDER)? {
            let (commit, digest) = self.commit(&path)?;
            let before = chain.last();
            let expected = before.map_or(0, |(before, _)| before.next);
            if commit.first != expected || commit.previous != before.map(|(_, digest)| digest.to_string()) {
                let message = format!(
                    "{path} does not continue the commit before it: that one, or one between them, is missing or changed"
                );
                return Err(Error::new(ErrorKind::Corrupt, message));
            }
            chain.push((commit, digest));
        }
        Ok(chain)
    }

    /// The last commit, and its SHA-256: whoever keeps that knows the whole chain by it.
    ///
    /// # Errors
    /// As [`Archive::commits`].
    pub fn head(&self) -> Result<Option<(Commit, Digest)>> {
        let paths = self.shelf.list(commit::FOLDER)?;
        paths.last().map(|path| self.commit(path)).transpose()
    }

    fn commit(&self, path: &str) -> Result<(Commit, Digest)> {
        let bytes = self
            .shelf
            .get(path)?
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, format!("{path} went away while the archive was read")))?;
        Ok((Commit::read(path, &bytes)?, commit::sha256(&bytes)))
    }
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").finish_non_exhaustive()
    }
}
