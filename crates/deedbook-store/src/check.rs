//! `deedbook doctor`: reads a whole directory without writing and recomputes every checksum, commitment, tree and index.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use deedbook_core::tree::Frontier;
use deedbook_core::{Result, Timestamp};

use crate::archives::{Archives, OpenArchive, open_directory};
use crate::cache::BlockCache;
use crate::disk::{Disk, LockKind, RealDisk};
use crate::failure::io_error;
use crate::holes::Holes;
use crate::manifest::{self, MANIFEST, Manifest, SegmentName};
use crate::part::Part;
use crate::recovery::{self, Recovery};
use crate::segment::{self, Segment};
use crate::terms::IdHasher;

/// What [`check`] found in a directory.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Every file looked at, in the order of their places in the log.
    pub files: Vec<FileReport>,
    /// Entries read and recomputed.
    pub entries: u64,
    /// Tenants met.
    pub tenants: u64,
    /// Bytes of all segments by section: `entries`, `times`, `ids`, `tenants`, `terms`, `postings`, `tallies`, `frame`.
    pub sections: BTreeMap<&'static str, u64>,
    /// When the first and the last entry were recorded.
    pub recorded: Option<(Timestamp, Timestamp)>,
    /// Each thing that is wrong, in plain words, with what to do about it.
    pub problems: Vec<String>,
    /// Things worth knowing that harm nothing: what was cut after a crash, files that a crash left over.
    pub notes: Vec<String>,
}

/// One file of a directory.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// Name within the directory.
    pub name: String,
    /// What it is: `manifest`, `segment`, `write-ahead log`, `lock`, `left over` or `unknown`.
    pub kind: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Entries in it.
    pub entries: u64,
}

/// Checks the directory, with what of it lies in other directories; see [`Report`]. `progress` is called with bytes done
/// and bytes in all.
///
/// # Errors
/// [`deedbook_core::ErrorKind::NotFound`] where there is no Deedbook, [`deedbook_core::ErrorKind::InUse`] while a
/// process appends to it, [`deedbook_core::ErrorKind::NewerFormat`], [`deedbook_core::ErrorKind::Io`]; what is corrupt
/// is in the report instead.
pub fn check(directory: impl AsRef<Path>, progress: &mut dyn FnMut(u64, u64)) -> Result<Report> {
    let directory = directory.as_ref();
    check_on(&RealDisk::open(directory), &directory.display().to_string(), Arc::new(open_directory), progress)
}

/// Checks a log on any [`Disk`], with what lies in archives; `place` names it in messages.
///
/// # Errors
/// As [`check`].
pub fn check_on(
    disk: &dyn Disk,
    place: &str,
    archive: OpenArchive,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report> {
    let _lock = match disk.lock(LockKind::Shared) {
        Ok(lock) => lock.ok_or_else(|| recovery::in_use(place))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(recovery::absent(place)),
        Err(error) => return Err(io_error("lock", place, error)),
    };
    let mut names = disk.list().map_err(|error| io_error("list", place, error))?;
    names.sort_unstable();
    let archives = Arc::new(Archives::new(archive));
    let mut checker = Checker { report: Report::default(), done: 0, all: 0, disk, archives, progress };
    let manifest = match Manifest::read(disk) {
        Ok(Some(manifest)) => manifest,
        Ok(None) if names.iter().any(|name| manifest::is_ours(name) && !manifest::is_temporary(name)) => {
            checker.report.problems.push(format!("{MANIFEST} is missing, though files of a log are there"));
            return Ok(checker.report);
        }
        Ok(None) => return Err(recovery::absent(place)),
        Err(error) if error.kind() == deedbook_core::ErrorKind::Corrupt => {
            checker.report.problems.push(error.to_string());
            return Ok(checker.report);
        }
        Err(error) => return Err(error),
    };
    checker.all = names.iter().map(|name| checker.length(name)).sum();
    checker.check_manifest(&manifest, &names);
    checker.check_parts(&manifest);
    Ok(checker.report)
}

struct Checker<'a> {
    report: Report,
    done: u64,
    all: u64,
    disk: &'a dyn Disk,
    archives: Arc<Archives>,
    progress: &'a mut dyn FnMut(u64, u64),
}

