//! `retire`: the oldest part of a log goes while others read and append.
//!
//! Readers and the one who appends pause between their turns, so that on a machine with few processors what is measured
//! is the log and not their number. Latencies are those of the calls, from outside.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use deedbook_core::query::{Condition, Expression, Pattern, TextField};
use deedbook_core::{Atomicity, Draft, PageRequest, Query, Scope, Store, StoreExt};
use deedbook_store::{FileStore, Options as StoreOptions};
use tempfile::TempDir;

use crate::Result;
use crate::figures::Percentiles;
use crate::load::Memory;
use crate::machine::{Circumstances, anonymous_bytes};
use crate::random::Random;
use crate::workload::Workload;
use crate::{report, row};

/// How much there is, and how much of it goes.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Events in the log.
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(10..))]
    pub events: u64,
    /// One of so many of them is retired, the oldest.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub part: u64,
    /// Seconds of reading and appending before that, to compare with.
    #[arg(long, default_value_t = 20)]
    pub quiet_s: u64,
    /// Where the log is made: a folder that does not exist. A temporary one where none is named.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

const BATCH_EVENTS: u64 = 10_000;
/// Events in one append while the log is watched.
const APPENDED: u64 = 10;
const APPEND_PAUSE: Duration = Duration::from_millis(10);
const READERS: u64 = 2;
const READ_PAUSE: Duration = Duration::from_millis(2);
const READ_ROWS: usize = 50;

/// Fills the log, retires and prints.
///
/// # Errors
/// When the log fails, or an answer is not the expected one.
pub fn run(options: &Options) -> Result<()> {
    let circumstances = Circumstances::now();
    println!("{}\n{}\n$ {}", circumstances.machine_line(), circumstances.date, circumstances.command);
    let temporary = TempDir::with_prefix("deedbook-bench-")?;
    let directory = options.data.clone().unwrap_or_else(|| temporary.path().join("log"));
    // Those that are appended meanwhile come after these.
    let workload = Workload::new(options.events + 10_000_000);
    fill(&directory, &workload, options.events)?;
    let store = FileStore::open(&directory, StoreOptions::default())?;
    let retired: Vec<u64> = (0..options.events / options.part).collect();
    let disk_before = bytes_of(&directory)?;
    let quiet = watched(&store, &workload, options.events, || {
        thread::sleep(Duration::from_secs(options.quiet_s));
        Ok(())
    })?;
    let memory_before = anonymous_bytes();
    let memory = Memory::watch();
    let busy = watched(&store, &workload, store.visible_count(), || Ok(store.retire(&retired)?))?;
    let memory_peak = memory.peak_bytes();
    let disk_after = bytes_of(&directory)?;
    let all = store.page(&Query::all(), &Scope::all_tenants(), &PageRequest::oldest(1))?;
    if all.entries.first().map(|first| first.receipt.position) != Some(retired.len() as u64) {
        return Err("the oldest entry is not the first that was kept".into());
    }
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!(
        "{} of {} entries retired in {:.2} s while {} were appended\nsegments {:.1} MiB before, {:.1} MiB after\n\
         memory  {:.0} MiB before, {:.0} MiB at most",
        report::thousands(retired.len() as f64),
        report::thousands(options.events as f64),
        busy.wall.as_secs_f64(),
        report::thousands(busy.appended as f64),
        mebibytes(disk_before),
        mebibytes(disk_after),
        mebibytes(memory_before),
        mebibytes(memory_peak),
    );
    let mut table = report::table(&["", "p50 ms", "p99 ms", "max ms", "calls"]);
    for (name, found) in [
        ("reads before", quiet.reads),
        ("reads meanwhile", busy.reads),
        ("appends before", quiet.appends),
        ("appends meanwhile", busy.appends),
    ] {
        let Some(Percentiles { samples, p50_ms, p99_ms, max_ms }) = found else { continue };
        table.add_row([
            name.to_owned(),
            format!("{p50_ms:.2}"),
            format!("{p99_ms:.2}"),
            format!("{max_ms:.2}"),
            samples.to_string(),
        ]);
    }
    println!("{table}");
    Ok(())
}

