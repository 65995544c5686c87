//! `deliver`: how fast entries go out to a sink, and what a sink that follows costs those who record.
//!
//! A courier works on one thread. What the log does while it delivers, such as merging, is counted as its CPU time too.
//! Beside delivery to a file stands the limit: the same bytes copied from a file to another one, synced as often.

mod beside;
#[cfg(feature = "nats")]
mod nats;

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Args;
use deedbook_core::Store;
use deedbook_deliver::{Couriers, Folder, Settings};
use deedbook_store::{FileStore, Options as StoreOptions};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::Result;
use crate::machine::Circumstances;
use crate::meter::{Cost, Meter};
use crate::report;
use crate::retire::fill;
use crate::workload::Workload;

/// How much is measured, and of which sink.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Entries that are delivered.
    #[arg(long, default_value_t = 500_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    pub events: u64,
    /// Times that they are.
    #[arg(long, default_value_t = 3)]
    pub repeats: usize,
    /// Pairs of short turns in which events are recorded, one with a sink beside and one without; 0 for none.
    #[arg(long, default_value_t = 20)]
    pub turns: usize,
    /// Events a second of the turns in which it is not recorded as fast as it goes.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub rate: u64,
    /// The sink as in the operator's file, in JSON, such as {"format":"ecs","stdout":{}}. A file of JSON lines where
    /// none is named.
    #[arg(long, value_name = "JSON")]
    pub sink: Option<String>,
    /// The program of a NATS server, which is started on loopback with a stream on disk; the sink is that stream.
    #[cfg(feature = "nats")]
    #[arg(long, value_name = "PROGRAM", conflicts_with = "sink")]
    pub nats_server: Option<PathBuf>,
    /// Where logs and files are made; by default where temporary files go.
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

impl Options {
    fn parent(&self) -> PathBuf {
        self.directory.clone().unwrap_or_else(std::env::temp_dir)
    }
}

/// How often it is looked whether all is delivered.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// What the sink is called.
const NAME: &str = "bench";
/// Where it writes, unless it is another one.
const FILE: &str = "entries.ndjson";
/// Entries of one batch of the sink, unless it says otherwise.
const SINK_BATCH: u64 = 2_000;

/// Measures and prints.
///
/// # Errors
/// When the log or the sink fails.
pub fn run(options: &Options) -> Result<()> {
    let circumstances = Circumstances::now();
    println!("{}\n{}\n$ {}", circumstances.machine_line(), circumstances.date, circumstances.command);
    let folder = TempDir::with_prefix_in("deedbook-bench-", options.parent())?;
    fill(&folder.path().join("log"), &Workload::new(options.events), options.events)?;
    let mut table = report::table(&["", "entries/s", "CPU µs/entry", "of the other side"]);
    for _ in 0..options.repeats {
        let other = OtherSide::of(options)?;
        let found = delivered(options, &other, folder.path())?;
        add_row(&mut table, options, "delivered", found, Some(other.cpu()?));
        let file = folder.path().join(FILE);
        if file.exists() {
            let found = copied(&file, options.events)?;
            add_row(&mut table, options, "its bytes copied, synced as often", found, None);
            std::fs::remove_file(file)?;
        }
    }
    println!("{table}");
    drop(folder);
    beside::run(options)
}

fn add_row(table: &mut comfy_table::Table, options: &Options, name: &str, found: Cost, other: Option<Duration>) {
    let each = |cpu: Duration| format!("{:.1}", cpu.as_secs_f64() * 1e6 / options.events as f64);
    let other = other.filter(|cpu| !cpu.is_zero()).map(each).unwrap_or_default();
    let speed = report::thousands(options.events as f64 / found.wall.as_secs_f64());
    table.add_row([name.to_owned(), speed, each(found.cpu), other]);
}

/// What entries are sent to, where the benchmark starts it.
struct OtherSide {
    #[cfg(feature = "nats")]
    nats: Option<nats::Server>,
}

impl OtherSide {
    fn of(options: &Options) -> Result<Self> {
        #[cfg(not(feature = "nats"))]
        let _ = options;
        Ok(Self {
            #[cfg(feature = "nats")]
            nats: options
                .nats_server
                .as_deref()
                .map(|program| nats::Server::start(program, &options.parent()))
                .transpose()?,
        })
    }

    /// The sink that sends there.
    fn sink(&self) -> Option<Value> {
        #[cfg(feature = "nats")]
        return self.nats.as_ref().map(nats::Server::sink);
        #[cfg(not(feature = "nats"))]
        None
    }

    /// CPU time that it has used.
    fn cpu(&self) -> Result<Duration> {
        #[cfg(feature = "nats")]
        return Ok(self.nats.as_ref().map(nats::Server::cpu).unwrap_or_default());
        #[cfg(not(feature = "nats"))]
        Ok(Duration::ZERO)
    }
}

/// The sink that is measured, which begins at `start`; its files are in `folder`.
fn settings(options: &Options, other: &OtherSide, folder: &Path, start: &str) -> Result<Settings> {
    let table = match (other.sink(), &options.sink) {
        (Some(sink), _) => sink,
        (None, Some(text)) => serde_json::from_str(text)?,
        (None, None) => json!({ "file": { "path": FILE } }),
    };
    let mut table: Map<String, Value> = serde_json::from_value(table)?;
    table.extend([("name".to_owned(), NAME.into()), ("start".to_owned(), start.into())]);
    table.entry("batch").or_insert(json!({ "entries": SINK_BATCH, "kib": 8 << 10 }));
    Ok(Settings::read(table.into(), folder)?)
}

fn couriers(store: &Arc<FileStore>, folder: &Path) -> Couriers {
    let told = |name: &str, incident| eprintln!("{name}: {incident:?}");
    Couriers::new(store.clone(), Arc::new(Folder::at(folder.join("sinks"))), told)
}

/// Delivers the log in `folder`, all of which is there.
fn delivered(options: &Options, other: &OtherSide, folder: &Path) -> Result<Cost> {
    let store = Arc::new(FileStore::open(folder.join("log"), StoreOptions::default())?);
    let couriers = couriers(&store, folder);
    let settings = settings(options, other, folder, "beginning")?;
    let meter = Meter::start(Duration::ZERO);
    couriers.start(settings)?;
    wait_for(&couriers, store.visible_count());
    let found = meter.stop(Duration::ZERO);
    couriers.remove(NAME)?;
    Ok(found)
}

/// Copies a file of so many entries, a batch at a time.
fn copied(path: &Path, entries: u64) -> Result<Cost> {
    let mut from = File::open(path)?;
    let bytes = from.metadata()?.len() * SINK_BATCH / entries;
    let meter = Meter::start(Duration::ZERO);
    let mut to = tempfile::tempfile_in(path.parent().unwrap_or(path))?;
    let mut batch = Vec::new();
    while Read::by_ref(&mut from).take(bytes).read_to_end(&mut batch)? > 0 {
        to.write_all(&batch)?;
        to.sync_data()?;
        batch.clear();
    }
    Ok(meter.stop(Duration::ZERO))
}

fn wait_for(couriers: &Couriers, position: u64) {
    while couriers.get(NAME).is_some_and(|outlet| outlet.handle.status().next < position) {
        thread::sleep(LOOK_INTERVAL);
    }
}
