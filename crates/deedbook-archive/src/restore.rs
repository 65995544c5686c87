//! Entries of an archive, given back.

use deedbook_core::{Entry, Error, ErrorKind, Result};

use crate::commit::{Listed, sha256};
use crate::rows::Rows;
use crate::{Archive, Commit};

/// Which entries are wanted; all of them by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Whose.
    pub tenant: Option<String>,
    /// From this day on, by when they were recorded in UTC: `2026-09-20`.
    pub from: Option<String>,
    /// Up to this day, itself included.
    pub until: Option<String>,
}

impl Selection {
    /// Whether the file is wanted.
    fn has(&self, file: &Listed) -> bool {
        self.tenant.as_ref().is_none_or(|tenant| *tenant == file.tenant)
            && self.from.as_ref().is_none_or(|from| *from <= file.day)
            && self.until.as_ref().is_none_or(|until| file.day <= *until)
    }

    /// How many entries are wanted of those that are there.
    pub fn count(&self, commits: &[Commit]) -> u64 {
        let files = commits.iter().flat_map(|commit| &commit.files);
        files.filter(|file| self.has(file)).map(|file| file.rows).sum()
    }
}

impl Archive {
    /// Gives `each` the entries that are wanted: those of each tenant in their order.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] where a file is missing or was changed, after what stood before it was given; whatever
    /// `each` says.
    pub fn entries<E: From<Error>>(
        &self,
        commits: &[Commit],
        selection: &Selection,
        mut each: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        for file in commits.iter().flat_map(|commit| &commit.files).filter(|file| selection.has(file)) {
            for entry in self.rows(file)?.into_entries() {
                each(entry?)?;
            }
        }
        Ok(())
    }

    /// The rows of a file, whose bytes are those that were written.
    pub(crate) fn rows(&self, file: &Listed) -> Result<Rows> {
        let changed = |what: &str| Error::new(ErrorKind::Corrupt, format!("{} {what}", file.path));
        // A file whose commit is new may still be where it was written.
        let bytes = match self.shelf.get(&file.path)? {
            Some(bytes) => Some(bytes),
            None => self.shelf.get(&file.pending())?,
        };
        let bytes = bytes.ok_or_else(|| changed("is missing"))?;
        if sha256(&bytes).to_string() != file.sha256 {
            return Err(changed("is not what was written: its SHA-256 is another one"));
        }
        Rows::read(bytes).map_err(|error| changed("cannot be read").with_source(error))
    }
}
