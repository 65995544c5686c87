//! One entry for people: every member on a line of its own.

use std::io::{self, Write};

use deedbook_core::{Actor, Entry, Outcome, rfc3339};
use jiff::tz::TimeZone;

use super::log::{ASIDE, HEADING, change_text, local_time, outcome_style, target_type_and_id, type_and_id};
use super::position::position_text;
use super::safe::{safe, safe_json};

/// Width of the column of names.
const NAME_CELLS: usize = 14;

/// Prints `entry` to a terminal.
pub(crate) fn print_card(entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    let event = &entry.event;
    let mut card = Card { out, zone: TimeZone::system() };
    card.line("id", &entry.receipt.id)?;
    card.line("tenant", &entry.receipt.tenant)?;
    card.line("action", &event.action)?;
    let outcome = event.outcome.unwrap_or(Outcome::Success);
    card.styled("outcome", outcome.as_str(), outcome_style(outcome))?;
    card.time("occurred", entry.occurred_at())?;
    card.time("recorded", entry.receipt.recorded_at)?;
    for (index, actor) in event.actor.chain().enumerate() {
        card.line(if index == 0 { "actor" } else { "on behalf of" }, &actor_text(actor))?;
    }
    for (index, target) in event.targets.iter().enumerate() {
        let name = target.name.as_ref().map(|name| format!("  {name}")).unwrap_or_default();
        let role = target.role.as_ref().map(|role| format!("  ({role})")).unwrap_or_default();
        card.line(if index == 0 { "target" } else { "" }, &format!("{}{name}{role}", target_type_and_id(target)))?;
    }
    for (index, change) in event.changes.iter().enumerate() {
        card.line(if index == 0 { "changes" } else { "" }, &change_text(change))?;
    }
    card.optional("description", event.description.as_deref())?;
    card.optional("reason", event.reason.as_deref())?;
    if let Some(error) = &event.error {
        card.optional("error", error.code.as_deref())?;
        card.optional("", error.message.as_deref())?;
    }
    card.optional("address", event.context.ip.map(|ip| ip.to_string()).as_deref())?;
    card.optional("user agent", event.context.user_agent.as_deref())?;
    card.optional("request", event.context.request_id.as_deref())?;
    card.optional("correlation", event.correlation_id.as_deref())?;
    card.optional("transaction", event.transaction_id.as_deref())?;
    card.metadata(&event.metadata)?;
    card.line("seq", &entry.receipt.seq.to_string())?;
    card.optional("position", position_text(&entry.receipt).as_deref())?;
    card.line("leaf hash", &entry.receipt.leaf_hash.to_string())
}

fn actor_text(actor: &Actor) -> String {
    let name = actor.name.as_ref().map(|name| format!("  {name}")).unwrap_or_default();
    let email = actor.email.as_ref().map(|email| format!("  <{email}>")).unwrap_or_default();
    format!("{}{name}{email}", type_and_id(actor))
}

struct Card<'a> {
    out: &'a mut dyn Write,
    zone: TimeZone,
}

impl Card<'_> {
    fn line(&mut self, name: &str, value: &str) -> io::Result<()> {
        self.styled(name, value, anstyle::Style::new())
    }

    fn styled(&mut self, name: &str, value: &str, style: anstyle::Style) -> io::Result<()> {
        writeln!(self.out, "{HEADING}{name:NAME_CELLS$}{HEADING:#}{style}{}{style:#}", safe(value))
    }

    fn optional(&mut self, name: &str, value: Option<&str>) -> io::Result<()> {
        value.map_or(Ok(()), |value| self.line(name, value))
    }

    fn time(&mut self, name: &str, at: deedbook_core::Timestamp) -> io::Result<()> {
        let local = local_time(at, &self.zone);
        writeln!(self.out, "{HEADING}{name:NAME_CELLS$}{HEADING:#}{local}  {ASIDE}{}{ASIDE:#}", rfc3339(at))
    }

    fn metadata(&mut self, metadata: &serde_json::Map<String, serde_json::Value>) -> io::Result<()> {
        if metadata.is_empty() {
            return Ok(());
        }
        let json = serde_json::to_string_pretty(metadata).map_err(io::Error::other)?;
        let indented = safe_json_lines(&json);
        writeln!(self.out, "{HEADING}{:NAME_CELLS$}{HEADING:#}{indented}", "metadata")
    }
}

/// Pretty JSON, its later lines indented below the first; only its own line breaks are kept.
fn safe_json_lines(json: &str) -> String {
    let indent = format!("\n{}", " ".repeat(NAME_CELLS));
    json.lines().map(|line| safe_json(line).into_owned()).collect::<Vec<_>>().join(&indent)
}
