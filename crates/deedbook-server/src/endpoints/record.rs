//! `POST /v1/events`: claims → drafts → the log → receipts.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use deedbook_core::{AppendStatus, Appended, Atomicity, Draft, Error};

use super::claims::{self, Claims};
use super::schema;
use crate::access::{Caller, Numbers, Writer};
use crate::admission::Reservation;
use crate::app::App;
use crate::body::Received;
use crate::parameters::Parameters;
use crate::problem::{Answer, Problem};

/// Bytes of a body that is read on a thread of the runtime: some 20 events, half a millisecond of work.
const INLINE_BYTES_MAX: usize = 16 * 1024;

const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Record events.
///
/// One event as `application/json`, several as a JSON array or as `application/x-ndjson`; the body may be compressed
/// with gzip or zstd. What is answered with 201 or 200 is on disk. An event with an `id` can be sent again: the same
/// content gets the first receipt, other content is a conflict.
#[utoipa::path(
    post, path = "/events", tag = "events", operation_id = "record_events",
    params(("atomic" = Option<bool>, Query, description = "All of a batch or nothing")),
    request_body(
        content((schema::OneOrMoreEvents = "application/json"), (schema::Lines = "application/x-ndjson")),
        description = "One event, an array of events, or one event a line",
    ),
    responses(
        (status = 201, description = "The event is recorded", body = schema::Receipt),
        (status = 200, description = "The event was recorded before, or the body was a batch", body = schema::Recorded,
            headers(("Idempotent-Replayed" = String, description = "`true` where the event was recorded before"))),
        schema::Refusals,
    ),
)]
pub(crate) async fn record(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    mut parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let atomicity = parameters.word("atomic", &[("true", Atomicity::AllOrNothing), ("false", Atomicity::PerEvent)])?;
    parameters.finish(&["atomic"])?;
    let received = Received::read(&app, &headers, body).await?;
    let numbers = caller.numbers();
    let (claims, room) = read(&app, received, caller).await?;
    match (claims, atomicity.unwrap_or(Atomicity::PerEvent)) {
        (Claims::One(draft), _) => one(&app, *draft, room, numbers).await,
        (Claims::Batch(items), Atomicity::PerEvent) => each(&app, items, room, numbers).await,
        (Claims::Batch(items), Atomicity::AllOrNothing) => all_or_nothing(&app, items, room, numbers).await,
    }
}

async fn read(app: &Arc<App>, received: Received, caller: Caller) -> Answer<(Claims, Reservation)> {
    let work = {
        let app = app.clone();
        move |received: Received| {
            let format = received.format;
            let (text, room) = received.decompressed(&app.limits)?;
            Ok((claims::read(&text, format, &caller, app.limits.events_max)?, room))
        }
    };
    if received.is_small(INLINE_BYTES_MAX) { work(received) } else { app.compute(move || work(received)).await? }
}

async fn one(app: &Arc<App>, draft: Draft, room: Reservation, numbers: Numbers) -> Answer {
    let fate = app.record(vec![draft], Atomicity::PerEvent, room).await?.pop().ok_or_else(Problem::internal)?;
    let appended = fate?;
    let mut response = json(status_of(&appended), numbers.receipt(&appended.receipt));
    if appended.status == AppendStatus::Replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

async fn each(app: &Arc<App>, items: Vec<Answer<Draft>>, room: Reservation, numbers: Numbers) -> Answer {
    let mut drafts = Vec::with_capacity(items.len());
    let refusals: Vec<Option<Problem>> =
        items.into_iter().map(|item| item.map(|draft| drafts.push(draft)).err()).collect();
    app.figures.refused.increment(refusals.iter().flatten().count() as u64);
    let mut fates = app.record(drafts, Atomicity::PerEvent, room).await?.into_iter();
    let results = refusals.into_iter().map(|refusal| match refusal {
        Some(problem) => Err(problem),
        None => fates.next().map_or_else(|| Err(Problem::internal()), |fate| fate.map_err(Problem::from)),
    });
    Ok(json(StatusCode::OK, written(results, numbers)))
}

async fn all_or_nothing(app: &Arc<App>, items: Vec<Answer<Draft>>, room: Reservation, numbers: Numbers) -> Answer {
    let refused: Vec<(usize, &Problem)> =
        items.iter().enumerate().filter_map(|(index, item)| Some((index, item.as_ref().err()?))).collect();
    if !refused.is_empty() {
        app.figures.refused.increment(items.len() as u64);
        return Err(refusal_of_all(&refused));
    }
    let drafts = items.into_iter().collect::<Answer<Vec<_>>>()?;
    let fates = app.record(drafts, Atomicity::AllOrNothing, room).await?;
    Ok(json(StatusCode::OK, written(fates.into_iter().map(|fate| fate.map_err(|error: Error| error.into())), numbers)))
}

/// Nothing was recorded: the status of all the refusals where they agree, else 422, and the place of each.
fn refusal_of_all(refused: &[(usize, &Problem)]) -> Problem {
    let status = refused[0].1.status();
    let agree = refused.iter().all(|(_, problem)| problem.status() == status);
    let status = if agree { status } else { StatusCode::UNPROCESSABLE_ENTITY };
    let code = if agree { refused[0].1.code() } else { "invalid" };
    let errors = refused.iter().flat_map(|(index, problem)| claims::below(*index, problem)).collect();
    Problem::new(status, code, "nothing of the batch was recorded; errors[] tells why").at(errors)
}

/// `{"results":[{"index":0,"status":201,"receipt":{…}},…]}`, written by hand as receipts are bytes already.
fn written(results: impl Iterator<Item = Answer<Appended>>, numbers: Numbers) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    out.extend_from_slice(b"{\"results\":[");
    for (index, result) in results.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let (status, name, body) = match result {
            Ok(appended) => (status_of(&appended), "receipt", numbers.receipt(&appended.receipt)),
            Err(problem) => (problem.status(), "problem", problem.to_json(None).to_string().into_bytes()),
        };
        out.extend_from_slice(format!("{{\"index\":{index},\"status\":{},\"{name}\":", status.as_u16()).as_bytes());
        out.extend_from_slice(&body);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}

fn status_of(appended: &Appended) -> StatusCode {
    match appended.status {
        AppendStatus::Created => StatusCode::CREATED,
        AppendStatus::Replayed => StatusCode::OK,
    }
}

/// An answer of bytes that are JSON already.
pub(super) fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}
