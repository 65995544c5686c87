//! `capture postgres uninstall`: a database is as if it had never been captured.

use clap::Args;
use deedbook_postgres::capture::{self, Undelivered};

use super::Address;
use crate::exit::{Exit, Outcome};
use crate::output;

/// The arguments of `capture postgres uninstall`.
#[derive(Debug, Args)]
#[command(after_help = "\
Removes every trigger and the schema deedbook with its functions and its outbox. What is in the log stays there.

Example:
  deedbook capture postgres uninstall --database postgresql://owner@localhost/app")]
pub(crate) struct Uninstall {
    #[command(flatten)]
    address: Address,

    /// Go on though changes were not delivered, and lose them
    #[arg(long)]
    discard: bool,
}

impl Uninstall {
    /// Does it.
    pub(crate) fn run(self) -> Outcome<Exit> {
        let database = self.address.read()?;
        let undelivered = if self.discard { Undelivered::Discard } else { Undelivered::Keep };
        super::block_on(async {
            capture::uninstall(&mut database.connect().await?, undelivered).await?;
            output::print_line("Capture was removed.")?;
            Ok(Exit::Done)
        })
    }
}
