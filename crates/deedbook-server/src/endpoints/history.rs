//! `GET /v1/history`, `/v1/as-of`, `/v1/blame`, `/v1/diff`, `/v1/restore`: one thing, its entries, its states.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use deedbook_core::history::{History, Moment, TargetId, Version};
use deedbook_core::query::ParseOptions;
use deedbook_core::{PageRequest, Query, Result, Scope, Store};
use serde::Serialize;

use super::paging::{Chunk, Paging};
use super::question::{Question, time_zone};
use super::record::json;
use super::request::Id;
use super::schema;
use crate::access::Numbers;
use crate::app::App;
use crate::parameters::{Parameters, bad};
use crate::problem::{Answer, Problem};
use crate::reading::{ReadKind, Reader};

/// List the entries about a thing.
///
/// The page is as that of `/v1/events`, and each entry has its `effect` on the thing: `created`, `changed`, `deleted`,
/// `uncertain`, `attempted` or `mentioned`.
#[utoipa::path(
    get, path = "/history", tag = "history", operation_id = "list_history",
    params(
        ("target" = String, Query, description = "The thing, TYPE:ID; TYPE ends at the first colon"),
        schema::QuestionParameters,
        schema::PagingParameters,
    ),
    responses((status = 200, description = "One page", body = schema::VersionPage), schema::Refusals),
)]
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    reader: Reader,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Answer {
    let thing = Thing::take(&mut parameters)?;
    let question = Question::take(&mut parameters, &reader.0)?.about(&thing.text);
    let tenant = reader.0.tenant(question.tenant())?;
    let question = question.within(&tenant);
    let paging = Paging::take(&app, &mut parameters)?;
    parameters.finish(&["target", "q", "tz", "tenant", "after", "before", "limit", "order"])?;
    let opened = paging.open(&app, &question)?;
    let (query, numbers, scope) = (question.query(opened.now)?, question.numbers, question.scope.clone());
    let read = move |store: &dyn Store, request: &PageRequest| {
        let page = thing.history(store, &tenant, &scope).page(&query, request)?;
        let entries = page.versions.iter().map(|version| (version.entry.receipt.position, shown(version, numbers)));
        Ok(Chunk {
            entries: entries.collect(),
            has_more: page.has_more,
            watermark: page.watermark,
            archived: page.archived,
        })
    };
    opened.answer(&reader, ReadKind::History, &headers, "/v1/history", read).await
}

/// Get one entry about a thing, the one before it and the one after it.
#[utoipa::path(
    get, path = "/history/{id}", tag = "history", operation_id = "get_version",
    params(
        ("id" = String, Path, description = "The id of the event"),
        ("target" = String, Query, description = "The thing, TYPE:ID; TYPE ends at the first colon"),
        ("tenant" = Option<String>, Query, description = "In whose log; the token's, else `default`"),
    ),
    responses((status = 200, description = "The entry and its neighbours", body = schema::Neighbours), schema::Refusals),
)]
pub(crate) async fn version(
    State(app): State<Arc<App>>,
    reader: Reader,
    id: Answer<Id>,
    mut parameters: Parameters,
) -> Answer {
    let place = Place::take(&mut parameters, &reader)?;
    parameters.finish(&["target", "tenant"])?;
    // Only now: a tenant that is not theirs is entered, whatever the id.
    let Id(id) = id?;
    let found = place.ask(&app, &reader, move |history| history.around(&id)).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    let numbers = reader.0.numbers();
    let written = |version: Option<&Version>| match version {
        Some(version) => String::from_utf8_lossy(&shown(version, numbers)).into_owned(),
        None => "null".to_owned(),
    };
    let (data, previous) = (written(Some(&found.version)), written(found.previous.as_ref()));
    let next = written(found.next.as_ref());
    Ok(json(StatusCode::OK, format!("{{\"data\":{data},\"previous\":{previous},\"next\":{next}}}")))
}

/// Get a thing as it was.
///
/// Each field comes with the entry that set it. What the log cannot know is told as unknown.
#[utoipa::path(
    get, path = "/as-of", tag = "history", operation_id = "get_state",
    params(
        schema::ThingParameters,
        ("at" = String, Query, description = "A time, the id of an event, or `latest`"),
    ),
    responses((status = 200, description = "The state", body = schema::State), schema::Refusals),
)]
pub(crate) async fn as_of(State(app): State<Arc<App>>, reader: Reader, mut parameters: Parameters) -> Answer {
    let place = Place::take(&mut parameters, &reader)?;
    let at = place.moment(&app, &mut parameters, "at")?;
    parameters.finish(&["target", "at", "tz", "tenant"])?;
    written(place.ask(&app, &reader, move |history| history.state(&at)).await?)
}

/// Get a thing as it is: for each field who set it last and when.
#[utoipa::path(
    get, path = "/blame", tag = "history", operation_id = "blame",
    params(schema::ThingParameters),
    responses((status = 200, description = "The present state", body = schema::State), schema::Refusals),
)]
pub(crate) async fn blame(State(app): State<Arc<App>>, reader: Reader, mut parameters: Parameters) -> Answer {
    let place = Place::take(&mut parameters, &reader)?;
    parameters.finish(&["target", "tz", "tenant"])?;
    written(place.ask(&app, &reader, |history| history.blame().map(Some)).await?)
}

