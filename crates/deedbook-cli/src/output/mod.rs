//! Entries → text: a table for people, tab-separated lines for other programs, JSON, CSV.
//!
//! Nothing of an entry reaches a terminal other than through [`safe`]. Output that goes to a file or another program
//! is left as it is where its format can carry it (JSON, CSV).

mod card;
pub(crate) mod csv;
pub(crate) mod difference;
pub(crate) mod history;
pub(crate) mod log;
pub(crate) mod safe;
pub(crate) mod state;
pub(crate) mod table;

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use deedbook_core::Entry;

use crate::exit::{Failure, Outcome};

pub(crate) use card::print_card;

/// Where standard output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// A person reads it.
    Terminal,
    /// A file, or another program.
    Elsewhere,
}

impl Destination {
    /// That of this process.
    pub(crate) fn of_stdout() -> Self {
        if io::stdout().is_terminal() { Self::Terminal } else { Self::Elsewhere }
    }
}

/// A form in which entries are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people; tab-separated lines where standard output is not a terminal.
    Table,
    /// One array.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// RFC 4180 with a header.
    Csv,
}

/// A form in which a single answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SingleFormat {
    /// Lines for people.
    Table,
    /// One JSON document.
    Json,
}

impl SingleFormat {
    /// The one that was asked for, else what suits `destination`.
    pub(crate) fn of(asked: Option<Self>, destination: Destination) -> Self {
        asked.unwrap_or(match destination {
            Destination::Terminal => Self::Table,
            Destination::Elsewhere => Self::Json,
        })
    }
}

/// Writes entries in one form, page by page.
pub(crate) trait EntryWriter {
    /// Writes these entries after those before them.
    fn write(&mut self, entries: &[Entry], out: &mut dyn Write) -> io::Result<()>;

    /// Writes what ends the output.
    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()>;
}

/// The writer of `format`.
pub(crate) fn writer(format: Format, destination: Destination) -> Box<dyn EntryWriter> {
    match format {
        Format::Table => log::writer(destination),
        Format::Json => Box::new(JsonArray { destination, written: 0 }),
        Format::Ndjson => Box::new(Ndjson { destination }),
        Format::Csv => Box::new(csv::Csv::new(destination)),
    }
}

/// The error for output that could not be written.
pub(crate) fn unwritable(error: io::Error) -> Failure {
    Failure::io("write the output", error)
}

/// Writes a line to standard output.
pub(crate) fn print_line(line: impl std::fmt::Display) -> Outcome<()> {
    writeln!(anstream::stdout(), "{line}").map_err(unwritable)
}

/// Writes an answer to standard output: for a person on lines of its own, else on one line.
pub(crate) fn print_json(answer: &impl serde::Serialize, destination: Destination) -> Outcome<()> {
    let json = match destination {
        Destination::Terminal => serde_json::to_vec_pretty(answer),
        Destination::Elsewhere => serde_json::to_vec(answer),
    };
    let json = json.map_err(|error| unwritable(io::Error::other(error)))?;
    match destination {
        Destination::Terminal => {
            let text = String::from_utf8_lossy(&json);
            text.lines().try_for_each(|line| print_line(safe::safe_json(line)))
        }
        Destination::Elsewhere => print_line(json_text(&json, destination)),
    }
}

/// JSON of ours as it goes to `destination`.
pub(crate) fn json_text(json: &[u8], destination: Destination) -> String {
    let text = String::from_utf8_lossy(json);
    match destination {
        Destination::Terminal => safe::safe_json(&text).into_owned(),
        Destination::Elsewhere => text.into_owned(),
    }
}

struct Ndjson {
    destination: Destination,
}

impl EntryWriter for Ndjson {
    fn write(&mut self, entries: &[Entry], out: &mut dyn Write) -> io::Result<()> {
        entries.iter().try_for_each(|entry| writeln!(out, "{}", json_text(&entry.to_json(), self.destination)))
    }

    fn finish(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

struct JsonArray {
    destination: Destination,
    written: u64,
}

impl EntryWriter for JsonArray {
    fn write(&mut self, entries: &[Entry], out: &mut dyn Write) -> io::Result<()> {
        for entry in entries {
            let opening = if self.written == 0 { "[\n" } else { ",\n" };
            write!(out, "{opening}{}", json_text(&entry.to_json(), self.destination))?;
            self.written += 1;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.written == 0 { writeln!(out, "[]") } else { writeln!(out, "\n]") }
    }
}
