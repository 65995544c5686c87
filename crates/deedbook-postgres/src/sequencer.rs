//! The sequencer: what was committed into the outbox goes into the log, and is then deleted.
//!
//! A round reads the rows that one snapshot shows, by rising `seq`, in batches; what commits meanwhile is the next
//! round's. A row that is in the outbox was not delivered, or not yet deleted: delivering it again under its id changes
//! nothing. So nothing is skipped because it committed late, nothing waits for an open transaction, and whatever ends
//! this, at any point, loses nothing. No transaction is open while the log is waited for.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deedbook_core::{Error, ErrorKind, Result};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::capture::Shapes;
use crate::contexts::Contexts;
use crate::database::Database;
use crate::delivery::{Delivery, pause};
use crate::log::Log;
use crate::pieces::{Parked, Pieces, Terms};
use crate::session::{Found, More, Portion, Session};

/// How often what was delivered is told.
const TOLD_INTERVAL: Duration = Duration::from_secs(10);

/// How a sequencer works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The tenant of events that name none and whose context names none; the log's default where absent.
    pub tenant: Option<String>,
    /// How long it rests between two rounds; half of it is the median from commit to delivery, besides the delivery.
    pub interval: Duration,
    /// Rows of one batch.
    pub batch_rows_max: u32,
    /// Bytes of bodies and contexts of one batch; a single row may be larger. In memory an event takes some ten times
    /// what a compact row has.
    pub batch_bytes_max: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { tenant: None, interval: Duration::from_millis(100), batch_rows_max: 10_000, batch_bytes_max: 8 << 20 }
    }
}

/// Brings the outbox of a database into a log. Any number may run, one at a time works; the others take over when it
/// ends.
pub struct Sequencer {
    database: Database,
    log: Arc<dyn Log>,
    options: Options,
    counts: Arc<Tally>,
}

/// What a sequencer has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows that were delivered and deleted, those that were parked among them.
    pub rows: u64,
    /// Rows that were put into `deedbook.rejected`.
    pub rejected: u64,
}

#[derive(Default)]
struct Tally {
    rows: AtomicU64,
    rejected: AtomicU64,
}

impl Sequencer {
    /// A sequencer that does nothing yet.
    pub fn new(database: Database, log: Arc<dyn Log>, options: Options) -> Self {
        Self { database, log, options, counts: Arc::default() }
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts { rows: read(&self.counts.rows), rejected: read(&self.counts.rejected) }
    }

    /// Works until something ends it that waiting does not mend, and gives that. While the database or the log is away
    /// it waits; nothing is lost meanwhile, the outbox grows. It may be dropped at any time.
    ///
    /// Errors are [`ErrorKind::NotFound`] where the schema is not installed or the log was closed,
    /// [`ErrorKind::Denied`] where the role lacks a right or the log refuses the token, and what a log gives that must
    /// be opened anew.
    pub async fn run(&self) -> Error {
        let mut failures = 0;
        loop {
            let begun = Instant::now();
            let Err(error) = self.session().await;
            if error.kind() != ErrorKind::Unavailable {
                return error;
            }
            failures = if begun.elapsed() > TOLD_INTERVAL { 0 } else { failures + 1 };
            let pause = pause(failures, None);
            warn!(error = &error as &dyn std::error::Error, ?pause, "the database is away");
            sleep(pause).await;
        }
    }

    async fn session(&self) -> Result<std::convert::Infallible> {
        let mut session = Session::open(&self.database).await?;
        let installation = session.installation().await?;
        session.lead(|| info!("another sequencer is at work; this one waits")).await?;
        info!(installation = installation.transaction_id(0), "delivering");
        let terms = Arc::new(Terms { installation, tenant: self.options.tenant.clone(), shapes: Shapes::default() });
        let mut told = (Instant::now(), self.counts());
        loop {
            self.round(&mut session, &terms).await?;
            let counts = self.counts();
            if told.1 != counts && told.0.elapsed() >= TOLD_INTERVAL {
                info!(rows = counts.rows - told.1.rows, rejected = counts.rejected - told.1.rejected, "delivered");
                told = (Instant::now(), counts);
            }
            sleep(self.options.interval).await;
        }
    }

    /// Delivers and deletes what one snapshot shows.
    async fn round(&self, session: &mut Session, terms: &Arc<Terms>) -> Result<()> {
        let portion =
            Portion { rows_max: self.options.batch_rows_max.into(), bytes_max: self.options.batch_bytes_max.into() };
        let mut contexts = Contexts::default();
        // Rows that were delivered and whose contexts others may need.
        let mut kept: HashSet<i64> = HashSet::new();
        let (mut after, mut snapshot) = (i64::MIN, None);
        loop {
            let found: Found = session.read(after, snapshot.as_deref(), portion).await?;
            snapshot = snapshot.or(found.snapshot);
            let Some(last) = found.rows.last() else { break };
            after = last.seq;
            session.learn(&terms.shapes, &found.rows).await?;
            let mut delivered: Vec<i64> = kept.drain().collect();
            delivered.extend(found.rows.iter().map(|row| row.seq));
            let rows = found.rows.into_iter().map(|row| {
                let origin = contexts.origin(&row);
                (row, origin)
            });
            let pieces = Pieces::new(terms.clone(), rows.collect());
            let parked = Delivery { log: &self.log, terms }.run(pieces).await?;
            if found.more == More::Perhaps {
                kept.extend(contexts.open_seqs());
                delivered.retain(|seq| !kept.contains(seq));
            }
            self.delete(session, &delivered, &parked).await?;
            if found.more == More::No {
                break;
            }
        }
        let left: Vec<i64> = kept.into_iter().collect();
        if left.is_empty() { Ok(()) } else { self.delete(session, &left, &[]).await }
    }

    async fn delete(&self, session: &mut Session, seqs: &[i64], parked: &[Parked]) -> Result<()> {
        session.delete(seqs, parked).await?;
        self.counts.rows.fetch_add(seqs.len() as u64, Ordering::Relaxed);
        self.counts.rejected.fetch_add(parked.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}
