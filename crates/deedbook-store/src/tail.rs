//! The unsealed tail of the log in memory: [`Run`]s of entries with the same index that segments have.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use deedbook_core::commitment::Key;
use deedbook_core::removal::{ERASED, RETIRED};
use deedbook_core::tree::Frontier;
use deedbook_core::{Order, Result};

use crate::cursor::beyond;
use crate::disk::Disk;
use crate::holes::Holes;
use crate::index::{TermIndex, merge_terms};
use crate::manifest::SegmentName;
use crate::part::{Loaded, Part, Postings, Tally, TermVisitor, day_of, read_event};
use crate::segment::{Content, Coverage, KeyRange, Sample, SegmentWriter, StoredEntry, TIMES_CHUNK, Times, Zone};
use crate::unsealed::TailEntry;
use crate::wal::Generation;

/// A run is joined with its predecessor while both together have at most this many entries: the writer does it, and
/// must not be held up.
const RUN_MAX: usize = 1024;

/// Consecutive entries of one generation of the write-ahead log, and their index.
pub(crate) struct Run {
    first_position: u64,
    entries: Vec<Arc<TailEntry>>,
    index: TermIndex,
    /// (hash, position), sorted.
    ids: Vec<(u64, u32)>,
    pub(crate) generation: Arc<Generation>,
}

impl Run {
    pub(crate) fn new(
        first_position: u64,
        entries: Vec<Arc<TailEntry>>,
        index: TermIndex,
        generation: Arc<Generation>,
    ) -> Self {
        let mut ids: Vec<(u64, u32)> = entries.iter().map(|entry| entry.id_hash).zip(0..).collect();
        ids.sort_unstable();
        Self { first_position, entries, index, ids, generation }
    }

    /// This run and the one after it, as one, where they are small and of one generation.
    pub(crate) fn joined(&self, next: &Self) -> Option<Self> {
        let small = self.entries.len() + next.entries.len() <= RUN_MAX && self.entries.len() <= 2 * next.entries.len();
        (small && self.generation.name == next.generation.name).then(|| {
            let entries = self.entries.iter().chain(&next.entries).cloned().collect();
            let index = TermIndex::merge(&[(&self.index, 0), (&next.index, self.entries.len() as u32)]);
            Self::new(self.first_position, entries, index, self.generation.clone())
        })
    }

    /// Notes what these entries authorise.
    pub(crate) fn note_authorities(&self, holes: &mut Holes) -> Result<()> {
        let authorises = |entry: &&Arc<TailEntry>| [RETIRED, ERASED].contains(&entry.identity.action());
        for entry in self.entries.iter().filter(authorises) {
            holes.note_event(entry.identity.tenant(), entry.seq, &read_event(&entry.canonical, entry.position)?);
        }
        Ok(())
    }

    /// The entry at a position within the run, if there is one.
    pub(crate) fn at(&self, position: u32) -> Option<&TailEntry> {
        self.entries.get(position as usize).map(|entry| &**entry)
    }

    fn entry(&self, position: u32) -> &Arc<TailEntry> {
        &self.entries[position as usize]
    }
}

impl Part for Run {
    fn first_position(&self) -> u64 {
        self.first_position
    }

    fn positions(&self) -> u32 {
        self.entries.len() as u32
    }

    fn postings(&self, term: &[u8]) -> Result<Postings<'_>> {
        Ok(Postings::Slice(self.index.get(term)))
    }

    fn visit_terms<'p>(&'p self, from: &[u8], visit: &mut TermVisitor<'_, 'p>) -> Result<()> {
        for (term, positions) in self.index.range(from) {
            if !visit(term, Postings::Slice(positions))? {
                break;
            }
        }
        Ok(())
    }

    fn find_zone(&self, chunk: u32, order: Order, wanted: &dyn Fn(i64, i64) -> bool) -> Result<Option<Zone>> {
        let chunks = self.positions().div_ceil(TIMES_CHUNK as u32);
        let mut next = Some(chunk);
        while let Some(chunk) = next.filter(|&chunk| chunk < chunks) {
            let times = self.times(chunk)?;
            let occurred = || times.iter().map(|times| times.occurred_at);
            let (earliest, latest) = (occurred().min().unwrap_or(i64::MAX), occurred().max().unwrap_or(i64::MIN));
            if wanted(earliest, latest) {
                return Ok(Some(Zone { chunk, earliest, latest }));
            }
            next = beyond(chunk, order);
        }
        Ok(None)
    }

    fn times(&self, chunk: u32) -> Result<Vec<Times>> {
        let start = chunk as usize * TIMES_CHUNK;
        let end = (start + TIMES_CHUNK).min(self.entries.len());
        Ok(self.entries[start..end].iter().map(|entry| entry.times).collect())
    }

    fn recorded_at(&self, position: u32) -> Result<i64> {
        Ok(self.entries[position as usize].times.recorded_at)
    }

    fn first_recorded_from(&self, instant: i64) -> Result<u32> {
        Ok(self.entries.partition_point(|entry| entry.times.recorded_at < instant) as u32)
    }

    fn find_id(&self, hash: u64) -> Result<Vec<u32>> {
        let start = self.ids.partition_point(|(found, _)| *found < hash);
        let same = self.ids[start..].iter().take_while(|(found, _)| *found == hash);
        Ok(same.map(|(_, position)| *position).collect())
    }

    fn load(&self, position: u32) -> Result<Loaded> {
        let entry = self.entry(position);
        Ok(Loaded::Unsealed(entry.clone()))
    }

    fn key(&self, _position: u32) -> Option<&Key> {
        Some(&self.generation.key)
    }

    fn positions_of_tenant(&self, tenant: &str) -> Result<Vec<u32>> {
        Ok(self.index.get(&[&[crate::terms::TENANT], tenant.as_bytes()].concat()).to_vec())
    }

    fn seqs(&self, tenant: &str) -> Result<Option<Range<u64>>> {
        let positions = self.positions_of_tenant(tenant)?;
        let ends = positions.first().zip(positions.last());
        Ok(ends.map(|(&first, &last)| self.entry(first).seq..self.entry(last).seq + 1))
    }

    fn visit_tallies(&self, tenant: Option<&str>, visit: &mut dyn FnMut(Tally<'_>)) -> Result<()> {
        let wanted = self.entries.iter().filter(|entry| tenant.is_none_or(|tenant| entry.identity.tenant() == tenant));
        wanted.for_each(|entry| visit(tally_of(entry, 1)));
        Ok(())
    }
}

