//! Opening: the manifest, the segments, and what the write-ahead log holds beyond them.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use deedbook_core::commitment::event_root;
use deedbook_core::tree::{Frontier, leaf_hash};
use deedbook_core::{Error, ErrorKind, Event, Outcome, Result, Timestamp};

use crate::bytes::Malformed;
use crate::disk::Disk;
use crate::failure::{corrupt, io_error};
use crate::index::TermIndex;
use crate::manifest::{self, GenerationName, MANIFEST, Manifest};
use crate::options::Options;
use crate::part::{Part, read_event};
use crate::segment::{Segment, Times};
use crate::tail::{Run, Sealable};
use crate::terms::{IdHasher, terms_of};
use crate::unsealed::{Identity, TailEntry};
use crate::wal::{self, Frame, Generation, Record, Scan};

/// The manifest of a directory; a new one where there is nothing.
pub(crate) fn read_or_make_manifest(disk: &dyn Disk, options: &Options) -> Result<Manifest> {
    if let Some(manifest) = Manifest::read(disk)? {
        return Ok(manifest);
    }
    let names = disk.list().map_err(|error| io_error("list", "the directory", error))?;
    // A first start that was interrupted leaves at most the temporary manifest behind.
    if names.iter().any(|name| manifest::is_ours(name) && !manifest::is_temporary(name)) {
        return Err(corrupt(MANIFEST, "it is missing, though files of a log are there"));
    }
    let manifest = Manifest::new(options.random(), options.random());
    manifest.write(disk)?;
    Ok(manifest)
}

/// Removes files that a crash left behind.
pub(crate) fn remove_orphans(disk: &dyn Disk, manifest: &Manifest) -> Result<()> {
    let orphans = orphans(disk, manifest)?;
    if orphans.is_empty() {
        return Ok(());
    }
    // A process that was killed may have left a manifest that is not durable yet: what goes now must not be named by
    // the one that a power cut would bring back.
    disk.sync_directory().map_err(|error| io_error("sync", "the directory", error))?;
    for name in orphans {
        disk.remove(&name).map_err(|error| io_error("remove the left-over file", &name, error))?;
    }
    Ok(())
}

fn orphans(disk: &dyn Disk, manifest: &Manifest) -> Result<Vec<String>> {
    let mut names = disk.list().map_err(|error| io_error("list", "the directory", error))?;
    names.retain(|name| manifest::is_ours(name) && !manifest.names(name));
    Ok(names)
}

/// No file that the manifest does not name goes beyond what it names, as files do that were made after a manifest that
/// was put back from a backup.
pub(crate) fn check_orphans(disk: &dyn Disk, manifest: &Manifest) -> Result<()> {
    let orphans = orphans(disk, manifest)?;
    if orphans.iter().all(|name| manifest::is_temporary(name)) {
        return Ok(());
    }
    let mut end = check_order(manifest)?;
    for listed in &manifest.generations {
        let scan = Generation::scan(disk, &listed.name, &listed.nonce()?)?;
        end += scan.frames.iter().map(|frame| u64::from(frame.entries)).sum::<u64>();
    }
    for name in orphans.iter().filter(|name| !manifest::is_temporary(name)) {
        if let Some(beyond) = orphan_end(disk, name, manifest)?.filter(|&orphan_end| orphan_end > end) {
            let what = format!("it is older than {name}, which goes on to position {beyond} while it ends at {end}");
            return Err(corrupt(MANIFEST, what));
        }
    }
    Ok(())
}

/// Every file of the write-ahead log is sound, before the first of them is sealed and goes; one alone is read then.
pub(crate) fn check_generations(disk: &dyn Disk, manifest: &Manifest) -> Result<()> {
    let mut later = manifest.generations.iter().skip(1);
    later.try_for_each(|listed| Generation::scan(disk, &listed.name, &listed.nonce()?).map(drop))
}

/// Where the entries of a file end that the manifest does not name; `None` where it was not finished.
fn orphan_end(disk: &dyn Disk, name: &str, manifest: &Manifest) -> Result<Option<u64>> {
    match manifest::is_segment(name) {
        false => wal::end_of_any(disk, name),
        // While a generation is listed, a segment may hold more of it than is left: the last frame was never synced.
        true if !manifest.generations.is_empty() => Ok(None),
        true => Segment::end_of_any(disk, name),
    }
}

/// The files that the manifest names are all there.
pub(crate) fn check_names(disk: &dyn Disk, manifest: &Manifest) -> Result<()> {
    let names = disk.list().map_err(|error: io::Error| io_error("list", "the directory", error))?;
    let segments = manifest.segments.iter().map(|segment| &segment.name);
    let generations = manifest.generations.iter().map(|generation| &generation.name);
    match segments.chain(generations).find(|name| !names.contains(name)) {
        Some(missing) => Err(corrupt(missing, "it is missing")),
        None => Ok(()),
    }
}

/// Segments follow each other without a gap.
pub(crate) fn check_order(manifest: &Manifest) -> Result<u64> {
    let mut end = manifest.segments.first().map_or(0, |first| first.first_position);
    for segment in &manifest.segments {
        if segment.first_position != end {
            return Err(corrupt(MANIFEST, format_args!("{} does not follow the segment before it", segment.name)));
        }
        end += segment.positions;
    }
    Ok(end)
}

/// What one file of the write-ahead log holds.
pub(crate) struct Recovered {
    /// `None` where it has no entry.
    pub(crate) sealable: Option<Sealable>,
    pub(crate) bytes_cut: Option<u64>,
    pub(crate) header_damage: Option<&'static str>,
}

