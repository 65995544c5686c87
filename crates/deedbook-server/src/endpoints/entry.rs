//! `GET /v1/events/{id}`: one entry.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use deedbook_core::Store;

use super::record::json;
use super::request::Id;
use super::schema;
use crate::app::App;
use crate::parameters::Parameters;
use crate::problem::{Answer, Problem};
use crate::reading::{ReadKind, Reader};

/// Get one entry.
///
/// What is absent, retired or not for this token to see is answered alike. Where the id is the name of another endpoint
/// (`count`, `tail`, …), write one of its letters as an escape: `%63ount`.
#[utoipa::path(
    get, path = "/events/{id}", tag = "events", operation_id = "get_event",
    params(
        ("id" = String, Path, description = "The id of the event"),
        ("tenant" = Option<String>, Query, description = "In whose log; the token's, else `default`"),
    ),
    responses((status = 200, description = "The entry", body = schema::Entry), schema::Refusals),
)]
pub(crate) async fn entry(
    State(app): State<Arc<App>>,
    reader: Reader,
    id: Answer<Id>,
    mut parameters: Parameters,
) -> Answer {
    let tenant = reader.0.tenant(parameters.text("tenant")?.as_deref())?;
    parameters.finish(&["tenant"])?;
    // Only now: a tenant that is not theirs is entered, whatever the id.
    let Id(id) = id?;
    let scope = reader.0.scope(Some(&tenant))?;
    let within = scope.clone();
    let work = move |store: &dyn Store| store.get(&tenant, &id, &scope);
    let found = app.read(&reader, ReadKind::Entry, &within, work).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    Ok(json(StatusCode::OK, reader.0.numbers().entry(&found)))
}
