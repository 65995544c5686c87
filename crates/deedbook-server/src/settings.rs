//! Tokens and the key of cursors: entries of the tenant `_deedbook`, folded from it. There is no second database.
//!
//! A token is two entries, made at once: what it is, and the hash by which it is known. The latter and the key of
//! cursors are secrets of the server, in entries that it shows to nobody: [`shown`].
//!
//! [`Settings::refresh`] reads what was entered since it was called last, so that a token that was revoked through
//! another process is refused here as soon as its entry is visible.

mod fold;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deedbook_core::{
    Actor, Atomicity, Context, Error, ErrorKind, Event, OWN_TENANT, Order, PageRequest, Result, Scope, Store, StoreExt,
    Target, Timestamp, rfc3339,
};
use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::own;
use crate::secret::{Secret, fill_random};
use crate::token::{Origin, Token, TokenId, TokenKind};
use fold::Folded;

const CREATED: &str = "audit.token.created";
const HASHED: &str = "audit.token_hash.created";
const REVOKED: &str = "audit.token.revoked";
const CURSOR_KEY: &str = "audit.cursor_key.created";

/// The id of the one entry with the key of cursors: who enters a second one gets a conflict, and uses the first.
const CURSOR_KEY_ID: &str = "audit.cursor_key";

/// Entries that are folded at once.
const PAGE_ENTRIES: usize = 500;

/// The settings of a log.
pub struct Settings {
    store: Arc<dyn Store>,
    clock: Clock,
    folded: RwLock<Folded>,
    /// Held while a setting is changed, so that what was checked still holds when it is entered.
    changing: Mutex<()>,
}

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

/// Who changes a setting, and from where.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    pub(crate) actor: Actor,
    pub(crate) context: Context,
}

impl Author {
    /// The program itself, at its start or at the hands of whoever may write to the directory.
    pub(crate) fn system() -> Self {
        Self { actor: Actor::without_id("system"), context: Context::default() }
    }
}

impl Settings {
    /// Folds the settings that `store` holds.
    ///
    /// # Errors
    /// As [`Store::page`].
    pub fn load(store: Arc<dyn Store>, clock: Clock) -> Result<Self> {
        let settings = Self { store, clock, folded: RwLock::default(), changing: Mutex::default() };
        settings.refresh()?;
        Ok(settings)
    }

    /// Every token there ever was, oldest first.
    pub fn tokens(&self) -> Vec<Arc<Token>> {
        self.folded().tokens().cloned().collect()
    }

    /// Makes a token; its text is given here and nowhere else. It is durable when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with pointers to the members of `new` that break a rule; as [`Store::submit`].
    pub fn create(&self, new: NewToken) -> Result<(Arc<Token>, Secret)> {
        self.create_by(new, &Author::system())
    }

    /// Refuses the token from now on. `None` where there is no such token; nothing happens to one that is revoked.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] where it is the last one of an administrator; as [`Store::submit`].
    pub fn revoke(&self, id: &str) -> Result<Option<Arc<Token>>> {
        self.revoke_by(id, &Author::system())
    }

    /// Reads what was entered since this was called last.
    ///
    /// # Errors
    /// As [`Store::page`].
    pub(crate) fn refresh(&self) -> Result<()> {
        let query = fold::query();
        let scope = Scope::tenant(OWN_TENANT);
        loop {
            let after = self.folded().after();
            let request = PageRequest { order: Order::Ascending, limit: PAGE_ENTRIES, after };
            let page = self.store.page(&query, &scope, &request)?;
            if !page.entries.is_empty() {
                let mut folded = self.folded.write().unwrap_or_else(PoisonError::into_inner);
                page.entries.iter().for_each(|entry| folded.enter(entry));
            }
            if !page.has_more {
                return Ok(());
            }
        }
    }

    /// The token of which this is the text, whether or not it is still accepted.
    pub(crate) fn find(&self, secret: &Secret) -> Option<Arc<Token>> {
        self.folded().by_hash(&secret.sha256())
    }

    /// Whether the token is accepted at this moment.
    pub(crate) fn is_live(&self, id: &str) -> bool {
        let now = (self.clock)();
        self.folded().by_id(id).is_some_and(|token| token.is_live(now))
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
        let Some(token) = self.folded().by_id(id) else { return Ok(None) };
        if token.revoked_at.is_some() {
            return Ok(Some(token));
        }
        let others = self.live_admins().iter().any(|admin| admin.id != token.id);
        if token.kind.may_administer() && token.is_live((self.clock)()) && !others {
            let message = "this is the last token of an administrator; make another one first";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        self.enter_revocation(&token, author)?;
        Ok(self.folded().by_id(id))
    }

    /// Sees to it that an administrator can come in: by the token of the environment where there is one, else by one
    /// that is there, else by a new one.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where `named` is shorter than 32 characters; as [`Store::submit`].
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
        if self.folded().by_hash(&hash).is_some_and(|known| admins.contains(&known)) {
            return Ok(AdminToken::Known);
        }
        self.enter_token(&NewToken::admin(), Origin::Environment, named, &Author::system())?;
        for former in admins.iter().filter(|admin| admin.origin != Origin::Request) {
            self.enter_revocation(former, &Author::system())?;
        }
        Ok(AdminToken::Taken)
    }

