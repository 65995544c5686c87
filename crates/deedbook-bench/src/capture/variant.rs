//! Who captures: nobody, Deedbook, and two others in their shape, each in a database of its own.

use deedbook_postgres::{capture, schema};
use deedbook_testkit::postgres::Server;
use serde::Serialize;
use tokio_postgres::{Client, NoTls};

use crate::Result;

const TABLES: &str = include_str!("tables.sql");
const CLAIM: &str = r#"{"actor":{"type":"user","id":"ada"},"context":{"request_id":"req_7f3"}}"#;

/// How changes are captured, if at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// They are not.
    None,
    /// By the triggers of `deedbook capture postgres install`.
    Deedbook,
    /// Both records whole, as jsonb, by one trigger for all tables; no actor.
    SupaAudit,
    /// The new row in a table of the same columns; with its table of contexts.
    Pghistory,
    /// The same where no context is set: no actor.
    PghistoryAlone,
}

impl Variant {
    /// Everyone, the one they are compared with first.
    pub const ALL: [Self; 5] = [Self::None, Self::Deedbook, Self::SupaAudit, Self::Pghistory, Self::PghistoryAlone];

    /// As the report calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "no capture",
            Self::Deedbook => "Deedbook",
            Self::SupaAudit => "shape of supa_audit",
            Self::Pghistory => "shape of django-pghistory",
            Self::PghistoryAlone => "the same without an actor",
        }
    }

    /// The name of its database.
    pub fn database(self) -> &'static str {
        match self {
            Self::None => "bench_none",
            Self::Deedbook => "bench_deedbook",
            Self::SupaAudit => "bench_supa_audit",
            Self::Pghistory => "bench_pghistory",
            Self::PghistoryAlone => "bench_pghistory_alone",
        }
    }

    /// Makes its database.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn install(self, server: &Server) -> Result<()> {
        connect(server, "postgres").await?.batch_execute(&format!("CREATE DATABASE {}", self.database())).await?;
        let mut client = connect(server, self.database()).await?;
        client.batch_execute(TABLES).await?;
        match self {
            Self::None => {}
            Self::Deedbook => {
                schema::install(&mut client).await?;
                let plan = capture::Plan { exclude: vec!["movement".parse()?], ..capture::Plan::default() };
                capture::install(&mut client, &plan).await?;
            }
            Self::SupaAudit => client.batch_execute(include_str!("supa_audit.sql")).await?,
            Self::Pghistory | Self::PghistoryAlone => client.batch_execute(include_str!("pghistory.sql")).await?,
        }
        client.batch_execute("VACUUM ANALYZE").await?;
        Ok(())
    }

    /// Begins a transaction, with what says who acts in the same message.
    pub fn begin(self, number: u64) -> String {
        match self {
            Self::Deedbook => format!("BEGIN; SELECT deedbook.context('{CLAIM}')"),
            Self::Pghistory => format!(
                "BEGIN; SELECT set_config('history.context_id', '00000000-0000-0000-0000-{number:012x}', true), \
                 set_config('history.context_metadata', '{{\"user\": \"ada\", \"url\": \"/invoices\"}}', true)"
            ),
            Self::None | Self::SupaAudit | Self::PghistoryAlone => "BEGIN".to_owned(),
        }
    }

    /// Where it keeps what it captured.
    fn kept_in(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Deedbook => &["deedbook.outbox"],
            Self::SupaAudit => &["audit.record"],
            Self::Pghistory | Self::PghistoryAlone => {
                &["context", "invoice_event", "branch_event", "teller_event", "account_event"]
            }
        }
    }

    /// Bytes of what it captured, indexes included.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn kept_bytes(self, client: &Client) -> Result<u64> {
        let tables = self.kept_in();
        let sql =
            "SELECT coalesce(sum(pg_total_relation_size(name::regclass)), 0)::bigint FROM unnest($1::text[]) name";
        let bytes: i64 = client.query_one(sql, &[&tables]).await?.get(0);
        Ok(bytes.cast_unsigned())
    }

    /// Throws away what it captured, so that every turn begins alike.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn forget(self, client: &Client) -> Result<()> {
        if !self.kept_in().is_empty() {
            client.batch_execute(&format!("TRUNCATE {}", self.kept_in().join(", "))).await?;
        }
        Ok(())
    }
}

/// A connection to a database of the server.
///
/// # Errors
/// Where it cannot be reached.
pub async fn connect(server: &Server, database: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(&server.url(database), NoTls).await?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}
