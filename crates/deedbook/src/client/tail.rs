//! Entries as they come: a stream that is resumed where it broke.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use deedbook_core::{Error, ErrorKind, Result};
use reqwest::Response;
use reqwest::header::{ACCEPT, HeaderName, HeaderValue};
use serde_json::value::RawValue;

use super::answer::strange;
use super::call::Call;
use super::entry::Found;
use super::sse::{Message, Parser};
use super::transport::Broken;
use super::{Ask, Client};
use crate::retry::{Backoff, is_passing};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The pause where a server that says another one has ended the stream again and again.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Follows the entries that match; made by [`Client::tail`]. It has no end but an error.
pub struct Tail {
    client: Client,
    ask: Ask,
    stream: Option<Response>,
    parser: Parser,
    ready: VecDeque<Message>,
    backoff: Backoff,
    cursor: Option<String>,
}

impl Client {
    /// Follows the entries that match, from [`Ask::after`] on, else from now on. Nothing is sent before
    /// [`Tail::next`]; the limit and the order of `ask` do not matter.
    pub fn tail(&self, ask: Ask) -> Tail {
        let (backoff, cursor) = (self.pauses(), ask.cursor_after().map(str::to_owned));
        let (client, ready) = (self.clone(), VecDeque::new());
        Tail { client, ask, stream: None, parser: Parser::default(), ready, backoff, cursor }
    }

    fn pauses(&self) -> Backoff {
        Backoff::new(self.shared.options.pause_first, PAUSE_MAX)
    }
}

impl Tail {
    /// Opens the stream, where it is not open: what is entered after this returns will not be missed.
    ///
    /// # Errors
    /// As [`Tail::next`].
    pub async fn open(&mut self) -> Result<()> {
        while self.stream.is_none() {
            if let Err(error) = self.connect().await {
                self.pause(error).await?;
            }
        }
        Ok(())
    }

    /// The next entry. Where the stream breaks it is resumed, for as long as it takes, and no entry is missed or given
    /// twice. The future can be dropped at any time without losing an entry.
    ///
    /// # Errors
    /// What does not pass by itself: [`ErrorKind::Denied`], [`ErrorKind::Invalid`], [`ErrorKind::NotFound`].
    pub async fn next(&mut self) -> Result<Found> {
        loop {
            while let Some(message) = self.ready.pop_front() {
                if let Some(found) = self.take(message)? {
                    return Ok(found);
                }
            }
            self.open().await?;
            if let Err(error) = self.read().await {
                self.stream = None;
                self.parser.restart();
                self.pause(error).await?;
            }
        }
    }

    /// Where to go on after the last entry that was taken, by [`Ask::after`]; `None` before the first one.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    fn take(&mut self, message: Message) -> Result<Option<Found>> {
        if !matches!(&*message.event, "" | "message" | "entry") {
            return Ok(None);
        }
        let json: &RawValue =
            serde_json::from_str(&message.data).map_err(|error| strange("an entry is no JSON").with_source(error))?;
        let found = Found::read(json)?;
        self.cursor = message.id.or(self.cursor.take());
        Ok(Some(found))
    }

    async fn connect(&mut self) -> Result<()> {
        let mut query = self.ask.question();
        query.extend(self.ask.cursor_after().map(|cursor| ("after", cursor.to_owned())));
        let mut call =
            Call::get(&["v1", "events", "tail"], query).with(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(id) = self.parser.last_id() {
            let id = HeaderValue::from_str(id).map_err(|_| strange("the id of a message is no text"))?;
            call = call.with(LAST_EVENT_ID, id);
        }
        let opened = tokio::time::timeout(self.client.shared.options.attempt_max, self.client.send(&call)).await;
        self.stream = Some(opened.unwrap_or_else(|_| Err(silent()))?);
        Ok(())
    }

    /// Reads some of the stream; the end of it is an error like any other that passes.
    async fn read(&mut self) -> Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let piece = tokio::time::timeout(self.client.shared.options.silence_max, stream.chunk()).await;
        let piece = piece.map_err(|_| silent())?.map_err(|error| Broken::by(error).into_error())?;
        let piece = piece.ok_or_else(|| Error::new(ErrorKind::Unavailable, "the server ended the stream"))?;
        self.parser.push(&piece, &mut self.ready)?;
        self.backoff = self.client.pauses();
        Ok(())
    }

    /// Waits before the next attempt.
    async fn pause(&mut self, error: Error) -> Result<()> {
        if !is_passing(&error) {
            return Err(error);
        }
        let asked = error.retry_after().max(self.parser.retry().map(|asked| asked.min(PAUSE_MAX)));
        tokio::time::sleep(self.backoff.wait(asked)).await;
        Ok(())
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").field("ask", &self.ask).field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

fn silent() -> Error {
    Error::new(ErrorKind::Unavailable, "the server was silent for too long")
}
