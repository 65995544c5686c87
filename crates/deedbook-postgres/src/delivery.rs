//! The pieces of a batch → the log, in order, until the fate of each event is known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deedbook_core::{Appended, Draft, Error, ErrorKind, Result};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::warn;

use crate::decode::Rejection;
use crate::log::Log;
use crate::pieces::{Kind, Parked, Piece, Pieces, Source, Terms};

/// The first pause after a failure, and the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// How one batch is delivered.
pub(crate) struct Delivery<'a> {
    pub(crate) log: &'a Arc<dyn Log>,
    pub(crate) terms: &'a Terms,
}

impl Delivery<'_> {
    /// Delivers one piece after the other, so that what passes later never comes before what has to be tried again; the
    /// next one is made meanwhile. Gives the rows of which something was refused for good.
    ///
    /// # Errors
    /// What refuses everything and does not pass.
    pub(crate) async fn run(&self, pieces: Pieces) -> Result<Vec<Parked>> {
        let mut parked = BTreeMap::new();
        let (mut next, mut pieces) = following(pieces).await?;
        while let Some(piece) = next {
            let (delivered, made) = tokio::join!(self.deliver(piece, &mut parked), following(pieces));
            delivered?;
            (next, pieces) = made?;
        }
        Ok(parked.into_iter().map(|(seq, reason)| Parked { seq, reason }).collect())
    }

    async fn deliver(&self, piece: Piece, parked: &mut BTreeMap<i64, String>) -> Result<()> {
        let mut gaps = Piece::default();
        for fate in self.settled(&piece).await? {
            let (index, rejection) = fate;
            let (draft, source) = (&piece.drafts[index], &piece.sources[index]);
            warn!(seq = source.row.seq, reason = rejection.reason, "the log refuses a row for good");
            self.note_gap(&mut gaps, draft, source, &rejection);
            parked.entry(source.row.seq).or_insert(rejection.reason);
        }
        for Parked { seq, reason } in piece.parked {
            warn!(seq, reason, "a row can never be an entry");
            parked.entry(seq).or_insert(reason);
        }
        if !gaps.drafts.is_empty() {
            // A log that refuses even these cannot be told; the row is parked all the same.
            self.settled(&gaps).await?;
        }
        Ok(())
    }

    fn note_gap(&self, gaps: &mut Piece, draft: &Draft, source: &Source, rejection: &Rejection) {
        if source.kind == Kind::Gap {
            return;
        }
        let event = draft.event();
        let about = (event.tenant.clone(), event.targets.clone());
        if let Some(gap) = self.terms.gap(&source.row, source.index, about, rejection) {
            gaps.drafts.push(gap);
            gaps.sources.push(Source { kind: Kind::Gap, ..source.clone() });
        }
    }

    /// Hands a piece over until nothing in it may still change; gives what was refused for good, by its index.
    async fn settled(&self, piece: &Piece) -> Result<Vec<(usize, Rejection)>> {
        let mut failures = 0;
        loop {
            let error = match self.submit(piece.drafts.clone()).await {
                Ok(fates) => match refused(fates, &piece.sources) {
                    Ok(refused) => return Ok(refused),
                    Err(passing) => passing,
                },
                Err(error) if is_passing(&error) => error,
                Err(error) => return Err(error),
            };
            failures += 1;
            let pause = pause(failures, error.retry_after());
            warn!(error = &error as &dyn std::error::Error, ?pause, "the log takes nothing now");
            sleep(pause).await;
        }
    }

    async fn submit(&self, drafts: Vec<Draft>) -> Result<Vec<Result<Appended>>> {
        let (sender, receiver) = oneshot::channel();
        let log = self.log.clone();
        // It computes, and waits for room.
        let submitted = spawn_blocking(move || log.submit(drafts, Box::new(move |fates| drop(sender.send(fates)))));
        submitted.await.map_err(|error| Error::new(ErrorKind::Io, "the log panicked").with_source(error))?;
        let abandoned = |_| Err(Error::new(ErrorKind::NotFound, "the log was closed"));
        receiver.await.unwrap_or_else(abandoned)
    }
}

/// Makes the next piece where computing holds up nobody.
async fn following(mut pieces: Pieces) -> Result<(Option<Piece>, Pieces)> {
    let made = spawn_blocking(move || (pieces.next(), pieces)).await;
    made.map_err(|error| Error::new(ErrorKind::Io, "reading rows of the outbox panicked").with_source(error))
}

/// What was refused for good, by its index.
///
/// # Errors
/// A fate that may change: then the whole piece is sent again, of which what was recorded is recognised.
fn refused(fates: Vec<Result<Appended>>, sources: &[Source]) -> Result<Vec<(usize, Rejection)>> {
    let mut refused = Vec::new();
    for (index, (fate, source)) in fates.into_iter().zip(sources).enumerate() {
        match fate {
            Ok(_) => {}
            // The row was delivered before, when what is looked up for it was still otherwise.
            Err(error) if error.kind() == ErrorKind::Conflict && source.kind != Kind::Named => {}
            Err(error) if is_lasting(&error) => refused.push((index, Rejection::from(error))),
            Err(error) => return Err(error),
        }
    }
    Ok(refused)
}

/// Whether the log will never take this event.
fn is_lasting(error: &Error) -> bool {
    use ErrorKind::{Conflict, Denied, Invalid, NotFound, TooLarge};
    matches!(error.kind(), Invalid | TooLarge | Conflict | Denied | NotFound)
}

/// Whether the log may take all of it later.
fn is_passing(error: &Error) -> bool {
    use ErrorKind::{DiskFull, Io, Overloaded, Unavailable};
    matches!(error.kind(), Overloaded | DiskFull | Io | Unavailable)
}

/// How long to wait after so many failures in a row; at least what was asked for.
pub(crate) fn pause(failures: u32, asked: Option<Duration>) -> Duration {
    let doubled = PAUSE_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10));
    doubled.min(PAUSE_MAX).max(asked.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound_and_never_undercut_the_log() {
        let seconds = |failures| pause(failures, None).as_secs_f64();
        assert_eq!([0, 1, 2, 3, 7, 8, 1000].map(seconds), [0.1, 0.1, 0.2, 0.4, 6.4, 10.0, 10.0]);
        assert_eq!(pause(1, Some(Duration::from_secs(60))), Duration::from_secs(60));
    }
}
