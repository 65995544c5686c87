//! Taking away: a segment is written anew without what goes.
//!
//! Blocks of entries to which nothing is done are copied as they are. The key of a range of positions in which something
//! is erased goes too, because erased values could be guessed with it; the other entries of the range get seeds of their
//! own.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use deedbook_core::{Event, Outcome, Result, Timestamp, removal};

use super::content::Content;
use super::copy::{Edit, copy_entries, placed, sample_of};
use super::entries::StoredEntry;
use super::footer::KeyRange;
use super::read::{Segment, read_tally};
use super::times::Times;
use super::write::{Coverage, SegmentWriter, tally_key};
use crate::disk::Disk;
use crate::manifest::SegmentName;
use crate::part::{Part, Tally, day_of, read_event};
use crate::recovery::times_of;
use crate::removal::{Removal, Taken};
use crate::terms::{CONTENT_ERASED, HOLE, IdHasher, RETIRED, read_terms, terms_of};

/// What is to be done to one segment.
pub(crate) struct Rewriting<'a> {
    pub(crate) segment: &'a Arc<Segment>,
    /// Positions within the segment, rising, at which something is still to be taken away.
    pub(crate) pending: Vec<u32>,
    pub(crate) removal: Removal<'a>,
    pub(crate) hasher: &'a IdHasher,
}

/// Writes the segment without what goes.
pub(crate) fn rewrite(
    disk: &dyn Disk,
    name: &str,
    file_id: [u8; 16],
    rewriting: &Rewriting<'_>,
) -> Result<SegmentName> {
    let Segment { footer, ids, .. } = &**rewriting.segment;
    let mut editor = Editor::new(rewriting);
    let coverage = Coverage {
        first_position: footer.first_position,
        positions: footer.positions,
        ids: ids.rows() - editor.retired.count(),
        keys: editor.keys(),
    };
    let mut sources = placed(std::slice::from_ref(rewriting.segment))?;
    let sample = sample_of(&sources, &editor)?;
    let mut writer = SegmentWriter::create(disk, name, file_id, coverage, sample)?;
    copy_entries(&mut sources, &mut editor, &mut writer)?;
    drop(sources);
    editor.write_times(&mut writer)?;
    editor.write_ids(&mut writer)?;
    editor.write_terms(&mut writer)?;
    editor.write_tallies(&mut writer)?;
    writer.finish()
}

/// Changes entries, and gathers what follows from that for the other sections.
struct Editor<'a> {
    segment: &'a Segment,
    removal: Removal<'a>,
    hasher: &'a IdHasher,
    /// Positions from which something is taken, as a set and as they rise.
    pending: Bits,
    rising: &'a [u32],
    /// Those that are retired now.
    retired: Bits,
    /// Those that lose their content now.
    content: Bits,
    /// Positions of ranges whose key goes.
    keyless: Bits,
    /// Ranges whose key goes.
    lost: HashSet<usize>,
    /// Terms that entries have no more, and that they have only now, with their positions.
    dropped: BTreeMap<Vec<u8>, Vec<u32>>,
    gained: BTreeMap<Vec<u8>, Vec<u32>>,
    /// By how much tallies go down.
    untallied: BTreeMap<Vec<u8>, u64>,
}

impl<'a> Editor<'a> {
    fn new(rewriting: &'a Rewriting<'_>) -> Self {
        let Rewriting { segment, pending, removal, hasher } = rewriting;
        let none = || Bits::new(segment.footer.positions);
        let mut editor = Self {
            segment,
            removal: *removal,
            hasher,
            pending: none(),
            rising: pending,
            retired: none(),
            content: none(),
            keyless: none(),
            lost: HashSet::new(),
            dropped: BTreeMap::new(),
            gained: BTreeMap::new(),
            untallied: BTreeMap::new(),
        };
        for &position in pending {
            editor.pending.set(position);
            match editor.taken(position) {
                Some(Taken::All) => editor.retired.set(position),
                Some(Taken::Content) => editor.content.set(position),
                Some(Taken::Values(_)) | None => {}
            }
        }
        editor.lose_keys(pending);
        editor
    }

    /// Marks the ranges in which something is erased. Retired entries leave nothing behind that a key would tell.
    fn lose_keys(&mut self, pending: &[u32]) {
        let mut start = 0;
        for (number, range) in self.segment.footer.keys.iter().enumerate() {
            let end = start + range.positions as u32;
            let from = pending.partition_point(|position| *position < start);
            let until = pending.partition_point(|position| *position < end);
            if range.key.is_some() && pending[from..until].iter().any(|position| !self.retired.has(*position)) {
                self.lost.insert(number);
                (start..end).for_each(|position| self.keyless.set(position));
            }
            start = end;
        }
    }

    fn keys(&self) -> Vec<KeyRange> {
        let ranges = self.segment.footer.keys.iter().enumerate();
        let kept = ranges.map(|(number, range)| match self.lost.contains(&number) {
            true => KeyRange { positions: range.positions, key: None },
            false => range.clone(),
        });
        kept.collect()
    }

