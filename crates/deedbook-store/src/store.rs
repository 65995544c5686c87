//! The door: [`FileStore`], a Deedbook in a directory.

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use deedbook_core::query::Query;
use deedbook_core::removal::Erasure;
use deedbook_core::{
    Atomicity, Digest, DiskUsage, Draft, Entry, Error, ErrorKind, Group, GroupBy, Limits, Page, PageRequest, Reply,
    Result, Scope, Store, Timestamp,
};

use crate::disk::{Disk, LockKind, RealDisk};
use crate::failure::io_error;
use crate::intake::{Prepared, Submission, closed};
use crate::manifest::{Manifest, Recovery as RecoveryNote};
use crate::offload::Moved;
use crate::options::{Background, Options, fill_from_system};
use crate::pieces;
use crate::recovery::{self, Recovery};
use crate::removal::{self, Removal};
use crate::search;
use crate::segment::Segment;
use crate::shared::Shared;
use crate::view::View;
use crate::wal::{FrameWriter, check_frame_size};
use crate::writer::Writer;

/// A batch whose events have each their own fate is handed to the writer in pieces of so many events: enough that one
/// index over a piece pays, few enough that it is built in the processor's cache.
const PIECE: usize = 1024;

/// A Deedbook in a directory. One process at a time appends to it; while none does, any number may read.
///
/// Every acknowledged event is behind an `fdatasync`. After a failed write or sync the store is poisoned: it reads on
/// and refuses every append with [`ErrorKind::Poisoned`] until it is opened anew.
pub struct FileStore {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    access: Access,
    lock: Mutex<Option<Box<dyn Send + Sync>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Append,
    Read,
}

/// What goes on in an open store, for monitoring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Generations of the write-ahead log being sealed at this moment.
    pub seals_running: u64,
    /// Merges of segments going on at this moment.
    pub merges_running: u64,
    /// Sealed segments.
    pub segments: usize,
    /// Entries that are not sealed yet.
    pub unsealed_entries: u64,
    /// Whether a failed write or sync stopped all appends.
    pub poisoned: bool,
}

impl FileStore {
    /// Opens `directory` for reading and appending; creates it where it does not exist.
    ///
    /// What a crash left in the write-ahead log is sealed before this returns.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`], [`ErrorKind::NewerFormat`], [`ErrorKind::Corrupt`], [`ErrorKind::DiskFull`],
    /// [`ErrorKind::Io`].
    pub fn open(directory: impl AsRef<Path>, options: Options) -> Result<Self> {
        let directory = directory.as_ref();
        let place = directory.display().to_string();
        let disk = RealDisk::create(directory).map_err(|error| io_error("create the directory", &place, error))?;
        Self::open_on(Arc::new(disk), &place, options)
    }

    /// Opens a log on any [`Disk`]; `place` names it in messages.
    ///
    /// # Errors
    /// As [`FileStore::open`].
    pub fn open_on(disk: Arc<dyn Disk>, place: &str, options: Options) -> Result<Self> {
        let lock = disk.lock(LockKind::Exclusive).map_err(|error| io_error("lock", place, error))?;
        let lock = lock.ok_or_else(|| recovery::in_use(place))?;
        let manifest = recovery::read_or_make_manifest(&*disk, &options)?;
        recovery::check_names(&*disk, &manifest)?;
        recovery::check_orphans(&*disk, &manifest)?;
        recovery::check_generations(&*disk, &manifest)?;
        let shared = Arc::new(Shared::new(disk, options, manifest.clone())?);
        open_segments(&shared, &manifest)?;
        // From here on files change.
        recovery::remove_orphans(&*shared.disk, &manifest)?;
        seal_recovered(&shared, &manifest)?;
        let generation = shared.next_generation(0)?;
        shared.set_generation(generation.clone());
        let writer = Writer::new(shared.clone(), FrameWriter::new(generation), &shared.view())?;
        let threads = Mutex::new(start_threads(&shared, writer)?);
        Ok(Self { shared, threads, access: Access::Append, lock: Mutex::new(Some(lock)) })
    }

    /// Opens `directory` for reading alone and writes nothing to it. Appends are refused with [`ErrorKind::Invalid`].
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is no Deedbook, [`ErrorKind::InUse`] while another process appends to it,
    /// and as [`FileStore::open`].
    pub fn open_read_only(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        let place = directory.display().to_string();
        Self::open_read_only_on(Arc::new(RealDisk::open(directory)), &place, Options::default())
    }