impl Checker<'_> {
    fn length(&self, name: &str) -> u64 {
        self.disk.open(name).and_then(|file| file.length()).unwrap_or(0)
    }

    fn add_file(&mut self, name: &str, kind: &'static str, entries: u64) {
        let bytes = self.length(name);
        self.report.files.push(FileReport { name: name.into(), kind, bytes, entries });
        self.done += bytes;
        (self.progress)(self.done, self.all);
    }

    fn check_manifest(&mut self, manifest: &Manifest, names: &[String]) {
        self.add_file(MANIFEST, "manifest", 0);
        let there: HashSet<&String> = names.iter().collect();
        let segments = manifest.segments.iter().map(|segment| &segment.name);
        let generations = manifest.generations.iter().map(|generation| &generation.name);
        for missing in segments.chain(generations).filter(|name| !there.contains(name)) {
            self.report.problems.push(format!("{missing} is missing; restore it from a backup"));
        }
        for name in names.iter().filter(|name| *name != MANIFEST && !manifest.names(name)) {
            let known = manifest::is_ours(name);
            self.add_file(
                name,
                if name == "LOCK" {
                    "lock"
                } else if known {
                    "left over"
                } else {
                    "unknown"
                },
                0,
            );
            if known {
                self.report.notes.push(format!("{name} was left over by a crash; the next start removes it"));
            }
        }
        for recovery in &manifest.recoveries {
            let at = Timestamp::from_microsecond(recovery.at_unix_microseconds).unwrap_or_default();
            let (file, bytes) = (&recovery.file, recovery.bytes_cut);
            let what = format!("{at}: {bytes} bytes of an interrupted, unacknowledged write were cut from {file}");
            self.report.notes.push(what);
        }
        match recovery::check_order(manifest) {
            Ok(_) if self.report.problems.is_empty() => {
                let beyond = recovery::check_orphans(self.disk, manifest).err();
                // What cannot be read is told where it is read for its own sake.
                let beyond = beyond.map(|error| error.to_string()).filter(|text| text.starts_with(MANIFEST));
                self.report.problems.extend(beyond);
            }
            Ok(_) => {}
            Err(error) => self.report.problems.push(error.to_string()),
        }
    }

    fn check_parts(&mut self, manifest: &Manifest) {
        let hasher = match manifest.id_key() {
            Ok(key) => IdHasher(key),
            Err(error) => return self.report.problems.push(error.to_string()),
        };
        let cache = Arc::new(BlockCache::new(8 << 20));
        let (mut frontiers, mut holes) = (HashMap::new(), Holes::default());
        let mut segments = Vec::new();
        for (listed, key) in manifest.segments.iter().zip(0..) {
            match self.check_segment(listed, &hasher, (&cache, key), (&mut frontiers, &mut holes)) {
                Ok(segment) => segments.push(Arc::new(segment)),
                Err(error) => self.report.problems.push(error.to_string()),
            }
            self.add_file(&listed.name, "segment", listed.positions);
        }
        if segments.len() == manifest.segments.len() {
            self.check_log(manifest, hasher, &segments, (&mut frontiers, &mut holes));
            self.report.problems.extend(holes.problems());
        } else if !manifest.generations.is_empty() {
            self.report.notes.push("the write-ahead log was not checked, because what it continues is damaged".into());
        }
        self.report.tenants = frontiers.len() as u64;
    }

    fn check_segment(
        &mut self,
        listed: &SegmentName,
        hasher: &IdHasher,
        (cache, cache_key): (&Arc<BlockCache>, u64),
        state: (&mut HashMap<String, Frontier>, &mut Holes),
    ) -> Result<Segment> {
        let segment = Segment::open(self.disk, &self.archives, listed, cache, cache_key)?;
        let problems = &mut self.report.problems;
        segment::check(&segment, hasher, state, &mut |problem| problems.push(problem))?;
        self.note_times(&segment)?;
        for (section, bytes) in segment.sections()? {
            *self.report.sections.entry(section).or_default() += bytes;
        }
        self.report.entries += u64::from(segment.positions());
        Ok(segment)
    }

    fn check_log(
        &mut self,
        manifest: &Manifest,
        hasher: IdHasher,
        segments: &[Arc<Segment>],
        (frontiers, holes): (&mut HashMap<String, Frontier>, &mut Holes),
    ) {
        let last = recovery::last_recorded_at(segments).unwrap_or(i64::MIN);
        let end = segments.last().map_or(0, |last| last.first_position() + u64::from(last.positions()));
        let mut recovery = Recovery::new(self.disk, hasher, segments, end, last);
        for listed in &manifest.generations {
            let mut entries = 0;
            match recovery.read(listed) {
                Ok(recovered) => {
                    if let Some(what) = recovered.header_damage {
                        let advice = "the other copy serves; the next start replaces the file";
                        self.report.problems.push(format!("{}: {what}; {advice}", listed.name));
                    }
                    if let Some(bytes) = recovered.bytes_cut {
                        let what = "bytes of an interrupted, unacknowledged write; the next start cuts them";
                        self.report.notes.push(format!("{} ends with {bytes} {what}", listed.name));
                    }
                    if let Some(sealable) = recovered.sealable {
                        entries = sealable.runs.iter().map(|run| u64::from(run.positions())).sum();
                        for run in &sealable.runs {
                            let noted = self.note_times(&**run).and_then(|()| run.note_authorities(holes));
                            self.report.problems.extend(noted.err().map(|error| error.to_string()));
                        }
                        frontiers.extend(sealable.frontiers.into_iter().map(|(tenant, tree)| (tenant.into(), tree)));
                    }
                }
                Err(error) => self.report.problems.push(error.to_string()),
            }
            self.report.entries += entries;
            self.add_file(&listed.name, "write-ahead log", entries);
        }
    }

    fn note_times(&mut self, part: &dyn Part) -> Result<()> {
        let (first, last) = (part.recorded_at(0)?, part.recorded_at(part.positions() - 1)?);
        let instant = |microseconds| Timestamp::from_microsecond(microseconds).unwrap_or_default();
        let begin = self.report.recorded.map_or_else(|| instant(first), |(begin, _)| begin);
        self.report.recorded = Some((begin, instant(last)));
        Ok(())
    }
}
