//! `archive run`: what the log has and the archive has not → files.

use std::ops::ControlFlow;

use clap::Args;
use deedbook_archive::Limits;
use deedbook_core::retention::Age;

use super::Address;
use crate::book;
use crate::exit::{Exit, Outcome};
use crate::place::Place;
use crate::progress::{Progress, counted, grouped};

/// The arguments of `archive run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    address: Address,

    /// How much goes into one commit, in MiB of events; about as much memory is taken
    #[arg(long, value_name = "MIB", default_value_t = 128, value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch_mib: u16,

    /// Lock what is written for so long, such as 7y or 90d, by S3's object lock in compliance mode: nobody can remove
    /// it before, the owner of the bucket included
    #[arg(long, value_name = "AGE", value_parser = age)]
    lock: Option<Age>,
}

pub(super) fn age(text: &str) -> Result<Age, String> {
    Age::parse(text).ok_or_else(|| "expected an age such as 90d, 6m or 7y".to_owned())
}

impl Run {
    pub(super) fn run(self, place: &Place) -> Outcome<Exit> {
        let log = book::reading(place)?;
        let mut archive = self.address.open()?;
        self.lock.map(|age| archive.lock_for(age)).transpose()?;
        let limits = Limits { batch_bytes: usize::from(self.batch_mib) << 20 };
        let progress = Progress::new();
        progress.begin_count(log.visible_count(), "positions");
        let brought = archive.bring_up(&*log, &limits, &mut |next| {
            progress.set(next);
            ControlFlow::Continue(())
        });
        progress.end();
        let brought = brought?;
        progress.say(format_args!(
            "{} archived in {}, {} bytes; the archive holds the log up to position {}",
            counted(brought.entries, "entry", "entries"),
            counted(brought.files, "file", "files"),
            grouped(brought.bytes),
            brought.next
        ));
        Ok(Exit::Done)
    }
}
