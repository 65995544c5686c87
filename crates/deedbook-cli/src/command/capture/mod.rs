//! `capture`: what happens in a database → the log. One file for each thing that is done with it.

mod run;

use clap::{Args, Subcommand};
use deedbook_postgres::Database;

use crate::exit::{Exit, Outcome};
use crate::place::{Place, Secret};

/// The arguments of `capture`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  deedbook capture postgres run --database postgresql://app@localhost/app --data ./deedbook-data")]
pub(crate) struct Capture {
    #[command(subcommand)]
    source: Source,
}

#[derive(Debug, Subcommand)]
enum Source {
    /// A PostgreSQL database
    #[command(subcommand)]
    Postgres(Postgres),
}

#[derive(Debug, Subcommand)]
enum Postgres {
    /// Deliver what was committed into the log, until told to end
    Run(run::Run),
}

/// Which database.
#[derive(Debug, Args)]
struct Address {
    /// The database: postgresql://USER@HOST/NAME; better given by the environment where it has a password
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database: Secret,
}

impl Capture {
    /// Does it with the log at `place`.
    pub(crate) fn run(self, place: &Place) -> Outcome<Exit> {
        match self.source {
            Source::Postgres(Postgres::Run(command)) => command.run(place),
        }
    }
}

impl Address {
    /// The database; nothing is asked of it yet.
    fn read(&self) -> Outcome<Database> {
        Ok(self.database.expose().parse()?)
    }
}
