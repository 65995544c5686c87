//! `import`: a file or a repository → the log.

use std::path::PathBuf;

use clap::Args;

use crate::book::Writing;
use crate::exit::{Exit, Outcome};
use crate::import::pipeline::{self, Totals};
use crate::import::{Format, Rejects};
use crate::output::{self, Destination};
use crate::place::Place;
use crate::progress::Progress;

/// The arguments of `import`.
#[derive(Debug, Args)]
#[command(after_help = "\
An import can be repeated and adds only what is new. What cannot be entered is reported with line and reason, kept \
in a reject file, and the rest goes on; the exit code is then 3. gzip and zstd are recognised by their first bytes.

ndjson: Events as in the API. Lines of an `export ndjson` are understood: seq, position, recorded_at and leaf_hash \
are left out, since the log gives them anew. An event without an id gets one made from its line, the number of the \
line and the name of the file; from standard input only if it has a time.

cloudtrail: The id is the eventID; what has no place in an event stays in metadata.

git: The program git is needed. One entry per file and commit that HEAD can reach, without merges. Targets are \
file:PATH, so several repositories want a tenant each.

Example:
  deedbook import cloudtrail trail.json.gz --tenant acme")]
pub(crate) struct Import {
    /// What the input is
    #[arg(value_enum)]
    format: Format,

    /// File, or directory of a git repository; `-` is standard input
    path: PathBuf,

    /// In whose log, whatever the input says; when absent, that of each event, else `default`
    #[arg(long)]
    tenant: Option<String>,

    /// Where rejected input is kept; a new file NAME.rejected.ndjson in the current
    /// directory when absent
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

impl Import {
    /// Brings the input in.
    pub(crate) fn run(self, place: &Place) -> Outcome<Exit> {
        let rejects = self.rejects;
        let inputs = [Input { format: self.format, path: self.path, tenant: self.tenant, rejects }];
        let totals = import_all(inputs, place)?;
        match Destination::of_stdout() {
            Destination::Terminal => output::print_line(totals)?,
            Destination::Elsewhere => output::print_line(totals.bare())?,
        }
        Ok(exit_of(&totals))
    }
}

/// One thing to import.
pub(super) struct Input {
    /// What it is.
    pub(super) format: Format,
    /// Where it is.
    pub(super) path: PathBuf,
    /// In whose log it goes.
    pub(super) tenant: Option<String>,
    /// Where its rejects go.
    pub(super) rejects: Option<PathBuf>,
}

/// Imports several inputs one after the other; the directory is in order when this ends.
pub(super) fn import_all(inputs: impl IntoIterator<Item = Input>, place: &Place) -> Outcome<Totals> {
    let mut totals = Totals::default();
    let mut book = None;
    for input in inputs {
        let progress = Progress::new();
        // An input that cannot be opened makes no directory.
        let items = input.format.open(&input.path, &progress)?;
        let book = match &mut book {
            Some(book) => book,
            none => none.insert(Writing::open(place)?),
        };
        let mut rejects = Rejects::new(&input.path, input.rejects, &progress);
        let imported = pipeline::run(items, book.store(), input.tenant.as_deref(), &mut rejects, &progress);
        progress.end();
        if let Some(path) = rejects.finish()? {
            progress.say(format_args!("what was rejected is kept in {}", path.display()));
        }
        totals += imported?;
    }
    if let Some(book) = book {
        book.compact()?;
        book.close()?;
    }
    Ok(totals)
}

/// The exit code of an import.
pub(super) fn exit_of(totals: &Totals) -> Exit {
    if totals.rejected == 0 { Exit::Done } else { Exit::SomeRejected }
}
