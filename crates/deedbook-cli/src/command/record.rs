//! `record`: the arguments → one event → the log → its receipt.

use std::io::Write;
use std::path::Path;

use clap::Args;
use deedbook_core::{Actor, Change, Event, Outcome as Ended, Receipt, StoreExt, Target, rfc3339};
use serde_json::Value;

use crate::book::{self, Book};
use crate::exit::{Exit, Outcome};
use crate::import::read_json;
use crate::output::safe::safe;
use crate::output::{self, Destination, SingleFormat};

/// The arguments of `record`.
#[derive(Debug, Args)]
#[command(after_help = "\
TYPE ends at the first colon, ID at the first `=` after it; an id with `=` comes in by \
`import ndjson`. FROM and TO are JSON where they are valid JSON, else text; an empty one is absent.

Example:
  deedbook record invoice.approved --actor user:ada=Ada --target invoice:7='Invoice 7' \\
    --change /state=open..approved --meta amount=19.90 --reason 'ticket T-5'")]
pub(crate) struct Record {
    /// What was done: singular object and past verb, as in invoice.approved
    action: String,

    /// Who acted; `system` and `anonymous` need no id
    #[arg(long, value_name = "TYPE:ID[=NAME]", value_parser = parse_actor)]
    actor: Actor,

    /// On what; may be given several times, the first is the primary one
    #[arg(long, value_name = "TYPE:ID[=NAME]", value_parser = parse_target)]
    target: Vec<Target>,

    /// What changed, as JSON Pointer and values; may be given several times
    #[arg(long, value_name = "POINTER=FROM..TO", value_parser = parse_change)]
    change: Vec<Change>,

    /// How it ended: success, failure, denied or unknown
    #[arg(long, value_name = "OUTCOME", value_parser = parse_outcome)]
    outcome: Option<Ended>,

    /// A member of metadata, JSON or else text; may be given several times
    #[arg(long, value_name = "KEY=JSON", value_parser = parse_meta)]
    meta: Vec<(String, Value)>,

    /// Why it was done
    #[arg(long)]
    reason: Option<String>,

    /// Id of the event, by which a repetition is recognised; generated when absent
    #[arg(long)]
    id: Option<String>,

    /// In whose log; `default` when absent
    #[arg(long)]
    tenant: Option<String>,

    /// How the receipt is shown
    #[arg(long, value_enum, default_value_t = SingleFormat::Table)]
    format: SingleFormat,
}

impl Record {
    /// Enters the event.
    pub(crate) fn run(self, directory: &Path) -> Outcome<Exit> {
        let format = self.format;
        // Nothing is opened, let alone made, for an event that is refused.
        let draft = book::prepare(self.into_event()?)?;
        let book = Book::open(directory)?;
        let appended = book.store().append_one(draft)?;
        book.close()?;
        print(&appended.receipt, format)
    }

    fn into_event(self) -> Outcome<Event> {
        let mut metadata = serde_json::Map::new();
        for (key, value) in self.meta {
            if metadata.insert(key.clone(), value).is_some() {
                let message = format!("--meta {key} is given twice");
                return Err(crate::exit::Failure::invalid(message).advise("Give one value, or a JSON array of them."));
            }
        }
        Ok(Event {
            id: self.id,
            tenant: self.tenant,
            outcome: self.outcome,
            targets: self.target,
            changes: self.change,
            reason: self.reason,
            metadata,
            ..Event::new(self.action, self.actor)
        })
    }
}

fn print(receipt: &Receipt, format: SingleFormat) -> Outcome<Exit> {
    let destination = Destination::of_stdout();
    if format == SingleFormat::Json {
        output::print_line(output::json_text(&receipt.to_json(), destination))?;
        return Ok(Exit::Done);
    }
    let lines = [
        ("id", receipt.id.clone()),
        ("tenant", receipt.tenant.clone()),
        ("seq", receipt.seq.to_string()),
        ("position", receipt.position.to_string()),
        ("recorded_at", rfc3339(receipt.recorded_at)),
        ("leaf_hash", receipt.leaf_hash.to_string()),
    ];
    let mut out = anstream::stdout().lock();
    for (name, value) in lines {
        match destination {
            Destination::Terminal => writeln!(out, "{name:<12}{}", safe(&value)),
            Destination::Elsewhere => writeln!(out, "{name}\t{}", safe(&value)),
        }
        .map_err(output::unwritable)?;
    }
    Ok(Exit::Done)
}

