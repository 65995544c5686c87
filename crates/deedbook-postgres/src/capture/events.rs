//! A row of the outbox that a trigger wrote → events, without any IO.
//!
//! A body is `[operation, carried…, …],[…]`. The carried values name the row and what its foreign keys point to; after
//! them stand all other values of a row that came or went, or, of each column that changed, its number and the values
//! before and after (of a masked one its negative number alone). `generate.sql` writes them.

use deedbook_core::serde_json::{self, Map, Value, json};
use deedbook_core::{Actor, Error, ErrorKind, Event, Result, Target};
use serde::Deserialize;

use super::definition::{Column, Definition, Reference};
use super::field::{Field, Side, Values};
use super::size;
use super::value;

/// The id of the target where a change concerns a table as a whole, or rows that nothing tells apart.
const ALL: &str = "*";
/// Targets of an event.
const TARGETS_MAX: usize = 32;
/// Bytes of the id and of the name of a target.
const ID_BYTES_MAX: usize = 1024;
const NAME_BYTES_MAX: usize = 256;

/// A body that was written while the table was not as its shape says.
#[derive(Deserialize)]
#[serde(untagged)]
enum Irregular {
    /// It brings its own definition.
    Described { definition: Box<Definition>, changes: Vec<Vec<Value>> },
    /// Not even that was possible; something of this kind changed.
    Failed { error: String, operation: String },
}

/// The events of the changes in `body`, which was written under `definition`, one for each row of the table.
///
/// # Errors
/// [`Corrupt`](ErrorKind::Corrupt) where `body` is not of this definition.
pub fn events(body: &str, definition: &Definition, actor: &Actor) -> Result<Vec<Event>> {
    if !body.starts_with('{') {
        return all(parsed(&format!("[{body}]"))?, definition, actor);
    }
    match parsed(body)? {
        Irregular::Described { definition, changes } => all(changes, &definition, actor),
        Irregular::Failed { error, operation } => Ok(vec![unread(definition, actor, &operation, error)]),
    }
}

fn parsed<'b, T: Deserialize<'b>>(body: &'b str) -> Result<T> {
    serde_json::from_str(body)
        .map_err(|error| corrupt("the changes of a captured table cannot be read").with_source(error))
}

fn corrupt(message: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, message)
}

fn all(changes: Vec<Vec<Value>>, definition: &Definition, actor: &Actor) -> Result<Vec<Event>> {
    changes.into_iter().map(|change| event(change, definition, actor)).collect()
}

/// What happened to a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Created,
    Updated,
    Deleted,
    Truncated,
}

impl Operation {
    fn of(code: &Value) -> Option<Self> {
        [Self::Created, Self::Updated, Self::Deleted, Self::Truncated]
            .into_iter()
            .find(|operation| code.as_u64() == Some(*operation as u64 + 1))
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Truncated => "truncated",
        }
    }
}

fn event(change: Vec<Value>, definition: &Definition, actor: &Actor) -> Result<Event> {
    let mut values = change.into_iter();
    let operation = values.next().as_ref().and_then(Operation::of);
    let operation = operation.ok_or_else(|| corrupt("a change of a captured table begins with no known operation"))?;
    if operation == Operation::Truncated {
        return Ok(truncated(definition, actor, values));
    }
    let row = Row::read(definition, operation, values)?;
    let mut event = named(definition, actor, operation);
    event.tenant = definition.tenant.and_then(|n| row.carried(n)).map(|tenant| value::text(tenant).to_lowercase());
    let unresolved = row.unresolved();
    let (targets, fields) = if definition.link { row.joined(operation) } else { (row.targets(), row.fields) };
    event.targets = targets;
    event.metadata.extend(unresolved);
    event.targets.truncate(TARGETS_MAX);
    size::settle(fields, &mut event);
    Ok(event)
}

/// An event of this kind about the table, without target and changes.
fn named(definition: &Definition, actor: &Actor, operation: Operation) -> Event {
    let mut event = Event::new(format!("{}.{}", definition.entity, operation.verb()), actor.clone());
    event.category.clone_from(&definition.category);
    event.audience.clone_from(&definition.audience);
    event
}

fn truncated(definition: &Definition, actor: &Actor, mut names: std::vec::IntoIter<Value>) -> Event {
    let mut event = named(definition, actor, Operation::Truncated);
    event.targets.push(Target::new(&definition.entity, ALL));
    // Partitions are emptied one by one.
    let (schema, table) = (names.next(), names.next());
    if schema != Some(json!(definition.schema)) || table != Some(json!(definition.table)) {
        event.metadata.insert("partition".to_owned(), json!([schema, table]));
    }
    event
}

