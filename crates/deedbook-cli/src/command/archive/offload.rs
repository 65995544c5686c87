//! `archive offload`: the entries of old segments → the archive.

use std::ops::ControlFlow;

use clap::Args;
use deedbook_core::Timestamp;
use deedbook_core::retention::Age;

use super::run::age;
use super::{Address, name, to_move};
use crate::exit::{Exit, Outcome};
use crate::place::Place;
use crate::progress::{Progress, counted, grouped};

/// The arguments of `archive offload`.
#[derive(Debug, Args)]
#[command(after_help = "\
A segment goes as a whole when its last entry is old enough. Its index stays, so that only what is shown is read from \
the archive; the log's directory then needs the archive, and a backup of the one is worth nothing without the other.

Example:
  deedbook archive offload --to /mnt/archive --older-than 90d")]
pub(crate) struct Offload {
    #[command(flatten)]
    address: Address,

    /// How old the entries are that go, by the time of recording, such as 90d; all that are sealed when absent
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<Age>,
}

impl Offload {
    pub(super) fn run(self, place: &Place) -> Outcome<Exit> {
        // A directory that is not there is made.
        self.address.open()?;
        let archive = name(&self.address.to)?;
        let book = to_move(place)?;
        let before =
            self.older_than.map_or(Timestamp::MAX, |age| age.before(Timestamp::now()).unwrap_or(Timestamp::MIN));
        let progress = Progress::new();
        progress.begin_count(book.store().visible_count(), "positions");
        let moved = book.shared_files().offload(&archive, before, &|moved| {
            progress.set(moved.entries);
            ControlFlow::Continue(())
        });
        progress.end();
        let moved = moved?;
        book.close()?;
        progress.say(format_args!(
            "{} moved to the archive in {}, {} bytes",
            counted(moved.entries, "entry", "entries"),
            counted(moved.segments, "segment", "segments"),
            grouped(moved.bytes)
        ));
        Ok(Exit::Done)
    }
}
