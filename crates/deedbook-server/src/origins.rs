//! Pages of other origins: which of them a browser may let read answers (CORS), and with which tokens.
//!
//! What they may ask for is a list of its own: reading, and a token for a one-time code. Cookies are never theirs.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use deedbook_core::{Error, Result};
use reqwest::Url;

use crate::app::App;
use crate::cookie::is_of_our_own_page;
use crate::oidc::check_address;

/// What a page may send, beside what browsers always let it.
const HEADERS: &str = "authorization, content-type, last-event-id";
/// What a page may read of the head of an answer.
const EXPOSED: &str = "content-disposition, link, retry-after, x-request-id";
/// For how long a browser keeps what it was told: 10 minutes.
const KEPT_SECONDS: &str = "600";

/// The origins whose pages may ask.
pub(crate) struct Origins {
    allowed: Vec<String>,
    /// That of the address at which browsers reach this server, where it is known.
    own: Option<String>,
}

impl Origins {
    /// # Errors
    /// [`deedbook_core::ErrorKind::Invalid`] for what no browser would call an origin, and for one without encryption
    /// that is not on this machine.
    pub(crate) fn new(allowed: Vec<String>, public_url: Option<&str>) -> Result<Self> {
        for (place, origin) in allowed.iter().enumerate() {
            check(origin).map_err(|why| Error::invalid(format!("/cors/origins/{place}"), "bad_origin", why))?;
        }
        let own = public_url.and_then(|url| Url::parse(url).ok()).map(|url| url.origin().ascii_serialization());
        Ok(Self { allowed, own })
    }

    /// Whether the request comes from a page that is not ours.
    pub(crate) fn is_foreign(&self, headers: &HeaderMap) -> bool {
        let own = |origin: &HeaderValue| self.own.as_ref().is_some_and(|own| origin == own.as_str());
        headers.get(header::ORIGIN).is_some_and(|origin| !own(origin)) && !is_of_our_own_page(headers)
    }

    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        self.allowed.iter().any(|allowed| origin == allowed.as_str()).then(|| origin.clone())
    }
}

/// Tells browsers which answers pages of other origins may read.
pub(crate) async fn share(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let Some(method) = route.filter(|_| !app.origins.allowed.is_empty()).and_then(method_for_pages) else {
        return next.run(request).await;
    };
    let origin = app.origins.allowed(request.headers());
    let asks_first = is_preflight(&request) && origin.is_some();
    let may_read = asks_first || request.method() == method;
    let mut response = if asks_first { preflight(&method) } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin.filter(|_| may_read) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
    response
}

/// The one method that pages of other origins may use at a route, if there is one.
fn method_for_pages(route: &str) -> Option<Method> {
    match route {
        "/v1/events" | "/v1/events/{id}" | "/v1/events/tail" | "/v1/events.ndjson" | "/v1/events.csv" => {}
        "/v1/events/count" | "/v1/events/facets" | "/v1/events/histogram" => {}
        "/v1/history" | "/v1/history/{id}" | "/v1/as-of" | "/v1/blame" | "/v1/diff" | "/v1/restore" => {}
        "/v1/viewer-sessions/current" => {}
        "/v1/viewer-sessions/exchange" => return Some(Method::POST),
        _ => return None,
    }
    Some(Method::GET)
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(method: &Method) -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, method.as_str()),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, KEPT_SECONDS),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Whether a browser would write the origin of a page so.
fn check(origin: &str) -> std::result::Result<(), String> {
    let none = || format!("{origin:?} is no origin: write one host, such as https://app.example");
    let url = Url::parse(origin).ok().filter(|_| !origin.contains('*')).ok_or_else(none)?;
    check_address(origin)?;
    let written = url.origin().ascii_serialization();
    if written != origin {
        return Err(format!("{origin:?} is not how browsers write an origin; write {written:?}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_browsers_send() {
        for (origin, says) in [
            ("https://app.example", None),
            ("https://app.example:8443", None),
            ("http://localhost:3000", None),
            ("http://127.0.0.1:7500", None),
            ("https://app.example/", Some("write \"https://app.example\"")),
            ("https://app.example/audit", Some("write \"https://app.example\"")),
            ("https://App.example:443", Some("write \"https://app.example\"")),
            ("https://user@app.example", Some("write \"https://app.example\"")),
            ("https://bücher.example", Some("write \"https://xn--bcher-kva.example\"")),
            ("http://app.example", Some("neither https nor on this machine")),
            ("https://*.app.example", Some("no origin")),
            ("file:///app", Some("neither https")),
            ("*", Some("no origin")),
            ("null", Some("no origin")),
            ("app.example", Some("no origin")),
            ("", Some("no origin")),
        ] {
            let told = Origins::new(vec!["https://a.example".to_owned(), origin.to_owned()], None).err();
            assert_eq!(told.is_some(), says.is_some(), "{origin}");
            let Some(problem) = told.as_ref().map(|error| &error.problems()[0]) else { continue };
            assert_eq!(problem.pointer, "/cors/origins/1");
            let says = says.unwrap_or_default();
            assert!(problem.detail.contains(says), "{origin}: {}", problem.detail);
        }
    }

    #[test]
    fn our_own_pages_are_not_foreign_behind_a_proxy_either() {
        let origins =
            Origins::new(Vec::new(), Some("https://audit.example/")).unwrap_or_else(|error| panic!("{error}"));
        let asked = |pairs: &[(&'static str, &'static str)]| {
            let pairs =
                pairs.iter().map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)));
            origins.is_foreign(&pairs.collect())
        };
        assert!(!asked(&[]));
        assert!(!asked(&[("origin", "https://audit.example"), ("host", "10.0.0.1:7400")]));
        assert!(!asked(&[("origin", "http://10.0.0.1:7400"), ("host", "10.0.0.1:7400")]));
        assert!(asked(&[("origin", "https://app.example"), ("host", "10.0.0.1:7400")]));
        assert!(asked(&[("origin", "null"), ("host", "10.0.0.1:7400")]));
    }
}