fn unread(definition: &Definition, actor: &Actor, operation: &str, error: String) -> Event {
    let operation = match operation {
        "INSERT" => Operation::Created,
        "DELETE" => Operation::Deleted,
        _ => Operation::Updated,
    };
    let mut event = named(definition, actor, operation);
    event.targets.push(Target::new(&definition.entity, ALL));
    event.metadata.insert("not_captured".to_owned(), json!(error));
    event
}

/// One change of one row, taken apart.
struct Row<'d> {
    definition: &'d Definition,
    /// The values by which the row and its targets are named; of an update those after it.
    carried: Vec<(i16, Value)>,
    /// For each reference that was looked up, what was found.
    found: Vec<Value>,
    /// Carried columns that changed, with what they were.
    former: Vec<(i16, Value)>,
    fields: Vec<Field>,
}

impl<'d> Row<'d> {
    fn read(definition: &'d Definition, operation: Operation, mut values: std::vec::IntoIter<Value>) -> Result<Self> {
        let mut next = || values.next().ok_or_else(|| corrupt("a change of a captured table has too few values"));
        let carried = definition.columns.iter().filter(|column| column.carried);
        let carried = carried.map(|column| Ok((column.n, next()?))).collect::<Result<Vec<_>>>()?;
        let looked_up = definition.targets.iter().filter(|target| target.ids.is_some());
        let found = looked_up.map(|_| next()).collect::<Result<Vec<_>>>()?;
        let mut row = Self { definition, carried, found, former: Vec::new(), fields: Vec::new() };
        if operation == Operation::Updated {
            row.changed(values)?
        } else {
            row.whole(operation, values)?
        }
        Ok(row)
    }

    /// Every column of a row that came or went.
    fn whole(&mut self, operation: Operation, mut values: std::vec::IntoIter<Value>) -> Result<()> {
        for column in &self.definition.columns {
            let written = match (column.mask, self.carried(column.n)) {
                (true, _) => None,
                (false, Some(carried)) => Some(carried.clone()),
                (false, None) => Some(values.next().ok_or_else(|| corrupt("a captured row has too few values"))?),
            };
            let known = written.map(|written| {
                let side = Some(Side::read(column, written));
                if operation == Operation::Created {
                    Values::Known { from: None, to: side }
                } else {
                    Values::Known { from: side, to: None }
                }
            });
            self.fields.push(field(column, known.unwrap_or(Values::Masked)));
        }
        Ok(())
    }

    /// The columns that changed.
    fn changed(&mut self, mut values: std::vec::IntoIter<Value>) -> Result<()> {
        while let Some(number) = values.next() {
            let number = number.as_i64().and_then(|number| i16::try_from(number).ok());
            let column = number.and_then(|number| self.definition.column(number.wrapping_abs()));
            let (Some(number), Some(column)) = (number, column) else {
                return Err(corrupt("a change of a captured table names a column that its shape does not have"));
            };
            if number < 0 {
                self.fields.push(field(column, Values::Masked));
                continue;
            }
            let (Some(from), Some(to)) = (values.next(), values.next()) else {
                return Err(corrupt("a changed column has no values"));
            };
            if column.carried {
                self.former.push((number, from.clone()));
            }
            let (from, to) = (Some(Side::read(column, from)), Some(Side::read(column, to)));
            self.fields.push(field(column, Values::Known { from, to }));
        }
        Ok(())
    }

    fn carried(&self, number: i16) -> Option<&Value> {
        self.carried.iter().find(|(n, _)| *n == number).map(|(_, value)| value)
    }

    /// What a carried column was before the change.
    fn former(&self, number: i16) -> Option<&Value> {
        let changed = self.former.iter().find(|(n, _)| *n == number);
        changed.map(|(_, value)| value).or_else(|| self.carried(number))
    }

    /// The row itself, what it was called before, and what its foreign keys name and named.
    fn targets(&self) -> Vec<Target> {
        let mut targets = vec![self.itself()];
        targets.extend(self.before(&self.definition.entity, &self.definition.id));
        targets.extend(self.named().into_iter().flatten());
        let direct = self.definition.targets.iter().filter(|reference| reference.ids.is_none());
        targets.extend(direct.filter_map(|reference| self.before(&reference.entity, &reference.columns)));
        targets
    }

    /// What each foreign key names; nothing where it is null, or where what it named went in the same statement.
    fn named(&self) -> Vec<Option<Target>> {
        let mut found = self.found.iter();
        let named = |reference: &Reference| match reference.ids {
            Some(ids) => found.next().and_then(|found| looked_up(reference, ids, found)),
            None => self.direct(reference),
        };
        self.definition.targets.iter().map(named).collect()
    }

