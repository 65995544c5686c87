//! Moving the entries of old segments into an archive, and back.
//!
//! An offloaded segment keeps its file, with a hole in the place of its entries: ids, times, terms, tallies and trees are
//! read there as before, at the same offsets. The archive has the file's beginning up to the last of the entries that went.
//!
//! The manifest names an object of an archive before its first byte is written and until it is removed, as one that a
//! segment needs or as one that is to go. So a crash leaves nothing behind that is forgotten.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use deedbook_core::Result;

use crate::disk::{DiskFile, read_exact_at, write_all_at};
use crate::failure::{corrupt, io_error};
use crate::intake::closed;
use crate::manifest::{Object, Offloaded, SegmentName};
use crate::part::Part;
use crate::segment::{Segment, SegmentFile};
use crate::shared::Shared;

/// Bytes that are copied at once.
const PIECE: usize = 1 << 20;

/// Is told again and again what was moved so far, and says whether to go on.
pub(crate) type Watch<'a> = dyn Fn(Moved) -> ControlFlow<()> + 'a;

/// Asks whoever watches whether to go on.
type GoOn<'a> = dyn Fn() -> ControlFlow<()> + 'a;

/// What was moved between a log and its archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Segments.
    pub segments: u64,
    /// Their entries.
    pub entries: u64,
    /// The bytes that these take, compressed.
    pub bytes: u64,
}

impl Shared {
    /// Moves the entries of segments whose last one was recorded before an instant (microseconds since 1970).
    pub(crate) fn offload(&self, archive: &str, before: i64, watch: &Watch<'_>) -> Result<Moved> {
        self.remove_unneeded()?;
        // An archive that there cannot be must not be named: what is left over there would have to be removed first.
        self.archives.disk(archive).map_err(|error| io_error("open", &format!("the archive {archive}"), error))?;
        let is_due = |segment: &Segment| {
            Ok(segment.name.offloaded.is_none() && segment.recorded_at(segment.positions() - 1)? < before)
        };
        self.each_segment(&is_due, watch, &|segment, watch| {
            let ranges = segment.entries.ranges(&segment.file)?;
            let Some(until) = ranges.last().map(|range| range.end) else { return Ok(0) };
            let log = crate::locked(&self.manifest).log_id.clone();
            let object = Object { archive: archive.to_owned(), name: format!("{log}-{}", segment.name.name) };
            self.change_manifest(|manifest| manifest.unneeded.push(object.clone()))?;
            self.upload(segment, until, &object, watch)?;
            let bytes = ranges.iter().map(|range| range.end - range.start).sum();
            let offloaded = Offloaded { object, until, bytes };
            self.replace(std::slice::from_ref(segment), |name, _| {
                let file = self.write_anew(segment, name, watch, |whole| whole.copy_around(&ranges))?;
                segment.write_id_halves(&self.hasher, &file, name)?;
                Ok(SegmentName { name: name.to_owned(), offloaded: Some(offloaded), ..segment.name.clone() })
            })?;
            Ok(bytes)
        })
    }

    /// Brings the entries of segments back that have any from an instant until before another one.
    pub(crate) fn recall(&self, recorded: Range<i64>, watch: &Watch<'_>) -> Result<Moved> {
        let is_wanted = |segment: &Segment| {
            let (first, last) = (segment.recorded_at(0)?, segment.recorded_at(segment.positions() - 1)?);
            Ok(segment.name.offloaded.is_some() && first < recorded.end && last >= recorded.start)
        };
        let moved = self.each_segment(&is_wanted, watch, &|segment, watch| {
            self.replace(std::slice::from_ref(segment), |name, _| {
                let ranges = segment.entries.ranges(&segment.file)?;
                self.write_anew(segment, name, watch, |whole| {
                    whole.copy_around(&ranges)?;
                    ranges.iter().try_for_each(|range| whole.copy(&segment.entries_file, range.clone()))
                })?;
                Ok(SegmentName { name: name.to_owned(), offloaded: None, ..segment.name.clone() })
            })?;
            Ok(segment.name.offloaded.as_ref().map_or(0, |offloaded| offloaded.bytes))
        })?;
        self.remove_unneeded()?;
        Ok(moved)
    }

