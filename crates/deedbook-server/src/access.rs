//! Who calls, and what is theirs: `Authorization` → [`Caller`] → rights and [`Scope`].
//!
//! An endpoint names the right it needs by the type of its first argument: [`Writer`], [`Reader`](crate::reading::Reader)
//! or [`Administrator`]. Without one it is open to every token.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use deedbook_core::{Actor, Auth, Context, Credential, Receipt, Scope};

use crate::app::App;
use crate::cookie::{SESSION, is_of_our_own_page};
use crate::problem::{Answer, Problem};
use crate::secret::Secret;
use crate::settings::{Author, shown};
use crate::token::{Token, TokenKind};

/// The address at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Whoever holds the token of a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) token: Arc<Token>,
    peer: Option<Peer>,
}

/// Lets in whoever brings a token that is accepted; what comes after it knows the [`Caller`].
pub(crate) async fn authenticate(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    match token(&app, request.method(), request.headers()) {
        Ok(token) => {
            request.extensions_mut().insert(Caller::new(token, peer));
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn token(app: &App, method: &Method, headers: &HeaderMap) -> Answer<Arc<Token>> {
    match SESSION.of(headers) {
        Some(cookie) if !headers.contains_key(header::AUTHORIZATION) => of_session(app, cookie, method, headers),
        _ => of_bearer(app, headers),
    }
}

/// The token of who is signed in at a page of ours.
fn of_session(app: &App, cookie: &str, method: &Method, headers: &HeaderMap) -> Answer<Arc<Token>> {
    if !method.is_safe() && !is_of_our_own_page(headers) {
        let detail = "a change by somebody who is signed in must come from a page of this server";
        return Err(Problem::forbidden("foreign_page", detail));
    }
    let over = || unauthenticated("signed_out", "the session is over; sign in again");
    let token = app.signed_in_token(cookie).filter(|token| token.is_live(app.now()));
    token.ok_or_else(over)
}

impl App {
    /// The token that the cookie of a session names.
    pub(crate) fn signed_in_token(&self, cookie: &str) -> Option<Arc<Token>> {
        self.settings.by_id(&self.sessions.token_id(cookie, self.now())?)
    }

    /// The token of this text, if it is accepted now.
    ///
    /// # Errors
    /// 401 else.
    pub(crate) fn accepted(&self, secret: &Secret) -> Answer<Arc<Token>> {
        if secret.is_damaged() {
            return Err(unauthenticated(
                "bad_token",
                "the token is not whole: its checksum does not fit; copy all of it",
            ));
        }
        let token = self.settings.find(secret).filter(|token| token.is_live(self.now()));
        token.ok_or_else(|| unauthenticated("bad_token", "the token is not known here, expired, or revoked"))
    }
}

fn of_bearer(app: &App, headers: &HeaderMap) -> Answer<Arc<Token>> {
    app.accepted(&bearer(headers)?)
}

fn bearer(headers: &HeaderMap) -> Answer<Secret> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let missing = || unauthenticated("missing_token", "send a token in the header `Authorization: Bearer …`");
    let value = values.next().ok_or_else(missing)?;
    if values.next().is_some() {
        return Err(unauthenticated("bad_token", "the header Authorization is given twice"));
    }
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    Ok(Secret::new(token.trim()))
}

fn unauthenticated(code: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, detail)
}

impl Caller {
    pub(crate) fn new(token: Arc<Token>, peer: Option<Peer>) -> Self {
        Self { token, peer }
    }

    /// Who changes a setting: the token, and the address it was used from. Nobody knows more.
    pub(crate) fn author(&self) -> Author {
        let token = &self.token;
        let actor = Actor { name: token.name.clone(), ..Actor::new("token", &token.id) };
        let credential = Credential { kind: "api_token".to_owned(), id: token.id.clone(), name: token.name.clone() };
        let auth = Auth { method: Some("api_token".to_owned()), credential: Some(credential), ..Auth::default() };
        let ip = self.peer.map(|Peer(ip)| ip.to_canonical());
        Author { actor, context: Context { ip, auth: Some(auth), ..Context::default() } }
    }

    /// The tenant of an event that names `named`.
    ///
    /// # Errors
    /// 403 where the token is bound to another one.
    pub(crate) fn tenant_to_write(&self, named: Option<&str>) -> Answer<Option<String>> {
        match (&self.token.tenant, named) {
            (Some(own), Some(named)) if own != named => {
                Err(Problem::forbidden("foreign_tenant", "the token is bound to another tenant than the event's"))
            }
            (Some(own), _) => Ok(Some(own.clone())),
            (None, named) => Ok(named.map(str::to_owned)),
        }
    }

    /// What a list, a count or a tail may show.
    ///
    /// # Errors
    /// 404 where another tenant is named than the one the token is bound to, whether or not it exists.
    pub(crate) fn scope(&self, named: Option<&str>) -> Answer<Scope> {
        match (&self.token.tenant, named) {
            (Some(own), Some(named)) if own != named => Err(Problem::not_found()),
            (Some(own), _) => Ok(shown(own)),
            (None, Some(named)) => Ok(shown(named)),
            (None, None) => Ok(Scope::all_tenants()),
        }
    }

    /// The tenant of one entry, a history, or a state.
    ///
    /// # Errors
    /// As [`Caller::scope`].
    pub(crate) fn tenant(&self, named: Option<&str>) -> Answer<String> {
        match (&self.token.tenant, named) {
            (Some(own), Some(named)) if own != named => Err(Problem::not_found()),
            (Some(own), _) => Ok(own.clone()),
            (None, named) => Ok(named.unwrap_or("default").to_owned()),
        }
    }

    /// Which of the numbers that the log gives this caller may know.
    pub(crate) fn numbers(&self) -> Numbers {
        if self.token.tenant.is_some() { Numbers::OfTenant } else { Numbers::All }
    }

    fn check(&self, may: fn(TokenKind) -> bool, what: &str) -> Answer<()> {
        if may(self.token.kind) {
            return Ok(());
        }
        let kind = self.token.kind.as_str();
        Err(Problem::forbidden("missing_right", format!("a token of the kind {kind:?} cannot {what}")))
    }
}

/// Which of the numbers that the log gives are shown. Positions count the entries of all tenants, and whoever may see
/// one tenant alone must not learn from them what happens in the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// All of them.
    All,
    /// Those of the tenant.
    OfTenant,
}

