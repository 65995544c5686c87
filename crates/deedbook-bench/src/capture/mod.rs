//! `capture`: what row capture costs the database, beside others in their shape, and what `record_in` costs a transaction.
//!
//! Every variant has a database of its own on one server. In each round every load is given to every variant in turn,
//! and a figure is compared with that of no capture in the same round; what is told is the median of the rounds.

pub mod load;
pub mod recording;
pub mod variant;

use std::path::PathBuf;

use clap::Args;
use deedbook_testkit::postgres::Server;
use serde::Serialize;

use self::load::{INVOICES, Load, Work, Worker};
use self::recording::{Commit, Recorded};
use self::variant::{Variant, connect};
use crate::Result;
use crate::figures::Spread;
use crate::machine::Circumstances;
use crate::report;

/// How much is measured.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Times that every load is given to everyone.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub rounds: u64,
    /// Transactions of each load in a round, for each variant; eight times as many statements, or rows in bulk.
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub transactions: u64,
    /// Rows of a bulk update.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub bulk_rows: u64,
    /// Clients that work at the same time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=50))]
    pub clients: u64,
    /// How the figures are written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Where the server has its files; by default where temporary files go.
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

/// How figures are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Everything that a run found.
#[derive(Debug, Serialize)]
pub struct Found {
    /// Where, when and how.
    pub circumstances: Circumstances,
    /// The server, as it names itself.
    pub server: String,
    /// Rounds.
    pub rounds: u64,
    /// One for each load.
    pub loads: Vec<Loaded>,
    /// One for each way of recording an event, where COMMIT does not wait for the disk.
    pub recording: Vec<Recorded>,
    /// The same where it does, as by default.
    pub recording_durably: Vec<Recorded>,
}

/// What one load cost.
#[derive(Debug, Serialize)]
pub struct Loaded {
    /// Which, and for what the figures are.
    pub load: String,
    /// One for each variant.
    pub results: Vec<Captured>,
}

/// What one load cost with one variant.
#[derive(Debug, Serialize)]
pub struct Captured {
    /// How changes were captured.
    pub variant: Variant,
    /// Microseconds of CPU time of all processes of the server.
    pub cpu_us: Spread,
    /// The same against no capture in the same round.
    pub cpu_ratio: Spread,
    /// Bytes of write-ahead log.
    pub wal_bytes: Spread,
    /// Bytes of what was captured, indexes included.
    pub kept_bytes: Spread,
}

/// What one turn cost, for each unit of the load.
#[derive(Clone, Copy, Default)]
struct Turn {
    cpu_us: f64,
    wal_bytes: f64,
    kept_bytes: f64,
}

/// Checkpoints would write whole pages into the write-ahead log of whoever has the turn.
const SETTINGS: &[(&str, &str)] = &[("checkpoint_timeout", "1h"), ("max_wal_size", "16GB")];

/// Measures and prints.
///
/// # Errors
/// When there is no PostgreSQL, or it refuses.
pub fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let found = runtime.block_on(measure(options))?;
    match options.format {
        Format::Table => print(&found),
        Format::Json => println!("{}", serde_json::to_string_pretty(&found)?),
    }
    Ok(())
}

/// Measures.
///
/// # Errors
/// As [`run`].
pub async fn measure(options: &Options) -> Result<Found> {
    if options.bulk_rows * options.clients > INVOICES {
        return Err(format!("--bulk-rows times --clients is over {INVOICES}, the rows of the table").into());
    }
    let circumstances = Circumstances::now();
    let parent = options.directory.clone().unwrap_or_else(std::env::temp_dir);
    let server = Server::start(&parent, SETTINGS)?;
    for variant in Variant::ALL {
        variant.install(&server).await?;
    }
    let client = connect(&server, Variant::None.database()).await?;
    let version: String = client.query_one("SHOW server_version", &[]).await?.get(0);
    let mut loads = Vec::new();
    for load in Load::ALL {
        loads.push(Loaded { load: load.name(options.bulk_rows), results: loaded(&server, options, load).await? });
    }
    let (rounds, times) = (options.rounds, options.transactions);
    let recording = recording::measure(&server, rounds, times, Commit::Async).await?;
    let recording_durably = recording::measure(&server, rounds, (times / 20).max(1), Commit::Durable).await?;
    Ok(Found { circumstances, server: format!("PostgreSQL {version}"), rounds, loads, recording, recording_durably })
}

