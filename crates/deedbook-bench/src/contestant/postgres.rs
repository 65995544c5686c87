//! A careful hand-made audit table in PostgreSQL with default durability: COPY, one transaction per batch, prepared
//! statements, an index for each access path.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use deedbook_testkit::postgres::Server;
use postgres::types::ToSql;
use postgres::{Client, NoTls, Statement, Transaction};

use super::{Append, Batch, Contestant, Diet};
use crate::Result;
use crate::question::{About, Answer, Day, PAGE, Question};
use crate::row::Row;
use crate::workload::DAY_US;

const SCHEMA: &str = "
    DROP TABLE IF EXISTS deedbook_bench_event, deedbook_bench_target;
    CREATE TABLE deedbook_bench_event (
        seq bigint PRIMARY KEY,
        id text NOT NULL,
        tenant text NOT NULL,
        occurred_at bigint NOT NULL,
        recorded_at bigint NOT NULL,
        action text NOT NULL,
        actor_type text NOT NULL,
        actor_id text,
        outcome text NOT NULL,
        body jsonb NOT NULL
    );
    CREATE TABLE deedbook_bench_target (
        tenant text COLLATE \"C\" NOT NULL,
        type text COLLATE \"C\" NOT NULL,
        id text COLLATE \"C\" NOT NULL,
        seq bigint NOT NULL,
        PRIMARY KEY (tenant, type, id, seq)
    );
    CREATE UNIQUE INDEX ON deedbook_bench_event (tenant, id);
    CREATE INDEX ON deedbook_bench_event (tenant, seq);
    CREATE INDEX ON deedbook_bench_event (tenant, actor_type, actor_id, occurred_at);
    CREATE INDEX ON deedbook_bench_event (tenant, action, occurred_at);
";
const DROP: &str = "DROP TABLE IF EXISTS deedbook_bench_event, deedbook_bench_target";
const BYTES: &str = "
    SELECT pg_total_relation_size('deedbook_bench_event') + pg_total_relation_size('deedbook_bench_target')";
const TARGET_NEWEST: &str = "
    SELECT event.id, body::text FROM deedbook_bench_target target JOIN deedbook_bench_event event USING (seq)
    WHERE target.tenant = $1 AND target.type = $2 AND target.id = $3 ORDER BY target.seq DESC LIMIT $4";
const ACTOR_DAY: &str = "
    SELECT id, body::text FROM deedbook_bench_event WHERE tenant = $1 AND actor_type = $2 AND actor_id = $3
    AND occurred_at >= $4 AND occurred_at < $5 ORDER BY occurred_at DESC LIMIT $6";
const TENANT_FEED: &str =
    "SELECT id, body::text FROM deedbook_bench_event WHERE tenant = $1 ORDER BY seq DESC LIMIT $2";
const BY_ID: &str = "SELECT id, body::text FROM deedbook_bench_event WHERE tenant = $1 AND id = $2";
const ACTION_RANGE: &str = "
    SELECT id, body::text FROM deedbook_bench_event WHERE tenant = $1 AND action = $2
    AND occurred_at >= $3 AND occurred_at < $4 ORDER BY occurred_at DESC LIMIT $5";
const WORD: &str = "
    SELECT id, body::text FROM deedbook_bench_event WHERE tenant = $1 AND body::text ILIKE '%' || $2 || '%'
    ORDER BY seq DESC LIMIT $3";
const COUNT: &str = "
    SELECT action, occurred_at / $1, count(*) FROM deedbook_bench_event WHERE tenant = $2 GROUP BY 1, 2";

/// An audit table in PostgreSQL.
pub struct Postgres {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    text: String,
    server: Server,
}

