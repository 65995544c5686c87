//! Differences for people: what went in red after `-`, what came in green after `+`, texts in one line word by word.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use deedbook_core::history::{Diff, Difference, Existence, FieldValue, ItemChange, Piece};
use jiff::tz::TimeZone;

use super::log::{ASIDE, HEADING, local_time};
use super::safe::safe;
use super::state::{WARNING, actor_text, moment_text, value_text};

const REMOVED: Style = AnsiColor::Red.on_default();
const ADDED: Style = AnsiColor::Green.on_default();

/// Prints `diff` to a terminal.
pub(crate) fn print(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    let zone = TimeZone::system();
    let (from, to) = (moment_text(&diff.from, &zone), moment_text(&diff.to, &zone));
    writeln!(out, "{HEADING}{}{HEADING:#}  {from} → {to}", safe(&diff.target.to_string()))?;
    if diff.existence_from != diff.existence_to {
        let (from, to) = (existence_text(diff.existence_from), existence_text(diff.existence_to));
        writeln!(out, "{REMOVED}- {from}{REMOVED:#}\n{ADDED}+ {to}{ADDED:#}")?;
    }
    if diff.differences.is_empty() {
        writeln!(out, "{ASIDE}no field differs{ASIDE:#}")?;
    }
    diff.differences.iter().try_for_each(|difference| print_one(difference, &zone, "", out))?;
    diff.incomplete.iter().try_for_each(|path| {
        let place = if path.is_empty() { "it".to_owned() } else { safe(path).into_owned() };
        writeln!(out, "{WARNING}note:{WARNING:#} there may be more in {place} of which the log does not tell")
    })
}

fn existence_text(existence: Existence) -> &'static str {
    match existence {
        Existence::Exists => "exists",
        Existence::Deleted => "deleted",
        Existence::NotCreated => "not created yet",
        Existence::Unknown => "unknown whether it exists",
    }
}

fn print_one(difference: &Difference, zone: &TimeZone, indent: &str, out: &mut dyn Write) -> io::Result<()> {
    let path = if difference.path.is_empty() { "(all of it)" } else { &difference.path };
    write!(out, "{indent}{HEADING}{}{HEADING:#}", safe(path))?;
    match &difference.set_by {
        Some(mark) => {
            let time = local_time(mark.occurred_at, zone);
            writeln!(out, "  {ASIDE}{}, {time}, {}{ASIDE:#}", safe(actor_text(mark)), safe(&mark.id))?;
        }
        None => writeln!(out)?,
    }
    if !difference.text.is_empty() {
        return print_text(&difference.text, indent, out);
    }
    if !difference.items.is_empty() {
        return difference.items.iter().try_for_each(|item| print_item(item, zone, indent, out));
    }
    print_side('-', REMOVED, &difference.from, indent, out)?;
    print_side('+', ADDED, &difference.to, indent, out)
}

/// An absent side is not worth a line.
fn print_side(sign: char, style: Style, side: &FieldValue, indent: &str, out: &mut dyn Write) -> io::Result<()> {
    match side {
        FieldValue::Absent => Ok(()),
        side => writeln!(out, "{indent}  {style}{sign} {}{style:#}", value_text(side)),
    }
}

/// Without colours the pieces are told apart as `wdiff` does.
fn print_text(pieces: &[Piece], indent: &str, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{indent}  ")?;
    for piece in pieces {
        match piece {
            Piece::Same(text) => write!(out, "{}", safe(text))?,
            Piece::Removed(text) => write!(out, "{REMOVED}[-{}-]{REMOVED:#}", safe(text))?,
            Piece::Added(text) => write!(out, "{ADDED}{{+{}+}}{ADDED:#}", safe(text))?,
        }
    }
    writeln!(out)
}

fn print_item(item: &ItemChange, zone: &TimeZone, indent: &str, out: &mut dyn Write) -> io::Result<()> {
    match item {
        ItemChange::Removed { index, value } => {
            writeln!(out, "{indent}  {REMOVED}- [{index}] {}{REMOVED:#}", safe(&value.to_string()))
        }
        ItemChange::Added { index, value } => {
            writeln!(out, "{indent}  {ADDED}+ [{index}] {}{ADDED:#}", safe(&value.to_string()))
        }
        ItemChange::Changed { differences, .. } => {
            let indent = format!("{indent}  ");
            differences.iter().try_for_each(|difference| print_one(difference, zone, &indent, out))
        }
    }
}