    /// Moves each segment that is wanted, oldest first. Merging and taking away wait for one at a time.
    fn each_segment(
        &self,
        is_wanted: &dyn Fn(&Segment) -> Result<bool>,
        watch: &Watch<'_>,
        moving: &dyn Fn(&Arc<Segment>, &GoOn<'_>) -> Result<u64>,
    ) -> Result<Moved> {
        let (mut moved, mut done) = (Moved::default(), 0);
        loop {
            let _others_wait = self.hold_segments()?;
            let view = self.view();
            let Some(segment) = view.segments.iter().find(|segment| segment.first_position() >= done) else {
                return Ok(moved);
            };
            done = segment.first_position() + u64::from(segment.positions());
            if !is_wanted(segment)? {
                continue;
            }
            if watch(moved).is_break() {
                return Err(closed());
            }
            let bytes = moving(segment, &|| watch(moved))?;
            if bytes > 0 {
                moved.segments += 1;
                moved.entries += u64::from(segment.positions());
                moved.bytes += bytes;
            }
        }
    }

    /// Writes the beginning of a segment to an archive, durably.
    fn upload(&self, segment: &Segment, until: u64, object: &Object, watch: &GoOn<'_>) -> Result<()> {
        let name = object.to_string();
        let failed = |error| io_error("write", &name, error);
        let disk = self.archives.disk(&object.archive).map_err(failed)?;
        let file = disk.create(&object.name).map_err(failed)?;
        self.copier(segment, &*file, &name, watch).copy(&segment.file, 0..until)?;
        file.sync().and_then(|()| disk.sync_directory()).map_err(failed)?;
        let length = disk.open(&object.name).and_then(|file| file.length()).map_err(failed)?;
        (length == until).then_some(()).ok_or_else(|| corrupt(&name, "it is not as long as what was written"))
    }

    /// Makes another file for a segment, durably.
    fn write_anew(
        &self,
        segment: &Segment,
        name: &str,
        watch: &GoOn<'_>,
        write: impl FnOnce(&mut Copier<'_>) -> Result<()>,
    ) -> Result<Arc<dyn DiskFile>> {
        let file = self.disk.create(name).map_err(|error| io_error("create", name, error))?;
        write(&mut self.copier(segment, &*file, name, watch))?;
        file.sync().map_err(|error| io_error("sync", name, error))?;
        Ok(file)
    }

    fn copier<'a>(
        &'a self,
        segment: &'a Segment,
        file: &'a dyn DiskFile,
        name: &'a str,
        watch: &'a GoOn<'a>,
    ) -> Copier<'a> {
        Copier { shared: self, segment, file, name, watch, buffer: vec![0; PIECE] }
    }
}

/// Copies bytes of a segment to the same offsets of another file.
struct Copier<'a> {
    shared: &'a Shared,
    segment: &'a Segment,
    file: &'a dyn DiskFile,
    name: &'a str,
    watch: &'a GoOn<'a>,
    buffer: Vec<u8>,
}

impl Copier<'_> {
    /// All of the segment's file but these ranges.
    fn copy_around(&mut self, ranges: &[Range<u64>]) -> Result<()> {
        let (mut at, segment) = (0, self.segment);
        for range in ranges {
            self.copy(&segment.file, at..range.start)?;
            at = range.end;
        }
        self.copy(&segment.file, at..segment.name.bytes)
    }

    /// Ends early where the log is closed, or who watches wants it.
    fn copy(&mut self, source: &SegmentFile, range: Range<u64>) -> Result<()> {
        let mut at = range.start;
        while at < range.end {
            if self.shared.is_stopping() || (self.watch)().is_break() {
                return Err(closed());
            }
            let piece = PIECE.min((range.end - at) as usize);
            let bytes = &mut self.buffer[..piece];
            read_exact_at(&*source.file, bytes, at).map_err(|error| io_error("read", &source.name, error))?;
            write_all_at(self.file, bytes, at).map_err(|error| io_error("write", self.name, error))?;
            at += piece as u64;
        }
        Ok(())
    }
}
