//! What a sink that follows costs those who record: pairs of short turns on one log, one with a sink and one without,
//! the order of the two changing from pair to pair, so that what else the machine does falls on both.
//!
//! The writer's side is the thread that appends, while it does, and the log's writer. What sealing and merging take
//! falls on single turns and is told besides.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use deedbook_core::{Atomicity, Draft, Store, StoreExt};
use deedbook_store::{FileStore, Options as StoreOptions};
use tempfile::TempDir;

use super::{NAME, Options, OtherSide, couriers, settings, wait_for};
use crate::figures::{Percentiles, Spread};
use crate::meter::{process_cpu, thread_cpu, threads_cpu};
use crate::workload::Workload;
use crate::{Result, report, row};

/// Events of one append, and appends of one turn, as fast as it goes.
const FAST: (u64, u64) = (1_000, 20);
/// How often a second it is appended at a given rate.
const APPENDS_PER_S: u64 = 200;
/// Seconds of a turn at a given rate.
const PACED_S: u64 = 2;

/// How it is recorded in a turn.
#[derive(Clone, Copy)]
struct Pace {
    /// Events of one append.
    events: u64,
    /// Appends of one turn.
    appends: u64,
    /// From one append to the next; none where the next begins when the last has ended.
    every: Option<Duration>,
}

impl Pace {
    fn fast() -> Self {
        Self { events: FAST.0, appends: FAST.1, every: None }
    }

    fn of(rate: u64) -> Self {
        let events = (rate / APPENDS_PER_S).max(1);
        let every = Duration::from_secs_f64(events as f64 / rate as f64);
        Self { events, appends: PACED_S * rate / events, every: Some(every) }
    }

    fn turn_events(self) -> u64 {
        self.events * self.appends
    }
}

/// What a turn took.
struct Turn {
    events: u64,
    wall: Duration,
    latency: Percentiles,
    writer: Duration,
    background: Duration,
    process: Duration,
    delivered: u64,
}

impl Turn {
    fn each_us(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() * 1e6 / self.events as f64
    }
}

