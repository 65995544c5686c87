//! The one narrow door to files: [`Disk`] and [`DiskFile`]. [`RealDisk`] is a directory; tests bring a simulated one.
//!
//! Promised here: bytes are durable after [`DiskFile::sync`], names after [`Disk::sync_directory`]; nothing else is.

mod real;

use std::io;
use std::sync::Arc;

pub use real::RealDisk;

/// Large files are synced in pieces of so many bytes, so that the append that syncs at the same time does not wait until
/// all of a file is written.
pub(crate) const SYNC_BYTES: usize = 1 << 20;

/// A flat directory of files.
pub trait Disk: Send + Sync {
    /// Creates an empty file that can be read and written; fails where the name exists.
    ///
    /// # Errors
    /// Those of the operating system.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens an existing file for reading.
    ///
    /// # Errors
    /// Those of the operating system.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Renames a file, replacing what has the name `to`.
    ///
    /// # Errors
    /// Those of the operating system.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a name; the bytes stay readable for those who have the file open.
    ///
    /// # Errors
    /// Those of the operating system.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Names of the files, in any order.
    ///
    /// # Errors
    /// Those of the operating system.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes creations, renames and removals durable.
    ///
    /// # Errors
    /// Those of the operating system.
    fn sync_directory(&self) -> io::Result<()>;

    /// Takes the directory for itself ([`LockKind::Exclusive`]) or together with other readers, until the returned
    /// value is dropped; `None` where another process holds it against that.
    ///
    /// # Errors
    /// Those of the operating system.
    fn lock(&self, kind: LockKind) -> io::Result<Option<Box<dyn Send + Sync>>>;
}

/// How a directory is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// By the one process that appends.
    Exclusive,
    /// By processes that only read.
    Shared,
}

/// An open file, read and written by position, from any thread.
pub trait DiskFile: Send + Sync {
    /// Reads at most `buffer.len()` bytes at `offset`; 0 at the end of the file.
    ///
    /// # Errors
    /// Those of the operating system.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at most all of `bytes` at `offset` and says how many.
    ///
    /// # Errors
    /// Those of the operating system; [`io::ErrorKind::Unsupported`] of a file that can only be read.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let _ = (bytes, offset);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Makes the bytes and the length durable.
    ///
    /// # Errors
    /// Those of the operating system; afterwards nothing is known of what is durable. [`io::ErrorKind::Unsupported`] of a
    /// file that can only be read.
    fn sync(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Length in bytes.
    ///
    /// # Errors
    /// Those of the operating system.
    fn length(&self) -> io::Result<u64>;
}

/// Fills `buffer` from `offset`, through interruptions and short reads.
pub(crate) fn read_exact_at(file: &dyn DiskFile, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match file.read_at(buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                buffer = &mut buffer[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all of `bytes` at `offset`, through interruptions and short writes.
pub(crate) fn write_all_at(file: &dyn DiskFile, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