    fn ensure_any_admin(&self) -> Result<AdminToken> {
        if !self.live_admins().is_empty() {
            return Ok(AdminToken::Known);
        }
        let secret = Secret::generate(TokenKind::Admin);
        self.enter_token(&NewToken::admin(), Origin::FirstStart, &secret, &Author::system())?;
        Ok(AdminToken::Made(secret))
    }

    /// The key under which cursors are written, which is made where there is none yet.
    ///
    /// It stands in the log so that cursors outlive a restart and hold at every server of one log.
    ///
    /// # Errors
    /// As [`Store::submit`].
    pub(crate) fn ensure_cursor_key(&self) -> Result<[u8; 32]> {
        let _changing = self.changing();
        if let Some(key) = self.folded().cursor_key() {
            return Ok(key);
        }
        let mut key = [0; 32];
        fill_random(&mut key);
        let mut event = Event::new(CURSOR_KEY, Actor::without_id("system"));
        event.id = Some(CURSOR_KEY_ID.to_owned());
        event.metadata.insert("key".to_owned(), URL_SAFE_NO_PAD.encode(key).into());
        match self.append([event]) {
            // Another server of the same log was faster.
            Err(error) if error.kind() == ErrorKind::Conflict => self.refresh()?,
            other => other?,
        }
        let missing = || Error::new(ErrorKind::Corrupt, "the entry with the key of cursors cannot be read");
        self.folded().cursor_key().ok_or_else(missing)
    }

    fn check(&self, new: &NewToken) -> Result<()> {
        if new.kind.may_administer() && new.tenant.is_some() {
            return Err(Error::invalid("/tenant", "not_bound", "the token of an administrator is bound to no tenant"));
        }
        if new.name.as_ref().is_some_and(|name| name.len() > NAME_BYTES_MAX) {
            let detail = format!("the name is longer than {NAME_BYTES_MAX} bytes");
            return Err(Error::invalid("/name", "too_long", detail));
        }
        if new.expires_at.is_some_and(|expires_at| expires_at <= (self.clock)()) {
            return Err(Error::invalid("/expires_at", "out_of_range", "the token would be refused at once"));
        }
        new.tenant.as_deref().map_or(Ok(()), own::check_tenant)
    }

    fn enter_token(&self, new: &NewToken, origin: Origin, secret: &Secret, author: &Author) -> Result<Arc<Token>> {
        let mut random = [0; 16];
        fill_random(&mut random);
        let id = TokenId::from_random(random).to_string();
        let mut created = author.event(CREATED, &id, new.name.as_deref());
        created.metadata = metadata(new, origin);
        let mut hashed = author.event(HASHED, &id, None);
        hashed.metadata.insert("sha256".to_owned(), hex(&secret.sha256()).into());
        self.append([created, hashed])?;
        self.folded().by_id(&id).ok_or_else(|| Error::new(ErrorKind::Corrupt, "the entry of the token cannot be read"))
    }

    fn enter_revocation(&self, token: &Token, author: &Author) -> Result<()> {
        self.append([author.event(REVOKED, &token.id, token.name.as_deref())])
    }

    /// Enters all of `events` or none.
    fn append<const N: usize>(&self, events: [Event; N]) -> Result<()> {
        let drafts = events.into_iter().map(own::draft).collect::<Result<_>>()?;
        let fates = self.store.append(drafts, Atomicity::AllOrNothing)?;
        fates.into_iter().collect::<Result<Vec<_>>>()?;
        self.refresh()
    }

    fn live_admins(&self) -> Vec<Arc<Token>> {
        let now = (self.clock)();
        let folded = self.folded();
        folded.tokens().filter(|token| token.kind.may_administer() && token.is_live(now)).cloned().collect()
    }

    fn folded(&self) -> std::sync::RwLockReadGuard<'_, Folded> {
        // A panic elsewhere leaves what was folded whole: entries are folded one by one.
        self.folded.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Characters of an administrator's token that a person chose.
const ADMIN_TOKEN_CHARACTERS_MIN: usize = 32;
/// Bytes of the name of a token: those of any name in an event.
const NAME_BYTES_MAX: usize = 256;

impl NewToken {
    fn admin() -> Self {
        Self { kind: TokenKind::Admin, tenant: None, name: None, expires_at: None }
    }
}

impl Author {
    fn event(&self, action: &str, token_id: &str, name: Option<&str>) -> Event {
        let mut event = Event::new(action, self.actor.clone());
        event.context = self.context.clone();
        event.targets = vec![Target { name: name.map(str::to_owned), ..Target::new("token", token_id) }];
        event
    }
}

/// Everything of `tenant` that the API shows to whoever may see all of it: all but the server's own secrets.
///
/// Nobody needs them but the server, and a hash that is seen is one that can be tried against. Being a part of the
/// scope, this holds for lists, counts, exports and tails alike, and no query can ask for a part of them.
pub(crate) fn shown(tenant: &str) -> Scope {
    let scope = Scope::tenant(tenant);
    if tenant == OWN_TENANT { scope.matching(fold::without_secrets()) } else { scope }
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

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}
