//! The tower layer: gives every request its context, and records that it was handled.
//!
//! ```
//! use deedbook::{Actor, Deedbook, RequestLayer};
//!
//! let book = Deedbook::open("memory:")?;
//! let layer = RequestLayer::new(&book).trusted_hops(1).actor(|head| {
//!     let user = head.headers.get("x-user")?.to_str().ok()?;
//!     Some(Actor::new("user", user))
//! });
//! # let _ = tower_layer::Layer::layer(&layer, ());
//! # Ok::<(), deedbook::Error>(())
//! ```

mod address;
mod handled;
mod service;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use deedbook_core::{Actor, Http, Result};
use http::HeaderMap;
use http::request::Parts;
use tower_layer::Layer;

use crate::{Context, Deedbook};

use address::Proxies;
pub use service::{Handling, Requests};

/// Characters of a request id that is taken from its header; a longer one is replaced.
const REQUEST_ID_LENGTH_MAX: usize = 128;
const REQUEST_ID: &str = "x-request-id";
const TRACE_PARENT: &str = "traceparent";

/// What a callback finds in the head of a request.
type Found<T> = Arc<dyn Fn(&Parts) -> Option<T> + Send + Sync>;

/// Gives every request its [`Context`]: id, address, user agent, route, trace id and actor; and records
/// `http.request_handled` with method, route, status and duration where [`crate::capture`] wants it, aside from the
/// answer ([`Deedbook::best_effort`]).
///
/// With axum, use `Router::layer`, so that the route is known, and
/// `into_make_service_with_connect_info::<SocketAddr>()`, so that the address is; this needs the feature `axum`.
///
/// * The id is that of the header `x-request-id`, where it has 1 to 128 of `[A-Za-z0-9_.:-]`, else a new one; the
///   answer carries it.
/// * The trace id is that of `traceparent`.
/// * An actor whom nobody names is anonymous; [`crate::context::set_actor`] names them within the handler.
#[derive(Clone)]
pub struct RequestLayer {
    shared: Arc<Shared>,
}

#[derive(Clone)]
struct Shared {
    book: Deedbook,
    proxies: Proxies,
    peer: Found<IpAddr>,
    route: Found<String>,
    actor: Found<Actor>,
}

impl RequestLayer {
    /// A layer that records into `book`.
    pub fn new(book: &Deedbook) -> Self {
        let shared = Shared {
            book: book.clone(),
            proxies: Proxies::None,
            peer: Arc::new(peer_of_axum),
            route: Arc::new(route_of_axum),
            actor: Arc::new(|_| None),
        };
        Self { shared: Arc::new(shared) }
    }

    /// That many proxies stand before the application, each of which adds the address that it was called from to
    /// `x-forwarded-for`. Where this is not said, and no networks are trusted, the header is never believed.
    pub fn trusted_hops(self, proxies: usize) -> Self {
        self.with(|shared| shared.proxies = Proxies::Hops(proxies))
    }

    /// Proxies in these networks (`10.0.0.0/8`, `::1`) are believed: the client is the last address that is in none.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a text that is no network.
    pub fn trusted_networks<'n>(self, networks: impl IntoIterator<Item = &'n str>) -> Result<Self> {
        let networks = networks.into_iter().map(str::parse).collect::<Result<Vec<_>>>()?;
        Ok(self.with(|shared| shared.proxies = Proxies::Networks(networks)))
    }

    /// Who acts, as far as the head of the request tells: a session that an outer layer resolved, a verified token.
    pub fn actor(self, actor: impl Fn(&Parts) -> Option<Actor> + Send + Sync + 'static) -> Self {
        self.with(|shared| shared.actor = Arc::new(actor))
    }

    /// The template of the route (`/documents/{id}`), for routers other than axum's. A path is no route: it has ids.
    pub fn route(self, route: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        self.with(|shared| shared.route = Arc::new(route))
    }

    /// The address that the connection comes from, for servers other than axum's.
    pub fn peer(self, peer: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        self.with(|shared| shared.peer = Arc::new(peer))
    }

    fn with(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        change(Arc::make_mut(&mut self.shared));
        self
    }
}

impl<S> Layer<S> for RequestLayer {
    type Service = Requests<S>;

    fn layer(&self, inner: S) -> Requests<S> {
        Requests::new(inner, self.shared.clone())
    }
}

