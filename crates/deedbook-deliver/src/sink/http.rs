//! The one HTTP client of the sinks: a body goes out, and what the other side says of it is judged.
//!
//! It follows no redirect, for a secret is for the address that was named. What it says of a failure names the host
//! alone: the rest of an address may be a secret, and so may what the other side repeats.

mod address;
mod answer;
mod headers;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Response, Url, redirect};

use self::address::{address, host, secrets};
use self::headers::header;
use super::guard::Guard;
use super::{ClientRuntime, Failure, cause};
use crate::Secret;
use crate::settings::{bounded, wrong};

pub(crate) use self::answer::Answer;
pub(crate) use self::headers::Headers;

/// How long connecting may take, of the time of a request: a few lost packets on the longest of ways.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long an idle connection is kept: less than the 60 seconds after which common proxies let go of theirs.
const IDLE_MAX: Duration = Duration::from_secs(50);
/// The time of a request, in seconds, where the settings do not say.
const TIMEOUT_S: u64 = 30;
/// The longest that may be set, in seconds: ending waits for it.
const TIMEOUT_S_MAX: u64 = 300;
/// Bytes of an answer that are read, where nothing else is said.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Sends bodies to one address.
pub(crate) struct Http {
    client: Client,
    url: Url,
    headers: HeaderMap,
    /// What is shown to nobody.
    secrets: Vec<Secret>,
    gzip: bool,
    answer_bytes_max: usize,
    runtime: ClientRuntime,
}

impl Http {
    /// A client for `url`; `guard` watches where it connects to.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid): the address or the time cannot be used.
    pub(crate) fn new(url: &str, timeout_s: Option<u64>, guard: Option<&Guard>) -> deedbook_core::Result<Self> {
        let url = address(url)?;
        let timeout = Duration::from_secs(bounded("timeout_s", timeout_s.unwrap_or(TIMEOUT_S), TIMEOUT_S_MAX)?);
        let mut builder = Client::builder()
            .user_agent(concat!("deedbook/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .timeout(timeout)
            .connect_timeout(timeout.min(CONNECT_MAX))
            .pool_idle_timeout(IDLE_MAX)
            .tcp_nodelay(true);
        if let Some(guard) = guard {
            guard.check(&url)?;
            // A proxy would connect where the guard does not see it.
            builder = builder.no_proxy().dns_resolver(guard.clone());
        }
        let client = builder.build().map_err(|error| wrong(format!("no client for HTTP: {}", cause(&error))))?;
        let secrets = secrets(&url);
        let (headers, answer_bytes_max) = (HeaderMap::new(), ANSWER_BYTES_MAX);
        Ok(Self { client, url, headers, secrets, gzip: false, answer_bytes_max, runtime: ClientRuntime::default() })
    }

    /// With bodies compressed or not.
    pub(crate) fn with_gzip(mut self, gzip: bool) -> Self {
        self.gzip = gzip;
        self
    }

    /// With answers that are read up to so many bytes.
    pub(crate) fn with_answers_of(mut self, bytes_max: usize) -> Self {
        self.answer_bytes_max = bytes_max;
        self
    }

    /// Adds `path` to an address that has none.
    pub(crate) fn with_path(mut self, path: &str) -> Self {
        if self.url.path() == "/" {
            self.url.set_path(path);
        }
        self
    }

    /// With the headers that an operator asked for; paths of their secrets start from `folder`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid): one cannot be, or its secret cannot be read.
    pub(crate) fn with_headers(self, headers: Headers, folder: &Path) -> deedbook_core::Result<Self> {
        headers.add_to(self, folder)
    }

    /// With a header in every request.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid): it cannot be one.
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> deedbook_core::Result<Self> {
        let (name, value) = header(name, value)?;
        self.headers.insert(name, value);
        Ok(self)
    }

    /// With a header whose value, `scheme` and `secret`, nobody else may see.
    ///
    /// # Errors
    /// As [`Http::with_header`].
    pub(crate) fn with_secret(mut self, name: &str, scheme: &str, secret: Secret) -> deedbook_core::Result<Self> {
        let (name, mut value) = header(name, &format!("{scheme}{}", secret.expose()))?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        self.secrets.push(secret);
        Ok(self)
    }

    /// Sends `body`, with `headers` besides those of every request, and waits for the answer. It blocks, and must not
    /// be called by what runs within a runtime.
    ///
    /// # Errors
    /// [`Failure::Later`] where there was no answer.
    pub(crate) fn post(
        &mut self,
        content_type: &'static str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, Failure> {
        let mut request = self.client.post(self.url.clone()).headers(self.headers.clone()).headers(headers);
        request = request.header(CONTENT_TYPE, content_type);
        request = match self.gzip {
            true => request.header(CONTENT_ENCODING, "gzip").body(compressed(&body)),
            false => request.body(body),
        };
        let answered = self.runtime.block_on(async {
            let mut response = request.send().await?;
            let body = beginning(&mut response, self.answer_bytes_max).await;
            Ok::<_, reqwest::Error>((response, body))
        })?;
        match answered {
            Ok((response, body)) => Ok(self.answer(&response, body)),
            Err(error) => Err(Failure::later(self.unanswered(error))),
        }
    }

    fn answer(&self, response: &Response, body: Vec<u8>) -> Answer {
        Answer::new(response.status(), response.headers(), body, host(&self.url), self.secrets.clone())
    }

    fn unanswered(&self, error: reqwest::Error) -> String {
        let host = host(&self.url);
        if error.is_timeout() {
            return format!("{host} did not answer in time");
        }
        let cause = cause(&error.without_url());
        let advice = match cause.contains("invalid peer certificate") {
            true => {
                ": its certificate must be for this host, and of an authority that this machine trusts or that is in \
                 the file which SSL_CERT_FILE names"
            }
            false => "",
        };
        format!("{host} was not reached: {cause}{advice}")
    }
}

fn compressed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory takes what is written")
}

/// As much of the body as is wanted. What cannot be read is left out: the status tells the most.
async fn beginning(response: &mut Response, bytes_max: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = bytes_max - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == bytes_max {
            break;
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(url: &str) -> Http {
        Http::new(url, None, None).expect("a client")
    }

    #[test]
    fn a_path_is_added_where_there_is_none() {
        for (url, expected) in [
            ("https://siem.example", "https://siem.example/v1/logs"),
            ("https://siem.example/", "https://siem.example/v1/logs"),
            ("https://siem.example/otlp/v1/logs", "https://siem.example/otlp/v1/logs"),
        ] {
            assert_eq!(http(url).with_path("/v1/logs").url.as_str(), expected);
        }
    }

    #[test]
    fn the_time_of_a_request_is_bounded() {
        for (timeout_s, allowed) in [(0, false), (1, true), (300, true), (301, false)] {
            assert_eq!(Http::new("https://siem.example/", Some(timeout_s), None).is_ok(), allowed, "{timeout_s}");
        }
    }

    #[test]
    fn headers_that_cannot_be_are_refused_and_their_values_not_repeated() {
        assert!(http("https://siem.example/").with_header("no name", "x").is_err());
        let refused = http("https://siem.example/").with_secret("Authorization", "Splunk ", Secret::new("can\u{1}ary"));
        let error = refused.err().expect("refused").to_string();
        assert!(error.contains("authorization") && !error.contains("ary"), "{error}");
    }
}
