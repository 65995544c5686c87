//! `/v1/tokens`: make, list, rotate, revoke. Each change is an entry of the tenant `_deedbook`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use deedbook_core::{Error, Timestamp};
use serde_json::{Value, json};

use super::request::{Because, Id, Members, answer, refused};
use super::schema;
use crate::access::{Administrator, Inspector};
use crate::app::App;
use crate::members::{instant_after, pointed};
use crate::parameters::NoParameters;
use crate::problem::{Answer, Problem};
use crate::secret::Secret;
use crate::settings::NewToken;
use crate::token::Token;

/// The code of a change that would leave nobody who may administer.
pub(super) const LAST_ADMIN: &str = "last_admin_token";

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
    _: NoParameters,
    mut members: Members,
) -> Answer {
    let author = caller.author().because(members.reason());
    let new = NewToken::from_json(&members.others()?).map_err(refused)?;
    let (token, secret) = app.change(LAST_ADMIN, move |app| app.settings.create(new, &author)).await?;
    Ok(answer(StatusCode::CREATED, with_text(token.to_json(), &secret)))
}

/// Give a token a new text.
///
/// The old text is accepted for the time `overlap`, an hour where it is absent; so those who use it can change over
/// without a gap.
#[utoipa::path(
    post, path = "/tokens/{id}/rotate", tag = "settings", operation_id = "rotate_token",
    params(("id" = String, Path, description = "The id of the token")),
    request_body(content = schema::Rotation, content_type = "application/json"),
    responses((status = 200, description = "The token with its new text", body = schema::Token), schema::Refusals),
)]
pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    Id(id): Id,
    mut members: Members,
) -> Answer {
    let author = caller.author().because(members.reason());
    let overlap = members.value("overlap");
    members.finish("overlap and reason")?;
    let until = old_until(overlap, app.now()).map_err(refused)?;
    let rotated = app.change("cannot_rotate", move |app| app.settings.rotate(&id, until, &author)).await?;
    let (token, secret) = rotated.ok_or_else(Problem::not_found)?;
    Ok(answer(StatusCode::OK, with_text(token.to_json(), &secret)))
}

/// List tokens, oldest first, those that were revoked too.
///
/// `last_used_at` is a minute. An auditor of one tenant sees the tokens of that tenant.
#[utoipa::path(
    get, path = "/tokens", tag = "settings", operation_id = "list_tokens",
    responses((status = 200, description = "Every token, without its text", body = schema::Tokens), schema::Refusals),
)]
pub(crate) async fn list(State(app): State<Arc<App>>, Inspector(caller): Inspector, _: NoParameters) -> Answer {
    let mut tokens = app.settings.tokens();
    tokens.retain(|token| caller.may_inspect(token.tenant.as_deref()));
    let tokens: Vec<Value> = tokens.iter().map(Token::to_json).collect();
    Ok(answer(StatusCode::OK, json!({ "data": tokens })))
}

/// Revoke a token.
///
/// It is refused at once here, and within a second at every server of this log. Nothing happens to one that is revoked.
#[utoipa::path(
    delete, path = "/tokens/{id}", tag = "settings", operation_id = "revoke_token",
    params(("id" = String, Path, description = "The id of the token")),
    request_body(content = Option<schema::Because>, content_type = "application/json"),
    responses((status = 200, description = "The token", body = schema::Token), schema::Refusals),
)]
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    Id(id): Id,
    Because(reason): Because,
) -> Answer {
    let author = caller.author().because(reason);
    let revoked = app.change(LAST_ADMIN, move |app| app.settings.revoke(&id, &author)).await?;
    let token = revoked.ok_or_else(Problem::not_found)?;
    Ok(answer(StatusCode::OK, token.to_json()))
}

/// How long an old text is accepted where nobody says, and at most.
const OVERLAP: &str = "1h";
const OVERLAP_HOURS_MAX: i64 = 90 * 24;

fn old_until(overlap: Option<Value>, now: Timestamp) -> deedbook_core::Result<Timestamp> {
    let until = instant_after(now, &overlap.unwrap_or_else(|| OVERLAP.into()));
    let until = until.map_err(|expected| Error::from_problems(vec![pointed("/overlap", expected)]))?;
    if until.duration_since(now).as_hours() > OVERLAP_HOURS_MAX {
        let detail = "an old text is accepted for 90 days at most; make another token for what takes longer";
        return Err(Error::invalid("/overlap", "out_of_range", detail));
    }
    Ok(until)
}

/// A token or a viewer session with its text, as it is shown once.
pub(super) fn with_text(mut token: Value, secret: &Secret) -> Value {
    token["token"] = json!(secret.expose());
    token
}
