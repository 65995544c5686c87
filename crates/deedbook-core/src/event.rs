//! What a caller claims: the [`Event`] and its parts, as API.md puts them on the wire.
//!
//! An event is only a claim. [`crate::prepare`] checks and bounds it and makes a [`crate::Draft`] of it; nothing here
//! is validated on construction, so that an application can build an event without handling errors twice.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Who did what, to which record, when, from where, and what changed: the claim of a caller.
///
/// Only [`action`](Self::action) and [`actor`](Self::actor) are required. Limits are in [`crate::Limits`].
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Identifies the event within its tenant for ever: 1 to 128 of `[A-Za-z0-9_.:-]`; generated when absent.
    pub id: Option<String>,
    /// The organisation whose log this is: `^[a-z0-9][a-z0-9._-]{0,63}$`; `default` when absent.
    pub tenant: Option<String>,
    /// Singular object and past verb, `document.shared`: two to six parts of `[a-z0-9_]+`, at most 128 characters.
    pub action: String,
    /// Name and version of the shape of `metadata`, such as `document.shared@2`.
    pub schema: Option<String>,
    /// Chooses the retention rule: `account`, `project`, `access`, `admin`, or your own.
    pub category: Option<String>,
    /// How it ended; success when absent.
    pub outcome: Option<Outcome>,
    /// When it happened, if that is known better than by the time of recording; kept to the microsecond.
    pub occurred_at: Option<Timestamp>,
    /// Who really acted.
    pub actor: Actor,
    /// The things in whose history the event belongs, at most 32; the first is the primary one.
    pub targets: Vec<Target>,
    /// What changed, field by field.
    pub changes: Vec<Change>,
    /// From where, in which request.
    pub context: Context,
    /// Why, in the words of whoever acted.
    pub reason: Option<String>,
    /// What went wrong, where the outcome is not success.
    pub error: Option<Failure>,
    /// Joins the events of one piece of business.
    pub correlation_id: Option<String>,
    /// Joins the events of one database transaction, commit or batch.
    pub transaction_id: Option<String>,
    /// Which service, version and environment recorded it.
    pub source: Option<Source>,
    /// Labels of those who may see it. `None`: administrators and, by `self`, the person. Empty: administrators only.
    pub audience: Option<Vec<String>>,
    /// JSON Pointers to further values that can be erased one by one, at most 32.
    pub personal: Vec<String>,
    /// A sentence for people, rendered when the event was made.
    pub description: Option<String>,
    /// Free members.
    pub metadata: Map<String, Value>,
}

impl Event {
    /// An event with the two required members.
    pub fn new(action: impl Into<String>, actor: Actor) -> Self {
        Self {
            id: None,
            tenant: None,
            action: action.into(),
            schema: None,
            category: None,
            outcome: None,
            occurred_at: None,
            actor,
            targets: Vec::new(),
            changes: Vec::new(),
            context: Context::default(),
            reason: None,
            error: None,
            correlation_id: None,
            transaction_id: None,
            source: None,
            audience: None,
            personal: Vec::new(),
            description: None,
            metadata: Map::new(),
        }
    }
}

/// How the act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was tried and did not work.
    Failure,
    /// It was refused for want of a right.
    Denied,
    /// Nobody knows, for example after a time-out.
    Unknown,
}

impl Outcome {
    /// Every outcome, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Success, Self::Failure, Self::Denied, Self::Unknown];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
        }
    }

    /// The outcome of a word on the wire, or `None` for any other word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// Who acted: a user, a service, an agent, the system, nobody known, or another kind of your own.
#[derive(Clone, Debug, PartialEq)]
pub struct Actor {
    /// `user`, `service`, `agent`, `system`, `anonymous`, or a word of your own: `[a-z0-9_]+`, at most 64 characters.
    pub kind: String,
    /// Required but for `system` and `anonymous`; at most 1,024 bytes.
    pub id: Option<String>,
    /// The name at that moment, at most 256 bytes; personal.
    pub name: Option<String>,
    /// The address at that moment, at most 256 bytes; personal.
    pub email: Option<String>,
    /// Free members, such as model and tool of an agent.
    pub metadata: Map<String, Value>,
    /// Whose authority was used, nested at most three deep.
    pub on_behalf_of: Option<Box<Actor>>,
}

