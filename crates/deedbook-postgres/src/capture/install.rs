//! A plan → triggers in a database; what they are like; and away again.

use std::time::Duration;

use deedbook_core::serde_json::{self, Value, json};
use deedbook_core::{Error, ErrorKind, Result};
use tokio_postgres::{Client, Transaction};

use super::names::TableName;
use super::plan::{Captured, Plan};
use crate::failure::failed;
use crate::schema;

/// How long a trigger waits for the writers of its table, who wait behind it; then it is given up.
const LOCK_MAX: Duration = Duration::from_secs(10);

/// Tables that can be captured: ordinary ones and partitioned ones as a whole, not those of extensions.
const TABLES: &str = "
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'deedbook') AND n.nspname !~ '^pg_'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY 1, 2";
const CAPTURED: &str = "
    SELECT n.nspname, c.relname, s.definition ->> 'entity', s.version,
        NOT (s.definition ->> 'link')::boolean AND s.definition -> 'id' = '[]',
        ARRAY(SELECT column_.value ->> 'name' FROM jsonb_array_elements(s.definition -> 'columns') column_
              WHERE (column_.value ->> 'mask')::boolean)
    FROM deedbook.captured k JOIN deedbook.shape s ON s.id = k.shape
    JOIN pg_class c ON c.oid = k.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    ORDER BY 1, 2";
const OUTBOX: &str = "
    SELECT (SELECT count(*) FROM deedbook.outbox), pg_total_relation_size('deedbook.outbox'),
        (SELECT count(*) FROM deedbook.rejected),
        (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - substring(context FROM '.at.:([0-9]{1,18})')::bigint
         FROM deedbook.outbox WHERE context IS NOT NULL ORDER BY seq LIMIT 1),
        EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'deedbook_follow_schema')";

/// A table that is captured, as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedTable {
    /// The table.
    pub table: TableName,
    /// What its rows are called.
    pub entity: String,
    /// How often its description changed, from 1.
    pub version: i32,
    /// Nothing tells its rows apart: their changes are all found under `ENTITY:*`.
    pub is_keyless: bool,
    /// Columns of which only is written that they changed.
    pub masked: Vec<String>,
}

/// What is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The table.
    pub table: String,
    /// What is wrong with it.
    pub problem: String,
}

/// How capture stands in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Every captured table.
    pub captured: Vec<CapturedTable>,
    /// Tables of the plan that are not captured: they were made later.
    pub missed: Vec<TableName>,
    /// What [`sync`] would mend.
    pub problems: Vec<Problem>,
    /// Whether changes of the schema are followed in their own transaction; else [`sync`] is needed after each.
    pub is_following: bool,
    /// Rows that wait for the sequencer.
    pub outbox_rows: i64,
    /// Bytes of the outbox on disk, index included.
    pub outbox_bytes: i64,
    /// How long the oldest of them has waited.
    pub lag: Option<Duration>,
    /// Rows that the log refused for good.
    pub rejected: i64,
}

/// The tables that can be captured, by name.
///
/// # Errors
/// As [`schema::install`].
pub async fn tables(client: &Client) -> Result<Vec<TableName>> {
    let rows = client.query(TABLES, &[]).await.map_err(|error| failed("read the tables of the database", error))?;
    Ok(rows.iter().map(|row| TableName { schema: row.get(0), table: row.get(1) }).collect())
}

/// The SQL that captures the tables of `plan` among `found`, one statement each, to be run after the schema.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid) where the plan names a table that is not there.
pub fn statements(plan: &Plan, found: &[TableName]) -> Result<Vec<String>> {
    let captured = plan.resolve(found)?;
    let excluded = found.iter().filter(|table| plan.is_excluded(table));
    let release = |table: &TableName| {
        let name = literal(&identifier(table));
        format!(
            "select deedbook.release(relation) from deedbook.captured where relation = {name}::pg_catalog.regclass;"
        )
    };
    let plan = serde_json::to_string(&json!({ "capture": plan })).expect("a plan is JSON");
    let mut statements: Vec<String> = excluded.map(release).collect();
    statements.extend(captured.iter().map(capture));
    statements.push("select from deedbook.sync();".to_owned());
    statements.push("select deedbook.follow();".to_owned());
    statements.push(format!("update deedbook.installation set options = options || {};", literal(&plan)));
    Ok(statements)
}

fn capture(captured: &Captured) -> String {
    let mapping = Value::Object(captured.mapping.clone()).to_string();
    format!("select deedbook.capture({}, {});", literal(&identifier(&captured.table)), literal(&mapping))
}

fn identifier(table: &TableName) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    format!("{}.{}", quoted(&table.schema), quoted(&table.table))
}

