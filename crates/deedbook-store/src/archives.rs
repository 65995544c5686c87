//! Files of entries that were moved out of the log's directory, read where they lie.
//!
//! An archive is a [`Disk`] somewhere else, opened when something of it is first read: a log whose archive is away opens,
//! answers what its own files can, and fails where it needs the entries.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::cache::{Block, BlockCache};
use crate::disk::{Disk, DiskFile, RealDisk, read_exact_at};
use crate::manifest::Object;

/// Opens the files of an archive by its name: a path, or whatever else the program knows. Nothing but whole files is
/// written there: created, written from front to back, synced; later read at any place, and removed.
pub type OpenArchive = Arc<dyn Fn(&str) -> io::Result<Arc<dyn Disk>> + Send + Sync>;

/// The folder of an archive that holds the files.
pub const FOLDER: &str = "segments";
/// So much is read at once. Behind a network a request costs as much time as some hundred kilobytes, and a tenant's
/// entries lie side by side.
const CHUNK: u64 = 1 << 20;
/// What is kept of it for the next read.
const CHUNKS_BYTES: u64 = 8 << 20;

/// An archive in a directory that is there.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] where there is no such directory, [`io::ErrorKind::Unsupported`] for a URL; those of the
/// operating system.
pub fn open_directory(archive: &str) -> io::Result<Arc<dyn Disk>> {
    if archive.contains("://") {
        let message = format!(
            "{archive} is an object store, which this program does not reach; \
             a `deedbook` that was built with --features archive-cloud does"
        );
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    }
    let path = Path::new(archive);
    match path.is_dir() {
        true => Ok(Arc::new(RealDisk::create(path.join(FOLDER))?)),
        false => Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no directory {archive}"))),
    }
}

/// The archives of one log.
pub(crate) struct Archives {
    open: OpenArchive,
    opened: Mutex<HashMap<String, Arc<dyn Disk>>>,
    chunks: BlockCache,
    next_key: AtomicU64,
}

impl Archives {
    pub(crate) fn new(open: OpenArchive) -> Self {
        let chunks = BlockCache::of_large(CHUNKS_BYTES, CHUNK);
        Self { open, opened: Mutex::default(), chunks, next_key: AtomicU64::new(0) }
    }

    /// The files of an archive.
    pub(crate) fn disk(&self, archive: &str) -> io::Result<Arc<dyn Disk>> {
        if let Some(disk) = crate::locked(&self.opened).get(archive) {
            return Ok(disk.clone());
        }
        let disk = (self.open)(archive)?;
        crate::locked(&self.opened).insert(archive.to_owned(), disk.clone());
        Ok(disk)
    }

    /// A file of `until` bytes in an archive.
    pub(crate) fn file(self: &Arc<Self>, object: &Object, until: u64) -> ArchivedFile {
        ArchivedFile {
            archives: self.clone(),
            object: object.clone(),
            opened: OnceLock::new(),
            until,
            key: self.next_key.fetch_add(1, Ordering::Relaxed),
            gone: false.into(),
        }
    }

    /// Removes a file from its archive, if it is there, durably.
    pub(crate) fn remove(&self, object: &Object) -> io::Result<()> {
        let disk = self.disk(&object.archive)?;
        match disk.remove(&object.name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => disk.sync_directory(),
        }
    }
}

/// The beginning of a segment's file, which lies in an archive.
pub(crate) struct ArchivedFile {
    archives: Arc<Archives>,
    object: Object,
    opened: OnceLock<Arc<dyn DiskFile>>,
    until: u64,
    /// Distinguishes its chunks from those of others.
    key: u64,
    /// Another file took its place.
    gone: AtomicBool,
}

impl ArchivedFile {
    /// Takes everything of it out of memory, for good.
    pub(crate) fn leave_cache(&self) {
        self.gone.store(true, Ordering::SeqCst);
        self.archives.chunks.forget_file(self.key);
    }

    /// Whether what lies in the archive is as long as what was moved there.
    pub(crate) fn has_its_length(&self) -> io::Result<bool> {
        Ok(self.opened()?.length()? == self.until)
    }

    fn opened(&self) -> io::Result<&Arc<dyn DiskFile>> {
        if let Some(file) = self.opened.get() {
            return Ok(file);
        }
        let file = self.archives.disk(&self.object.archive)?.open(&self.object.name)?;
        Ok(self.opened.get_or_init(|| file))
    }

    fn chunk(&self, start: u64) -> io::Result<Block> {
        let place = (self.key, start);
        let chunk = self.archives.chunks.get_or_insert(place, || {
            let mut bytes = vec![0; CHUNK.min(self.until - start) as usize];
            read_exact_at(&**self.opened()?, &mut bytes, start)?;
            Ok::<_, io::Error>(bytes.into())
        })?;
        if self.gone.load(Ordering::SeqCst) {
            self.archives.chunks.forget(&place);
        }
        Ok(chunk)
    }
}

impl DiskFile for ArchivedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.until {
            return Ok(0);
        }
        let start = offset - offset % CHUNK;
        let chunk = self.chunk(start)?;
        let rest = &chunk[(offset - start) as usize..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.until)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the archive {}", self.name, self.archive)
    }
}
