//! The embedded store of Deedbook: a directory that one process appends to and answers from.
//!
//! ```text
//! callers: hash, index ─→ intake ─→ writer: number, frame, fdatasync ─→ runs in memory ─→ sealer ─→ segments ─→ merger
//!                                                                        └───────── readers see both as parts ─┘
//! ```
//!
//! * [`FileStore`] is a [`deedbook_core::Store`]; [`check()`] reads a whole directory and recomputes everything.
//! * `wal` and `segment` are the two kinds of files, `manifest` lists them; `docs/format.md` specifies every byte.
//! * `part`, `plan`, `cursor` and `search` answer queries, the same way for what is sealed and what is not.
//! * [`Disk`] is the one door to the operating system; tests bring a simulated one.
//!
//! Nothing here reads the network or knows another store.

mod archives;
mod bytes;
mod cache;
mod check;
mod cursor;
mod disk;
mod failure;
#[doc(hidden)]
pub mod fuzzing;
mod groups;
mod holes;
mod index;
mod intake;
mod manifest;
mod offload;
mod options;
mod part;
mod pieces;
mod plan;
mod postings;
mod recovery;
mod removal;
mod search;
mod segment;
mod shared;
mod store;
mod tail;
mod terms;
mod turns;
mod unsealed;
mod view;
mod wal;
mod writer;

use std::sync::{Mutex, MutexGuard};

pub use archives::{FOLDER as ARCHIVE_FOLDER, OpenArchive, open_directory};
pub use check::{FileReport, Report, check, check_on};
pub use disk::{Disk, DiskFile, LockKind, RealDisk};
pub use offload::Moved;
pub use options::{Background, Clock, Options, Random};
pub use store::{FileStore, Stats, prepare};

/// The value behind a lock, whether or not a thread died holding it: every change under our locks is complete in
/// itself.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
