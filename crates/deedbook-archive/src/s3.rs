//! S3: what is written carries its checksum, and a lock where one is asked for.
//!
//! The library has no lock for a single put, but headers of all requests of a client, which it signs with the rest. So
//! what is to be locked is written by a client of its own. The lock of an object is read off the headers of responses.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deedbook_core::retention::Age;
use deedbook_core::{Error, Result, Timestamp};
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpRequestBody, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::signer::{Method, SignedUrlOptions, Signer};
use object_store::{ClientOptions, HeaderMap, HeaderValue, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

use crate::Lock;
use crate::shelf::Patience;

const MODE: &str = "x-amz-object-lock-mode";
const UNTIL: &str = "x-amz-object-lock-retain-until-date";
/// As the clients of AWS say it beside the checksum; some servers want it where there is a lock.
const CHECKSUM: (&str, &str) = ("x-amz-sdk-checksum-algorithm", "SHA256");

/// How often and for how long a request is tried again for which somebody waits; each takes 30 s at most.
const SHORT: (usize, Duration) = (3, Duration::from_secs(15));
/// For how long a request may be on its way that was signed beforehand.
const SIGNED_FOR: Duration = Duration::from_secs(300);

/// For how many seconds an object is locked that is only to show whether it is.
const LOCK_TRIED_FOR: i64 = 60;

/// A bucket, and how it is written to.
#[derive(Clone)]
pub(crate) struct S3 {
    url: Url,
    prefix: Path,
    variables: Vec<(String, String)>,
    patience: Patience,
    writer: Arc<dyn ObjectStore>,
    lock: Option<Age>,
    keeper: Arc<Mutex<Option<Keeper>>>,
}

/// What locks everything that it writes until the end of a day.
struct Keeper {
    until: String,
    objects: Arc<dyn ObjectStore>,
}

impl S3 {
    /// Whether a URL names a bucket of S3.
    pub(crate) fn is_meant(url: &Url) -> bool {
        matches!(ObjectStoreScheme::parse(url), Ok((ObjectStoreScheme::AmazonS3, _)))
    }

    /// The bucket at a URL, with what the environment says of keys and regions.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid) where that makes no sense.
    pub(crate) fn new(url: Url, variables: Vec<(String, String)>, patience: Patience) -> Result<Self> {
        let (_, prefix) = ObjectStoreScheme::parse(&url).map_err(|error| bad(&url, &error))?;
        let client = bucket(&url, &variables, writing(), Patience::Long)?;
        let writer = Arc::new(PrefixStore::new(client, prefix.clone()));
        Ok(Self { url, prefix, variables, patience, writer, lock: None, keeper: Arc::default() })
    }

    /// Everything that [`S3::keeper`] writes is locked for so long.
    pub(crate) fn lock(&mut self, age: Age) {
        self.lock = Some(age);
    }

    pub(crate) fn locks(&self) -> bool {
        self.lock.is_some()
    }

    /// For reading, listing and removing.
    pub(crate) fn reader(&self) -> Result<Arc<dyn ObjectStore>> {
        let client = bucket(&self.url, &self.variables, HeaderMap::new(), self.patience)?;
        Ok(Arc::new(PrefixStore::new(client, self.prefix.clone())))
    }

    /// Removes one version of an object, for good: without its name, removing only puts a marker on top of it.
    pub(crate) async fn remove_version(&self, path: &Path, version: &str) -> object_store::Result<()> {
        let failed = |source| object_store::Error::Generic { store: "S3", source };
        let bucket = bucket(&self.url, &self.variables, HeaderMap::new(), self.patience);
        let bucket = bucket.map_err(|error| failed(error.into()))?;
        let place = Path::from_iter(self.prefix.parts().chain(path.parts()));
        let named = SignedUrlOptions::new().with_query([("versionId", version)]);
        let url = bucket.signed_url_opts(Method::DELETE, &place, SIGNED_FOR, &named).await?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = Method::DELETE;
        *request.uri_mut() = url.as_str().parse().map_err(|_| failed("the URL of a version is none".into()))?;
        let client = ReqwestConnector::default().connect(&connecting(&self.variables))?;
        // The URL has a signature, which an error would print.
        let answer = client
            .execute(request)
            .await
            .map_err(|error| failed(error.to_string().replace(url.as_str(), path.as_ref()).into()))?;
        let (head, body) = answer.into_parts();
        if head.status.is_success() {
            return Ok(());
        }
        let told = body.bytes().await.map(|told| String::from_utf8_lossy(&told).into_owned()).unwrap_or_default();
        let told = format!("its version {version} cannot be removed: {}: {told}", head.status);
        Err(failed(told.into()))
    }

    /// For writing what goes away again.
    pub(crate) fn writer(&self) -> Result<Arc<dyn ObjectStore>> {
        Ok(self.writer.clone())
    }

    /// For writing what stays, locked where that is asked for.
    pub(crate) fn keeper(&self) -> Result<Arc<dyn ObjectStore>> {
        let Some(age) = self.lock else { return self.writer() };
        let until = until(age, Timestamp::now())?;
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keeper) = keeper.as_ref().filter(|keeper| keeper.until == until) {
            return Ok(keeper.objects.clone());
        }
        let objects = self.locking(&until)?;
        *keeper = Some(Keeper { until, objects: objects.clone() });
        Ok(objects)
    }

    /// For writing what is locked for a moment, to see whether that can be.
    pub(crate) fn trier(&self) -> Result<Arc<dyn ObjectStore>> {
        let soon = Timestamp::from_second(Timestamp::now().as_second() + LOCK_TRIED_FOR).unwrap_or(Timestamp::MAX);
        self.locking(&soon.to_string())
    }

    fn locking(&self, until: &str) -> Result<Arc<dyn ObjectStore>> {
        let mut headers = writing();
        headers.insert(MODE, HeaderValue::from_static("COMPLIANCE"));
        let value = HeaderValue::from_str(until).map_err(|error| bad(&self.url, &error))?;
        headers.insert(UNTIL, value);
        let client = bucket(&self.url, &self.variables, headers, Patience::Long)?;
        Ok(Arc::new(PrefixStore::new(client, self.prefix.clone())))
    }
}

