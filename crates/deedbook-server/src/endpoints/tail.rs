//! `GET /v1/events/tail`: entries as they come, as server-sent events.
//!
//! Source: the HTML standard, "Server-sent events". The id of each event is a cursor; for those who may know of every
//! entry a heartbeat brings one too, so that a client who comes back after a quiet hour does not make the server look at
//! that hour again.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use deedbook_core::{Entry, PageRequest, Query, Scope, Store, Timestamp};
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::Duration;

use super::question::Question;
use super::schema;
use crate::access::Numbers;
use crate::app::{App, Phase, StreamTurn};
use crate::cursor::{Binding, Place};
use crate::parameters::{Parameters, bad};
use crate::problem::Answer;
use crate::reading::{ReadKind, Reader};
use crate::readings::is_worth_entering;

/// Entries that are read at once.
const CHUNK_ENTRIES: usize = 100;

/// Follow entries as they come.
///
/// Server-sent events named `entry`, whose data is one entry. Without a cursor it begins now. It resumes after the
/// header `Last-Event-ID`, or after the parameter `after`, without a gap.
#[utoipa::path(
    get, path = "/events/tail", tag = "events", operation_id = "tail_events",
    params(
        schema::QuestionParameters,
        ("after" = Option<String>, Query, description = "A cursor of this query: begin with what came after it"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was taken"),
    ),
    responses(
        (status = 200, description = "A stream without an end", body = String, content_type = "text/event-stream"),
        schema::Refusals,
    ),
)]
pub(crate) async fn tail(
    State(app): State<Arc<App>>,
    reader: Reader,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Answer {
    let question = Question::take(&mut parameters, &reader.0)?;
    let after = parameters.text("after")?;
    parameters.finish(&["q", "tz", "tenant", "after"])?;
    // A browser that reconnects sends its last id, which is newer than the URL it was given.
    let cursor = match headers.get("last-event-id") {
        Some(id) => Some(id.to_str().map_err(|_| bad("the header Last-Event-ID is no cursor"))?.to_owned()),
        None => after,
    };
    let place = cursor.map(|cursor| app.cursors.read(&question.binding, &cursor)).transpose()?;
    let now = place.map_or_else(|| app.now(), |place| place.now);
    let query = question.query(now)?;
    app.note_read(&reader, ReadKind::Tail, &question.scope);
    let mut tail = Tail {
        from: place.map_or_else(|| app.store_end(), |place| place.position.saturating_add(1)),
        query: Arc::new(query),
        scope: question.scope,
        numbers: question.numbers,
        binding: question.binding,
        now,
        visible: app.visible.subscribe(),
        phase: app.phase.subscribe(),
        _turn: app.stream_turn()?,
        app,
        reader,
        ready: VecDeque::new(),
    };
    tail.begin();
    let events = stream::unfold(tail, Tail::next);
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx would otherwise hold entries back until a buffer is full.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}

/// A tail on its way.
struct Tail {
    app: Arc<App>,
    reader: Reader,
    query: Arc<Query>,
    scope: Scope,
    numbers: Numbers,
    binding: Binding,
    now: Timestamp,
    /// The position of the next entry to look at.
    from: u64,
    visible: watch::Receiver<u64>,
    phase: watch::Receiver<Phase>,
    ready: VecDeque<Bytes>,
    _turn: StreamTurn,
}

impl Tail {
    /// The first bytes, with the place at which a client goes on that never got an entry.
    fn begin(&mut self) {
        let id = self.from.checked_sub(1).map(|position| format!("id: {}\n", self.cursor(position)));
        self.ready.push_back(format!("retry: 1000\n{}\n", id.unwrap_or_default()).into());
    }

    /// The next bytes to send, and the tail after them; the end where the server ends, the token is no longer accepted,
    /// or the log cannot be read. The client then comes back, and is told why.
    async fn next(mut self) -> Option<(Result<Bytes, std::io::Error>, Self)> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Some((Ok(bytes), self));
            }
            if *self.phase.borrow() != Phase::Serving || !self.reader.0.is_live(&self.app) {
                return None;
            }
            let visible = *self.visible.borrow_and_update();
            if self.from < visible {
                self.look(visible).await?;
            } else {
                self.wait().await;
            }
        }
    }

    /// Reads what was entered before position `visible`.
    async fn look(&mut self, visible: u64) -> Option<()> {
        let (query, scope) = (self.query.clone(), self.scope.clone());
        let request = PageRequest { after: self.from.checked_sub(1), ..PageRequest::oldest(CHUNK_ENTRIES) };
        let work = move |store: &dyn Store| store.page(&query, &scope, &request);
        let entries = self.app.look(ReadKind::Tail, work).await.ok()?.entries;
        if is_worth_entering(&entries) {
            self.app.note_read(&self.reader, ReadKind::Tail, &self.scope);
        }
        let last = entries.last().map(|last| last.receipt.position + 1);
        self.from = match last {
            // There may be more of those before the end.
            Some(last) if entries.len() == CHUNK_ENTRIES => last,
            last => last.unwrap_or(0).max(visible),
        };
        let events: Vec<Bytes> = entries.iter().map(|entry| self.event(entry)).collect();
        self.ready.extend(events);
        Some(())
    }

    /// Waits for entries, for the end, or for the time of a heartbeat.
    async fn wait(&mut self) {
        let rest = self.longest_rest();
        let heartbeat = tokio::select! {
            _ = self.visible.changed() => false,
            _ = self.phase.changed() => false,
            () = tokio::time::sleep(rest) => true,
        };
        if heartbeat {
            // A cursor that changes without an entry would tell that there was one for others.
            let is_shown = self.numbers == Numbers::All;
            let place = self.from.checked_sub(1).filter(|_| is_shown);
            let id = place.map(|position| format!("id: {}\n", self.cursor(position)));
            self.ready.push_back(format!(": heartbeat\n{}\n", id.unwrap_or_default()).into());
        }
    }

    /// Until the next heartbeat, or until the token ends.
    fn longest_rest(&self) -> Duration {
        let left = self.reader.0.until.map(|until| until.duration_since(self.app.now()));
        let left = left.and_then(|left| Duration::try_from(left).ok());
        left.map_or(self.app.limits.heartbeat_interval, |left| left.min(self.app.limits.heartbeat_interval))
    }

    fn event(&self, entry: &Entry) -> Bytes {
        let mut out = format!("event: entry\nid: {}\ndata: ", self.cursor(entry.receipt.position)).into_bytes();
        // Canonical JSON has no line breaks.
        out.extend_from_slice(&self.numbers.entry(entry));
        out.extend_from_slice(b"\n\n");
        out.into()
    }

    fn cursor(&self, position: u64) -> String {
        self.app.cursors.write(&self.binding, Place { position, now: self.now })
    }
}