    /// Opens a log on any [`Disk`] for reading alone; `place` names it in messages.
    ///
    /// # Errors
    /// As [`FileStore::open_read_only`].
    pub fn open_read_only_on(disk: Arc<dyn Disk>, place: &str, options: Options) -> Result<Self> {
        let lock = match disk.lock(LockKind::Shared) {
            Ok(lock) => lock.ok_or_else(|| recovery::in_use(place))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(recovery::absent(place)),
            Err(error) => return Err(io_error("lock", place, error)),
        };
        let manifest = Manifest::read(&*disk)?.ok_or_else(|| recovery::absent(place))?;
        recovery::check_names(&*disk, &manifest)?;
        recovery::check_orphans(&*disk, &manifest)?;
        let shared = Arc::new(Shared::new(disk, options, manifest.clone())?);
        open_segments(&shared, &manifest)?;
        show_recovered(&shared, &manifest)?;
        shared.intake.close();
        Ok(Self { shared, threads: Mutex::default(), access: Access::Read, lock: Mutex::new(Some(lock)) })
    }

    /// Seals what is in the write-ahead log and merges small segments into large ones, for example after an import,
    /// and waits for it.
    ///
    /// # Errors
    /// [`ErrorKind::DiskFull`], [`ErrorKind::Io`], [`ErrorKind::Corrupt`]; the log is as it was.
    pub fn compact(&self) -> Result<()> {
        self.hand_over()?;
        self.shared.wait_sealed()?;
        self.shared.compact()
    }

    /// Moves the entries of sealed segments whose last one was recorded before an instant to an archive, oldest first;
    /// `watch` is told again and again what was moved so far, and says whether to go on. They are found and read as before, only slower, and taken away as before.
    ///
    /// A segment goes as a whole, and an entry that is taken away from it brings it back until the next call. Entries
    /// that are not sealed stay, and so do segments of one block.
    ///
    /// # Errors
    /// [`ErrorKind::DiskFull`], [`ErrorKind::Io`], [`ErrorKind::Corrupt`], and [`ErrorKind::NotFound`] where the log is
    /// closed meanwhile or `watch` says to end: each segment is here or there, and the same call again goes on.
    pub fn offload(&self, archive: &str, before: Timestamp, watch: &dyn Fn(Moved) -> ControlFlow<()>) -> Result<Moved> {
        self.refuse_if_reading()?;
        self.shared.settle();
        self.shared.offload(archive, before.as_microsecond(), watch)
    }

    /// Brings entries back that lie in archives: the segments with any that were recorded within `recorded`.
    ///
    /// # Errors
    /// As [`FileStore::offload`].
    pub fn recall(&self, recorded: Range<Timestamp>, watch: &dyn Fn(Moved) -> ControlFlow<()>) -> Result<Moved> {
        self.refuse_if_reading()?;
        self.shared.settle();
        self.shared.recall(recorded.start.as_microsecond()..recorded.end.as_microsecond(), watch)
    }

    /// Asks the store as it is now; once more where a file in an archive went while it was read, because something was
    /// taken away from it.
    fn read<T>(&self, ask: impl Fn(&View) -> Result<T>) -> Result<T> {
        let view = self.shared.view();
        match ask(&view) {
            Err(error) if error.kind() == ErrorKind::Io && !Arc::ptr_eq(&view, &self.shared.view()) => {
                ask(&self.shared.view())
            }
            answered => answered,
        }
    }

    /// Asks the writer to hand over what it has to the sealer, and to let go of what is sealed.
    fn hand_over(&self) -> Result<()> {
        let (sender, receiver) = mpsc::sync_channel(1);
        // A batch of nothing asks for it.
        self.push(Vec::new(), Atomicity::PerEvent, Box::new(move |fate| drop(sender.send(fate))));
        receiver.recv().unwrap_or_else(|_| Err(closed())).map(drop)
    }

    fn remove(&self, removal: Removal<'_>) -> Result<()> {
        self.refuse_if_reading()?;
        self.shared.settle();
        let view = self.shared.view();
        removal::check(&view, removal)?;
        let Some(last) = removal.last() else { return Ok(()) };
        if last >= view.sealed_end() {
            self.hand_over()?;
            self.shared.wait_sealed_until(last + 1)?;
            // The writer has these entries by their ids until it looks again.
            self.hand_over()?;
        }
        drop(view);
        self.shared.remove(removal)
    }

    fn refuse_if_reading(&self) -> Result<()> {
        match self.access {
            Access::Append => Ok(()),
            Access::Read => Err(Error::new(ErrorKind::Invalid, "this log was opened for reading alone")),
        }
    }

