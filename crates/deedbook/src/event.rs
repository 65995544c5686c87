//! What an event is made of, and how a value becomes one: [`IntoEvent`].

pub use deedbook_core::{
    Actor, Auth, Change, Context as Origin, Credential, Event, Failure, Http, Outcome, Source, Target,
};

use crate::{Context, Result};

/// A value that tells an act; `#[derive(Event)]` writes this for a struct.
pub trait IntoEvent {
    /// Whether records of this type are counted by `metrics`.
    const COUNTING: Counting = Counting::Counted;

    /// The event that this value tells in `context`, which has what the task carries and the defaults of the book.
    /// What the value does not say is filled in by [`Context::fill`].
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where nobody is known to act, and where a value cannot be
    /// told in JSON.
    fn into_event(self, context: &Context) -> Result<Event>;
}

/// Whether records are counted by `metrics`, under action and outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// They are.
    Counted,
    /// They are not: the type opted out by `#[event(uncounted)]`.
    Uncounted,
}

/// An event made by hand: it keeps its actor, and what it does not say is filled in.
impl IntoEvent for Event {
    fn into_event(mut self, context: &Context) -> Result<Event> {
        context.fill(&mut self);
        Ok(self)
    }
}
