//! `/v1/sinks`: where entries go besides, how that gets on, and what is done about it.

use std::sync::Arc;

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use deedbook_core::Result as Outcome;
use deedbook_deliver::Outlet;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::request::{Because, CONFLICT, Id, Members, answer};
use super::schema;
use crate::access::{Administrator, Overseer};
use crate::app::App;
use crate::members::{escaped, instant, pointed};
use crate::parameters::NoParameters;
use crate::problem::{Answer, Problem};
use crate::secret::Secret;
use crate::sinks::{NewWebhook, Replay, Sinks};

/// List sinks and how each gets on.
///
/// Figures of all tenants together: for administrators and auditors whose token is bound to none. 501 where the server
/// has no sinks to look after.
#[utoipa::path(
    get, path = "/sinks", tag = "settings", operation_id = "list_sinks",
    responses((status = 200, description = "Every sink, by name", body = schema::Sinks), schema::Refusals),
)]
pub(crate) async fn list(State(app): State<Arc<App>>, _: Overseer, _: NoParameters) -> Answer {
    let sinks = app.sinks()?.list(app.now());
    Ok(answer(StatusCode::OK, json!({ "data": sinks })))
}

/// Show a sink, with what is parked.
///
/// Of the entries that the other side refused for good the first hundred.
#[utoipa::path(
    get, path = "/sinks/{name}", tag = "settings", operation_id = "get_sink",
    params(("name" = String, Path, description = "What the sink is called")),
    responses((status = 200, description = "The sink", body = schema::SinkWithParked), schema::Refusals),
)]
pub(crate) async fn show(State(app): State<Arc<App>>, _: Overseer, _: NoParameters, Id(name): Id) -> Answer {
    let (sinks, now) = (app.sinks()?, app.now());
    let sink = app.compute(move || sinks.show(&name, now)).await??.ok_or_else(Problem::not_found)?;
    Ok(answer(StatusCode::OK, sink))
}

/// Make a webhook.
///
/// Other kinds of sinks are set up in the operator's file alone. It leads to a host of the public network by https, and
/// follows no redirect. Its messages are signed as those of Standard Webhooks; without a `secret` one is made and shown in
/// this answer, there and nowhere else.
#[utoipa::path(
    post, path = "/sinks", tag = "settings", operation_id = "create_sink",
    request_body(content = schema::NewSink, content_type = "application/json"),
    responses((status = 201, description = "The sink", body = schema::CreatedSink), schema::Refusals),
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    request: Request,
) -> Answer {
    let sinks = app.sinks()?;
    let mut members = Members::from_request(request, &app).await?;
    let author = caller.author().because(members.reason());
    let name = members.required("name", "\"siem\"");
    let (url, secret) = address(&mut members);
    let table = members.others()?;
    let table = table.as_object().cloned().unwrap_or_default();
    let new = NewWebhook { name, table, url, secret };
    let (outlet, secret) = changed(&app, move |sinks| sinks.create(new, &author)).await?;
    let mut shown = sinks.shown(&outlet, app.now());
    shown["secret"] = secret.map(|secret| secret.expose().to_owned()).into();
    Ok(answer(StatusCode::CREATED, shown))
}

/// Delete a webhook.
///
/// One that was made through the API. What it has not delivered yet it does not deliver any more; the answer waits for the
/// batch that it sends.
#[utoipa::path(
    delete, path = "/sinks/{name}", tag = "settings", operation_id = "delete_sink",
    params(("name" = String, Path, description = "What the sink is called")),
    request_body(content = Option<schema::Because>, content_type = "application/json"),
    responses((status = 200, description = "It is deleted", body = schema::DeletedSink), schema::Refusals),
)]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    Id(name): Id,
    Because(reason): Because,
) -> Answer {
    let author = caller.author().because(reason);
    let (sinks, deleted, ending) = (app.sinks()?, name.clone(), name.clone());
    let entry = changed(&app, move |sinks| sinks.delete(&deleted, &author)).await?.ok_or_else(Problem::not_found)?;
    // It may take as long as its other side takes, and needs nothing of the processor.
    let ended = tokio::task::spawn_blocking(move || sinks.end(&ending)).await;
    ended.map_err(|_| Problem::internal())??;
    Ok(answer(StatusCode::OK, json!({ "name": name, "entry": entry })))
}

/// Pause a sink.
///
/// The batch that is being sent is finished. The pause outlives a restart; nothing happens to a sink that is paused.
#[utoipa::path(
    post, path = "/sinks/{name}/pause", tag = "settings", operation_id = "pause_sink",
    params(("name" = String, Path, description = "What the sink is called")),
    request_body(content = Option<schema::Because>, content_type = "application/json"),
    responses((status = 200, description = "The sink", body = schema::Sink), schema::Refusals),
)]
pub(crate) async fn pause(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    Id(name): Id,
    Because(reason): Because,
) -> Answer {
    let author = caller.author().because(reason);
    shown(&app, changed(&app, move |sinks| sinks.pause(&name, &author)).await?)
}

/// End the pause of a sink.
///
/// It goes on where it is. Nothing happens to a sink that is not paused.
#[utoipa::path(
    post, path = "/sinks/{name}/resume", tag = "settings", operation_id = "resume_sink",
    params(("name" = String, Path, description = "What the sink is called")),
    request_body(content = Option<schema::Because>, content_type = "application/json"),
    responses((status = 200, description = "The sink", body = schema::Sink), schema::Refusals),
)]
pub(crate) async fn resume(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    Id(name): Id,
    Because(reason): Because,
) -> Answer {
    let author = caller.author().because(reason);
    shown(&app, changed(&app, move |sinks| sinks.resume(&name, &author)).await?)
}

