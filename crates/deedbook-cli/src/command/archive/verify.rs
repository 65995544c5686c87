//! `archive verify`: every byte of an archive → what is wrong with it.

use std::io::Write;

use clap::Args;
use deedbook_core::Digest;

use super::Address;
use crate::book;
use crate::exit::{Exit, Outcome};
use crate::output;
use crate::output::safe::safe;
use crate::place::Place;
use crate::progress::{Progress, counted, grouped};

/// The arguments of `archive verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    address: Address,

    /// Compare each entry with the log too, the one of --data or --server
    #[arg(long)]
    with_log: bool,

    /// The SHA-256 of the last commit as `archive status` showed it once: the archive must still lead back to it
    #[arg(long, value_name = "SHA256")]
    known: Option<Digest>,
}

impl Verify {
    pub(super) fn run(self, place: &Place) -> Outcome<Exit> {
        let archive = self.address.open_to_read()?;
        let log = self.with_log.then(|| book::reading(place)).transpose()?;
        let progress = Progress::new();
        let total = archive.commits()?.iter().flat_map(|commit| &commit.files).map(|file| file.rows).sum();
        progress.begin_count(total, "entries");
        let verdict = archive.verify(log.as_deref(), &mut |entries| progress.set(entries));
        progress.end();
        let mut verdict = verdict?;
        if let Some(known) = &self.known
            && !archive.leads_back_to(known)?
        {
            verdict.problems.push(format!("no commit has the SHA-256 {known}: the archive is not the one it was of"));
        }
        let mut out = anstream::stdout().lock();
        let mut print = || {
            writeln!(
                out,
                "{} in {}, {} bytes",
                counted(verdict.entries, "entry", "entries"),
                counted(verdict.files, "file", "files"),
                grouped(verdict.bytes)
            )?;
            verdict.notes.iter().try_for_each(|note| writeln!(out, "note: {}", safe(note)))?;
            verdict.problems.iter().try_for_each(|problem| writeln!(out, "wrong: {}", safe(problem)))?;
            if verdict.problems.is_empty() { writeln!(out, "nothing is wrong") } else { Ok(()) }
        };
        print().map_err(output::unwritable)?;
        Ok(if verdict.problems.is_empty() { Exit::Done } else { Exit::No })
    }
}
