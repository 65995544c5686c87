//! `GET /v1/events`: one page of all entries.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use deedbook_core::{PageRequest, Store};

use super::paging::{Chunk, Paging};
use super::question::Question;
use super::schema;
use crate::app::App;
use crate::parameters::Parameters;
use crate::problem::Answer;
use crate::reading::{ReadKind, Reader};

const PARAMETERS: [&str; 7] = ["q", "tz", "tenant", "after", "before", "limit", "order"];

/// List entries.
///
/// `next` and `prev` are whole URLs. A page holds fewer entries than `limit` where they are large; `has_more` tells
/// whether further ones match.
#[utoipa::path(
    get, path = "/events", tag = "events", operation_id = "list_events",
    params(schema::QuestionParameters, schema::PagingParameters),
    responses((status = 200, description = "One page", body = schema::Page), schema::Refusals),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    reader: Reader,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Answer {
    let question = Question::take(&mut parameters, &reader.0)?;
    let paging = Paging::take(&app, &mut parameters)?;
    parameters.finish(&PARAMETERS)?;
    let opened = paging.open(&app, &question)?;
    let (query, scope, numbers) = (question.query(opened.now)?, question.scope.clone(), question.numbers);
    let read = move |store: &dyn Store, request: &PageRequest| {
        let page = store.page(&query, &scope, request)?;
        let entries = page.entries.iter().map(|entry| (entry.receipt.position, numbers.entry(entry))).collect();
        Ok(Chunk { entries, has_more: page.has_more, watermark: page.watermark, archived: page.archived })
    };
    opened.answer(&reader, ReadKind::List, &headers, "/v1/events", read).await
}