/// Deliver entries again.
///
/// From a time of recording or a position on, or what is parked. They have the same ids as before. A replay begins where
/// the sink has been already: it leaves nothing out.
#[utoipa::path(
    post, path = "/sinks/{name}/replay", tag = "settings", operation_id = "replay_sink",
    params(("name" = String, Path, description = "What the sink is called")),
    request_body(content = schema::SinkReplay, content_type = "application/json"),
    responses((status = 200, description = "The sink", body = schema::Sink), schema::Refusals),
)]
pub(crate) async fn replay(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    Id(name): Id,
    mut members: Members,
) -> Answer {
    let author = caller.author().because(members.reason());
    let replay = wanted(&mut members);
    members.finish("from, position, parked and reason")?;
    let replay = replay.ok_or_else(Problem::internal)?;
    shown(&app, changed(&app, move |sinks| sinks.replay(&name, replay, &author)).await?)
}

/// Send a sink an entry to see whether it goes through.
///
/// The entry is that of the test itself, `audit.sink.tested`. It is sent whatever the sink's query is, how far it is, and
/// whether it is paused, and is no part of what it delivers. The answer waits ten seconds at most.
#[utoipa::path(
    post, path = "/sinks/{name}/test", tag = "settings", operation_id = "test_sink",
    params(("name" = String, Path, description = "What the sink is called")),
    request_body(content = Option<schema::Because>, content_type = "application/json"),
    responses((status = 200, description = "Whether it went through", body = schema::SinkTest), schema::Refusals),
)]
pub(crate) async fn test(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    Id(name): Id,
    Because(reason): Because,
) -> Answer {
    let author = caller.author().because(reason);
    let (sender, answered) = oneshot::channel();
    // Who asked may have gone; then nobody is told.
    let reply = Box::new(move |delivered| drop(sender.send(delivered)));
    let tested = name.clone();
    let entry =
        changed(&app, move |sinks| sinks.test(&tested, &author, reply)).await?.ok_or_else(Problem::not_found)?;
    let why = match tokio::time::timeout(app.limits.sink_test_wait_max, answered).await {
        Ok(Ok(Ok(()))) => None,
        Ok(Ok(Err(failure))) => Some(failure.why().to_owned()),
        Ok(Err(_)) => Some("it was not sent: the sink does not run, or another test took its place".to_owned()),
        Err(_) => {
            Some("no answer yet: the sink is busy, or waits for its other side, and may still send it".to_owned())
        }
    };
    Ok(answer(StatusCode::OK, json!({ "name": name, "delivered": why.is_none(), "why": why, "entry": entry })))
}

impl App {
    /// # Errors
    /// 501 where this server looks after no sinks.
    fn sinks(&self) -> Answer<Arc<Sinks>> {
        self.sinks.clone().ok_or_else(Problem::not_implemented)
    }
}

/// Changes sinks, and gives what comes of it.
async fn changed<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&Sinks) -> Outcome<T> + Send + 'static,
) -> Answer<T> {
    let sinks = app.sinks()?;
    app.change(CONFLICT, move |_| work(&sinks)).await
}

/// The answer of a sink that was changed.
fn shown(app: &App, outlet: Option<Outlet>) -> Answer {
    let outlet = outlet.ok_or_else(Problem::not_found)?;
    Ok(answer(StatusCode::OK, app.sinks()?.shown(&outlet, app.now())))
}

/// The address of a webhook that is to be made, and its secret. Whoever reads the rest says what is missing.
fn address(members: &mut Members) -> (Option<Secret>, Option<Secret>) {
    let (mut url, mut secret) = (None, None);
    let webhook = match members.value("webhook") {
        Some(Value::Object(webhook)) => webhook,
        Some(_) => members.wrong("webhook", "expected an object with a url").unwrap_or_default(),
        None => Map::new(),
    };
    for (name, value) in webhook {
        let pointer = format!("/webhook/{}", escaped(&name));
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            ("url", Value::String(text)) => url = Some(Secret::new(text)),
            ("secret", Value::String(text)) => secret = Some(Secret::new(text)),
            ("url" | "secret", _) => members.note(&[pointed(&pointer, ("wrong_type", "expected a string"))]),
            _ => {
                let expected = ("unknown_member", "this member is not known here; there are url and secret");
                members.note(&[pointed(&pointer, expected)]);
            }
        }
    }
    (url, secret)
}

/// What is to be delivered again; `None` where `members` has noted what is wrong.
fn wanted(members: &mut Members) -> Option<Replay> {
    let from = members.value("from").map(|value| match instant(&value) {
        Ok(time) => Some(Replay::Since(time)),
        Err(expected) => members.wrong_at("/from", expected),
    });
    let position = members.value("position").map(|value| match value.as_u64() {
        Some(position) => Some(Replay::From(position)),
        None => members.wrong("position", "expected a number from 0 on"),
    });
    let parked = members.flag("parked").then_some(Some(Replay::Parked));
    match (from, position, parked) {
        (Some(only), None, None) | (None, Some(only), None) | (None, None, Some(only)) => only,
        _ => {
            let detail = "say one of from (a time), position (a number) and parked (true)";
            members.wrong_at("", ("missing_member", detail))
        }
    }
}
