//! Who calls, and what is theirs: `Authorization` or a cookie → [`Caller`] → rights and [`Scope`].
//!
//! An endpoint names the right it needs by the type of its first argument: [`Writer`], [`Reader`](crate::reading::Reader)
//! [`Inspector`], [`Overseer`], [`Host`] or [`Administrator`]. Without one it is open to every token.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use deedbook_core::commitment::Key;
use deedbook_core::{Actor, Auth, Context, Credential, Entry, Receipt, Scope, Timestamp, csv};

use crate::app::App;
use crate::cookie::{SESSION, is_of_our_own_page};
use crate::problem::{Answer, Problem};
use crate::readings::Asked;
use crate::secret::Secret;
use crate::settings::{Author, Found, Life, Proof, shown};
use crate::token::{Token, TokenKind};

/// The code where a page of another origin asks for what is not for it.
const FOREIGN_PAGE: &str = "foreign_page";

/// The address at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Whoever holds the token of a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) token: Arc<Token>,
    /// From when on the token is refused, as far as that is known.
    pub(crate) until: Option<Timestamp>,
    proof: Proof,
    fields_key: Key,
    peer: Option<Peer>,
}

/// Lets in whoever brings a token that is accepted; what comes after it knows the [`Caller`]. Who is known and refused,
/// here or later, is entered.
pub(crate) async fn authenticate(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let is_foreign = app.origins.is_foreign(request.headers());
    let found = match found(&app, request.method(), request.headers(), is_foreign) {
        Ok(found) => found,
        Err(problem) => return problem.into_response(),
    };
    let asked = Asked::of(&request);
    let (caller, admitted) = app.admitted(found, peer);
    if let Err((reason, problem)) = admitted {
        app.readings.denied(&caller, reason, asked);
        return problem.into_response();
    }
    if is_foreign && !caller.token.kind.may_be_in_a_page() {
        app.readings.denied(&caller, FOREIGN_PAGE, asked);
        return not_in_a_page(caller.token.kind).into_response();
    }
    request.extensions_mut().insert(caller.clone());
    let response = next.run(request).await;
    if let Some(reason) = response.extensions().get::<Problem>().and_then(Problem::denied) {
        app.readings.denied(&caller, reason, asked);
    }
    response
}

fn found(app: &App, method: &Method, headers: &HeaderMap, is_foreign: bool) -> Answer<Found> {
    match SESSION.of(headers) {
        Some(_) if is_foreign && !headers.contains_key(header::AUTHORIZATION) => Err(Problem::forbidden(
            FOREIGN_PAGE,
            "whoever is signed in here is so at the pages of this server alone; other pages bring a token",
        )),
        Some(cookie) if !headers.contains_key(header::AUTHORIZATION) => of_session(app, cookie, method, headers),
        _ => app.found(&bearer(headers)?),
    }
}

/// The token of who is signed in at a page of ours.
fn of_session(app: &App, cookie: &str, method: &Method, headers: &HeaderMap) -> Answer<Found> {
    if !method.is_safe() && !is_of_our_own_page(headers) {
        let detail = "a change by somebody who is signed in must come from a page of this server";
        return Err(Problem::forbidden(FOREIGN_PAGE, detail));
    }
    let id = app.sessions.token_id(cookie, app.now());
    let found = id.and_then(|id| app.settings.prove(Proof::Id(id))).filter(|found| found.life == Life::Live);
    found.ok_or_else(|| unauthenticated("signed_out", "the session is over; sign in again"))
}

impl App {
    /// The token that the cookie of a session names, whether or not it is still accepted.
    pub(crate) fn signed_in_token(&self, cookie: &str) -> Option<Arc<Token>> {
        self.settings.by_id(&self.sessions.token_id(cookie, self.now())?)
    }

    /// The token of this text, if it is accepted now from that address.
    ///
    /// # Errors
    /// 401 or 403 else.
    pub(crate) fn accepted(&self, secret: &Secret, peer: Option<Peer>) -> Answer<Arc<Token>> {
        let (caller, admitted) = self.admitted(self.found(secret)?, peer);
        match admitted {
            Ok(()) => Ok(caller.token),
            Err((reason, problem)) => {
                self.readings.denied(&caller, reason, Asked::default());
                Err(problem)
            }
        }
    }

    fn found(&self, secret: &Secret) -> Answer<Found> {
        if secret.is_damaged() {
            return Err(unauthenticated(
                "bad_token",
                "the token is not whole: its checksum does not fit; copy all of it",
            ));
        }
        self.settings.find(secret).ok_or_else(bad_token)
    }

