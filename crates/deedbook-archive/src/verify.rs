//! Holding an archive against what was written, and against the log.

use std::collections::{BTreeMap, BTreeSet};

use deedbook_core::{Digest, Entry, Receipt, Result, Store, tree};

use crate::commit::{ENTRIES, Listed, PENDING, sha256};
use crate::feed::Feed;
use crate::run::{day, is_read};
use crate::{Archive, Commit};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Files that were read.
    pub files: u64,
    /// Entries in them.
    pub entries: u64,
    /// Their length.
    pub bytes: u64,
    /// What is wrong, in plain words.
    pub problems: Vec<String>,
    /// What is no fault, and good to know.
    pub notes: Vec<String>,
}

/// Entries of a commit by their positions, each by a digest of all that a log says of it.
type Found = BTreeMap<u64, Digest>;

impl Archive {
    /// Reads every file, and compares it with its commit, and with `log` where there is one. `progress` is told how many
    /// entries were read.
    ///
    /// # Errors
    /// As [`Archive::commits`], and where something cannot be read at all; what is wrong with files stands in the
    /// verdict.
    pub fn verify(&self, log: Option<&dyn Store>, progress: &mut dyn FnMut(u64)) -> Result<Verdict> {
        let commits = self.commits()?;
        let mut verdict = Verdict::default();
        let mut feed = log.map(|log| Feed::new(log, 0, None));
        let mut seqs = BTreeMap::new();
        for commit in &commits {
            let found = self.check_commit(commit, &mut seqs, &mut verdict)?;
            if let Some(feed) = &mut feed {
                compare(commit, found, feed, &mut verdict)?;
            }
            progress(verdict.entries);
        }
        if let Some(entry) = feed.as_mut().map(Feed::peek).transpose()?.flatten() {
            let position = entry.receipt.position;
            verdict.notes.push(format!("the log goes on at position {position}; the next run brings that in"));
        }
        self.check_paths(&commits, &mut verdict)?;
        Ok(verdict)
    }

    /// Reads the files of a commit. `seqs` holds the last number of each tenant so far.
    fn check_commit(&self, commit: &Commit, seqs: &mut BTreeMap<String, u64>, verdict: &mut Verdict) -> Result<Found> {
        let mut found = Found::new();
        for file in &commit.files {
            let wrong = match self.check_file(commit, file, seqs, &mut found) {
                Ok(wrong) => wrong,
                Err(error) if error.kind() == deedbook_core::ErrorKind::Corrupt => Some(with_cause(&error)),
                Err(error) => return Err(error),
            };
            verdict.problems.extend(wrong);
            verdict.files += 1;
            verdict.entries += file.rows;
            verdict.bytes += file.bytes;
        }
        Ok(found)
    }

    /// Reads a file; tells what is wrong with it.
    fn check_file(
        &self,
        commit: &Commit,
        file: &Listed,
        seqs: &mut BTreeMap<String, u64>,
        found: &mut Found,
    ) -> Result<Option<String>> {
        let rows = self.rows(file)?;
        let mut leaves = Vec::new();
        let mut wrong = None;
        let mut note = |what: String| wrong = wrong.take().or(Some(format!("{}: {what}", file.path)));
        if rows.tenant != file.tenant || rows.entries.len() as u64 != file.rows {
            note("it does not hold what its commit says".to_owned());
        }
        for entry in rows.into_entries() {
            let entry = entry?;
            let receipt = &entry.receipt;
            leaves.push(receipt.leaf_hash);
            if let Some(what) = fault(&entry, file, commit, seqs) {
                note(format!("the entry {:?} at position {} {what}", receipt.id, receipt.position));
            }
            seqs.insert(receipt.tenant.clone(), receipt.seq);
            if found.insert(receipt.position, said_of(&entry)).is_some() {
                note(format!("position {} is there twice", receipt.position));
            }
        }
        if tree::root(&leaves).to_string() != file.leaves {
            note("the leaves of its entries are not those that its commit says".to_owned());
        }
        Ok(wrong)
    }

    /// Readers take every file below `entries/` for a part of the table: what no commit names must not be there.
    fn check_paths(&self, commits: &[Commit], verdict: &mut Verdict) -> Result<()> {
        let named: BTreeSet<&str> =
            commits.iter().flat_map(|commit| &commit.files).map(|file| &file.path[..]).collect();
        let there = self.shelf.list(ENTRIES)?;
        let strangers = there.iter().filter(|path| is_read(path) && !named.contains(&path[..]));
        verdict
            .problems
            .extend(strangers.map(|path| format!("{path} belongs to no commit, and readers take it for entries")));
        let pending = self.shelf.list(PENDING)?.len();
        if pending > 0 {
            verdict
                .notes
                .push(format!("{pending} files wait in {PENDING}/; the next run finishes them or takes them away"));
        }
        Ok(())
    }
}

/// What is wrong with an entry of a file.
fn fault(entry: &Entry, file: &Listed, commit: &Commit, seqs: &BTreeMap<String, u64>) -> Option<&'static str> {
    let Receipt { id, tenant, seq, position, .. } = &entry.receipt;
    if !(file.first..=file.last).contains(position) || !(commit.first..commit.next).contains(position) {
        Some("stands outside of the positions of its file")
    } else if day(&entry.receipt) != file.day {
        Some("was recorded on another day")
    } else if seqs.get(tenant).is_some_and(|before| seq <= before) {
        Some("does not rise in number")
    } else if entry.event.id.as_ref() != Some(id) || entry.event.tenant.as_ref() != Some(tenant) {
        Some("is not the event of its receipt")
    } else {
        None
    }
}

/// Holds the entries of a commit against those of the log.
fn compare(commit: &Commit, mut found: Found, feed: &mut Feed<'_>, verdict: &mut Verdict) -> Result<()> {
    while feed.peek()?.is_some_and(|entry| entry.receipt.position < commit.next) {
        let Some(entry) = feed.next()? else { break };
        let receipt = &entry.receipt;
        let which =
            format!("the entry {:?} of tenant {:?} at position {}", receipt.id, receipt.tenant, receipt.position);
        match found.remove(&receipt.position) {
            None => verdict.problems.push(format!("{which} is in the log and not in the archive")),
            Some(said) if said != said_of(&entry) => verdict
                .problems
                .push(format!("{which} is not what the log has: it was changed, or values of it were erased since")),
            Some(_) => {}
        }
    }
    if !found.is_empty() {
        let (first, last) = (found.keys().next(), found.keys().next_back());
        let positions = first.zip(last).map(|(first, last)| format!("positions {first} to {last}")).unwrap_or_default();
        verdict.notes.push(format!("{} entries ({positions}) are not in the log any more", found.len()));
    }
    Ok(())
}

/// A digest of what the log says of an entry: what it holds, null where values were erased, and where it stands.
fn said_of(entry: &Entry) -> Digest {
    sha256(&entry.to_json())
}

fn with_cause(error: &deedbook_core::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
