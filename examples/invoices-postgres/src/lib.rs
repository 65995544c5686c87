//! A small invoice service on PostgreSQL. No log is in it, and nothing in it writes down what changed: row capture does
//! that in the database. What is here for the log are three business events and one piece of middleware.
//!
//! * `requests` says who acts, from where, in which request: once, for everything that a request does.
//! * `events` declares the business events, which commit with the rows.
//! * `routes` does the work, each act in one transaction that begins with the context of its request.

mod events;
mod refusal;
mod requests;
mod routes;

use std::io;
use std::net::SocketAddr;

use sqlx::PgPool;
use tokio::net::TcpListener;

/// Serves on `listener`, with the tables behind `pool`.
///
/// # Errors
/// Where the listener fails.
pub async fn serve(listener: TcpListener, pool: PgPool) -> io::Result<()> {
    let service = routes::router(pool).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await
}
