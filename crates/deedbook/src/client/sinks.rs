//! Sinks, as JSON in the shapes of `/openapi.json`. For a client whose token is an administrator's; an auditor's reads.

use deedbook_core::Result;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::Client;
use super::governance::named;

impl Client {
    /// Every sink and how it gets on, under `data`.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`](deedbook_core::ErrorKind::Denied),
    /// [`ErrorKind::Overloaded`](deedbook_core::ErrorKind::Overloaded),
    /// [`ErrorKind::Unavailable`](deedbook_core::ErrorKind::Unavailable).
    pub async fn sinks(&self) -> Result<Value> {
        self.governed(Method::GET, &["v1", "sinks"], None).await
    }

    /// A sink, with the first hundred entries that are parked.
    ///
    /// # Errors
    /// As [`Client::sinks`]; [`ErrorKind::NotFound`](deedbook_core::ErrorKind::NotFound) where there is none of this
    /// name.
    pub async fn sink(&self, name: &str) -> Result<Value> {
        self.governed(Method::GET, &["v1", "sinks", named(name)?], None).await
    }

    /// Makes a webhook: `name` and `webhook` with its `url`, and what else there is of it. The answer has its `secret` where
    /// none was given.
    ///
    /// # Errors
    /// As [`Client::sinks`]; [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid), and
    /// [`ErrorKind::Conflict`](deedbook_core::ErrorKind::Conflict) where there is a sink of this name.
    pub async fn create_sink(&self, sink: &Value) -> Result<Value> {
        self.governed(Method::POST, &["v1", "sinks"], Some(sink.clone())).await
    }

    /// Deletes a webhook that was made through the API, with a reason where there is one.
    ///
    /// # Errors
    /// As [`Client::sink`]; [`ErrorKind::Conflict`](deedbook_core::ErrorKind::Conflict) where it is one of the
    /// operator's file.
    pub async fn delete_sink(&self, name: &str, reason: Option<&str>) -> Result<Value> {
        self.governed(Method::DELETE, &["v1", "sinks", named(name)?], Some(json!({ "reason": reason }))).await
    }

    /// Pauses a sink, with a reason where there is one.
    ///
    /// # Errors
    /// As [`Client::sink`].
    pub async fn pause_sink(&self, name: &str, reason: Option<&str>) -> Result<Value> {
        self.change_sink(name, "pause", json!({ "reason": reason })).await
    }

    /// Ends the pause of a sink, with a reason where there is one.
    ///
    /// # Errors
    /// As [`Client::sink`].
    pub async fn resume_sink(&self, name: &str, reason: Option<&str>) -> Result<Value> {
        self.change_sink(name, "resume", json!({ "reason": reason })).await
    }

    /// Delivers entries again: one of `from` (RFC 3339), `position` and `parked`, with a reason where there is one.
    ///
    /// # Errors
    /// As [`Client::sink`], and [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid).
    pub async fn replay_sink(&self, name: &str, replay: Map<String, Value>, reason: Option<&str>) -> Result<Value> {
        let mut body = Value::Object(replay);
        body["reason"] = reason.into();
        self.change_sink(name, "replay", body).await
    }

    /// Sends a sink an entry to see whether it goes through, with a reason where there is one: `delivered`, and `why` it
    /// was not.
    ///
    /// # Errors
    /// As [`Client::sink`].
    pub async fn test_sink(&self, name: &str, reason: Option<&str>) -> Result<Value> {
        self.change_sink(name, "test", json!({ "reason": reason })).await
    }

    async fn change_sink(&self, name: &str, what: &str, body: Value) -> Result<Value> {
        self.governed(Method::POST, &["v1", "sinks", named(name)?, what], Some(body)).await
    }
}
