//! `archive`: a log → Parquet files by tenant and day, and back. One file for each thing that is done with it.

mod offload;
mod recall;
mod restore;
mod run;
mod status;
mod verify;

use std::ops::ControlFlow;

use clap::{Args, Subcommand};
use deedbook_store::{FileStore, Moved};

use crate::book::Book;
use crate::bucket;
use crate::exit::{Exit, Failure, Outcome};
use crate::place::Place;
use crate::progress::{Progress, counted, grouped};

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
    /// Move the entries of old segments out of the log's directory; they are found and shown as before, only slower
    Offload(offload::Offload),
    /// Move entries back into the log's directory
    Recall(recall::Recall),
}

/// Which archive.
#[derive(Debug, Args)]
struct Address {
    /// The archive: a directory, or a URL such as s3://bucket/prefix where the program was built with `archive-cloud`
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
            Task::Offload(task) => task.run(place),
            Task::Recall(task) => task.run(place),
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

/// Under which name a log's directory knows an archive: the same whatever directory a command is called in.
pub(crate) fn name(archive: &str) -> Outcome<String> {
    if bucket::is_meant(archive) {
        return Ok(archive.trim_end_matches('/').to_owned());
    }
    let path = std::fs::canonicalize(archive).map_err(|error| Failure::io(format_args!("open {archive}"), error))?;
    path.into_os_string().into_string().map_err(|_| Failure::invalid(format!("{archive}: its path is not UTF-8")))
}

/// Has the log move entries, shows how far it is, and says what was moved `whither`.
fn move_entries(
    place: &Place,
    whither: &str,
    work: impl FnOnce(&FileStore, &dyn Fn(Moved) -> ControlFlow<()>) -> deedbook_core::Result<Moved>,
) -> Outcome<Exit> {
    let Place::Directory(directory) = place else {
        let advice = "Say offload_after in the [archive] of its deedbook.toml: docs/archive.md.";
        return Err(Failure::new(Exit::Usage, "a server moves entries to its archive by itself").advise(advice));
    };
    let book = Book::open(directory)?;
    let progress = Progress::new();
    progress.begin_count(book.store().visible_count(), "positions");
    let moved = work(&book.shared_files(), &|moved| {
        progress.set(moved.entries);
        ControlFlow::Continue(())
    });
    progress.end();
    let moved = moved?;
    book.close()?;
    progress.say(format_args!(
        "{} moved {whither} in {}, {} bytes",
        counted(moved.entries, "entry", "entries"),
        counted(moved.segments, "segment", "segments"),
        grouped(moved.bytes)
    ));
    Ok(Exit::Done)
}
