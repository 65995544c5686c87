//! Viewer sessions: tokens for a page in somebody else's product, short of life and never wider than the token by which
//! they are made.
//!
//! A session ends a day after it was made, whatever is done about it. So it is enough to fold what a day holds: neither
//! starting nor memory grow with the sessions there ever were.

use std::collections::HashMap;
use std::sync::Arc;

use deedbook_core::{Entry, Error, ErrorKind, Event, Id, IdKind, Result, Target, Timestamp, rfc3339};
use jiff::SignedDuration;

use super::tokens::{self, hex};
use super::{Author, Settings};
use crate::grant::Grant;
use crate::secret::{Secret, fill_random};
use crate::token::{Appearance, Token, TokenKind};

const CREATED: &str = "audit.viewer_session.created";
const RENEWED: &str = "audit.viewer_session.renewed";
const REVOKED: &str = "audit.viewer_session.revoked";
/// A one-time code was given for a text of the session.
const EXCHANGED: &str = "audit.viewer_session.exchanged";
pub(super) const HASHED: &str = "audit.viewer_session_hash.created";

/// The actions of this setting.
pub(super) const ACTIONS: [&str; 5] = [CREATED, RENEWED, REVOKED, EXCHANGED, HASHED];

/// How long a session lives at most, renewed or not.
pub(crate) const LIFE_MAX: SignedDuration = SignedDuration::from_hours(24);

/// A viewer session, as its id names it: `ses_` and 16 random bytes.
struct SessionTag;

impl IdKind for SessionTag {
    const PREFIX: &'static str = "ses";
}

/// What a new session is to be.
#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    pub(crate) tenant: String,
    pub(crate) name: Option<String>,
    pub(crate) grant: Grant,
    pub(crate) expires_at: Timestamp,
    pub(crate) appearance: Appearance,
}

/// The sessions that may still be accepted.
#[derive(Default)]
pub(super) struct ViewerSessions {
    by_id: HashMap<String, Session>,
    by_hash: HashMap<[u8; 32], String>,
    /// At how many sessions those that have ended are let go of.
    sweep_at: usize,
}

struct Session {
    token: Arc<Token>,
    hashes: Vec<[u8; 32]>,
}

/// Below so many sessions, none is let go of.
const SWEEP_MIN: usize = 1024;

impl ViewerSessions {
    pub(super) fn enter(&mut self, entry: &Entry) {
        let Some(id) = entry.event.targets.first().map(|target| target.id.clone()) else { return };
        match entry.event.action.as_str() {
            CREATED => self.created(entry),
            HASHED => self.hashed(id, entry),
            RENEWED => self.change(&id, |token| {
                token.expires_at = tokens::instant(&entry.event, "expires_at").or(token.expires_at);
            }),
            REVOKED => self.change(&id, |token| {
                token.revoked_at = token.revoked_at.or(Some(entry.receipt.recorded_at));
            }),
            _ => {}
        }
    }

    pub(super) fn by_hash(&self, hash: &[u8; 32]) -> Option<(Arc<Token>, Option<Timestamp>)> {
        let session = self.by_id.get(self.by_hash.get(hash)?)?;
        Some((session.token.clone(), None))
    }

    fn by_id(&self, id: &str) -> Option<Arc<Token>> {
        self.by_id.get(id).map(|session| session.token.clone())
    }

    fn created(&mut self, entry: &Entry) {
        let Some(token) = tokens::token(entry).filter(is_bounded) else {
            tracing::warn!(position = entry.receipt.position, "the entry of a session cannot be read; it is refused");
            return;
        };
        self.sweep(entry.receipt.recorded_at);
        self.by_id.insert(token.id.clone(), Session { token: Arc::new(token), hashes: Vec::new() });
    }

