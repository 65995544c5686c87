//! `deliver`: how fast entries go out to a sink, and what a sink that follows costs those who record.
//!
//! A courier works on one thread. What the log does meanwhile, such as merging, is counted as its CPU time too, and so is
//! the making of events where they are recorded; the events per second are of the appends alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use deedbook_core::Store;
use deedbook_deliver::{Couriers, Folder, Settings};
use deedbook_store::{FileStore, Options as StoreOptions};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::Result;
use crate::machine::Circumstances;
use crate::meter::process_cpu;
use crate::report;
use crate::retire::{append, fill};
use crate::workload::Workload;

/// How much is measured, and of which sink.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Entries that are delivered, and events that are recorded while a sink follows.
    #[arg(long, default_value_t = 500_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    pub events: u64,
    /// Times that each is done, with and without a sink in turns.
    #[arg(long, default_value_t = 3)]
    pub repeats: usize,
    /// The sink as in the operator's file, in JSON, such as {"format":"ecs","stdout":{}}. A file of JSON lines where
    /// none is named.
    #[arg(long, value_name = "JSON")]
    pub sink: Option<String>,
    /// Where logs and files are made; by default where temporary files go.
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

/// Events of one append.
const BATCH_EVENTS: u64 = 1_000;
/// How often it is looked whether all is delivered.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// Entries of one batch of the sink, unless it says otherwise.
const SINK_BATCH: u64 = 2_000;

/// Time and CPU time of one turn.
struct Found {
    wall: Duration,
    cpu: Duration,
}

/// Measures and prints.
///
/// # Errors
/// When the log or the sink fails.
pub fn run(options: &Options) -> Result<()> {
    let circumstances = Circumstances::now();
    println!("{}\n{}\n$ {}", circumstances.machine_line(), circumstances.date, circumstances.command);
    let parent = options.directory.clone().unwrap_or_else(std::env::temp_dir);
    let workload = Workload::new(options.events);
    let mut table = report::table(&["", "events/s", "CPU µs/event"]);
    for _ in 0..options.repeats {
        let folder = TempDir::with_prefix_in("deedbook-bench-", &parent)?;
        fill(&folder.path().join("log"), &workload, options.events)?;
        for (name, found) in [
            ("delivered", delivered(options, folder.path())?),
            ("recorded", recorded(options, &parent, &workload, false)?),
            ("recorded, with the sink beside", recorded(options, &parent, &workload, true)?),
        ] {
            let events = options.events as f64;
            table.add_row([
                name.to_owned(),
                report::thousands(events / found.wall.as_secs_f64()),
                format!("{:.1}", found.cpu.as_secs_f64() * 1e6 / events),
            ]);
        }
    }
    println!("{table}");
    Ok(())
}

/// The sink that is measured; its files are in `folder`.
fn settings(options: &Options, folder: &Path) -> Result<Settings> {
    let text = options.sink.as_deref().unwrap_or(r#"{"file":{"path":"entries.ndjson"}}"#);
    let mut table: Map<String, Value> = serde_json::from_str(text)?;
    table.insert("name".to_owned(), "bench".into());
    table.entry("batch").or_insert(json!({ "entries": SINK_BATCH, "kib": 8 << 10 }));
    Ok(Settings::read(table.into(), folder)?)
}

fn couriers(store: &Arc<FileStore>, folder: &Path) -> Couriers {
    let told = |name: &str, incident| eprintln!("{name}: {incident:?}");
    Couriers::new(store.clone(), Arc::new(Folder::at(folder.join("sinks"))), told)
}

/// Delivers the log in `folder`, all of which is there.
fn delivered(options: &Options, folder: &Path) -> Result<Found> {
    let store = Arc::new(FileStore::open(folder.join("log"), StoreOptions::default())?);
    let couriers = couriers(&store, folder);
    let settings = settings(options, folder)?;
    let (begun, cpu) = (Instant::now(), process_cpu());
    couriers.start(settings)?;
    wait_for(&couriers, store.visible_count());
    let found = Found { wall: begun.elapsed(), cpu: process_cpu() - cpu };
    couriers.stop();
    Ok(found)
}

/// Records everything into a log of its own. What the sink has not delivered by then is not waited for.
fn recorded(options: &Options, parent: &Path, workload: &Workload, with_sink: bool) -> Result<Found> {
    let folder = TempDir::with_prefix_in("deedbook-bench-", parent)?;
    let store = Arc::new(FileStore::open(folder.path().join("log"), StoreOptions::default())?);
    let couriers = couriers(&store, folder.path());
    if with_sink {
        couriers.start(settings(options, folder.path())?)?;
    }
    let (mut wall, cpu) = (Duration::ZERO, process_cpu());
    for first in (0..options.events).step_by(BATCH_EVENTS as usize) {
        wall += append(&store, workload, first..(first + BATCH_EVENTS).min(options.events))?;
    }
    let found = Found { wall, cpu: process_cpu() - cpu };
    couriers.stop();
    Ok(found)
}

fn wait_for(couriers: &Couriers, position: u64) {
    while couriers.get("bench").is_some_and(|outlet| outlet.handle.status().next < position) {
        thread::sleep(LOOK_INTERVAL);
    }
}
