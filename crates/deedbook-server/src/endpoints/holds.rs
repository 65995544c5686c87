//! `/v1/holds`: what is kept, whatever the rules and requests say.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::record::json as answer;
use super::request::{CONFLICT, Id, Members};
use super::schema;
use crate::access::{Administrator, Inspector};
use crate::app::App;
use crate::parameters::NoParameters;
use crate::problem::{Answer, Problem};
use crate::settings::NewHold;

/// List holds, oldest first, those that were released too.
///
/// A token that is bound to a tenant sees those of this tenant alone.
#[utoipa::path(
    get, path = "/holds", tag = "settings", operation_id = "list_holds",
    responses((status = 200, description = "Every hold", body = schema::Holds), schema::Refusals),
)]
pub(crate) async fn list(State(app): State<Arc<App>>, Inspector(caller): Inspector, _: NoParameters) -> Answer {
    let mut holds = app.settings.holds();
    holds.retain(|hold| caller.may_inspect(hold.tenant.as_deref()));
    let holds: Vec<Value> = holds.iter().map(|hold| hold.to_json()).collect();
    Ok(answer(StatusCode::OK, json!({ "data": holds }).to_string()))
}

/// Place a hold.
///
/// It covers the entries that fit all that is given: a tenant, a query, a target, an actor. Relative times of the query
/// are those of this moment. From the moment of the answer on nothing that it covers is taken away.
#[utoipa::path(
    post, path = "/holds", tag = "settings", operation_id = "place_hold",
    request_body(content = schema::NewHold, content_type = "application/json"),
    responses((status = 201, description = "The hold", body = schema::Hold), schema::Refusals),
)]
pub(crate) async fn place(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    mut members: Members,
) -> Answer {
    let new = NewHold {
        tenant: members.text("tenant"),
        query: members.text("query"),
        target: members.text("target"),
        actor: members.text("actor"),
        reason: members.required("reason", "\"case 4711, asked for by counsel\""),
    };
    members.finish("tenant, query, target, actor and reason")?;
    let hold = app.govern(CONFLICT, move |governance, _| governance.place_hold(new, &caller.author())).await?;
    Ok(answer(StatusCode::CREATED, hold.to_json().to_string()))
}

/// Release a hold.
///
/// What it covered goes with the next run, where the rules say so. Nothing happens to one that is released.
#[utoipa::path(
    post, path = "/holds/{id}/release", tag = "settings", operation_id = "release_hold",
    params(("id" = String, Path, description = "The id of the hold")),
    request_body(content = schema::Reason, content_type = "application/json"),
    responses((status = 200, description = "The hold", body = schema::Hold), schema::Refusals),
)]
pub(crate) async fn release(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    Id(id): Id,
    mut members: Members,
) -> Answer {
    let reason = members.required("reason", "\"case 4711 is closed\"");
    members.finish("reason")?;
    let release = move |app: &App| app.governance.release_hold(&id, &reason, &caller.author());
    let hold = app.change(CONFLICT, release).await?.ok_or_else(Problem::not_found)?;
    app.orders.look();
    Ok(answer(StatusCode::OK, hold.to_json().to_string()))
}
