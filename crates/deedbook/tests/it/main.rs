//! The library as an application uses it.

mod contexts;
#[cfg(feature = "metrics")]
mod counting;
mod deriving;
mod down;
mod history;
mod instants;
mod recording;
#[cfg(feature = "axum")]
mod requests;
