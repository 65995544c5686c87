//! Entries as one line each: columns for a terminal, tab-separated values otherwise.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use deedbook_core::{Actor, Change, Entry, Event, Outcome, Target, Timestamp, rfc3339};
use jiff::tz::{Offset, TimeZone};
use serde_json::Value;

use super::safe::safe;
use super::table::{self, Cell, Width};
use super::{Destination, EntryWriter};

/// Bold, for what heads a list.
pub(crate) const HEADING: Style = Style::new().bold();

/// Dim, for what is said in passing.
pub(crate) const ASIDE: Style = Style::new().dimmed();

/// In a narrower terminal the summary, of which only the first word would be seen, leaves its room to the others.
const SUMMARY_WIDTH_MIN: usize = 68;

/// The writer of one line per entry that suits `destination`.
pub(crate) fn writer(destination: Destination) -> Box<dyn EntryWriter> {
    match destination {
        Destination::Terminal => {
            Box::new(Table { zone: TimeZone::system(), width: table::terminal_width(), layout: None })
        }
        Destination::Elsewhere => Box::new(Tabs),
    }
}

/// Time in UTC, tenant, actor, action, outcome, targets, summary; nothing cut.
struct Tabs;

impl EntryWriter for Tabs {
    fn write(&mut self, entries: &[Entry], out: &mut dyn Write) -> io::Result<()> {
        for entry in entries {
            let fields = [
                rfc3339(entry.occurred_at()),
                entry.receipt.tenant.clone(),
                type_and_id(&entry.event.actor),
                entry.event.action.clone(),
                outcome(&entry.event).as_str().to_owned(),
                entry.event.targets.iter().map(target_type_and_id).collect::<Vec<_>>().join(" "),
                summary(&entry.event),
            ];
            writeln!(out, "{}", fields.map(|field| safe(&field).into_owned()).join("\t"))?;
        }
        Ok(())
    }

    fn finish(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// Columns as wide as the first page needs them; later pages keep to those.
struct Table {
    zone: TimeZone,
    width: usize,
    layout: Option<Layout>,
}

struct Layout {
    widths: Vec<usize>,
    columns: Columns,
}

/// Which of the columns that may be missing are there.
#[derive(Clone, Copy)]
struct Columns {
    tenants: Shown,
    outcomes: Shown,
    summaries: Shown,
}

/// Whether a column is there at all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Yes,
    No,
}

impl From<bool> for Shown {
    fn from(shown: bool) -> Self {
        if shown { Self::Yes } else { Self::No }
    }
}

impl EntryWriter for Table {
    fn write(&mut self, entries: &[Entry], out: &mut dyn Write) -> io::Result<()> {
        let Some(first) = entries.first() else { return Ok(()) };
        if self.layout.is_none() {
            // One offset for all lines, that of the first: then the header is true for each of them.
            let offset = self.zone.to_offset(first.occurred_at());
            self.zone = TimeZone::fixed(offset);
            let columns = Columns {
                tenants: entries.iter().any(|entry| entry.receipt.tenant != first.receipt.tenant).into(),
                outcomes: entries.iter().any(|entry| outcome(&entry.event) != Outcome::Success).into(),
                summaries: (self.width >= SUMMARY_WIDTH_MIN).into(),
            };
            let mut rows = vec![header(offset, columns)];
            rows.extend(entries.iter().map(|entry| self.row(entry, columns)));
            let widths = table::widths(&rows, &widths_of(columns), self.width);
            writeln!(out, "{}", table::line(&rows[0], &widths, &[]))?;
            self.layout = Some(Layout { widths, columns });
        }
        let Some(layout) = &self.layout else { return Ok(()) };
        for entry in entries {
            let row = self.row(entry, layout.columns);
            writeln!(out, "{}", table::line(&row, &layout.widths, &[]))?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match self.layout {
            Some(_) => Ok(()),
            None => writeln!(out, "{ASIDE}no entry matches{ASIDE:#}"),
        }
    }
}

fn widths_of(columns: Columns) -> Vec<Width> {
    let mut widths = vec![Width::Whole];
    widths.extend((columns.tenants == Shown::Yes).then_some(Width::Fair));
    widths.extend([Width::Fair, Width::Fair]);
    widths.extend((columns.outcomes == Shown::Yes).then_some(Width::Whole));
    widths.push(Width::Fair);
    widths.extend((columns.summaries == Shown::Yes).then_some(Width::Fair));
    widths
}

fn header(offset: Offset, columns: Columns) -> Vec<Cell> {
    let mut names = vec![format!("TIME ({})", offset_text(offset))];
    names.extend((columns.tenants == Shown::Yes).then(|| "TENANT".to_owned()));
    names.extend(["ACTOR".to_owned(), "ACTION".to_owned()]);
    names.extend((columns.outcomes == Shown::Yes).then(|| "OUTCOME".to_owned()));
    names.push("TARGET".to_owned());
    names.extend((columns.summaries == Shown::Yes).then(|| "WHAT".to_owned()));
    names.into_iter().map(|name| Cell::styled(name, HEADING)).collect()
}

impl Table {
    fn row(&self, entry: &Entry, columns: Columns) -> Vec<Cell> {
        let event = &entry.event;
        let mut row = vec![Cell::styled(local_time(entry.occurred_at(), &self.zone), ASIDE)];
        row.extend((columns.tenants == Shown::Yes).then(|| Cell::plain(safe(&entry.receipt.tenant))));
        row.push(Cell::plain(safe(actor_label(&event.actor))));
        row.push(Cell::styled(safe(&event.action), AnsiColor::Cyan.on_default()));
        row.extend((columns.outcomes == Shown::Yes).then(|| outcome_cell(outcome(event))));
        row.push(Cell::plain(safe(&targets_label(&event.targets))));
        row.extend((columns.summaries == Shown::Yes).then(|| Cell::prose(safe(&summary(event)))));
        row
    }
}

fn outcome(event: &Event) -> Outcome {
    event.outcome.unwrap_or(Outcome::Success)
}

fn outcome_cell(outcome: Outcome) -> Cell {
    let style = outcome_style(outcome);
    Cell::styled(if outcome == Outcome::Success { "" } else { outcome.as_str() }, style)
}

/// Red for what was refused, yellow for what failed.
pub(crate) fn outcome_style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Success => Style::new(),
        Outcome::Denied => AnsiColor::Red.on_default().bold(),
        Outcome::Failure | Outcome::Unknown => AnsiColor::Yellow.on_default(),
    }
}

