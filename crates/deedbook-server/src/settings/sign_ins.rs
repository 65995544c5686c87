//! Sign-ins of people. Who signs in gets a token of some hours, of which nobody has the text: the browser's cookie names
//! it. So a sign-in is an entry, and is listed, revoked and ends like any other token.

use std::sync::Arc;

use deedbook_core::{Actor, Context, Error, ErrorKind, Outcome, Result, Target, Timestamp};
use jiff::SignedDuration;

use super::{Author, NewToken, Settings};
use crate::oidc::{Person, Role};
use crate::secret::Secret;
use crate::token::{Origin, Token, TokenKind};

/// What the token of whoever starts a demo is called.
pub(crate) const DEMO: &str = "demo";

const DENIED: &str = "audit.sign_in.denied";

impl Settings {
    /// Makes the token of a person who signed in, by the role that fits.
    ///
    /// # Errors
    /// As [`Settings::create`].
    pub(crate) fn sign_in(&self, person: &Person, role: &Role, seconds: i64, context: Context) -> Result<Arc<Token>> {
        let expires_at = self.after(seconds)?;
        let mut new = role.token.clone();
        new.name = person.name.clone().or_else(|| person.email.clone());
        new.expires_at = Some(expires_at);
        let author = author(person, context);
        let _changing = self.changing();
        self.enter_token(&new, Origin::SignIn, &Secret::generate(new.kind), &author)
    }

    /// Makes the token of whoever started this server and follows the link that it showed, an administrator's.
    ///
    /// # Errors
    /// As [`Settings::create`].
    pub(crate) fn enter_demo(&self, seconds: i64, context: Context) -> Result<Arc<Token>> {
        let expires_at = Some(self.after(seconds)?);
        let new = NewToken { name: Some(DEMO.to_owned()), expires_at, ..NewToken::of_kind(TokenKind::Admin) };
        let author = Author::new(Actor::without_id("system"), context);
        let _changing = self.changing();
        self.enter_token(&new, Origin::SignIn, &Secret::generate(new.kind), &author)
    }

    fn after(&self, seconds: i64) -> Result<Timestamp> {
        let instant = self.now().checked_add(SignedDuration::from_secs(seconds));
        instant.map_err(|_| Error::new(ErrorKind::Io, "the clock is at the end of time"))
    }

    /// Enters that somebody was known to the provider and not let in.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn deny_sign_in(&self, person: &Person, context: Context) -> Result<()> {
        let author = author(person, context);
        let mut event = author.event(DENIED, Target::new("user", &person.subject));
        event.outcome = Some(Outcome::Denied);
        event.metadata.insert("groups".to_owned(), person.groups.clone().into());
        self.append(vec![event])
    }

    /// Ends the session of a token that was made for a sign-in; any other stays as it is, for others may use it.
    ///
    /// # Errors
    /// As [`Settings::revoke`].
    pub(crate) fn sign_out(&self, token: &Token, author: &Author) -> Result<()> {
        if token.origin == Origin::SignIn { self.revoke(&token.id, author).map(drop) } else { Ok(()) }
    }
}

fn author(person: &Person, context: Context) -> Author {
    let actor = Actor { name: person.name.clone(), email: person.email.clone(), ..Actor::new("user", &person.subject) };
    Author::new(actor, context)
}
