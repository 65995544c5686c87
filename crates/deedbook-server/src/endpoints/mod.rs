//! The endpoints, one function each. They read parameters, call `recording`, `reading` or `settings`, and shape.

pub(crate) mod count;
pub(crate) mod entry;
pub(crate) mod erasures;
pub(crate) mod export;
pub(crate) mod histogram;
pub(crate) mod history;
pub(crate) mod holds;
pub(crate) mod list;
pub(crate) mod open;
pub(crate) mod record;
pub(crate) mod retention;
pub(crate) mod searches;
pub(crate) mod sign_in;
pub(crate) mod sinks;
pub(crate) mod storage;
pub(crate) mod tail;
pub(crate) mod tokens;
pub(crate) mod viewer_sessions;

mod claims;
mod paging;
mod question;
mod request;
mod schema;
