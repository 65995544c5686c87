//! What the fuzz targets call: arbitrary bytes as a segment, read in every way in which a segment is read.
//!
//! Nothing here is judged but that bytes are refused rather than believed; what a sound segment must say is the
//! business of [`check()`](crate::check()).

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use deedbook_core::{GroupBy, PageRequest, Query, Result, Scope};

use crate::cache::BlockCache;
use crate::disk::DiskFile;
use crate::holes::Holes;
use crate::manifest::SegmentName;
use crate::search::{self, Reading};
use crate::segment::{self, Segment};
use crate::terms::IdHasher;
use crate::turns::Turns;
use crate::view::View;

/// Reads `bytes` as a segment, checks it, and asks it everything that can be asked, with each of `queries`.
///
/// # Errors
/// [`deedbook_core::ErrorKind::Corrupt`] with the first thing that keeps it from being read. That what can be read is
/// wrong is no error.
pub fn read_any_segment(bytes: &[u8], queries: &[Query]) -> Result<()> {
    let segment = Arc::new(open(bytes)?);
    let checked = segment::check(&segment, &HASHER, (&mut HashMap::new(), &mut Holes::default()), &mut |_| ());
    checked.and(ask(&View { segments: vec![segment], runs: Vec::new() }, queries))
}

/// Each thing that is wrong with a segment, in plain words.
///
/// # Errors
/// As [`read_any_segment`].
pub fn problems_of_segment(bytes: &[u8]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    // What authorises holes may be in other segments.
    let state = (&mut HashMap::new(), &mut Holes::default());
    segment::check(&open(bytes)?, &HASHER, state, &mut |problem| problems.push(problem))?;
    Ok(problems)
}

/// The seeds come from a log whose randomness is this byte again and again.
const HASHER: IdHasher = IdHasher([7; 16]);

fn open(bytes: &[u8]) -> Result<Segment> {
    let name = SegmentName {
        name: "segment".into(),
        bytes: bytes.len() as u64,
        first_position: 0,
        positions: 0,
        footer_sha256: String::new(),
        offloaded: None,
    };
    Segment::read(Arc::new(Bytes(bytes.to_vec())), name, &Arc::new(BlockCache::new(1 << 20)), 0)
}

/// Every question, whatever the others came to.
fn ask(view: &View, queries: &[Query]) -> Result<()> {
    let all = Scope::all_tenants();
    let turns = Turns::new();
    let reading = Reading { view, hasher: HASHER, read: turns.begin() };
    let mut answers =
        vec![search::find(view, HASHER, "acme", "evt_000001").map(drop), view.last_recorded_at().map(drop)];
    for query in queries {
        for request in [PageRequest::newest(50), PageRequest::oldest(50)] {
            answers.push(search::page(&reading, query, &all, &request).map(drop));
        }
        for groups in [&[][..], &[GroupBy::Action, GroupBy::Day], &[GroupBy::Actor]] {
            answers.push(search::count(&reading, query, &all, groups).map(drop));
        }
    }
    answers.into_iter().collect()
}

struct Bytes(Vec<u8>);

impl DiskFile for Bytes {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
}