impl Numbers {
    /// An entry as this caller sees it.
    pub(crate) fn entry(self, entry: &deedbook_core::Entry) -> Vec<u8> {
        match self {
            Self::All => entry.to_json(),
            Self::OfTenant => entry.to_json_unpositioned(),
        }
    }

    /// A receipt as this caller sees it.
    pub(crate) fn receipt(self, receipt: &Receipt) -> Vec<u8> {
        match self {
            Self::All => receipt.to_json(),
            Self::OfTenant => receipt.to_json_unpositioned(),
        }
    }
}

/// A caller who may record.
pub(crate) struct Writer(pub(crate) Caller);

/// A caller who may read and change settings.
pub(crate) struct Administrator(pub(crate) Caller);

/// A caller who may read settings.
pub(crate) struct Inspector;

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Answer<Self> {
        // An endpoint outside of `authenticate` has no caller; refusing is the safe answer to that mistake.
        let missing = || unauthenticated("missing_token", "send a token in the header `Authorization: Bearer …`");
        parts.extensions.get::<Self>().cloned().ok_or_else(missing)
    }
}

impl Caller {
    /// The caller of this request, who must be allowed to do `what`.
    ///
    /// # Errors
    /// 403 without that right.
    pub(crate) async fn allowed(
        parts: &mut Parts,
        app: &Arc<App>,
        may: fn(TokenKind) -> bool,
        what: &str,
    ) -> Answer<Self> {
        let caller = Self::from_request_parts(parts, app).await?;
        caller.check(may, what)?;
        Ok(caller)
    }
}

impl FromRequestParts<Arc<App>> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Self> {
        Caller::allowed(parts, app, TokenKind::may_record, "record").await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Self> {
        Caller::allowed(parts, app, TokenKind::may_administer, "read or change settings").await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Inspector {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Self> {
        Caller::allowed(parts, app, TokenKind::may_inspect, "read settings").await.map(|_| Self)
    }
}
