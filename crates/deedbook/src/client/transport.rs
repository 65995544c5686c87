//! The one door to the network, so that tests can stand behind it and need no clock of the wall.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use deedbook_core::{Error, ErrorKind, Result};
use reqwest::{Request, Response, redirect};

/// How long connecting may take: a few lost packets on the longest of ways.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long an idle connection is kept: less than the 60 seconds after which common proxies let go of theirs.
const IDLE_MAX: Duration = Duration::from_secs(50);

/// A request on its way.
pub(super) type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response, Broken>> + Send + 'a>>;

/// Sends requests; the answer's body is still to be read.
pub(super) trait Transport: Send + Sync {
    /// Sends one request.
    fn send(&self, request: Request) -> Sending<'_>;
}

/// There was no answer, or only a part of one.
#[derive(Debug)]
pub(super) struct Broken(Box<dyn std::error::Error + Send + Sync>);

impl Broken {
    /// For the reason that `error` gives; without the address, which may hold what somebody searched for.
    pub(super) fn by(error: reqwest::Error) -> Self {
        Self(error.without_url().into())
    }

    /// For a reason of a test's.
    #[cfg(test)]
    pub(super) fn because(reason: &'static str) -> Self {
        Self(reason.into())
    }

    /// As callers see it.
    pub(super) fn into_error(self) -> Error {
        let message = if self.is_about_the_certificate() {
            "the certificate of the server was refused: it must be for the host in the address, and of an authority that \
             this machine trusts or that is in the file which SSL_CERT_FILE names"
        } else {
            "the server was not reached, or the connection broke before it answered"
        };
        Error::new(ErrorKind::Unavailable, message).with_source(self)
    }

    /// Told by its words, for the causes hide the type of the error of TLS; without them the message is a general one.
    fn is_about_the_certificate(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if error.to_string().contains("invalid peer certificate") {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Broken {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// HTTP/1.1 with a pool of connections.
pub(super) struct Http(reqwest::Client);

impl Http {
    /// # Errors
    /// [`ErrorKind::Io`] where TLS cannot be set up.
    pub(super) fn new() -> Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("deedbook/", env!("CARGO_PKG_VERSION")))
            // A token is for the server that was named, and for no other that it names.
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .tcp_nodelay(true)
            .build();
        let client =
            client.map_err(|error| Error::new(ErrorKind::Io, "cannot set up a client for HTTP").with_source(error))?;
        Ok(Self(client))
    }
}

impl Transport for Http {
    fn send(&self, request: Request) -> Sending<'_> {
        Box::pin(async move { self.0.execute(request).await.map_err(Broken::by) })
    }
}
