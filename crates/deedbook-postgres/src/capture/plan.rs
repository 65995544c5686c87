//! Options → which tables are captured, and how. No database is asked here; the tables that there are come in.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use deedbook_core::serde_json::{Map, Value, json};
use deedbook_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// What is captured, as options of the command line or a file say it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plan {
    /// Tables that are captured; `public.*` where there are none.
    pub tables: Vec<Pattern>,
    /// Tables that are not, among those.
    pub exclude: Vec<Pattern>,
    /// Columns of which nothing is written, and of which a change alone is no change of the row.
    pub omit: Vec<ColumnName>,
    /// Columns of which only is written that they changed.
    pub mask: Vec<ColumnName>,
    /// Columns that are written though their names sound like secrets.
    pub plain: Vec<ColumnName>,
    /// Columns whose values can be erased from the log one by one.
    pub personal: Vec<ColumnName>,
    /// What the rows of a table are called.
    pub entity: BTreeMap<TableName, Entity>,
}

/// What the rows of a table are called, and what belongs to their changes.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Entity {
    /// The type of the target and the first part of the action: `[a-z0-9_]+`; the table's name where absent.
    pub name: Option<String>,
    /// Columns that make the id; the primary key where there are none.
    pub id: Vec<String>,
    /// The column with the name that people know it by.
    pub label: Option<String>,
    /// The column with the tenant.
    pub tenant: Option<String>,
    /// Labels of those who may see the changes.
    pub audience: Option<Vec<String>>,
    /// Chooses the retention rule.
    pub category: Option<String>,
    /// Columns of foreign keys: what they point to has the change in its history too.
    pub targets: Vec<String>,
}

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
pub struct Pattern(TableName);

/// A column of a table, or of each table that the pattern matches.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ColumnName {
    table: Pattern,
    column: String,
}

/// A table that is to be captured, and the mapping that `deedbook.capture` takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Captured {
    /// The table.
    pub table: TableName,
    /// Its mapping, with the members of `deedbook.capture`.
    pub mapping: Map<String, Value>,
}

impl Plan {
    /// The tables of `found` that are captured, in order, and how.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where an option names a table that is not among them.
    pub fn resolve(&self, found: &[TableName]) -> Result<Vec<Captured>> {
        for pattern in self.tables.iter().chain(&self.exclude) {
            if !found.iter().any(|table| pattern.matches(table)) {
                return Err(unmatched("table", pattern));
            }
        }
        let captured: Vec<&TableName> = found.iter().filter(|table| self.includes(table)).collect();
        for name in [&self.omit, &self.mask, &self.plain, &self.personal].into_iter().flatten() {
            if !captured.iter().any(|table| name.table.matches(table)) {
                return Err(unmatched("captured table with a column", name));
            }
        }
        if let Some(name) = self.entity.keys().find(|name| !captured.contains(name)) {
            return Err(unmatched("captured table", name));
        }
        Ok(captured.into_iter().map(|table| self.captured(table)).collect())
    }

    /// Whether the table is to be captured.
    pub fn includes(&self, table: &TableName) -> bool {
        let is_named = match &self.tables[..] {
            [] => table.schema == "public",
            patterns => patterns.iter().any(|pattern| pattern.matches(table)),
        };
        is_named && !self.is_excluded(table)
    }

    /// Whether the table is named by `exclude`.
    pub fn is_excluded(&self, table: &TableName) -> bool {
        self.exclude.iter().any(|pattern| pattern.matches(table))
    }

    fn captured(&self, table: &TableName) -> Captured {
        let mut mapping = self.entity.get(table).map(Entity::mapping).unwrap_or_default();
        let lists = [("omit", &self.omit), ("mask", &self.mask), ("plain", &self.plain), ("personal", &self.personal)];
        for (member, names) in lists {
            let columns: Vec<&str> =
                names.iter().filter(|name| name.table.matches(table)).map(|name| name.column.as_str()).collect();
            if !columns.is_empty() {
                mapping.insert(member.to_owned(), json!(columns));
            }
        }
        Captured { table: table.clone(), mapping }
    }
}

fn unmatched(what: &str, name: impl fmt::Display) -> Error {
    let message = format!("there is no {what} {name}; tables are written schema.table, with * for any characters");
    Error::new(ErrorKind::Invalid, message)
}

impl Entity {
    fn mapping(&self) -> Map<String, Value> {
        let mut mapping = Map::new();
        let mut put = |member: &str, value: Value| {
            if !value.is_null() && value != json!([]) {
                mapping.insert(member.to_owned(), value);
            }
        };
        put("entity", json!(self.name));
        put("id", json!(self.id));
        put("label", json!(self.label));
        put("tenant", json!(self.tenant));
        put("category", json!(self.category));
        put("targets", json!(self.targets));
        if let Some(audience) = &self.audience {
            mapping.insert("audience".to_owned(), json!(audience));
        }
        mapping
    }
}

