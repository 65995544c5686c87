//! `export`: entries → a file, oldest first, whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use deedbook_core::{Order, PageRequest, Query, Scope, Store};

use super::log::count;
use crate::book;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, Destination, EntryWriter};
use crate::place::Place;
use crate::progress::{Progress, grouped};
use crate::query;

/// How many entries are read at once.
const PAGE_ENTRIES: usize = 500;

/// The arguments of `export`.
#[derive(Debug, Args)]
#[command(after_help = format!("\
ndjson: One JSON object a line, which `import ndjson` understands.

csv: RFC 4180. A field that a spreadsheet would take for a formula gets an apostrophe in front. The columns: {}.

The file gets its name only when it is complete; one that was there is then replaced.

Example:
  deedbook export csv 'action:iam.* occurred:2026-09' -o iam.csv", output::csv::column_names()))]
pub(crate) struct Export {
    /// The form of the file
    #[arg(value_enum)]
    format: Format,

    /// Which entries; all of them when absent. Several words are joined by spaces
    query: Vec<String>,

    /// The file; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Whose log; all tenants when absent
    #[arg(long)]
    tenant: Option<String>,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line.
    Ndjson,
    /// A table with a header.
    Csv,
}

impl Export {
    /// Writes the file.
    pub(crate) fn run(self, place: &Place) -> Outcome<Exit> {
        let query = query::parse(&self.query.join(" "))?;
        let store = book::reading(place)?;
        let scope = query::scope(self.tenant.as_deref());
        let progress = Progress::new();
        progress.begin_count(count(&*store, &query, &scope)?, "entries");
        let format = match self.format {
            Format::Ndjson => output::Format::Ndjson,
            Format::Csv => output::Format::Csv,
        };
        let selection = Selection { store: &*store, query, scope, progress: progress.clone() };
        let written = if self.output.as_os_str() == "-" {
            let mut writer = output::writer(format, Destination::of_stdout());
            selection.write(&mut *writer, &mut anstream::stdout().lock(), "standard output")
        } else {
            let mut writer = output::writer(format, Destination::Elsewhere);
            write_file(&self.output, |out, name| selection.write(&mut *writer, out, name))
        };
        progress.end();
        progress.say(format_args!("{} entries exported", grouped(written?)));
        Ok(Exit::Done)
    }
}

struct Selection<'a> {
    store: &'a dyn Store,
    query: Query,
    scope: Scope,
    progress: Progress,
}

impl Selection<'_> {
    fn write(&self, writer: &mut dyn EntryWriter, out: &mut dyn Write, name: &str) -> Outcome<u64> {
        let unwritable = |error| Failure::io(format_args!("write {name}"), error);
        let mut out = BufWriter::with_capacity(128 * 1024, out);
        let mut request = PageRequest { order: Order::Ascending, limit: PAGE_ENTRIES, after: None };
        let mut written = 0;
        loop {
            let page = self.store.page(&self.query, &self.scope, &request)?;
            writer.write(&page.entries, &mut out).map_err(unwritable)?;
            written += page.entries.len() as u64;
            self.progress.advance(page.entries.len() as u64);
            request.after = page.entries.last().map(|entry| entry.receipt.position);
            if !page.has_more || page.entries.is_empty() {
                break;
            }
        }
        writer.finish(&mut out).and_then(|()| out.flush()).map_err(unwritable)?;
        Ok(written)
    }
}

/// Writes to `path`: a file is replaced as a whole or not at all, a device or a pipe is written to.
pub(super) fn write_file(path: &Path, write: impl FnOnce(&mut dyn Write, &str) -> Outcome<u64>) -> Outcome<u64> {
    let name = path.display().to_string();
    match fs::metadata(path) {
        // A directory is refused by the operating system.
        Ok(metadata) if !metadata.is_file() => {
            let mut out = File::options()
                .write(true)
                .open(path)
                .map_err(|error| Failure::io(format_args!("write {name}"), error))?;
            write(&mut out, &name)
        }
        // What a symbolic link names is replaced, not the link.
        Ok(_) => replace_file(&fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()), &name, write),
        Err(_) => replace_file(path, &name, write),
    }
}

/// Writes beside `path`, syncs, and renames; whatever goes wrong, no half of a file has the name.
fn replace_file(path: &Path, name: &str, write: impl FnOnce(&mut dyn Write, &str) -> Outcome<u64>) -> Outcome<u64> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = PathBuf::from(partial);
    let unwritable = |error: io::Error| Failure::io(format_args!("write {name}"), error);
    let mut file = File::create(&partial).map_err(unwritable)?;
    let finished = write(&mut file, name).and_then(|written| {
        file.sync_all().and_then(|()| fs::rename(&partial, path)).map_err(unwritable)?;
        Ok(written)
    });
    if finished.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&partial);
    }
    finished
}
