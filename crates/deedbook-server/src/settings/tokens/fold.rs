//! Entries about tokens → the tokens.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use deedbook_core::{Entry, Event, Problem, Timestamp};
use serde_json::Value;

use super::super::found::Known;
use super::{CREATED, HASHED, REVOKED, ROTATED};
use crate::grant::Grant;
use crate::token::{Appearance, Origin, Token, TokenKind};

/// Every token there ever was.
#[derive(Default)]
pub(in crate::settings) struct Tokens {
    all: Vec<Held>,
    /// Places in `all`.
    ids: HashMap<String, usize>,
    /// The latest token of each hash: one named by the environment may come, go and come again.
    hashes: HashMap<[u8; 32], Known>,
}

/// A token and when it was used.
struct Held {
    token: Arc<Token>,
    /// The last minute of use, in seconds since 1970; 0 where there was none.
    used: AtomicI64,
    /// The same, as the log has it.
    entered: i64,
}

impl Tokens {
    pub(in crate::settings) fn enter(&mut self, entry: &Entry) {
        match entry.event.action.as_str() {
            CREATED => self.created(entry),
            HASHED => self.hashed(entry),
            ROTATED => self.rotated(entry),
            REVOKED => self.revoked(entry),
            _ => self.used(entry),
        }
    }

    /// The tokens, oldest first, each with when it was used last.
    pub(super) fn iter(&self) -> impl Iterator<Item = Token> {
        self.all.iter().map(Held::token)
    }

    pub(super) fn live_admins(&self, now: Timestamp) -> Vec<Arc<Token>> {
        let is_admin = |token: &&Arc<Token>| token.kind.may_administer() && token.is_live(now);
        self.all.iter().map(|held| &held.token).filter(is_admin).cloned().collect()
    }

    pub(in crate::settings) fn by_id(&self, id: &str) -> Option<&Arc<Token>> {
        self.ids.get(id).map(|&place| &self.all[place].token)
    }

    /// The token as of now, with when it was used last.
    pub(super) fn shown(&self, id: &str) -> Option<Token> {
        self.ids.get(id).map(|&place| self.all[place].token())
    }

    /// The token of a hash, and from when on the hash is refused.
    pub(in crate::settings) fn by_hash(&self, hash: &[u8; 32]) -> Option<(Arc<Token>, Option<Timestamp>)> {
        self.hashes.get(hash).map(|known| (self.all[known.place].token.clone(), known.until))
    }

    /// Notes that a token is used at `now`.
    pub(super) fn note_use(&self, id: &str, now: Timestamp) {
        let minute = now.as_second() - now.as_second().rem_euclid(60);
        if let Some(&place) = self.ids.get(id) {
            self.all[place].used.fetch_max(minute, Ordering::Relaxed);
        }
    }

    /// The tokens that were used since the log was told, at least `seconds` after that.
    pub(super) fn unentered_uses(&self, seconds: i64) -> Vec<(Arc<Token>, Timestamp)> {
        let due = |held: &Held| {
            let used = held.used.load(Ordering::Relaxed);
            let known = held.entered.max(held.token.created_at.as_second() * i64::from(seconds > 0));
            (used > held.entered && used - known >= seconds).then_some((held.token.clone(), used))
        };
        let instant = |(token, used)| Some((token, Timestamp::from_second(used).ok()?));
        self.all.iter().filter_map(due).filter_map(instant).collect()
    }

    fn created(&mut self, entry: &Entry) {
        let Some(token) = token(entry) else {
            tracing::warn!(position = entry.receipt.position, "the entry of a token cannot be read; it is refused");
            return;
        };
        self.ids.insert(token.id.clone(), self.all.len());
        self.all.push(Held { token: Arc::new(token), used: AtomicI64::new(0), entered: 0 });
    }

