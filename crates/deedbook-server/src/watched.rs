//! Around every request: its id, its time, its figures, its line in the server's log; and the form of every refusal.
//!
//! Nothing of a request is written down but its method, the template of its route, and how it ended: paths, queries,
//! headers and bodies may hold what must not be in a log.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use deedbook_core::{Id, IdKind};
use futures_util::FutureExt;

use crate::app::{App, Phase};
use crate::problem::Problem;
use crate::secret::fill_random;

/// The header that gives the id of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request, as its id names it: `req_` and 16 random bytes.
struct RequestTag;

impl IdKind for RequestTag {
    const PREFIX: &'static str = "req";
}

/// Watches over one request.
pub(crate) async fn watch(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = method_name(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let request_id = request_id();
    app.figures.requests.increment(1.0);
    let counted = Counted(&app);
    // A panic of a handler is an answer of its own and must not end the connection with those that wait on it.
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind();
    let response = match tokio::time::timeout(app.limits.request_time_max, handled).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Problem::internal().into_response(),
        Err(_) => took_too_long().into_response(),
    };
    drop(counted);
    let mut response = with_problem(&app, response, &request_id);
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status().as_u16();
    app.figures.answered(method, route, status, begun.elapsed());
    tracing::debug!(request_id, method, route, status, micros = begun.elapsed().as_micros() as u64, "answered");
    response
}

/// Lets in as many requests as there may be at one time, and none once the server ends.
pub(crate) async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if *app.phase.borrow() == Phase::Poisoned && request.method() != Method::GET {
        return Problem::unavailable("poisoned", "the log takes nothing more until it is opened anew").into_response();
    }
    let Ok(_turn) = app.requests.try_acquire() else {
        return Problem::overloaded("there are more requests than the server takes at one time; try again later")
            .into_response();
    };
    next.run(request).await
}

/// Takes a request out of the count of those that are worked on, also where the client went away.
struct Counted<'a>(&'a App);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.figures.requests.decrement(1.0);
    }
}

/// The problem of a response written out, where it has one.
fn with_problem(app: &App, mut response: Response, request_id: &str) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    app.figures.refusal(problem.code());
    // Under overload there is a refusal for each request; the figures count them.
    if problem.status().is_server_error() && !problem.is_overload() {
        tracing::warn!(request_id, status = problem.status().as_u16(), code = problem.code(), "refused");
    }
    let mut written = problem.written(request_id);
    // What was set beside the problem, such as `Allow`, goes along.
    for (name, value) in response.headers() {
        if !written.headers().contains_key(name) && name != axum::http::header::CONTENT_LENGTH {
            written.headers_mut().insert(name, value.clone());
        }
    }
    written
}

fn took_too_long() -> Problem {
    Problem::unavailable(
        "time_exceeded",
        "the request took longer than the server allows; an event may or may not have been recorded, so send it again \
         with the same id",
    )
}

/// A fresh id of a request.
pub(crate) fn request_id() -> String {
    let mut random = [0; 16];
    fill_random(&mut random);
    Id::<RequestTag>::from_random(random).to_string()
}

/// A method in our own words: what a caller made up must not become a label.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
