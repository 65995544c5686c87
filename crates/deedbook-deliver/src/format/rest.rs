//! What a mapping has not taken yet: an entry as the API shows it, from which values are taken one by one.
//!
//! Whatever no mapping takes is written out under one name, so that nothing is lost silently.

use deedbook_core::serde_json::{Map, Value};
use deedbook_core::{Entry, parse_json};

/// The members of an entry that have found no place yet.
pub(super) struct Rest(Map<String, Value>);

impl Rest {
    /// Everything of `entry`.
    pub(super) fn of(entry: &Entry) -> Self {
        match parse_json(&entry.to_json()) {
            Ok(Value::Object(members)) => Self(members),
            // What a store gives is an object of JSON.
            _ => Self(Map::new()),
        }
    }

    /// Takes the text at `path`, whose names are separated by dots. Anything but text stays: an erased value is null.
    pub(super) fn text(&mut self, path: &str) -> Option<Value> {
        take(&mut self.0, path, &Value::is_string)
    }

    /// As [`Rest::text`], of texts that `fits`; others stay.
    pub(super) fn text_that(&mut self, path: &str, fits: impl Fn(&str) -> bool) -> Option<Value> {
        take(&mut self.0, path, &|value| value.as_str().is_some_and(&fits))
    }

    /// Takes the number at `path`.
    pub(super) fn number(&mut self, path: &str) -> Option<Value> {
        take(&mut self.0, path, &Value::is_number)
    }

    /// Takes the list at `path`.
    pub(super) fn list(&mut self, path: &str) -> Option<Value> {
        take(&mut self.0, path, &Value::is_array)
    }

    /// The value of a member, which stays.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Puts `value` in the place of a member, or takes the member away.
    pub(super) fn put(&mut self, name: &str, value: Option<Value>) {
        match value {
            Some(value) => drop(self.0.insert(name.to_owned(), value)),
            None => drop(self.0.remove(name)),
        }
    }

    /// What is left, if anything.
    pub(super) fn left(self) -> Option<Value> {
        (!self.0.is_empty()).then_some(Value::Object(self.0))
    }
}

/// Takes the value at `path` if it `fits`, and every object that is empty without it.
fn take(members: &mut Map<String, Value>, path: &str, fits: &dyn Fn(&Value) -> bool) -> Option<Value> {
    let Some((name, below)) = path.split_once('.') else {
        return members.get(path).is_some_and(fits).then(|| members.remove(path)).flatten();
    };
    let inner = members.get_mut(name)?.as_object_mut()?;
    let taken = take(inner, below, fits);
    if inner.is_empty() {
        members.remove(name);
    }
    taken
}
