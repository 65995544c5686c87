//! `capture`: what happens in a database → the log. One file for each thing that is done with it.

mod install;
mod run;
mod status;
mod sync;
mod uninstall;

use clap::{Args, Subcommand};
use deedbook_postgres::Database;

use crate::exit::{Exit, Failure, Outcome};
use crate::place::{Place, Secret};

/// The arguments of `capture`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  deedbook capture postgres install --database postgresql://owner@localhost/app
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
    /// Capture what changes in tables from now on
    Install(Box<install::Install>),
    /// Show what is captured, and what is not as it should be
    Status(status::ShowStatus),
    /// Bring the triggers up to date after changes of the schema
    Sync(sync::Sync),
    /// Remove every trigger and everything else that was installed
    Uninstall(uninstall::Uninstall),
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
            Source::Postgres(Postgres::Install(command)) => command.run(),
            Source::Postgres(Postgres::Status(command)) => command.run(),
            Source::Postgres(Postgres::Sync(command)) => command.run(),
            Source::Postgres(Postgres::Uninstall(command)) => command.run(),
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

/// Waits for what is asked of a database.
fn block_on<T>(answer: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::io("start a thread for the database", error))?.block_on(answer)
}
