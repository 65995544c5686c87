//! Objects by their paths, in a directory or behind a network, for callers that wait.

use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use deedbook_core::retention::Age;
use deedbook_core::{Error, ErrorKind, Result};
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use crate::Lock;
use crate::requests::Requests;
#[cfg(feature = "cloud")]
use crate::s3::S3;

/// Where the objects of an archive are.
pub(crate) struct Shelf {
    objects: Arc<dyn ObjectStore>,
    #[cfg(feature = "cloud")]
    s3: Option<S3>,
    settings: Settings,
    requests: Requests,
}

/// How many versions of an object are removed at most; of what is written once there is one.
const VERSIONS_MAX: u32 = 100;

/// Where the library asks for the keys of a machine of AWS, when the environment has none.
const KEYS_OF_MACHINES: &str = "/latest/api/token";

/// What whoever runs this has to look at when a store refuses.
#[derive(Clone, Copy, Debug, Default)]
struct Settings {
    /// Which begin with this, in the environment.
    prefix: &'static str,
    keys: &'static str,
    address: &'static str,
}

/// Whether a directory that is not there is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Make,
    Refuse,
}

/// For how long requests are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Some minutes: nobody waits for the answer.
    Long,
    /// Some seconds: somebody does.
    Short,
}

impl Shelf {
    pub(crate) fn on(objects: Arc<dyn ObjectStore>) -> Result<Self> {
        Ok(Self {
            objects,
            #[cfg(feature = "cloud")]
            s3: None,
            settings: Settings::default(),
            requests: Requests::start()?,
        })
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
        let files = LocalFileSystem::new_with_prefix(path).map_err(|error| {
            let message = format!("the directory {} cannot be an archive", path.display());
            Error::new(ErrorKind::Io, message).with_source(error)
        })?;
        Self::on(Arc::new(files.with_fsync(true)))
    }

    /// At a URL such as `s3://bucket/prefix`, with what the environment says of keys and regions.
    pub(crate) fn url(url: &str, missing: Missing, patience: Patience) -> Result<Self> {
        let parsed = parse(url)?;
        if parsed.scheme() == "file" {
            let path =
                parsed.to_file_path().map_err(|()| Error::invalid("", "bad_url", format!("{url:?} is no path")))?;
            return Self::directory(&path, missing);
        }
        let settings = Settings::of(parsed.scheme());
        #[cfg(feature = "cloud")]
        if S3::is_meant(&parsed) {
            let s3 = S3::new(parsed, settings.variables(), patience)?;
            return Ok(Self { s3: Some(s3.clone()), settings, ..Self::on(s3.reader()?)? });
        }
        #[cfg(not(feature = "cloud"))]
        let _ = patience;
        let (objects, prefix) = object_store::parse_url_opts(&parsed, settings.variables()).map_err(|error| {
            let built =
                if cfg!(feature = "cloud") { "" } else { " (this program was built without the feature `cloud`)" };
            Error::invalid("", "bad_url", format!("{url:?} cannot be an archive{built}: {error}"))
        })?;
        Ok(Self { settings, ..Self::on(Arc::new(PrefixStore::new(objects, prefix)))? })
    }

    /// What is written from now on, but for `pending/`, cannot be removed for so long.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the store cannot do that.
    pub(crate) fn lock(&mut self, age: Age) -> Result<()> {
        #[cfg(feature = "cloud")]
        if let Some(s3) = &mut self.s3 {
            s3.lock(age);
            return Ok(());
        }
        let message = format!(
            "objects can be locked for {age} in S3 alone, at a URL such as s3://bucket/prefix; \
             a bucket of another kind keeps them by a policy of its own"
        );
        Err(Error::invalid("", "no_lock", message))
    }

    /// Whether what is written is to be locked.
    pub(crate) fn locks(&self) -> bool {
        #[cfg(feature = "cloud")]
        return self.s3.as_ref().is_some_and(S3::locks);
        #[cfg(not(feature = "cloud"))]
        false
    }

    /// Puts an object that is locked for a moment, where what stays is to be locked.
    pub(crate) fn put_locked(&self, path: &str, bytes: Bytes) -> Result<()> {
        #[cfg(feature = "cloud")]
        if let Some(s3) = &self.s3 {
            let (place, trier) = (place(path)?, s3.trier()?);
            let put = self.requests.wait(async move { trier.put(&place, bytes.into()).await });
            return put.map(drop).map_err(|error| self.failed(&path, error));
        }
        self.put(path, bytes)
    }

    /// What keeps an object from being removed; `None` where nothing does, or nothing that can be seen.
    pub(crate) fn lock_of(&self, path: &str) -> Result<Option<Lock>> {
        let place = place(path)?;
        let (objects, options) = (self.objects.clone(), GetOptions { head: true, ..GetOptions::default() });
        let got = self.requests.wait(async move { objects.get_opts(&place, options).await });
        got.map(|got| got.extensions.get::<Lock>().cloned()).map_err(|error| self.failed(&path, error))
    }

