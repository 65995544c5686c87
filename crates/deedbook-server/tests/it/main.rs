//! The real router behind a real socket: every endpoint, every refusal, every limit.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support;

mod access;
mod archive;
mod canaries;
mod entrance;
mod governance;
mod governing;
mod history;
mod life;
mod limits;
mod oidc;
mod origins;
mod overload;
mod reading;
mod readings;
mod recording;
mod refusals;
mod searches;
mod sessions;
mod sinks;
mod storage;
mod tokens;
mod ui;
mod visibility;
mod webhooks;
