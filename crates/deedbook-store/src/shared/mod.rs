//! What the writer, the background threads and the readers of one open log share.

mod merging;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, RwLock};
use std::thread;
use std::time::Duration;

use deedbook_core::{Error, Result};

use crate::archives::Archives;
use crate::cache::BlockCache;
use crate::disk::Disk;
use crate::failure::io_error;
use crate::intake::{Intake, Preparation, closed};
use crate::manifest::{GenerationName, Manifest, NotReplaced, SegmentName, hexadecimal};
use crate::options::{Background, Options};
use crate::search::Reading;
use crate::segment::Segment;
use crate::tail::{self, Run, Sealable};
use crate::terms::IdHasher;
use crate::turns::Turns;
use crate::view::View;
use crate::wal::Generation;

/// Each file of the write-ahead log has so many times the room of the one before, up to the full size.
const GENERATION_GROWTH: u64 = 8;
/// Sealing that failed is tried again after this time.
const SEAL_RETRY: Duration = Duration::from_secs(1);
/// Merges of at most so many entries are done when the log is closed.
const MERGE_AT_CLOSE_MAX: u64 = 64 * 1024;

pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: Options,
    pub(crate) hasher: IdHasher,
    pub(crate) preparation: Preparation,
    pub(crate) intake: Intake,
    pub(crate) cache: Arc<BlockCache>,
    pub(crate) archives: Arc<Archives>,
    turns: Turns,
    view: RwLock<Arc<View>>,
    visible: Mutex<Visible>,
    visible_changed: Condvar,
    pub(crate) manifest: Mutex<Manifest>,
    generation: RwLock<Option<Arc<Generation>>>,
    work: Mutex<Work>,
    work_changed: Condvar,
    /// Held while segments are merged or written anew, so that nobody else picks the same ones, and at the end.
    merging: Mutex<()>,
    /// Held by the writer while it does the background's work.
    inline: Mutex<()>,
    /// Files that could not be removed, or that the manifest names perhaps.
    left_over: Mutex<Vec<String>>,
    next_cache_key: AtomicU64,
    filter_bytes: AtomicU64,
    poisoned: AtomicBool,
    seals_running: AtomicU64,
    merges_running: AtomicU64,
}

/// How far readers see.
#[derive(Default)]
struct Visible {
    end: u64,
    closed: bool,
}

/// What the background has to do.
#[derive(Default)]
struct Work {
    /// The first one may be in progress.
    to_seal: VecDeque<Arc<Sealable>>,
    spare: Option<Arc<Generation>>,
    spare_state: SpareState,
    last_generation_bytes: Option<u64>,
    merge_wanted: bool,
    stopping: bool,
    seal_error: Option<Error>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum SpareState {
    #[default]
    NotWanted,
    Wanted,
    InProgress,
}

impl Shared {
    pub(crate) fn new(disk: Arc<dyn Disk>, options: Options, manifest: Manifest) -> Result<Self> {
        let hasher = IdHasher(manifest.id_key()?);
        let options = options.bounded();
        Ok(Self {
            hasher,
            preparation: Preparation::new(hasher),
            intake: Intake::new(options.queue_bytes_max, options.queue_wait_max),
            cache: Arc::new(BlockCache::new(options.cache_bytes)),
            archives: Arc::new(Archives::new(options.archive.clone())),
            turns: Turns::new(),
            disk,
            options,
            view: RwLock::default(),
            visible: Mutex::default(),
            visible_changed: Condvar::new(),
            manifest: Mutex::new(manifest),
            generation: RwLock::default(),
            work: Mutex::default(),
            work_changed: Condvar::new(),
            merging: Mutex::default(),
            inline: Mutex::default(),
            left_over: Mutex::default(),
            next_cache_key: AtomicU64::new(0),
            filter_bytes: AtomicU64::new(0),
            poisoned: AtomicBool::new(false),
            seals_running: AtomicU64::new(0),
            merges_running: AtomicU64::new(0),
        })
    }

    // What readers see.

