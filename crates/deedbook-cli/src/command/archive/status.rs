//! `archive status`: how far an archive is.

use std::io::Write;

use clap::Args;

use super::Address;
use crate::exit::{Exit, Outcome};
use crate::output;
use crate::output::safe::safe;
use crate::progress::{counted, grouped};

/// The arguments of `archive status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    address: Address,
}

impl Status {
    pub(super) fn run(self) -> Outcome<Exit> {
        let archive = self.address.open_to_read()?;
        let (commits, head, lock) = (archive.commits()?, archive.head()?, archive.lock()?);
        let files = || commits.iter().flat_map(|commit| &commit.files);
        let (entries, bytes) = (files().map(|file| file.rows).sum(), files().map(|file| file.bytes).sum());
        let mut out = anstream::stdout().lock();
        let mut print = || {
            writeln!(
                out,
                "{} in {} of {}, {} bytes",
                counted(entries, "entry", "entries"),
                counted(files().count() as u64, "file", "files"),
                counted(commits.len() as u64, "commit", "commits"),
                grouped(bytes)
            )?;
            let Some((commit, digest)) = &head else { return Ok(()) };
            let days = files().map(|file| &file.day[..]);
            let (first, last) = (days.clone().min().unwrap_or_default(), days.max().unwrap_or_default());
            writeln!(out, "recorded from {} to {}", safe(first), safe(last))?;
            writeln!(out, "the log is archived up to position {}", commit.next)?;
            if let Some(lock) = &lock {
                writeln!(out, "the last commit is locked until {} ({})", safe(&lock.until), safe(&lock.mode))?;
            }
            writeln!(out, "the last commit has the SHA-256 {digest}")
        };
        print().map_err(output::unwritable)?;
        Ok(Exit::Done)
    }
}
