//! Events as JSON, one a line, exactly as API.md has them on the wire.
//!
//! Two kindnesses. A line of our own export carries what the log had added (`seq`, `position`, `recorded_at`,
//! `leaf_hash`); those four are dropped. And an event without an id gets one made from its line, its line number and
//! the name of the file, so that a second import of the same file adds nothing and no two lines are taken for one.
//! Standard input has no name; there, an event with neither id nor time is a new one each time, lest the same line
//! piped in every night be taken for a repetition and lost.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deedbook_core::Event;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::foreign::Members;
use super::pieces::{Lines, Piece};
use super::{Item, Items, Place, input};
use crate::exit::Outcome;
use crate::progress::Progress;

/// What the log adds to an event when it shows an entry.
const ADDED_BY_THE_LOG: [&str; 4] = ["seq", "position", "recorded_at", "leaf_hash"];

/// What stands for the name of a file that has none.
const STANDARD_INPUT: &str = "-";

/// The events of a file.
pub(crate) fn open(path: &Path, progress: &Progress) -> Outcome<Items> {
    let reader = input::open(path, progress)?;
    let (path, name) = (path.to_owned(), plain_name(&input::file_name(path)).to_owned());
    let items = Lines::new(reader).map(move |piece| match piece {
        Ok(piece) => Ok(item(piece, &name)),
        Err(error) => Err(input::unreadable(&path, error)),
    });
    Ok(Box::new(items))
}

/// The name of a file without the ending of its compression.
fn plain_name(name: &str) -> &str {
    name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name)
}

fn item(piece: Piece, file_name: &str) -> Item {
    let event = match piece.fault {
        Some(fault) => Err(fault),
        None => read(&piece.raw).map(|event| with_id(event, &piece.place, &piece.raw, file_name)),
    };
    Item { place: piece.place, raw: piece.raw, event }
}

fn read(line: &[u8]) -> Result<Event, String> {
    match without_additions(line) {
        Some(event) => Event::from_json(&event),
        None => Event::from_json(line),
    }
    // The place of the line is told beside the reason.
    .map_err(|error| error.to_string().replace("(line 1, column ", "(column "))
}

/// The line without what the log had added, if it is a line of an export: one with a member `recorded_at`.
fn without_additions(line: &[u8]) -> Option<Vec<u8>> {
    // Most lines are no export; the cheap look spares them the second parse.
    line.windows(13).any(|window| window == b"\"recorded_at\"").then_some(())?;
    let Members(members) = serde_json::from_slice(line).ok()?;
    members.iter().any(|(name, _)| name == "recorded_at").then(|| join(&members))
}

fn join(members: &[(String, Box<RawValue>)]) -> Vec<u8> {
    let mut out = vec![b'{'];
    for (name, value) in members.iter().filter(|(name, _)| !ADDED_BY_THE_LOG.contains(&name.as_str())) {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(serde_json::Value::from(name.as_str()).to_string().as_bytes());
        out.push(b':');
        out.extend_from_slice(value.get().as_bytes());
    }
    out.push(b'}');
    out
}

fn with_id(event: Event, place: &Place, line: &[u8], file_name: &str) -> Event {
    let is_one_of_many = file_name == STANDARD_INPUT && event.occurred_at.is_none();
    if event.id.is_some() || is_one_of_many {
        return event;
    }
    let hash = Sha256::new().chain_update(format!("{file_name}\0{place}\0")).chain_update(line).finalize();
    Event { id: Some(format!("import_{}", URL_SAFE_NO_PAD.encode(&hash[..16]))), ..event }
}

#[cfg(test)]
mod tests {
    use deedbook_core::Actor;

    use super::*;

    #[test]
    fn an_export_loses_what_the_log_had_added_and_nothing_else() {
        let line = br#"{"action":"a.b","leaf_hash":"00","metadata":{"seq":1,"n":1.50},"position":1,"recorded_at":"x","seq":0}"#;
        let event = without_additions(line).expect("an export");
        assert_eq!(String::from_utf8_lossy(&event), r#"{"action":"a.b","metadata":{"seq":1,"n":1.50}}"#);
    }

    #[test]
    fn other_lines_are_left_as_they_are() {
        for line in [&br#"{"action":"a.b","seq":1}"#[..], br#"{"metadata":{"recorded_at":1}}"#, br#"{"recorded_at":"#] {
            assert_eq!(without_additions(line), None);
        }
    }

    #[test]
    fn duplicate_keys_survive_to_be_refused() {
        let event = without_additions(br#"{"action":"a.b","action":"c.d","recorded_at":1}"#).expect("an export");
        assert_eq!(String::from_utf8_lossy(&event), r#"{"action":"a.b","action":"c.d"}"#);
    }

    #[test]
    fn an_id_is_made_of_line_number_and_file() {
        let event = || Event::new("a.b", Actor::without_id("system"));
        let id = |line: u64, raw: &[u8], name| with_id(event(), &Place::Line(line), raw, name).id;
        assert_eq!(id(1, b"x", "f"), id(1, b"x", "f"));
        assert_eq!(id(1, b"x", "f").map(|id| id.len()), Some(29));
        let others = [id(2, b"x", "f"), id(1, b"y", "f"), id(1, b"x", "g")];
        assert!(others.iter().all(|other| *other != id(1, b"x", "f")));
        assert_eq!(id(1, b"x", STANDARD_INPUT), None);
        let timed = || Event { occurred_at: Some(deedbook_core::Timestamp::UNIX_EPOCH), ..event() };
        assert!(with_id(timed(), &Place::Line(1), b"x", STANDARD_INPUT).id.is_some());
        let given = Event { id: Some("mine".to_owned()), ..event() };
        assert_eq!(with_id(given, &Place::Line(1), b"x", "f").id.as_deref(), Some("mine"));
        assert_eq!(plain_name("events.ndjson.gz"), plain_name("events.ndjson"));
    }
}
