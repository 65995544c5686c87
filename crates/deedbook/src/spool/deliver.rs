//! The one task that delivers: oldest first, one batch under way, with growing pauses while the log is away.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deedbook_core::{Error, ErrorKind, Result, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::shelf::Batch;
use super::{Phase, Shared};
use crate::backend::Backend;
use crate::receipt::Fates;
use crate::retry::Backoff;

/// Events and bytes of one delivery at most: what a server takes in one request.
const BATCH_EVENTS_MAX: usize = 1_000;
const BATCH_BYTES_MAX: usize = 4 << 20;
/// How long a backend that does not keep to its deadline is waited for beyond it.
const GRACE: Duration = Duration::from_secs(5);

/// Delivers until the spool ends.
pub(super) async fn run(
    shared: Arc<Shared>,
    backend: Arc<Backend>,
    mut phase: watch::Receiver<Phase>,
    _alive: mpsc::Sender<()>,
) {
    let pauses = || Backoff::new(shared.options.pause_first, shared.options.pause_max);
    let mut backoff = pauses();
    loop {
        let wait = match shared.deliver(&backend).await {
            Ok(Delivered::Some) => {
                backoff = pauses();
                continue;
            }
            Ok(Delivered::Nothing) => None,
            Err(error) => {
                let wait = backoff.wait(error.retry_after());
                shared.note_failure(&error);
                Some(wait)
            }
        };
        if *phase.borrow() == Phase::Ending {
            return;
        }
        tokio::select! {
            // A failure is not mended by more events.
            () = shared.filled.notified(), if wait.is_none() => {}
            () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            // The end of the spool's handle is the end too.
            changed = phase.changed() => if changed.is_err() { return },
        }
    }
}

enum Delivered {
    Some,
    Nothing,
}

impl Shared {
    /// Delivers one batch; an error means that nothing of it was noted as delivered, and to try again later.
    async fn deliver(self: &Arc<Self>, backend: &Backend) -> Result<Delivered> {
        let Some(Batch { claims, behind }) = self.next().await? else { return Ok(Delivered::Nothing) };
        let fates = self.send(backend, claims.clone()).await?;
        let events = claims.len() as u64;
        let rejected = rejected(claims, fates)?;
        let rejects = rejected.len() as u64;
        // A crash in between rejects again what was rejected, and delivers again what was delivered: nothing is lost.
        let now = Timestamp::now();
        self.on_shelf(move |shelf| {
            if !rejected.is_empty() {
                shelf.reject(&rejected, now)?;
            }
            shelf.delivered(behind, events)
        })
        .await?;
        let mut status = self.status();
        status.delivered += events - rejects;
        status.rejected += rejects;
        status.last_failure = None;
        Ok(Delivered::Some)
    }

    async fn next(self: &Arc<Self>) -> Result<Option<Batch>> {
        let next = self.on_shelf(|shelf| shelf.next(BATCH_EVENTS_MAX, BATCH_BYTES_MAX)).await;
        match next {
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                let mended = self.on_shelf(|shelf| shelf.mend()).await?;
                self.note_mended(mended);
                Err(error)
            }
            next => next,
        }
    }

    async fn send(&self, backend: &Backend, claims: Vec<Bytes>) -> Fates {
        let attempt_max = self.options.attempt_max;
        let sent = backend.deliver(claims, Instant::now() + attempt_max);
        let late = || Error::new(ErrorKind::Unavailable, "the log did not answer in time");
        tokio::time::timeout(attempt_max + GRACE, sent).await.unwrap_or_else(|_| Err(late()))
    }

    fn note_failure(&self, error: &Error) {
        let mut status = self.status();
        status.failures += 1;
        status.last_failure = Some(error.to_string());
    }
}

/// What was refused for good.
///
/// # Errors
/// A fate that may change: then the whole batch is sent again, of which what was recorded is recognised.
fn rejected(claims: Vec<Bytes>, fates: Vec<Result<crate::Recorded>>) -> Result<Vec<(Bytes, Error)>> {
    let mut rejected = Vec::new();
    for (claim, fate) in claims.into_iter().zip(fates) {
        match fate {
            Ok(_) => {}
            Err(error) if is_lasting(&error) => rejected.push((claim, error)),
            Err(error) => return Err(error),
        }
    }
    Ok(rejected)
}

/// Whether the log will never take this event. What refuses all of a delivery alike, such as a token that expired, is
/// not told here, for it speaks of no event.
fn is_lasting(error: &Error) -> bool {
    use ErrorKind::{Conflict, Denied, Invalid, NotFound, TooLarge};
    matches!(error.kind(), Invalid | TooLarge | Conflict | Denied | NotFound)
}
