//! Tokens. A token is two entries, made at once: what it is, and the hash by which it is known. The latter is a secret of
//! the server, in an entry that it shows to nobody.

mod fold;
mod new;

use std::sync::Arc;

use deedbook_core::{Error, ErrorKind, Event, OWN_TENANT, Result, Target, Timestamp, rfc3339};
use serde_json::{Map, Value};

use super::{Author, Settings};
use crate::own;
use crate::secret::{Secret, fill_random};
use crate::token::{Origin, Token, TokenId, TokenKind};

pub(super) use fold::{Tokens, hash, instant, token};
pub use new::NewToken;

const CREATED: &str = "audit.token.created";
pub(super) const HASHED: &str = "audit.token_hash.created";
const ROTATED: &str = "audit.token.rotated";
const REVOKED: &str = "audit.token.revoked";
const USED: &str = "audit.token.used";

/// The actions of this setting.
pub(super) const ACTIONS: [&str; 5] = [CREATED, HASHED, ROTATED, REVOKED, USED];

/// How long after the last time the use of a token is entered again: a day, so that a token costs at most 365 entries
/// a year. The minute is known while the server runs, and entered when it ends.
const USE_ENTERED_SECONDS: i64 = 24 * 60 * 60;

/// What a start found or did about the administrator's token.
#[derive(Debug)]
pub enum AdminToken {
    /// There is one already.
    Known,
    /// The one of the environment is new here, and those of former starts are revoked.
    Taken,
    /// There was none: this one was made, and only its hash is kept.
    Made(Secret),
}

impl Settings {
    /// Every token there ever was, oldest first.
    pub fn tokens(&self) -> Vec<Token> {
        self.folded().tokens.iter().collect()
    }

    /// Notes that the token was used; the minute is kept in memory, see [`Settings::enter_uses`].
    pub(crate) fn note_use(&self, token: &Token) {
        self.folded().tokens.note_use(&token.id, self.now());
    }

