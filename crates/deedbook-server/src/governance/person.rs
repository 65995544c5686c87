//! Which personal values of an entry are one person's, and by which names the entry calls the person.

use std::collections::BTreeSet;

use deedbook_core::commitment::{FieldKind, fields};
use deedbook_core::query::{Condition, Expression, Pattern, TextField};
use deedbook_core::{Actor, Change, Entry, Query, Result};
use serde_json::Value;

/// Someone by an id or `TYPE:ID`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person<'a>(pub(super) &'a str);

/// A role of an entry: where it stands, and whether it is the person's.
struct Role {
    pointer: String,
    is_person: bool,
}

impl Person<'_> {
    /// The entries in which the person stands in any role.
    pub(super) fn query(self) -> Query {
        Query::from_expression(Expression::Is(Condition::Text(TextField::Principal, Pattern::Exact(self.0.to_owned()))))
    }

    fn is(self, kind: &str, id: &str) -> bool {
        self.0 == id || self.0.strip_prefix(kind).and_then(|rest| rest.strip_prefix(':')) == Some(id)
    }

    fn is_actor(self, actor: &Actor) -> bool {
        actor.id.as_deref().is_some_and(|id| self.is(&actor.kind, id))
    }

    /// Whether the person acted: as the actor, or behind one that is no person, an agent or a service.
    fn acted(self, entry: &Entry) -> bool {
        let actor = &entry.event.actor;
        self.is_actor(actor) || actor.kind != "user" && actor.chain().any(|behind| self.is_actor(behind))
    }

    fn roles(self, entry: &Entry) -> Vec<Role> {
        let chain = entry.event.actor.chain().enumerate();
        let actors = chain.map(|(depth, actor)| Role {
            pointer: format!("/actor{}", "/on_behalf_of".repeat(depth)),
            is_person: self.is_actor(actor),
        });
        let targets = entry.event.targets.iter().enumerate().map(|(index, target)| Role {
            pointer: format!("/targets/{index}"),
            is_person: self.is(&target.kind, &target.id),
        });
        actors.chain(targets).collect()
    }

    /// The personal values of `entry` that are the person's and still there: those of the roles in which the person
    /// stands, address and program of the client where the person acted, and all that belongs to no role.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](deedbook_core::ErrorKind::Corrupt) where the bytes cannot be those of an event.
    pub(super) fn values(self, entry: &Entry) -> Result<Vec<String>> {
        let roles = self.roles(entry);
        if !roles.iter().any(|role| role.is_person) {
            return Ok(Vec::new());
        }
        let acted = self.acted(entry);
        let personal = fields(&entry.canonical)?.into_iter().filter(|field| field.kind == FieldKind::Personal);
        let is_theirs = |path: &String| match role_of(path, &roles) {
            Some(role) => role.is_person,
            None => acted || !matches!(path.as_str(), "/context/ip" | "/context/user_agent"),
        };
        Ok(personal.map(|field| field.path).filter(is_theirs).collect())
    }

    /// The names and addresses by which `entry` calls the person; also an id that is listed as personal, and what a
    /// change of the person's own name or address says.
    pub(super) fn names(self, entry: &Entry, names: &mut BTreeSet<String>) {
        let event = &entry.event;
        let mut add = |text: &Option<String>| names.extend(text.clone());
        for actor in event.actor.chain().filter(|actor| self.is_actor(actor)) {
            add(&actor.name);
            add(&actor.email);
        }
        for target in event.targets.iter().filter(|target| self.is(&target.kind, &target.id)) {
            add(&target.name);
            add(&target.email);
        }
        if event.targets.first().is_some_and(|target| self.is(&target.kind, &target.id)) {
            event.changes.iter().filter(|change| is_name(change)).for_each(|change| named(change, names));
        }
        let is_id = |role: &Role| role.is_person && event.personal.contains(&format!("{}/id", role.pointer));
        for role in self.roles(entry).iter().filter(|role| is_id(role)) {
            let value = serde_json::from_slice::<Value>(&entry.to_json()).unwrap_or_default();
            let id = value.pointer(&format!("{}/id", role.pointer)).and_then(Value::as_str);
            names.extend(id.map(str::to_owned));
        }
    }
}

/// The role to which the value at `path` belongs: the innermost.
fn role_of<'r>(path: &str, roles: &'r [Role]) -> Option<&'r Role> {
    let contains = |role: &&Role| path.strip_prefix(&role.pointer).is_some_and(|rest| rest.starts_with('/'));
    roles.iter().filter(contains).max_by_key(|role| role.pointer.len())
}

fn is_name(change: &Change) -> bool {
    matches!(change.path.as_str(), "/name" | "/email")
}

fn named(change: &Change, names: &mut BTreeSet<String>) {
    let texts = [&change.from, &change.to].into_iter().flatten().filter_map(|value| value.as_str());
    names.extend(texts.map(str::to_owned));
}
