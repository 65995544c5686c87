//! `drain`: how fast the sequencer brings the outbox of a PostgreSQL database into a directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use deedbook_postgres::{Options as Sequencing, Sequencer, schema};
use deedbook_store::FileStore;
use deedbook_testkit::postgres::Server;
use tokio_postgres::{Client, NoTls};

use crate::Result;
use crate::machine::Circumstances;
use crate::meter::process_cpu;
use crate::report;
use crate::workload::Workload;

/// Rows of one transaction while the outbox is filled.
const TRANSACTION_ROWS: usize = 5;
/// How often it is looked whether the outbox is empty.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// How much is measured.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Rows of the outbox.
    #[arg(long, default_value_t = 200_000)]
    pub rows: u64,
    /// Times that the outbox is filled and drained.
    #[arg(long, default_value_t = 3)]
    pub repeats: usize,
    /// Where the server and the log have their files; by default where temporary files go.
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

/// Measures and prints.
///
/// # Errors
/// When there is no PostgreSQL, or it or the log refuses.
pub fn run(options: &Options) -> Result<()> {
    let circumstances = Circumstances::now();
    println!("{}\n{}\n$ {}", circumstances.machine_line(), circumstances.date, circumstances.command);
    let parent = options.directory.clone().unwrap_or_else(std::env::temp_dir);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let server = Server::start(&parent, &[])?;
    let mut table = report::table(&["rows", "rows/s", "CPU µs/row here", "CPU µs/row in PostgreSQL", "bytes/row"]);
    for repeat in 0..options.repeats {
        let found = runtime.block_on(measure(&server, &parent, options.rows, repeat))?;
        let rows = options.rows as f64;
        let per_row = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e6 / rows);
        table.add_row([
            options.rows.to_string(),
            format!("{:.0}", rows / found.wall.as_secs_f64()),
            per_row(found.cpu),
            per_row(found.server_cpu),
            format!("{:.0}", found.bytes / rows),
        ]);
    }
    println!("{table}");
    Ok(())
}

async fn measure(server: &Server, parent: &Path, rows: u64, repeat: usize) -> Result<Drained> {
    let mut client = connect(server).await?;
    schema::install(&mut client).await?;
    let bytes = fill(&mut client, rows, repeat).await?;
    let log = tempfile::Builder::new().prefix("deedbook-bench-").tempdir_in(parent)?;
    let store = Arc::new(FileStore::open(log.path(), deedbook_store::Options::default())?);
    let sequencer = Sequencer::new(server.url("postgres").parse()?, store, Sequencing::default());
    let (begun, cpu, server_cpu) = (Instant::now(), process_cpu(), server.cpu()?);
    tokio::select! {
        ended = sequencer.run() => return Err(format!("the sequencer ended: {ended:?}").into()),
        emptied = emptied(&client) => emptied?,
    }
    Ok(Drained { bytes, wall: begun.elapsed(), cpu: process_cpu() - cpu, server_cpu: server.cpu()? - server_cpu })
}

/// What draining took.
struct Drained {
    /// Of the outbox before.
    bytes: f64,
    wall: Duration,
    cpu: Duration,
    server_cpu: Duration,
}

async fn emptied(client: &Client) -> Result<()> {
    while client.query_one("SELECT EXISTS (SELECT FROM deedbook.outbox)", &[]).await?.get(0) {
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    Ok(())
}

/// Records that many events in small transactions; gives the bytes of the outbox.
async fn fill(client: &mut Client, rows: u64, repeat: usize) -> Result<f64> {
    client.batch_execute("TRUNCATE deedbook.outbox; SET synchronous_commit = off").await?;
    let workload = Workload::new(rows);
    let events: Vec<String> = (0..rows).map(|index| body(&workload, index, repeat)).collect::<Result<_>>()?;
    let record = client.prepare("SELECT deedbook.record(body) FROM unnest($1::text[]) AS body").await?;
    for events in events.chunks(TRANSACTION_ROWS) {
        client.execute(&record, &[&events]).await?;
    }
    client.batch_execute("VACUUM ANALYZE deedbook.outbox").await?;
    let size = client.query_one("SELECT pg_total_relation_size('deedbook.outbox')", &[]).await?;
    Ok(size.get::<_, i64>(0) as f64)
}

/// An event of the workload as an application writes it.
fn body(workload: &Workload, index: u64, repeat: usize) -> Result<String> {
    let mut event = workload.event(index);
    event.id = event.id.map(|id| format!("{id}-{repeat}"));
    let draft = crate::row::draft(event)?;
    Ok(String::from_utf8(draft.canonical().to_vec())?)
}

async fn connect(server: &Server) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(&server.url("postgres"), NoTls).await?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}