/// `TYPE`, `ID` and `NAME` of `TYPE:ID[=NAME]`.
type Parts<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

fn split(text: &str) -> Parts<'_> {
    let (kind, rest) = match text.split_once(':') {
        Some((kind, rest)) => (kind, Some(rest)),
        None => (text, None),
    };
    match rest.and_then(|rest| rest.split_once('=')) {
        Some((id, name)) => (kind, Some(id), Some(name)),
        None => (kind, rest, None),
    }
}

fn parse_actor(text: &str) -> Result<Actor, String> {
    let (kind, id, name) = split(text);
    let actor = match id {
        Some("") => return Err("there is no id after the colon; write TYPE:ID, as in user:ada".to_owned()),
        Some(id) => Actor::new(kind, id),
        None if matches!(kind, "system" | "anonymous") => Actor::without_id(kind),
        None => return Err("write TYPE:ID, as in user:ada; only `system` and `anonymous` need no id".to_owned()),
    };
    Ok(match name {
        Some(name) => actor.named(name),
        None => actor,
    })
}

fn parse_target(text: &str) -> Result<Target, String> {
    match split(text) {
        (kind, Some(id), name) if !kind.is_empty() && !id.is_empty() => {
            let target = Target::new(kind, id);
            Ok(match name {
                Some(name) => target.named(name),
                None => target,
            })
        }
        _ => Err("write TYPE:ID, as in invoice:7, or TYPE:ID=NAME".to_owned()),
    }
}

fn parse_change(text: &str) -> Result<Change, String> {
    let usage = || "write POINTER=FROM..TO, as in /state=open..approved".to_owned();
    let (path, values) = text.split_once('=').ok_or_else(usage)?;
    let (from, to) = values.split_once("..").ok_or_else(usage)?;
    Ok(Change { path: path.to_owned(), from: side(from), to: side(to), redacted: false })
}

fn side(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| json_or_text(text))
}

fn parse_meta(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), json_or_text(value))),
        _ => Err("write KEY=JSON, as in amount=19.90".to_owned()),
    }
}

/// JSON where the text is valid JSON; a number with more digits than a double holds stays text and loses none.
fn json_or_text(text: &str) -> Value {
    read_json(text.as_bytes()).unwrap_or_else(|_| text.into())
}

fn parse_outcome(text: &str) -> Result<Ended, String> {
    Ended::from_word(text).ok_or_else(|| format!("expected one of {}", Ended::ALL.map(Ended::as_str).join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn actors_and_targets() {
        assert_eq!(parse_actor("user:ada"), Ok(Actor::new("user", "ada")));
        assert_eq!(parse_actor("user:urn:x:1=Ada = me"), Ok(Actor::new("user", "urn:x:1").named("Ada = me")));
        assert_eq!(parse_actor("system"), Ok(Actor::without_id("system")));
        assert!(parse_actor("user").is_err() && parse_actor("user:").is_err());
        assert_eq!(parse_target("invoice:7=Seven"), Ok(Target::new("invoice", "7").named("Seven")));
        assert!(parse_target("invoice").is_err() && parse_target(":7").is_err() && parse_target("invoice:=x").is_err());
    }

    #[test]
    fn changes() {
        let check = |text: &str, path: &str, from: Option<Value>, to: Option<Value>| {
            let expected = Change { path: path.to_owned(), from, to, redacted: false };
            assert_eq!(parse_change(text), Ok(expected), "{text}");
        };
        check("/state=open..closed", "/state", Some(json!("open")), Some(json!("closed")));
        check("/n=1..2.5", "/n", Some(json!(1)), Some(json!(2.5)));
        check("/n=null..[1,2]", "/n", Some(json!(null)), Some(json!([1, 2])));
        check("/n=\"1\"..", "/n", Some(json!("1")), None);
        check("/n=..x..y=z", "/n", None, Some(json!("x..y=z")));
        check("/n=12345678901234567890..1e400", "/n", Some(json!("12345678901234567890")), Some(json!("1e400")));
        assert!(parse_change("/n").is_err() && parse_change("/n=1").is_err());
    }

    #[test]
    fn metadata() {
        assert_eq!(parse_meta("a=19.90"), Ok(("a".to_owned(), json!(19.9))));
        assert_eq!(parse_meta("a=b=c"), Ok(("a".to_owned(), json!("b=c"))));
        assert_eq!(parse_meta("a="), Ok(("a".to_owned(), json!(""))));
        assert!(parse_meta("=1").is_err() && parse_meta("a").is_err());
    }
}
