//! From foreign files to events: a source reads pieces of its input and makes an [`Item`] of each.
//!
//! A source is one file here and one line in [`Format::open`]. Sources judge the form of their input; whether an
//! event is acceptable is decided by [`crate::book::prepare`], and [`pipeline`] brings it into the log.

mod cloudtrail;
mod foreign;
mod git;
mod git_log;
mod input;
mod ndjson;
mod pieces;
pub(crate) mod pipeline;
mod rejects;

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::ValueEnum;
use deedbook_core::Event;
use sha2::{Digest as _, Sha256};

use crate::exit::Outcome;
use crate::progress::Progress;

pub(crate) use foreign::read as read_json;
pub(crate) use git::is_repository;
pub(crate) use rejects::Rejects;

/// What can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Events, one JSON object a line; also what `export ndjson` wrote.
    Ndjson,
    /// AWS CloudTrail: records one a line, or documents `{"Records":[…]}`.
    Cloudtrail,
    /// The history of a git repository: one entry per file and commit.
    Git,
}

impl Format {
    /// Opens `path`; reading goes on as the items are taken.
    pub(crate) fn open(self, path: &Path, progress: &Progress) -> Outcome<Items> {
        match self {
            Self::Ndjson => ndjson::open(path, progress),
            Self::Cloudtrail => cloudtrail::open(path, progress),
            Self::Git => git::open(path, progress),
        }
    }
}

/// What a source gives: items in the order of the input, or the error that ended the reading.
pub(crate) type Items = Box<dyn Iterator<Item = Outcome<Item>>>;

/// One piece of input and the event it means.
#[derive(Debug)]
pub(crate) struct Item {
    /// Where it stood.
    pub(crate) place: Place,
    /// As it was read; kept for the reject file.
    pub(crate) raw: Vec<u8>,
    /// The event, or why there is none.
    pub(crate) event: Result<Event, String>,
}

/// Where a piece of input stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A line, the first is 1.
    Line(u64),
    /// An element of the array of a document, the first is 1, and the line on which it begins.
    Record {
        /// Line of the first byte.
        line: u64,
        /// Number of the record in the whole input.
        number: u64,
    },
    /// A commit, by its full name.
    Commit(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Record { line, number } => write!(f, "line {line}, record {number}"),
            Self::Commit(id) => write!(f, "commit {id}"),
        }
    }
}

/// Limits of API.md on ids and names of actors and targets.
const ID_BYTES_MAX: usize = 1024;
const NAME_BYTES_MAX: usize = 256;

/// An id of at most [`ID_BYTES_MAX`] bytes: the text itself, or its beginning and a hash of the whole.
fn bounded_id(text: &str) -> String {
    if text.len() <= ID_BYTES_MAX {
        return text.to_owned();
    }
    let hash = URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..12]);
    format!("{}…{hash}", cut(text, ID_BYTES_MAX - 20).0)
}

/// `text` cut to at most `bytes_max` bytes at a character, and whether anything was lost.
fn cut(text: &str, bytes_max: usize) -> (&str, bool) {
    let end = text.floor_char_boundary(bytes_max);
    (&text[..end], end < text.len())
}
