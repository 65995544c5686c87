//! A part of the log: a range of positions that answers for itself, sealed in a file or still in memory.

use std::ops::Range;
use std::sync::Arc;

use deedbook_core::commitment::Key;
use deedbook_core::{Digest, Error, ErrorKind, Event, Order, Result, Timestamp};

use crate::bytes::Reader;
use crate::cache::Block;
use crate::postings::{ChunkPlace, PostingsPlace};
use crate::segment::{Content, Times, Zone};
use crate::unsealed::TailEntry;

/// Consecutive positions and everything that is known of their entries. Positions are counted from the first.
pub(crate) trait Part: Send + Sync {
    /// Whether its entries lie in an archive.
    fn is_archived(&self) -> bool {
        false
    }

    /// Position in the log of this part's first entry.
    fn first_position(&self) -> u64;

    /// How many positions it covers.
    fn positions(&self) -> u32;

    /// The postings of a term.
    fn postings(&self, term: &[u8]) -> Result<Postings<'_>>;

    /// Calls `visit` with each term from `from` on until it returns `false`.
    fn visit_terms<'p>(&'p self, from: &[u8], visit: &mut TermVisitor<'_, 'p>) -> Result<()>;

    /// The first chunk of 256 positions from `chunk` on, in `order`, whose earliest and latest `occurred_at` pass
    /// `wanted`. What passes for a range of time passes for every longer one around it.
    fn find_zone(&self, chunk: u32, order: Order, wanted: &dyn Fn(i64, i64) -> bool) -> Result<Option<Zone>>;

    /// Times of the positions of a chunk.
    fn times(&self, chunk: u32) -> Result<Vec<Times>>;

    /// When the entry at a position was recorded, in microseconds since 1970.
    fn recorded_at(&self, position: u32) -> Result<i64>;

    /// The first position that was recorded at or after this instant, in microseconds since 1970.
    fn first_recorded_from(&self, instant: i64) -> Result<u32>;

    /// Positions of entries that have this hash of tenant and id, and perhaps some that have not.
    fn find_id(&self, hash: u64) -> Result<Vec<u32>>;

    /// The entry at a position.
    fn load(&self, position: u32) -> Result<Loaded>;

    /// The key under which the entry at a position was committed; `None` where it is gone.
    fn key(&self, position: u32) -> Option<&Key>;

    /// The numbers within their tenant of the entries of `tenant` in this part, removed ones included, if there are any.
    fn seqs(&self, tenant: &str) -> Result<Option<Range<u64>>>;

    /// Tells of a position whether its entry is one of `tenant`, of which `listed` are in the list of that term: for few
    /// positions, of which each would else need a chunk of that list. `None` where nothing but the list tells it.
    fn tenant_test(&self, _tenant: &str, _listed: u64) -> Result<Option<PositionTest<'_>>> {
        Ok(None)
    }

    /// The positions of a tenant's entries, removed ones included, in order.
    fn positions_of_tenant(&self, tenant: &str) -> Result<Vec<u32>>;

    /// Calls `visit` with how many entries of each (tenant, day, outcome, action) there are, for one tenant or all.
    fn visit_tallies(&self, tenant: Option<&str>, visit: &mut dyn FnMut(Tally<'_>)) -> Result<()>;
}

/// Whether something holds of a position.
pub(crate) type PositionTest<'p> = Box<dyn Fn(u32) -> Result<bool> + 'p>;

/// Given a term and its postings, tells whether to go on.
pub(crate) type TermVisitor<'v, 'p> = dyn FnMut(&[u8], Postings<'p>) -> Result<bool> + 'v;

/// The entry at a position.
pub(crate) enum Loaded {
    /// Its number and where its content stands within a shared block.
    Sealed(u64, Block, Range<usize>),
    Unsealed(Arc<TailEntry>),
}

impl Loaded {
    pub(crate) fn seq(&self) -> u64 {
        match self {
            Self::Sealed(seq, ..) => *seq,
            Self::Unsealed(entry) => entry.seq,
        }
    }

    pub(crate) fn content(&self) -> Content<'_> {
        match self {
            Self::Sealed(_, block, place) => Content::read(&mut Reader::new(&block[place.clone()]))
                .expect("the content was read when its place was found"),
            Self::Unsealed(entry) => Content::Whole(&entry.canonical),
        }
    }

    /// The hash of the leaf, which takes longer than all else that is done to read a sealed entry.
    pub(crate) fn leaf_hash(
        &self,
        key: Option<&Key>,
        identity: (&str, &str),
        recorded_at: Timestamp,
    ) -> Result<Digest> {
        match self {
            Self::Sealed(..) => self.content().leaf_hash(key, identity, recorded_at),
            Self::Unsealed(entry) => Ok(entry.leaf_hash),
        }
    }
}

/// How many entries of a tenant, on a UTC day, had an outcome and an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tally<'a> {
    pub(crate) tenant: &'a str,
    /// Days since 1970-01-01.
    pub(crate) day: i32,
    pub(crate) outcome: u8,
    /// As text in UTF-8, which whoever shows it checks: it is the same in very many tallies.
    pub(crate) action: &'a [u8],
    pub(crate) count: u64,
}

/// The postings of one term in one part.
pub(crate) enum Postings<'p> {
    /// In memory.
    Slice(&'p [u32]),
    /// In a file: few of them at hand, or chunks to be read when they are needed.
    Stored(PostingsPlace, &'p dyn ChunkSource),
}

/// Reads chunks of postings.
pub(crate) trait ChunkSource: Send + Sync {
    /// The positions of a chunk.
    fn chunk(&self, place: &ChunkPlace) -> Result<Vec<u32>>;
}

impl Postings<'_> {
    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Slice(positions) => positions.len() as u64,
            Self::Stored(place, _) => place.count(),
        }
    }

    /// Calls `sink` with all positions, a rising stretch at a time.
    pub(crate) fn for_each_stretch(&self, mut sink: impl FnMut(&[u32])) -> Result<()> {
        match self {
            Self::Slice(positions) => sink(positions),
            Self::Stored(PostingsPlace::Inline(positions), _) => sink(positions),
            Self::Stored(PostingsPlace::Chunks(chunks), source) => {
                for place in chunks {
                    sink(&source.chunk(place)?);
                }
            }
        }
        Ok(())
    }
}

/// Day of an instant in microseconds since 1970.
pub(crate) fn day_of(instant: i64) -> i32 {
    instant.div_euclid(86_400_000_000) as i32
}

/// Reads stored canonical bytes, which were checked when they were accepted.
pub(crate) fn read_event(canonical: &[u8], place: u64) -> Result<Event> {
    Event::from_canonical(canonical).map_err(|error| {
        Error::new(ErrorKind::Corrupt, format!("the entry at position {place} cannot be read; run `deedbook doctor`"))
            .with_source(error)
    })
}
