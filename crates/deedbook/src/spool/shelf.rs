//! The directory of a spool: files that are appended to at one end, delivered from the other, and deleted then.
//!
//! Blocking, and for one caller at a time. File numbers rise and are never reused in a directory; the file that is
//! written to is always a new one of this process, so what a former process left is only read.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use deedbook_core::{Error, ErrorKind, Result, Timestamp, rfc3339};
use serde_json::json;

use super::frame::{self, Contents, FILE_HEADER_BYTES, Rest};
use super::options::SpoolOptions;

/// Held locked by the process that has the spool.
const LOCK: &str = "lock";
/// Where delivery stands.
const PLACE: &str = "place";
/// What the log refused for good, one JSON object a line.
pub(super) const REJECTED: &str = "rejected.ndjson";
const SUFFIX: &str = ".spool";

/// A spool's files.
pub(super) struct Shelf {
    directory: PathBuf,
    options: SpoolOptions,
    /// `None` once the directory was let go of.
    lock: Option<File>,
    /// Every file with whole frames, by number.
    files: BTreeMap<u64, Stored>,
    current: Option<Current>,
    rejects: Rejects,
    place: Place,
    /// Events that wait to be delivered.
    waiting: u64,
}

/// A file of which all or a part waits to be delivered.
struct Stored {
    bytes: u64,
    /// Where its whole frames end; beyond that a write may be under way, or have failed.
    end: u64,
}

/// The file that is written to.
struct Current {
    number: u64,
    file: File,
}

struct Rejects {
    file: Option<File>,
    bytes: u64,
}

/// Everything before this was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    number: u64,
    offset: u64,
}

/// Events to be delivered.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) claims: Vec<Bytes>,
    /// Where delivery stands once these are.
    pub(super) behind: Place,
}

/// What opening had to mend.
#[derive(Debug, Default)]
pub(super) struct Mended {
    pub(super) torn_bytes: u64,
    pub(super) damaged_files: Vec<String>,
}

impl Shelf {
    /// Opens the directory, or makes it, and mends what a crash left.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`] where another process has it, [`ErrorKind::DiskFull`], [`ErrorKind::Io`].
    pub(super) fn open(options: SpoolOptions) -> Result<(Self, Mended)> {
        let directory = options.directory.clone();
        fs::create_dir_all(&directory).map_err(|error| failed("make", &directory, error))?;
        let lock = Some(locked(&directory)?);
        let rejects = Rejects::find(&directory)?;
        let place = read_place(&directory);
        let (files, current) = (BTreeMap::new(), None);
        let mut shelf = Self { directory, options, lock, files, current, rejects, place, waiting: 0 };
        let mended = shelf.take_stock()?;
        Ok((shelf, mended))
    }

    /// Lets another process have the directory: nothing else of this may be called from now on.
    pub(super) fn let_go(&mut self) {
        self.lock = None;
    }

    pub(super) fn is_let_go(&self) -> bool {
        self.lock.is_none()
    }

    /// Writes events behind all others, durably once this returns; tells for each whether it was kept.
    pub(super) fn append(&mut self, claims: &[Bytes]) -> Vec<Result<()>> {
        let mut fates: Vec<Result<()>> = Vec::with_capacity(claims.len());
        let mut from = 0;
        while from < claims.len() {
            let length = self.fitting(&claims[from..]);
            let written = match length {
                0 => Err(self.full()),
                length => self.write(&claims[from..from + length]),
            };
            // Without room for one event there is none for those behind it: they keep their order.
            let until = if length == 0 { claims.len() } else { from + length };
            fates.extend((from..until).map(|_| written.clone()));
            from = until;
        }
        fates
    }

