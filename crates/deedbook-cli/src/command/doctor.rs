//! `doctor`: a directory → what is in it and what is wrong with it, in plain words.

use std::io::{self, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use clap::Args;
use deedbook_core::rfc3339;
use serde_json::json;

use crate::book::{self, FileReport, Report};
use crate::exit::{Exit, Outcome};
use crate::output::log::HEADING;
use crate::output::safe::safe;
use crate::output::table::{self, Align, Cell, Width};
use crate::output::{self, Destination, SingleFormat};
use crate::progress::{Progress, counted, grouped};

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// The arguments of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads every byte and recomputes every checksum, commitment, tree and index; writes nothing. The exit code is 1 \
when something is wrong.

Example:
  deedbook doctor --data ./deedbook-data")]
pub(crate) struct Doctor {
    /// How the report is shown
    #[arg(long, value_enum, default_value_t = SingleFormat::Table)]
    format: SingleFormat,
}

impl Doctor {
    /// Checks the directory.
    pub(crate) fn run(self, directory: &Path) -> Outcome<Exit> {
        let progress = Progress::new();
        let mut begun = false;
        let report = book::check(directory, &mut |done, total| {
            if !std::mem::replace(&mut begun, true) {
                progress.begin_bytes(Some(total));
            }
            progress.set(done);
        });
        progress.end();
        let report = report?;
        match self.format {
            SingleFormat::Json => output::print_line(output::json_text(&json_of(&report), Destination::of_stdout()))?,
            SingleFormat::Table => print(&report, &mut anstream::stdout().lock()).map_err(output::unwritable)?,
        }
        Ok(if report.problems.is_empty() { Exit::Done } else { Exit::No })
    }
}

fn json_of(report: &Report) -> Vec<u8> {
    let file = |file: &FileReport| json!({ "name": file.name, "kind": file.kind, "bytes": file.bytes, "entries": file.entries });
    let recorded = report.recorded.map(|(first, last)| json!({ "first": rfc3339(first), "last": rfc3339(last) }));
    let report = json!({
        "files": report.files.iter().map(file).collect::<Vec<_>>(),
        "entries": report.entries,
        "tenants": report.tenants,
        "recorded": recorded,
        "sections": report.sections,
        "problems": report.problems,
        "notes": report.notes,
    });
    report.to_string().into_bytes()
}

fn print(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = vec![["FILE", "KIND", "BYTES", "ENTRIES"].map(|name| Cell::styled(name, HEADING)).to_vec()];
    rows.extend(report.files.iter().map(|file| {
        let numbers = [file.bytes, file.entries].map(|number| Cell::plain(grouped(number).to_string()));
        let [bytes, entries] = numbers;
        vec![Cell::plain(safe(&file.name)), Cell::plain(file.kind), bytes, entries]
    }));
    let widths =
        table::widths(&rows, &[Width::Whole, Width::Fair, Width::Whole, Width::Whole], table::terminal_width());
    let align = [Align::Left, Align::Left, Align::Right, Align::Right];
    for row in &rows {
        writeln!(out, "{}", table::line(row, &widths, &align))?;
    }
    let bytes = report.files.iter().map(|file| file.bytes).sum();
    writeln!(
        out,
        "\n{} of {} in {}, {}",
        counted(report.entries, "entry", "entries"),
        counted(report.tenants, "tenant", "tenants"),
        counted(report.files.len() as u64, "file", "files"),
        counted(bytes, "byte", "bytes")
    )?;
    if let Some((first, last)) = report.recorded {
        writeln!(out, "recorded from {} to {}", rfc3339(first), rfc3339(last))?;
    }
    for note in &report.notes {
        writeln!(out, "note: {}", safe(note))?;
    }
    print_verdict(&report.problems, out)
}

fn print_verdict(problems: &[String], out: &mut dyn Write) -> io::Result<()> {
    if problems.is_empty() {
        return writeln!(out, "{GOOD}nothing is wrong{GOOD:#}");
    }
    for problem in problems {
        writeln!(out, "{BAD}wrong:{BAD:#} {}", safe(problem))?;
    }
    let things = if problems.len() == 1 { "thing is" } else { "things are" };
    writeln!(out, "{BAD}{} {things} wrong{BAD:#}; keep a copy of the directory before you mend it", problems.len())
}
