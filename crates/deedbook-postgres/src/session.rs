//! The SQL of the sequencer: the lock, reading what one snapshot shows, and deleting exactly what was read.

use std::time::Duration;

use deedbook_core::Result;
use tokio_postgres::{Client, Statement};

use crate::capture::Shapes;
use crate::database::Database;
use crate::failure::failed;
use crate::pieces::Parked;
use crate::{Installation, Row};

/// How often one that waits asks whether the place is free. Asking keeps no snapshot open between, as waiting would.
const LOCK_INTERVAL: Duration = Duration::from_secs(1);

/// What is deleted and does not reach the disk is delivered again, which changes nothing: no commit has to wait. A
/// client that has vanished loses the lock within half a minute.
const SETTINGS: &str = "
    SET application_name = 'deedbook-sequencer';
    SET search_path = pg_catalog;
    SET synchronous_commit = off;
    SET statement_timeout = 0;
    SET enable_seqscan = off;
    SET enable_bitmapscan = off;
    SET enable_sort = off;
    SET tcp_keepalives_idle = 10;
    SET tcp_keepalives_interval = 5;
    SET tcp_keepalives_count = 4";
const LOCK: &str = "SELECT pg_try_advisory_lock(7234302104391673701)";
const INSTALLATION: &str = "SELECT id::text FROM deedbook.installation";
/// Rows behind $1 that the snapshot $2 shows, or else that of the statement, which is told with the first row; at most
/// $3 of them, and none behind the one with which they have $4 bytes.
const READ: &str = "
    SELECT seq, xid::text::bigint, shape, body, context, bytes,
        CASE WHEN number = 1 THEN (SELECT pg_current_snapshot()::text) END,
        CASE WHEN context IS NULL THEN pg_get_userbyid(role)::text END
    FROM (
        SELECT *, row_number() OVER rising AS number, sum(length) OVER rising AS bytes
        FROM (
            SELECT *, octet_length(body) + coalesce(octet_length(context), 0) AS length
            FROM deedbook.outbox
            WHERE seq > $1 AND ($2::text IS NULL OR pg_visible_in_snapshot(xid, (SELECT $2::text::pg_snapshot)))
            ORDER BY seq LIMIT $3
        ) AS first
        WINDOW rising AS (ORDER BY seq ROWS UNBOUNDED PRECEDING)
    ) AS measured
    WHERE bytes - length < $4
    ORDER BY seq";
const SHAPES: &str = "SELECT id, definition::text FROM deedbook.shape WHERE id = ANY ($1::integer[])";
const PARK: &str = "
    INSERT INTO deedbook.rejected (seq, xid, shape, body, context, reason)
    SELECT seq, xid, shape, body, coalesce(context, (
        SELECT earlier.context FROM deedbook.outbox AS earlier
        WHERE earlier.xid = refused.xid AND earlier.seq < refused.seq AND earlier.context IS NOT NULL
        ORDER BY earlier.seq DESC LIMIT 1
    )), reason
    FROM unnest($1::bigint[], $2::text[]) AS told (seq, reason) JOIN deedbook.outbox AS refused USING (seq)
    ON CONFLICT DO NOTHING";
/// Gives the id of its transaction.
const DELETE: &str = "
    WITH gone AS (DELETE FROM deedbook.outbox WHERE seq = ANY ($1::bigint[]))
    SELECT pg_current_xact_id()::text::bigint";

/// A connection that reads the outbox.
pub(crate) struct Session {
    client: Client,
    read: Statement,
    park: Statement,
    delete: Statement,
}

/// How much is read at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portion {
    pub(crate) rows_max: usize,
    pub(crate) bytes_max: i64,
}

/// What one query found.
pub(crate) struct Found {
    pub(crate) rows: Vec<Row>,
    /// The snapshot of the query; absent where it found nothing.
    pub(crate) snapshot: Option<String>,
    /// Whether the same snapshot shows more.
    pub(crate) more: More,
}

/// Whether a snapshot shows rows beyond those that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    Perhaps,
    No,
}

