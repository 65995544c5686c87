//! What an event in the transaction of its act costs: `record_in` beside nothing, beside one more round trip that does
//! nothing, and beside an INSERT of the application's own into a table of its own.

use std::time::{Duration, Instant};

use comfy_table::Table;
use deedbook::{Actor, Context, Event, Target, context, postgres};
use deedbook_testkit::postgres::Server;
use serde::Serialize;
use tokio_postgres::{Client, Statement};

use super::variant::{Variant, connect};
use crate::Result;
use crate::figures::{Percentiles, Spread};
use crate::meter::process_cpu;
use crate::report;

/// A table that is not captured, and the application's own for its events: what most of them have, and an index by which
/// they are shown.
const TABLES: &str = "
    DROP TABLE IF EXISTS price, audit_log;
    CREATE TABLE price (id int PRIMARY KEY, cents int NOT NULL);
    CREATE TABLE audit_log (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), actor text NOT NULL,
        action text NOT NULL, target_type text NOT NULL, target_id text NOT NULL, data jsonb NOT NULL);
    CREATE INDEX ON audit_log (target_type, target_id, at)";
const UPDATE: &str = "UPDATE price SET cents = cents + 1 WHERE id = $1";
const ROWS: i32 = 1_000;

/// Whether COMMIT waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// It does.
    Durable,
    /// It does not: the disk would hide everything else.
    Async,
}

/// How an event is recorded, if at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// BEGIN, an UPDATE, COMMIT.
    Bare,
    /// With a query between that asks for nothing.
    RoundTrip,
    /// With an INSERT into a table of the application.
    OwnInsert,
    /// With `record_in`, in a transaction that was begun with the context.
    RecordIn,
}

impl Way {
    const ALL: [Self; 4] = [Self::Bare, Self::RoundTrip, Self::OwnInsert, Self::RecordIn];

    fn name(self) -> &'static str {
        match self {
            Self::Bare => "a transaction with one UPDATE",
            Self::RoundTrip => "and one more round trip",
            Self::OwnInsert => "and an INSERT into the application's audit table",
            Self::RecordIn => "and record_in",
        }
    }
}

/// What a transaction took.
#[derive(Debug, Serialize)]
pub struct Recorded {
    /// How its event was recorded.
    pub way: Way,
    /// Half of the transactions took at most this, by the clock.
    pub latency_us: Spread,
    /// The same against the bare transaction in the same round.
    pub latency_ratio: Spread,
    /// Microseconds of CPU time of the server.
    pub server_cpu_us: Spread,
    /// Microseconds of CPU time of the client.
    pub client_cpu_us: Spread,
}

#[derive(Clone, Copy)]
struct Turn {
    latency_us: f64,
    server_cpu_us: f64,
    client_cpu_us: f64,
}

/// Measures with one client; the table that it changes is not captured.
///
/// # Errors
/// Those of the server.
pub async fn measure(server: &Server, rounds: u64, transactions: u64, commit: Commit) -> Result<Vec<Recorded>> {
    let mut client = connect(server, Variant::Deedbook.database()).await?;
    client.batch_execute(TABLES).await?;
    client.batch_execute(&format!("INSERT INTO price SELECT i, 0 FROM generate_series(1, {ROWS}) i")).await?;
    if commit == Commit::Async {
        client.batch_execute("SET synchronous_commit = off").await?;
    }
    let statements = Statements::prepare(&client).await?;
    let mut turns = vec![Vec::new(); Way::ALL.len()];
    for round in 0..=rounds as usize {
        client.batch_execute("TRUNCATE audit_log, deedbook.outbox").await?;
        for place in 0..Way::ALL.len() {
            let index = (place + round) % Way::ALL.len();
            let turn = turn(server, &mut client, &statements, Way::ALL[index], transactions).await?;
            if round > 0 {
                turns[index].push(turn);
            }
        }
    }
    let recorded = |(way, own): (Way, &Vec<Turn>)| {
        let of = |value: fn(&Turn) -> f64| Spread::of(own.iter().map(value).collect());
        let ratios = own.iter().zip(&turns[0]).map(|(own, bare)| own.latency_us / bare.latency_us).collect();
        Recorded {
            way,
            latency_us: of(|turn| turn.latency_us),
            latency_ratio: Spread::of(ratios),
            server_cpu_us: of(|turn| turn.server_cpu_us),
            client_cpu_us: of(|turn| turn.client_cpu_us),
        }
    };
    Ok(Way::ALL.into_iter().zip(&turns).map(recorded).collect())
}