    pub(crate) fn view(&self) -> Arc<View> {
        self.view.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// A question that begins now, over what readers saw when `view` was taken.
    pub(crate) fn reading<'a>(&'a self, view: &'a View) -> Reading<'a> {
        Reading { view, hasher: self.hasher, read: self.turns.begin() }
    }

    fn change_view(&self, change: impl FnOnce(&mut View)) {
        let mut view = self.view.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        change(Arc::make_mut(&mut view));
        crate::locked(&self.visible).end = view.end();
        drop(view);
        self.visible_changed.notify_all();
    }

    /// Shows another view, while the log is opened.
    pub(crate) fn replace_view(&self, new: View) {
        self.change_view(|view| *view = new);
    }

    /// Makes entries visible.
    pub(crate) fn add_runs(&self, runs: Vec<Run>) {
        self.change_view(|view| runs.into_iter().for_each(|run| view.push_run(run)));
    }

    pub(crate) fn visible_end(&self) -> u64 {
        crate::locked(&self.visible).end
    }

    /// Waits until position `from` is visible, at most for `wait`.
    pub(crate) fn wait_for(&self, from: u64, wait: Duration) -> Result<()> {
        let visible = crate::locked(&self.visible);
        let waited = self.visible_changed.wait_timeout_while(visible, wait, |now| now.end <= from && !now.closed);
        let (visible, _) = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
        if visible.closed && visible.end <= from { Err(closed()) } else { Ok(()) }
    }

    // Generations of the write-ahead log.

    pub(crate) fn generation(&self) -> Result<Arc<Generation>> {
        let present = self.generation.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        present.clone().ok_or_else(closed)
    }

    pub(crate) fn set_generation(&self, generation: Arc<Generation>) {
        *self.generation.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(generation);
    }

    /// A generation with room for a frame of so many bytes: the spare one, or a new one. Waits while too many are
    /// unsealed.
    ///
    /// # Errors
    /// Why sealing does not get on, or why no file can be made; nothing changed.
    pub(crate) fn next_generation(&self, frame_bytes: u64) -> Result<Arc<Generation>> {
        self.work_inline();
        let mut work = crate::locked(&self.work);
        loop {
            let behind = work.to_seal.len() >= self.options.unsealed_generations_max;
            if behind && let Some(error) = &work.seal_error {
                return Err(error.clone());
            }
            if !behind && work.spare_state != SpareState::InProgress {
                break;
            }
            work = self.work_changed.wait(work).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        let spare = work.spare.take();
        work.spare_state = SpareState::NotWanted;
        drop(work);
        match spare {
            Some(spare) if spare.capacity >= frame_bytes => Ok(spare),
            Some(small) => {
                self.drop_named_generation(&small.name)?;
                self.make_generation(frame_bytes)
            }
            None => self.make_generation(frame_bytes),
        }
    }

    /// Asks for a spare generation before the present one is full.
    pub(crate) fn want_spare(&self) {
        let mut work = crate::locked(&self.work);
        if work.spare.is_none() && work.spare_state == SpareState::NotWanted {
            work.spare_state = SpareState::Wanted;
            self.work_changed.notify_all();
        }
    }

    fn make_generation(&self, frame_bytes: u64) -> Result<Arc<Generation>> {
        let capacity = {
            let work = crate::locked(&self.work);
            let first = self.options.first_generation_bytes;
            let grown = work.last_generation_bytes.map_or(first, |last| last.saturating_mul(GENERATION_GROWTH));
            grown.min(self.options.generation_bytes)
        };
        let name = crate::locked(&self.manifest).take_name("wal");
        let room = capacity.max(frame_bytes).next_multiple_of(4096);
        let generation = Generation::create(&*self.disk, name, room, self.options.random())?;
        self.list_generation(&generation).map_err(|not_listed| self.cleared_away(&generation.name, not_listed))?;
        crate::locked(&self.work).last_generation_bytes = Some(capacity);
        Ok(Arc::new(generation))
    }

    /// Names a generation in the manifest once its own name is durable.
    fn list_generation(&self, generation: &Generation) -> Result<(), NotReplaced> {
        let synced = self.disk.sync_directory();
        synced.map_err(|error| NotReplaced::ForSure(io_error("sync the directory of", &generation.name, error)))?;
        let listed = GenerationName { name: generation.name.clone(), nonce: hexadecimal(&generation.nonce) };
        self.change_manifest(|manifest| manifest.generations.push(listed))
    }

    /// Removes a file that could not be named in the manifest, unless the manifest names it perhaps; then the next
    /// start removes it, if it is to go.
    fn cleared_away(&self, name: &str, not_listed: NotReplaced) -> Error {
        match not_listed {
            NotReplaced::ForSure(_) => self.remove_file(name),
            NotReplaced::Perhaps(_) => crate::locked(&self.left_over).push(name.to_owned()),
        }
        not_listed.into()
    }

    /// Removes a generation that holds no entry.
    pub(crate) fn drop_named_generation(&self, name: &str) -> Result<()> {
        self.change_manifest(|manifest| manifest.generations.retain(|listed| listed.name != name))?;
        self.remove_file(name);
        Ok(())
    }

    /// The manifest changes on the disk, then in memory; if it cannot, it does not in memory either.
    ///
    /// After [`NotReplaced::Perhaps`] the disk may name other files than memory does, until the next change: no file
    /// may be removed that either names, and none may be written to that only memory names.
    pub(crate) fn change_manifest(&self, change: impl FnOnce(&mut Manifest)) -> Result<(), NotReplaced> {
        let mut manifest = crate::locked(&self.manifest);
        let mut changed = manifest.clone();
        change(&mut changed);
        changed.write(&*self.disk)?;
        *manifest = changed;
        Ok(())
    }

    /// Removes a file that the manifest does not name any more; if that fails, the next removal or start does it.
    fn remove_file(&self, name: &str) {
        if self.disk.remove(name).is_err() {
            crate::locked(&self.left_over).push(name.to_owned());
        }
    }

    /// Removes what could not be removed before, and makes every removal so far durable.
    pub(crate) fn remove_left_over(&self) -> Result<()> {
        if !crate::locked(&self.left_over).is_empty() {
            // From here on the disk names the files that memory names, and no others.
            self.change_manifest(|_| ())?;
        }
        let left_over = std::mem::take(&mut *crate::locked(&self.left_over));
        let gone = left_over.iter().try_for_each(|name| self.remove_for_sure(name));
        if gone.is_err() {
            crate::locked(&self.left_over).extend(left_over);
        }
        gone?;
        self.disk.sync_directory().map_err(|error| io_error("sync", "the directory", error))?;
        self.remove_unneeded()
    }

    /// Removes what lies in archives and no segment needs.
    pub(crate) fn remove_unneeded(&self) -> Result<()> {
        let unneeded = crate::locked(&self.manifest).unneeded.clone();
        if unneeded.is_empty() {
            return Ok(());
        }
        // From here on the disk names the objects that memory names, and no others.
        self.change_manifest(|_| ())?;
        for object in &unneeded {
            let removed = self.archives.remove(object);
            removed.map_err(|error| io_error("remove the left-over file", &object.to_string(), error))?;
            self.change_manifest(|manifest| manifest.unneeded.retain(|other| other != object))?;
        }
        Ok(())
    }

    fn remove_for_sure(&self, name: &str) -> Result<()> {
        if crate::locked(&self.manifest).names(name) {
            return Ok(());
        }
        match self.disk.remove(name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(io_error("remove the left-over file", name, error))
            }
            _ => Ok(()),
        }
    }

    // Sealing.

    pub(crate) fn seal_later(&self, sealable: Sealable) {
        crate::locked(&self.work).to_seal.push_back(Arc::new(sealable));
        self.work_changed.notify_all();
    }

    /// Does the background's work here, where it has no threads.
    pub(crate) fn work_inline(&self) {
        if self.options.background == Background::Inline {
            while self.work_once() {}
            while self.merge_once(self.options.segment_entries_max).unwrap_or(false) {}
        }
    }

    /// Keeps those from going on who [settle](Self::settle), where the background's work is done by the writer after it
    /// told the fate of a batch.
    pub(crate) fn working_inline(&self) -> Option<MutexGuard<'_, ()>> {
        (self.options.background == Background::Inline).then(|| crate::locked(&self.inline))
    }

