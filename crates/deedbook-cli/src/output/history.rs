//! The entries about a thing, each with what it did to the thing.

use std::io::{self, BufWriter, StdoutLock, Write};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use deedbook_core::history::{Effect, Version};
use jiff::tz::TimeZone;

use super::log::{ASIDE, HEADING, actor_label, local_time, summary};
use super::safe::safe;
use super::table::{self, Cell, Width};
use super::{Destination, json_text};

/// A form in which the entries about a thing are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EntriesFormat {
    /// Columns for people.
    Table,
    /// One array.
    Json,
    /// One JSON object a line.
    Ndjson,
}

/// Writes entries to standard output, page by page.
pub(crate) struct Entries {
    format: EntriesFormat,
    destination: Destination,
    out: BufWriter<anstream::AutoStream<StdoutLock<'static>>>,
    zone: TimeZone,
    /// Of the columns, once the first page told them.
    widths: Option<Vec<usize>>,
    written: u64,
}

impl Entries {
    /// In `format`, or what suits `destination`.
    pub(crate) fn new(format: Option<EntriesFormat>, destination: Destination) -> Self {
        let fitting = match destination {
            Destination::Terminal => EntriesFormat::Table,
            Destination::Elsewhere => EntriesFormat::Json,
        };
        Self {
            format: format.unwrap_or(fitting),
            destination,
            out: BufWriter::new(anstream::stdout().lock()),
            zone: TimeZone::system(),
            widths: None,
            written: 0,
        }
    }

    /// Writes these entries after those before them.
    pub(crate) fn write(&mut self, versions: &[Version]) -> io::Result<()> {
        if self.format == EntriesFormat::Table {
            return self.write_rows(versions);
        }
        for Version { entry, effect } in versions {
            let json = effect.added_to(&entry.to_json());
            let opening = match (self.format, self.written) {
                (EntriesFormat::Json, 0) => "[\n",
                (EntriesFormat::Json, _) => ",\n",
                _ => "",
            };
            let ending = if self.format == EntriesFormat::Ndjson { "\n" } else { "" };
            write!(self.out, "{opening}{}{ending}", json_text(&json, self.destination))?;
            self.written += 1;
        }
        Ok(())
    }

    /// Writes what ends the output.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        match (self.format, self.written) {
            (EntriesFormat::Table, 0) => writeln!(self.out, "{ASIDE}no entry matches{ASIDE:#}")?,
            (EntriesFormat::Json, 0) => writeln!(self.out, "[]")?,
            (EntriesFormat::Json, _) => writeln!(self.out, "\n]")?,
            (EntriesFormat::Table | EntriesFormat::Ndjson, _) => {}
        }
        self.out.flush()
    }

    fn write_rows(&mut self, versions: &[Version]) -> io::Result<()> {
        let rows: Vec<_> = versions.iter().map(|version| row(version, &self.zone)).collect();
        if self.widths.is_none() && !rows.is_empty() {
            let header = ["TIME", "ACTOR", "ACTION", "EFFECT", "ENTRY", "WHAT"];
            let header = header.map(|name| Cell::styled(name, HEADING)).to_vec();
            let shown: Vec<_> = std::iter::once(header.clone()).chain(rows.iter().cloned()).collect();
            let columns = [Width::Whole, Width::Fair, Width::Fair, Width::Whole, Width::Fair, Width::Fair];
            let widths = table::widths(&shown, &columns, table::terminal_width());
            writeln!(self.out, "{}", table::line(&header, &widths, &[]))?;
            self.widths = Some(widths);
        }
        let Some(widths) = &self.widths else { return Ok(()) };
        for row in &rows {
            writeln!(self.out, "{}", table::line(row, widths, &[]))?;
            self.written += 1;
        }
        Ok(())
    }
}

fn row(Version { entry, effect }: &Version, zone: &TimeZone) -> Vec<Cell> {
    vec![
        Cell::styled(local_time(entry.occurred_at(), zone), ASIDE),
        Cell::plain(safe(actor_label(&entry.event.actor))),
        Cell::styled(safe(&entry.event.action), AnsiColor::Cyan.on_default()),
        Cell::styled(effect.as_str(), effect_style(*effect)),
        Cell::styled(safe(&entry.receipt.id), ASIDE),
        Cell::prose(safe(&summary(&entry.event))),
    ]
}

fn effect_style(effect: Effect) -> Style {
    match effect {
        Effect::Created => AnsiColor::Green.on_default(),
        Effect::Deleted => AnsiColor::Red.on_default(),
        Effect::Uncertain => AnsiColor::Yellow.on_default(),
        Effect::Changed => Style::new(),
        Effect::Attempted | Effect::Mentioned => ASIDE,
    }
}
