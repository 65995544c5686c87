//! A text with places for the values of an entry: a format for whatever has none of its own.

use std::fmt;
use std::str::FromStr;

use deedbook_core::serde_json::Value;
use deedbook_core::visible::{is_dangerous, visible};
use deedbook_core::{Entry, Error, Result};

use super::json;
use super::rest::Rest;

/// The members of an entry, as the API shows them.
const MEMBERS: [&str; 24] = [
    "action",
    "actor",
    "audience",
    "category",
    "changes",
    "context",
    "correlation_id",
    "description",
    "error",
    "id",
    "leaf_hash",
    "metadata",
    "occurred_at",
    "outcome",
    "personal",
    "position",
    "reason",
    "recorded_at",
    "schema",
    "seq",
    "source",
    "targets",
    "tenant",
    "transaction_id",
];

/// Levels of a path: as deep as an event nests.
const LEVELS_MAX: usize = 32;

/// A text of one line with places such as `{actor.name}`, read once and written for every entry.
///
/// * A place names a value of the entry as the API shows it, names separated by dots, elements of lists by number:
///   `{targets.0.id}`. A path that begins with a slash is a JSON Pointer, for names with dots in them:
///   `{/metadata/a.b}`.
/// * After a colon is how it is written: `{reason:json}` as JSON, `{reason:csv}` as a field of CSV, quoted where it
///   must be. Without it, text is written as it is with control characters made visible, and objects and lists as
///   JSON.
/// * After a bar is what stands for a value that is absent, null or empty: `{actor.name|-}`; else nothing does.
/// * `{{` and `}}` are braces.
///
/// A value never ends the line. Whether it can look like a part of the text around it depends on that text: in one that
/// is parsed again, places want `:json` or `:csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(Place),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    path: Vec<String>,
    form: Form,
    default: String,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Json,
    Csv,
}

impl Template {
    /// Appends the text with the values of `entry` in its places.
    pub(super) fn write(&self, entry: &Entry, out: &mut Vec<u8>) {
        let entry = Rest::of(entry).left().unwrap_or_default();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Place(place) => place.write(&entry, out),
            }
        }
    }
}

impl Place {
    fn write(&self, entry: &Value, out: &mut Vec<u8>) {
        let found = self.path.iter().try_fold(entry, |value, name| child(value, name));
        let found = found.filter(|value| !value.is_null() && value.as_str() != Some(""));
        let plain = |value: &Value| match value {
            Value::String(text) => visible(text).into_owned(),
            other => visible(&other.to_string()).into_owned(),
        };
        match (found, self.form) {
            (None, _) => out.extend_from_slice(self.default.as_bytes()),
            (Some(value), Form::Plain) => out.extend_from_slice(plain(value).as_bytes()),
            (Some(value), Form::Json) => json::write(value, out),
            (Some(value), Form::Csv) => out.extend_from_slice(csv_field(&plain(value)).as_bytes()),
        }
    }
}

fn child<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members.get(name),
        Value::Array(elements) => elements.get(name.parse::<usize>().ok()?),
        _ => None,
    }
}

/// A field of CSV: quoted where it must be, with an apostrophe before what a spreadsheet would take for a formula.
///
/// Source: RFC 4180; OWASP, "CSV Injection".
fn csv_field(value: &str) -> String {
    let apostrophe = if value.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    if value.contains(['"', ',', ';']) {
        return format!("\"{apostrophe}{}\"", value.replace('"', "\"\""));
    }
    format!("{apostrophe}{value}")
}

impl fmt::Display for Template {
    /// The text as it was read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Template {
    type Err = Error;

    /// Reads the text of a template.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid) with `bad_template`: at which character, counted from
    /// 1, and what was expected there.
    fn from_str(text: &str) -> Result<Self> {
        let pieces = Parser { text, at: 0 }.pieces()?;
        Ok(Self { text: text.to_owned(), pieces })
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn pieces(mut self) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        while let Some(character) = self.rest().chars().next() {
            match character {
                '{' if !self.rest().starts_with("{{") => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Place(self.place()?));
                }
                '{' | '}' => plain.push(self.brace(character)?),
                '\t' => plain.push(self.next(character)),
                dangerous if is_dangerous(dangerous) => {
                    return Err(self.expected("a text of one line without control characters"));
                }
                other => plain.push(self.next(other)),
            }
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(pieces)
    }

    /// One of `{{` and `}}`.
    fn brace(&mut self, brace: char) -> Result<char> {
        if !self.rest()[1..].starts_with(brace) {
            return Err(self.expected("\"}}\" for a brace, or a place such as \"{actor.name}\""));
        }
        self.at += 2;
        Ok(brace)
    }

    fn next(&mut self, character: char) -> char {
        self.at += character.len_utf8();
        character
    }

    /// `{path:form|default}`
    fn place(&mut self) -> Result<Place> {
        self.at += 1;
        let path = self.path()?;
        let form = if self.skip(':') { self.form()? } else { Form::Plain };
        let default = if self.skip('|') { self.default()? } else { String::new() };
        if !self.skip('}') {
            return Err(self.expected("\":\" and a form, \"|\" and a default, or \"}\""));
        }
        Ok(Place { path, form, default })
    }

    fn path(&mut self) -> Result<Vec<String>> {
        let from = self.at;
        let path = self.until(&[':', '|', '{', '}']);
        let names: Vec<String> = match path.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect(),
            None => path.split('.').map(str::to_owned).collect(),
        };
        if !MEMBERS.contains(&names[0].as_str()) {
            self.at = from;
            return Err(self.expected(&format!("a path that begins with one of {}", MEMBERS.join(", "))));
        }
        if names.len() > LEVELS_MAX {
            self.at = from;
            return Err(self.expected(&format!("a path of at most {LEVELS_MAX} names")));
        }
        Ok(names)
    }

    fn form(&mut self) -> Result<Form> {
        let from = self.at;
        match self.until(&['|', '{', '}']) {
            "json" => Ok(Form::Json),
            "csv" => Ok(Form::Csv),
            _ => {
                self.at = from;
                Err(self.expected("one of json, csv"))
            }
        }
    }

    fn default(&mut self) -> Result<String> {
        let default = self.until(&['{', '}']);
        match default.char_indices().find(|(_, character)| is_dangerous(*character)) {
            None => Ok(default.to_owned()),
            Some((at, _)) => {
                self.at = self.at - default.len() + at;
                Err(self.expected("a default of one line without control characters"))
            }
        }
    }

    fn until(&mut self, ends: &[char]) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn skip(&mut self, character: char) -> bool {
        let is_there = self.rest().starts_with(character);
        if is_there {
            self.next(character);
        }
        is_there
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn expected(&self, what: &str) -> Error {
        let position = self.text[..self.at].chars().count() + 1;
        Error::invalid("", "bad_template", format!("at character {position}: expected {what}"))
    }
}
