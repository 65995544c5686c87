//! Workloads and side-by-side comparisons of Deedbook: what the numbers in its documents come from.
//!
//! * [`workload`] makes realistic events, [`question`] asks about them.
//! * [`contestant`] lists who takes part; [`race`] feeds them in turns and measures, [`quiz`] asks them all the same.
//! * [`compare`], [`load`], [`stages`], [`http`], [`history`], [`retire`], [`drain`], [`capture`], [`tenants`] are the
//!   commands, and `archive` with the feature of that name; [`figures`] is what they find, [`report`] how people read it.

#[cfg(feature = "archive")]
pub mod archive;
pub mod capture;
pub mod compare;
pub mod contestant;
pub mod deliver;
pub mod drain;
pub mod figures;
pub mod history;
pub mod http;
pub mod load;
pub mod machine;
pub mod meter;
pub mod offload;
pub mod question;
pub mod quiz;
pub mod race;
pub mod random;
pub mod report;
pub mod retire;
pub mod row;
pub mod stages;
pub mod tenants;
pub mod vocabulary;
pub mod workload;

/// Whatever goes wrong ends the run; nobody handles it, so it needs no kinds.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