    /// Who holds a token that is known, and why they are not let in.
    fn admitted(&self, found: Found, peer: Option<Peer>) -> (Caller, Result<(), (&'static str, Problem)>) {
        let is_live = found.life == Life::Live;
        let caller = Caller::new(self, found, peer);
        let admitted = if !is_live {
            Err(("ended_token", bad_token()))
        } else if !caller.token.grant.admits(peer.map(|Peer(ip)| ip)) {
            let detail = "the token is not accepted from this address";
            Err(("foreign_address", Problem::forbidden("foreign_address", detail)))
        } else {
            self.settings.note_use(&caller.token);
            Ok(())
        };
        (caller, admitted)
    }
}

/// Whoever holds a token, and the address it is used from. Nobody knows more.
pub(crate) fn author(token: &Token, peer: Option<Peer>) -> Author {
    let kind = if token.is_session() { "viewer_session" } else { "token" };
    let actor = Actor { name: token.name.clone(), ..Actor::new(kind, &token.id) };
    let credential = Credential { kind: "api_token".to_owned(), id: token.id.clone(), name: token.name.clone() };
    let auth = Auth { method: Some("api_token".to_owned()), credential: Some(credential), ..Auth::default() };
    let ip = peer.map(|Peer(ip)| ip.to_canonical());
    Author::new(actor, Context { ip, auth: Some(auth), ..Context::default() })
}

/// Whoever writes a page can do all that the token in it can.
fn not_in_a_page(kind: TokenKind) -> Problem {
    let detail = format!(
        "a token of the kind {:?} is not accepted from a page of another origin; make a viewer session on the server of \
         that page and give the page the token of that",
        kind.as_str()
    );
    Problem::forbidden(FOREIGN_PAGE, detail)
}

fn bad_token() -> Problem {
    unauthenticated("bad_token", "the token is not known here, expired, or revoked")
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
    pub(crate) fn new(app: &App, found: Found, peer: Option<Peer>) -> Self {
        let Found { token, proof, until, .. } = found;
        Self { fields_key: app.fields_key(token.tenant.as_deref()), token, proof, until, peer }
    }

    /// Whether the token is still accepted.
    pub(crate) fn is_live(&self, app: &App) -> bool {
        app.settings.is_live(&self.proof)
    }

    /// Who changes a setting, or reads.
    pub(crate) fn author(&self) -> Author {
        author(&self.token, self.peer)
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
        let scope = match (&self.token.tenant, named) {
            (Some(own), Some(named)) if own != named => return Err(Problem::of_other_tenant()),
            (Some(own), _) => shown(own),
            (None, Some(named)) => shown(named),
            (None, None) => Scope::all_tenants(),
        };
        Ok(self.token.grant.narrowed(scope, &self.fields_key)?)
    }

    /// The tenant of one entry, a history, or a state.
    ///
    /// # Errors
    /// As [`Caller::scope`].
    pub(crate) fn tenant(&self, named: Option<&str>) -> Answer<String> {
        match (&self.token.tenant, named) {
            (Some(own), Some(named)) if own != named => Err(Problem::of_other_tenant()),
            (Some(own), _) => Ok(own.clone()),
            (None, named) => Ok(named.unwrap_or("default").to_owned()),
        }
    }

    /// Whether settings of `tenant` are this caller's to look at, who may look at settings: those of all tenants, or of
    /// the one the token is bound to.
    pub(crate) fn may_inspect(&self, tenant: Option<&str>) -> bool {
        self.token.tenant.is_none() || self.token.tenant.as_deref() == tenant
    }

    /// Whether nothing of the entries of its tenant is kept from this caller.
    pub(crate) fn sees_everything(&self) -> bool {
        self.token.grant.sees_every_entry() && self.token.grant.sees_every_value()
    }

    /// Which of the numbers that the log gives this caller may know.
    pub(crate) fn numbers(&self) -> Numbers {
        match &self.token.tenant {
            _ if !self.token.grant.sees_every_entry() => Numbers::None,
            Some(_) => Numbers::OfTenant,
            None => Numbers::All,
        }
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
/// one tenant alone must not learn from them what happens in the others; a `seq` counts those of the tenant, and whoever
/// may see a part of them must not learn how many there are beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// All of them.
    All,
    /// Those of the tenant.
    OfTenant,
    /// None, and no leaf hash, which is a place in the tree.
    None,
}

impl Numbers {
    /// An entry as this caller sees it.
    pub(crate) fn entry(self, entry: &Entry) -> Vec<u8> {
        match self {
            Self::All => entry.to_json(),
            Self::OfTenant => entry.to_json_unpositioned(),
            Self::None => entry.to_json_unnumbered(),
        }
    }

    /// An entry as this caller sees it, as a line of CSV.
    pub(crate) fn csv_row(self, entry: &Entry) -> String {
        match self {
            Self::All => csv::row(entry),
            Self::OfTenant => csv::row_unpositioned(entry),
            Self::None => csv::row_unnumbered(entry),
        }
    }

    /// A receipt as this caller sees it. It is of an event of the caller's own.
    pub(crate) fn receipt(self, receipt: &Receipt) -> Vec<u8> {
        match self {
            Self::All => receipt.to_json(),
            Self::OfTenant | Self::None => receipt.to_json_unpositioned(),
        }
    }
}

/// A caller who may record.
pub(crate) struct Writer(pub(crate) Caller);

/// A caller who may change settings.
pub(crate) struct Administrator(pub(crate) Caller);

/// A caller who may read settings.
pub(crate) struct Inspector(pub(crate) Caller);

/// A caller who may read settings and figures of all tenants.
pub(crate) struct Overseer;

/// A caller who may make viewer sessions.
pub(crate) struct Host(pub(crate) Caller);

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
        Caller::allowed(parts, app, TokenKind::may_administer, "change settings").await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Inspector {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Self> {
        Caller::allowed(parts, app, TokenKind::may_inspect, "read settings").await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Overseer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Self> {
        let Inspector(caller) = Inspector::from_request_parts(parts, app).await?;
        if caller.token.tenant.is_some() {
            return Err(Problem::forbidden(
                "missing_right",
                "a token that is bound to a tenant cannot see all of them",
            ));
        }
        Ok(Self)
    }
}

impl FromRequestParts<Arc<App>> for Host {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Self> {
        Caller::allowed(parts, app, TokenKind::may_pass_on, "make viewer sessions").await.map(Self)
    }
}
