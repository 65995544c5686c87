//! `/v1/viewer-sessions`: short-lived tokens for a page in somebody else's product, narrower than the token by which they
//! are made; and one-time codes, which may stand in a URL where a token must not.

mod wanted;

use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use deedbook_core::{Actor, Context, Error, rfc3339};
use serde_json::{Value, json};

use super::request::{Id, Members, answer, refused};
use super::schema;
use super::tokens::{LAST_ADMIN, with_text};
use crate::access::{Caller, Host, Peer};
use crate::app::App;
use crate::codes;
use crate::grant::Export;
use crate::members::{each_member, text};
use crate::parameters::NoParameters;
use crate::problem::{Answer, Problem};
use crate::settings::Author;
use crate::token::Token;
use wanted::{Wanted, renewed_until};

/// Make a viewer session.
///
/// It sees no more than the token by which it is made, lives 15 minutes where nobody says, and 24 hours at most. Its
/// text is in this answer and nowhere else.
#[utoipa::path(
    post, path = "/viewer-sessions", tag = "settings", operation_id = "create_viewer_session",
    request_body(content = schema::NewViewerSession, content_type = "application/json"),
    responses((status = 201, description = "The session", body = schema::ViewerSession), schema::Refusals),
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Host(caller): Host,
    _: NoParameters,
    members: Members,
) -> Answer {
    let wanted = Wanted::from_json(&members.others()?, app.now()).map_err(refused)?;
    if wanted.names_other_tenant(&caller.token) {
        return Err(Problem::of_other_tenant());
    }
    let new = wanted.narrowed(&caller.token).map_err(refused)?;
    let create = move |app: &App| app.settings.create_session(new, &caller.token, &caller.author());
    let (session, secret) = app.change(LAST_ADMIN, create).await?;
    Ok(answer(StatusCode::CREATED, with_text(shown(&session), &secret)))
}

/// List viewer sessions that are accepted now, oldest first: an administrator's and auditor's all, else one's own.
#[utoipa::path(
    get, path = "/viewer-sessions", tag = "settings", operation_id = "list_viewer_sessions",
    responses((status = 200, description = "The sessions", body = schema::ViewerSessions), schema::Refusals),
)]
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller, _: NoParameters) -> Answer {
    let mut sessions = app.settings.sessions();
    sessions.retain(|session| may_see(&caller, session));
    let data: Vec<Value> = sessions.iter().map(|session| shown(session)).collect();
    Ok(answer(StatusCode::OK, json!({ "data": data })))
}

/// Get the viewer session of which this is the token.
///
/// So a page learns its tenant, its language and what it may do. 404 for a token that belongs to no session.
#[utoipa::path(
    get, path = "/viewer-sessions/current", tag = "settings", operation_id = "get_current_viewer_session",
    responses((status = 200, description = "The session", body = schema::ViewerSession), schema::Refusals),
)]
pub(crate) async fn current(caller: Caller, _: NoParameters) -> Answer {
    if !caller.token.is_session() {
        return Err(Problem::not_found());
    }
    // What is hidden from the page is not told to it either.
    Ok(answer(StatusCode::OK, without(shown(&caller.token), &HIDDEN_FROM_PAGES)))
}

/// Let a viewer session live on, but not beyond 24 hours in all.
#[utoipa::path(
    post, path = "/viewer-sessions/{id}/renew", tag = "settings", operation_id = "renew_viewer_session",
    params(("id" = String, Path, description = "The id of the session")),
    request_body(content = schema::Renewal, content_type = "application/json"),
    responses((status = 200, description = "The session", body = schema::ViewerSession), schema::Refusals),
)]
pub(crate) async fn renew(
    State(app): State<Arc<App>>,
    Host(caller): Host,
    _: NoParameters,
    Id(id): Id,
    request: Request,
) -> Answer {
    let session = own_session(&app, &caller, &id)?;
    let members = Members::from_request(request, &app).await?;
    let until = renewed_until(&members.others()?, app.now()).map_err(refused)?;
    let until = caller.token.expires_at.map_or(until, |end| until.min(end));
    let renew = move |app: &App| app.settings.renew_session(&session, until, &caller.author());
    let session = app.change(LAST_ADMIN, renew).await?.ok_or_else(Problem::not_found)?;
    Ok(answer(StatusCode::OK, shown(&session)))
}

/// Revoke a viewer session. It is refused at once, and its tails end.
#[utoipa::path(
    delete, path = "/viewer-sessions/{id}", tag = "settings", operation_id = "revoke_viewer_session",
    params(("id" = String, Path, description = "The id of the session")),
    responses((status = 204, description = "It is revoked"), schema::Refusals),
)]
pub(crate) async fn revoke(State(app): State<Arc<App>>, Host(caller): Host, _: NoParameters, Id(id): Id) -> Answer {
    let session = own_session(&app, &caller, &id)?;
    app.change(LAST_ADMIN, move |app| app.settings.revoke_session(&session, &caller.author())).await?;
    Ok(axum::response::IntoResponse::into_response(StatusCode::NO_CONTENT))
}

