//! The sequencer: what was committed into the outbox goes into the log, and is then deleted.
//!
//! A round reads the rows that one snapshot shows, by rising `seq`, in batches; what commits meanwhile is the next
//! round's. A row that is in the outbox was not delivered, or not yet deleted: delivering it again under its id changes
//! nothing. So nothing is skipped because it committed late, nothing waits for an open transaction, and whatever ends
//! this, at any point, loses nothing. No transaction is open while the log is waited for.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deedbook_core::{Error, ErrorKind, Result};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::Row;
use crate::capture::Shapes;
use crate::contexts::Contexts;
use crate::database::Database;
use crate::delivery::{Delivery, pause};
use crate::floor::{Floor, Round};
use crate::log::Log;
use crate::pieces::{Parked, Pieces, Terms};
use crate::session::{Found, More, Portion, Session};

/// How often what was delivered is told.
const TOLD_INTERVAL: Duration = Duration::from_secs(10);
/// The longest rest where looking into the outbox has become slow.
const REST_MAX: Duration = Duration::from_secs(5);

/// How a sequencer works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The tenant of events that name none and whose context names none; the log's default where absent.
    pub tenant: Option<String>,
    /// How long it rests between two rounds; half of it is the median from commit to delivery, besides the delivery.
    pub interval: Duration,
    /// Rows of one batch.
    pub batch_rows_max: usize,
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

/// What ended a sequencer.
#[derive(Clone, Debug)]
pub enum Ended {
    /// [`ErrorKind::NotFound`] where the schema is not installed, [`ErrorKind::Denied`] where the role may not log in or
    /// lacks a right ([`crate::schema::SEQUENCER_GRANTS`]), [`ErrorKind::Io`] for what else the database refuses.
    Database(Error),
    /// The log was closed, refuses whoever speaks to it, or has to be opened anew.
    Log(Error),
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
    pub async fn run(&self) -> Ended {
        let mut failures = 0;
        loop {
            let begun = Instant::now();
            let Err(ended) = self.session().await;
            let error = match ended {
                Ended::Database(error) if error.kind() == ErrorKind::Unavailable => error,
                ended => return ended,
            };
            failures = if begun.elapsed() > TOLD_INTERVAL { 0 } else { failures + 1 };
            let pause = pause(failures, None);
            warn!(error = &error as &dyn std::error::Error, ?pause, "the database is away");
            sleep(pause).await;
        }
    }

    async fn session(&self) -> Result<Infallible, Ended> {
        let mut session = Session::open(&self.database).await.map_err(Ended::Database)?;
        let installation = session.installation().await.map_err(Ended::Database)?;
        session.lead(|| info!("another sequencer is at work; this one waits")).await.map_err(Ended::Database)?;
        info!(installation = installation.transaction_id(0), "delivering");
        let terms = Arc::new(Terms { installation, tenant: self.options.tenant.clone(), shapes: Shapes::default() });
        let mut told = (Instant::now(), self.counts());
        let mut floor = Floor::new(Instant::now());
        loop {
            let rest = self.round(&mut session, &terms, &mut floor).await?;
            let counts = self.counts();
            if told.1 != counts && told.0.elapsed() >= TOLD_INTERVAL {
                info!(rows = counts.rows - told.1.rows, rejected = counts.rejected - told.1.rejected, "delivered");
                told = (Instant::now(), counts);
            }
            sleep(rest).await;
        }
    }

    /// Delivers and deletes what one snapshot shows; gives how long to rest before the next round.
    async fn round(&self, session: &mut Session, terms: &Arc<Terms>, floor: &mut Floor) -> Result<Duration, Ended> {
        let begun = Instant::now();
        let mut found = self.read(session, floor.next(begun), None).await?;
        let rest = self.rest(begun.elapsed());
        let Some(snapshot) = found.snapshot.take() else { return Ok(rest) };
        let mut contexts = Contexts::default();
        // Rows that were delivered and whose contexts others may need.
        let mut kept: HashSet<i64> = HashSet::new();
        let mut round = Round { seq: i64::MIN, xmin: xmin(&snapshot), xid: 0 };
        while let Some(last) = found.rows.last() {
            round.seq = last.seq;
            let more = found.more;
            let mut done: Vec<i64> = kept.drain().chain(found.rows.iter().map(|row| row.seq)).collect();
            session.learn(&terms.shapes, &found.rows).await.map_err(Ended::Database)?;
            let parked = self.deliver(terms, &mut contexts, found.rows).await?;
            if more == More::Perhaps {
                kept.extend(contexts.open_seqs());
                done.retain(|seq| !kept.contains(seq));
            }
            round.xid = self.delete(session, &done, &parked).await?;
            if more == More::No {
                break;
            }
            found = self.read(session, round.seq, Some(&snapshot)).await?;
        }
        if !kept.is_empty() {
            self.delete(session, &Vec::from_iter(kept), &[]).await?;
        }
        floor.ended(&round);
        Ok(rest)
    }

    /// How long to rest after a look that took so long: where looking has become slow, it takes a fifth of the time.
    fn rest(&self, look: Duration) -> Duration {
        if look > self.options.interval { (4 * look).min(REST_MAX) } else { self.options.interval }
    }

    async fn read(&self, session: &Session, after: i64, snapshot: Option<&str>) -> Result<Found, Ended> {
        let Options { batch_rows_max, batch_bytes_max, .. } = self.options;
        let portion = Portion { rows_max: batch_rows_max, bytes_max: batch_bytes_max.into() };
        session.read(after, snapshot, portion).await.map_err(Ended::Database)
    }

    /// Brings rows into the log; gives those of which something was refused for good.
    async fn deliver(&self, terms: &Arc<Terms>, contexts: &mut Contexts, rows: Vec<Row>) -> Result<Vec<Parked>, Ended> {
        let rows = rows.into_iter().map(|row| {
            let origin = contexts.origin(&row);
            (row, origin)
        });
        let pieces = Pieces::new(terms.clone(), rows.collect());
        Delivery { log: &self.log, terms }.run(pieces).await.map_err(Ended::Log)
    }

    async fn delete(&self, session: &mut Session, seqs: &[i64], parked: &[Parked]) -> Result<u64, Ended> {
        let xid = session.delete(seqs, parked).await.map_err(Ended::Database)?;
        self.counts.rows.fetch_add(seqs.len() as u64, Ordering::Relaxed);
        self.counts.rejected.fetch_add(parked.len() as u64, Ordering::Relaxed);
        Ok(xid)
    }
}

/// The first part of a snapshot's text: the transactions below it had ended.
fn xmin(snapshot: &str) -> u64 {
    snapshot.split(':').next().and_then(|xmin| xmin.parse().ok()).unwrap_or_default()
}
