//! The list of all endpoints: what is open, what wants a token, what is named by the API and not there yet.

mod page;

use std::future::ready;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as OpenApiDocument;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::authenticate;
use crate::app::App;
use crate::endpoints::{
    count, entry, erasures, export, histogram, history, holds, list, open, record, retention, searches, sign_in, sinks,
    storage, tail, tokens, viewer_sessions,
};
use crate::origins::share;
use crate::problem::Problem;
use crate::ui;
use crate::watched::{admit, watch};

/// What the API names below `/v1` and this server does not have yet: 501, never an empty 200.
const MISSING: [&str; 3] = ["/tenants", "/exports", "/checkpoint"];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Deedbook",
        description = "The audit log for applications: who did what, to which record, when, from where, and what changed.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    security(("token" = [])),
    tags(
        (name = "events", description = "Recording and reading"),
        (name = "history", description = "One thing: its entries, its states, what differs, the way back"),
        (name = "settings", description = "Tokens, viewer sessions, retention, holds, erasures, saved searches, sinks, storage"),
        (name = "operation", description = "Open to everyone, without any content of events"),
    ),
)]
struct Description;

/// Every endpoint with what surrounds it.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let Endpoints { guarded, by_code, open, description } = endpoints();
    let (page, json) = (page::html(&description), written(&description));
    // Whoever has no token is told so before anything else, also where there is nothing.
    let guarded = with_missing(guarded)
        .fallback(|| ready(Problem::not_found()))
        .method_not_allowed_fallback(|| ready(method_not_allowed()))
        .layer(from_fn_with_state(app.clone(), authenticate))
        .layer(from_fn_with_state(app.clone(), admit));
    let by_code = by_code.layer(from_fn_with_state(app.clone(), admit));
    open.route("/openapi.json", get(move || ready(json_answer(json.clone()))))
        .route("/docs", get(move || ready(page_answer(page.clone()))))
        .nest("/v1", guarded.merge(by_code))
        .nest("/auth", signing_in().layer(from_fn_with_state(app.clone(), admit)))
        .merge(ui::routes())
        .fallback(|| ready(Problem::not_found()))
        .method_not_allowed_fallback(|| ready(method_not_allowed()))
        .layer(from_fn_with_state(app.clone(), share))
        .layer(from_fn_with_state(app.clone(), watch))
        .with_state(app.clone())
}

/// The description of the API, as `/openapi.json` gives it.
pub(crate) fn openapi_json() -> String {
    written(&endpoints().description)
}

struct Endpoints {
    /// Below `/v1`, for whoever has a token.
    guarded: Router<Arc<App>>,
    /// Below `/v1`, for whoever has a one-time code.
    by_code: Router<Arc<App>>,
    open: Router<Arc<App>>,
    description: OpenApiDocument,
}

fn endpoints() -> Endpoints {
    let (guarded, guarded_description) = OpenApiRouter::new()
        .routes(routes!(record::record, list::list))
        .routes(routes!(count::count))
        .routes(routes!(count::facets))
        .routes(routes!(histogram::histogram))
        .routes(routes!(tail::tail))
        .routes(routes!(export::ndjson))
        .routes(routes!(export::csv))
        .routes(routes!(entry::entry))
        .routes(routes!(history::history))
        .routes(routes!(history::version))
        .routes(routes!(history::as_of))
        .routes(routes!(history::blame))
        .routes(routes!(history::diff))
        .routes(routes!(history::restore))
        .routes(routes!(tokens::create, tokens::list))
        .routes(routes!(tokens::revoke))
        .routes(routes!(tokens::rotate))
        .routes(routes!(viewer_sessions::create, viewer_sessions::list))
        .routes(routes!(viewer_sessions::current))
        .routes(routes!(viewer_sessions::revoke))
        .routes(routes!(viewer_sessions::renew))
        .routes(routes!(viewer_sessions::code))
        .routes(routes!(retention::show, retention::set))
        .routes(routes!(retention::plan, retention::try_out))
        .routes(routes!(retention::run))
        .routes(routes!(holds::list, holds::place))
        .routes(routes!(holds::release))
        .routes(routes!(erasures::list, erasures::request))
        .routes(routes!(erasures::get, erasures::withdraw))
        .routes(routes!(erasures::approve))
        .routes(routes!(searches::list, searches::save))
        .routes(routes!(searches::delete))
        .routes(routes!(sinks::list, sinks::create))
        .routes(routes!(sinks::show, sinks::delete))
        .routes(routes!(sinks::pause))
        .routes(routes!(sinks::resume))
        .routes(routes!(sinks::replay))
        .routes(routes!(sinks::test))
        .routes(routes!(storage::show))
        .split_for_parts();
    let (by_code, code_description) = OpenApiRouter::new().routes(routes!(viewer_sessions::exchange)).split_for_parts();
    let (open, description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(open::health))
        .routes(routes!(open::ready))
        .routes(routes!(open::metrics))
        .split_for_parts();
    let description = description.nest("/v1", guarded_description).nest("/v1", code_description);
    Endpoints { guarded, by_code, open, description: finished(description) }
}

/// For browsers, and no part of the API that programs use.
fn signing_in() -> Router<Arc<App>> {
    Router::new()
        .route("/sign-in", get(sign_in::begin).post(sign_in::with_token))
        .route("/callback", get(sign_in::callback))
        // Programs that look at a link before a person follows it do not use it up.
        .route("/enter", get(sign_in::enter).head(|| ready(StatusCode::NO_CONTENT)))
        .route("/session", get(sign_in::session))
        .route("/sign-out", post(sign_in::end))
        .method_not_allowed_fallback(|| ready(method_not_allowed()))
}

fn with_missing(mut router: Router<Arc<App>>) -> Router<Arc<App>> {
    for path in MISSING {
        router = router.route(path, any(missing)).route(&format!("{path}/{{*rest}}"), any(missing));
    }
    router.route("/tile/{*rest}", any(missing)).route("/events/{id}/proof", any(missing))
}

/// The description with what the macros cannot say.
fn finished(mut openapi: OpenApiDocument) -> OpenApiDocument {
    let bearer = Http::builder().scheme(HttpAuthScheme::Bearer).description(Some("`deed_<kind>_…`")).build();
    let components = openapi.components.get_or_insert_with(Default::default);
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    openapi
}

fn written(openapi: &OpenApiDocument) -> String {
    openapi.to_pretty_json().expect("the description has only texts as keys")
}

fn missing() -> std::future::Ready<Problem> {
    ready(Problem::not_implemented())
}

fn method_not_allowed() -> Problem {
    let detail = "the endpoint has no such method; the header Allow lists those it has";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

fn json_answer(json: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

/// The page loads nothing, from nowhere: it is text and a style within.
fn page_answer(page: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, page).into_response()
}
