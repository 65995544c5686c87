//! The names of tables and columns in options: as SQL writes them, without folding case, and with `*`.

use std::fmt;
use std::str::FromStr;

use deedbook_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// A table with its schema.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct TableName {
    /// Its schema; `public` where none was named.
    pub schema: String,
    /// Its name.
    pub table: String,
}

/// Tables by name, where `*` stands for any characters: `public.*`, `billing.invoice*`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(pub(super) TableName);

/// A column of a table, or of each table that the pattern matches.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ColumnName {
    pub(super) table: Pattern,
    pub(super) column: String,
}

impl Pattern {
    /// Whether it is this table.
    pub fn matches(&self, table: &TableName) -> bool {
        matches(&self.0.schema, &table.schema) && matches(&self.0.table, &table.table)
    }
}

/// Whether `name` is `pattern`, in which `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(left) = name.strip_prefix(start) else { return false };
    left.char_indices().map(|(at, _)| at).chain([left.len()]).any(|at| matches(rest, &left[at..]))
}

/// Splits at the first dot outside of double quotes and takes the quotes away, as SQL does; it does not fold case.
fn split(text: &str) -> Option<(String, Option<String>)> {
    let mut parts = vec![String::new()];
    let (mut is_quoted, mut characters) = (false, text.chars().peekable());
    while let Some(character) = characters.next() {
        let part = parts.last_mut().expect("it began with one");
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => part.extend(characters.next()),
            '"' => is_quoted = !is_quoted,
            '.' if !is_quoted => parts.push(String::new()),
            other => part.push(other),
        }
    }
    let is_whole = !is_quoted && parts.iter().all(|part| !part.is_empty());
    let mut parts = parts.into_iter();
    match (is_whole, parts.next(), parts.next(), parts.next()) {
        (true, Some(first), second, None) => Some((first, second)),
        _ => None,
    }
}

impl FromStr for TableName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match split(text) {
            Some((schema, Some(table))) => Ok(Self { schema, table }),
            Some((table, None)) => Ok(Self { schema: "public".to_owned(), table }),
            None => Err(Error::new(
                ErrorKind::Invalid,
                format!("{text:?} is no table; expected schema.table, with double quotes around names that hold a dot"),
            )),
        }
    }
}

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse().map(Self)
    }
}

impl FromStr for ColumnName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let error = || {
            Error::new(
                ErrorKind::Invalid,
                format!("{text:?} is no column; expected table.column or schema.table.column"),
            )
        };
        let at = last_dot(text).ok_or_else(error)?;
        let (column, none) = split(&text[at + 1..]).ok_or_else(error)?;
        if none.is_some() {
            return Err(error());
        }
        Ok(Self { table: text[..at].parse()?, column })
    }
}

/// The last dot outside of double quotes.
fn last_dot(text: &str) -> Option<usize> {
    let mut is_quoted = false;
    let dots = text.char_indices().filter(|(_, character)| {
        is_quoted ^= *character == '"';
        *character == '.' && !is_quoted
    });
    dots.last().map(|(at, _)| at)
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", quoted(&self.schema), quoted(&self.table))
    }
}

/// In double quotes where SQL, or this, would read it as something else.
fn quoted(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'*');
    if name.bytes().all(is_plain) && !name.starts_with(|first: char| first.is_ascii_digit()) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table, quoted(&self.column))
    }
}

macro_rules! from_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.to_string()
            }
        }
    )*};
}

from_text!(TableName, Pattern, ColumnName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_they_are_read() {
        for text in ["public.a", "\"My Schema\".\"a\"\"b.c\"", "public.\"1\"", "a.*"] {
            assert_eq!(text.parse::<TableName>().expect(text).to_string(), text);
        }
        let column: ColumnName = "s.\"t.u\".\"v.w\"".parse().expect("a column");
        assert_eq!((column.column.as_str(), column.table.to_string().as_str()), ("v.w", "s.\"t.u\""));
    }
}
