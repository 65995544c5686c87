//! Checking a segment: every block is read, and everything that can be recomputed from the entries is.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use deedbook_core::removal::has_erased_values;
use deedbook_core::tree::Frontier;
use deedbook_core::{Digest, Event, Outcome, Result, Timestamp};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

use super::content::Content;
use super::entries::read_block;
use super::file::CHECKSUM;
use super::footer::TRAILER;
use super::read::{Segment, read_tally, read_tenant};
use super::sample::read_sample;
use super::times::Times;
use crate::disk::read_exact_at;
use crate::failure::io_error;
use crate::holes::Holes;
use crate::part::{Part, Postings, day_of, read_event};
use crate::postings::PostingsPlace;
use crate::recovery::times_of;
use crate::terms::{CONTENT_ERASED, IdHasher, RETIRED, read_terms, terms_of};

/// Reads and recomputes a whole segment. `frontiers` are the trees of all tenants before it and become those after it;
/// what is missing and what authorises that is noted in `holes`.
/// What is wrong is told to `problem`; an error ends the check of this segment.
pub(crate) fn check(
    segment: &Segment,
    hasher: &IdHasher,
    (frontiers, holes): (&mut HashMap<String, Frontier>, &mut Holes),
    problem: &mut dyn FnMut(String),
) -> Result<()> {
    let name = &segment.file.name;
    let mut say = |what: &str| problem(format!("{name}: {what}"));
    if segment.sections()?.iter().map(|(_, bytes)| bytes).sum::<u64>() != segment.name.bytes {
        say("its sections do not add up to its length");
    }
    if !segment.keys_agree()? {
        say("the two copies of its keys differ; the first one is used");
    }
    check_archived(segment, &mut say)?;
    segment.ids.check_filter(&segment.file)?;
    let times = all_times(segment, &mut say)?;
    let found = check_entries(segment, hasher, &times, (frontiers, holes), &mut say)?;
    check_terms(segment, found.terms, &mut say)?;
    check_ids(segment, found.ids, &mut say)?;
    check_tallies(segment, &found.tallies, &mut say)
}

/// Bytes that are compared at once.
const PIECE: usize = 1 << 20;

/// What lies in an archive has its length, and beside the entries the bytes that are here too; here is nothing of them.
fn check_archived(segment: &Segment, say: &mut dyn FnMut(&str)) -> Result<()> {
    let (file, there) = (&segment.file, &segment.entries_file);
    let (Some(archived), Some(offloaded)) = (&there.archived, &segment.name.offloaded) else { return Ok(()) };
    let failed = |error| io_error("read", &there.name, error);
    if !archived.has_its_length().map_err(failed)? {
        say("what lies of it in the archive is not as long as what was moved there");
        return Ok(());
    }
    // The trailer of before, for its checksum.
    file.block_uncached(segment.name.bytes - TRAILER, (TRAILER - CHECKSUM) as usize)?;
    let mut at = 0;
    for range in segment.entries.ranges(file)?.into_iter().chain(std::iter::once(offloaded.until..offloaded.until)) {
        let mut bytes = vec![0; (range.start - at) as usize];
        let mut archived_bytes = bytes.clone();
        read_exact_at(&*file.file, &mut bytes, at).map_err(|error| io_error("read", &file.name, error))?;
        read_exact_at(&*there.file, &mut archived_bytes, at).map_err(failed)?;
        if bytes != archived_bytes {
            say("what lies of it in the archive was changed beside its entries");
        }
        for start in range.clone().step_by(PIECE) {
            let mut piece = vec![0; PIECE.min((range.end - start) as usize)];
            read_exact_at(&*file.file, &mut piece, start).map_err(|error| io_error("read", &file.name, error))?;
            if piece.iter().any(|&byte| byte != 0) {
                say("something is where its entries were, which lie in an archive");
            }
        }
        at = range.end;
    }
    Ok(())
}

/// What the entries of a segment say its indexes must be.
#[derive(Default)]
struct Expected {
    /// Sum over the hashes of all (term, position).
    terms: u128,
    /// (hash, position): the upper half is in the table, the lower one besides where the entries lie in an archive.
    ids: Vec<(u64, u32)>,
    tallies: BTreeMap<(String, i32, u8, Vec<u8>), u64>,
}