impl Session {
    pub(crate) async fn open(database: &Database) -> Result<Self> {
        let client = database.connect().await?;
        let doing = "prepare to read the outbox";
        client.batch_execute(SETTINGS).await.map_err(|error| failed(doing, error))?;
        let prepare = async |sql| client.prepare(sql).await.map_err(|error| failed(doing, error));
        let (read, park, delete) = (prepare(READ).await?, prepare(PARK).await?, prepare(DELETE).await?);
        Ok(Self { client, read, park, delete })
    }

    pub(crate) async fn installation(&self) -> Result<Installation> {
        let row =
            self.client.query_one(INSTALLATION, &[]).await.map_err(|error| failed("read the installation", error))?;
        Ok(Installation::new(row.get(0)))
    }

    /// Waits until this is the only one that reads the outbox; `waiting` is called once where it is not at first.
    pub(crate) async fn lead(&self, waiting: impl FnOnce()) -> Result<()> {
        let mut waiting = Some(waiting);
        while !self.try_lead().await? {
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            tokio::time::sleep(LOCK_INTERVAL).await;
        }
        Ok(())
    }

    async fn try_lead(&self) -> Result<bool> {
        let row = self.client.query_one(LOCK, &[]).await.map_err(|error| failed("lock the outbox", error))?;
        Ok(row.get(0))
    }

    /// Rows with a greater `seq` than `after` that `snapshot` shows, by rising `seq`.
    pub(crate) async fn read(&self, after: i64, snapshot: Option<&str>, portion: Portion) -> Result<Found> {
        let rows_max = i64::try_from(portion.rows_max).unwrap_or(i64::MAX);
        let found = self.client.query(&self.read, &[&after, &snapshot, &rows_max, &portion.bytes_max]).await;
        let found = found.map_err(|error| failed("read the outbox", error))?;
        let bytes: i64 = found.last().map_or(0, |row| row.get(5));
        let is_all = found.len() < portion.rows_max && bytes < portion.bytes_max;
        Ok(Found {
            snapshot: found.first().and_then(|row| row.get(6)),
            more: if is_all { More::No } else { More::Perhaps },
            rows: found.into_iter().map(row).collect(),
        })
    }

    /// Reads the shapes of rows that are not known yet.
    pub(crate) async fn learn(&self, shapes: &Shapes, rows: &[Row]) -> Result<()> {
        let unknown = shapes.unknown(rows);
        if unknown.is_empty() {
            return Ok(());
        }
        let found = self.client.query(SHAPES, &[&unknown]).await;
        let found = found.map_err(|error| failed("read the shapes of captured tables", error))?;
        found.iter().try_for_each(|row| shapes.add(row.get(0), row.get(1)))
    }

    /// Deletes these rows, after it has kept those that are parked, all in one transaction, whose id it gives.
    pub(crate) async fn delete(&mut self, seqs: &[i64], parked: &[Parked]) -> Result<u64> {
        let doing = "delete what was delivered";
        let failed = |error| failed(doing, error);
        if parked.is_empty() {
            let row = self.client.query_one(&self.delete, &[&seqs]).await.map_err(failed)?;
            return Ok(row.get::<_, i64>(0).cast_unsigned());
        }
        let (refused, reasons): (Vec<i64>, Vec<&str>) =
            parked.iter().map(|parked| (parked.seq, parked.reason.as_str())).unzip();
        let transaction = self.client.transaction().await.map_err(failed)?;
        transaction.execute(&self.park, &[&refused, &reasons]).await.map_err(failed)?;
        let row = transaction.query_one(&self.delete, &[&seqs]).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(row.get::<_, i64>(0).cast_unsigned())
    }
}

fn row(row: tokio_postgres::Row) -> Row {
    Row {
        seq: row.get(0),
        xid: row.get::<_, i64>(1).cast_unsigned(),
        shape: row.get(2),
        body: row.get(3),
        context: row.get(4),
        role: row.get(7),
    }
}
