//! `/v1/tokens`: make, list, revoke. Each change is an entry of the tenant `_deedbook`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use deedbook_core::{Error, ErrorKind, parse_json};
use serde_json::{Value, json};

use super::schema;
use crate::access::Administrator;
use crate::app::App;
use crate::body::{Format, Received};
use crate::parameters::Parameters;
use crate::problem::{Answer, Problem};
use crate::settings::NewToken;

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
            let new = parse_json(&text).and_then(|json| NewToken::from_json(&json)).map_err(refused)?;
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

fn answer(status: StatusCode, body: Value) -> Response {
    // The one answer with a secret in it must not lie in anybody's cache.
    ([("cache-control", "no-store")], super::record::json(status, body.to_string())).into_response()
}