/// Makes a log of so many events.
pub(crate) fn fill(directory: &Path, workload: &Workload, events: u64) -> Result<()> {
    let store = FileStore::open(directory, StoreOptions::default())?;
    if store.visible_count() > 0 {
        return Err("there is a log already; name another folder".into());
    }
    let bar = report::bar(events);
    for first in (0..events).step_by(BATCH_EVENTS as usize) {
        append(&store, workload, first..(first + BATCH_EVENTS).min(events))?;
        bar.set_position(first);
    }
    Ok(store.close()?)
}

pub(crate) fn append(store: &FileStore, workload: &Workload, range: std::ops::Range<u64>) -> Result<Duration> {
    let drafts = range.map(|index| row::draft(workload.event(index)));
    let drafts = drafts.collect::<deedbook_core::Result<Vec<Draft>>>()?;
    let begun = Instant::now();
    for fate in store.append(drafts, Atomicity::PerEvent)? {
        fate?;
    }
    Ok(begun.elapsed())
}

/// What others noticed while something was done.
struct Watched {
    wall: Duration,
    reads: Option<Percentiles>,
    appends: Option<Percentiles>,
    appended: u64,
}

/// Does `work` while others read and append; `next` is the first event that is not in the log.
fn watched(store: &FileStore, workload: &Workload, next: u64, work: impl FnOnce() -> Result<()>) -> Result<Watched> {
    let done = AtomicBool::new(false);
    let is_on = || !done.load(Ordering::Relaxed);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|reader| {
                scope.spawn(move || {
                    let mut random = Random::new(reader, 0x7265_7469_7265);
                    let mut times = Vec::new();
                    while is_on() {
                        times.push(read(store, workload, next, &mut random)?);
                        thread::sleep(READ_PAUSE);
                    }
                    Ok::<_, Box<dyn std::error::Error + Send + Sync>>(times)
                })
            })
            .collect();
        let appender = scope.spawn(|| {
            let mut times = Vec::new();
            while is_on() {
                let first = next + times.len() as u64 * APPENDED;
                times.push(append(store, workload, first..first + APPENDED)?);
                thread::sleep(APPEND_PAUSE);
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(times)
        });
        let begun = Instant::now();
        let worked = work();
        let wall = begun.elapsed();
        done.store(true, Ordering::Relaxed);
        let mut reads = Vec::new();
        for reader in readers {
            reads.extend(reader.join().map_err(|_| "a reader panicked")??);
        }
        let appends = appender.join().map_err(|_| "the appender panicked")??;
        worked?;
        let appended = appends.len() as u64 * APPENDED;
        Ok(Watched { wall, reads: Percentiles::of(reads), appends: Percentiles::of(appends), appended })
    })
}

/// One question about a random event: it alone, or the newest of its actor in its tenant.
fn read(store: &FileStore, workload: &Workload, events: u64, random: &mut Random) -> Result<Duration> {
    let event = workload.event(random.below(events));
    let tenant = event.tenant.unwrap_or_else(|| "default".to_owned());
    let scope = Scope::tenant(&tenant);
    let actor = event.actor.id.unwrap_or_default();
    let by_id = random.below(2) == 0;
    let begun = Instant::now();
    if by_id {
        // It may be among those that are gone.
        drop(store.get(&tenant, &event.id.unwrap_or_default(), &scope)?);
    } else {
        let query = Query::from_expression(Expression::Is(Condition::Text(TextField::Actor, Pattern::Exact(actor))));
        drop(store.page(&query, &scope, &PageRequest::newest(READ_ROWS))?);
    }
    Ok(begun.elapsed())
}

/// Bytes of the segments: files of the write-ahead log are made larger than what is in them, and are few.
fn bytes_of(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("segment-") {
            // A file that is merged away meanwhile has no bytes any more.
            bytes += entry.metadata().map_or(0, |metadata| metadata.len());
        }
    }
    Ok(bytes)
}
