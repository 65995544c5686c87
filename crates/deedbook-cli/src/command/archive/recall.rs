//! `archive recall`: entries that lie in archives → the log's directory.

use clap::Args;
use deedbook_core::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::move_entries;
use crate::exit::{Exit, Failure, Outcome};
use crate::place::Place;

/// The arguments of `archive recall`.
#[derive(Debug, Args)]
#[command(after_help = "\
The log's directory knows in which archive its entries are. Segments come back as a whole, and go again at the next \
`archive offload`.

Example:
  deedbook archive recall --from 2026-01-01 --until 2026-01-31")]
pub(crate) struct Recall {
    /// From this day of recording on, in UTC; from the first one when absent
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,

    /// Up to this day, itself included; up to the last one when absent
    #[arg(long, value_name = "DAY")]
    until: Option<Date>,
}

impl Recall {
    pub(super) fn run(self, place: &Place) -> Outcome<Exit> {
        let from = self.from.map_or(Ok(Timestamp::MIN), begin)?;
        let until = self.until.map_or(Ok(Timestamp::MAX), |day| begin(day.tomorrow().unwrap_or(Date::MAX)))?;
        move_entries(place, "back from the archive", |files, watch| files.recall(from..until, watch))
    }
}

/// When a day begins in UTC.
fn begin(day: Date) -> Outcome<Timestamp> {
    let begun = day.to_zoned(TimeZone::UTC).map(|begun| begun.timestamp());
    begun.map_err(|error| Failure::invalid(format!("{day}: {error}")))
}
