//! `/v1/searches`: queries that have a name.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::request::{Because, CONFLICT, Id, Members, answer};
use super::schema;
use crate::access::Administrator;
use crate::app::App;
use crate::parameters::{NoParameters, Parameters};
use crate::problem::{Answer, Problem};
use crate::reading::Reader;
use crate::settings::NewSearch;

/// List saved searches, oldest first.
///
/// A token that is bound to a tenant sees those of this tenant alone; one that sees a part of the entries or of their
/// values sees none, for a query may say what it does not see.
#[utoipa::path(
    get, path = "/searches", tag = "settings", operation_id = "list_searches",
    params(("tenant" = Option<String>, Query, description = "Those of this tenant; the token's, else all")),
    responses((status = 200, description = "Every saved search", body = schema::Searches), schema::Refusals),
)]
pub(crate) async fn list(State(app): State<Arc<App>>, Reader(caller, _): Reader, mut parameters: Parameters) -> Answer {
    let named = parameters.text("tenant")?;
    parameters.finish(&["tenant"])?;
    caller.scope(named.as_deref())?;
    let tenant = caller.token.tenant.clone().or(named);
    let mut searches = app.settings.searches();
    searches.retain(|search| caller.sees_everything() && (tenant.is_none() || search.tenant == tenant));
    let searches: Vec<Value> = searches.iter().map(|search| search.to_json()).collect();
    Ok(answer(StatusCode::OK, json!({ "data": searches })))
}

/// Save a search.
#[utoipa::path(
    post, path = "/searches", tag = "settings", operation_id = "save_search",
    request_body(content = schema::NewSearch, content_type = "application/json"),
    responses((status = 201, description = "The search", body = schema::Search), schema::Refusals),
)]
pub(crate) async fn save(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    mut members: Members,
) -> Answer {
    let author = caller.author().because(members.reason());
    let new = NewSearch {
        name: members.required("name", "\"Denied this week\""),
        query: members.required("query", "\"outcome:denied occurred:>=-7d\""),
        tenant: members.text("tenant"),
    };
    members.finish("name, query, tenant and reason")?;
    let search = app.change(CONFLICT, move |app| app.settings.save_search(new, &author)).await?;
    Ok(answer(StatusCode::CREATED, search.to_json()))
}

/// Delete a saved search.
#[utoipa::path(
    delete, path = "/searches/{id}", tag = "settings", operation_id = "delete_search",
    params(("id" = String, Path, description = "The id of the search")),
    request_body(content = Option<schema::Because>, content_type = "application/json"),
    responses((status = 200, description = "The search", body = schema::Search), schema::Refusals),
)]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    Id(id): Id,
    Because(reason): Because,
) -> Answer {
    let author = caller.author().because(reason);
    let deleted = app.change(CONFLICT, move |app| app.settings.delete_search(&id, &author)).await?;
    let search = deleted.ok_or_else(Problem::not_found)?;
    Ok(answer(StatusCode::OK, search.to_json()))
}
