//! `stages`: where the microseconds of one event go, by calling what Deedbook calls, stage by stage, on one thread.

use clap::Args;
use deedbook_core::commitment::{Key, Seed, event_root};
use deedbook_core::query::{texts, words};
use deedbook_core::tree::{Frontier, leaf_hash};
use deedbook_core::{Digest, Draft, Event, Timestamp};
use zstd::bulk::Compressor;

use crate::Result;
use crate::machine::Circumstances;
use crate::meter::thread_cpu;
use crate::workload::Workload;
use crate::{report, row};

/// Bytes that are compressed at once.
const BLOCK_BYTES: usize = 64 * 1024;

/// How much is measured.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Events.
    #[arg(long, default_value_t = 20_000)]
    pub events: u64,
    /// Times that each stage is measured; the fastest counts.
    #[arg(long, default_value_t = 5)]
    pub repeats: usize,
}

/// Measures and prints.
///
/// # Errors
/// When a stage refuses an event.
pub fn run(options: &Options) -> Result<()> {
    let circumstances = Circumstances::now();
    println!("{}\n{}\n$ {}", circumstances.machine_line(), circumstances.date, circumstances.command);
    let mut table = report::table(&["stage", "CPU µs/event"]);
    for (stage, us_per_event) in measure(options)? {
        table.add_row([stage.to_owned(), format!("{us_per_event:.2}")]);
    }
    println!("{table}");
    Ok(())
}

/// Name and microseconds of CPU time per event of each stage.
///
/// # Errors
/// As [`run`].
pub fn measure(options: &Options) -> Result<Vec<(&'static str, f64)>> {
    let workload = Workload::new(options.events);
    let events: Vec<Event> = (0..options.events).map(|index| workload.event(index)).collect();
    let drafts: Vec<Draft> = events.iter().cloned().map(row::draft).collect::<Result<_, _>>()?;
    let seeds: Vec<Seed> = drafts.iter().map(seed).collect();
    let roots = drafts.iter().zip(&seeds).map(|(draft, seed)| event_root(draft.canonical(), seed));
    let roots: Vec<Digest> = roots.collect::<Result<_, _>>()?;
    let mut bench = Bench { options, found: Vec::new() };
    bench.stage("make an event (the benchmark's own)", || made(&workload, options.events))?;
    bench.consuming("check and canonicalise", &events, checked)?;
    bench.stage("seed of the salts", || Ok(drafts.iter().map(seed).count()))?;
    bench.stage("commitments and event root", || rooted(&drafts, &seeds))?;
    bench.stage("leaf and tree", || Ok(grown(&roots)))?;
    bench.stage("words of the texts", || Ok(word_count(&drafts)))?;
    bench.stage("CRC32C of the canonical bytes", || Ok(checksummed(&drafts)))?;
    for (name, level) in [("zstd -1", -1), ("zstd 1", 1), ("zstd 3", 3)] {
        bench.stage(name, || compressed(&drafts, level))?;
    }
    bench.stage("read an event back from JSON", || parsed(&drafts))?;
    Ok(bench.found)
}

struct Bench<'a> {
    options: &'a Options,
    found: Vec<(&'static str, f64)>,
}

impl Bench<'_> {
    fn stage<T>(&mut self, name: &'static str, mut work: impl FnMut() -> Result<T>) -> Result<()> {
        self.consuming(name, &[], |_| work())
    }

    /// A stage that uses up its events; copies are made outside of the measurement.
    fn consuming<T>(
        &mut self,
        name: &'static str,
        events: &[Event],
        mut work: impl FnMut(Vec<Event>) -> Result<T>,
    ) -> Result<()> {
        let mut best = f64::INFINITY;
        for _ in 0..self.options.repeats.max(1) {
            let events = events.to_vec();
            let start = thread_cpu();
            let result = work(events)?;
            best = best.min((thread_cpu() - start).as_secs_f64());
            std::hint::black_box(result);
        }
        self.found.push((name, best * 1e6 / self.options.events as f64));
        Ok(())
    }
}

fn made(workload: &Workload, events: u64) -> Result<usize> {
    Ok((0..events).map(|index| std::hint::black_box(workload.event(index)).targets.len()).sum())
}

fn checked(events: Vec<Event>) -> Result<Vec<Draft>> {
    Ok(events.into_iter().map(row::draft).collect::<Result<_, _>>()?)
}

fn seed(draft: &Draft) -> Seed {
    std::hint::black_box(Key([7; 32]).seed(draft.tenant(), draft.id()))
}

fn rooted(drafts: &[Draft], seeds: &[Seed]) -> Result<Digest> {
    let mut last = Digest([0; 32]);
    for (draft, seed) in drafts.iter().zip(seeds) {
        last = std::hint::black_box(event_root(draft.canonical(), seed)?);
    }
    Ok(last)
}

fn grown(roots: &[Digest]) -> Digest {
    let mut frontier = Frontier::default();
    roots.iter().for_each(|root| frontier.push(leaf_hash(Timestamp::UNIX_EPOCH, root)));
    frontier.root()
}

fn word_count(drafts: &[Draft]) -> usize {
    let mut count = 0;
    for draft in drafts {
        texts(draft.event(), &mut |text| words(text, &mut |word| count += std::hint::black_box(word).len().min(1)));
    }
    count
}

fn checksummed(drafts: &[Draft]) -> u32 {
    drafts.iter().fold(0, |sum, draft| crc32c::crc32c_append(sum, draft.canonical()))
}

fn compressed(drafts: &[Draft], level: i32) -> Result<usize> {
    let mut compressor = Compressor::new(level)?;
    let (mut block, mut bytes) = (Vec::with_capacity(2 * BLOCK_BYTES), 0);
    for draft in drafts {
        block.extend_from_slice(draft.canonical());
        if block.len() >= BLOCK_BYTES {
            bytes += compressor.compress(&block)?.len();
            block.clear();
        }
    }
    Ok(bytes)
}

fn parsed(drafts: &[Draft]) -> Result<usize> {
    let mut targets = 0;
    for draft in drafts {
        targets += std::hint::black_box(Event::from_json(draft.canonical())?).targets.len();
    }
    Ok(targets)
}
