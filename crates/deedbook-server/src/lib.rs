//! The HTTP API of Deedbook over any store: it authenticates, authorises and shapes, and never names a concrete store.
//!
//! ```text
//! connection → watched → (open) health, metrics, documentation
//!                     └→ authenticated → rights → recording → admission → Store::submit
//!                                              └→ reading ─────────────→ Store::page, get, count, follow
//! ```
//!
//! * [`Server`] is the door: [`Server::new`] reads the settings, [`Server::serve`] answers until it is told to end.
//! * `app` is what all endpoints share.
//! * `connection` accepts, bounds and drains connections; `watched` gives each request its id, its log line, its figures
//!   and its time; `problem` is what every refusal looks like.
//! * [`Settings`] are entries of the tenant `_deedbook`, folded from the log: tokens, and the key of cursors.
//! * `access` says who a caller is and what may be read, `grant` to what a token is narrowed; `recording` and `reading`
//!   are the only ways to the store, and `readings` enters who read.
//! * `origins` says which pages of others may read answers, and with which tokens.
//! * [`Limits`] bounds everything that a stranger can make grow.
//!
//! Endpoints are one function each, below `endpoints`; `api` lists them all.

mod access;
mod admission;
mod api;
mod app;
mod archive;
mod body;
mod clock;
mod codes;
mod connection;
mod cookie;
mod cursor;
mod endpoints;
mod figures;
mod governance;
mod grant;
mod html;
mod limits;
mod members;
mod oidc;
mod origins;
mod own;
mod parameters;
mod problem;
mod reading;
mod readings;
mod recording;
mod seal;
mod secret;
mod server;
mod session;
mod settings;
mod sinks;
mod token;
mod ui;
mod watched;

pub use archive::ArchiveStatus;
pub use clock::Clock;
pub use governance::{ErasurePlan, Governance, Mention, Pace, Plan, Policy, RulePlan, Tally, TenantPlan, Watch};
pub use grant::{Export, Grant};
pub use limits::Limits;
pub use oidc::{OidcSettings, Role};
pub use own::draft as own_draft;
pub use secret::Secret;
pub use server::{MeasureDisk, Options, Server};
pub use settings::{
    AdminToken, Approval, Author, Ended, Erasure, Hold, Mentions, NewErasure, NewHold, NewToken, Released, RulesSet,
    Search, Settings, shown,
};
pub use token::{Appearance, Origin, Token, TokenId, TokenKind};
