//! What a request brings: the id in its path; the body of a change of a setting, one JSON object, taken apart member by
//! member. What is wrong is told all at once. And how the change is made and answered.

use std::sync::Arc;

use axum::body::HttpBody;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use deedbook_core::{Error, ErrorKind, Problem as Place, Result as Outcome, parse_json};
use serde_json::{Map, Value};

use crate::app::App;
use crate::body::{Format, Received};
use crate::members::{Expected, escaped, pointed};
use crate::problem::{Answer, Problem};
use crate::settings::check_reason;

/// The code of what cannot be as things stand.
pub(super) const CONFLICT: &str = "conflict";

/// The members of a body that are not taken yet, and what was wrong with those that are.
pub(crate) struct Members {
    rest: Map<String, Value>,
    problems: Vec<Place>,
}

/// Why a setting is changed: all that the body may say, where it says anything.
pub(crate) struct Because(pub(super) Option<String>);

/// The id, or the name, in the path. What is no text is no id of ours.
pub(crate) struct Id(pub(super) String);

impl FromRequest<Arc<App>> for Members {
    type Rejection = Problem;

    /// Reads a body; an empty one is an object without members.
    ///
    /// # Errors
    /// 400, 413, 415, and 422 where it is no object.
    async fn from_request(request: Request, app: &Arc<App>) -> Answer<Self> {
        let (parts, body) = request.into_parts();
        let received = Received::read(app, &parts.headers, body).await?;
        let parsed = {
            let app = app.clone();
            move || {
                let format = received.format;
                let (text, _room) = received.decompressed(&app.limits)?;
                match format {
                    _ if text.is_empty() => Ok(Value::Object(Map::new())),
                    Format::Json => parse_json(&text).map_err(refused),
                    _ => Err(unsupported()),
                }
            }
        };
        match app.compute(parsed).await?? {
            Value::Object(rest) => Ok(Self { rest, problems: Vec::new() }),
            _ => Err(refused(Error::invalid("", "wrong_type", "expected an object"))),
        }
    }
}

impl FromRequest<Arc<App>> for Because {
    type Rejection = Problem;

    /// Reads a body, where there is one.
    ///
    /// # Errors
    /// As [`Members`], and 422 where it says anything else.
    async fn from_request(request: Request, app: &Arc<App>) -> Answer<Self> {
        if request.body().is_end_stream() && !request.headers().contains_key(header::CONTENT_TYPE) {
            return Ok(Self(None));
        }
        let mut members = Members::from_request(request, app).await?;
        let reason = members.reason();
        members.finish("reason")?;
        Ok(Self(reason))
    }
}

impl FromRequestParts<Arc<App>> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Self> {
        let id = Path::<String>::from_request_parts(parts, app).await;
        id.map(|Path(id)| Self(id)).map_err(|_| Problem::not_found())
    }
}

impl Members {
    /// The value of a member that is there and not null.
    pub(super) fn value(&mut self, name: &str) -> Option<Value> {
        self.rest.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::String(text) => Some(text),
            _ => self.wrong(name, "expected a string"),
        }
    }

    /// A text that must be there; empty where it is not.
    pub(super) fn required(&mut self, name: &str, example: &str) -> String {
        if self.rest.get(name).is_none_or(Value::is_null) {
            self.missing(name, example);
        }
        self.text(name).unwrap_or_default()
    }

    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        let Some(value) = self.value(name) else { return Vec::new() };
        let texts = value.as_array().and_then(|list| list.iter().map(|it| it.as_str().map(str::to_owned)).collect());
        texts.or_else(|| self.wrong(name, "expected a list of strings")).unwrap_or_default()
    }

    pub(super) fn flag(&mut self, name: &str) -> bool {
        match self.value(name) {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(_) => self.wrong(name, "expected true or false").unwrap_or_default(),
        }
    }

    /// Why a setting is changed, where somebody says so.
    pub(super) fn reason(&mut self) -> Option<String> {
        let reason = self.text("reason");
        self.note(&reason.as_deref().map(check_reason).unwrap_or_default());
        reason
    }

    /// The members that nobody took, as the object that they are.
    ///
    /// # Errors
    /// 422 with a place for each that was taken and wrong.
    pub(super) fn others(self) -> Answer<Value> {
        if self.problems.is_empty() {
            Ok(Value::Object(self.rest))
        } else {
            Err(refused(Error::from_problems(self.problems)))
        }
    }

    /// Notes that a member must be there.
    pub(super) fn missing(&mut self, name: &str, example: &str) {
        let detail = format!("the member {name:?} is required, such as {example}");
        self.problems.push(Place { pointer: format!("/{name}"), code: "missing_member".into(), detail });
    }

    /// Notes that a member has not the type it should have.
    pub(super) fn wrong<T>(&mut self, name: &str, expected: &'static str) -> Option<T> {
        self.wrong_at(&format!("/{name}"), ("wrong_type", expected))
    }

    /// Notes what was expected in a place.
    pub(super) fn wrong_at<T>(&mut self, pointer: &str, expected: Expected) -> Option<T> {
        self.problems.push(pointed(pointer, expected));
        None
    }

    /// Notes what else is wrong.
    pub(super) fn note(&mut self, problems: &[Place]) {
        self.problems.extend_from_slice(problems);
    }

    /// Refuses what was wrong, and members that nobody took; `known` names all there are.
    ///
    /// # Errors
    /// 422 with a place for each.
    pub(super) fn finish(mut self, known: &str) -> Answer<()> {
        for name in self.rest.keys() {
            let pointer = format!("/{}", escaped(name));
            let detail = format!("this member is not known here; there are {known}");
            self.problems.push(Place { pointer, code: "unknown_member".into(), detail });
        }
        self.others().map(drop)
    }
}

/// 415: settings are one object of JSON.
fn unsupported() -> Problem {
    let detail = "send one object as application/json";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
}

/// As events are refused, in words about settings.
pub(super) fn refused(error: Error) -> Problem {
    let problem = Problem::from(error);
    if problem.status() != StatusCode::UNPROCESSABLE_ENTITY {
        return problem;
    }
    let detail = "the body breaks a rule; errors[] tells where and how";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).at(problem.errors().to_vec())
}

/// The answer of an endpoint of settings. It may hold a secret, or say who a person is: it must not lie in anybody's cache.
pub(super) fn answer(status: StatusCode, body: Value) -> Response {
    ([("cache-control", "no-store")], super::record::json(status, body.to_string())).into_response()
}

impl App {
    /// Changes settings on a thread of its own. `conflict` is the code of what is not possible as things stand.
    ///
    /// # Errors
    /// As [`App::compute`] and [`App::refusal`].
    pub(super) async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        conflict: &'static str,
        work: impl FnOnce(&Self) -> Outcome<T> + Send + 'static,
    ) -> Answer<T> {
        let app = self.clone();
        self.compute(move || work(&app).map_err(|error| app.refusal(error, conflict))).await?
    }

    /// What is told of a change that was refused, or could not be entered. `conflict` is the code of what is not
    /// possible as things stand.
    pub(crate) fn refusal(&self, error: Error, conflict: &'static str) -> Problem {
        match error.kind() {
            ErrorKind::Invalid => refused(error),
            ErrorKind::Conflict => Problem::new(StatusCode::CONFLICT, conflict, error.to_string()),
            kind => {
                if kind == ErrorKind::Poisoned {
                    self.note_poisoned();
                }
                error.into()
            }
        }
    }
}