/// Reads `public.invoices=invoice,id=public_id,label=number,tenant=org,audience=a+b,category=c,targets=customer_id`.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid), with what was expected.
pub fn entity(text: &str) -> Result<(TableName, Entity)> {
    let bad = |what: &str| {
        let message = format!(
            "{text:?}: {what}; expected TABLE=ENTITY[,id=COLUMN+…][,label=COLUMN][,tenant=COLUMN][,audience=LABEL+…][,category=WORD][,targets=COLUMN+…]"
        );
        Error::new(ErrorKind::Invalid, message)
    };
    let (table, rest) = text.split_once('=').ok_or_else(|| bad("there is no ="))?;
    let mut parts = rest.split(',');
    let mut entity =
        Entity { name: parts.next().filter(|name| !name.is_empty()).map(str::to_owned), ..Entity::default() };
    for part in parts {
        let (member, value) = part.split_once('=').ok_or_else(|| bad("a part has no ="))?;
        let list = || value.split('+').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let word = || Some(value.to_owned()).filter(|word| !word.is_empty());
        match member {
            "id" => entity.id = list(),
            "label" => entity.label = word(),
            "tenant" => entity.tenant = word(),
            "audience" => entity.audience = Some(list()),
            "category" => entity.category = word(),
            "targets" => entity.targets = list(),
            other => return Err(bad(&format!("{other:?} is none of its members"))),
        }
    }
    Ok((table.parse()?, entity))
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

    fn plan() -> Plan {
        Plan::default()
    }

    fn tables(names: &[&str]) -> Vec<TableName> {
        names.iter().map(|name| name.parse().expect(name)).collect()
    }

    fn parsed<T: FromStr<Err = Error>>(texts: &[&str]) -> Vec<T> {
        texts.iter().map(|text| text.parse().expect(text)).collect()
    }

    #[test]
    fn tables_are_chosen_by_patterns() {
        let found = tables(&["public.a", "public.ab", "billing.a", "public.\"A.b\""]);
        let check = |include: &[&str], exclude: &[&str], expected: &[&str]| {
            let plan = Plan { tables: parsed(include), exclude: parsed(exclude), ..plan() };
            let names: Vec<String> =
                plan.resolve(&found).expect("tables").iter().map(|captured| captured.table.to_string()).collect();
            assert_eq!(names, expected);
        };
        check(&[], &[], &["public.a", "public.ab", "public.\"A.b\""]);
        check(&["*.*"], &["billing.*"], &["public.a", "public.ab", "public.\"A.b\""]);
        check(&["*.a*"], &[], &["public.a", "public.ab", "billing.a"]);
        check(&["*b"], &["a*"], &["public.\"A.b\""]);
        check(&["billing.a", "\"A.b\""], &[], &["billing.a", "public.\"A.b\""]);
    }

    #[test]
    fn what_names_nothing_is_refused() {
        let found = tables(&["a", "b"]);
        let check = |plan: Plan| {
            assert_eq!(plan.resolve(&found).expect_err("no such table").kind(), ErrorKind::Invalid);
        };
        check(Plan { tables: parsed(&["c"]), ..plan() });
        check(Plan { exclude: parsed(&["c*"]), ..plan() });
        check(Plan { omit: parsed(&["c.x"]), ..plan() });
        check(Plan { exclude: parsed(&["b"]), mask: parsed(&["b.x"]), ..plan() });
        check(Plan { entity: BTreeMap::from([("c".parse().expect("a table"), Entity::default())]), ..plan() });
    }

    #[test]
    fn a_mapping_is_read() {
        let text = "public.invoices=invoice,id=a+b,label=number,tenant=org,audience=x+y,category=c,targets=customer_id";
        let (table, entity) = entity(text).expect("a mapping");
        let plan =
            Plan { mask: parsed(&["invoices.note", "b.x"]), entity: BTreeMap::from([(table, entity)]), ..plan() };
        let captured = plan.resolve(&tables(&["invoices", "b"])).expect("tables");
        assert_eq!(
            Value::Object(captured[0].mapping.clone()),
            json!({"entity": "invoice", "id": ["a", "b"], "label": "number", "tenant": "org", "audience": ["x", "y"],
                "category": "c", "targets": ["customer_id"], "mask": ["note"]})
        );
        assert_eq!(Value::Object(captured[1].mapping.clone()), json!({"mask": ["x"]}));
    }

    #[test]
    fn mappings_that_make_no_sense_are_refused() {
        for text in ["", "a", "a=b,c", "a=b,nope=c", "a.b.c=d", "\"a=b"] {
            assert_eq!(entity(text).expect_err(text).kind(), ErrorKind::Invalid, "{text}");
        }
        for text in ["", "a", ".", "a.", ".b", "a.\"b", "a..b"] {
            assert!(text.parse::<ColumnName>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_written_as_they_are_read() {
        for text in ["public.a", "\"My Schema\".\"a\"\"b.c\"", "public.\"1\"", "a.*"] {
            assert_eq!(text.parse::<TableName>().expect(text).to_string(), text);
        }
        let column: ColumnName = "s.\"t.u\".\"v.w\"".parse().expect("a column");
        assert_eq!((column.column.as_str(), column.table.to_string().as_str()), ("v.w", "s.\"t.u\""));
    }
}
