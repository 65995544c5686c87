//! What every refusal looks like: RFC 9457, with a stable code, and never a word of what was sent.
//!
//! A handler returns a [`Problem`]; `watched` gives it the id of the request and writes it down, so that no path of
//! failure can forget either.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use deedbook_core::{Error, ErrorKind, Problem as Place};
use serde_json::{Map, Value, json};

/// One refusal on its way out.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<Place>,
    position: Option<usize>,
    retry_after_seconds: Option<u32>,
    denied: Option<&'static str>,
}

/// What a handler answers.
pub(crate) type Answer<T = Response> = Result<T, Problem>;

/// How long those who are refused for want of room are told to wait.
const RETRY_AFTER_SECONDS: u32 = 1;

/// The code of refusals for want of room.
const OVERLOADED: &str = "overloaded";

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { status, code, detail, errors: Vec::new(), position: None, retry_after_seconds: None, denied: None }
    }

    /// 400: the request cannot be read.
    pub(crate) fn malformed(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 404, alike for what is absent, what is retired and what is not the caller's.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is no such thing here, or it is not for this token to see")
    }

    /// As [`Problem::not_found`] to whoever asked; the log is told that another tenant was asked for.
    pub(crate) fn of_other_tenant() -> Self {
        Self { denied: Some("foreign_tenant"), ..Self::not_found() }
    }

    /// 403: the token is good, and not for this.
    pub(crate) fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self { denied: Some(code), ..Self::new(StatusCode::FORBIDDEN, code, detail) }
    }

    /// 413: more than a limit allows.
    pub(crate) fn too_large(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, detail)
    }

    /// 501: the API names it, and this server cannot do it.
    pub(crate) fn not_implemented() -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", "this server does not have this capability yet")
    }

    /// 503: there is no room; come again.
    pub(crate) fn overloaded(detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, OVERLOADED, detail);
        Self { retry_after_seconds: Some(RETRY_AFTER_SECONDS), ..problem }
    }

    /// 503: the server ends, or the log takes no more.
    pub(crate) fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, ..Self::overloaded(detail) }
    }

    /// 500: the reason is in the server's log, not in the answer.
    pub(crate) fn internal() -> Self {
        let detail = "something went wrong inside; the server's log has more under this request_id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// The same, with the places of the body that it is about.
    pub(crate) fn at(self, errors: Vec<Place>) -> Self {
        Self { errors, ..self }
    }

    /// The same, with the place in a query, in characters from 1.
    pub(crate) fn at_position(self, position: usize) -> Self {
        Self { position: Some(position), ..self }
    }

    /// Why somebody who is known was refused, where that was for want of a right.
    pub(crate) fn denied(&self) -> Option<&'static str> {
        self.denied
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether there was no room, and nothing is wrong.
    pub(crate) fn is_overload(&self) -> bool {
        self.code == OVERLOADED
    }

    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    pub(crate) fn errors(&self) -> &[Place] {
        &self.errors
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The members of the body; an item of a batch has no id of its own.
    pub(crate) fn to_json(&self, request_id: Option<&str>) -> Value {
        let mut members = Map::new();
        members.insert("type".to_owned(), json!("about:blank"));
        members.insert("title".to_owned(), json!(self.status.canonical_reason().unwrap_or("Error")));
        members.insert("status".to_owned(), json!(self.status.as_u16()));
        members.insert("code".to_owned(), json!(self.code));
        members.insert("detail".to_owned(), json!(self.detail));
        if let Some(request_id) = request_id {
            members.insert("request_id".to_owned(), json!(request_id));
        }
        if let Some(position) = self.position {
            members.insert("position".to_owned(), json!(position));
        }
        if !self.errors.is_empty() {
            let place = |place: &Place| json!({ "pointer": place.pointer, "code": place.code, "detail": place.detail });
            members.insert("errors".to_owned(), self.errors.iter().map(place).collect());
        }
        Value::Object(members)
    }

    /// The answer as it goes out.
    pub(crate) fn written(&self, request_id: &str) -> Response {
        let body = self.to_json(Some(request_id)).to_string();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"deedbook\""));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// An empty answer that carries the problem to `watched`.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The codes of places where the text is no JSON at all, so that nothing can be said of the event in it.
const SYNTAX_CODES: [&str; 3] = ["syntax", "trailing_bytes", "invalid_utf8"];

impl From<Error> for Problem {
    /// What the core and the store refuse, in the terms of HTTP. Messages of the core never repeat a value.
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Invalid => invalid(error.problems()),
            ErrorKind::TooLarge => Self::too_large("too_large", error.to_string()),
            ErrorKind::Conflict if error.problems().is_empty() => conflict(),
            ErrorKind::Conflict => {
                let alike = |place: &Place| Place { detail: CONFLICT.to_owned(), ..place.clone() };
                conflict().at(error.problems().iter().map(alike).collect())
            }
            ErrorKind::Overloaded => {
                Self::overloaded("the log is over capacity and nothing was recorded; try again later")
            }
            ErrorKind::Poisoned => Self::unavailable(
                "poisoned",
                "a write to the disk failed and the log takes nothing more until it is opened anew; nothing was recorded",
            ),
            ErrorKind::DiskFull => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "disk_full",
                "the disk of the log is full; nothing was recorded",
            ),
            ErrorKind::Held => Self::new(StatusCode::LOCKED, "held", error.to_string()),
            ErrorKind::NotFound => Self::unavailable("shutting_down", "the server is ending; nothing was recorded"),
            _ => {
                tracing::error!(error = %Chain(&error), "the log failed");
                Self::internal()
            }
        }
    }
}

const CONFLICT: &str =
    "an event with this id was recorded before with other content; give a new event an id of its own";

fn conflict() -> Problem {
    Problem::new(StatusCode::CONFLICT, "conflict", CONFLICT)
}

fn invalid(places: &[Place]) -> Problem {
    let problem = if places.iter().any(|place| SYNTAX_CODES.contains(&&*place.code)) {
        Problem::malformed("malformed", "the body is not JSON; errors[] tells where it stops to be")
    } else {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            "the event breaks a rule; errors[] tells where and how",
        )
    };
    problem.at(places.to_vec())
}

/// An error with its causes on one line, for the server's log.
struct Chain<'a>(&'a Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = std::error::Error::source(self.0);
        while let Some(error) = cause {
            write!(f, ", because {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