/// The end of the day on which `age` has passed, so that one client does for all that is written on a day.
fn until(age: Age, now: Timestamp) -> Result<String> {
    let passed = age.after(now).map(|until| until.to_string());
    let day = passed.as_ref().and_then(|until| until.get(.."2033-09-20".len()));
    let day = day.ok_or_else(|| Error::invalid("", "no_lock", format!("no calendar has a day {age} from now")))?;
    Ok(format!("{day}T23:59:59Z"))
}

fn writing() -> HeaderMap {
    let (name, value) = CHECKSUM;
    HeaderMap::from_iter([(name.parse().expect("the name of a header"), HeaderValue::from_static(value))])
}

/// A client of the whole bucket.
fn bucket(url: &Url, variables: &[(String, String)], headers: HeaderMap, patience: Patience) -> Result<AmazonS3> {
    let options = ClientOptions::new().with_default_headers(headers);
    let mut builder = AmazonS3Builder::new().with_url(url.as_str()).with_client_options(options);
    for (name, value) in variables {
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    if patience == Patience::Short {
        let (max_retries, retry_timeout) = SHORT;
        builder = builder.with_retry(RetryConfig { max_retries, retry_timeout, ..RetryConfig::default() });
    }
    builder
        .with_checksum_algorithm(Checksum::SHA256)
        .with_http_connector(Watched)
        .build()
        .map_err(|error| bad(url, &error))
}

/// What the environment says of connections.
fn connecting(variables: &[(String, String)]) -> ClientOptions {
    variables.iter().fold(ClientOptions::new(), |options, (name, value)| {
        let name = name.to_ascii_lowercase();
        match name.strip_prefix("aws_").and_then(|name| name.parse().ok()) {
            Some(key) => options.with_config(key, value),
            None => options,
        }
    })
}

fn bad(url: &Url, error: &dyn std::fmt::Display) -> Error {
    Error::invalid(
        "",
        "bad_url",
        format!("{:?} cannot be an archive: {error}: look at it and at the variables AWS_…", url.as_str()),
    )
}

/// Connects as the library does, and keeps what responses say of locks.
#[derive(Debug)]
struct Watched;

impl HttpConnector for Watched {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Watch(ReqwestConnector::default().connect(options)?)))
    }
}

#[derive(Debug)]
struct Watch(HttpClient);

#[async_trait::async_trait]
impl HttpService for Watch {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut response = self.0.execute(request).await?;
        let said = |name| response.headers().get(name)?.to_str().ok().map(str::to_owned);
        if let Some((mode, until)) = said(MODE).zip(said(UNTIL)) {
            response.extensions_mut().insert(Lock { mode, until });
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_lasts_to_the_end_of_a_day() {
        let now: Timestamp = "2026-09-20T14:00:00.5Z".parse().expect("a time");
        let age = |text| Age::parse(text).expect("an age");
        assert_eq!(until(age("7y"), now).expect("a day"), "2033-09-20T23:59:59Z");
        assert_eq!(until(age("1d"), now).expect("a day"), "2026-09-21T23:59:59Z");
        assert!(until(age("1000y"), "9500-01-01T00:00:00Z".parse().expect("a time")).is_err());
    }
}
