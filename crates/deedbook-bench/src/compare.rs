//! `compare`: everyone on the same data, side by side.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use deedbook_testkit::postgres;
use tempfile::TempDir;

use crate::Result;
use crate::contestant::{Contestant, Deedbook, Finish, Limit, Postgres, Sqlite};
use crate::figures::{Comparison, Series};
use crate::machine::Circumstances;
use crate::question::Kind;
use crate::quiz::Quiz;
use crate::race::{Course, Lane};
use crate::workload::Workload;
use crate::{quiz, race, report, row};

/// What is compared.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Events that each contestant is fed with.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub events: u64,
    /// Fewer events for SQLite, where all of them would take too long.
    #[arg(long, value_name = "N")]
    pub sqlite_events: Option<u64>,
    /// Sizes of batches; each makes a series of its own, and the last one's databases are asked the questions.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000], value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub batch: Vec<usize>,
    /// Who takes part.
    #[arg(long, value_delimiter = ',', default_values_t = Name::ALL)]
    pub only: Vec<Name>,
    /// Threads that submit to Deedbook.
    #[arg(long, default_value_t = 2)]
    pub clients: usize,
    /// Turns of each contestant.
    #[arg(long, default_value_t = 8)]
    pub rounds: u64,
    /// Merge Deedbook's small segments in the end, inside the measurement.
    #[arg(long)]
    pub compact: bool,
    /// A PostgreSQL server to use (`host=… user=…` or a URL) instead of starting one; it is measured without its CPU
    /// time, and tables named `deedbook_bench_…` in it are dropped.
    #[arg(long, value_name = "URL")]
    pub postgres: Option<String>,
    /// Where the temporary directories are made: on the disk that is to be measured.
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Questions of each kind.
    #[arg(long, default_value_t = 200)]
    pub questions: usize,
    /// Seconds after which a contestant is asked no more questions of one kind.
    #[arg(long, default_value_t = 20)]
    pub patience_s: u64,
    /// Where the full figures are written.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Who can take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "contestants have modules of their names")]
pub enum Name {
    Deedbook,
    Sqlite,
    Postgres,
    Limit,
}

impl Name {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Deedbook, Self::Sqlite, Self::Postgres, Self::Limit];

    /// As in the report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deedbook => "deedbook",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Limit => "limit",
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Compares and prints.
///
/// # Errors
/// When a contestant that takes part fails, or two of them answer a question differently.
pub fn run(options: &Options) -> Result<()> {
    let found = compare(options)?;
    print!("{}", report::comparison(&found));
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_vec_pretty(&found)?)?;
    }
    Ok(())
}

/// Compares. Who cannot take part is named on standard error and in the notes.
///
/// # Errors
/// As [`run`].
pub fn compare(options: &Options) -> Result<Comparison> {
    let mut found = Comparison {
        circumstances: Circumstances::now(),
        events: options.events,
        canonical_bytes_per_event: 0.0,
        clients: options.clients,
        notes: Vec::new(),
        series: Vec::new(),
        questions: Vec::new(),
    };
    let workload = Workload::new(options.events);
    found.canonical_bytes_per_event = canonical_bytes_mean(&workload)?;
    for (index, &batch_events) in options.batch.iter().enumerate() {
        let arena = Arena::new(options)?;
        let mut lanes = lanes(options, &arena, &mut found.notes)?;
        let course = Course { rounds: options.rounds.max(1), batch_events, clients: options.clients };
        race::run(&mut lanes, &workload, course)?;
        let results = lanes.iter_mut().map(Lane::loaded).collect::<Result<_>>()?;
        found.series.push(Series { batch_events, results });
        if index + 1 == options.batch.len() {
            let quiz = Quiz { questions: options.questions, patience: Duration::from_secs(options.patience_s) };
            found.questions = quiz::run(&mut lanes, &workload, quiz, &Kind::ALL)?;
        }
    }
    found.notes.dedup();
    Ok(found)
}

/// Mean over a thousand events from all parts of the workload.
fn canonical_bytes_mean(workload: &Workload) -> Result<f64> {
    let samples = workload.events().min(1_000);
    let mut bytes = 0;
    for sample in 0..samples {
        let event = workload.event(sample * workload.events() / samples);
        bytes += row::draft(event)?.canonical().len();
    }
    Ok(bytes as f64 / samples as f64)
}

/// The temporary directories of one series.
struct Arena {
    root: TempDir,
    parent: PathBuf,
}

impl Arena {
    fn new(options: &Options) -> Result<Self> {
        let parent = options.directory.clone().unwrap_or_else(std::env::temp_dir);
        let root = tempfile::Builder::new().prefix("deedbook-bench-").tempdir_in(&parent)?;
        Ok(Self { root, parent })
    }

    fn directory(&self, name: Name) -> Result<PathBuf> {
        let directory = self.root.path().join(name.as_str());
        fs::create_dir(&directory)?;
        Ok(directory)
    }
}

fn lanes(options: &Options, arena: &Arena, notes: &mut Vec<String>) -> Result<Vec<Lane>> {
    let mut lanes = Vec::new();
    for name in Name::ALL.into_iter().filter(|name| options.only.contains(name)) {
        let events = match name {
            Name::Sqlite => options.sqlite_events.unwrap_or(options.events).min(options.events),
            _ => options.events,
        };
        if let Some(contestant) = contestant(name, options, arena, notes)? {
            lanes.push(Lane::new(name.as_str(), contestant, events));
        }
    }
    Ok(lanes)
}

/// The one place that knows how each of them is set up.
fn contestant(
    name: Name,
    options: &Options,
    arena: &Arena,
    notes: &mut Vec<String>,
) -> Result<Option<Box<dyn Contestant>>> {
    let finish = if options.compact { Finish::CompactAndClose } else { Finish::Close };
    Ok(Some(match name {
        Name::Deedbook => Box::new(Deedbook::open(&arena.directory(name)?, options.clients, finish)?),
        Name::Sqlite => Box::new(Sqlite::open(&arena.directory(name)?)?),
        Name::Limit => Box::new(Limit::open(&arena.directory(name)?)?),
        Name::Postgres => match postgres_server(options, &arena.parent, notes) {
            Ok(server) => Box::new(Postgres::open(server)?),
            Err(reason) => {
                skip(&format!("SKIPPED postgres: {reason}"), notes);
                return Ok(None);
            }
        },
    }))
}

fn postgres_server(options: &Options, parent: &Path, notes: &mut Vec<String>) -> Result<postgres::Server> {
    match &options.postgres {
        Some(url) => {
            notes.push("The CPU time of the PostgreSQL server is not included: it was not started by this run.".into());
            Ok(postgres::Server::at(url))
        }
        None => postgres::Server::start(parent, &[]),
    }
}

fn skip(line: &str, notes: &mut Vec<String>) {
    eprintln!("{line}");
    notes.push(line.to_owned());
}