impl Shared {
    /// What the head of the request tells.
    fn context(&self, head: &Parts, id: &Arc<str>, route: Option<String>) -> Context {
        let http = Http { method: Some(head.method.as_str().to_owned()), route, ..Http::default() };
        let actor = (self.actor)(head).unwrap_or_else(|| Actor::without_id("anonymous"));
        let mut context = Context::new().actor(actor).request_id(id.clone()).http(http);
        if let Some(ip) = self.proxies.client((self.peer)(head).map(address::canonical), &head.headers) {
            context = context.ip(ip);
        }
        if let Some(user_agent) = user_agent(&head.headers) {
            context = context.user_agent(user_agent);
        }
        if let Some(trace) = head.headers.get(TRACE_PARENT).and_then(|header| trace_id(header.to_str().ok()?)) {
            context = context.trace_id(trace);
        }
        context
    }
}

/// What the client calls itself, cut at the limit of the log: a long name must not make acts unrecordable.
fn user_agent(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(http::header::USER_AGENT)?;
    let text = String::from_utf8_lossy(header.as_bytes());
    let end = text.floor_char_boundary(deedbook_core::Limits::default().user_agent_bytes_max);
    Some(text[..end].to_owned())
}

/// The id that the request brings, or a new one.
fn request_id(headers: &HeaderMap) -> Arc<str> {
    let given = headers.get(REQUEST_ID).and_then(|header| header.to_str().ok());
    let is_id = |id: &&str| (1..=REQUEST_ID_LENGTH_MAX).contains(&id.len()) && id.bytes().all(is_id_byte);
    match given.filter(is_id) {
        Some(id) => Arc::from(id),
        None => Arc::from(crate::new_id::<NewRequest>().to_string()),
    }
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-')
}

struct NewRequest;

impl crate::IdKind for NewRequest {
    const PREFIX: &'static str = "req";
}

/// The trace id of `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
///
/// Source: W3C Trace Context, section 3.2.2.
fn trace_id(header: &str) -> Option<&str> {
    let mut parts = header.split('-');
    let (version, trace, parent) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let is_valid = is_hex(version, 2) && version != "ff" && is_hex(trace, 32) && is_hex(parent, 16);
    (is_valid && !is_zero(trace) && !is_zero(parent)).then_some(trace)
}

#[cfg(feature = "axum")]
fn route_of_axum(head: &Parts) -> Option<String> {
    head.extensions.get::<axum::extract::MatchedPath>().map(|path| path.as_str().to_owned())
}

#[cfg(not(feature = "axum"))]
fn route_of_axum(_head: &Parts) -> Option<String> {
    None
}

#[cfg(feature = "axum")]
fn peer_of_axum(head: &Parts) -> Option<IpAddr> {
    let peer = head.extensions.get::<axum::extract::ConnectInfo<std::net::SocketAddr>>();
    peer.map(|info| info.0.ip())
}

#[cfg(not(feature = "axum"))]
fn peer_of_axum(_head: &Parts) -> Option<IpAddr> {
    None
}

impl fmt::Debug for RequestLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLayer").field("proxies", &self.shared.proxies).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_that_of_a_valid_header() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let check = |header: &str, expected: Option<&str>| assert_eq!(trace_id(header), expected, "{header}");
        check(&format!("00-{trace}-00f067aa0ba902b7-01"), Some(trace));
        check(&format!("01-{trace}-00f067aa0ba902b7-01-more"), Some(trace));
        check(&format!("ff-{trace}-00f067aa0ba902b7-01"), None);
        check(&format!("00-{trace}-0000000000000000-01"), None);
        check("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None);
        check(&format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()), None);
        check("", None);
    }

    #[test]
    fn a_request_id_is_taken_or_made() {
        let of = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, id.parse().unwrap());
            request_id(&headers).to_string()
        };
        assert_eq!(of("req_7f3"), "req_7f3");
        for refused in ["", "a b", &"x".repeat(129), "a\"b"] {
            assert!(of(refused).starts_with("req_") && of(refused).len() == 26, "{refused}");
        }
    }

    #[test]
    fn a_long_user_agent_is_cut_at_a_character() {
        let mut headers = HeaderMap::new();
        let long = "é".repeat(600);
        headers.insert(http::header::USER_AGENT, http::HeaderValue::from_bytes(long.as_bytes()).unwrap());
        assert_eq!(user_agent(&headers).unwrap().len(), 1024);
    }
}