/// Get a one-time code for a viewer session.
///
/// It may stand in a URL, where a token must not: it is good for a minute and for one use.
#[utoipa::path(
    post, path = "/viewer-sessions/{id}/code", tag = "settings", operation_id = "create_viewer_session_code",
    params(("id" = String, Path, description = "The id of the session")),
    responses((status = 201, description = "The code", body = schema::Code), schema::Refusals),
)]
pub(crate) async fn code(State(app): State<Arc<App>>, Host(caller): Host, _: NoParameters, Id(id): Id) -> Answer {
    let session = own_session(&app, &caller, &id)?;
    let too_many = || Problem::overloaded("there are more codes than the server keeps at one time; try again later");
    let (code, until) = app.codes.give(&session.id, app.now(), codes::PAGE_LIFE).ok_or_else(too_many)?;
    Ok(answer(StatusCode::CREATED, json!({ "code": code, "expires_at": rfc3339(until) })))
}

/// Exchange a one-time code for the token of its viewer session.
///
/// This wants no other token: the code is one, and is good for nothing after that.
#[utoipa::path(
    post, path = "/viewer-sessions/exchange", tag = "settings", operation_id = "exchange_viewer_session_code",
    request_body(content = schema::Exchange, content_type = "application/json"),
    responses((status = 200, description = "The session", body = schema::ViewerSession), schema::Refusals),
    security(()),
)]
pub(crate) async fn exchange(
    State(app): State<Arc<App>>,
    peer: Option<Extension<Peer>>,
    _: NoParameters,
    members: Members,
) -> Answer {
    let address = peer.map(|Extension(Peer(ip))| ip.to_canonical());
    let code = brought_code(&members.others()?).map_err(refused)?;
    let session = app.codes.take(&code, app.now()).and_then(|id| app.settings.session(&id));
    let session = session.filter(|session| session.grant.admits(address)).ok_or_else(bad_code)?;
    let by = Author::new(Actor::without_id("system"), Context { ip: address, ..Context::default() });
    let page = without(shown(&session), &HIDDEN_FROM_PAGES);
    let secret = app.change(LAST_ADMIN, move |app| app.settings.exchange_session(&session, &by)).await?;
    Ok(answer(StatusCode::OK, with_text(page, &secret)))
}

fn brought_code(json: &Value) -> deedbook_core::Result<String> {
    let mut code = None;
    each_member(json, &mut |name, value, _| match name {
        "code" => {
            code = Some(text(value)?);
            Ok(())
        }
        _ => Err(("unknown_member", "this member is not known here; an exchange has code")),
    })?;
    code.ok_or_else(|| Error::invalid("/code", "missing_member", "the member \"code\" is required"))
}

fn bad_code() -> Problem {
    let detail = "the code is not known here, used, or older than a minute; ask for another one";
    Problem::new(StatusCode::UNAUTHORIZED, "bad_code", detail)
}

/// A live session that the caller made, or any for an administrator.
fn own_session(app: &App, caller: &Caller, id: &str) -> Answer<Arc<Token>> {
    let session = app.settings.session(id).filter(|session| may_change(caller, session));
    session.ok_or_else(Problem::not_found)
}

fn may_see(caller: &Caller, session: &Token) -> bool {
    let inspects = caller.token.kind.may_inspect();
    inspects && caller.may_inspect(session.tenant.as_deref()) || session.parent.as_ref() == Some(&caller.token.id)
}

fn may_change(caller: &Caller, session: &Token) -> bool {
    caller.token.kind.may_administer() || session.parent.as_ref() == Some(&caller.token.id)
}

/// Members that say something of other tokens alone.
const OF_TOKENS: [&str; 6] = ["revoked_at", "last_used_at", "old_accepted_until", "origin", "person", "entry"];
/// Members that are for whoever makes sessions.
const HIDDEN_FROM_PAGES: [&str; 4] = ["fields", "parent_fields", "addresses", "parent"];

fn without(mut session: Value, names: &[&str]) -> Value {
    if let Some(members) = session.as_object_mut() {
        members.retain(|name, _| !names.contains(&name.as_str()));
    }
    session
}

/// A session as the API shows it.
fn shown(session: &Token) -> Value {
    let mut shown = without(session.to_json(), &OF_TOKENS);
    if let Some(members) = shown.as_object_mut() {
        let can_export = session.grant.export == Export::Allowed;
        let capabilities = if can_export { json!(["view", "export"]) } else { json!(["view"]) };
        members.insert("capabilities".to_owned(), capabilities);
        members.insert("parent".to_owned(), json!(session.parent));
        members.insert("locale".to_owned(), json!(session.appearance.locale));
        members.insert("theme".to_owned(), json!(session.appearance.theme));
    }
    shown
}