/// One load with every variant, in turns.
async fn loaded(server: &Server, options: &Options, load: Load) -> Result<Vec<Captured>> {
    let work = Work { clients: options.clients, bulk_rows: options.bulk_rows };
    let mut workers = Vec::new();
    for variant in Variant::ALL {
        let mut team = Vec::new();
        for number in 0..options.clients {
            team.push(Worker::new(server, variant, load, work, number).await?);
        }
        workers.push(team);
    }
    let mut turns = vec![Vec::new(); Variant::ALL.len()];
    // The first round fills caches and is not counted.
    for round in 0..=options.rounds as usize {
        for place in 0..Variant::ALL.len() {
            let index = (place + round) % Variant::ALL.len();
            let turn = turn(server, options, load, Variant::ALL[index], &mut workers[index]).await?;
            if round > 0 {
                turns[index].push(turn);
            }
        }
    }
    let captured = |(variant, own): (Variant, &Vec<Turn>)| {
        let of = |value: fn(&Turn) -> f64| Spread::of(own.iter().map(value).collect());
        let ratios = own.iter().zip(&turns[0]).map(|(own, none)| own.cpu_us / none.cpu_us).collect();
        Captured {
            variant,
            cpu_us: of(|turn| turn.cpu_us),
            cpu_ratio: Spread::of(ratios),
            wal_bytes: of(|turn| turn.wal_bytes),
            kept_bytes: of(|turn| turn.kept_bytes),
        }
    };
    Ok(Variant::ALL.into_iter().zip(&turns).map(captured).collect())
}

async fn turn(
    server: &Server,
    options: &Options,
    load: Load,
    variant: Variant,
    team: &mut Vec<Worker>,
) -> Result<Turn> {
    let client = connect(server, variant.database()).await?;
    variant.forget(&client).await?;
    let each = load.units(options.bulk_rows);
    // What is cheap is done more often: the clock of the processes has ticks of ten milliseconds.
    let times = if each == 1 { options.transactions } else { (8 * options.transactions / each).max(1) };
    let times = times.div_ceil(options.clients);
    let (cpu, wal, kept) = (server.cpu()?, position(&client).await?, variant.kept_bytes(&client).await?);
    let mut running = Vec::new();
    for mut worker in team.drain(..) {
        running.push(tokio::spawn(async move { worker.run(times).await.map(|()| worker) }));
    }
    for worker in running {
        team.push(worker.await??);
    }
    let cpu = server.cpu()? - cpu;
    let units = (times * options.clients * each) as f64;
    Ok(Turn {
        cpu_us: cpu.as_secs_f64() * 1e6 / units,
        wal_bytes: (position(&client).await? - wal) as f64 / units,
        kept_bytes: variant.kept_bytes(&client).await?.saturating_sub(kept) as f64 / units,
    })
}

/// Bytes of write-ahead log that were ever written.
async fn position(client: &tokio_postgres::Client) -> Result<i64> {
    let sql = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint";
    Ok(client.query_one(sql, &[]).await?.get(0))
}

fn print(found: &Found) {
    let circumstances = &found.circumstances;
    println!("{}\n{}, medians of {} rounds (least to most)", circumstances.machine_line(), found.server, found.rounds);
    println!("{}\n$ {}", circumstances.date, circumstances.command);
    for loaded in &found.loads {
        let mut table =
            report::table(&["", "CPU µs", "× no capture", "WAL bytes", "beyond no capture", "bytes captured"]);
        let wal_alone = loaded.results[0].wal_bytes.median;
        for captured in &loaded.results {
            table.add_row([
                captured.variant.name().to_owned(),
                captured.cpu_us.text(1),
                captured.cpu_ratio.text(2),
                captured.wal_bytes.text(0),
                format!("{:.0}", captured.wal_bytes.median - wal_alone),
                captured.kept_bytes.text(0),
            ]);
        }
        println!("\n{}\n{table}", loaded.load);
    }
    let of = "An event in the transaction of its act, one client";
    println!("\n{of}, synchronous_commit = off\n{}", recording::table(&found.recording));
    println!("\n{of}, each COMMIT on the disk\n{}", recording::table(&found.recording_durably));
}
