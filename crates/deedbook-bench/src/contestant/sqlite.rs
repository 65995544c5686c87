//! A careful hand-made audit table in SQLite: WAL, synchronous FULL, one transaction per batch, prepared statements,
//! an index for each access path.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::{Connection, Params, Row as Found, params};

use super::{Append, Batch, Contestant, Diet, bytes_under};
use crate::Result;
use crate::question::{About, Answer, Day, PAGE, Question};
use crate::row::Row;
use crate::workload::DAY_US;

/// Cache and checkpoints are larger than SQLite's own settings, in its favour. `seq` is the row's key, and every index ends
/// with the key: `event_feed` is (tenant, seq) without storing it twice.
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -65536;
    PRAGMA wal_autocheckpoint = 10000;
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        tenant TEXT NOT NULL,
        occurred_at INTEGER NOT NULL,
        recorded_at INTEGER NOT NULL,
        action TEXT NOT NULL,
        actor_type TEXT NOT NULL,
        actor_id TEXT,
        outcome TEXT NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE TABLE target (
        tenant TEXT NOT NULL,
        type TEXT NOT NULL,
        id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (tenant, type, id, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX event_id ON event (tenant, id);
    CREATE INDEX event_feed ON event (tenant);
    CREATE INDEX event_actor ON event (tenant, actor_type, actor_id, occurred_at);
    CREATE INDEX event_action ON event (tenant, action, occurred_at);
";
const INSERT_EVENT: &str = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const INSERT_TARGET: &str = "INSERT INTO target VALUES (?, ?, ?, ?)";
const TARGET_NEWEST: &str = "
    SELECT event.id, body FROM target JOIN event USING (seq)
    WHERE target.tenant = ? AND target.type = ? AND target.id = ? ORDER BY target.seq DESC LIMIT ?";
const ACTOR_DAY: &str = "
    SELECT id, body FROM event WHERE tenant = ? AND actor_type = ? AND actor_id = ? AND occurred_at >= ?
    AND occurred_at < ? ORDER BY occurred_at DESC LIMIT ?";
const TENANT_FEED: &str = "SELECT id, body FROM event WHERE tenant = ? ORDER BY seq DESC LIMIT ?";
const BY_ID: &str = "SELECT id, body FROM event WHERE tenant = ? AND id = ?";
const ACTION_RANGE: &str = "
    SELECT id, body FROM event WHERE tenant = ? AND action = ? AND occurred_at >= ? AND occurred_at < ?
    ORDER BY occurred_at DESC LIMIT ?";
const WORD: &str = "
    SELECT id, body FROM event WHERE tenant = ? AND body LIKE '%' || ? || '%' ORDER BY seq DESC LIMIT ?";
const COUNT: &str = "SELECT action, occurred_at / ?, count(*) FROM event WHERE tenant = ? GROUP BY 1, 2";

/// An audit table in SQLite.
pub struct Sqlite {
    directory: PathBuf,
    connection: Connection,
}

impl Sqlite {
    /// A new database in `directory`, which must be empty.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn open(directory: &Path) -> Result<Self> {
        let connection = Connection::open(directory.join("audit.sqlite"))?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { directory: directory.to_owned(), connection })
    }

    fn append(&mut self, rows: &[Row]) -> Result<Append> {
        let start = Instant::now();
        let transaction = self.connection.transaction()?;
        {
            let mut event = transaction.prepare_cached(INSERT_EVENT)?;
            let mut target = transaction.prepare_cached(INSERT_TARGET)?;
            for row in rows {
                event.execute(params![
                    row.seq,
                    row.id,
                    row.tenant,
                    row.occurred_at_us,
                    row.recorded_at_us,
                    row.action,
                    row.actor_type,
                    row.actor_id,
                    row.outcome,
                    row.body,
                ])?;
                for (kind, id) in &row.targets {
                    target.execute(params![row.tenant, kind, id, row.seq])?;
                }
            }
        }
        transaction.commit()?;
        Ok(Append::of(start.elapsed()))
    }

    fn entries(&self, sql: &str, values: impl Params) -> Result<Answer> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_map(values, entry)?;
        Ok(Answer::Entries(found.collect::<Result<_, _>>()?))
    }

    fn counts(&self, tenant: &str) -> Result<Answer> {
        let mut statement = self.connection.prepare_cached(COUNT)?;
        let lines = statement.query_map(params![DAY_US, tenant], |row| {
            Ok((row.get(0)?, Day::Since1970(row.get(1)?), row.get::<_, i64>(2)?.unsigned_abs()))
        })?;
        Ok(Answer::Counts(lines.collect::<Result<_, _>>()?))
    }
}

/// The id of a found row; its body is copied out as any reader would.
fn entry(row: &Found<'_>) -> rusqlite::Result<String> {
    std::hint::black_box(row.get::<_, String>(1)?);
    row.get(0)
}

impl Contestant for Sqlite {
    fn diet(&self) -> Diet {
        Diet::Rows
    }

    fn load(&mut self, batches: &mut [Batch]) -> Result<Vec<Append>> {
        batches.iter().map(|batch| self.append(batch.rows())).collect()
    }

    fn finish(&mut self) -> Result<()> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(self.connection.execute_batch("ANALYZE")?)
    }

    fn disk_bytes(&mut self) -> Result<u64> {
        bytes_under(&self.directory)
    }

    fn answer(&mut self, question: &Question) -> Result<Option<Answer>> {
        let tenant = question.tenant.as_str();
        match &question.about {
            About::TargetNewest { kind, id } => self.entries(TARGET_NEWEST, params![tenant, kind, id, PAGE as i64]),
            About::ActorDay { kind, id, from_us, until_us } => {
                self.entries(ACTOR_DAY, params![tenant, kind, id, from_us, until_us, PAGE as i64])
            }
            About::TenantFeed => self.entries(TENANT_FEED, params![tenant, PAGE as i64]),
            About::ById { id } => self.entries(BY_ID, params![tenant, id]),
            About::ActionRange { action, from_us, until_us } => {
                self.entries(ACTION_RANGE, params![tenant, action, from_us, until_us, PAGE as i64])
            }
            About::Word { word } => self.entries(WORD, params![tenant, word, PAGE as i64]),
            About::CountPerActionAndDay => self.counts(tenant),
        }
        .map(Some)
    }
}
