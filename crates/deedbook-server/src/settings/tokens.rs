//! Tokens. A token is two entries, made at once: what it is, and the hash by which it is known. The latter is a secret of
//! the server, in an entry that it shows to nobody.

use std::collections::HashMap;
use std::sync::Arc;

use deedbook_core::{Entry, Error, ErrorKind, Problem, Result, Target, Timestamp, rfc3339};
use serde_json::{Map, Value};

use super::{Author, Settings};
use crate::own;
use crate::secret::{Secret, fill_random};
use crate::token::{Origin, Token, TokenId, TokenKind};

const CREATED: &str = "audit.token.created";
pub(super) const HASHED: &str = "audit.token_hash.created";
const REVOKED: &str = "audit.token.revoked";

/// The actions of this setting.
pub(super) const ACTIONS: [&str; 3] = [CREATED, HASHED, REVOKED];

/// What a new token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it may do.
    pub kind: TokenKind,
    /// The one tenant it is bound to; all of them where absent. An administrator's is not bound.
    pub tenant: Option<String>,
    /// What it is for; at most 256 bytes.
    pub name: Option<String>,
    /// From when on it is refused; never where absent.
    pub expires_at: Option<Timestamp>,
}

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

/// Every token there ever was.
#[derive(Default)]
pub(super) struct Tokens {
    all: Vec<Arc<Token>>,
    /// Places in `all`.
    ids: HashMap<String, usize>,
    /// The latest token of each hash: one named by the environment may come, go and come again.
    hashes: HashMap<[u8; 32], usize>,
}

