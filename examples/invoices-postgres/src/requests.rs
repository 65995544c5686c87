//! Who acts: told once for a request, and by it for every transaction that the request begins.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use deedbook::{Actor, Context, context};
use sqlx::PgPool;

use crate::refusal::Refusal;

/// Runs the handler in the context of its request. The headers `X-User` and `X-On-Behalf-Of` stand for whatever
/// authenticates in front of a real service; `examples/invoices` has sessions.
pub(crate) async fn in_context(
    State(pool): State<PgPool>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let actor = actor(&pool, request.headers()).await?;
    let mut told = Context::new().actor(actor).ip(peer.ip());
    if let Some(id) = header(request.headers(), "x-request-id") {
        told = told.request_id(id);
    }
    Ok(context::scope(told, next.run(request)).await)
}

async fn actor(pool: &PgPool, headers: &HeaderMap) -> Result<Actor, Refusal> {
    let user = user(pool, header(headers, "x-user").ok_or(Refusal::NotSignedIn)?).await?;
    let behind = match header(headers, "x-on-behalf-of") {
        Some(id) => Some(Box::new(self::user(pool, id).await?)),
        None => None,
    };
    Ok(Actor { on_behalf_of: behind, ..user })
}

async fn user(pool: &PgPool, id: &str) -> Result<Actor, Refusal> {
    let name: Option<String> =
        sqlx::query_scalar("SELECT name FROM users WHERE id = $1").bind(id).fetch_optional(pool).await?;
    Ok(Actor::new("user", id).named(name.ok_or(Refusal::NotSignedIn)?))
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().filter(|value| !value.is_empty())
}
