//! `/v1/tokens`: make, list, revoke. Each change is an entry of the tenant `_deedbook`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use deedbook_core::{Error, ErrorKind, Problem as Place, Timestamp, parse_json};
use serde_json::{Value, json};

use super::schema;
use crate::access::Administrator;
use crate::app::App;
use crate::body::{Format, Received};
use crate::parameters::Parameters;
use crate::problem::{Answer, Problem};
use crate::settings::NewToken;
use crate::token::TokenKind;

/// Make a token.
///
/// Its text is in this answer and nowhere else; only a hash of it is kept.
#[utoipa::path(
    post, path = "/tokens", tag = "settings", operation_id = "create_token",
    request_body(content = schema::NewToken, content_type = "application/json"),
    responses((status = 201, description = "The token", body = schema::Token), schema::Refusals),
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    parameters.finish(&[])?;
    let received = Received::read(&app, &headers, body).await?;
    if received.format != Format::Json {
        let detail = "send one token as application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    }
    let work = {
        let app = app.clone();
        move || {
            let (text, _room) = received.decompressed(&app.limits)?;
            let new = new_token(&text).map_err(refused)?;
            app.settings.create_by(new, &caller.author()).map_err(|error| app.failed(error))
        }
    };
    let (token, secret) = app.compute(work).await??;
    let mut body = token.to_json();
    body["token"] = json!(secret.expose());
    Ok(answer(StatusCode::CREATED, body))
}

/// List tokens, oldest first, those that were revoked too.
#[utoipa::path(
    get, path = "/tokens", tag = "settings", operation_id = "list_tokens",
    responses((status = 200, description = "Every token, without its text", body = schema::Tokens), schema::Refusals),
)]
pub(crate) async fn list(State(app): State<Arc<App>>, _: Administrator, parameters: Parameters) -> Answer {
    parameters.finish(&[])?;
    let tokens: Vec<Value> = app.settings.tokens().iter().map(|token| token.to_json()).collect();
    Ok(answer(StatusCode::OK, json!({ "data": tokens })))
}

/// Revoke a token.
///
/// It is refused at once here, and within a second at every server of this log. Nothing happens to one that is revoked.
#[utoipa::path(
    delete, path = "/tokens/{id}", tag = "settings", operation_id = "revoke_token",
    params(("id" = String, Path, description = "The id of the token")),
    responses((status = 200, description = "The token", body = schema::Token), schema::Refusals),
)]
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    id: Result<Path<String>, PathRejection>,
    parameters: Parameters,
) -> Answer {
    parameters.finish(&[])?;
    let Path(id) = id.map_err(|_| Problem::not_found())?;
    let work = {
        let app = app.clone();
        move || app.settings.revoke_by(&id, &caller.author()).map_err(|error| app.failed(error))
    };
    let token = app.compute(work).await??.ok_or_else(Problem::not_found)?;
    Ok(answer(StatusCode::OK, token.to_json()))
}

impl App {
    /// What is told of a setting that could not be entered.
    pub(super) fn failed(&self, error: Error) -> Problem {
        match error.kind() {
            ErrorKind::Invalid => refused(error),
            ErrorKind::Conflict => Problem::new(StatusCode::CONFLICT, "last_admin_token", error.to_string()),
            kind => {
                if kind == ErrorKind::Poisoned {
                    self.note_poisoned();
                }
                error.into()
            }
        }
    }
}

/// As events are refused, in words about tokens.
fn refused(error: Error) -> Problem {
    let problem = Problem::from(error);
    if problem.status() != StatusCode::UNPROCESSABLE_ENTITY {
        return problem;
    }
    let detail = "the token breaks a rule; errors[] tells where and how";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).at(problem.errors().to_vec())
}

fn new_token(text: &[u8]) -> deedbook_core::Result<NewToken> {
    let Value::Object(members) = parse_json(text)? else {
        return Err(Error::invalid("", "wrong_type", "expected an object with \"kind\""));
    };
    let mut new = NewToken { kind: TokenKind::Read, tenant: None, name: None, expires_at: None };
    let mut problems = Vec::new();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        if let Err(expected) = take(&mut new, name, value) {
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            problems.push(Place { pointer, code: expected.0.into(), detail: expected.1.to_owned() });
        }
    }
    if members.get("kind").is_none_or(Value::is_null) {
        let detail = "the member \"kind\" is required; add \"write\" or \"read\"".to_owned();
        problems.push(Place { pointer: "/kind".to_owned(), code: "missing_member".into(), detail });
    }
    if problems.is_empty() { Ok(new) } else { Err(Error::from_problems(problems)) }
}

fn take(new: &mut NewToken, name: &str, value: &Value) -> Result<(), (&'static str, &'static str)> {
    let text = value.as_str();
    let string = || text.map(str::to_owned).ok_or(("wrong_type", "expected a string"));
    match name {
        "kind" => {
            let kind = text.and_then(TokenKind::from_word);
            new.kind = kind.ok_or(("unknown_value", "expected \"write\", \"read\" or \"admin\""))?;
        }
        "tenant" => new.tenant = Some(string()?),
        "name" => new.name = Some(string()?),
        "expires_at" => {
            let time: Option<Timestamp> = text.and_then(|text| text.parse().ok());
            let expected = ("bad_time", "expected a time such as \"2026-09-20T14:03:27Z\" (RFC 3339)");
            new.expires_at = Some(time.ok_or(expected)?);
        }
        _ => {
            return Err((
                "unknown_member",
                "this member is not known here; a token has kind, tenant, name, expires_at",
            ));
        }
    }
    Ok(())
}

fn answer(status: StatusCode, body: Value) -> Response {
    // The one answer with a secret in it must not lie in anybody's cache.
    ([("cache-control", "no-store")], super::record::json(status, body.to_string())).into_response()
}
