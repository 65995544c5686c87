//! Tokens: make, list, rotate, revoke. For a client whose own token is an administrator's.

use std::fmt;

use deedbook_core::{Error, ErrorKind, Result, Timestamp, rfc3339};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::{Client, Token};

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenKind {
    /// Recording.
    Write,
    /// Reading.
    Read,
    /// Everything.
    Admin,
    /// Reading everything, settings too, and changing nothing.
    Auditor,
    /// Reading in a page, for a short time.
    Viewer,
    /// Something that this version does not know.
    #[serde(other)]
    Other,
}

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    kind: TokenKind,
    tenant: Option<String>,
    name: Option<String>,
    expires_at: Option<Timestamp>,
    reason: Option<String>,
    narrowing: Map<String, Value>,
}

/// A token as the server knows it, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TokenRecord {
    /// By which it is revoked.
    pub id: String,
    /// What it allows.
    pub kind: TokenKind,
    /// The one tenant that it is for; all where absent.
    pub tenant: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
    /// Until when the text it had before the last rotation is accepted.
    #[serde(default)]
    pub old_accepted_until: Option<Timestamp>,
    /// What narrows it, as the API says it: `scope`, `fields`, `addresses`, `capabilities`.
    #[serde(flatten)]
    pub narrowing: Map<String, Value>,
}

impl NewToken {
    /// A token of this kind, for all tenants, without an end.
    pub fn new(kind: TokenKind) -> Self {
        Self { kind, tenant: None, name: None, expires_at: None, reason: None, narrowing: Map::new() }
    }

    /// For this tenant alone.
    pub fn tenant(self, tenant: impl Into<String>) -> Self {
        Self { tenant: Some(tenant.into()), ..self }
    }

    /// What people call it.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Refused from this instant on.
    pub fn expires_at(self, at: Timestamp) -> Self {
        Self { expires_at: Some(at), ..self }
    }

    /// Made for this reason, which the entry keeps.
    pub fn reason(self, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }

    /// Narrowed to a part of what it would see, by these members of the API: `scope`, `fields`, `addresses`,
    /// `capabilities`.
    pub fn narrowed_by(self, members: Map<String, Value>) -> Self {
        Self { narrowing: members, ..self }
    }

    fn to_json(&self) -> Value {
        let mut members = self.narrowing.clone();
        members.insert("kind".to_owned(), json!(self.kind.as_str()));
        members.extend(self.tenant.iter().map(|tenant| ("tenant".to_owned(), json!(tenant))));
        members.extend(self.name.iter().map(|name| ("name".to_owned(), json!(name))));
        members.extend(self.reason.iter().map(|reason| ("reason".to_owned(), json!(reason))));
        members.extend(self.expires_at.map(|at| ("expires_at".to_owned(), json!(rfc3339(at)))));
        Value::Object(members)
    }
}

impl TokenKind {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
            Self::Viewer => "viewer",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Deserialize)]
struct Created {
    token: String,
    #[serde(flatten)]
    record: TokenRecord,
}

#[derive(Deserialize)]
struct List {
    data: Vec<TokenRecord>,
}

impl Client {
    /// Makes a token. Its text is given this once. This is not repeated where no answer comes, since each attempt may
    /// have made one: list them.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], [`ErrorKind::Denied`], [`ErrorKind::Overloaded`], [`ErrorKind::Unavailable`].
    pub async fn create_token(&self, new: &NewToken) -> Result<(Token, TokenRecord)> {
        self.make(&["v1", "tokens"], &new.to_json()).await
    }

    /// Every token, oldest first, those that were revoked too.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`], [`ErrorKind::Overloaded`], [`ErrorKind::Unavailable`].
    pub async fn tokens(&self) -> Result<Vec<TokenRecord>> {
        let list: List = self.repeat(&Call::get(&["v1", "tokens"], Vec::new()), self.deadline()).await?.json()?;
        Ok(list.data)
    }

    /// Gives a token a new text; the old one is accepted for the time `overlap`, such as `24h`. The entry keeps the
    /// reason, where there is one. This is not repeated where no answer comes, since each attempt may have made another text.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is none with this id; [`ErrorKind::Conflict`] for one that is not accepted any
    /// more; [`ErrorKind::Invalid`], [`ErrorKind::Denied`], [`ErrorKind::Overloaded`], [`ErrorKind::Unavailable`].
    pub async fn rotate_token(&self, id: &str, overlap: &str, reason: Option<&str>) -> Result<(Token, TokenRecord)> {
        if id.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "there is no token without an id"));
        }
        self.make(&["v1", "tokens", id, "rotate"], &json!({ "overlap": overlap, "reason": reason })).await
    }

    /// Posts what makes a text, once.
    async fn make(&self, path: &[&str], body: &Value) -> Result<(Token, TokenRecord)> {
        let call = changing(Method::POST, path, body);
        let answer = tokio::time::timeout(self.shared.options.deadline, self.once(&call)).await;
        let created: Created = answer.unwrap_or_else(|_| Err(super::late()))?.json()?;
        Ok((Token::new(&created.token)?, created.record))
    }

    /// Revokes a token, with a reason where there is one; to revoke it again does nothing.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is none with this id; [`ErrorKind::Conflict`] for the last one of an
    /// administrator; [`ErrorKind::Denied`], [`ErrorKind::Overloaded`], [`ErrorKind::Unavailable`].
    pub async fn revoke_token(&self, id: &str, reason: Option<&str>) -> Result<TokenRecord> {
        if id.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "there is no token without an id"));
        }
        let path = ["v1", "tokens", id];
        let call = changing(Method::DELETE, &path, &json!({ "reason": reason }));
        self.repeat(&call, self.deadline()).await?.json()
    }
}

fn changing<'a>(method: Method, path: &'a [&'a str], body: &Value) -> Call<'a> {
    let call = Call { method, body: body.to_string().into(), ..Call::get(path, Vec::new()) };
    call.with(CONTENT_TYPE, HeaderValue::from_static("application/json"))
}