    /// Enters the last use of tokens that are used for the first time in a day, or all that is not entered yet.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn enter_uses(&self, which: Uses) -> Result<()> {
        let seconds = if which == Uses::All { 0 } else { USE_ENTERED_SECONDS };
        let due = self.folded().tokens.unentered_uses(seconds);
        if due.is_empty() {
            return Ok(());
        }
        let event = |(token, used): (Arc<Token>, Timestamp)| {
            let mut event = Author::system().event(USED, target(&token.id, token.name.as_deref()));
            event.metadata.insert("last_used_at".to_owned(), rfc3339(used).into());
            event
        };
        self.append(due.into_iter().map(event).collect())
    }

    /// Makes a token; its text is given here and nowhere else. It is durable when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with pointers to the members of `new` that break a rule; as [`Store::submit`](deedbook_core::Store::submit).
    pub fn create(&self, new: NewToken, author: &Author) -> Result<(Arc<Token>, Secret)> {
        self.check(&new)?;
        let secret = Secret::generate(new.kind);
        let _changing = self.changing();
        let token = self.enter_token(&new, Origin::Request, &secret, author)?;
        Ok((token, secret))
    }

    /// Gives the token a new text; the old one is accepted until `old_until`. `None` where there is no such token.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] where the token is not accepted any more, or is named by the environment of the server;
    /// as [`Store::submit`](deedbook_core::Store::submit).
    pub fn rotate(&self, id: &str, old_until: Timestamp, author: &Author) -> Result<Option<(Token, Secret)>> {
        let _changing = self.changing();
        self.refresh()?;
        let Some(token) = self.by_id(id) else { return Ok(None) };
        if !token.is_live(self.now()) {
            return Err(Error::new(ErrorKind::Conflict, "the token is expired or revoked; make another one"));
        }
        if token.origin == Origin::Environment {
            let message = "the token is named by the environment of the server; change it there";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let secret = Secret::generate(token.kind);
        let mut rotated = author.event(ROTATED, target(id, token.name.as_deref()));
        rotated.metadata.insert("old_accepted_until".to_owned(), rfc3339(old_until).into());
        self.append(vec![rotated, hashed(id, &secret, author)])?;
        Ok(self.folded().tokens.shown(id).map(|token| (token, secret)))
    }

    /// Refuses the token from now on. `None` where there is no such token; nothing happens to one that is revoked.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] where it is the last one of an administrator; as [`Store::submit`](deedbook_core::Store::submit).
    pub fn revoke(&self, id: &str, author: &Author) -> Result<Option<Arc<Token>>> {
        let _changing = self.changing();
        self.refresh()?;
        let Some(token) = self.by_id(id) else { return Ok(None) };
        if token.revoked_at.is_some() {
            return Ok(Some(token));
        }
        let others = self.live_admins().iter().any(|admin| admin.id != token.id);
        if token.kind.may_administer() && token.is_live(self.now()) && !others {
            let message = "this is the last token of an administrator; make another one first";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        self.enter_revocation(&token, author)?;
        Ok(self.by_id(id))
    }

    /// Sees to it that an administrator can come in: by the token of the environment where there is one, else by one
    /// that is there, else by a new one.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where `named` is shorter than 32 characters; as [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn ensure_admin(&self, named: Option<&Secret>) -> Result<AdminToken> {
        let _changing = self.changing();
        let Some(named) = named else { return self.ensure_any_admin() };
        if named.expose().chars().count() < ADMIN_TOKEN_CHARACTERS_MIN {
            let detail = format!(
                "the administrator's token has fewer than {ADMIN_TOKEN_CHARACTERS_MIN} characters; take a random one, \
                 such as that of `openssl rand -hex 32`"
            );
            return Err(Error::invalid("", "too_short", detail));
        }
        let hash = named.sha256();
        let admins = self.live_admins();
        if self.folded().tokens.by_hash(&hash).is_some_and(|(known, _)| admins.contains(&known)) {
            return Ok(AdminToken::Known);
        }
        self.enter_token(&NewToken::of_kind(TokenKind::Admin), Origin::Environment, named, &Author::system())?;
        for former in admins.iter().filter(|admin| matches!(admin.origin, Origin::FirstStart | Origin::Environment)) {
            self.enter_revocation(former, &Author::system())?;
        }
        Ok(AdminToken::Taken)
    }

    fn ensure_any_admin(&self) -> Result<AdminToken> {
        if !self.live_admins().is_empty() {
            return Ok(AdminToken::Known);
        }
        let secret = Secret::generate(TokenKind::Admin);
        self.enter_token(&NewToken::of_kind(TokenKind::Admin), Origin::FirstStart, &secret, &Author::system())?;
        Ok(AdminToken::Made(secret))
    }

    fn check(&self, new: &NewToken) -> Result<()> {
        if new.kind == TokenKind::Viewer {
            let detail = "a viewer's token is made by POST /v1/viewer-sessions";
            return Err(Error::invalid("/kind", "unknown_value", detail));
        }
        if new.kind.may_administer() && new.tenant.is_some() {
            return Err(Error::invalid("/tenant", "not_bound", "the token of an administrator is bound to no tenant"));
        }
        let is_narrowed = !new.grant.sees_every_entry() || !new.grant.sees_every_value();
        if is_narrowed && !new.kind.can_be_narrowed() {
            let pointer = if new.grant.sees_every_entry() { "/fields" } else { "/scope" };
            let detail = "only a token of the kind \"read\" can be narrowed to a part of what there is";
            return Err(Error::invalid(pointer, "not_narrowed", detail));
        }
        if new.name.as_ref().is_some_and(|name| name.len() > NAME_BYTES_MAX) {
            let detail = format!("the name is longer than {NAME_BYTES_MAX} bytes");
            return Err(Error::invalid("/name", "too_long", detail));
        }
        if new.expires_at.is_some_and(|expires_at| expires_at <= self.now()) {
            return Err(Error::invalid("/expires_at", "out_of_range", "the token would be refused at once"));
        }
        // Whoever may read all settings may name the log's own tenant; nobody records into it.
        if new.kind == TokenKind::Auditor && new.tenant.as_deref() == Some(OWN_TENANT) {
            return Ok(());
        }
        new.tenant.as_deref().map_or(Ok(()), own::check_tenant)
    }

    pub(super) fn enter_token(
        &self,
        new: &NewToken,
        origin: Origin,
        secret: &Secret,
        author: &Author,
    ) -> Result<Arc<Token>> {
        let mut random = [0; 16];
        fill_random(&mut random);
        let id = TokenId::from_random(random).to_string();
        let mut created = author.event(CREATED, target(&id, new.name.as_deref()));
        created.metadata = metadata(new, origin);
        self.append(vec![created, hashed(&id, secret, author)])?;
        self.by_id(&id).ok_or_else(|| Error::new(ErrorKind::Corrupt, "the entry of the token cannot be read"))
    }

    fn enter_revocation(&self, token: &Token, author: &Author) -> Result<()> {
        self.append(vec![author.event(REVOKED, target(&token.id, token.name.as_deref()))])
    }

    /// The token of this id, whether or not it is still accepted.
    pub(crate) fn by_id(&self, id: &str) -> Option<Arc<Token>> {
        self.folded().tokens.by_id(id).cloned()
    }

    fn live_admins(&self) -> Vec<Arc<Token>> {
        let now = self.now();
        self.folded().tokens.live_admins(now)
    }
}

/// Characters of an administrator's token that a person chose.
const ADMIN_TOKEN_CHARACTERS_MIN: usize = 32;
/// Bytes of the name of a token: those of any name in an event.
const NAME_BYTES_MAX: usize = 256;

/// Which uses of tokens are entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uses {
    /// Those a day after what the log has.
    Daily,
    /// All of them: the server ends.
    All,
}

fn target(id: &str, name: Option<&str>) -> Target {
    Target { name: name.map(str::to_owned), ..Target::new("token", id) }
}

/// The entry of the hash of a text.
fn hashed(id: &str, secret: &Secret, author: &Author) -> Event {
    let mut event = author.event(HASHED, target(id, None));
    event.metadata.insert("sha256".to_owned(), hex(&secret.sha256()).into());
    event
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn metadata(new: &NewToken, origin: Origin) -> Map<String, Value> {
    let members = [
        ("kind", Some(new.kind.as_str().to_owned())),
        ("origin", Some(origin.as_str().to_owned())),
        ("tenant", new.tenant.clone()),
        ("expires_at", new.expires_at.map(rfc3339)),
    ];
    let mut metadata = new.grant.to_json();
    metadata.extend(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?)))));
    metadata
}
