//! Rows of a table of PostgreSQL, one for each entry.

use std::time::Duration;

use deedbook_core::{Entry, Error, Result};
use deedbook_postgres::Database;
use serde::Deserialize;
use serde_json::Value;
use tokio_postgres::{Client, Statement};

use super::{ClientRuntime, Failure, Sink, chain};
use crate::secret::SecretPlace;
use crate::settings::{Place, parse, wrong};

/// How long a batch may take, connecting included.
const DELIVERY_MAX: Duration = Duration::from_secs(60);

/// Bytes of a name: longer ones are cut by PostgreSQL, and might meet another table.
const NAME_BYTES_MAX: usize = 63;

/// What a session is told. A statement ends where nobody waits for it any more, and what is acknowledged is durable,
/// whatever the role does otherwise.
const SETTINGS: &str = "SET statement_timeout = '60s';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// The columns, as they are made where there is no table.
const COLUMNS: &str = "
    tenant text NOT NULL,
    id text NOT NULL,
    seq bigint NOT NULL,
    position bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    occurred_at timestamptz NOT NULL,
    action text NOT NULL,
    outcome text NOT NULL,
    actor_type text NOT NULL,
    actor_id text,
    targets jsonb NOT NULL,
    entry jsonb NOT NULL,
    PRIMARY KEY (tenant, id)";

/// The rows of a batch, whose entries are the texts of one array. Materialized, each is read as JSON once and not for
/// each of its columns.
const ROWS: &str = "
    WITH entries AS MATERIALIZED (SELECT text::jsonb AS entry FROM unnest($1::text[]) AS text)
    SELECT entry->>'tenant', entry->>'id', (entry->>'seq')::bigint, (entry->>'position')::bigint,
        (entry->>'recorded_at')::timestamptz, coalesce(entry->>'occurred_at', entry->>'recorded_at')::timestamptz,
        entry->>'action', coalesce(entry->>'outcome', 'success'), entry->'actor'->>'type', entry->'actor'->>'id',
        coalesce(entry->'targets', '[]'), entry
    FROM entries";

/// `postgres = { url = { env = "AUDIT_DATABASE" }, table = "audit_log" }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: SecretPlace,
    #[serde(default = "Settings::table")]
    table: String,
}

impl Settings {
    fn table() -> String {
        "audit_log".to_owned()
    }
}

pub(crate) fn make(settings: Value, place: &Place<'_>) -> Result<Box<dyn Sink>> {
    let Settings { url, table } = parse(settings)?;
    if place.format.is_some() {
        return Err(wrong("rows have no format: the column `entry` is JSON as the API shows it"));
    }
    let database = url.read(place.folder)?.expose().parse().map_err(|error: Error| wrong(error.to_string()))?;
    let table = quoted(&table)?;
    Ok(Box::new(PostgresSink { rows: Rows { database, table, session: None }, runtime: ClientRuntime::default() }))
}

/// `audit_log` or `schema.audit_log`, quoted.
fn quoted(table: &str) -> Result<String> {
    let fits = |name: &str| {
        let is_letter = |character: char| character.is_ascii_alphabetic() || character == '_';
        name.starts_with(is_letter)
            && name.chars().all(|character| is_letter(character) || character.is_ascii_digit())
            && name.len() <= NAME_BYTES_MAX
    };
    let parts: Vec<&str> = table.split('.').collect();
    if parts.len() > 2 || !parts.iter().all(|part| fits(part)) {
        let rule = "take letters, digits and _, at most 63, as in \"audit_log\" or \"schema.audit_log\"";
        return Err(wrong(format!("table = {table:?}: {rule}")));
    }
    Ok(parts.iter().map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join("."))
}

struct PostgresSink {
    rows: Rows,
    runtime: ClientRuntime,
}

struct Rows {
    database: Database,
    table: String,
    session: Option<Session>,
}

/// A connection that knows the statement.
struct Session {
    client: Client,
    insert: Statement,
}

impl Sink for PostgresSink {
    fn deliver(&mut self, entries: &[Entry]) -> std::result::Result<(), Failure> {
        let records: Vec<String> = entries.iter().map(|entry| storable(entry.to_json())).collect();
        let inserted = async { tokio::time::timeout(DELIVERY_MAX, self.rows.insert(&records)).await };
        self.runtime.block_on(inserted)?.unwrap_or_else(|_| {
            Err(Failure::later(format!("the database did not answer within {} seconds", DELIVERY_MAX.as_secs())))
        })
    }
}

impl Rows {
    /// Inserts those that are not there; all of them in one statement, and so in one transaction.
    async fn insert(&mut self, records: &[String]) -> std::result::Result<(), Failure> {
        // A session that lay idle may have ended unseen. What was sent over it may be sent again: it is there once.
        if let Some(session) = self.session.take() {
            match session.insert(records).await {
                Err(error) if has_ended(&error) => {}
                inserted => return self.judge(session, inserted),
            }
        }
        let session = self.open().await?;
        let inserted = session.insert(records).await;
        self.judge(session, inserted)
    }