impl Tokens {
    pub(super) fn enter(&mut self, entry: &Entry) {
        match entry.event.action.as_str() {
            CREATED => self.created(entry),
            HASHED => self.hashed(entry),
            _ => self.revoked(entry),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<Token>> {
        self.all.iter()
    }

    fn by_id(&self, id: &str) -> Option<Arc<Token>> {
        self.ids.get(id).map(|&place| self.all[place].clone())
    }

    fn by_hash(&self, hash: &[u8; 32]) -> Option<Arc<Token>> {
        self.hashes.get(hash).map(|&place| self.all[place].clone())
    }

    fn created(&mut self, entry: &Entry) {
        let Some(token) = token(entry) else {
            tracing::warn!(position = entry.receipt.position, "the entry of a token cannot be read; it is refused");
            return;
        };
        self.ids.insert(token.id.clone(), self.all.len());
        self.all.push(Arc::new(token));
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
            let token = Arc::make_mut(&mut self.all[place]);
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
    let origin = Origin::from_word(text("origin")?);
    let person = event.actor.id.clone().filter(|_| origin == Origin::SignIn);
    Some(Token {
        id: target.id.clone(),
        kind: TokenKind::from_word(text("kind")?)?,
        tenant: text("tenant").map(str::to_owned),
        name: target.name.clone(),
        created_at: entry.receipt.recorded_at,
        expires_at,
        revoked_at: None,
        origin,
        person,
    })
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

impl Settings {
    /// Every token there ever was, oldest first.
    pub fn tokens(&self) -> Vec<Arc<Token>> {
        self.folded().tokens.iter().cloned().collect()
    }

    /// Makes a token; its text is given here and nowhere else. It is durable when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with pointers to the members of `new` that break a rule; as [`Store::submit`](deedbook_core::Store::submit).
    pub fn create(&self, new: NewToken) -> Result<(Arc<Token>, Secret)> {
        self.create_by(new, &Author::system())
    }

    /// Refuses the token from now on. `None` where there is no such token; nothing happens to one that is revoked.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] where it is the last one of an administrator; as [`Store::submit`](deedbook_core::Store::submit).
    pub fn revoke(&self, id: &str) -> Result<Option<Arc<Token>>> {
        self.revoke_by(id, &Author::system())
    }

    /// The token of which this is the text, whether or not it is still accepted.
    pub(crate) fn find(&self, secret: &Secret) -> Option<Arc<Token>> {
        self.folded().tokens.by_hash(&secret.sha256())
    }

    /// The token of this id, whether or not it is still accepted.
    pub(crate) fn by_id(&self, id: &str) -> Option<Arc<Token>> {
        self.folded().tokens.by_id(id)
    }

    /// Whether the token is accepted at this moment.
    pub(crate) fn is_live(&self, id: &str) -> bool {
        let now = self.now();
        self.folded().tokens.by_id(id).is_some_and(|token| token.is_live(now))
    }

    pub(crate) fn create_by(&self, new: NewToken, author: &Author) -> Result<(Arc<Token>, Secret)> {
        self.check(&new)?;
        let secret = Secret::generate(new.kind);
        let _changing = self.changing();
        let token = self.enter_token(&new, Origin::Request, &secret, author)?;
        Ok((token, secret))
    }

    pub(crate) fn revoke_by(&self, id: &str, author: &Author) -> Result<Option<Arc<Token>>> {
        let _changing = self.changing();
        self.refresh()?;
        let Some(token) = self.folded().tokens.by_id(id) else { return Ok(None) };
        if token.revoked_at.is_some() {
            return Ok(Some(token));
        }
        let others = self.live_admins().iter().any(|admin| admin.id != token.id);
        if token.kind.may_administer() && token.is_live(self.now()) && !others {
            let message = "this is the last token of an administrator; make another one first";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        self.enter_revocation(&token, author)?;
        Ok(self.folded().tokens.by_id(id))
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
        if self.folded().tokens.by_hash(&hash).is_some_and(|known| admins.contains(&known)) {
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
        if new.kind.may_administer() && new.tenant.is_some() {
            return Err(Error::invalid("/tenant", "not_bound", "the token of an administrator is bound to no tenant"));
        }
        if new.name.as_ref().is_some_and(|name| name.len() > NAME_BYTES_MAX) {
            let detail = format!("the name is longer than {NAME_BYTES_MAX} bytes");
            return Err(Error::invalid("/name", "too_long", detail));
        }
        if new.expires_at.is_some_and(|expires_at| expires_at <= self.now()) {
            return Err(Error::invalid("/expires_at", "out_of_range", "the token would be refused at once"));
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
        let mut hashed = author.event(HASHED, target(&id, None));
        hashed.metadata.insert("sha256".to_owned(), hex(&secret.sha256()).into());
        self.append(vec![created, hashed])?;
        self.folded()
            .tokens
            .by_id(&id)
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, "the entry of the token cannot be read"))
    }

    fn enter_revocation(&self, token: &Token, author: &Author) -> Result<()> {
        self.append(vec![author.event(REVOKED, target(&token.id, token.name.as_deref()))])
    }

    fn live_admins(&self) -> Vec<Arc<Token>> {
        let now = self.now();
        let folded = self.folded();
        folded.tokens.iter().filter(|token| token.kind.may_administer() && token.is_live(now)).cloned().collect()
    }
}

/// Characters of an administrator's token that a person chose.
const ADMIN_TOKEN_CHARACTERS_MIN: usize = 32;
/// Bytes of the name of a token: those of any name in an event.
const NAME_BYTES_MAX: usize = 256;

impl NewToken {
    /// A token of this kind that nothing narrows.
    pub fn of_kind(kind: TokenKind) -> Self {
        Self { kind, tenant: None, name: None, expires_at: None }
    }

    /// What an object of JSON asks for; `docs/api.md` names the members, and null is as good as absent.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with pointers to the members that are not known, of the wrong type, or missing.
    pub fn from_json(json: &Value) -> Result<Self> {
        let Value::Object(members) = json else {
            return Err(Error::invalid("", "wrong_type", "expected an object with \"kind\""));
        };
        let mut new = Self::of_kind(TokenKind::Read);
        let mut problems = Vec::new();
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            if let Err((code, detail)) = new.take(name, value) {
                let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
                problems.push(Problem { pointer, code: code.into(), detail: detail.to_owned() });
            }
        }
        if members.get("kind").is_none_or(Value::is_null) {
            let detail = "the member \"kind\" is required; add \"write\" or \"read\"".to_owned();
            problems.push(Problem { pointer: "/kind".to_owned(), code: "missing_member".into(), detail });
        }
        if problems.is_empty() { Ok(new) } else { Err(Error::from_problems(problems)) }
    }

    fn take(&mut self, name: &str, value: &Value) -> std::result::Result<(), (&'static str, &'static str)> {
        let text = value.as_str();
        let string = || text.map(str::to_owned).ok_or(("wrong_type", "expected a string"));
        match name {
            "kind" => {
                let kind = text.and_then(TokenKind::from_word);
                self.kind = kind.ok_or(("unknown_value", "expected \"write\", \"read\" or \"admin\""))?;
            }
            "tenant" => self.tenant = Some(string()?),
            "name" => self.name = Some(string()?),
            "expires_at" => {
                let time: Option<Timestamp> = text.and_then(|text| text.parse().ok());
                let expected = ("bad_time", "expected a time such as \"2026-09-20T14:03:27Z\" (RFC 3339)");
                self.expires_at = Some(time.ok_or(expected)?);
            }
            _ => {
                let detail = "this member is not known here; a token has kind, tenant, name, expires_at";
                return Err(("unknown_member", detail));
            }
        }
        Ok(())
    }
}

fn target(id: &str, name: Option<&str>) -> Target {
    Target { name: name.map(str::to_owned), ..Target::new("token", id) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn metadata(new: &NewToken, origin: Origin) -> Map<String, Value> {
    let members = [
        ("kind", Some(new.kind.as_str().to_owned())),
        ("origin", Some(origin.as_str().to_owned())),
        ("tenant", new.tenant.clone()),
        ("expires_at", new.expires_at.map(rfc3339)),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?)))).collect()
}