    /// What goes from the entry at a position.
    fn taken(&self, position: u32) -> Option<Taken<'a>> {
        self.removal.at(self.in_log(position)).filter(|_| self.pending.has(position))
    }

    fn in_log(&self, position: u32) -> u64 {
        self.segment.first_position() + u64::from(position)
    }

    fn recorded_at(&self, position: u32) -> Result<Timestamp> {
        let recorded_at = Timestamp::from_microsecond(self.segment.recorded_at(position)?);
        recorded_at.map_err(|_| self.segment.file.corrupt("a time of recording is out of range"))
    }

    /// All that is left of a retired entry.
    fn retire(&mut self, position: u32, content: Content<'_>) -> Result<Content<'static>> {
        let (recorded_at, key) = (self.recorded_at(position)?, self.segment.key(position));
        let Some(canonical) = content.canonical() else {
            return Ok(Content::Retired(content.leaf_hash(key, ("", ""), recorded_at)?));
        };
        let event = read_event(canonical, self.in_log(position))?;
        self.untally(&event, recorded_at);
        Ok(Content::Retired(content.leaf_hash(key, identity(&event), recorded_at)?))
    }

    /// Writes what is left of an entry without its content.
    fn erase_content(&mut self, position: u32, entry: StoredEntry<'_>, writer: &mut SegmentWriter) -> Result<()> {
        let Some(canonical) = entry.content.canonical() else { return writer.put_entry(position, entry) };
        let event = read_event(canonical, self.in_log(position))?;
        self.untally(&event, self.recorded_at(position)?);
        let (tenant, id) = identity(&event);
        let root = entry.content.secret(self.segment.key(position), (tenant, id))?.root(canonical)?;
        writer.put_entry(position, StoredEntry { content: Content::Erased { tenant, id, root }, ..entry })
    }

    /// Writes an entry without some of its values.
    fn erase_values(
        &mut self,
        position: u32,
        entry: StoredEntry<'_>,
        paths: &[String],
        writer: &mut SegmentWriter,
    ) -> Result<()> {
        let Some(canonical) = entry.content.canonical() else { return writer.put_entry(position, entry) };
        let in_log = self.in_log(position);
        let event = read_event(canonical, in_log)?;
        let secret = entry.content.secret(self.segment.key(position), identity(&event))?;
        let (blanked, left) = removal::without_values(canonical, paths, in_log, |path| secret.salt(path))?;
        let salts = secret.remaining(&blanked)?;
        let content = Content::Blanked { canonical: &blanked, salts: &salts };
        // What goes now cannot be had again: the proof must hold without it.
        if content.secret(None, ("", ""))?.root(&blanked)? != secret.root(canonical)? {
            return Err(self.segment.file.corrupt("an entry without some values would have another root"));
        }
        self.change_terms(position, &event, &left);
        writer.put_entry(position, StoredEntry { content, ..entry })
    }

    fn change_terms(&mut self, position: u32, before: &Event, after: &Event) {
        let (before, after) = (terms_of(before, self.hasher), terms_of(after, self.hasher));
        let (before, after): (HashSet<&[u8]>, HashSet<&[u8]>) =
            (read_terms(&before).collect(), read_terms(&after).collect());
        for term in before.difference(&after) {
            self.dropped.entry(term.to_vec()).or_default().push(position);
        }
        for term in after.difference(&before) {
            self.gained.entry(term.to_vec()).or_default().push(position);
        }
    }

    fn untally(&mut self, event: &Event, recorded_at: Timestamp) {
        let day = day_of(times_of(event, recorded_at.as_microsecond()).occurred_at);
        let outcome = event.outcome.unwrap_or(Outcome::Success) as u8;
        let tenant = event.tenant.as_deref().unwrap_or_default();
        let key = tally_key(&Tally { tenant, day, outcome, action: event.action.as_bytes(), count: 1 });
        *self.untallied.entry(key).or_default() += 1;
    }

    fn is_gone(&self, position: u32) -> bool {
        self.retired.has(position) || self.content.has(position)
    }

    /// Writes an entry with the seed that it had from its key.
    fn put_seeded(&self, position: u32, seq: u64, canonical: &[u8], writer: &mut SegmentWriter) -> Result<()> {
        let event = read_event(canonical, self.in_log(position))?;
        let (tenant, id) = identity(&event);
        let key = self.segment.key(position).ok_or_else(|| self.segment.file.corrupt("a key is missing"))?;
        let content = Content::Seeded(key.seed(tenant, id), canonical);
        writer.put_entry(position, StoredEntry { seq, content })
    }

    // The other sections.

    fn write_times(&self, writer: &mut SegmentWriter) -> Result<()> {
        let Segment { times, file, .. } = self.segment;
        let mut positions = 0..self.segment.footer.positions;
        for chunk in 0..times.chunks() {
            for (of_entry, position) in times.chunk(file, chunk)?.into_iter().zip(positions.by_ref()) {
                let occurred_at = if self.is_gone(position) { of_entry.recorded_at } else { of_entry.occurred_at };
                writer.put_times(Times { occurred_at, ..of_entry })?;
            }
        }
        Ok(())
    }

    fn write_ids(&self, writer: &mut SegmentWriter) -> Result<()> {
        for row in self.segment.ids.scan(&self.segment.file) {
            let (hash, position) = row?;
            if !self.retired.has(position) {
                writer.put_id((hash, position))?;
            }
        }
        Ok(())
    }

    fn write_terms(&mut self, writer: &mut SegmentWriter) -> Result<()> {
        self.write_holes(writer)?;
        let dropped = std::mem::take(&mut self.dropped);
        let mut gained = std::mem::take(&mut self.gained).into_iter().peekable();
        let mut terms = self.segment.terms.scan();
        while let Some((term, payload)) = terms.next()? {
            if term.first() == Some(&HOLE) {
                continue;
            }
            while let Some((new, positions)) = gained.next_if(|(new, _)| &new[..] < term) {
                writer.put_term(&new, &sorted(positions))?;
            }
            let mut positions = self.segment.all_postings(payload)?;
            let gone = dropped.get(term).map(|gone| sorted(gone.clone())).unwrap_or_default();
            positions.retain(|position| !self.is_gone(*position) && gone.binary_search(position).is_err());
            if let Some((_, new)) = gained.next_if(|(new, _)| &new[..] == term) {
                positions.extend(new);
                positions = sorted(positions);
            }
            if !positions.is_empty() {
                writer.put_term(term, &positions)?;
            }
        }
        gained.try_for_each(|(new, positions)| writer.put_term(&new, &sorted(positions)))
    }

    /// The lists of holes stand before all other terms.
    fn write_holes(&self, writer: &mut SegmentWriter) -> Result<()> {
        let mut retired = self.segment.positions_of(RETIRED)?;
        retired.extend(self.retired.positions());
        let mut erased = self.segment.positions_of(CONTENT_ERASED)?;
        erased.retain(|position| !self.retired.has(*position));
        erased.extend(self.content.positions());
        for (term, positions) in [(RETIRED, sorted(retired)), (CONTENT_ERASED, sorted(erased))] {
            if !positions.is_empty() {
                writer.put_term(term, &positions)?;
            }
        }
        Ok(())
    }

    fn write_tallies(&mut self, writer: &mut SegmentWriter) -> Result<()> {
        let Self { segment, untallied, .. } = self;
        let mut tallies = segment.tallies.scan();
        while let Some((key, payload)) = tallies.next()? {
            let tally = segment.file.shaped(read_tally(key, payload), "a tally")?;
            let count = tally.count.checked_sub(untallied.remove(key).unwrap_or(0));
            let count = count.ok_or_else(|| segment.file.corrupt("a tally is less than there are entries"))?;
            if count > 0 {
                writer.put_tally(&Tally { count, ..tally })?;
            }
        }
        match untallied.is_empty() {
            true => Ok(()),
            false => Err(segment.file.corrupt("an entry is in no tally")),
        }
    }
}