fn tally_of(entry: &TailEntry, count: u64) -> Tally<'_> {
    Tally {
        tenant: entry.identity.tenant(),
        day: day_of(entry.times.occurred_at),
        outcome: entry.outcome as u8,
        action: entry.identity.action().as_bytes(),
        count,
    }
}

/// Everything of one generation that was filled, and what its segment must hold.
pub(crate) struct Sealable {
    pub(crate) generation: Arc<Generation>,
    /// In order, at least one.
    pub(crate) runs: Vec<Arc<Run>>,
    /// The tree of each of its tenants after its last entry.
    pub(crate) frontiers: BTreeMap<Box<str>, Frontier>,
}

/// Writes the segment of a generation.
pub(crate) fn seal(disk: &dyn Disk, name: &str, file_id: [u8; 16], sealable: &Sealable) -> Result<SegmentName> {
    let entries: Vec<&TailEntry> = sealable.runs.iter().flat_map(|run| &run.entries).map(|entry| &**entry).collect();
    let keys = vec![KeyRange { positions: entries.len() as u64, key: Some(sealable.generation.key.clone()) }];
    let first_position = sealable.runs[0].first_position;
    let (positions, ids) = (entries.len() as u32, entries.len() as u64);
    let coverage = Coverage { first_position, positions, ids, keys };
    let sample = Sample::of(0..=positions - 1, |position, bytes| {
        bytes.extend_from_slice(&entries[position as usize].canonical);
        Ok(true)
    })?;
    let mut writer = SegmentWriter::create(disk, name, file_id, coverage, sample)?;
    seal_entries(&entries, sealable, &mut writer)?;
    entries.iter().try_for_each(|entry| writer.put_times(entry.times))?;
    let mut ids: Vec<(u32, u32)> = entries.iter().map(|entry| (entry.id_hash >> 32) as u32).zip(0..).collect();
    ids.sort_unstable();
    ids.into_iter().try_for_each(|row| writer.put_id(row))?;
    seal_terms(&sealable.runs, &mut writer)?;
    seal_tallies(&entries, &mut writer)?;
    writer.finish()
}

fn seal_entries(entries: &[&TailEntry], sealable: &Sealable, writer: &mut SegmentWriter) -> Result<()> {
    let mut order: Vec<u32> = (0..entries.len() as u32).collect();
    // Positions of a tenant rise with its numbers.
    let tenant_of = |position: u32| entries[position as usize].identity.tenant();
    order.sort_by(|&a, &b| tenant_of(a).cmp(tenant_of(b)));
    for of_tenant in order.chunk_by(|&a, &b| tenant_of(a) == tenant_of(b)) {
        for &position in of_tenant {
            let TailEntry { seq, canonical, .. } = entries[position as usize];
            writer.put_entry(position, StoredEntry { seq: *seq, content: Content::Whole(canonical) })?;
        }
        let tenant = tenant_of(of_tenant[0]);
        writer.end_tenant(tenant, &sealable.frontiers[tenant])?;
    }
    Ok(())
}

fn seal_terms(runs: &[Arc<Run>], writer: &mut SegmentWriter) -> Result<()> {
    let first_position = runs[0].first_position;
    let placed: Vec<(&TermIndex, u32)> =
        runs.iter().map(|run| (&run.index, (run.first_position - first_position) as u32)).collect();
    merge_terms(&placed, |term, positions| writer.put_term(term, positions))
}

fn seal_tallies(entries: &[&TailEntry], writer: &mut SegmentWriter) -> Result<()> {
    let mut counts: BTreeMap<(&str, i32, u8, &[u8]), u64> = BTreeMap::new();
    for entry in entries {
        let Tally { tenant, day, outcome, action, .. } = tally_of(entry, 1);
        *counts.entry((tenant, day, outcome, action)).or_default() += 1;
    }
    counts.into_iter().try_for_each(|((tenant, day, outcome, action), count)| {
        writer.put_tally(&Tally { tenant, day, outcome, action, count })
    })
}
