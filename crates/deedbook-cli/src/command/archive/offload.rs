//! `archive offload`: the entries of old segments → the archive.

use clap::Args;
use deedbook_core::Timestamp;
use deedbook_core::retention::Age;

use super::run::age;
use super::{Address, move_entries, name};
use crate::bucket;
use crate::exit::{Exit, Outcome};
use crate::place::Place;

/// The arguments of `archive offload`.
#[derive(Debug, Args)]
#[command(after_help = "\
A segment goes as a whole when its last entry is old enough. Its index stays, so that only what is shown is read from \
the archive; the log's directory then needs the archive, and a backup of the one is worth nothing without the other.

Example:
  deedbook archive offload --to /mnt/archive --older-than 90d
  deedbook archive offload --to s3://bucket/prefix --older-than 90d")]
pub(crate) struct Offload {
    #[command(flatten)]
    address: Address,

    /// How old the entries are that go, by the time of recording, such as 90d; all that are sealed when absent
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<Age>,
}

impl Offload {
    pub(super) fn run(self, place: &Place) -> Outcome<Exit> {
        if !bucket::is_meant(&self.address.to) {
            // A directory that is not there is made.
            self.address.open()?;
        }
        let archive = name(&self.address.to)?;
        let before =
            self.older_than.map_or(Timestamp::MAX, |age| age.before(Timestamp::now()).unwrap_or(Timestamp::MIN));
        move_entries(place, "to the archive", |files, watch| {
            if bucket::is_meant(&archive) {
                bucket::files(&archive)?.try_writing()?;
            }
            files.offload(&archive, before, watch)
        })
    }
}
