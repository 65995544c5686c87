//! The library as an application uses it.

mod contexts;
#[cfg(feature = "metrics")]
mod counting;
mod deriving;
mod down;
mod history;
mod instants;
#[cfg(all(feature = "sqlx-postgres", feature = "tokio-postgres"))]
mod postgres;
mod recording;
#[cfg(feature = "axum")]
mod requests;
#[cfg(feature = "log")]
mod sinks;
