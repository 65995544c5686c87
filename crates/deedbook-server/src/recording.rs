//! The only way into the log: room first, then [`Store::submit`](deedbook_core::Store::submit), then the fate of each.
//!
//! Handing over computes on the calling thread and may wait for room in the store's queue. A request takes its room
//! here before, in order and for a bounded time, so that the store's queue always has some and no thread of the runtime
//! stands still; what is large is handed over on a thread of its own.

use std::sync::Arc;

use deedbook_core::{AppendStatus, Appended, Atomicity, Draft, ErrorKind, Result};
use tokio::sync::oneshot;

use crate::admission::Reservation;
use crate::app::App;
use crate::problem::{Answer, Problem};

/// Bytes that a draft takes in the store's queue beside its canonical form.
const DRAFT_OVERHEAD_BYTES: usize = 128;

/// Canonical bytes that are handed over on a thread of the runtime: some 50 events, a millisecond of work.
const INLINE_BYTES_MAX: usize = 32 * 1024;

/// What became of each draft of a batch.
pub(crate) type Fates = Vec<Result<Appended>>;

impl App {
    /// Records `drafts` and waits until the fate of each is known. `body` is the room of the body they came in.
    ///
    /// When the caller goes away meanwhile, what was handed over is recorded all the same.
    ///
    /// # Errors
    /// 503 where there is no room, 507, and whatever else refuses a batch as a whole.
    pub(crate) async fn record(
        self: &Arc<Self>,
        drafts: Vec<Draft>,
        atomicity: Atomicity,
        body: Reservation,
    ) -> Answer<Fates> {
        let bytes = drafts.iter().map(|draft| draft.canonical().len() + DRAFT_OVERHEAD_BYTES).sum();
        let room = self.appends.take(bytes, self.limits.append_wait_max).await.ok_or_else(no_room)?;
        let (sender, receiver) = oneshot::channel();
        let app = self.clone();
        let hand_over = move || {
            let reply = move |fates| {
                // Whoever asked may have gone; the room comes back in any case.
                drop((sender.send(fates), room, body));
            };
            app.store.submit(drafts, atomicity, Box::new(reply));
        };
        if bytes <= INLINE_BYTES_MAX {
            hand_over();
        } else {
            self.compute(hand_over).await?;
        }
        let fates = receiver.await.map_err(|_| Problem::internal())?;
        match fates {
            Ok(fates) => {
                self.count(&fates);
                Ok(fates)
            }
            Err(error) => {
                if error.kind() == ErrorKind::Poisoned {
                    self.note_poisoned();
                }
                Err(error.into())
            }
        }
    }

    /// Runs what takes long on a thread of its own, as many at a time as there are processors.
    ///
    /// # Errors
    /// 500 where it panics.
    pub(crate) async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
        let turn = self.computing.clone().acquire_owned().await.map_err(|_| Problem::internal())?;
        let computed = tokio::task::spawn_blocking(move || {
            // As in reading, the turn belongs to the work.
            let _turn = turn;
            work()
        });
        computed.await.map_err(|error| {
            tracing::error!(%error, "a computation ended without a result");
            Problem::internal()
        })
    }

    fn count(&self, fates: &Fates) {
        for fate in fates {
            match fate.as_ref().map(|appended| appended.status) {
                Ok(AppendStatus::Created) => self.figures.created.increment(1),
                Ok(AppendStatus::Replayed) => self.figures.replayed.increment(1),
                Err(_) => self.figures.refused.increment(1),
            }
        }
    }
}

fn no_room() -> Problem {
    Problem::overloaded(
        "more events wait for the log than it takes at this moment and nothing was recorded; try again later",
    )
}
