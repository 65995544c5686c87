//! `/auth`: people sign in at the page, with the provider of their organisation or with a token, and out again. What a
//! browser gets is a cookie that names a token; so a session is entered, listed and revoked as tokens are.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use deedbook_core::{Context, Timestamp};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;

use super::record::json;
use super::tokens::LAST_ADMIN;
use crate::access::{Peer, author};
use crate::app::App;
use crate::cookie::{ATTEMPT, SESSION, is_of_our_own_page};
use crate::html::escaped;
use crate::oidc::{self, Attempt, Refused, SignIn};
use crate::problem::{Answer, Problem};
use crate::secret::Secret;
use crate::session::TOKEN_SESSION_SECONDS;
use crate::token::Token;
use crate::ui;

/// What the way in is asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    /// The page to go to when all is done.
    return_to: Option<String>,
}

/// What somebody signs in with who has a token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    token: String,
}

/// What a link brings.
#[derive(Deserialize)]
pub(crate) struct Brought {
    code: Option<String>,
}

/// Begins to sign in: sends the browser to the provider.
pub(crate) async fn begin(State(app): State<Arc<App>>, Query(wanted): Query<Wanted>) -> Answer {
    let sign_in = app.provider()?;
    let attempt = Attempt::begin(wanted.return_to.as_deref(), app.now());
    let there = match sign_in.provider.sign_in_at(&attempt).await {
        Ok(there) => there,
        Err(refused) => return Ok(refusal(&refused)),
    };
    let there = HeaderValue::from_str(&there).map_err(|_| Problem::internal())?;
    let cookie = ATTEMPT.set(&sign_in.attempts.seal(&attempt), oidc::ATTEMPT_SECONDS, app.is_secure());
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, there), (header::SET_COOKIE, cookie), no_store()]).into_response())
}

/// Ends to sign in: the browser comes back from the provider.
pub(crate) async fn callback(
    State(app): State<Arc<App>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Query(answer): Query<oidc::Answer>,
) -> Answer {
    let sign_in = app.provider()?;
    let Some(attempt) = ATTEMPT.of(&headers).and_then(|cookie| sign_in.attempts.open(cookie, app.now())) else {
        let why = "it was not begun in this browser, or more than ten minutes ago; sign in once more";
        return Ok(refusal(&Refused::Attempt(why.to_owned())));
    };
    let person = match sign_in.provider.signed_in(&attempt, &answer, app.now()).await {
        Ok(person) => person,
        Err(refused) => return Ok(refusal(&refused)),
    };
    let seconds = sign_in.settings().session_seconds();
    let role = sign_in.settings().role_of(&person).cloned();
    let context = Context { ip: peer.map(|Extension(Peer(ip))| ip.to_canonical()), ..Context::default() };
    let enter = move |app: &App| match role {
        Some(role) => app.settings.sign_in(&person, &role, seconds, context).map(Some),
        None => app.settings.deny_sign_in(&person, context).map(|()| None),
    };
    let Some(token) = app.change(LAST_ADMIN, enter).await? else {
        let why = "You are known, and in no group that may come in here. Ask whoever runs this server.";
        return Ok(page(StatusCode::FORBIDDEN, "Not signed in", why, None));
    };
    let mut answer = page(StatusCode::OK, "Signed in", "", Some(&attempt.return_to));
    answer.headers_mut().append(header::SET_COOKIE, app.session(&token, seconds));
    answer.headers_mut().append(header::SET_COOKIE, ATTEMPT.set("", 0, app.is_secure()));
    Ok(answer)
}

/// Signs in with a token, which the browser need not keep.
pub(crate) async fn with_token(
    State(app): State<Arc<App>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    require_own_page(&headers)?;
    let Claim { token } = serde_json::from_slice(&body).map_err(|_| {
        let detail = "expected a JSON object with one member, \"token\", a string";
        Problem::malformed("malformed", detail)
    })?;
    let token = app.accepted(&Secret::new(token), peer.map(|Extension(peer)| peer))?;
    if token.is_session() {
        let detail = "the token of a viewer session is for the page it was made for; sign in with another one";
        return Err(Problem::forbidden("missing_right", detail));
    }
    let cookie = app.session(&token, TOKEN_SESSION_SECONDS);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie), no_store()]).into_response())
}