    /// Waits until the writer has done that work, so that a test does the same each time.
    pub(crate) fn settle(&self) {
        drop(self.working_inline());
    }

    /// The sealer's thread.
    pub(crate) fn run_sealer(&self) {
        loop {
            while self.work_once() {}
            let work = crate::locked(&self.work);
            let idle = work.to_seal.is_empty() && (work.stopping || work.spare_state != SpareState::Wanted);
            match (idle, work.stopping, &work.seal_error) {
                (true, true, _) | (false, true, Some(_)) => return,
                (true, false, _) => drop(self.work_changed.wait(work)),
                // What is to be sealed stays in the log, and it is tried again.
                (false, false, Some(_)) => drop(self.work_changed.wait_timeout(work, SEAL_RETRY)),
                // Work came in while the lock was free.
                (false, _, None) => {}
            }
        }
    }

    /// Makes a spare generation or seals one; `false` when there is nothing to do or it failed.
    fn work_once(&self) -> bool {
        let mut work = crate::locked(&self.work);
        if work.spare_state == SpareState::Wanted && !work.stopping {
            work.spare_state = SpareState::InProgress;
            drop(work);
            let made = self.make_generation(0);
            let mut work = crate::locked(&self.work);
            // If it failed, the writer will try and tell why; sealing goes on meanwhile.
            work.spare = made.ok();
            work.spare_state = SpareState::NotWanted;
            self.work_changed.notify_all();
            return true;
        }
        let Some(sealable) = work.to_seal.front().cloned() else { return false };
        drop(work);
        self.seals_running.fetch_add(1, Ordering::Relaxed);
        let sealed = self.seal(&sealable);
        self.seals_running.fetch_sub(1, Ordering::Relaxed);
        let mut work = crate::locked(&self.work);
        let is_sealed = sealed.is_ok();
        if is_sealed {
            work.to_seal.pop_front();
            work.merge_wanted = true;
        }
        work.seal_error = sealed.err();
        self.work_changed.notify_all();
        drop(work);
        if is_sealed {
            wait_until_unshared(&sealable);
        }
        is_sealed
    }