fn all_times(segment: &Segment, say: &mut dyn FnMut(&str)) -> Result<Vec<Times>> {
    let mut times: Vec<Times> = Vec::new();
    for chunk in 0..segment.times.chunks() {
        let zone = segment.times.zone(&segment.file, chunk)?;
        let of_chunk = segment.times.chunk(&segment.file, chunk)?;
        let occurred = || of_chunk.iter().map(|times| times.occurred_at);
        if occurred().min() != Some(zone.earliest) || occurred().max() != Some(zone.latest) {
            say("the directory of times does not tell the range of a chunk");
        }
        times.extend(of_chunk);
    }
    if !times.is_sorted_by_key(|times| times.recorded_at) {
        say("times of recording run backwards");
    }
    Ok(times)
}

/// The tenants in the order in which their entries lie, each with the ordinal of its first one.
fn tenants_by_ordinal(segment: &Segment) -> Result<Vec<(u32, String)>> {
    let mut tenants = Vec::new();
    segment.tenants.visit(b"", |tenant, payload| {
        let run = segment.file.shaped(read_tenant(payload), "a tenant")?;
        tenants.push((run.first_ordinal, String::from_utf8_lossy(tenant).into_owned()));
        Ok(true)
    })?;
    Ok(tenants)
}

fn check_entries(
    segment: &Segment,
    hasher: &IdHasher,
    times: &[Times],
    (frontiers, holes): (&mut HashMap<String, Frontier>, &mut Holes),
    say: &mut dyn FnMut(&str),
) -> Result<Expected> {
    let Segment { file, entries_file, entries, .. } = segment;
    let positions = entries.positions(file)?;
    let tenants = tenants_by_ordinal(segment)?;
    let mut expected = Expected::default();
    let mut sampled = Sampled::of(segment)?;
    let mut reached: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    let mut ordinal = 0u32;
    let mut last: Option<(String, u64)> = None;
    for block in 0..entries.blocks() {
        let place = entries.place(file, block)?;
        if place.first_ordinal != ordinal {
            say("the directory of blocks does not count its entries");
        }
        let bytes = entries.block_uncached(entries_file, &place)?;
        for entry in read_block(&bytes) {
            let entry = file.shaped(entry, "a block of entries")?;
            let Some(&position) = positions.get(ordinal as usize) else {
                say("it holds more entries than it says");
                return Ok(expected);
            };
            let owner = tenants[..tenants.partition_point(|(first, _)| *first <= ordinal)].last();
            let owner = owner.map_or("", |(_, tenant)| tenant);
            let its_times = times[position as usize];
            sampled.found(position, &entry.content);
            let checked = Checked { segment, hasher, position, times: its_times, content: entry.content };
            let found = checked.check(owner, &mut expected, say)?;
            if let Some(event) = &found.event {
                holes.note_event(&found.tenant, entry.seq, event);
            }
            holes.note_content(&found.tenant, entry.seq, &entry.content)?;
            let tenant = found.tenant;
            let frontier = frontiers.entry(tenant.clone()).or_default();
            if frontier.size() != entry.seq {
                say(&format!("the numbers of tenant {tenant} have a gap at {}", entry.seq));
            }
            frontier.push(found.leaf_hash);
            if last.as_ref().is_some_and(|(before, seq)| (before, *seq) >= (&tenant, entry.seq)) {
                say("its entries are not in the order of tenants and numbers");
            }
            reached.entry(tenant.clone()).or_insert((ordinal, 0)).1 += 1;
            last = Some((tenant, entry.seq));
            ordinal += 1;
        }
    }
    if ordinal != segment.positions() {
        say("it holds another number of entries than it says");
    }
    if !sampled.is_all_found() {
        say("what its blocks are compressed against holds something that is in none of its entries");
    }
    check_tenants(segment, frontiers, &reached, say)?;
    Ok(expected)
}

/// What is in the samples of a segment and was not found among its entries: the digest of canonical bytes → between
/// which positions they must be. So nothing stays in a sample that was taken away from an entry.
struct Sampled(HashMap<u128, Vec<RangeInclusive<u32>>>);

