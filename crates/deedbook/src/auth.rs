//! Sign-in, sign-out and failed sign-in, in one call each.
//!
//! They are strict: an error is the caller's to act upon. Each can be switched off ([`crate::capture`]), and then gives
//! no receipt.

use deedbook_core::{Actor, Event, Failure, Outcome, Result};
use serde_json::Value;

use crate::event::Auth;
use crate::{Context, Deedbook, Entity, IntoEvent, Receipt, context};

const SIGNED_IN: &str = "user.signed_in";
const SIGNED_OUT: &str = "user.signed_out";
const SIGN_IN_FAILED: &str = "user.sign_in_failed";

/// Records `user.signed_in` and, within a request, names the user as its actor from now on. `auth` tells how they
/// proved who they are, where that is more than the context knows.
///
/// # Errors
/// As [`Deedbook::record`].
pub async fn signed_in<U: Entity + ?Sized>(book: &Deedbook, user: &U, auth: Auth) -> Result<Option<Receipt>> {
    let actor = user.to_actor();
    // Outside of a request there is nobody to name it to.
    let _ = context::set_actor(actor.clone());
    let event = Session { action: SIGNED_IN, actor: Some(actor), auth: Some(auth) };
    record(book, SIGNED_IN, event).await
}

/// Records `user.signed_out` by the actor of the context.
///
/// # Errors
/// As [`Deedbook::record`].
pub async fn signed_out(book: &Deedbook) -> Result<Option<Receipt>> {
    record(book, SIGNED_OUT, Session { action: SIGNED_OUT, actor: None, auth: None }).await
}

/// Records `user.sign_in_failed`. `attempted` is the name that was given: it may be that of nobody, or a password in
/// the wrong field, so it is personal and can be erased. The user whom it belongs to, where there is one, has the event
/// in their history; who tried is not known, so the actor is anonymous.
///
/// # Errors
/// As [`Deedbook::record`].
pub async fn sign_in_failed(
    book: &Deedbook,
    attempted: &str,
    user: Option<&(dyn Entity + Sync)>,
    why: impl Into<Failure>,
) -> Result<Option<Receipt>> {
    let event = SignInFailed { attempted, user, why: why.into() };
    record(book, SIGN_IN_FAILED, event).await
}

async fn record(book: &Deedbook, action: &str, event: impl IntoEvent) -> Result<Option<Receipt>> {
    if !book.settings().capture.wants_sign_in(action) {
        return Ok(None);
    }
    book.record(event).await.map(Some)
}

/// The beginning or the end of a session.
struct Session {
    action: &'static str,
    actor: Option<Actor>,
    auth: Option<Auth>,
}

impl IntoEvent for Session {
    fn into_event(self, context: &Context) -> Result<Event> {
        let mut event = crate::derived::begin(context, self.action, self.actor)?;
        event.category = Some("account".to_owned());
        event.context.auth = self.auth.filter(|auth| *auth != Auth::default());
        let done = if self.action == SIGNED_IN { "signed in" } else { "signed out" };
        event.description = Some(format!("{} {done}", crate::derived::Acting(&event.actor)));
        context.fill(&mut event);
        Ok(event)
    }
}

struct SignInFailed<'a> {
    attempted: &'a str,
    user: Option<&'a (dyn Entity + Sync)>,
    why: Failure,
}

impl IntoEvent for SignInFailed<'_> {
    fn into_event(self, context: &Context) -> Result<Event> {
        let mut event = Event::new(SIGN_IN_FAILED, Actor::without_id("anonymous"));
        event.category = Some("account".to_owned());
        event.outcome = Some(Outcome::Failure);
        event.targets.extend(self.user.map(Entity::to_target));
        event.metadata.insert("attempted_name".to_owned(), Value::from(self.attempted));
        event.personal.push("/metadata/attempted_name".to_owned());
        event.description = Some(format!("somebody could not sign in as {}", self.attempted));
        event.error = Some(self.why);
        context.fill(&mut event);
        Ok(event)
    }
}