/// Tenant and id of a stored event.
pub(super) fn identity(event: &Event) -> (&str, &str) {
    (event.tenant.as_deref().unwrap_or_default(), event.id.as_deref().unwrap_or_default())
}

fn sorted(mut positions: Vec<u32>) -> Vec<u32> {
    positions.sort_unstable();
    positions
}

impl Edit for Editor<'_> {
    fn touches(&self, positions: &RangeInclusive<u32>) -> bool {
        let first = self.rising.partition_point(|position| position < positions.start());
        self.rising.get(first).is_some_and(|position| position <= positions.end())
    }

    /// A block of its own is ended early before one that is copied, so that one change does not shift all that follows.
    fn may_copy(&self, positions: &[u32], _writer: &SegmentWriter) -> bool {
        !positions.iter().any(|&position| self.pending.has(position) || self.keyless.has(position))
    }

    fn put(&mut self, position: u32, entry: StoredEntry<'_>, writer: &mut SegmentWriter) -> Result<()> {
        match self.taken(position) {
            Some(Taken::All) => {
                let content = self.retire(position, entry.content)?;
                writer.put_entry(position, StoredEntry { content, ..entry })
            }
            Some(Taken::Content) => self.erase_content(position, entry, writer),
            Some(Taken::Values(paths)) => self.erase_values(position, entry, paths, writer),
            None => match entry.content {
                Content::Whole(canonical) if self.keyless.has(position) => {
                    self.put_seeded(position, entry.seq, canonical, writer)
                }
                _ => writer.put_entry(position, entry),
            },
        }
    }
}

/// A set of positions, a bit for each.
struct Bits(Vec<u64>);

impl Bits {
    fn new(positions: u32) -> Self {
        Self(vec![0; positions.div_ceil(64) as usize])
    }

    fn set(&mut self, position: u32) {
        self.0[position as usize / 64] |= 1 << (position % 64);
    }

    fn has(&self, position: u32) -> bool {
        self.0[position as usize / 64] & (1 << (position % 64)) != 0
    }

    fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    fn positions(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.0.len() as u32 * 64).filter(|&position| self.has(position))
    }
}