impl Actor {
    /// An actor of `kind` (`user`, `service`, `agent` …) with an id.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..Self::without_id(kind) }
    }

    /// An actor that has no id: `system` or `anonymous`.
    pub fn without_id(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: None, name: None, email: None, metadata: Map::new(), on_behalf_of: None }
    }

    /// The same actor with the name it has at this moment.
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// This actor, then whoever stands behind it, outermost authority last.
    pub fn chain(&self) -> impl Iterator<Item = &Actor> {
        std::iter::successors(Some(self), |actor| actor.on_behalf_of.as_deref())
    }
}

/// A thing that was acted upon, with its label as it was at that moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// What it is: `document`, `invoice`, `user` …: `[a-z0-9_]+`, at most 64 characters.
    pub kind: String,
    /// At most 1,024 bytes.
    pub id: String,
    /// The name at that moment, at most 256 bytes; personal.
    pub name: Option<String>,
    /// The address at that moment, at most 256 bytes; personal.
    pub email: Option<String>,
    /// Where people look at it, at most 2,048 bytes.
    pub href: Option<String>,
    /// Its part in the act, such as `recipient`.
    pub role: Option<String>,
    /// Free members.
    pub metadata: Map<String, Value>,
}

impl Target {
    /// A target of `kind` with an id.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: id.into(), name: None, email: None, href: None, role: None, metadata: Map::new() }
    }

    /// The same target with the name it has at this moment.
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }
}

/// One field that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// JSON Pointer (RFC 6901) into the target.
    pub path: String,
    /// The value before; `None` means that it was not there or is not known, `Null` is a value.
    pub from: Option<Value>,
    /// The value after; `None` means that it is not there any more, or, where `from` is absent too, that it is not
    /// known; `Null` is a value.
    pub to: Option<Value>,
    /// The field changed and its values are kept out of the log; `from` and `to` must be absent.
    pub redacted: bool,
}

/// From where and in which request the act came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// Address of the client; personal.
    pub ip: Option<IpAddr>,
    /// As the client sent it, at most 1,024 bytes; personal.
    pub user_agent: Option<String>,
    /// At most 256 bytes, as all ids of the context.
    pub request_id: Option<String>,
    /// The session of the client.
    pub session_id: Option<String>,
    /// W3C trace id.
    pub trace_id: Option<String>,
    /// How the actor had proven who they are.
    pub auth: Option<Auth>,
    /// The request.
    pub http: Option<Http>,
}

/// How the actor had proven who they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Auth {
    /// `password`, `saml`, `api_token` …
    pub method: Option<String>,
    /// `webauthn`, `totp` …
    pub mfa: Option<String>,
    /// Who vouched for it.
    pub issuer: Option<String>,
    /// The key that was used; a credential is not an actor.
    pub credential: Option<Credential>,
}

/// The key that was used.
#[derive(Clone, Debug, PartialEq)]
pub struct Credential {
    /// `api_token`, `access_key` …
    pub kind: String,
    /// Its public id, never its secret.
    pub id: String,
    /// Its name at that moment.
    pub name: Option<String>,
}

/// The request by which the act came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Http {
    /// `GET`, `POST` …
    pub method: Option<String>,
    /// The route's template, `/documents/{id}/share`, rather than the path.
    pub route: Option<String>,
    /// 100 to 599.
    pub status: Option<u16>,
    /// Milliseconds.
    pub duration_ms: Option<u64>,
}

/// What went wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failure {
    /// For programs.
    pub code: Option<String>,
    /// For people.
    pub message: Option<String>,
}

impl From<String> for Failure {
    /// What a person is told, without a code.
    fn from(message: String) -> Self {
        Self { code: None, message: Some(message) }
    }
}

impl From<&str> for Failure {
    /// What a person is told, without a code.
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

/// Which program recorded the event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// Name of the service.
    pub service: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// `production`, `staging` …
    pub environment: Option<String>,
}