/// Reads the files of the write-ahead log one after the other.
pub(crate) struct Recovery<'a> {
    disk: &'a dyn Disk,
    hasher: IdHasher,
    segments: &'a [Arc<Segment>],
    frontiers: HashMap<Box<str>, Frontier>,
    next_position: u64,
    last_recorded_at: i64,
}

impl<'a> Recovery<'a> {
    pub(crate) fn new(
        disk: &'a dyn Disk,
        hasher: IdHasher,
        segments: &'a [Arc<Segment>],
        next_position: u64,
        last_recorded_at: i64,
    ) -> Self {
        Self { disk, hasher, segments, frontiers: HashMap::new(), next_position, last_recorded_at }
    }

    pub(crate) fn read(&mut self, listed: &GenerationName) -> Result<Recovered> {
        let scan = Generation::scan(self.disk, &listed.name, &listed.nonce()?)?;
        let (bytes_cut, header_damage) = (scan.cut, scan.header_damage);
        let mut touched = BTreeMap::new();
        let mut entries = Vec::new();
        let mut terms = Vec::new();
        for frame in &scan.frames {
            let records = scan.records(frame).map_err(|Malformed| damaged(listed, "a frame cannot be read"))?;
            self.check_frame(listed, frame)?;
            for record in records {
                let (entry, its_terms) = self.entry(listed, &scan, frame, record, &mut touched)?;
                entries.push(Arc::new(entry));
                terms.push(its_terms);
            }
        }
        if entries.is_empty() {
            return Ok(Recovered { sealable: None, bytes_cut, header_damage });
        }
        let generation = Arc::new(scan.into_generation(self.disk, &listed.name, listed.nonce()?)?);
        let index = TermIndex::build(terms.iter().map(|terms| &terms[..]));
        let run = Run::new(entries[0].position, entries, index, generation.clone());
        let sealable = Sealable { generation, runs: vec![Arc::new(run)], frontiers: touched };
        Ok(Recovered { sealable: Some(sealable), bytes_cut, header_damage })
    }

    fn check_frame(&mut self, listed: &GenerationName, frame: &Frame) -> Result<()> {
        if frame.first_position != self.next_position {
            let what = format!("it goes on at position {}, expected was {}", frame.first_position, self.next_position);
            return Err(damaged(listed, &what));
        }
        if frame.recorded_at < self.last_recorded_at {
            return Err(damaged(listed, "its times run backwards"));
        }
        self.last_recorded_at = frame.recorded_at;
        Ok(())
    }

    fn entry(
        &mut self,
        listed: &GenerationName,
        scan: &Scan,
        frame: &Frame,
        record: Record<'_>,
        touched: &mut BTreeMap<Box<str>, Frontier>,
    ) -> Result<(TailEntry, Box<[u8]>)> {
        let event = read_event(record.canonical, self.next_position)?;
        let id = event.id.as_deref().unwrap_or_default();
        if event.tenant.as_deref() != Some(record.tenant) {
            return Err(damaged(listed, "an entry does not belong to the tenant of its record"));
        }
        let recorded_at = Timestamp::from_microsecond(frame.recorded_at)
            .map_err(|_| damaged(listed, "a time of recording is out of range"))?;
        let root = event_root(record.canonical, &scan.key.seed(record.tenant, id))?;
        let leaf_hash = leaf_hash(recorded_at, &root);
        let frontier = self.frontier(record.tenant)?;
        if frontier.size() != record.seq {
            return Err(damaged(listed, "the numbers of a tenant have a gap"));
        }
        frontier.push(leaf_hash);
        touched.insert(record.tenant.into(), frontier.clone());
        let terms = terms_of(&event, &self.hasher);
        let entry = TailEntry {
            identity: Identity::new(record.tenant, id, &event.action),
            seq: record.seq,
            position: self.next_position,
            leaf_hash,
            times: times_of(&event, frame.recorded_at),
            id_hash: self.hasher.event(record.tenant, id),
            outcome: event.outcome.unwrap_or(Outcome::Success),
            canonical: record.canonical.into(),
        };
        self.next_position += 1;
        Ok((entry, terms))
    }

    fn frontier(&mut self, tenant: &str) -> Result<&mut Frontier> {
        if !self.frontiers.contains_key(tenant) {
            let frontier = sealed_frontier(self.segments, tenant)?;
            self.frontiers.insert(tenant.into(), frontier);
        }
        Ok(self.frontiers.get_mut(tenant).expect("it was just inserted"))
    }
}

/// The tree of a tenant after all segments.
pub(crate) fn sealed_frontier(segments: &[Arc<Segment>], tenant: &str) -> Result<Frontier> {
    for segment in segments.iter().rev() {
        if let Some(run) = segment.tenant(tenant)? {
            return Ok(run.frontier);
        }
    }
    Ok(Frontier::default())
}

/// The times of an entry that was recorded at an instant.
pub(crate) fn times_of(event: &Event, recorded_at: i64) -> Times {
    let occurred_at = event.occurred_at.map_or(recorded_at, |instant| instant.as_microsecond());
    Times { recorded_at, occurred_at }
}

fn damaged(listed: &GenerationName, what: &str) -> Error {
    corrupt(&listed.name, what)
}

/// There is no log in the directory.
pub(crate) fn absent(place: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no Deedbook in {place}"))
}

/// The directory is taken.
pub(crate) fn in_use(place: &str) -> Error {
    let message =
        format!("{place} is in use by another process; go through its server, or stop that process and try again");
    Error::new(ErrorKind::InUse, message)
}

/// Recorded last in the segments.
pub(crate) fn last_recorded_at(segments: &[Arc<Segment>]) -> Result<i64> {
    let Some(last) = segments.last() else { return Ok(i64::MIN) };
    last.recorded_at(last.positions() - 1)
}