/// `2026-09-20 14:03:27` on the clock of `zone`.
pub(crate) fn local_time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn offset_text(offset: Offset) -> String {
    match offset.seconds() {
        0 => "UTC".to_owned(),
        _ => offset.to_string(),
    }
}

/// Name, id or type of the actor.
pub(super) fn actor_label(actor: &Actor) -> &str {
    actor.name.as_deref().or(actor.id.as_deref()).unwrap_or(&actor.kind)
}

fn targets_label(targets: &[Target]) -> String {
    let Some(first) = targets.first() else { return String::new() };
    let label = first.name.as_deref().unwrap_or(&first.id);
    match targets.len() {
        1 => format!("{} {label}", first.kind),
        several => format!("{} {label} +{}", first.kind, several - 1),
    }
}

/// `TYPE:ID`, or `TYPE` where there is no id.
pub(crate) fn type_and_id(actor: &Actor) -> String {
    match &actor.id {
        Some(id) => format!("{}:{id}", actor.kind),
        None => actor.kind.clone(),
    }
}

/// `TYPE:ID`.
pub(crate) fn target_type_and_id(target: &Target) -> String {
    format!("{}:{}", target.kind, target.id)
}

/// What happened, in a line: the description, else the error, else the changes.
pub(super) fn summary(event: &Event) -> String {
    if let Some(description) = &event.description {
        return description.clone();
    }
    if let Some(error) = &event.error {
        let parts = [error.code.as_deref(), error.message.as_deref()];
        return parts.into_iter().flatten().collect::<Vec<_>>().join(": ");
    }
    event.changes.iter().map(change_text).collect::<Vec<_>>().join(", ")
}

/// `/role: "user" → "admin"`.
pub(crate) fn change_text(change: &Change) -> String {
    let side = |value: &Option<Value>| value.as_ref().map_or_else(|| "–".to_owned(), Value::to_string);
    match change {
        Change { path, redacted: true, .. } => format!("{path}: redacted"),
        Change { path, from: None, to: Some(to), .. } => format!("{path}: {to}"),
        Change { path, from, to, .. } => format!("{path}: {} → {}", side(from), side(to)),
    }
}

