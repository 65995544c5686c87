//! `archive`: a log → Parquet files by tenant and day, and back. One file for each thing that is done with it.

mod restore;
mod run;
mod status;
mod verify;

use clap::{Args, Subcommand};

use crate::exit::{Exit, Outcome};
use crate::place::Place;

/// The arguments of `archive`.
#[derive(Debug, Args)]
#[command(after_help = "\
An archive holds entries by tenant and day as Parquet, which DuckDB, Spark, ClickHouse and Trino read as one table: \
docs/archive.md.

Example:
  deedbook archive run --to ./archive
  deedbook archive verify --to ./archive --with-log
  duckdb -c \"SELECT action, count(*) FROM read_parquet('archive/entries/*/*/*.parquet') GROUP BY 1\"")]
pub(crate) struct Archive {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Bring in what the log has and the archive has not; what was interrupted goes on
    Run(run::Run),
    /// Read every file, and tell what is missing or was changed
    Verify(verify::Verify),
    /// Write entries of the archive to a file that `import ndjson` reads
    Restore(restore::Restore),
    /// Show how far the archive is
    Status(status::Status),
}

/// Which archive.
#[derive(Debug, Args)]
struct Address {
    /// The archive: a directory, or a URL such as s3://bucket/prefix where the program was built with `cloud`
    #[arg(long, value_name = "PLACE", env = "DEEDBOOK_ARCHIVE")]
    to: String,
}

impl Archive {
    /// Does it with the log at `place`.
    pub(crate) fn run(self, place: &Place) -> Outcome<Exit> {
        match self.task {
            Task::Run(task) => task.run(place),
            Task::Verify(task) => task.run(place),
            Task::Restore(task) => task.run(),
            Task::Status(task) => task.run(),
        }
    }
}

impl Address {
    /// Opens it; a directory that is not there is made.
    fn open(&self) -> Outcome<deedbook_archive::Archive> {
        Ok(deedbook_archive::Archive::open(&self.to)?)
    }

    /// Opens it; a directory must be there.
    fn open_to_read(&self) -> Outcome<deedbook_archive::Archive> {
        Ok(deedbook_archive::Archive::open_to_read(&self.to)?)
    }
}