    /// Ends what is on its way, seals what is in the write-ahead log, refuses every later append and lets go of the
    /// directory; what is visible can still be read. Dropping the store does the same but keeps the error to itself;
    /// then everything acknowledged is still in the write-ahead log.
    ///
    /// # Errors
    /// [`ErrorKind::DiskFull`], [`ErrorKind::Io`]: nothing acknowledged is lost, the next opening tries again.
    pub fn close(&self) -> Result<()> {
        let ended = self.shut_down();
        drop(crate::locked(&self.lock).take());
        ended
    }

    /// The leaf hashes of the tree of `tenant`, by seq, those of removed entries included. It reads every entry of the
    /// tenant.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`], [`ErrorKind::Io`].
    pub fn leaf_hashes(&self, tenant: &str) -> Result<Vec<Digest>> {
        self.read(|view| search::leaf_hashes(view, tenant))
    }

    /// What goes on at this moment.
    pub fn stats(&self) -> Stats {
        let view = self.shared.view();
        Stats {
            seals_running: self.shared.seals_running(),
            merges_running: self.shared.merges_running(),
            segments: view.segments.len(),
            unsealed_entries: view.end() - view.sealed_end(),
            poisoned: self.shared.is_poisoned(),
        }
    }

    /// What the files of the log take at this moment.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn disk_usage(&self) -> Result<DiskUsage> {
        let failed = |error| io_error("measure", "the directory", error);
        let mut bytes = 0;
        for name in self.shared.disk.list().map_err(failed)? {
            // A file may be merged into another one meanwhile.
            match self.shared.disk.open(&name).and_then(|file| file.length()) {
                Ok(length) => bytes += length,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
        }
        let view = self.shared.view();
        let offloaded = |segment: &Arc<Segment>| segment.name.offloaded.as_ref().map_or(0, |offloaded| offloaded.bytes);
        let archived_bytes = view.segments.iter().map(offloaded).sum();
        let sealed_bytes: u64 = view.segments.iter().map(|segment| segment.file.length).sum();
        Ok(DiskUsage {
            bytes: bytes.saturating_sub(archived_bytes),
            sealed_bytes: sealed_bytes - archived_bytes,
            sealed_entries: view.sealed_end(),
            archived_bytes,
        })
    }

    fn shut_down(&self) -> Result<()> {
        if self.access == Access::Read {
            return Ok(());
        }
        let mut threads = crate::locked(&self.threads);
        if threads.is_empty() {
            return Ok(());
        }
        self.shared.intake.close();
        // The writer ends first, so that what it hands over is still sealed.
        for (nth, thread) in threads.drain(..).enumerate() {
            let _ = thread.join();
            if nth == 0 {
                self.shared.stop();
            }
        }
        self.shared.work_inline();
        self.shared.finish()
    }

    /// Hands a large batch over in pieces: while one is written, the next is hashed, and little memory is in flight.
    fn push_pieces(&self, drafts: Vec<Draft>, reply: Reply) {
        let count = drafts.len();
        let sizes = (0..count).step_by(PIECE).map(|start| PIECE.min(count - start)).collect();
        let mut drafts = drafts.into_iter();
        for place in pieces::gathered(sizes, reply) {
            self.push(drafts.by_ref().take(PIECE).collect(), Atomicity::PerEvent, place);
        }
    }