/// Lets a browser of this machine in, by the link that the terminal showed. Without one that is good, the page says so.
pub(crate) async fn enter(
    State(app): State<Arc<App>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Query(brought): Query<Brought>,
) -> Answer {
    let address = peer.map(|Extension(Peer(ip))| ip.to_canonical());
    let known = address.filter(IpAddr::is_loopback).and(brought.code);
    if known.and_then(|code| app.entrances.take(&code, app.now())).is_none() {
        return ui::page_of(StatusCode::GONE, &headers);
    }
    let context = Context { ip: address, ..Context::default() };
    let enter = move |app: &App| app.settings.enter_demo(TOKEN_SESSION_SECONDS, context);
    let token = app.change(LAST_ADMIN, enter).await?;
    let cookie = app.session(&token, TOKEN_SESSION_SECONDS);
    let there = (header::LOCATION, HeaderValue::from_static("/"));
    let hidden = (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok((StatusCode::SEE_OTHER, [there, hidden, (header::SET_COOKIE, cookie), no_store()]).into_response())
}

/// Who is signed in, and how one can sign in here.
pub(crate) async fn session(State(app): State<Arc<App>>, headers: HeaderMap) -> Answer {
    let mut ways = vec!["token"];
    ways.extend(app.sign_in.as_ref().map(|_| "oidc"));
    let token = SESSION.of(&headers).and_then(|cookie| app.signed_in_token(cookie));
    let token = token.filter(|token| token.is_live(app.now())).map(|token| token.to_json());
    Ok(([no_store()], json(StatusCode::OK, json!({ "token": token, "ways": ways }).to_string())).into_response())
}

/// Signs out: ends the session, and removes the cookie.
pub(crate) async fn end(State(app): State<Arc<App>>, peer: Option<Extension<Peer>>, headers: HeaderMap) -> Answer {
    require_own_page(&headers)?;
    if let Some(token) = SESSION.of(&headers).and_then(|cookie| app.signed_in_token(cookie)) {
        let author = author(&token, peer.map(|Extension(peer)| peer));
        app.change(LAST_ADMIN, move |app| app.settings.sign_out(&token, &author)).await?;
    }
    let gone = SESSION.set("", 0, app.is_secure());
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone), no_store()]).into_response())
}

fn require_own_page(headers: &HeaderMap) -> Answer<()> {
    if is_of_our_own_page(headers) {
        return Ok(());
    }
    Err(Problem::forbidden("foreign_page", "only a page of this server can sign somebody in or out"))
}

impl App {
    /// # Errors
    /// 501 where no provider is configured.
    fn provider(&self) -> Answer<&SignIn> {
        self.sign_in.as_ref().ok_or_else(Problem::not_implemented)
    }

    /// Whether browsers reach this server by TLS.
    fn is_secure(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }

    /// The cookie of who holds `token`, for so long, and no longer than the token is accepted.
    fn session(&self, token: &Token, seconds: i64) -> HeaderValue {
        let left = token.expires_at.map_or(i64::MAX, |end| end.as_second() - self.now().as_second());
        let seconds = seconds.min(left).max(0);
        let end = self.now().checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
        SESSION.set(&self.sessions.begin(&token.id, end), seconds, self.is_secure())
    }
}

fn no_store() -> (header::HeaderName, HeaderValue) {
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

/// What a browser shows of a refusal. The reason of the provider's being away is for who runs the server.
fn refusal(refused: &Refused) -> Response {
    match refused {
        Refused::Unavailable(why) => {
            tracing::warn!(why, "the provider of sign-ins cannot be used");
            let told = "The service that signs people in does not answer as it should. Try again later.";
            page(StatusCode::BAD_GATEWAY, "Not signed in", told, None)
        }
        Refused::Attempt(why) => page(StatusCode::BAD_REQUEST, "Not signed in", why, None),
    }
}

/// A small page. Where it leads on, it does so by itself and not by a redirect: that would still count as coming from
/// the provider's site, and a browser would leave out the cookie that it was just given.
fn page(status: StatusCode, title: &str, text: &str, on: Option<&str>) -> Response {
    let text = escaped(text);
    let (refresh, link) = match on.map(escaped) {
        Some(on) => (
            format!("<meta http-equiv=\"refresh\" content=\"0;url={on}\">"),
            format!("<p><a href=\"{on}\">Continue</a></p>"),
        ),
        None => (String::new(), "<p><a href=\"/auth/sign-in\">Sign in</a></p>".to_owned()),
    };
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\
         {refresh}</head><body><h1>{title}</h1><p>{text}</p>{link}</body></html>"
    );
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        no_store(),
    ];
    (status, headers, body).into_response()
}
