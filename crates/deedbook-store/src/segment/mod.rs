//! Segments: sealed, immutable files, each a range of positions with its own index.
//!
//! A segment is written once, front to back, and named in the manifest when it is durable. `docs/format.md`,
//! "Segments", is the authority on the bytes.

mod check;
mod compression;
mod content;
mod copy;
mod dictionary;
mod entries;
mod file;
mod footer;
mod halves;
mod ids;
mod merge;
mod read;
mod rewrite;
mod sample;
mod table;
mod times;
mod write;

pub(crate) use check::check;
pub(crate) use content::Content;
pub(crate) use entries::StoredEntry;
pub(crate) use file::SegmentFile;
pub(crate) use footer::KeyRange;
pub(crate) use merge::merge;
pub(crate) use read::Segment;
pub(crate) use rewrite::{Rewriting, rewrite};
pub(crate) use sample::Sample;
pub(crate) use times::{TIMES_CHUNK, Times, Zone};
pub(crate) use write::{Coverage, SegmentWriter};
