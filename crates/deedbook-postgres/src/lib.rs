//! PostgreSQL beside Deedbook: what is written in a transaction of the application commits with it, or never was.
//!
//! `deedbook.record` and the triggers of captured tables write rows into `deedbook.outbox`, in the transaction of the
//! application and without a lock that another writer waits for. The sequencer brings what was committed into a log.
//! Nothing here names a log; it is handed one.

pub mod capture;
pub mod schema;

mod failure;