impl Sampled {
    fn of(segment: &Segment) -> Result<Self> {
        let mut missing: HashMap<u128, Vec<_>> = HashMap::new();
        for sample in &segment.entries.samples {
            for canonical in read_sample(&sample.read(&segment.entries_file)?) {
                let canonical = segment.file.shaped(canonical, "a sample of entries")?;
                missing.entry(digest(canonical, 0)).or_default().push(sample.positions.clone());
            }
        }
        Ok(Self(missing))
    }

    fn found(&mut self, position: u32, content: &Content<'_>) {
        let Some(missing) = content.canonical().and_then(|canonical| self.0.get_mut(&digest(canonical, 0))) else {
            return;
        };
        missing.retain(|positions| !positions.contains(&position));
    }

    fn is_all_found(&self) -> bool {
        self.0.values().all(Vec::is_empty)
    }
}

/// One entry and what is said of it elsewhere.
struct Checked<'a> {
    segment: &'a Segment,
    hasher: &'a IdHasher,
    position: u32,
    times: Times,
    content: Content<'a>,
}

/// What an entry says of itself.
struct Found {
    tenant: String,
    leaf_hash: Digest,
    event: Option<Event>,
}

impl Checked<'_> {
    fn in_log(&self) -> u64 {
        self.segment.first_position() + u64::from(self.position)
    }

    /// Recomputes what follows from an entry. A retired one does not name its tenant: `owner` is whose it lies among.
    fn check(&self, owner: &str, expected: &mut Expected, say: &mut dyn FnMut(&str)) -> Result<Found> {
        match (self.content, self.content.canonical()) {
            (_, Some(canonical)) => self.check_event(canonical, expected, say),
            (Content::Erased { tenant, id, .. }, None) => {
                self.expect_id((tenant, id), expected);
                self.check_hole(tenant, CONTENT_ERASED, expected, say)
            }
            (_, None) => self.check_hole(owner, RETIRED, expected, say),
        }
    }

    fn check_hole(
        &self,
        tenant: &str,
        term: &[u8],
        expected: &mut Expected,
        say: &mut dyn FnMut(&str),
    ) -> Result<Found> {
        if self.times.occurred_at != self.times.recorded_at {
            say(&format!("the times of position {} tell something of what was taken away", self.in_log()));
        }
        expected.terms = expected.terms.wrapping_add(digest(term, self.position));
        let leaf_hash = self.content.leaf_hash(None, ("", ""), self.recorded_at())?;
        Ok(Found { tenant: tenant.to_owned(), leaf_hash, event: None })
    }

    fn check_event(&self, canonical: &[u8], expected: &mut Expected, say: &mut dyn FnMut(&str)) -> Result<Found> {
        let in_log = self.in_log();
        let event = read_event(canonical, in_log)?;
        if let Err(error) = deedbook_core::check_canonical(canonical) {
            say(&format!("the entry at position {in_log} is not in canonical form: {error}"));
        }
        if has_erased_values(canonical) != matches!(self.content, Content::Blanked { .. }) {
            say(&format!(
                "the entry at position {in_log} lacks values and has the secret of all, or the other way round"
            ));
        }
        let (tenant, id) = (event.tenant.clone().unwrap_or_default(), event.id.clone().unwrap_or_default());
        if self.times != times_of(&event, self.times.recorded_at) {
            say(&format!("the entry at position {in_log} has another time than its index says"));
        }
        let key = self.segment.key(self.position);
        let leaf_hash = self.content.leaf_hash(key, (&tenant, &id), self.recorded_at())?;
        for term in distinct(&terms_of(&event, self.hasher)) {
            expected.terms = expected.terms.wrapping_add(digest(term, self.position));
        }
        self.expect_id((&tenant, &id), expected);
        let outcome = event.outcome.unwrap_or(Outcome::Success) as u8;
        let tally = (tenant.clone(), day_of(self.times.occurred_at), outcome, event.action.clone().into_bytes());
        *expected.tallies.entry(tally).or_default() += 1;
        Ok(Found { tenant, leaf_hash, event: Some(event) })
    }

    fn expect_id(&self, (tenant, id): (&str, &str), expected: &mut Expected) {
        expected.ids.push((self.hasher.event(tenant, id), self.position));
    }

    fn recorded_at(&self) -> Timestamp {
        Timestamp::from_microsecond(self.times.recorded_at).unwrap_or_default()
    }
}

