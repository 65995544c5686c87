//! What is open to everyone and says nothing of any event: health, figures, the description of the API.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::record::json;
use super::schema;
use crate::app::{App, Phase};
use crate::problem::{Answer, Problem};

/// Whether the process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "operation", operation_id = "health", security(()),
    responses((status = 200, description = "It answers", body = schema::Health)),
)]
pub(crate) async fn health() -> Response {
    json(StatusCode::OK, r#"{"status":"ok","durability":"fsync"}"#)
}

/// Whether the server takes requests.
#[utoipa::path(
    get, path = "/readyz", tag = "operation", operation_id = "ready", security(()),
    responses(
        (status = 200, description = "It takes requests", body = schema::Readiness),
        (status = 503, description = "It ends, or the log takes nothing more", body = schema::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Answer {
    match *app.phase.borrow() {
        Phase::Serving => Ok(json(StatusCode::OK, r#"{"status":"ready"}"#)),
        Phase::Ending => Err(Problem::unavailable("shutting_down", "the server is ending")),
        Phase::Poisoned => Err(Problem::unavailable("poisoned", "the log takes nothing more until it is opened anew")),
    }
}

/// Figures for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "operation", operation_id = "metrics", security(()),
    responses((status = 200, description = "Figures", body = String, content_type = "text/plain")),
)]
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let mut figures = app.figures.render();
    if let Some(sinks) = &app.sinks {
        sinks.write_figures(app.now(), &mut figures);
    }
    if let Some(archive) = &app.archive {
        archive.write_figures(app.store.visible_count(), app.now(), &mut figures);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], figures).into_response()
}