    /// Writes the segment of a generation, names it in the manifest, shows it to readers, removes the generation.
    pub(crate) fn seal(&self, sealable: &Sealable) -> Result<()> {
        let name = crate::locked(&self.manifest).take_name("segment");
        let written = tail::seal(&*self.disk, &name, self.options.random(), sealable);
        let segment = self.installed(&name, written, |manifest| {
            manifest.generations.retain(|listed| listed.name != sealable.generation.name);
        })?;
        self.change_view(|view| view.put_segment(segment));
        self.remove_file(&sealable.generation.name);
        Ok(())
    }

    /// Makes a written segment part of the log; removes what was written of it if that fails.
    fn installed(
        &self,
        name: &str,
        written: Result<SegmentName>,
        and_change: impl FnOnce(&mut Manifest),
    ) -> Result<Arc<Segment>> {
        let installed = written.map_err(NotReplaced::ForSure).and_then(|listed| {
            let synced = self.disk.sync_directory();
            synced.map_err(|error| NotReplaced::ForSure(io_error("sync the directory of", name, error)))?;
            let segment = self.open_segment(&listed).map_err(NotReplaced::ForSure)?;
            self.change_manifest(|manifest| {
                manifest.put_segment(listed);
                and_change(manifest);
            })?;
            Ok(Arc::new(segment))
        });
        installed.map_err(|not_listed| self.cleared_away(name, not_listed))
    }