    /// The oldest events that were not delivered, up to so many; none where all were.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]; [`ErrorKind::Corrupt`] where a file changed since it was opened: call [`Shelf::mend`].
    pub(super) fn next(&self, events_max: usize, bytes_max: usize) -> Result<Option<Batch>> {
        let Some((&number, stored)) = self.files.range(self.place.number..).find(|(n, f)| self.rests(**n, f)) else {
            return Ok(None);
        };
        let mut at = if number == self.place.number { self.place.offset } else { 0 }.max(FILE_HEADER_BYTES as u64);
        let file = File::open(self.path(number)).map_err(|error| failed("open", &self.path(number), error))?;
        let mut claims = Vec::new();
        let mut bytes = 0;
        while at < stored.end && (claims.is_empty() || claims.len() < events_max && bytes < bytes_max) {
            let (found, next) = self.frame(&file, number, at, stored.end)?;
            if !claims.is_empty() && claims.len() + found.len() > events_max {
                break;
            }
            bytes += (next - at) as usize;
            claims.extend(found);
            at = next;
        }
        Ok(Some(Batch { claims, behind: Place { number, offset: at } }))
    }

    /// Notes that everything before `place` was delivered or rejected, and deletes what that empties.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]; then some may be delivered again after a restart, which enters nothing twice.
    pub(super) fn delivered(&mut self, place: Place, events: u64) -> Result<()> {
        self.place = place;
        self.waiting = self.waiting.saturating_sub(events);
        self.sweep()?;
        write_place(&self.directory, place)
    }

    /// Deletes files of which nothing waits.
    fn sweep(&mut self) -> Result<()> {
        let done: Vec<u64> = self.files.iter().filter(|(n, f)| !self.rests(**n, f)).map(|(n, _)| *n).collect();
        for number in done {
            if self.current.as_ref().is_some_and(|current| current.number == number) {
                // What comes next goes into a new file.
                self.current = None;
            }
            self.files.remove(&number);
            fs::remove_file(self.path(number)).map_err(|error| failed("delete", &self.path(number), error))?;
        }
        Ok(())
    }

    /// Keeps what the log refused for good where people see it.
    ///
    /// # Errors
    /// [`ErrorKind::DiskFull`], [`ErrorKind::Io`].
    pub(super) fn reject(&mut self, rejected: &[(Bytes, Error)], at: Timestamp) -> Result<()> {
        let mut lines = Vec::new();
        for (claim, error) in rejected {
            let kind = format!("{:?}", error.kind());
            let head = json!({ "rejected_at": rfc3339(at), "kind": kind, "detail": error.to_string() }).to_string();
            lines.extend_from_slice(&head.as_bytes()[..head.len() - 1]);
            lines.extend_from_slice(b",\"event\":");
            lines.extend_from_slice(claim);
            lines.extend_from_slice(b"}\n");
        }
        self.rejects.append(&self.directory, &lines)
    }

    /// Looks at every file again and takes what is whole, after bytes were found that are not what was written.
    ///
    /// # Errors
    /// As [`Shelf::open`].
    pub(super) fn mend(&mut self) -> Result<Mended> {
        self.current = None;
        self.take_stock()
    }

    pub(super) fn waiting(&self) -> u64 {
        self.waiting
    }

    pub(super) fn bytes(&self) -> u64 {
        self.rejects.bytes + self.files.values().map(|stored| stored.bytes).sum::<u64>()
    }

    /// Whether something of this file waits to be delivered.
    fn rests(&self, number: u64, stored: &Stored) -> bool {
        let delivered = match number.cmp(&self.place.number) {
            std::cmp::Ordering::Less => stored.end,
            std::cmp::Ordering::Equal => self.place.offset,
            std::cmp::Ordering::Greater => 0,
        };
        delivered.max(FILE_HEADER_BYTES as u64) < stored.end
    }

