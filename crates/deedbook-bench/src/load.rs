//! `load` and `queries`: Deedbook alone in its process, so that its memory can be told from that of others.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde::Serialize;
use tempfile::TempDir;

use crate::Result;
use crate::contestant::{Contestant, Deedbook, Diet, Finish};
use crate::figures::{Asked, Loaded, Percentiles};
use crate::machine::{Circumstances, anonymous_bytes};
use crate::question::Kind;
use crate::quiz::Quiz;
use crate::race::{Course, Lane};
use crate::workload::Workload;
use crate::{quiz, race, report};

/// How Deedbook is loaded.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Events.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub events: u64,
    /// Events per batch.
    #[arg(long, default_value_t = 1_000, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub batch: usize,
    /// Threads that submit.
    #[arg(long, default_value_t = 2)]
    pub clients: usize,
    /// Events that fall due in a second, to learn how long appends take when the machine is not full; an append then
    /// takes from when its batch fell due. As fast as possible where none is named.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Merge small segments in the end, inside the measurement.
    #[arg(long)]
    pub compact: bool,
    /// An empty or absent directory, which is kept; a temporary one where none is named.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Questions of each kind; 0 asks none.
    #[arg(long, default_value_t = 200)]
    pub questions: usize,
    /// Where the full figures are written.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// What is asked.
#[derive(Args, Clone, Debug)]
pub struct QueriesOptions {
    /// A directory that `load` filled.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Questions of each kind.
    #[arg(long, default_value_t = 200)]
    pub questions: usize,
    /// Kinds of questions whose names hold this alone, such as `word`.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub only: String,
}

/// What `load` found.
#[derive(Debug, Serialize)]
pub struct Found {
    /// Where, when and how.
    pub circumstances: Circumstances,
    /// Speed, CPU time, bytes.
    pub loaded: Loaded,
    /// Anonymous memory in RAM before the log was opened, with one chunk of events in hand.
    pub memory_before_bytes: u64,
    /// The most that there was while events were entered and questions asked.
    pub memory_peak_bytes: u64,
    /// Milliseconds until the closed log was open again.
    pub open_ms: f64,
    /// Answers.
    pub questions: Vec<Asked>,
}

/// Loads and prints.
///
/// # Errors
/// When the log fails.
pub fn run(options: &Options) -> Result<()> {
    let found = load(options)?;
    print!("{}", text(&found));
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&found)?)?;
    }
    Ok(())
}

/// Loads a Deedbook, opens it again and asks it.
///
/// # Errors
/// When the log fails.
pub fn load(options: &Options) -> Result<Found> {
    let circumstances = Circumstances::now();
    let workload = Workload::new(options.events);
    let temporary = TempDir::with_prefix("deedbook-bench-")?;
    let directory = options.data.as_deref().unwrap_or(temporary.path());
    let course = Course { rounds: 1, batch_events: options.batch, clients: options.clients };
    let memory_before_bytes = memory_with_a_chunk(&workload, course)?;
    let memory = Memory::watch();
    let finish = if options.compact { Finish::CompactAndClose } else { Finish::Close };
    let deedbook = Deedbook::open(directory, options.clients, finish)?.at_rate(options.rate);
    let mut lanes = [Lane::new("deedbook", Box::new(deedbook), options.events)];
    race::run(&mut lanes, &workload, course)?;
    let loaded = lanes[0].loaded()?;
    drop(lanes);
    let (open, questions) = open_and_ask(directory, &workload, options.questions, &Kind::ALL)?;
    Ok(Found {
        circumstances,
        loaded,
        memory_before_bytes,
        memory_peak_bytes: memory.peak_bytes(),
        open_ms: open.as_secs_f64() * 1e3,
        questions,
    })
}

/// Asks and prints.
///
/// # Errors
/// When the log cannot be opened or fails.
pub fn run_queries(options: &QueriesOptions) -> Result<()> {
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| kind.name().contains(&options.only)).collect();
    let events = Deedbook::open(&options.data, 1, Finish::Close)?.visible_count()?;
    let (open, asked) = open_and_ask(&options.data, &Workload::new(events), options.questions, &kinds)?;
    println!("{}", Circumstances::now().machine_line());
    println!("{} events, opened in {:.1} ms", report::thousands(events as f64), open.as_secs_f64() * 1e3);
    println!("{}", report::questions(&asked));
    Ok(())
}

fn open_and_ask(
    directory: &Path,
    workload: &Workload,
    questions: usize,
    kinds: &[Kind],
) -> Result<(Duration, Vec<Asked>)> {
    let mut deedbook = Deedbook::open(directory, 1, Finish::Close)?;
    let open = deedbook.reopen()?;
    if questions == 0 {
        return Ok((open, Vec::new()));
    }
    let mut lanes = [Lane::new("deedbook", Box::new(deedbook) as Box<dyn Contestant>, workload.events())];
    let quiz = Quiz { questions, patience: Duration::from_secs(60) };
    Ok((open, quiz::run(&mut lanes, workload, quiz, kinds)?))
}

/// What this process uses by itself: the events of a chunk are its own, not the log's.
fn memory_with_a_chunk(workload: &Workload, course: Course) -> Result<u64> {
    let chunk =
        race::make(workload, Diet::Events, course.batch_events, 0..course.chunk_events().min(workload.events()))?;
    let bytes = anonymous_bytes();
    drop(chunk);
    Ok(bytes)
}

/// A thread that looks at the memory of this process fifty times a second.
pub(crate) struct Memory {
    peak_bytes: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
}

impl Memory {
    const PAUSE: Duration = Duration::from_millis(20);

    pub(crate) fn watch() -> Self {
        let (peak_bytes, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (peak, stop) = (Arc::clone(&peak_bytes), Arc::clone(&done));
        let watcher = thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                peak.fetch_max(anonymous_bytes(), Ordering::Relaxed);
                thread::sleep(Self::PAUSE);
            }
        });
        Self { peak_bytes, done, watcher: Some(watcher) }
    }

    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(watcher) = self.watcher.take() {
            drop(watcher.join());
        }
    }
}

fn text(found: &Found) -> String {
    let loaded = &found.loaded;
    let mut lines = vec![
        found.circumstances.machine_line(),
        found.circumstances.date.clone(),
        format!("$ {}", found.circumstances.command),
        format!("events            {}", report::thousands(loaded.events as f64)),
        format!("events/s          {}", report::thousands(loaded.events_per_s)),
        format!("CPU µs/event      {:.2}", loaded.cpu_us_per_event),
        format!("bytes/event       {:.1}", loaded.bytes_per_event),
        append_line("append            ", loaded.append),
        append_line("  while quiet     ", loaded.append_quiet),
        append_line("  while sealing   ", loaded.append_busy),
        format!(
            "anonymous memory  {:.0} MiB at most, {:.0} MiB of it by the benchmark's own chunk of events",
            mebibytes(found.memory_peak_bytes),
            mebibytes(found.memory_before_bytes)
        ),
        format!("opened again in   {:.1} ms", found.open_ms),
    ];
    if !found.questions.is_empty() {
        lines.push(report::questions(&found.questions).to_string());
    }
    lines.join("\n") + "\n"
}

fn append_line(label: &str, found: Option<Percentiles>) -> String {
    format!("{label}{}", found.map_or_else(|| "not known".to_owned(), report::percentiles))
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
