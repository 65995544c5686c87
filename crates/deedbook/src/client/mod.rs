//! A remote Deedbook: the client of the HTTP API.
//!
//! ```no_run
//! # async fn example() -> deedbook::Result<()> {
//! use deedbook::client::{Client, Token};
//!
//! let client = Client::new("https://audit.example", Token::new("deed_read_…")?)?;
//! for found in client.page(&"outcome:denied".into()).await?.entries {
//!     println!("{} {}", found.entry.recorded_at, found.entry.event.action);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Everything that can be repeated without harm is repeated where the server is over capacity or not reached, with
//! growing pauses, never sooner than the server said, and no longer than the deadline. Events can: each has its id before
//! the first attempt, so that a repetition is recognised. Whoever writes events by [`Client::record`] shares requests with
//! others who write at the same time.

mod address;
mod answer;
mod batch;
mod call;
mod entry;
mod export;
mod governance;
mod health;
mod history;
mod post;
mod problem;
mod read;
#[cfg(test)]
pub(crate) mod scripted;
mod sinks;
mod sse;
mod tail;
#[cfg(test)]
mod tests;
mod token;
mod tokens;
mod transport;
mod viewer;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use deedbook_core::{Error, ErrorKind, Result};
use reqwest::header::HeaderValue;
use tokio::time::Instant;

use address::Address;
use batch::Batcher;
use call::Call;
use transport::{Http, Transport};

use crate::retry::{self, Backoff, is_passing};

pub use entry::Found;
pub use export::{Export, ExportFormat};
pub use history::{FoundAround, FoundVersion, FoundVersions};
pub use read::{Ask, EntryPage};
pub use tail::Tail;
pub use token::Token;
pub use tokens::{NewToken, TokenKind, TokenRecord};
pub use viewer::{NewViewerSession, ViewerSession};

/// A client of one server with one token; cheap to clone, and clones share connections and requests.
///
/// Its methods run on tokio.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    address: Address,
    token: Token,
    authorization: HeaderValue,
    transport: Box<dyn Transport>,
    options: ClientOptions,
    batcher: Batcher,
}

/// How a [`Client`] waits and repeats; the default suits most.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientOptions {
    /// How long a call may take with all its attempts, where the call does not say: 30 seconds.
    pub deadline: Duration,
    /// How long one attempt may take: 10 seconds, so that one lost packet does not use up the deadline.
    pub attempt_max: Duration,
    /// The pause after the first attempt: 100 ms.
    pub pause_first: Duration,
    /// The longest pause, unless the server asks for more: 5 seconds.
    pub pause_max: Duration,
    /// Bytes of events from which on they are compressed: 1,024, below which compressing costs more than it saves.
    pub compress_from_bytes: usize,
    /// Events of [`Client::record`] that may wait to be sent: 10,000.
    pub waiting_events_max: usize,
    /// Bytes of events of [`Client::record`] that may wait to be sent: 16 MiB.
    pub waiting_bytes_max: usize,
    /// How long a stream may be silent before it counts as broken: 60 seconds, four heartbeats.
    pub silence_max: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            attempt_max: Duration::from_secs(10),
            pause_first: Duration::from_millis(100),
            pause_max: Duration::from_secs(5),
            compress_from_bytes: 1024,
            waiting_events_max: 10_000,
            waiting_bytes_max: 16 << 20,
            silence_max: Duration::from_secs(60),
        }
    }
}

impl Client {
    /// A client of the server at `address`, such as `https://audit.example` or `http://127.0.0.1:7400`. Nothing is sent
    /// yet.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where `address` is none, or is `https://` and the feature `https` is off;
    /// [`ErrorKind::Io`] where TLS cannot be set up.
    pub fn new(address: &str, token: Token) -> Result<Self> {
        Self::with_options(address, token, ClientOptions::default())
    }

    /// As [`Client::new`], with other times and limits.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_options(address: &str, token: Token, options: ClientOptions) -> Result<Self> {
        Ok(Self::over(Box::new(Http::new()?), Address::parse(address)?, token, options))
    }

    fn over(transport: Box<dyn Transport>, address: Address, token: Token, options: ClientOptions) -> Self {
        let (authorization, batcher) = (token.header(), Batcher::new(&options));
        Self { shared: Arc::new(Shared { address, token, authorization, transport, options, batcher }) }
    }

    /// The server's address.
    pub fn address(&self) -> &str {
        self.shared.address.as_str()
    }

    /// The deadline of a call that says none.
    fn deadline(&self) -> Instant {
        Instant::now() + self.shared.options.deadline
    }

    /// Sends `call` until there is an answer, a lasting refusal, or no time left, and reads the answer whole.
    async fn repeat(&self, call: &Call<'_>, deadline: Instant) -> Result<answer::Answer> {
        self.repeatedly(deadline, || self.once(call)).await
    }

    /// Sends `call` once and reads the answer whole.
    async fn once(&self, call: &Call<'_>) -> Result<answer::Answer> {
        answer::Answer::read(self.send(call).await?).await
    }

    /// Sends `call` once; the answer is a success and its body is still to be read.
    async fn send(&self, call: &Call<'_>) -> Result<reqwest::Response> {
        let shared = &self.shared;
        let request = call.request(&shared.address, shared.authorization.clone());
        let answer = shared.transport.send(request).await.map_err(transport::Broken::into_error)?;
        if answer.status().is_success() { Ok(answer) } else { Err(problem::read(answer, &shared.token).await) }
    }

    /// Makes attempts until one succeeds, one fails for good, or the next would come after `deadline`.
    async fn repeatedly<T, F: Future<Output = Result<T>>>(
        &self,
        deadline: Instant,
        attempt: impl Fn() -> F,
    ) -> Result<T> {
        let options = &self.shared.options;
        let mut backoff = Backoff::new(options.pause_first, options.pause_max);
        loop {
            let until = deadline.min(Instant::now() + options.attempt_max);
            let error = match tokio::time::timeout_at(until, attempt()).await {
                Ok(Err(error)) => error,
                Ok(done) => return done,
                Err(_) => late(),
            };
            if !is_passing(&error) {
                return Err(error);
            }
            match retry::within(deadline, backoff.wait(error.retry_after())) {
                Some(at) => tokio::time::sleep_until(at).await,
                None => return Err(error),
            }
        }
    }
}

fn late() -> Error {
    Error::new(ErrorKind::Unavailable, "the server did not answer in time")
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.address()).finish_non_exhaustive()
    }
}