    /// Opens a segment, its filter in memory as long as there is room for it.
    pub(crate) fn open_segment(&self, listed: &SegmentName) -> Result<Segment> {
        let cache_key = self.next_cache_key.fetch_add(1, Ordering::Relaxed);
        let mut segment = Segment::open(&*self.disk, &self.archives, listed, &self.cache, cache_key)?;
        let wanted = segment.ids.filter_bytes();
        if self.filter_bytes.fetch_add(wanted, Ordering::Relaxed) + wanted <= self.options.filter_bytes_max {
            segment.ids.make_resident(&segment.file)?;
        } else {
            self.filter_bytes.fetch_sub(wanted, Ordering::Relaxed);
        }
        Ok(segment)
    }

    fn close_segment(&self, segment: &Segment) {
        if segment.ids.is_resident() {
            self.filter_bytes.fetch_sub(segment.ids.filter_bytes(), Ordering::Relaxed);
        }
        segment.file.leave_cache();
        if segment.name.offloaded.is_some() {
            segment.entries_file.leave_cache();
        }
        self.remove_file(&segment.name.name);
    }

    /// Waits until everything before a position is sealed.
    ///
    /// # Errors
    /// Why sealing does not get on.
    pub(crate) fn wait_sealed_until(&self, end: u64) -> Result<()> {
        self.work_inline();
        let mut work = crate::locked(&self.work);
        while self.view().sealed_end() < end {
            if let Some(error) = &work.seal_error {
                return Err(error.clone());
            }
            work = self.work_changed.wait(work).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        Ok(())
    }

    /// Waits until everything handed over is sealed.
    ///
    /// # Errors
    /// Why sealing does not get on.
    pub(crate) fn wait_sealed(&self) -> Result<()> {
        self.work_inline();
        let mut work = crate::locked(&self.work);
        while !work.to_seal.is_empty() {
            if let Some(error) = &work.seal_error {
                return Err(error.clone());
            }
            work = self.work_changed.wait(work).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        Ok(())
    }

    // The end.

    pub(crate) fn poison(&self) {
        self.poisoned.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Relaxed)
    }

    /// Tells the background to finish.
    pub(crate) fn stop(&self) {
        crate::locked(&self.work).stopping = true;
        self.work_changed.notify_all();
    }

    /// After the threads ended: merges what is small and removes generations that hold nothing that is not sealed.
    pub(crate) fn finish(&self) -> Result<()> {
        let finished = self.seal_error().and_then(|()| self.merge_small());
        let finished = finished.and(self.drop_empty_generations());
        let _nothing_is_replaced = crate::locked(&self.merging);
        crate::locked(&self.visible).closed = true;
        self.visible_changed.notify_all();
        finished
    }

    fn seal_error(&self) -> Result<()> {
        let work = crate::locked(&self.work);
        work.seal_error.clone().map_or(Ok(()), Err)
    }

    fn merge_small(&self) -> Result<()> {
        while self.merge_once(MERGE_AT_CLOSE_MAX)? {}
        Ok(())
    }

    /// Removes generations that hold nothing that is not sealed. What a failed write left in one is unknown: then all
    /// stay, to be read at the next start.
    fn drop_empty_generations(&self) -> Result<()> {
        if self.is_poisoned() {
            return Ok(());
        }
        let view = self.view();
        let holds = |name: &str| view.runs.iter().any(|run| run.generation.name == name);
        let listed = crate::locked(&self.manifest).generations.clone();
        let mut empty = listed.iter().filter(|listed| !holds(&listed.name));
        empty.try_for_each(|listed| self.drop_named_generation(&listed.name))
    }

    pub(crate) fn seals_running(&self) -> u64 {
        self.seals_running.load(Ordering::Relaxed)
    }

    pub(crate) fn merges_running(&self) -> u64 {
        self.merges_running.load(Ordering::Relaxed)
    }
}

/// Waits a little until nobody else holds these entries, which are sealed: whoever lets go of them last frees them, and
/// that should be neither the writer nor a reader.
fn wait_until_unshared(sealable: &Sealable) {
    const PAUSES: usize = 20;
    const PAUSE: Duration = Duration::from_millis(1);
    for _ in 0..PAUSES {
        if sealable.runs.iter().all(|run| Arc::strong_count(run) == 1) {
            return;
        }
        thread::sleep(PAUSE);
    }
}
