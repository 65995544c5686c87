//! The meaning of an audit log, without any IO: [`Event`] → [`Draft`] → [`Entry`] → [`Page`].
//!
//! * [`Event`] is what a caller claims; [`prepare`] checks, bounds and canonicalises it into a [`Draft`].
//! * [`commitment`] and [`tree`] turn a draft into leaves of an RFC 6962 tree that can be verified offline.
//! * [`retention`] says for how long entries are kept.
//! * [`query`] defines what a filter means, [`Scope`] which entries a reader may see, [`FieldProfile`] which of their
//!   values.
//! * [`history`] folds the entries about one thing into its versions, its state at a time, and differences.
//! * [`removal`] is what is taken away from accepted entries, and what authorises it.
//! * [`visible`] makes text of strangers harmless for whoever shows it.
//! * [`Store`] is what every store can do; [`MemoryStore`] is the plainest of them and the oracle of the others' tests.
//!
//! Nothing here reads a clock, a file or a socket; times, randomness and keys come in as arguments.

pub mod commitment;
pub mod csv;
pub mod history;
pub mod query;
pub mod removal;
pub mod retention;
pub mod tree;
pub mod visible;

mod cancellation;
mod canonical;
mod entry;
mod error;
mod event;
mod id;
mod json;
mod memory;
mod number;
mod plain;
mod pointer;
mod prepare;
mod profile;
mod scope;
mod store;
mod time;
mod wire;

pub use cancellation::Cancellation;
pub use canonical::check_canonical;
pub use entry::{Digest, Entry, Receipt};
pub use error::{Error, ErrorKind, Problem};
pub use event::{Actor, Auth, Change, Context, Credential, Event, Failure, Http, Outcome, Source, Target};
pub use id::{EventId, Id, IdKind};
pub use jiff::Timestamp;
pub use json::{array_elements, parse_json};
pub use memory::MemoryStore;
pub use prepare::{Draft, IdOrigin, Limits, canonical_json, prepare, prepare_own};
pub use profile::{FieldProfile, FieldRule, Treatment};
pub use query::Query;
pub use scope::{OWN_TENANT, Scope, Tenants, Visibility};
pub use serde_json;
pub use store::{
    AppendStatus, Appended, Atomicity, DiskUsage, Group, GroupBy, Order, Page, PageRequest, Reply, Store, StoreExt,
};
pub use wire::rfc3339;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;
