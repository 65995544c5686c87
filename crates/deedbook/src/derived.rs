//! What the code of the derives calls. Not for use by hand: it changes with the derives.

use std::fmt::{self, Display};

use deedbook_core::{Actor, Event, Failure, Outcome, Result, Target};
use serde::Serialize;
use serde_json::Value;

use crate::entity::{pointer, to_json};
use crate::{Context, Entity};

/// An entity, an option of one, or a list of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no entity, so an event cannot be about it",
    label = "expected an entity, an option or a list of entities",
    note = "derive it: `#[derive(deedbook::Entity)]`, with `#[entity(id)]` at its id"
)]
pub trait Targets {
    /// Calls `each` with every one of them.
    fn each(&self, each: &mut dyn FnMut(Target));
}

impl<T: Entity + ?Sized> Targets for T {
    fn each(&self, each: &mut dyn FnMut(Target)) {
        each(self.to_target());
    }
}

impl<T: Targets> Targets for Option<T> {
    fn each(&self, each: &mut dyn FnMut(Target)) {
        self.iter().for_each(|target| target.each(each));
    }
}

impl<T: Targets> Targets for [T] {
    fn each(&self, each: &mut dyn FnMut(Target)) {
        self.iter().for_each(|target| target.each(each));
    }
}

impl<T: Targets> Targets for Vec<T> {
    fn each(&self, each: &mut dyn FnMut(Target)) {
        self.as_slice().each(each);
    }
}

impl<T: Targets, const N: usize> Targets for [T; N] {
    fn each(&self, each: &mut dyn FnMut(Target)) {
        self.as_slice().each(each);
    }
}

/// An actor as it is, or an entity that acts.
pub trait ToActor {
    /// Who acts.
    fn actor(&self) -> Actor;
}

impl ToActor for Actor {
    fn actor(&self) -> Actor {
        self.clone()
    }
}

impl<T: Entity + ?Sized> ToActor for T {
    fn actor(&self) -> Actor {
        self.to_actor()
    }
}

/// An event by the actor of the context, or by `actor` where the value names one.
pub fn begin(context: &Context, action: &'static str, actor: Option<Actor>) -> Result<Event> {
    match actor {
        Some(actor) => Ok(Event::new(action, actor)),
        None => context.event(action),
    }
}

/// Adds targets, with the role of their field.
pub fn targets<T: Targets + ?Sized>(event: &mut Event, targets: &T, role: Option<&'static str>) {
    targets.each(&mut |target| event.targets.push(Target { role: role.map(str::to_owned).or(target.role), ..target }));
}

/// Adds a member to the metadata; an absent option adds nothing.
pub fn member<T: Serialize + ?Sized>(event: &mut Event, name: &'static str, value: &T) -> Result<()> {
    let value = to_json(name, value)?;
    if !value.is_null() {
        event.metadata.insert(name.to_owned(), value);
    }
    Ok(())
}

/// As [`member`], erasable on its own.
pub fn personal_member<T: Serialize + ?Sized>(event: &mut Event, name: &'static str, value: &T) -> Result<()> {
    member(event, name, value)?;
    if event.metadata.contains_key(name) {
        event.personal.push(pointer("/metadata", name));
    }
    Ok(())
}

/// Adds the members of a struct or a map to the metadata.
pub fn flattened<T: Serialize + ?Sized>(event: &mut Event, name: &'static str, value: &T) -> Result<()> {
    match to_json(name, value)? {
        Value::Object(members) => event.metadata.extend(members),
        Value::Null => {}
        value => {
            event.metadata.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

/// The outcome that the value names, else failure where it names an error.
pub fn outcome(event: &mut Event, outcome: Option<Outcome>, error: Option<Failure>) {
    event.outcome = outcome.or(error.is_some().then_some(Outcome::Failure));
    event.error = error;
}

/// How a description calls targets: by their names, else by type and id.
pub struct Labels<'t, T: ?Sized>(pub &'t T);

impl<T: Targets + ?Sized> Display for Labels<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut labels = Vec::new();
        self.0.each(&mut |target| labels.push(target.name.unwrap_or_else(|| format!("{} {}", target.kind, target.id))));
        f.write_str(if labels.is_empty() { "none" } else { "" })?;
        f.write_str(&labels.join(", "))
    }
}

/// How a description calls whoever acts, and those on whose behalf.
pub struct Acting<'a>(pub &'a Actor);

impl Display for Acting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, actor) in self.0.chain().enumerate() {
            f.write_str(if nth == 0 { "" } else { " on behalf of " })?;
            match (&actor.name, &actor.id) {
                (Some(name), _) => f.write_str(name)?,
                (None, Some(id)) => write!(f, "{} {id}", actor.kind)?,
                (None, None) => f.write_str(&actor.kind)?,
            }
        }
        Ok(())
    }
}

/// How a description tells an option.
pub struct Optional<'v, T>(pub &'v Option<T>);

impl<T: Display> Display for Optional<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// How a description tells what went wrong.
pub struct Told<'e>(pub &'e Option<Failure>);

impl Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.0.as_ref().and_then(|failure| failure.message.as_deref().or(failure.code.as_deref()));
        f.write_str(told.unwrap_or("none"))
    }
}