    fn hashed(&mut self, entry: &Entry) {
        match (self.place(entry), hash(&entry.event)) {
            (Some(place), Some(hash)) => drop(self.hashes.insert(hash, Known { place, until: None })),
            _ => tracing::warn!(position = entry.receipt.position, "the hash of a token cannot be read; it is refused"),
        }
    }

    /// The texts it had until now end, and one that follows is another.
    fn rotated(&mut self, entry: &Entry) {
        let Some(place) = self.place(entry) else { return };
        // Whoever rotated it wanted the old text to end: what cannot be read ends it at once.
        let until = instant(&entry.event, "old_accepted_until").unwrap_or(entry.receipt.recorded_at);
        self.hashes.values_mut().filter(|known| known.place == place).for_each(|known| known.ends(until));
        let token = Arc::make_mut(&mut self.all[place].token);
        token.old_accepted_until = Some(until);
        token.entry.clone_from(&entry.receipt.id);
    }

    fn revoked(&mut self, entry: &Entry) {
        if let Some(place) = self.place(entry) {
            let token = Arc::make_mut(&mut self.all[place].token);
            token.revoked_at.get_or_insert(entry.receipt.recorded_at);
            token.entry.clone_from(&entry.receipt.id);
        }
    }

    fn used(&mut self, entry: &Entry) {
        let used = instant(&entry.event, "last_used_at").map(Timestamp::as_second);
        if let (Some(place), Some(used)) = (self.place(entry), used) {
            let held = &mut self.all[place];
            held.entered = held.entered.max(used);
            held.used.fetch_max(used, Ordering::Relaxed);
        }
    }

    /// The place of the token that `entry` is about.
    fn place(&self, entry: &Entry) -> Option<usize> {
        self.ids.get(&entry.event.targets.first()?.id).copied()
    }
}

impl Held {
    fn token(&self) -> Token {
        let used = Some(self.used.load(Ordering::Relaxed)).filter(|&used| used > 0);
        let last_used_at = used.and_then(|used| Timestamp::from_second(used).ok());
        Token { last_used_at, ..Token::clone(&self.token) }
    }
}

/// The token that an entry makes; `None` where it has a member that this version does not know, which might narrow it.
pub(in crate::settings) fn token(entry: &Entry) -> Option<Token> {
    let event = &entry.event;
    let target = event.targets.first()?;
    let mut token = Token {
        id: target.id.clone(),
        kind: TokenKind::from_word(event.metadata.get("kind")?.as_str()?)?,
        tenant: None,
        name: target.name.clone(),
        created_at: entry.receipt.recorded_at,
        expires_at: None,
        revoked_at: None,
        origin: Origin::Request,
        person: None,
        grant: Grant::default(),
        parent: None,
        old_accepted_until: None,
        last_used_at: None,
        entry: entry.receipt.id.clone(),
        appearance: Appearance::default(),
    };
    let mut problems: Vec<Problem> = Vec::new();
    for (name, value) in &event.metadata {
        let text = || value.as_str().map(str::to_owned);
        match name.as_str() {
            "kind" => {}
            "origin" => token.origin = Origin::from_word(&text()?),
            "tenant" => token.tenant = Some(text()?),
            "expires_at" => token.expires_at = Some(text()?.parse().ok()?),
            "parent" => token.parent = Some(text()?),
            "locale" => token.appearance.locale = Some(text()?),
            "theme" => token.appearance.theme = Some(text()?),
            _ if token.grant.take(name, value, &mut problems) => {}
            _ => return None,
        }
    }
    token.person = event.actor.id.clone().filter(|_| token.origin == Origin::SignIn);
    problems.is_empty().then_some(token)
}

/// An instant in the metadata of an entry.
pub(in crate::settings) fn instant(event: &Event, name: &str) -> Option<Timestamp> {
    event.metadata.get(name)?.as_str()?.parse().ok()
}

/// The hash in the metadata of an entry.
pub(in crate::settings) fn hash(event: &Event) -> Option<[u8; 32]> {
    event.metadata.get("sha256").and_then(Value::as_str).and_then(from_hex)
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}