#[cfg(test)]
mod tests {
    use deedbook_core::{Digest, Receipt};
    use serde_json::json;

    use super::*;

    fn entry(tenant: &str, occurred_at: &str, event: Event) -> Entry {
        let occurred_at: Timestamp = occurred_at.parse().expect("a time");
        let receipt = Receipt {
            id: "e".to_owned(),
            tenant: tenant.to_owned(),
            seq: 0,
            position: 0,
            recorded_at: occurred_at,
            leaf_hash: Digest([0; 32]),
        };
        Entry { receipt, event: Event { occurred_at: Some(occurred_at), ..event }, canonical: Vec::new() }
    }

    fn event() -> Event {
        Event::new("a.b", Actor::new("user", "u1").named("Ada"))
    }

    fn shown(entries: &[Entry], width: usize, zone: TimeZone) -> String {
        let mut out = Vec::new();
        let mut table = Table { zone, width, layout: None };
        table.write(entries, &mut out).and_then(|()| table.finish(&mut out)).expect("in memory");
        anstream::adapter::strip_bytes(&out).into_vec().try_into().expect("text")
    }

    #[test]
    fn columns_that_say_nothing_are_left_out() {
        let zone = || TimeZone::fixed(Offset::constant(2));
        let one = entry("acme", "2024-06-01T10:00:00Z", event());
        let text = shown(std::slice::from_ref(&one), 100, zone());
        assert_eq!(text, "TIME (+02)           ACTOR  ACTION  TARGET  WHAT\n2024-06-01 12:00:00  Ada    a.b\n");

        let denied = Event {
            outcome: Some(Outcome::Denied),
            targets: vec![Target::new("file", "a"), Target::new("file", "b")],
            description: Some("No\n\u{1b}[31m".to_owned()),
            ..event()
        };
        let text = shown(&[one, entry("other", "2024-06-01T10:00:01Z", denied)], 100, zone());
        assert_eq!(
            text,
            "TIME (+02)           TENANT  ACTOR  ACTION  OUTCOME  TARGET     WHAT\n\
             2024-06-01 12:00:00  acme    Ada    a.b\n\
             2024-06-01 12:00:01  other   Ada    a.b     denied   file a +1  No␊␛[31m\n"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let long = Event {
            action: "some_service.describe_many_things".to_owned(),
            targets: vec![Target::new("file", "crates/deedbook-cli/src/import/git.rs")],
            description: Some("A sentence that is quite a bit longer than anyone would like".to_owned()),
            ..event()
        };
        let text = shown(&[entry("t", "2024-06-01T10:00:00Z", long)], 70, TimeZone::UTC);
        assert!(text.lines().all(|line| line.chars().count() <= 70), "{text}");
        assert!(text.contains("TIME (UTC)") && text.contains("it.rs  A sentence"), "{text}");
    }

    #[test]
    fn a_narrow_terminal_shows_no_summaries_and_an_empty_answer_says_so() {
        let described = Event { description: Some("A sentence".to_owned()), ..event() };
        let text = shown(&[entry("t", "2024-06-01T10:00:00Z", described)], 60, TimeZone::UTC);
        assert_eq!(text, "TIME (UTC)           ACTOR  ACTION  TARGET\n2024-06-01 10:00:00  Ada    a.b\n");
        assert_eq!(shown(&[], 60, TimeZone::UTC), "no entry matches\n");
    }

    #[test]
    fn a_summary_falls_back_to_error_and_changes() {
        let change = |from, to, redacted| Change { path: "/x".to_owned(), from, to, redacted };
        let failed = Event {
            error: Some(deedbook_core::Failure { code: Some("E1".to_owned()), message: Some("no".to_owned()) }),
            ..event()
        };
        assert_eq!(summary(&failed), "E1: no");
        let changes = vec![
            change(Some(json!(1)), Some(json!("b")), false),
            change(None, Some(json!(2)), false),
            change(Some(json!(null)), None, false),
            change(None, None, true),
        ];
        let changed = Event { changes, ..event() };
        assert_eq!(summary(&changed), "/x: 1 → \"b\", /x: 2, /x: null → –, /x: redacted");
    }
}