/// What an application would prepare.
struct Statements {
    update: Statement,
    nothing: Statement,
    insert: Statement,
}

impl Statements {
    async fn prepare(client: &Client) -> Result<Self> {
        let insert = "INSERT INTO audit_log (actor, action, target_type, target_id, data) VALUES ($1, $2, $3, $4, $5::text::jsonb)";
        Ok(Self {
            update: client.prepare(UPDATE).await?,
            nothing: client.prepare("SELECT 1").await?,
            insert: client.prepare(insert).await?,
        })
    }
}

async fn turn(
    server: &Server,
    client: &mut Client,
    statements: &Statements,
    way: Way,
    transactions: u64,
) -> Result<Turn> {
    let (server_cpu, client_cpu) = (server.cpu()?, process_cpu());
    let mut latencies = Vec::with_capacity(transactions as usize);
    let who = Context::new().actor(Actor::new("user", "ada")).request_id("req_7f3");
    for number in 0..transactions {
        let begun = Instant::now();
        let id = number as i32 % ROWS + 1;
        match way {
            Way::RecordIn => context::scope(who.clone(), with_event(client, statements, id)).await?,
            _ => without(client, statements, way, id).await?,
        }
        latencies.push(begun.elapsed());
    }
    let each_us = |all: Duration| all.as_secs_f64() * 1e6 / transactions as f64;
    Ok(Turn {
        latency_us: Percentiles::of(latencies).ok_or("nothing was recorded")?.p50_ms * 1e3,
        server_cpu_us: each_us(server.cpu()? - server_cpu),
        client_cpu_us: each_us(process_cpu() - client_cpu),
    })
}

async fn with_event(client: &mut Client, statements: &Statements, id: i32) -> Result<()> {
    let mut transaction = postgres::begin(client).await?;
    transaction.execute(&statements.update, &[&id]).await?;
    let mut event = Event::new("invoice.approved", Actor::new("user", "ada"));
    event.targets.push(Target::new("invoice", id.to_string()));
    event.metadata.insert("amount".to_owned(), 1250.into());
    postgres::record_in(&mut transaction, event).await?;
    transaction.commit().await?;
    Ok(())
}

async fn without(client: &mut Client, statements: &Statements, way: Way, id: i32) -> Result<()> {
    let transaction = client.transaction().await?;
    transaction.execute(&statements.update, &[&id]).await?;
    match way {
        Way::RoundTrip => drop(transaction.query_one(&statements.nothing, &[]).await?),
        Way::OwnInsert => {
            let data = r#"{"amount": 1250, "request_id": "req_7f3"}"#;
            let id = id.to_string();
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
                [&"ada", &"invoice.approved", &"invoice", &id, &data];
            transaction.execute(&statements.insert, &values).await?;
        }
        Way::Bare | Way::RecordIn => {}
    }
    transaction.commit().await?;
    Ok(())
}

/// For people.
pub fn table(recorded: &[Recorded]) -> Table {
    let mut table = report::table(&["", "p50 µs", "× bare", "CPU µs of the server", "CPU µs of the client"]);
    for recorded in recorded {
        table.add_row([
            recorded.way.name().to_owned(),
            recorded.latency_us.text(0),
            recorded.latency_ratio.text(2),
            recorded.server_cpu_us.text(1),
            recorded.client_cpu_us.text(1),
        ]);
    }
    table
}