    /// The store that an object is written to.
    pub(crate) fn writer(&self, path: &str) -> Result<Arc<dyn ObjectStore>> {
        #[cfg(feature = "cloud")]
        if let Some(s3) = &self.s3 {
            let is_kept = !path.starts_with(crate::commit::PENDING);
            return if is_kept { s3.keeper() } else { s3.writer() };
        }
        let _ = path;
        Ok(self.objects.clone())
    }

    /// The object; `None` where there is none.
    pub(crate) fn get(&self, path: &str) -> Result<Option<Bytes>> {
        let place = place(path)?;
        let objects = self.objects.clone();
        let got = self.requests.wait(async move { objects.get(&place).await?.bytes().await });
        match got {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(&path, error)),
        }
    }

    /// Puts an object, in the place of one that is there.
    pub(crate) fn put(&self, path: &str, bytes: Bytes) -> Result<()> {
        let place = place(path)?;
        let writer = self.writer(path)?;
        let put = self.requests.wait(async move { writer.put(&place, bytes.into()).await });
        put.map(drop).map_err(|error| self.failed(&path, error))
    }

    /// Puts an object where there is none; tells whether it did.
    pub(crate) fn create(&self, path: &str, bytes: Bytes) -> Result<bool> {
        let place = place(path)?;
        let (writer, options) = (self.writer(path)?, PutOptions::from(PutMode::Create));
        match self.requests.wait(async move { writer.put_opts(&place, bytes.into(), options).await }) {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.failed(&path, error)),
        }
    }

    /// Moves an object, in the place of one that is there; tells whether there was one to move.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<bool> {
        #[cfg(feature = "cloud")]
        if self.s3.is_some() {
            return self.carry(from, to);
        }
        let (source, target, objects) = (place(from)?, place(to)?, self.objects.clone());
        match self.requests.wait(async move { objects.rename(&source, &target).await }) {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed(&from, error)),
        }
    }

    /// As [`Shelf::rename`], through here: a copy within S3 is locked by some servers and refused by others.
    #[cfg(feature = "cloud")]
    fn carry(&self, from: &str, to: &str) -> Result<bool> {
        let Some(bytes) = self.get(from)? else { return Ok(false) };
        self.put(to, bytes)?;
        self.remove(from)?;
        Ok(true)
    }

    /// Removes an object, if it is there.
    pub(crate) fn remove(&self, path: &str) -> Result<()> {
        let (place, objects) = (place(path)?, self.objects.clone());
        match self.requests.wait(async move { objects.delete(&place).await }) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(&path, error)),
        }
    }

    /// The paths of all objects below a folder, in order.
    pub(crate) fn list(&self, folder: &str) -> Result<Vec<String>> {
        let place = place(folder)?;
        let listed = self.objects.list(Some(&place)).map_ok(|object| object.location.to_string());
        let listed = self.requests.wait(listed.try_collect::<Vec<String>>());
        let mut paths = listed.map_err(|error| self.failed(&folder, error))?;
        paths.sort_unstable();
        Ok(paths)
    }

    /// What is known of an object that is not empty; `None` where there is none. A bucket that is not there is an error:
    /// the object may be in the one that was meant.
    pub(crate) fn look(&self, path: &str) -> Result<Option<ObjectMeta>> {
        let (place, objects) = (place(path)?, self.objects.clone());
        // Not the head, whose refusal has no body to tell a bucket that is missing from an object that is.
        let options = GetOptions { range: Some((0..1).into()), ..GetOptions::default() };
        match self.requests.wait(async move { objects.get_opts(&place, options).await }) {
            Ok(got) => Ok(Some(got.meta)),
            Err(error @ object_store::Error::NotFound { .. }) if !is_bucket_missing(&Cause::of(&error).0) => Ok(None),
            Err(error) => Err(self.failed(&path, error)),
        }
    }

    /// Bytes of an object.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is none; [`ErrorKind::Io`].
    pub(crate) fn read(&self, path: &str, range: Range<u64>) -> Result<Bytes> {
        let (place, objects) = (place(path)?, self.objects.clone());
        let got = self.requests.wait(async move { objects.get_range(&place, range).await });
        got.map_err(|error| {
            let is_gone = matches!(error, object_store::Error::NotFound { .. });
            let failed = self.failed(&path, error);
            if is_gone {
                Error::new(ErrorKind::NotFound, format!("there is no {path}")).with_source(failed)
            } else {
                failed
            }
        })
    }

    /// Removes an object with all its versions, until it is not there.
    pub(crate) fn erase(&self, path: &str) -> Result<()> {
        for _ in 0..VERSIONS_MAX {
            let Some(object) = self.look(path)? else { return Ok(()) };
            #[cfg(feature = "cloud")]
            if let Some((s3, version)) = self.s3.clone().zip(object.version) {
                let place = object.location;
                let removed = self.requests.wait(async move { s3.remove_version(&place, &version).await });
                removed.map_err(|error| self.failed(&path, error))?;
                continue;
            }
            let _ = object;
            self.remove(path)?;
        }
        Err(Error::new(ErrorKind::Io, format!("{path} is still there after it was removed {VERSIONS_MAX} times")))
    }

    /// Waits for something of the library that is not one request.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        what: &str,
        asked: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.requests.wait(asked).map_err(|error| self.failed(&what, error))
    }

    pub(crate) fn failed(&self, what: &dyn std::fmt::Display, error: object_store::Error) -> Error {
        use object_store::Error as E;
        let cause = Cause::of(&error);
        let (kind, why) = match &error {
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => (ErrorKind::Denied, self.settings.refused()),
            // Where it was to list, the library does not tell.
            _ if cause.0.contains("403 Forbidden") && !cause.0.contains(KEYS_OF_MACHINES) => {
                (ErrorKind::Denied, self.settings.refused())
            }
            error if is_full(error) => (ErrorKind::DiskFull, String::new()),
            _ => (ErrorKind::Io, self.settings.advice(&cause.0)),
        };
        Error::new(kind, format!("the archive failed at {what}{why}")).with_source(cause)
    }
}