fn literal(text: &str) -> String {
    let escape = if text.contains('\\') { " E" } else { "" };
    format!("{escape}'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Installs the schema and captures the tables of `plan`. Each table is a transaction of its own, so that writers wait
/// for no more than the making of four triggers; where it fails it may be run again.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid) where the plan names a table or column that is not there; else as
/// [`schema::install`].
pub async fn install(client: &mut Client, plan: &Plan) -> Result<()> {
    let statements = statements(plan, &tables(client).await?)?;
    schema::install(client).await?;
    for statement in statements {
        let failed = |error| refused(&format!("run `{}`", beginning(&statement)), error);
        let transaction = begin(client).await?;
        transaction.batch_execute(&statement).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
    }
    Ok(())
}

fn beginning(statement: &str) -> &str {
    &statement[..statement.floor_char_boundary(120)]
}

/// What the database says of a mapping is for whoever wrote it.
fn refused(doing: &str, error: tokio_postgres::Error) -> Error {
    let Some(told) = error.as_db_error() else { return failed(doing, error) };
    match told.code().code() {
        "42703" | "22023" | "42809" => Error::new(ErrorKind::Invalid, told.message().to_owned()),
        "55P03" => Error::new(ErrorKind::Unavailable, format!("cannot {doing}: writers hold the table; run it again")),
        _ => failed(doing, error),
    }
}

/// A transaction that gives up waiting for writers.
async fn begin(client: &mut Client) -> Result<Transaction<'_>> {
    let failed = |error| failed("begin a transaction", error);
    let transaction = client.transaction().await.map_err(failed)?;
    let settings = format!("SET LOCAL lock_timeout = {}", LOCK_MAX.as_millis());
    transaction.batch_execute(&settings).await.map_err(failed)?;
    Ok(transaction)
}

/// Brings triggers up to date after changes of the schema; gives the tables that were not.
///
/// # Errors
/// As [`schema::install`].
pub async fn sync(client: &mut Client) -> Result<Vec<String>> {
    let failed = |error| refused("bring the triggers up to date", error);
    let transaction = begin(client).await?;
    let rows = transaction.query("SELECT name FROM deedbook.sync()", &[]).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// How capture stands.
///
/// # Errors
/// As [`schema::install`]; [`NotFound`](ErrorKind::NotFound) where it is not installed.
pub async fn status(client: &Client) -> Result<Status> {
    let failed = |error| failed("read how capture stands", error);
    let captured = captured(client).await?;
    let drift = client.query("SELECT name, problem FROM deedbook.drift() ORDER BY 1, 2", &[]).await.map_err(failed)?;
    let outbox = client.query_one(OUTBOX, &[]).await.map_err(failed)?;
    let plan = client.query_opt("SELECT (options -> 'capture')::text FROM deedbook.installation", &[]).await;
    let plan: Option<String> = plan.map_err(failed)?.and_then(|row| row.get(0));
    let is_captured = |table: &TableName| captured.iter().any(|captured| captured.table == *table);
    let plan: Option<Plan> = plan.map(|plan| serde_json::from_str(&plan)).transpose().map_err(|error| {
        Error::new(ErrorKind::Corrupt, "the options in deedbook.installation cannot be read").with_source(error)
    })?;
    let found = tables(client).await?;
    let is_missed = |table: &TableName| plan.as_ref().is_some_and(|plan| plan.includes(table)) && !is_captured(table);
    let missed = found.into_iter().filter(is_missed).collect();
    Ok(Status {
        missed,
        problems: drift.iter().map(|row| Problem { table: row.get(0), problem: row.get(1) }).collect(),
        is_following: outbox.get(4),
        outbox_rows: outbox.get(0),
        outbox_bytes: outbox.get(1),
        lag: outbox.get::<_, Option<i64>>(3).map(|micros| Duration::from_micros(micros.max(0).cast_unsigned())),
        rejected: outbox.get(2),
        captured,
    })
}

/// Every captured table.
///
/// # Errors
/// As [`status`].
pub async fn captured(client: &Client) -> Result<Vec<CapturedTable>> {
    let rows = client.query(CAPTURED, &[]).await.map_err(|error| failed("read what is captured", error))?;
    let table = |row: &tokio_postgres::Row| CapturedTable {
        table: TableName { schema: row.get(0), table: row.get(1) },
        entity: row.get(2),
        version: row.get(3),
        is_keyless: row.get(4),
        masked: row.get(5),
    };
    Ok(rows.iter().map(table).collect())
}

/// What becomes of rows that were not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// They are a reason not to go on.
    Keep,
    /// They are lost.
    Discard,
}

/// Takes everything away that was installed; the rest of the database is as if it had never been there.
///
/// # Errors
/// [`Conflict`](ErrorKind::Conflict) where rows were not delivered and are to be kept; else as [`status`].
pub async fn uninstall(client: &mut Client, undelivered: Undelivered) -> Result<()> {
    let failed = |error| refused("take capture away", error);
    let transaction = begin(client).await?;
    transaction.batch_execute("DROP EVENT TRIGGER IF EXISTS deedbook_follow_schema").await.map_err(failed)?;
    // From here on nobody writes into the outbox who has not done so already.
    transaction.batch_execute("SELECT deedbook.release(relation) FROM deedbook.captured").await.map_err(failed)?;
    transaction.batch_execute("LOCK TABLE deedbook.outbox").await.map_err(failed)?;
    let left: i64 = transaction.query_one("SELECT count(*) FROM deedbook.outbox", &[]).await.map_err(failed)?.get(0);
    if left > 0 && undelivered == Undelivered::Keep {
        let message =
            format!("{left} rows of the outbox were not delivered; run `deedbook capture postgres run` first");
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    transaction.batch_execute("DROP SCHEMA deedbook CASCADE").await.map_err(failed)?;
    transaction.commit().await.map_err(failed)
}
