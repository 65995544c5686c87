//! `/v1/erasures`: a person is taken out of the log, at the word of two administrators.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::request::{Because, Id, Members, answer};
use super::schema;
use crate::access::{Administrator, Caller, Inspector};
use crate::app::App;
use crate::parameters::NoParameters;
use crate::problem::{Answer, Problem};
use crate::settings::{Erasure, Mentions, NewErasure, Search};

/// The code of what cannot be done to an erasure as it stands.
const STATE: &str = "erasure_state";

/// Ask for the erasure of a person, or for what it would do.
///
/// With `dry_run` nothing is entered. Without, it waits for another administrator, unless the server is set up to need
/// none. Entries that name the person in text that cannot be erased alone must be decided upon.
#[utoipa::path(
    post, path = "/erasures", tag = "settings", operation_id = "request_erasure",
    request_body(content = schema::NewErasure, content_type = "application/json"),
    responses(
        (status = 200, description = "What it would do", body = schema::ErasurePlan),
        (status = 201, description = "The erasure", body = schema::Erasure),
        schema::Refusals,
    ),
)]
pub(crate) async fn request(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    mut members: Members,
) -> Answer {
    let (new, dry_run) = (new_erasure(&mut members), members.flag("dry_run"));
    members.finish("tenant, principal, basis, also, mentions, thorough and dry_run")?;
    if dry_run {
        let plan = app.govern(STATE, move |governance, watch| governance.plan_erasure(&new, watch)).await?;
        return Ok(answer(StatusCode::OK, plan.to_json()));
    }
    let author = caller.author();
    let erasure = app.govern(STATE, move |governance, watch| governance.request_erasure(&new, &author, watch)).await?;
    app.orders.look();
    Ok(answer(StatusCode::CREATED, erasure.to_json()))
}

/// List erasures, oldest first.
#[utoipa::path(
    get, path = "/erasures", tag = "settings", operation_id = "list_erasures",
    responses((status = 200, description = "Every erasure", body = schema::Erasures), schema::Refusals),
)]
pub(crate) async fn list(State(app): State<Arc<App>>, Inspector(caller): Inspector, _: NoParameters) -> Answer {
    let mut erasures = app.settings.erasures();
    erasures.retain(|erasure| is_theirs(&caller, erasure));
    let erasures: Vec<Value> = erasures.iter().map(|erasure| erasure.to_json()).collect();
    Ok(answer(StatusCode::OK, json!({ "data": erasures })))
}

/// Get an erasure; once it is done, with its certificate.
#[utoipa::path(
    get, path = "/erasures/{id}", tag = "settings", operation_id = "get_erasure",
    params(("id" = String, Path, description = "The id of the erasure")),
    responses((status = 200, description = "The erasure", body = schema::Erasure), schema::Refusals),
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Inspector(caller): Inspector,
    _: NoParameters,
    Id(id): Id,
) -> Answer {
    let erasure = app.settings.erasure(&id).filter(|erasure| is_theirs(&caller, erasure));
    let erasure = erasure.ok_or_else(Problem::not_found)?;
    Ok(answer(StatusCode::OK, erasure.to_json()))
}

/// Approve an erasure that another administrator asked for.
///
/// It is carried out after the answer; `GET /v1/erasures/{id}` shows when it is done.
#[utoipa::path(
    post, path = "/erasures/{id}/approve", tag = "settings", operation_id = "approve_erasure",
    params(("id" = String, Path, description = "The id of the erasure")),
    request_body(content = Option<schema::Because>, content_type = "application/json"),
    responses((status = 202, description = "The erasure", body = schema::Erasure), schema::Refusals),
)]
pub(crate) async fn approve(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    Id(id): Id,
    Because(reason): Because,
) -> Answer {
    let author = caller.author().because(reason);
    let approved = app.govern(STATE, move |governance, watch| governance.approve_erasure(&id, &author, watch)).await?;
    let erasure = approved.ok_or_else(Problem::not_found)?;
    app.orders.look();
    Ok(answer(StatusCode::ACCEPTED, erasure.to_json()))
}

/// Withdraw an erasure that nobody approved.
#[utoipa::path(
    delete, path = "/erasures/{id}", tag = "settings", operation_id = "withdraw_erasure",
    params(("id" = String, Path, description = "The id of the erasure")),
    request_body(content = Option<schema::Because>, content_type = "application/json"),
    responses((status = 200, description = "The erasure", body = schema::Erasure), schema::Refusals),
)]
pub(crate) async fn withdraw(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    Id(id): Id,
    Because(reason): Because,
) -> Answer {
    let author = caller.author().because(reason);
    let withdrawn =
        app.govern(STATE, move |governance, watch| governance.withdraw_erasure(&id, &author, watch)).await?;
    let erasure = withdrawn.ok_or_else(Problem::not_found)?;
    Ok(answer(StatusCode::OK, erasure.to_json()))
}

/// Whether the erasure is for this caller to see.
fn is_theirs(caller: &Caller, erasure: &Erasure) -> bool {
    caller.may_inspect(Some(&erasure.tenant))
}

fn new_erasure(members: &mut Members) -> NewErasure {
    let mentions = members.value("mentions").and_then(|value| {
        let expected = "expected \"erase\", \"keep\", or {\"erase\":[…],\"keep\":[…]} with ids of entries";
        Mentions::from_json(&value).or_else(|| members.wrong("mentions", expected))
    });
    NewErasure {
        tenant: members.text("tenant").unwrap_or_else(|| "default".to_owned()),
        principal: members.required("principal", "\"user:user_7\""),
        basis: members.required("basis", "\"request of 2026-09-20, GDPR Art. 17, ticket T-5\""),
        also: members.texts("also"),
        mentions,
        search: if members.flag("thorough") { Search::Everything } else { Search::Index },
    }
}