/// Compare two states of a thing.
///
/// Texts are compared word by word, lists element by element.
#[utoipa::path(
    get, path = "/diff", tag = "history", operation_id = "diff_states",
    params(
        schema::ThingParameters,
        ("from" = String, Query, description = "A time, the id of an event, or `latest`"),
        ("to" = String, Query, description = "A time, the id of an event, or `latest`"),
    ),
    responses((status = 200, description = "What differs", body = schema::Diff), schema::Refusals),
)]
pub(crate) async fn diff(State(app): State<Arc<App>>, reader: Reader, mut parameters: Parameters) -> Answer {
    let place = Place::take(&mut parameters, &reader)?;
    let from = place.moment(&app, &mut parameters, "from")?;
    let to = place.moment(&app, &mut parameters, "to")?;
    parameters.finish(&["target", "from", "to", "tz", "tenant"])?;
    written(place.ask(&app, &reader, move |history| history.diff(&from, &to)).await?)
}

/// Get the JSON Patch that leads a thing back to a past state.
///
/// Nothing is written anywhere.
#[utoipa::path(
    get, path = "/restore", tag = "history", operation_id = "restore_state",
    params(
        schema::ThingParameters,
        ("to" = String, Query, description = "A time, or the id of an event"),
    ),
    responses((status = 200, description = "The way back", body = schema::Restoration), schema::Refusals),
)]
pub(crate) async fn restore(State(app): State<Arc<App>>, reader: Reader, mut parameters: Parameters) -> Answer {
    let place = Place::take(&mut parameters, &reader)?;
    let to = place.moment(&app, &mut parameters, "to")?;
    parameters.finish(&["target", "to", "tz", "tenant"])?;
    written(place.ask(&app, &reader, move |history| history.restore(&to)).await?)
}

/// The thing that is asked about.
struct Thing {
    target: TargetId,
    text: String,
}

impl Thing {
    fn take(parameters: &mut Parameters) -> Answer<Self> {
        let missing = || bad("give the parameter \"target\": TYPE:ID, such as invoice:7; TYPE ends at the first colon");
        let text = parameters.text("target")?.ok_or_else(missing)?;
        Ok(Self { target: text.parse().map_err(|_| missing())?, text })
    }

    fn history<'a>(&self, store: &'a dyn Store, tenant: &str, scope: &Scope) -> History<'a> {
        History::new(store, tenant, self.target.clone(), scope)
    }
}

/// A thing, in whose log, for whose eyes.
struct Place {
    thing: Thing,
    tenant: String,
    scope: Scope,
    zone: jiff::tz::TimeZone,
}

impl Place {
    fn take(parameters: &mut Parameters, reader: &Reader) -> Answer<Self> {
        let thing = Thing::take(parameters)?;
        let tenant = reader.0.tenant(parameters.text("tenant")?.as_deref())?;
        let zone = time_zone(parameters.text("tz")?.as_deref())?;
        Ok(Self { thing, scope: reader.0.scope(Some(&tenant))?, tenant, zone })
    }

    fn moment(&self, app: &App, parameters: &mut Parameters, name: &str) -> Answer<Moment> {
        let expected = || {
            bad(format!(
                "give the parameter {name:?}: a time such as 2026-09-20 or 2026-09-20T14:03:27Z, the id of an event, \
                 or latest"
            ))
        };
        let text = parameters.text(name)?.ok_or_else(expected)?;
        let options = ParseOptions { now: app.now(), time_zone: self.zone.clone() };
        Moment::parse(&text, &options).map_err(|_| expected())
    }

    /// Asks for the history; a thing that no entry names is answered as one that is not the caller's.
    async fn ask<T: Send + 'static>(
        self,
        app: &Arc<App>,
        reader: &Reader,
        ask: impl FnOnce(&History<'_>) -> Result<Option<T>> + Send + 'static,
    ) -> Answer<Option<T>> {
        let within = self.scope.clone();
        let work = move |store: &dyn Store| {
            let history = self.thing.history(store, &self.tenant, &self.scope);
            let is_named = !history.page(&Query::all(), &PageRequest::newest(1))?.versions.is_empty();
            if is_named { ask(&history) } else { Ok(None) }
        };
        app.read(reader, ReadKind::History, &within, work).await
    }
}

/// An entry with its effect, as this caller sees it.
fn shown(version: &Version, numbers: Numbers) -> Vec<u8> {
    version.effect.added_to(&numbers.entry(&version.entry))
}

fn written(answer: Option<impl Serialize>) -> Answer<Response> {
    let answer = answer.ok_or_else(Problem::not_found)?;
    let body = serde_json::to_vec(&answer).map_err(|_| Problem::internal())?;
    Ok(json(StatusCode::OK, body))
}
