//! A directory of the operating system.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Disk, DiskFile, LockKind};

const LOCK_FILE: &str = "LOCK";

/// A directory of the operating system. Files are made readable by their owner alone: they hold personal data.
#[derive(Debug)]
pub struct RealDisk {
    directory: PathBuf,
}

impl RealDisk {
    /// A directory that exists.
    pub fn open(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Makes the directory and its parents where they are missing, durably.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn create(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        let missing: Vec<&Path> = directory.ancestors().take_while(|ancestor| !ancestor.is_dir()).collect();
        fs::create_dir_all(&directory)?;
        // Each new directory is a name in its parent.
        for made in missing.into_iter().filter(|made| !made.as_os_str().is_empty()) {
            let parent = made.canonicalize()?.parent().map(Path::to_path_buf);
            parent.map_or(Ok(()), |parent| File::open(parent)?.sync_all())?;
        }
        Ok(Self { directory })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Disk for RealDisk {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(self.path(name))?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(File::open(self.path(name))?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.directory)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    fn lock(&self, kind: LockKind) -> io::Result<Option<Box<dyn Send + Sync>>> {
        let path = self.path(LOCK_FILE);
        let locked = match kind {
            LockKind::Exclusive => {
                let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
                file.try_lock().map(|()| file)
            }
            LockKind::Shared => match File::open(path) {
                Ok(file) => file.try_lock_shared().map(|()| file),
                // Whoever appends makes the file first: without it nobody does, as in a copy that left it out.
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.directory.is_dir() => {
                    return Ok(Some(Box::new(())));
                }
                Err(error) => return Err(error),
            },
        };
        match locked {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}