fn check_tenants(
    segment: &Segment,
    frontiers: &HashMap<String, Frontier>,
    reached: &BTreeMap<String, (u32, u32)>,
    say: &mut dyn FnMut(&str),
) -> Result<()> {
    let mut seen = 0;
    segment.tenants.visit(b"", |tenant, payload| {
        let run = segment.file.shaped(read_tenant(payload), "a tenant")?;
        let name = String::from_utf8_lossy(tenant);
        if reached.get(&*name) != Some(&(run.first_ordinal, run.count)) {
            say(&format!("the entries of tenant {name} do not lie where it says"));
        } else if frontiers.get(&*name) != Some(&run.frontier) {
            say(&format!("the tree of tenant {name} is not that of its entries"));
        }
        seen += 1;
        Ok(true)
    })?;
    if seen != reached.len() || segment.tenants.keys != seen as u64 {
        say("its list of tenants is not that of its entries");
    }
    Ok(())
}

fn check_terms(segment: &Segment, expected: u128, say: &mut dyn FnMut(&str)) -> Result<()> {
    let mut found = 0u128;
    let (mut terms, mut last_end) = (0, 0);
    let mut cursor = segment.terms.scan();
    while let Some((term, payload)) = cursor.next()? {
        terms += 1;
        let Postings::Stored(place, source) = segment.read_postings(payload)? else { continue };
        if let PostingsPlace::Chunks(chunks) = &place {
            last_end = last_end.max(chunks.iter().map(|chunk| chunk.offset).max().unwrap_or(0));
            for chunk in chunks {
                source.chunk(chunk)?;
            }
        }
        Postings::Stored(place, source).for_each_stretch(|stretch| {
            for &position in stretch {
                found = found.wrapping_add(digest(term, position));
            }
        })?;
    }
    if found != expected || terms != segment.terms.keys {
        say("its index of terms is not that of its entries; it can be rebuilt from them");
    }
    Ok(())
}

fn check_ids(segment: &Segment, mut expected: Vec<(u64, u32)>, say: &mut dyn FnMut(&str)) -> Result<()> {
    let half = |(hash, position): &(u64, u32)| ((hash >> 32) as u32, *position);
    expected.sort_unstable_by_key(half);
    let mut found = segment.ids.scan(&segment.file).collect::<Result<Vec<_>>>()?;
    let sorted = found.is_sorted_by_key(|(hash, _)| *hash);
    found.sort_unstable();
    if !sorted || !found.iter().copied().eq(expected.iter().map(half)) {
        say("its table of ids is not that of its entries; it can be rebuilt from them");
    }
    for (hash, position) in expected {
        if !segment.find_id(hash)?.contains(&position) {
            say("its filter of ids leaves out an entry");
            break;
        }
    }
    Ok(())
}

fn check_tallies(
    segment: &Segment,
    expected: &BTreeMap<(String, i32, u8, Vec<u8>), u64>,
    say: &mut dyn FnMut(&str),
) -> Result<()> {
    let mut found = BTreeMap::new();
    segment.tallies.visit(b"", |key, payload| {
        let tally = segment.file.shaped(read_tally(key, payload), "a tally")?;
        found.insert((tally.tenant.to_owned(), tally.day, tally.outcome, tally.action.to_vec()), tally.count);
        Ok(true)
    })?;
    if found != *expected {
        say("its tallies are not those of its entries; they can be rebuilt from them");
    }
    Ok(())
}

fn distinct(terms: &[u8]) -> Vec<&[u8]> {
    let mut all: Vec<&[u8]> = read_terms(terms).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Of bytes at a position, so that sums of them tell sets of pairs apart.
fn digest(bytes: &[u8], position: u32) -> u128 {
    let mut hasher = SipHasher13::new();
    hasher.write_u32(position);
    hasher.write(bytes);
    hasher.finish128().as_u128()
}
