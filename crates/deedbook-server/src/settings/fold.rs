//! Entries of the tenant `_deedbook` → what holds now.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deedbook_core::query::{Condition, Expression, Pattern, TextField};
use deedbook_core::{Entry, Query};

use super::{CREATED, CURSOR_KEY, HASHED, REVOKED};
use crate::token::{Origin, Token, TokenKind};

/// What holds after the entries up to `after`.
#[derive(Default)]
pub(super) struct Folded {
    after: Option<u64>,
    tokens: Vec<Arc<Token>>,
    /// Places in `tokens`.
    ids: HashMap<String, usize>,
    /// The latest token of each hash: one named by the environment may come, go and come again.
    hashes: HashMap<[u8; 32], usize>,
    cursor_key: Option<[u8; 32]>,
}

/// The entries that are settings; readings of the log, of which there are many, are not among them.
pub(super) fn query() -> Query {
    Query::from_expression(one_of([CREATED, HASHED, REVOKED, CURSOR_KEY]))
}

/// The entries that are no secrets of the server.
pub(super) fn without_secrets() -> Query {
    Query::from_expression(Expression::Not(Box::new(one_of([HASHED, CURSOR_KEY]))))
}

fn one_of<const N: usize>(actions: [&str; N]) -> Expression {
    let is = |action: &str| Expression::Is(Condition::Text(TextField::Action, Pattern::Exact(action.to_owned())));
    Expression::Or(actions.map(is).into())
}

impl Folded {
    pub(super) fn after(&self) -> Option<u64> {
        self.after
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = &Arc<Token>> {
        self.tokens.iter()
    }

    pub(super) fn by_id(&self, id: &str) -> Option<Arc<Token>> {
        self.ids.get(id).map(|&place| self.tokens[place].clone())
    }

    pub(super) fn by_hash(&self, hash: &[u8; 32]) -> Option<Arc<Token>> {
        self.hashes.get(hash).map(|&place| self.tokens[place].clone())
    }

    pub(super) fn cursor_key(&self) -> Option<[u8; 32]> {
        self.cursor_key
    }

    /// Folds the next entry. One that is there already, because two threads read it, changes nothing; one that cannot
    /// be read is of a newer version and is passed over, so that a token it makes is refused rather than guessed at.
    pub(super) fn enter(&mut self, entry: &Entry) {
        if self.after.is_some_and(|after| entry.receipt.position <= after) {
            return;
        }
        self.after = Some(entry.receipt.position);
        match entry.event.action.as_str() {
            CREATED => self.created(entry),
            HASHED => self.hashed(entry),
            REVOKED => self.revoked(entry),
            CURSOR_KEY => self.cursor_key = self.cursor_key.or_else(|| cursor_key(entry)),
            _ => {}
        }
    }

    fn created(&mut self, entry: &Entry) {
        let Some(token) = token(entry) else {
            tracing::warn!(position = entry.receipt.position, "the entry of a token cannot be read; it is refused");
            return;
        };
        self.ids.insert(token.id.clone(), self.tokens.len());
        self.tokens.push(Arc::new(token));
    }

    fn hashed(&mut self, entry: &Entry) {
        let hash = entry.event.metadata.get("sha256").and_then(|hash| from_hex(hash.as_str()?));
        match (self.place(entry), hash) {
            (Some(place), Some(hash)) => drop(self.hashes.insert(hash, place)),
            _ => tracing::warn!(position = entry.receipt.position, "the hash of a token cannot be read; it is refused"),
        }
    }

    /// The place of the token that `entry` is about.
    fn place(&self, entry: &Entry) -> Option<usize> {
        self.ids.get(&entry.event.targets.first()?.id).copied()
    }

    fn revoked(&mut self, entry: &Entry) {
        if let Some(place) = self.place(entry) {
            let token = Arc::make_mut(&mut self.tokens[place]);
            token.revoked_at.get_or_insert(entry.receipt.recorded_at);
        }
    }
}

fn token(entry: &Entry) -> Option<Token> {
    let event = &entry.event;
    let target = event.targets.first()?;
    let text = |name: &str| event.metadata.get(name).and_then(|value| value.as_str());
    let expires_at = match text("expires_at") {
        Some(expires_at) => Some(expires_at.parse().ok()?),
        None => None,
    };
    Some(Token {
        id: target.id.clone(),
        kind: TokenKind::from_word(text("kind")?)?,
        tenant: text("tenant").map(str::to_owned),
        name: target.name.clone(),
        created_at: entry.receipt.recorded_at,
        expires_at,
        revoked_at: None,
        origin: Origin::from_word(text("origin")?),
    })
}

fn cursor_key(entry: &Entry) -> Option<[u8; 32]> {
    let key = entry.event.metadata.get("key")?.as_str()?;
    URL_SAFE_NO_PAD.decode(key).ok()?.try_into().ok()
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