    /// The foreign keys that name something of which the id could not be looked up, with the values of their columns.
    fn unresolved(&self) -> Option<(String, Value)> {
        let references = self.definition.targets.iter().zip(self.named()).filter(|(_, named)| named.is_none());
        let keys: Map<String, Value> = references
            .filter_map(|(reference, _)| {
                let parts = self.values(&reference.columns, Self::carried)?;
                (!parts.contains(&&Value::Null)).then(|| (reference.entity.clone(), Value::String(id(&parts))))
            })
            .collect();
        (!keys.is_empty()).then(|| ("unresolved".to_owned(), Value::Object(keys)))
    }

    fn itself(&self) -> Target {
        let id = self.values(&self.definition.id, Self::carried).map_or_else(|| ALL.to_owned(), |parts| id(&parts));
        let mut target = Target::new(&self.definition.entity, id);
        target.name = self.definition.label.and_then(|n| self.carried(n)).and_then(name);
        target
    }

    fn direct(&self, reference: &Reference) -> Option<Target> {
        let parts = self.values(&reference.columns, Self::carried)?;
        (!parts.contains(&&Value::Null)).then(|| Target::new(&reference.entity, id(&parts)))
    }

    /// What these columns named before the change, if that was something else.
    fn before(&self, entity: &str, columns: &[i16]) -> Option<Target> {
        let (former, now) = (self.values(columns, Self::former)?, self.values(columns, Self::carried)?);
        let has_changed = former != now && !former.contains(&&Value::Null);
        has_changed.then(|| Target { role: Some("previous".to_owned()), ..Target::new(entity, id(&former)) })
    }

    fn values(&self, columns: &[i16], of: fn(&Self, i16) -> Option<&Value>) -> Option<Vec<&Value>> {
        if columns.is_empty() {
            return None;
        }
        columns.iter().map(|&n| of(self, n)).collect()
    }

    /// Targets and fields of a link: a field `/tags/7` of the thing at one end, named by the thing at the other.
    fn joined(self, operation: Operation) -> (Vec<Target>, Vec<Field>) {
        let (Ok([left, right]), [left_key, right_key]) =
            (<[_; 2]>::try_from(self.named()), &self.definition.targets[..])
        else {
            return (self.targets(), self.fields);
        };
        let (thing, other, key) = match (left, right) {
            (Some(left), right) => (left, right, right_key),
            (None, Some(right)) => (right, None, left_key),
            (None, None) => return (vec![self.itself()], self.fields),
        };
        let raw = |of| self.values(&key.columns, of).map(|parts| id(&parts)).unwrap_or_default();
        let now = other.as_ref().map_or_else(|| raw(Self::carried), |other| other.id.clone());
        let fields = match operation {
            Operation::Updated if raw(Self::former) == raw(Self::carried) => Vec::new(),
            Operation::Updated => vec![held(key, &raw(Self::former), false), held(key, &now, true)],
            operation => vec![held(key, &now, operation == Operation::Created)],
        };
        (std::iter::once(thing).chain(other).collect(), fields)
    }
}

/// That the thing `id` is joined, or is not any more.
fn held(reference: &Reference, id: &str, is_held: bool) -> Field {
    let side = |is_there: bool| is_there.then_some(Side::Whole(Value::Bool(true)));
    let values = Values::Known { from: side(!is_held), to: side(is_held) };
    Field { path: pointer(&[&reference.entity, id]), is_personal: false, values }
}

fn field(column: &Column, values: Values) -> Field {
    Field { path: pointer(&[&column.name]), is_personal: column.personal, values }
}

/// A JSON Pointer (RFC 6901).
fn pointer(segments: &[&str]) -> String {
    segments.iter().map(|segment| format!("/{}", segment.replace('~', "~0").replace('/', "~1"))).collect()
}

/// What was found where a foreign key points to.
fn looked_up(reference: &Reference, ids: usize, found: &Value) -> Option<Target> {
    let found = found.as_array()?;
    let parts: Vec<&Value> = found.iter().take(ids).collect();
    let mut target = Target::new(&reference.entity, id(&parts));
    target.name = found.get(ids).and_then(name);
    Some(target)
}

/// The id of a thing from the values of its key: one as it is, several joined by colons.
fn id(parts: &[&Value]) -> String {
    let id = match parts {
        [one] => value::text(one),
        several => {
            let escaped = several.iter().map(|part| value::text(part).replace('%', "%25").replace(':', "%3A"));
            escaped.collect::<Vec<_>>().join(":")
        }
    };
    match id.len() {
        0 => "\"\"".to_owned(),
        1..=ID_BYTES_MAX => id,
        _ => format!("sha256:{}", value::digested(&Value::String(id))["sha256"].as_str().unwrap_or_default()),
    }
}

fn name(label: &Value) -> Option<String> {
    if label.is_null() || value::is_digest(label) {
        return None;
    }
    let mut name = value::text(label);
    name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
    Some(name)
}