    fn frame(&self, file: &File, number: u64, at: u64, end: u64) -> Result<(Vec<Bytes>, u64)> {
        let unreadable = |error| failed("read", &self.path(number), error);
        // A frame ends within the file, and is no longer than this.
        let length = (end - at).min(frame::frame_bytes(frame::BODY_BYTES_MAX) as u64) as usize;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, at).map_err(unreadable)?;
        let Some(found) = frame::frame_from(&bytes, number, at) else {
            let message = format!("{} was changed behind the back of its process", self.path(number).display());
            return Err(Error::new(ErrorKind::Corrupt, message));
        };
        Ok((frame::claims(&Bytes::from(bytes).slice(found.body)), at + found.next as u64))
    }

    /// How many of these events fit into one frame and into what room there is.
    fn fitting(&self, claims: &[Bytes]) -> usize {
        let begins_file = self.current.is_none();
        let room = self.options.bytes_max.saturating_sub(self.bytes());
        let room = room.saturating_sub(if begins_file { FILE_HEADER_BYTES as u64 } else { 0 });
        let mut body = 0;
        let fits = |claim: &&Bytes| {
            body += claim.len() + 1;
            body <= frame::BODY_BYTES_MAX && frame::frame_bytes(body) as u64 <= room
        };
        claims.iter().take_while(fits).count()
    }

    fn full(&self) -> Error {
        let message = format!(
            "the spool in {} holds {} of {} bytes, {} of them of events in {REJECTED}; try again when it was delivered",
            self.directory.display(),
            self.bytes(),
            self.options.bytes_max,
            self.rejects.bytes
        );
        Error::new(ErrorKind::Overloaded, message)
    }

    /// Writes one frame. Where that fails, the file is written to no more: what the disk has of the frame is unknown.
    fn write(&mut self, claims: &[Bytes]) -> Result<()> {
        let current = match self.current.take() {
            Some(current) => current,
            None => self.begin()?,
        };
        let number = current.number;
        let stored = self.files.get(&number).map_or(FILE_HEADER_BYTES as u64, |stored| stored.end);
        let frame = frame::frame(number, stored, claims);
        let written = current.file.write_all_at(&frame, stored).and_then(|()| current.file.sync_data());
        if let Err(error) = written {
            // If cutting fails too, the next opening does it, or keeps the file aside.
            let _ = current.file.set_len(stored);
            return Err(failed("write to", &self.path(number), error));
        }
        let end = stored + frame.len() as u64;
        self.files.insert(number, Stored { bytes: end, end });
        self.waiting += claims.len() as u64;
        if end < self.options.file_bytes {
            self.current = Some(current);
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<Current> {
        let now = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or_default();
        let last = self.files.last_key_value().map_or(0, |(number, _)| *number).max(self.place.number);
        let number = now.max(last + 1);
        let path = self.path(number);
        let begun = File::options().read(true).write(true).create_new(true).open(&path).and_then(|file| {
            file.write_all_at(&frame::file_header(number), 0)?;
            sync_directory(&self.directory)?;
            Ok(file)
        });
        let file = begun.map_err(|error| failed("make", &path, error))?;
        Ok(Current { number, file })
    }

    fn take_stock(&mut self) -> Result<Mended> {
        let mut mended = Mended::default();
        self.files.clear();
        self.waiting = 0;
        let numbers = self.numbers()?;
        for number in &numbers {
            self.take_in(*number, Some(number) == numbers.last(), &mut mended)?;
        }
        self.sweep()?;
        Ok(mended)
    }

    /// Files that are there, by their names.
    fn numbers(&self) -> Result<Vec<u64>> {
        let listed = |error| failed("list", &self.directory, error);
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(listed)? {
            let name = entry.map_err(listed)?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.strip_suffix(SUFFIX)?.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn take_in(&mut self, number: u64, is_last: bool, mended: &mut Mended) -> Result<()> {
        let path = self.path(number);
        let bytes = Bytes::from(fs::read(&path).map_err(|error| failed("read", &path, error))?);
        let contents = frame::read(&bytes, number);
        let end = match contents.rest {
            Rest::Nothing => contents.end,
            Rest::Torn if is_last => {
                mended.torn_bytes += (bytes.len() - contents.end) as u64;
                self.cut(&path, contents.end)?;
                contents.end
            }
            Rest::Torn | Rest::Damaged => {
                let name = self.set_aside(number, &bytes, &contents)?;
                mended.damaged_files.push(name);
                return self.take_in(number, false, mended);
            }
        };
        let begin = if number == self.place.number { self.place.offset } else { 0 };
        let is_waiting = |frame: &&frame::Frame| number >= self.place.number && frame.body.start as u64 > begin;
        let waiting = contents.frames.iter().filter(is_waiting);
        self.waiting += waiting.map(|frame| frame::claims(&bytes.slice(frame.body.clone())).len() as u64).sum::<u64>();
        self.files.insert(number, Stored { bytes: bytes.len() as u64, end: end as u64 });
        Ok(())
    }

    fn cut(&self, path: &Path, end: usize) -> Result<()> {
        let cut = File::options().write(true).open(path).and_then(|file| {
            file.set_len(end as u64)?;
            file.sync_all()
        });
        cut.map_err(|error| failed("cut", path, error))
    }

    /// Keeps the file under another name and puts what is whole of it in its place. What was delivered of it before is
    /// delivered once more, which enters nothing twice.
    fn set_aside(&mut self, number: u64, bytes: &Bytes, contents: &Contents) -> Result<String> {
        let path = self.path(number);
        let mut whole = frame::file_header(number).to_vec();
        for frame in &contents.frames {
            let claims = frame::claims(&bytes.slice(frame.body.clone()));
            whole.extend(frame::frame(number, whole.len() as u64, &claims));
        }
        let name = self.free_name(number);
        let put = || -> io::Result<()> {
            // The copy is durable before the original is replaced by what is whole of it.
            write_synced(&self.directory.join(&name), bytes)?;
            let whole_path = self.directory.join("whole.tmp");
            write_synced(&whole_path, &whole)?;
            fs::rename(&whole_path, &path)?;
            sync_directory(&self.directory)
        };
        put().map_err(|error| failed("keep aside", &path, error))?;
        if self.place.number == number {
            self.place.offset = 0;
        }
        Ok(name)
    }

    fn free_name(&self, number: u64) -> String {
        let names = (0..).map(|copy| match copy {
            0 => format!("{number:020}.damaged"),
            copy => format!("{number:020}.{copy}.damaged"),
        });
        let mut free = names.filter(|name| !self.directory.join(name).exists());
        free.next().expect("there are names without an end")
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:020}{SUFFIX}"))
    }
}

impl Rejects {
    fn find(directory: &Path) -> Result<Self> {
        let path = directory.join(REJECTED);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(Self { file: None, bytes: metadata.len() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { file: None, bytes: 0 }),
            Err(error) => Err(failed("look at", &path, error)),
        }
    }

    /// Appends whole lines, durably.
    fn append(&mut self, directory: &Path, lines: &[u8]) -> Result<()> {
        let path = directory.join(REJECTED);
        let unwritable = |error| failed("write to", &path, error);
        let mut file = match self.file.take() {
            // Somebody who has dealt with them may have moved the file away.
            Some(file) if path.exists() => file,
            _ => open_lines(&path).and_then(|file| sync_directory(directory).map(|()| file)).map_err(unwritable)?,
        };
        file.write_all(lines).and_then(|()| file.sync_data()).map_err(unwritable)?;
        self.bytes = file.metadata().map_err(unwritable)?.len();
        self.file = Some(file);
        Ok(())
    }
}

/// Opens for appending; a line that a crash cut short is ended, its event comes again.
fn open_lines(path: &Path) -> io::Result<File> {
    let mut file = File::options().read(true).append(true).create(true).open(path)?;
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        file.read_exact_at(&mut last, length - 1)?;
    }
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

fn locked(directory: &Path) -> Result<File> {
    let path = directory.join(LOCK);
    let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(|error| failed("open", &path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let message = format!("another process has the spool in {}; give each its own", directory.display());
            Err(Error::new(ErrorKind::InUse, message))
        }
        Err(TryLockError::Error(error)) => Err(failed("lock", &path, error)),
    }
}

/// Where delivery stood; from the beginning where that cannot be read, which enters nothing twice.
fn read_place(directory: &Path) -> Place {
    let mut bytes = Vec::new();
    let read = File::open(directory.join(PLACE)).and_then(|file| file.take(64).read_to_end(&mut bytes));
    let place = read.ok().and_then(|_| frame::place(&bytes));
    place.map_or_else(Place::default, |(number, offset)| Place { number, offset })
}

/// Without a sync: a crash of the machine may take it back to an older place.
fn write_place(directory: &Path, place: Place) -> Result<()> {
    let path = directory.join(PLACE);
    let file = File::options().write(true).create(true).truncate(false).open(&path);
    let written = file.and_then(|file| file.write_all_at(&frame::place_bytes(place.number, place.offset), 0));
    written.map_err(|error| failed("write to", &path, error))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn failed(doing: &str, path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::DiskFull,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("could not {doing} {} of the spool", path.display())).with_source(error)
}