/// A figure of turns.
type Figure = (&'static str, usize, fn(&Turn) -> f64);

/// Each with the decimals that it is told with.
const FIGURES: [Figure; 6] = [
    ("appended events/s", 0, |turn| turn.events as f64 / turn.wall.as_secs_f64()),
    ("append p50 ms", 2, |turn| turn.latency.p50_ms),
    ("append p99 ms", 2, |turn| turn.latency.p99_ms),
    ("CPU µs/event of the writer's side", 2, |turn| turn.each_us(turn.writer)),
    ("  of sealing and merging", 2, |turn| turn.each_us(turn.background)),
    ("  of the whole process", 2, |turn| turn.each_us(turn.process)),
];

/// Measures and prints.
///
/// # Errors
/// When the log or the sink fails.
pub(super) fn run(options: &Options) -> Result<()> {
    for (name, pace) in [
        ("As fast as it goes".to_owned(), Pace::fast()),
        (format!("{} events a second", report::thousands(options.rate as f64)), Pace::of(options.rate)),
    ] {
        let pairs = pairs(options, pace)?;
        if pairs.is_empty() {
            return Ok(());
        }
        println!("\n{name}, {} events an append, {} pairs of turns\n{}", pace.events, pairs.len(), table(&pairs));
        let (delivered, events) = pairs
            .iter()
            .fold((0, 0), |(delivered, events), [_, with]| (delivered + with.delivered, events + with.events));
        println!(
            "of what was recorded with the sink {:.0} % was delivered meanwhile",
            delivered as f64 * 100.0 / events as f64
        );
    }
    Ok(())
}

/// The turns without and with a sink.
fn pairs(options: &Options, pace: Pace) -> Result<Vec<[Turn; 2]>> {
    let other = OtherSide::of(options)?;
    let folder = TempDir::with_prefix_in("deedbook-bench-", options.parent())?;
    let store = Arc::new(FileStore::open(folder.path().join("log"), StoreOptions::default())?);
    let couriers = couriers(&store, folder.path());
    // What comes first finds nothing warm, and is not counted.
    let turns = 2 * (options.turns as u64 + 1);
    let workload = Workload::new(turns * pace.turn_events());
    let mut number = 0;
    let mut turn = |with_sink: bool| -> Result<Turn> {
        let drafts = drafts(&workload, pace, number)?;
        number += 1;
        if with_sink {
            couriers.start(settings(options, &other, folder.path(), "now")?)?;
        }
        let delivered = || couriers.get(NAME).map_or(0, |outlet| outlet.handle.status().delivered);
        let turn = recorded(&store, pace, drafts, delivered)?;
        if with_sink {
            wait_for(&couriers, store.visible_count());
            couriers.remove(NAME)?;
        }
        Ok(turn)
    };
    let mut pairs = Vec::new();
    for pair in 0..=options.turns {
        let first_with = pair % 2 == 1;
        let (first, second) = (turn(first_with)?, turn(!first_with)?);
        pairs.push(if first_with { [second, first] } else { [first, second] });
    }
    Ok(pairs.split_off(1))
}

/// The appends of a turn, made before it.
fn drafts(workload: &Workload, pace: Pace, number: u64) -> deedbook_core::Result<Vec<Vec<Draft>>> {
    let first = number * pace.turn_events();
    let append = |append: u64| {
        let begin = first + append * pace.events;
        (begin..begin + pace.events).map(|index| row::draft(workload.event(index))).collect()
    };
    (0..pace.appends).map(append).collect()
}

fn recorded(store: &FileStore, pace: Pace, appends: Vec<Vec<Draft>>, delivered: impl Fn() -> u64) -> Result<Turn> {
    let mut latencies = Vec::with_capacity(appends.len());
    let before = Used::now();
    let begun = Instant::now();
    let mut due = begun;
    for drafts in appends {
        // One that comes late is late for whoever waits for it.
        let asked = if pace.every.is_some() { due } else { Instant::now() };
        thread::sleep(asked.saturating_duration_since(Instant::now()));
        due += pace.every.unwrap_or_default();
        for fate in store.append(drafts, Atomicity::PerEvent)? {
            fate?;
        }
        latencies.push(asked.elapsed());
    }
    let (wall, after, delivered) = (begun.elapsed(), Used::now(), delivered());
    Ok(Turn {
        events: pace.turn_events(),
        wall,
        latency: Percentiles::of(latencies).ok_or("nothing was appended")?,
        writer: after.writer - before.writer,
        background: after.background - before.background,
        process: after.process - before.process,
        delivered,
    })
}

/// CPU time so far.
struct Used {
    writer: Duration,
    background: Duration,
    process: Duration,
}

impl Used {
    fn now() -> Self {
        let writer = thread_cpu() + threads_cpu("self", |name| name == "deedbook-writer");
        let background = threads_cpu("self", |name| matches!(name, "deedbook-sealer" | "deedbook-merger"));
        Self { writer, background, process: process_cpu() }
    }
}

fn table(pairs: &[[Turn; 2]]) -> comfy_table::Table {
    let mut table = report::table(&["", "without", "with the sink", "with / without", "the middle half"]);
    for (name, decimals, figure) in FIGURES {
        let median = |which: usize| Spread::of(pairs.iter().map(|pair| figure(&pair[which])).collect()).median;
        let mut ratios: Vec<f64> = pairs.iter().map(|[without, with]| figure(with) / figure(without)).collect();
        ratios.sort_by(f64::total_cmp);
        let at = |quarters: usize| format!("{:.3}", ratios[(ratios.len() * quarters / 4).min(ratios.len() - 1)]);
        table.add_row([
            name.to_owned(),
            format!("{:.decimals$}", median(0)),
            format!("{:.decimals$}", median(1)),
            at(2),
            format!("{} to {}", at(1), at(3)),
        ]);
    }
    table
}