    async fn open(&self) -> std::result::Result<Session, Failure> {
        let client = self.database.connect().await.map_err(|error| Failure::later(chain(&error)))?;
        self.prepare(client).await.map_err(|error| failure(&error))
    }

    async fn prepare(&self, client: Client) -> std::result::Result<Session, tokio_postgres::Error> {
        client.batch_execute(SETTINGS).await?;
        // Whoever may not make tables may use one that is there, so `IF NOT EXISTS` alone is not enough.
        let is_there: bool = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&self.table]).await?.get(0);
        if !is_there {
            client.batch_execute(&format!("CREATE TABLE IF NOT EXISTS {} ({COLUMNS})", self.table)).await?;
        }
        let into = "(tenant, id, seq, position, recorded_at, occurred_at, action, outcome, actor_type, actor_id, targets, \
                    entry)";
        let insert = format!("INSERT INTO {} {into} {ROWS} ON CONFLICT (tenant, id) DO NOTHING", self.table);
        let insert = client.prepare(&insert).await?;
        Ok(Session { client, insert })
    }

    /// Keeps a session that can be used again.
    fn judge(
        &mut self,
        session: Session,
        inserted: std::result::Result<u64, tokio_postgres::Error>,
    ) -> std::result::Result<(), Failure> {
        let judged = inserted.map(drop).map_err(|error| failure(&error));
        if !matches!(judged, Err(Failure::Later { .. })) {
            self.session = Some(session);
        }
        judged
    }
}

impl Session {
    async fn insert(&self, records: &[String]) -> std::result::Result<u64, tokio_postgres::Error> {
        self.client.execute(&self.insert, &[&records]).await
    }
}

/// An entry as PostgreSQL can hold it: neither text nor `jsonb` knows U+0000, so that its picture stands there.
fn storable(json: Vec<u8>) -> String {
    const NUL: &str = "\\u0000";
    let text = String::from_utf8_lossy(&json).into_owned();
    if !text.contains(NUL) {
        return text;
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text.as_str());
    while let Some(at) = rest.find('\\') {
        let length = if rest[at..].starts_with("\\u") { NUL.len() } else { 2 };
        let escape = &rest[at..at + length];
        out.push_str(&rest[..at]);
        out.push_str(if escape == NUL { "\u{2400}" } else { escape });
        rest = &rest[at + length..];
    }
    out + rest
}

/// Whether the session is gone: the connection broke, or the server ended it.
fn has_ended(error: &tokio_postgres::Error) -> bool {
    error.code().is_none_or(|code| code.code().starts_with("57P") || code.code().starts_with("08"))
}

/// What the server's refusal means for the batch.
fn failure(error: &tokio_postgres::Error) -> Failure {
    let Some(refusal) = error.as_db_error() else { return Failure::later(chain(error)) };
    let (code, message) = (refusal.code().code(), refusal.message());
    match code.get(..2) {
        // A value that has no place, a constraint that somebody added, a row that is too large.
        Some("22" | "23" | "54") => Failure::Refused { why: format!("{message} ({code})") },
        Some("42") => {
            let advice = "where the table was not made by Deedbook it must have its columns and a unique (tenant, id), and \
                          the role must be allowed to insert and to select";
            Failure::later(format!("{message} ({code}): {advice}"))
        }
        _ => Failure::later(format!("{message} ({code})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_of_nul_stands_in_its_place() {
        for (json, stored) in [
            (r#"{"a":"plain \"text\" \u001b"}"#, r#"{"a":"plain \"text\" \u001b"}"#),
            (r#"{"a":"x\u0000y"}"#, "{\"a\":\"x␀y\"}"),
            (r#"{"a\u0000":"\\u0000 \\\u0000\u0000"}"#, "{\"a␀\":\"\\\\u0000 \\\\␀␀\"}"),
            (r#"{"a":"\u0000"#, "{\"a\":\"␀"),
        ] {
            assert_eq!(storable(json.as_bytes().to_vec()), stored);
        }
    }

    #[test]
    fn tables_have_plain_names() {
        assert_eq!(quoted("audit_log").expect("a table"), "\"audit_log\"");
        assert_eq!(quoted("Audit.log_2").expect("a table"), "\"Audit\".\"log_2\"");
        for refused in ["", "a.b.c", "a b", "1a", "a.", "a\"b", "é", &"a".repeat(64)] {
            let error = quoted(refused).expect_err(refused).to_string();
            assert!(error.contains("take letters, digits and _"), "{error}");
        }
    }
}