impl Settings {
    /// Those of stores with this scheme.
    fn of(scheme: &str) -> Self {
        match scheme {
            "gs" => Self {
                prefix: "GOOGLE_",
                keys: "GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS",
                address: "the URL",
            },
            "az" | "adl" | "azure" | "abfs" | "abfss" => Self {
                prefix: "AZURE_",
                keys: "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
                address: "the URL and AZURE_STORAGE_ACCOUNT_NAME",
            },
            _ => Self {
                prefix: "AWS_",
                keys: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                address: "the URL, AWS_REGION and AWS_ENDPOINT",
            },
        }
    }

    /// What the environment says of them. Others are left out, for the libraries take `TOKEN` for one of theirs.
    fn variables(self) -> Vec<(String, String)> {
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let ours = variables.filter(|(name, _)| name.starts_with(self.prefix));
        ours.filter_map(|(name, value)| Some((name, value.into_string().ok()?))).collect()
    }

    fn refused(self) -> String {
        if self.keys.is_empty() {
            return String::new();
        }
        format!(": the store refuses the keys, or what they are used for: look at {}", self.keys)
    }

    /// What is to be done about an error that tells this.
    fn advice(self, told: &str) -> String {
        let Self { keys, address, .. } = self;
        if keys.is_empty() {
            String::new()
        } else if is_bucket_missing(told) {
            format!(": there is no such bucket: look at {address}")
        } else if told.contains("ObjectLockConfiguration") || told.contains("Object Lock Configuration") {
            ": the bucket has no object lock, which `lock` needs and which is asked for when a bucket is made"
                .to_owned()
        } else if told.contains("credential") || told.contains(KEYS_OF_MACHINES) {
            format!(": there are no keys: set {keys}")
        } else if told.contains("URL scheme is not allowed") {
            format!(": it is reached without TLS, which takes {}ALLOW_HTTP=true: look at {address}", self.prefix)
        } else {
            format!(": look at {address}")
        }
    }
}

/// What an error of the library and its causes tell, each of which tells those below it once more.
#[derive(Debug)]
struct Cause(String);

impl Cause {
    fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let causes = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
        let join = |told: String, cause: String| if told.contains(&cause) { told } else { format!("{told}: {cause}") };
        Self(causes.reduce(join).unwrap_or_default())
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cause {}

/// A URL, of which none has a secret: it is printed, and written where others read it.
pub(crate) fn parse(url: &str) -> Result<url::Url> {
    let bad = |why: &dyn std::fmt::Display| Error::invalid("", "bad_url", format!("{why}"));
    let parsed = url::Url::parse(url)
        .map_err(|error| bad(&format_args!("{url:?} is no URL: {error}; write one such as s3://bucket/prefix")))?;
    match parsed.password().is_some() || parsed.query().is_some() || parsed.fragment().is_some() {
        true => Err(bad(&"the URL of an archive has no password and no ?: keys come from the environment")),
        false => Ok(parsed),
    }
}

fn is_bucket_missing(told: &str) -> bool {
    ["NoSuchBucket", "ContainerNotFound"].iter().any(|code| told.contains(code))
}

pub(crate) fn place(path: &str) -> Result<Path> {
    Path::parse(path).map_err(|error| {
        Error::new(ErrorKind::Corrupt, format!("{path:?} is no path of an archive")).with_source(error)
    })
}

fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::StorageFull) || error.source().is_some_and(is_full)
}
