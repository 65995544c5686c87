//! `capture postgres sync`: the triggers are brought up to date after changes of the schema.

use std::io::Write;

use clap::Args;
use deedbook_postgres::capture;

use super::Address;
use crate::exit::{Exit, Outcome};
use crate::output;
use crate::output::safe::safe;

/// The arguments of `capture postgres sync`.
#[derive(Debug, Args)]
#[command(after_help = "\
Until it is run, what changes in a table that was altered is captured too, only more slowly; a partition that is new is \
captured through its table, and not where it is written to directly.

Example:
  deedbook capture postgres sync --database postgresql://owner@localhost/app")]
pub(crate) struct Sync {
    #[command(flatten)]
    address: Address,
}

impl Sync {
    /// Does it, and prints what was not up to date.
    pub(crate) fn run(self) -> Outcome<Exit> {
        let database = self.address.read()?;
        super::block_on(async {
            let renewed = capture::sync(&mut database.connect().await?).await?;
            let mut out = anstream::stdout().lock();
            let lines = renewed.iter().try_for_each(|table| writeln!(out, "{}: brought up to date", safe(table)));
            lines.map_err(output::unwritable)?;
            if renewed.is_empty() {
                writeln!(out, "Everything is up to date.").map_err(output::unwritable)?;
            }
            Ok(Exit::Done)
        })
    }
}
