//! The library as an application uses it.

mod contexts;
mod derive_errors;
mod deriving;
mod down;
mod history;
mod recording;
#[cfg(feature = "axum")]
mod requests;
