//! Things of the application that events are about: [`Entity`], and what changed between two states of one.

use std::fmt;
use std::ops::Deref;

use deedbook_core::{Actor, Change, Error, Event, Result, Target};
use serde::Serialize;
use serde_json::Value;

/// Pointers in `personal` that an event may have; with more, all changes are made erasable by one pointer.
const PERSONAL_CHANGES_MAX: usize = 12;

/// A thing that events are about; `#[derive(Entity)]` writes this for a struct.
///
/// Names and links are copied into the event when it is made, so that the log never asks the application's database.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no entity, so an event cannot be about it",
    label = "expected an entity, an option or a list of entities",
    note = "derive it: `#[derive(deedbook::Entity)]`, with `#[entity(id)]` at its id"
)]
pub trait Entity {
    /// The thing as it is now: its type, its id, and how it is called.
    fn to_target(&self) -> Target;

    /// The same as somebody who acts.
    fn to_actor(&self) -> Actor {
        let Target { kind, id, name, email, metadata, .. } = self.to_target();
        Actor { name, email, metadata, ..Actor::new(kind, id) }
    }

    /// Its fields, for [`changes`].
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where a value cannot be told in JSON.
    fn fields(&self) -> Result<Fields>;
}

impl<T: Entity + ?Sized> Entity for &T {
    fn to_target(&self) -> Target {
        (**self).to_target()
    }

    fn fields(&self) -> Result<Fields> {
        (**self).fields()
    }
}

/// A target that was put together by hand; the log knows nothing of its state.
impl Entity for Target {
    fn to_target(&self) -> Target {
        self.clone()
    }

    fn fields(&self) -> Result<Fields> {
        Ok(Fields::new())
    }
}

/// The state of an entity: its fields with their values. It is compared and never shown.
#[derive(Default)]
pub struct Fields(Vec<Field>);

struct Field {
    name: &'static str,
    value: Value,
    kept: Kept,
}

/// How much of a field's values the log keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// All of it.
    Plain,
    /// All of it, erasable on its own.
    Personal,
    /// That it changed, and nothing more.
    Secret,
}

impl Fields {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one field more.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where the value cannot be told in JSON.
    pub fn with<T: Serialize + ?Sized>(mut self, name: &'static str, value: &T, kept: Kept) -> Result<Self> {
        let value = to_json(name, value)?;
        self.0.push(Field { name, value, kept });
        Ok(self)
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|field| field.name == name).map(|field| &field.value)
    }
}

/// What changed between two states of an entity, field by field, for a field of an event that is marked
/// `#[event(changes)]`.
///
/// Structs and maps are compared member by member, lists as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    list: Vec<Change>,
    /// Which of them hold personal values.
    personal: Vec<usize>,
}

/// What changed from `before` to `after`.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where a value cannot be told in JSON.
pub fn changes<T: Entity + ?Sized>(before: &T, after: &T) -> Result<Changes> {
    let (before, after) = (before.fields()?, after.fields()?);
    let mut changes = Changes::default();
    for field in &after.0 {
        changes.compare(field, before.value(field.name), Some(&field.value));
    }
    for field in before.0.iter().filter(|field| after.value(field.name).is_none()) {
        changes.compare(field, Some(&field.value), None);
    }
    Ok(changes)
}

impl Changes {
    /// Every field of a thing that came to be; with it the log can tell later what the thing looked like.
    ///
    /// # Errors
    /// As [`changes`].
    pub fn creation<T: Entity + ?Sized>(entity: &T) -> Result<Self> {
        let mut changes = Self::default();
        for field in &entity.fields()?.0 {
            changes.compare(field, None, Some(&field.value));
        }
        Ok(changes)
    }

    /// Every field of a thing that is no more.
    ///
    /// # Errors
    /// As [`changes`].
    pub fn deletion<T: Entity + ?Sized>(entity: &T) -> Result<Self> {
        let mut changes = Self::default();
        for field in &entity.fields()?.0 {
            changes.compare(field, Some(&field.value), None);
        }
        Ok(changes)
    }

    /// Puts them into an event, with the pointers that make personal values erasable.
    pub fn apply(self, event: &mut Event) {
        let first = event.changes.len();
        if self.personal.len() > PERSONAL_CHANGES_MAX {
            event.personal.push("/changes".to_owned());
        } else {
            for index in self.personal {
                let change = &self.list[index];
                let index = first + index;
                event.personal.extend(change.from.is_some().then(|| format!("/changes/{index}/from")));
                event.personal.extend(change.to.is_some().then(|| format!("/changes/{index}/to")));
            }
        }
        event.changes.extend(self.list);
    }

    fn compare(&mut self, field: &Field, from: Option<&Value>, to: Option<&Value>) {
        let path = pointer("", field.name);
        match field.kept {
            Kept::Secret if from != to => {
                self.list.push(Change { path, from: None, to: None, redacted: true });
            }
            Kept::Secret => {}
            Kept::Plain => self.descend(path, from, to),
            Kept::Personal => {
                let first = self.list.len();
                self.descend(path, from, to);
                self.personal.extend(first..self.list.len());
            }
        }
    }

    fn descend(&mut self, path: String, from: Option<&Value>, to: Option<&Value>) {
        if from == to {
            return;
        }
        let (Some(Value::Object(before)), Some(Value::Object(after))) = (from, to) else {
            let change = Change { path, from: from.cloned(), to: to.cloned(), redacted: false };
            return self.list.push(change);
        };
        for (name, value) in before {
            self.descend(pointer(&path, name), Some(value), after.get(name));
        }
        for (name, value) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
            self.descend(pointer(&path, name), None, Some(value));
        }
    }
}

impl Deref for Changes {
    type Target = [Change];

    fn deref(&self) -> &[Change] {
        &self.list
    }
}

impl From<Changes> for Vec<Change> {
    /// Without the knowledge which values are personal.
    fn from(changes: Changes) -> Self {
        changes.list
    }
}

impl fmt::Debug for Fields {
    /// The names alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|field| field.name)).finish()
    }
}

/// `value` in JSON; `name` is for the error.
pub(crate) fn to_json<T: Serialize + ?Sized>(name: &str, value: &T) -> Result<Value> {
    // The cause is left out: it may repeat what it stumbled over.
    serde_json::to_value(value).map_err(|_| {
        let detail = "the value cannot be told in JSON: names of members must be texts, and serialising must not fail";
        Error::invalid(pointer("", name), "bad_value", detail)
    })
}

/// `outer`, one step further (RFC 6901, section 3).
pub(crate) fn pointer(outer: &str, name: &str) -> String {
    format!("{outer}/{}", name.replace('~', "~0").replace('/', "~1"))
}