    fn push(&self, drafts: Vec<Draft>, atomicity: Atomicity, reply: Reply) {
        let prepared = self.shared.generation().and_then(|generation| {
            let (items, index) = self.shared.preparation.prepare(drafts, &generation)?;
            Ok((items, index, generation))
        });
        match prepared {
            Ok((items, index, generation)) => {
                let bytes = items.iter().map(Prepared::bytes).sum();
                self.shared.intake.push(Submission { items, index, generation, atomicity, bytes, reply });
            }
            Err(error) => reply(Err(error)),
        }
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

fn open_segments(shared: &Shared, manifest: &Manifest) -> Result<()> {
    recovery::check_order(manifest)?;
    let mut view = View::default();
    for listed in &manifest.segments {
        view.segments.push(Arc::new(shared.open_segment(listed)?));
    }
    shared.replace_view(view);
    Ok(())
}

/// Seals what the write-ahead log holds and notes what was cut from it.
fn seal_recovered(shared: &Shared, manifest: &Manifest) -> Result<()> {
    for listed in &manifest.generations {
        let view = shared.view();
        let last = recovery::last_recorded_at(&view.segments)?;
        let mut recovery = Recovery::new(&*shared.disk, shared.hasher, &view.segments, view.end(), last);
        let recovered = recovery.read(listed)?;
        if let Some(bytes_cut) = recovered.bytes_cut {
            let at_unix_microseconds = (shared.options.clock)().as_microsecond();
            let note = RecoveryNote { file: listed.name.clone(), at_unix_microseconds, bytes_cut };
            shared.change_manifest(|manifest| manifest.note_recovery(note))?;
        }
        match recovered.sealable {
            Some(sealable) => shared.seal(&sealable)?,
            None => shared.drop_named_generation(&listed.name)?,
        }
    }
    Ok(())
}

/// Shows what the write-ahead log holds without writing anything.
fn show_recovered(shared: &Shared, manifest: &Manifest) -> Result<()> {
    let mut view = (*shared.view()).clone();
    let segments = view.segments.clone();
    let last = recovery::last_recorded_at(&segments)?;
    let mut recovery = Recovery::new(&*shared.disk, shared.hasher, &segments, view.end(), last);
    for listed in &manifest.generations {
        view.runs.extend(recovery.read(listed)?.sealable.into_iter().flat_map(|sealable| sealable.runs));
    }
    shared.replace_view(view);
    Ok(())
}

fn start_threads(shared: &Arc<Shared>, writer: Writer) -> Result<Vec<JoinHandle<()>>> {
    let mut threads = vec![spawn("deedbook-writer", move || writer.run())?];
    if shared.options.background == Background::Threads {
        let (sealer, merger) = (shared.clone(), shared.clone());
        threads.push(spawn("deedbook-sealer", move || sealer.run_sealer())?);
        threads.push(spawn("deedbook-merger", move || merger.run_merger())?);
    }
    Ok(threads)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let spawned = std::thread::Builder::new().name(name.into()).spawn(work);
    spawned.map_err(|error| io_error("start the thread", name, error))
}

impl Store for FileStore {
    fn submit(&self, drafts: Vec<Draft>, atomicity: Atomicity, reply: Reply) {
        if let Err(error) = self.refuse_if_reading() {
            return reply(Err(error));
        }
        if drafts.is_empty() {
            return reply(Ok(Vec::new()));
        }
        let bytes = drafts.iter().map(|draft| draft.canonical().len()).sum();
        if let Err(error) = check_frame_size(bytes, self.shared.options.batch_bytes_max) {
            return reply(Err(error));
        }
        match atomicity {
            Atomicity::PerEvent if drafts.len() > PIECE => self.push_pieces(drafts, reply),
            _ => self.push(drafts, atomicity, reply),
        }
    }

    fn get(&self, tenant: &str, id: &str, scope: &Scope) -> Result<Option<Entry>> {
        if !scope.allows_tenant(tenant) {
            return Ok(None);
        }
        let found = self.read(|view| search::find(view, self.shared.hasher, tenant, id))?;
        Ok(found.and_then(|entry| scope.view(&entry).map(Cow::into_owned)))
    }

    fn page(&self, query: &Query, scope: &Scope, request: &PageRequest) -> Result<Page> {
        self.read(|view| search::page(&self.shared.reading(view), query, scope, request))
    }

    fn count(&self, query: &Query, scope: &Scope, groups: &[GroupBy]) -> Result<Vec<Group>> {
        self.read(|view| search::count(&self.shared.reading(view), query, scope, groups))
    }

    fn follow(&self, from: u64, limit: usize, wait: Duration, scope: &Scope) -> Result<Vec<Entry>> {
        let deadline = Instant::now() + wait;
        let request = PageRequest { after: from.checked_sub(1), ..PageRequest::oldest(limit) };
        let mut awaited = from;
        loop {
            self.shared.wait_for(awaited, deadline.saturating_duration_since(Instant::now()))?;
            let page = self.page(&Query::all(), scope, &request)?;
            if !page.entries.is_empty() || limit == 0 || Instant::now() >= deadline {
                return Ok(page.entries);
            }
            // Nothing of what came is within the scope.
            awaited = page.watermark.map_or(from, |watermark| from.max(watermark + 1));
        }
    }

    fn visible_count(&self) -> u64 {
        self.shared.visible_end()
    }

    fn retire(&self, positions: &[u64]) -> Result<()> {
        self.remove(Removal::Retire(positions))
    }

    fn erase(&self, erasures: &[Erasure]) -> Result<()> {
        self.remove(Removal::Erase(erasures))
    }
}

/// Checks an event with the default limits and makes a draft of it; its id is made of random bytes of the operating
/// system where it has none.
///
/// # Errors
/// As [`deedbook_core::prepare`].
pub fn prepare(event: deedbook_core::Event) -> Result<Draft> {
    deedbook_core::prepare(event, &Limits::default(), || {
        let mut random = [0; 16];
        fill_from_system(&mut random);
        random
    })
}
