//! What a token is: its kind, its tenant, its life, and what it is narrowed to.

use deedbook_core::{Id, IdKind, Timestamp, rfc3339};
use serde_json::{Value, json};

use crate::grant::{Export, Grant};

/// The id of a token: `tok_` and 16 random bytes. It is no secret.
pub type TokenId = Id<Token>;

impl IdKind for Token {
    const PREFIX: &'static str = "tok";
}

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenKind {
    /// Everything, in every tenant; for setting up.
    Admin,
    /// Recording.
    Write,
    /// Reading.
    Read,
    /// Reading and verifying everything, the settings too, and configuring nothing.
    Auditor,
    /// Reading in a page of a product, for a short time: a viewer session.
    Viewer,
}

impl TokenKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Admin, Self::Write, Self::Read, Self::Auditor, Self::Viewer];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Write => "write",
            Self::Read => "read",
            Self::Auditor => "auditor",
            Self::Viewer => "viewer",
        }
    }

    /// The kind of a word on the wire, or `None` for any other word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Whether its holder may record events.
    pub(crate) fn may_record(self) -> bool {
        matches!(self, Self::Admin | Self::Write)
    }

    /// Whether its holder may read entries.
    pub(crate) fn may_read(self) -> bool {
        !matches!(self, Self::Write)
    }

    /// Whether its holder may read settings.
    pub(crate) fn may_inspect(self) -> bool {
        matches!(self, Self::Admin | Self::Auditor)
    }

    /// Whether its holder may change settings.
    pub(crate) fn may_administer(self) -> bool {
        matches!(self, Self::Admin)
    }

    /// Whether its holder may make viewer sessions, narrower than itself.
    pub(crate) fn may_pass_on(self) -> bool {
        matches!(self, Self::Admin | Self::Read)
    }

    /// Whether it may be sent from a page of another origin, where whoever writes that page has it.
    pub(crate) fn may_be_in_a_page(self) -> bool {
        matches!(self, Self::Read | Self::Viewer)
    }

    /// Whether it can be narrowed to a part of the entries of its tenant, or of their values.
    pub(crate) fn can_be_narrowed(self) -> bool {
        matches!(self, Self::Read | Self::Viewer)
    }
}

/// A token as the settings know it: everything but its secret and the hash of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Names it for ever.
    pub id: String,
    /// What it may do.
    pub kind: TokenKind,
    /// The one tenant it is bound to; all of them where absent.
    pub tenant: Option<String>,
    /// What it is for, in the words of whoever made it.
    pub name: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
    /// How it came to be.
    pub origin: Origin,
    /// Id of the person who signed in, as the provider names them.
    pub person: Option<String>,
    /// What it is narrowed to.
    pub grant: Grant,
    /// The token by which it was made, without which it is refused; a viewer session has one.
    pub parent: Option<String>,
    /// Until when the text it had before the last rotation is accepted.
    pub old_accepted_until: Option<Timestamp>,
    /// When it was used last, to the minute; after a restart as of the last time that this was entered.
    pub last_used_at: Option<Timestamp>,
    /// Id of the entry of the latest change, in the tenant `_deedbook`.
    pub entry: String,
    /// What the page of a viewer session is to look like.
    pub appearance: Appearance,
}

/// What the page of a viewer session is to look like; of no meaning to the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appearance {
    /// A language tag such as `de-CH`.
    pub locale: Option<String>,
    /// A word that the page knows, such as `dark`.
    pub theme: Option<String>,
}

/// How a token came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Made at a start that found no administrator's token.
    FirstStart,
    /// Named by the environment of the server.
    Environment,
    /// Made by an administrator.
    Request,
    /// Made for a person who signed in, for as long as they stay.
    SignIn,
}

impl Origin {
    const ALL: [Self; 4] = [Self::FirstStart, Self::Environment, Self::Request, Self::SignIn];

    /// The word in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstStart => "first_start",
            Self::Environment => "environment",
            Self::Request => "request",
            Self::SignIn => "sign_in",
        }
    }

    /// The origin of a word in the log; a word of a newer version counts as a request.
    pub(crate) fn from_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|origin| origin.as_str() == word).unwrap_or(Self::Request)
    }
}

impl Token {
    /// Whether it is accepted at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// Whether its holder may take whole files out.
    pub(crate) fn may_export(&self) -> bool {
        self.kind.may_read() && self.grant.export == Export::Allowed
    }

    /// Whether it belongs to a viewer session.
    pub(crate) fn is_session(&self) -> bool {
        self.kind == TokenKind::Viewer
    }

    /// The token as the API shows it: `{id, kind, tenant, name, created_at, expires_at, revoked_at, last_used_at,
    /// old_accepted_until, origin, person, entry}`, and what it is narrowed to.
    pub fn to_json(&self) -> Value {
        let mut shown = json!({
            "id": self.id,
            "kind": self.kind.as_str(),
            "tenant": self.tenant,
            "name": self.name,
            "created_at": rfc3339(self.created_at),
            "expires_at": self.expires_at.map(rfc3339),
            "revoked_at": self.revoked_at.map(rfc3339),
            "last_used_at": self.last_used_at.map(rfc3339),
            "old_accepted_until": self.old_accepted_until.map(rfc3339),
            "origin": self.origin.as_str(),
            "person": self.person,
            "entry": self.entry,
        });
        if let Some(members) = shown.as_object_mut() {
            members.extend(self.grant.to_json());
        }
        shown
    }
}
