//! A state for people: a line per field, with who set it and when.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use deedbook_core::history::{Contradiction, Existence, Field, FieldValue, Mark, Moment, Sight, State};
use jiff::tz::TimeZone;

use super::log::{ASIDE, HEADING, local_time, type_and_id};
use super::safe::safe;
use super::table::{self, Cell, Width};

/// Yellow, for what the reader should not overlook.
pub(super) const WARNING: Style = AnsiColor::Yellow.on_default();

/// Prints `state` to a terminal.
pub(crate) fn print(state: &State, out: &mut dyn Write) -> io::Result<()> {
    let zone = TimeZone::system();
    writeln!(out, "{HEADING}{}{HEADING:#}  {}", safe(&state.target.to_string()), moment_text(&state.at, &zone))?;
    writeln!(out, "{}", existence_text(state, &zone))?;
    if !state.fields.is_empty() {
        let header = ["FIELD", "VALUE", "SET BY", "WHEN", "ENTRY"].map(|name| Cell::styled(name, HEADING)).to_vec();
        let mut rows = vec![header];
        rows.extend(state.fields.iter().map(|field| row(field, &zone)));
        let columns = [Width::Fair, Width::Fair, Width::Fair, Width::Whole, Width::Fair];
        let widths = table::widths(&rows, &columns, table::terminal_width());
        writeln!(out)?;
        rows.iter().try_for_each(|row| writeln!(out, "{}", table::line(row, &widths, &[])))?;
    }
    notes(state, out)
}

fn row(field: &Field, zone: &TimeZone) -> Vec<Cell> {
    let path = if field.path.is_empty() { "(all of it)" } else { &field.path };
    let value = match &field.value {
        FieldValue::Known(value) => Cell::plain(safe(&value.to_string())),
        FieldValue::Absent | FieldValue::Unknown(_) => Cell::styled(value_text(&field.value), ASIDE),
    };
    let mut row = vec![Cell::plain(safe(path)), value];
    row.extend(match &field.set_by {
        Some(mark) => {
            let time = Cell::styled(local_time(mark.occurred_at, zone), ASIDE);
            vec![Cell::plain(safe(actor_text(mark))), time, Cell::styled(safe(&mark.id), ASIDE)]
        }
        None => vec![Cell::styled("unknown", ASIDE)],
    });
    row
}

/// `"open"`, `–`, `unknown (redacted)`: fit for a terminal.
pub(super) fn value_text(value: &FieldValue) -> String {
    match value {
        FieldValue::Known(value) => safe(&value.to_string()).into_owned(),
        FieldValue::Absent => "–".to_owned(),
        FieldValue::Unknown(why) => format!("unknown ({})", why.as_str().replace('_', " ")),
    }
}

/// Name, id or type of whoever set it.
pub(super) fn actor_text(mark: &Mark) -> &str {
    mark.actor.name.as_deref().or(mark.actor.id.as_deref()).unwrap_or(&mark.actor.kind)
}

/// `as of 2026-09-20 14:03:27`, `after evt_1`, `at present`.
pub(super) fn moment_text(moment: &Moment, zone: &TimeZone) -> String {
    match moment {
        Moment::Latest => "at present".to_owned(),
        Moment::Time(at) => format!("as of {}", local_time(*at, zone)),
        Moment::Event(id) => format!("after {}", safe(id)),
    }
}

fn existence_text(state: &State, zone: &TimeZone) -> String {
    let by = |mark: &Option<Mark>| {
        let mark = mark.as_ref()?;
        let who = safe(&type_and_id(&mark.actor)).into_owned();
        Some(format!(" by {who} on {}, {}", local_time(mark.occurred_at, zone), safe(&mark.id)))
    };
    match state.existence {
        Existence::Exists => match by(&state.created_by) {
            Some(by) => format!("created{by}"),
            None => "existed; the log does not have its creation".to_owned(),
        },
        Existence::Deleted => format!("deleted{}", by(&state.deleted_by).unwrap_or_default()),
        Existence::NotCreated => "not created yet".to_owned(),
        Existence::Unknown => "the log does not tell whether it existed".to_owned(),
    }
}

fn notes(state: &State, out: &mut dyn Write) -> io::Result<()> {
    let mut notes = Vec::new();
    for path in &state.incomplete {
        let place = if path.is_empty() { "it".to_owned() } else { safe(path).into_owned() };
        notes.push(format!("{place} may have had more than is listed: the log does not tell"));
    }
    if state.sight == Sight::Part {
        notes.push("folded from the entries that you may see".to_owned());
    }
    notes.extend(state.contradictions.iter().map(contradiction_text));
    if !notes.is_empty() {
        writeln!(out)?;
    }
    notes.iter().try_for_each(|note| writeln!(out, "{WARNING}note:{WARNING:#} {note}"))
}

fn contradiction_text(one: &Contradiction) -> String {
    let (path, found) = (safe(&one.path), safe(&one.found.to_string()).into_owned());
    let (entry, expected) = (safe(&one.found_by.id), value_text(&one.expected));
    format!(
        "{entry} found {path} to be {found}; by the entries before it was {expected}: a change is missing in the log"
    )
}
