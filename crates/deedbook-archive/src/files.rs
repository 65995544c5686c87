//! Files of bytes in an object store, beside the table: written from front to back, read at any place, removed for good.

use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use deedbook_core::{Error, ErrorKind, Result};
use object_store::ObjectStoreScheme;
use object_store::buffered::BufWriter;
use tokio::io::AsyncWrite;

use crate::Lock;
use crate::shelf::{Missing, Patience, Shelf, parse, place};

/// What is sent at once. Stores take 5 MiB at least and 10,000 parts, which makes 80 GB.
const PART: usize = 8 << 20;
/// Parts on their way at once; one more is being filled, so that a file takes 32 MiB of memory.
const PARTS_AT_ONCE: usize = 3;

/// The files of a folder of an object store. Nothing that is written here is locked.
#[derive(Clone)]
pub struct Files {
    shelf: Arc<Shelf>,
    folder: &'static str,
    /// What keeps an object from being removed that was written to see it.
    tried: Arc<OnceLock<Option<Lock>>>,
}

impl Files {
    /// Those of a folder at a URL such as `s3://bucket/prefix`; nothing is asked yet.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a URL that names no bucket, or one that cannot be reached by this build.
    pub fn at(url: &str, folder: &'static str) -> Result<Self> {
        use ObjectStoreScheme::{AmazonS3, GoogleCloudStorage, MicrosoftAzure};
        let bad = |why: &str| Err(Error::invalid("", "bad_url", format!("{url:?} {why}")));
        match ObjectStoreScheme::parse(&parse(url)?) {
            Ok((AmazonS3 | GoogleCloudStorage | MicrosoftAzure, _)) if cfg!(feature = "cloud") => {
                let shelf = Arc::new(Shelf::url(url, Missing::Refuse, Patience::Short)?);
                Ok(Self { shelf, folder, tried: Arc::default() })
            }
            Ok((AmazonS3 | GoogleCloudStorage | MicrosoftAzure, _)) => {
                bad("is an object store, which needs a deedbook that was built with --features archive-cloud")
            }
            // Whose files are readable by others, or gone with the process.
            _ => bad("is no bucket: write s3://bucket/prefix, or the path of a directory"),
        }
    }

    /// Tries whether files can be written here and removed again; what was seen of locks is not looked at once more.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the bucket locks everything that is written; [`ErrorKind::Denied`],
    /// [`ErrorKind::Io`].
    pub fn try_writing(&self) -> Result<()> {
        if self.tried.get().is_none() {
            // Always the same: what a process leaves that dies here, the next one removes.
            let path = self.path("trial");
            self.shelf.put(&path, Bytes::from_static(b"whether files can be written here and removed"))?;
            let lock = self.shelf.lock_of(&path)?;
            if lock.is_none() {
                self.shelf.erase(&path)?;
            }
            let _ = self.tried.set(lock);
        }
        match self.tried.get() {
            Some(Some(Lock { mode, until })) => {
                let message = format!(
                    "the bucket locks what is written to it ({mode}, until {until}), and what is erased from the log could \
                     not be removed there: take a bucket without a default retention"
                );
                Err(Error::invalid("", "locked_bucket", message))
            }
            _ => Ok(()),
        }
    }

    /// The length of a file that is not empty; `None` where there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`], [`ErrorKind::Io`]; a bucket that is not there is one.
    pub fn length(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.shelf.look(&self.path(name))?.map(|object| object.size))
    }

    /// Bytes of a file.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is none; [`ErrorKind::Denied`], [`ErrorKind::Io`].
    pub fn read(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        self.shelf.read(&self.path(name), range)
    }

    /// Begins a file, which is there once it is finished.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a name that is none.
    pub fn create(&self, name: &str) -> Result<Upload> {
        let path = self.path(name);
        let writer = BufWriter::with_capacity(self.shelf.writer(&path)?, place(&path)?, PART);
        let writer = Some(writer.with_max_concurrency(PARTS_AT_ONCE));
        Ok(Upload { shelf: self.shelf.clone(), path, writer })
    }

    /// Removes a file, if it is there, with every version that the bucket has of it.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`], [`ErrorKind::Io`]: then it may be there still.
    pub fn remove(&self, name: &str) -> Result<()> {
        self.shelf.erase(&self.path(name))
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }
}

/// A file that is being written. Dropped before it is finished, it is given up, and what was sent is removed.
pub struct Upload {
    shelf: Arc<Shelf>,
    path: String,
    /// `None` where it was finished or failed.
    writer: Option<BufWriter>,
}

impl Upload {
    /// Writes behind what was written before.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`], [`ErrorKind::Io`]; then the file is given up.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let (mut writer, bytes) = (self.take()?, Bytes::copy_from_slice(bytes));
        let (writer, put) = self.shelf.wait(&self.path, async move {
            let put = writer.put(bytes).await;
            Ok((writer, put))
        })?;
        self.writer = Some(writer);
        match put {
            Ok(()) => Ok(()),
            Err(error) => {
                self.give_up();
                Err(self.shelf.failed(&self.path, error))
            }
        }
    }

    /// Ends it; what was written is there for good.
    ///
    /// # Errors
    /// As [`Upload::write`].
    pub fn finish(&mut self) -> Result<()> {
        let mut writer = self.take()?;
        self.shelf.wait(&self.path, async move {
            // What fails here aborts by itself.
            poll_fn(|context| Pin::new(&mut writer).poll_shutdown(context)).await.map_err(|error| {
                error
                    .downcast()
                    .unwrap_or_else(|error| object_store::Error::Generic { store: "upload", source: error.into() })
            })
        })
    }

    fn take(&mut self) -> Result<BufWriter> {
        self.writer.take().ok_or_else(|| Error::new(ErrorKind::Io, format!("{} was given up before", self.path)))
    }

    fn give_up(&mut self) {
        if let Some(mut writer) = self.writer.take() {
            // Parts that stay are the affair of the bucket's life cycle.
            let _ = self.shelf.wait(&self.path, async move { writer.abort().await });
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.give_up();
    }
}
