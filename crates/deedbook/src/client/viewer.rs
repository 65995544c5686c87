//! Viewer sessions: tokens of minutes for the pages of a product, narrowed to what one reader may see.

use std::time::Duration;

use deedbook_core::{Result, Timestamp};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::{Client, Token};

/// A viewer session to be made: everything of a tenant that the maker's own token sees, narrowed by each call but
/// [`NewViewerSession::audience`] and [`NewViewerSession::of`], which are a union.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewViewerSession {
    tenant: String,
    targets: Vec<String>,
    audience: Vec<String>,
    self_actor: Option<String>,
    may_export: bool,
    expires_in: Option<Duration>,
}

/// A viewer session, with the one chance to take its token.
#[derive(Clone, Debug)]
pub struct ViewerSession {
    /// For the reader's browser. It stands in no URL.
    pub token: Token,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

impl NewViewerSession {
    /// Everything of the log of `tenant`, for 15 minutes, to be looked at and not taken out.
    pub fn new(tenant: impl Into<String>) -> Self {
        Self {
            tenant: tenant.into(),
            targets: Vec::new(),
            audience: Vec::new(),
            self_actor: None,
            may_export: false,
            expires_in: None,
        }
    }

    /// Entries about this thing, `TYPE:ID`, or about another one that is named here.
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.targets.push(target.into());
        self
    }

    /// Entries with this label in their audience.
    pub fn audience(mut self, label: impl Into<String>) -> Self {
        self.audience.push(label.into());
        self
    }

    /// Entries of this person, `TYPE:ID`: the actor, behind the actor, or a target.
    pub fn of(self, person: impl Into<String>) -> Self {
        Self { self_actor: Some(person.into()), ..self }
    }

    /// The reader may take out whole files.
    pub fn with_export(self) -> Self {
        Self { may_export: true, ..self }
    }

    /// Refused after this time, in seconds; at most 24 hours.
    pub fn expires_in(self, time: Duration) -> Self {
        Self { expires_in: Some(time), ..self }
    }

    fn to_json(&self) -> Value {
        let mut scope = Map::new();
        for (name, list) in [("targets", &self.targets), ("audience", &self.audience)] {
            if !list.is_empty() {
                scope.insert(name.to_owned(), json!(list));
            }
        }
        scope.extend(self.self_actor.iter().map(|person| ("self".to_owned(), json!(person))));
        let mut capabilities = vec!["view"];
        capabilities.extend(self.may_export.then_some("export"));
        let mut session = json!({ "tenant": self.tenant, "scope": scope, "capabilities": capabilities });
        if let Some(time) = self.expires_in {
            session["expires_in"] = json!(format!("{}s", time.as_secs()));
        }
        session
    }
}

#[derive(Deserialize)]
struct Created {
    token: String,
    expires_at: Timestamp,
}

impl Client {
    /// Makes a viewer session. As with tokens, this is not repeated where no answer comes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid) where it asks for more than this client's own token
    /// sees; [`ErrorKind::Denied`](deedbook_core::ErrorKind::Denied),
    /// [`ErrorKind::Overloaded`](deedbook_core::ErrorKind::Overloaded),
    /// [`ErrorKind::Unavailable`](deedbook_core::ErrorKind::Unavailable).
    pub async fn create_viewer_session(&self, new: &NewViewerSession) -> Result<ViewerSession> {
        let call = Call { method: Method::POST, ..Call::get(&["v1", "viewer-sessions"], Vec::new()) };
        let call = Call { body: new.to_json().to_string().into(), ..call };
        let call = call.with(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer = tokio::time::timeout(self.shared.options.deadline, self.once(&call)).await;
        let created: Created = answer.unwrap_or_else(|_| Err(super::late()))?.json()?;
        Ok(ViewerSession { token: Token::new(&created.token)?, expires_at: created.expires_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_asks_for_what_was_named_and_nothing_more() {
        let all = NewViewerSession::new("acme").to_json();
        assert_eq!(all, json!({ "tenant": "acme", "scope": {}, "capabilities": ["view"] }));
        let narrow = NewViewerSession::new("acme").target("project:p").audience("owners").of("user:u").with_export();
        let narrow = narrow.expires_in(Duration::from_secs(90)).to_json();
        let scope = json!({ "targets": ["project:p"], "audience": ["owners"], "self": "user:u" });
        let expected =
            json!({ "tenant": "acme", "scope": scope, "capabilities": ["view", "export"], "expires_in": "90s" });
        assert_eq!(narrow, expected);
    }
}
