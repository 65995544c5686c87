//! `capture postgres status`: what is captured, and whether everything is as it should be.

use std::io::{self, Write};

use clap::Args;
use deedbook_postgres::capture::{self, Status};

use super::{Address, install};
use crate::exit::{Exit, Outcome};
use crate::output;
use crate::output::safe::safe;

/// The arguments of `capture postgres status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exits with 1 where something is not as it should be: a trigger is missing or disabled, a table changed since its \
triggers were made, a table of the options of `install` was made later, or the log refused something for good.

Example:
  deedbook capture postgres status --database postgresql://owner@localhost/app")]
pub(crate) struct ShowStatus {
    #[command(flatten)]
    address: Address,
}

impl ShowStatus {
    /// Prints it.
    pub(crate) fn run(self) -> Outcome<Exit> {
        let database = self.address.read()?;
        super::block_on(async {
            let status = capture::status(&database.connect().await?).await?;
            print(&status).map_err(output::unwritable)?;
            let is_well = status.problems.is_empty() && status.missed.is_empty() && status.rejected == 0;
            Ok(if is_well { Exit::Done } else { Exit::No })
        })
    }
}

fn print(status: &Status) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    for table in &status.captured {
        writeln!(out, "{}, shape {}", install::line(table), table.version)?;
    }
    for problem in &status.problems {
        writeln!(out, "{}: {}; run `deedbook capture postgres sync`", safe(&problem.table), safe(&problem.problem))?;
    }
    for table in &status.missed {
        writeln!(out, "{}: is not captured; run `deedbook capture postgres install` again", safe(&table.to_string()))?;
    }
    let lag = status.lag.map(|lag| format!(", the oldest for {} s", lag.as_secs())).unwrap_or_default();
    writeln!(out, "outbox: {} rows wait{lag}; {} KiB on disk", status.outbox_rows, status.outbox_bytes / 1024)?;
    if status.rejected > 0 {
        writeln!(out, "rejected: {} rows; the log refused them, see deedbook.rejected", status.rejected)?;
    }
    let follows = if status.is_following { "by themselves" } else { "by `deedbook capture postgres sync`" };
    writeln!(out, "changes of the schema are followed {follows}")
}