    fn hashed(&mut self, id: String, entry: &Entry) {
        let hash = tokens::hash(&entry.event);
        if let (Some(session), Some(hash)) = (self.by_id.get_mut(&id), hash) {
            session.hashes.push(hash);
            self.by_hash.insert(hash, id);
        }
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Token)) {
        if let Some(session) = self.by_id.get_mut(id) {
            change(Arc::make_mut(&mut session.token));
        }
    }

    /// Lets go of what has ended by `now`, once in a while.
    fn sweep(&mut self, now: Timestamp) {
        if self.by_id.len() < self.sweep_at.max(SWEEP_MIN) {
            return;
        }
        let by_hash = &mut self.by_hash;
        self.by_id.retain(|_, session| {
            let is_live = session.token.is_live(now);
            if !is_live {
                session.hashes.iter().for_each(|hash| drop(by_hash.remove(hash)));
            }
            is_live
        });
        self.sweep_at = self.by_id.len() * 2;
    }
}

/// Whether it is bound to a tenant, to a token and to an end, as every session is.
fn is_bounded(token: &Token) -> bool {
    token.kind == TokenKind::Viewer && token.tenant.is_some() && token.parent.is_some() && token.expires_at.is_some()
}

impl Settings {
    /// The sessions that are accepted at this moment, oldest first.
    pub(crate) fn sessions(&self) -> Vec<Arc<Token>> {
        let now = self.now();
        let folded = self.folded();
        let mut live: Vec<_> = folded.sessions.by_id.values().map(|session| session.token.clone()).collect();
        live.retain(|token| token.is_live(now));
        live.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        live
    }

    /// The session with this id, where it is accepted at this moment.
    pub(crate) fn session(&self, id: &str) -> Option<Arc<Token>> {
        let now = self.now();
        self.folded().sessions.by_id(id).filter(|token| token.is_live(now))
    }

    /// Makes a session below the token `parent`.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn create_session(&self, new: NewSession, parent: &Token, by: &Author) -> Result<(Arc<Token>, Secret)> {
        let mut random = [0; 16];
        fill_random(&mut random);
        let id = Id::<SessionTag>::from_random(random).to_string();
        let secret = Secret::generate(TokenKind::Viewer);
        let mut created = by.event(CREATED, target(&id, new.name.as_deref()));
        created.metadata = new.grant.to_json();
        let members = [
            ("kind", Some(TokenKind::Viewer.as_str().to_owned())),
            ("tenant", Some(new.tenant)),
            ("parent", Some(parent.id.clone())),
            ("expires_at", Some(rfc3339(new.expires_at))),
            ("locale", new.appearance.locale),
            ("theme", new.appearance.theme),
        ];
        let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
        created.metadata.extend(members);
        self.append(vec![created, hashed(&id, &secret, by)])?;
        let missing = || Error::new(ErrorKind::Corrupt, "the entry of the session cannot be read");
        self.folded().sessions.by_id(&id).map(|token| (token, secret)).ok_or_else(missing)
    }

    /// Lets the session live until `expires_at`, but no longer than [`LIFE_MAX`] in all.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn renew_session(
        &self,
        session: &Token,
        expires_at: Timestamp,
        by: &Author,
    ) -> Result<Option<Arc<Token>>> {
        let end = session.created_at.checked_add(LIFE_MAX).unwrap_or(Timestamp::MAX);
        let mut renewed = by.event(RENEWED, target(&session.id, session.name.as_deref()));
        renewed.metadata.insert("expires_at".to_owned(), rfc3339(expires_at.min(end)).into());
        self.append(vec![renewed])?;
        Ok(self.session(&session.id))
    }

    /// A further text of the session, for whoever brought a code.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn exchange_session(&self, session: &Token, by: &Author) -> Result<Secret> {
        let secret = Secret::generate(TokenKind::Viewer);
        let exchanged = by.event(EXCHANGED, target(&session.id, session.name.as_deref()));
        self.append(vec![exchanged, hashed(&session.id, &secret, by)])?;
        Ok(secret)
    }

    /// Refuses the session from now on.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn revoke_session(&self, session: &Token, by: &Author) -> Result<()> {
        self.append(vec![by.event(REVOKED, target(&session.id, session.name.as_deref()))])
    }
}

fn target(id: &str, name: Option<&str>) -> Target {
    Target { name: name.map(str::to_owned), ..Target::new("viewer_session", id) }
}

fn hashed(id: &str, secret: &Secret, by: &Author) -> Event {
    let mut event = by.event(HASHED, target(id, None));
    event.metadata.insert("sha256".to_owned(), hex(&secret.sha256()).into());
    event
}