impl Postgres {
    /// New tables on this server; older ones of the same names are dropped.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub fn open(server: Server) -> Result<Self> {
        let mut client = Client::connect(&server.url("postgres"), NoTls)?;
        client.batch_execute(SCHEMA)?;
        Ok(Self { client, statements: HashMap::new(), text: String::new(), server })
    }

    fn append(&mut self, rows: &[Row]) -> Result<Append> {
        let start = Instant::now();
        let mut transaction = self.client.transaction()?;
        self.text.clear();
        rows.iter().try_for_each(|row| write_event(row, &mut self.text))?;
        copy(&mut transaction, "COPY deedbook_bench_event FROM STDIN", &self.text)?;
        self.text.clear();
        rows.iter().try_for_each(|row| write_targets(row, &mut self.text))?;
        copy(&mut transaction, "COPY deedbook_bench_target FROM STDIN", &self.text)?;
        transaction.commit()?;
        Ok(Append::of(start.elapsed()))
    }

    fn statement(&mut self, sql: &'static str) -> Result<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    fn entries(&mut self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<Answer> {
        let statement = self.statement(sql)?;
        let rows = self.client.query(&statement, values)?;
        let ids = rows.iter().map(|row| {
            std::hint::black_box(row.try_get::<_, String>(1)?);
            row.try_get(0)
        });
        Ok(Answer::Entries(ids.collect::<Result<_, _>>()?))
    }

    fn counts(&mut self, tenant: &str) -> Result<Answer> {
        let statement = self.statement(COUNT)?;
        let rows = self.client.query(&statement, &[&DAY_US, &tenant])?;
        let counts = rows.iter().map(|row| {
            let count: i64 = row.try_get(2)?;
            Ok((row.try_get(0)?, Day::Since1970(row.try_get(1)?), count.unsigned_abs()))
        });
        Ok(Answer::Counts(counts.collect::<Result<_>>()?))
    }
}

fn copy(transaction: &mut Transaction<'_>, sql: &str, text: &str) -> Result<()> {
    let mut writer = transaction.copy_in(sql)?;
    writer.write_all(text.as_bytes())?;
    writer.finish()?;
    Ok(())
}

fn write_event(row: &Row, out: &mut String) -> Result<()> {
    write!(out, "{}\t", row.seq)?;
    for text in [&row.id, &row.tenant] {
        write_field(text, out);
    }
    write!(out, "{}\t{}\t", row.occurred_at_us, row.recorded_at_us)?;
    write_field(&row.action, out);
    write_field(&row.actor_type, out);
    match &row.actor_id {
        Some(id) => write_field(id, out),
        None => out.push_str("\\N\t"),
    }
    write_field(row.outcome, out);
    write_field(&row.body, out);
    end_line(out);
    Ok(())
}

fn write_targets(row: &Row, out: &mut String) -> Result<()> {
    for (kind, id) in &row.targets {
        for text in [&row.tenant, kind, id] {
            write_field(text, out);
        }
        writeln!(out, "{}", row.seq)?;
    }
    Ok(())
}

/// One field of COPY's text format with the tab after it. Control characters never occur: JSON escapes them.
fn write_field(text: &str, out: &mut String) {
    let mut pieces = text.split('\\');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        out.push_str("\\\\");
        out.push_str(piece);
    }
    out.push('\t');
}

/// The last field of a line ends with a line feed instead of a tab.
fn end_line(out: &mut String) {
    out.pop();
    out.push('\n');
}

impl Contestant for Postgres {
    fn diet(&self) -> Diet {
        Diet::Rows
    }

    fn load(&mut self, batches: &mut [Batch]) -> Result<Vec<Append>> {
        batches.iter().map(|batch| self.append(batch.rows())).collect()
    }

    fn finish(&mut self) -> Result<()> {
        self.client.batch_execute("VACUUM (ANALYZE) deedbook_bench_event, deedbook_bench_target")?;
        Ok(self.client.batch_execute("CHECKPOINT")?)
    }

    fn disk_bytes(&mut self) -> Result<u64> {
        let bytes: i64 = self.client.query_one(BYTES, &[])?.try_get(0)?;
        Ok(bytes.unsigned_abs())
    }

    fn cpu_elsewhere(&self) -> Result<Duration> {
        self.server.cpu()
    }

    fn answer(&mut self, question: &Question) -> Result<Option<Answer>> {
        let (tenant, limit) = (question.tenant.as_str(), PAGE as i64);
        match &question.about {
            About::TargetNewest { kind, id } => self.entries(TARGET_NEWEST, &[&tenant, kind, id, &limit]),
            About::ActorDay { kind, id, from_us, until_us } => {
                self.entries(ACTOR_DAY, &[&tenant, kind, id, from_us, until_us, &limit])
            }
            About::TenantFeed => self.entries(TENANT_FEED, &[&tenant, &limit]),
            About::ById { id } => self.entries(BY_ID, &[&tenant, id]),
            About::ActionRange { action, from_us, until_us } => {
                self.entries(ACTION_RANGE, &[&tenant, action, from_us, until_us, &limit])
            }
            About::Word { word } => self.entries(WORD, &[&tenant, word, &limit]),
            About::CountPerActionAndDay => self.counts(tenant),
        }
        .map(Some)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A server of someone else's is left as it was found; a failure to tidy up must not hide the figures.
        drop(self.client.batch_execute(DROP));
    }
}
