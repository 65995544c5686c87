//! Retention, holds and erasures, as JSON in the shapes of `/openapi.json`. For a client whose token is an
//! administrator's; an auditor's reads.

use std::time::Duration;

use deedbook_core::retention::Rules;
use deedbook_core::{Error, ErrorKind, Result};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};

use super::Client;
use super::call::Call;

/// How long a plan may take: as long as a server works on one request.
const PLAN_MAX: Duration = Duration::from_secs(65);

impl Client {
    /// For how long entries are kept, and the latest run.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`], [`ErrorKind::Overloaded`], [`ErrorKind::Unavailable`].
    pub async fn retention(&self) -> Result<Value> {
        self.governed(Method::GET, &["v1", "retention"], None).await
    }

    /// Sets for how long entries are kept.
    ///
    /// # Errors
    /// As [`Client::retention`], and [`ErrorKind::Invalid`].
    pub async fn set_retention(&self, rules: &Rules, reason: &str) -> Result<Value> {
        let body = json!({"rules": rules.to_json(), "reason": reason});
        self.governed(Method::PUT, &["v1", "retention"], Some(body)).await
    }

    /// What would go now, by these rules or by those that hold.
    ///
    /// # Errors
    /// As [`Client::retention`].
    pub async fn plan_retention(&self, rules: Option<&Rules>) -> Result<Value> {
        let body = rules.map_or_else(|| json!({}), |rules| json!({"rules": rules.to_json()}));
        self.governed(Method::POST, &["v1", "retention", "plan"], Some(body)).await
    }

    /// Begins a run, with a reason where there is one; its id.
    ///
    /// # Errors
    /// As [`Client::retention`]; [`ErrorKind::Conflict`] where one was asked for already.
    pub async fn run_retention(&self, reason: Option<&str>) -> Result<Value> {
        self.governed(Method::POST, &["v1", "retention", "run"], Some(json!({"reason": reason}))).await
    }

    /// Every hold, under `data`.
    ///
    /// # Errors
    /// As [`Client::retention`].
    pub async fn holds(&self) -> Result<Value> {
        self.governed(Method::GET, &["v1", "holds"], None).await
    }

    /// Places a hold: `tenant`, `query`, `target`, `actor`, and `reason`.
    ///
    /// # Errors
    /// As [`Client::retention`], and [`ErrorKind::Invalid`].
    pub async fn place_hold(&self, hold: &Value) -> Result<Value> {
        self.governed(Method::POST, &["v1", "holds"], Some(hold.clone())).await
    }

    /// Releases a hold.
    ///
    /// # Errors
    /// As [`Client::retention`]; [`ErrorKind::NotFound`] where there is none with this id.
    pub async fn release_hold(&self, id: &str, reason: &str) -> Result<Value> {
        self.governed(Method::POST, &["v1", "holds", named(id)?, "release"], Some(json!({"reason": reason}))).await
    }

    /// Every erasure, under `data`.
    ///
    /// # Errors
    /// As [`Client::retention`].
    pub async fn erasures(&self) -> Result<Value> {
        self.governed(Method::GET, &["v1", "erasures"], None).await
    }

    /// An erasure.
    ///
    /// # Errors
    /// As [`Client::retention`]; [`ErrorKind::NotFound`] where there is none with this id.
    pub async fn erasure(&self, id: &str) -> Result<Value> {
        self.governed(Method::GET, &["v1", "erasures", named(id)?], None).await
    }

    /// Asks for an erasure, or with `dry_run` for what it would do.
    ///
    /// # Errors
    /// As [`Client::retention`]; [`ErrorKind::Invalid`], [`ErrorKind::Held`].
    pub async fn request_erasure(&self, erasure: &Value) -> Result<Value> {
        self.governed(Method::POST, &["v1", "erasures"], Some(erasure.clone())).await
    }

    /// Approves an erasure that another administrator asked for, with a reason where there is one.
    ///
    /// # Errors
    /// As [`Client::erasure`]; [`ErrorKind::Conflict`] for the one who asked, [`ErrorKind::Held`].
    pub async fn approve_erasure(&self, id: &str, reason: Option<&str>) -> Result<Value> {
        let body = json!({"reason": reason});
        self.governed(Method::POST, &["v1", "erasures", named(id)?, "approve"], Some(body)).await
    }

    /// Withdraws an erasure that nobody approved, with a reason where there is one.
    ///
    /// # Errors
    /// As [`Client::erasure`]; [`ErrorKind::Conflict`] where it was approved.
    pub async fn withdraw_erasure(&self, id: &str, reason: Option<&str>) -> Result<Value> {
        self.governed(Method::DELETE, &["v1", "erasures", named(id)?], Some(json!({"reason": reason}))).await
    }

    /// One attempt: what changes something is not repeated where no answer comes.
    pub(super) async fn governed(&self, method: Method, path: &[&str], body: Option<Value>) -> Result<Value> {
        let mut call = Call { method, ..Call::get(path, Vec::new()) };
        if let Some(body) = body {
            call = Call { body: body.to_string().into(), ..call };
            call = call.with(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let answer = tokio::time::timeout(PLAN_MAX, self.once(&call)).await;
        answer.unwrap_or_else(|_| Err(super::late()))?.json()
    }
}

pub(super) fn named(id: &str) -> Result<&str> {
    if id.is_empty() { Err(Error::new(ErrorKind::NotFound, "there is nothing without an id")) } else { Ok(id) }
}
