//! Objects by their paths, in a directory or behind a network, for callers that wait.

use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use deedbook_core::{Error, ErrorKind, Result};
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use tokio::runtime::{Builder, Runtime};

/// Where the objects of an archive are.
pub(crate) struct Shelf {
    objects: Arc<dyn ObjectStore>,
    runtime: Runtime,
}

/// Whether a directory that is not there is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Make,
    Refuse,
}

impl Shelf {
    pub(crate) fn on(objects: Arc<dyn ObjectStore>) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::new(ErrorKind::Io, "cannot start").with_source(error))?;
        Ok(Self { objects, runtime })
    }

    /// In a directory; what is written is synced.
    pub(crate) fn directory(path: &FilePath, missing: Missing) -> Result<Self> {
        if missing == Missing::Make {
            std::fs::create_dir_all(path).map_err(|error| {
                Error::new(ErrorKind::Io, format!("make the directory {}: {error}", path.display())).with_source(error)
            })?;
        }
        if !path.is_dir() {
            let message = format!("there is no archive in {}", path.display());
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        let files = LocalFileSystem::new_with_prefix(path).map_err(|error| failed(&path.display(), error))?;
        Self::on(Arc::new(files.with_fsync(true)))
    }

    /// At a URL such as `s3://bucket/prefix`, with what the environment says of keys and regions.
    pub(crate) fn url(url: &str, missing: Missing) -> Result<Self> {
        let parsed = url::Url::parse(url).map_err(|error| {
            Error::invalid("", "bad_url", format!("{url:?} is no URL: {error}; write one such as s3://bucket/prefix"))
        })?;
        if parsed.scheme() == "file" {
            let path =
                parsed.to_file_path().map_err(|()| Error::invalid("", "bad_url", format!("{url:?} is no path")))?;
            return Self::directory(&path, missing);
        }
        let (objects, prefix) = object_store::parse_url_opts(&parsed, std::env::vars()).map_err(|error| {
            let built =
                if cfg!(feature = "cloud") { "" } else { " (this program was built without the feature `cloud`)" };
            Error::invalid("", "bad_url", format!("{url:?} cannot be an archive{built}: {error}"))
        })?;
        Self::on(Arc::new(PrefixStore::new(objects, prefix)))
    }

    /// The object; `None` where there is none.
    pub(crate) fn get(&self, path: &str) -> Result<Option<Bytes>> {
        let place = place(path)?;
        let got = self.runtime.block_on(async { self.objects.get(&place).await?.bytes().await });
        match got {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(&path, error)),
        }
    }

    /// Puts an object, in the place of one that is there.
    pub(crate) fn put(&self, path: &str, bytes: Bytes) -> Result<()> {
        let place = place(path)?;
        let put = self.runtime.block_on(self.objects.put(&place, bytes.into()));
        put.map(drop).map_err(|error| failed(&path, error))
    }

    /// Puts an object where there is none; tells whether it did.
    pub(crate) fn create(&self, path: &str, bytes: Bytes) -> Result<bool> {
        let place = place(path)?;
        let options = PutOptions::from(PutMode::Create);
        match self.runtime.block_on(self.objects.put_opts(&place, bytes.into(), options)) {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(failed(&path, error)),
        }
    }

    /// Moves an object, in the place of one that is there; tells whether there was one to move.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<bool> {
        let (source, target) = (place(from)?, place(to)?);
        match self.runtime.block_on(self.objects.rename(&source, &target)) {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed(&from, error)),
        }
    }

    /// Removes an object, if it is there.
    pub(crate) fn remove(&self, path: &str) -> Result<()> {
        let place = place(path)?;
        match self.runtime.block_on(self.objects.delete(&place)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(&path, error)),
        }
    }

    /// The paths of all objects below a folder, in order.
    pub(crate) fn list(&self, folder: &str) -> Result<Vec<String>> {
        let place = place(folder)?;
        let listed = self.objects.list(Some(&place)).map_ok(|object| object.location.to_string());
        let listed: Result<Vec<String>, _> = self.runtime.block_on(listed.try_collect());
        let mut paths = listed.map_err(|error| failed(&folder, error))?;
        paths.sort_unstable();
        Ok(paths)
    }
}

fn place(path: &str) -> Result<Path> {
    Path::parse(path).map_err(|error| {
        Error::new(ErrorKind::Corrupt, format!("{path:?} is no path of an archive")).with_source(error)
    })
}

fn failed(what: &dyn std::fmt::Display, error: object_store::Error) -> Error {
    use object_store::Error as E;
    let kind = match &error {
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => ErrorKind::Denied,
        error if is_full(error) => ErrorKind::DiskFull,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("the archive failed at {what}")).with_source(error)
}

fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::StorageFull) || error.source().is_some_and(is_full)
}
