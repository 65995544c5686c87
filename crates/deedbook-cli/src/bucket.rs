//! Buckets that hold the old entries of a log, as its store sees them: files that are written once, read at any place
//! and removed.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use deedbook_archive::{Files, Upload};
use deedbook_core::{Error, ErrorKind};
use deedbook_store::{ARCHIVE_FOLDER, Disk, DiskFile, LockKind, open_directory};

/// Whether the name of an archive is that of a bucket, not of a directory.
pub(crate) fn is_meant(archive: &str) -> bool {
    archive.contains("://")
}

/// What of a bucket is a log's; nothing is asked yet.
///
/// # Errors
/// Where the URL cannot be that of an archive.
pub(crate) fn files(url: &str) -> deedbook_core::Result<Files> {
    Files::at(url, ARCHIVE_FOLDER)
}

/// The archive of this name: a path or a URL.
///
/// # Errors
/// As [`open_directory`] and [`files`].
pub(crate) fn open_archive(archive: &str) -> io::Result<Arc<dyn Disk>> {
    match is_meant(archive) {
        true => Ok(Arc::new(Bucket(files(archive).map_err(failed)?))),
        false => open_directory(archive),
    }
}

/// A bucket, in which a file is there once it is synced.
struct Bucket(Files);

impl Disk for Bucket {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        if self.0.length(name).map_err(failed)?.is_some() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{name} is there already")));
        }
        let upload = self.0.create(name).map_err(failed)?;
        Ok(Arc::new(Sent(Mutex::new((upload, 0)))))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let length = self.0.length(name).map_err(failed)?;
        let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no {name}")))?;
        Ok(Arc::new(Stored { files: self.0.clone(), name: name.to_owned(), length }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name).map_err(failed)
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    // A store asks for none of these in an archive.

    fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn lock(&self, _kind: LockKind) -> io::Result<Option<Box<dyn Send + Sync>>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A file that is being written, and how much of it was.
struct Sent(Mutex<(Upload, u64)>);

impl DiskFile for Sent {
    fn read_at(&self, _buffer: &mut [u8], _offset: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let (upload, written) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if offset != *written {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "objects are written from front to back"));
        }
        upload.write(bytes).map_err(failed)?;
        *written += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.finish().map_err(failed)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).1)
    }
}

/// A file that is there.
struct Stored {
    files: Files,
    name: String,
    length: u64,
}

impl DiskFile for Stored {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let end = self.length.min(offset.saturating_add(buffer.len() as u64));
        if offset >= end {
            return Ok(0);
        }
        let bytes = self.files.read(&self.name, offset..end).map_err(failed)?;
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.length)
    }
}

fn failed(error: Error) -> io::Error {
    let kind = match error.kind() {
        ErrorKind::NotFound => io::ErrorKind::NotFound,
        ErrorKind::Denied => io::ErrorKind::PermissionDenied,
        ErrorKind::DiskFull => io::ErrorKind::StorageFull,
        ErrorKind::Invalid => io::ErrorKind::InvalidInput,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
