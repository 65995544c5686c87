//! A package registry in small, and the four pages that are made of its one log: of a user, of a project's owner, of a
//! maintainer, and of an administrator.
//!
//! * `events` declares what can happen; `things` is what events are about.
//! * `registry` does it and records it; `story` is some months of that.
//! * `readers` is who sees what: each page is read with a token of its own, made for that reader and for minutes.
//! * `routes` shows the pages.
//!
//! Accounts and projects are in memory: this shows the log, not a database.

mod events;
mod readers;
mod registry;
mod routes;
mod story;
mod things;

pub use readers::Readers;
pub use registry::{Registry, Role};
pub use routes::router;
pub use story::play;
pub use things::{Project, User};
