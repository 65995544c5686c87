//! What a run found, as `--json` writes it. Units are in the names.

use std::time::Duration;

use serde::Serialize;

use crate::contestant::{Append, Background};
use crate::machine::Circumstances;
use crate::meter::Cost;

/// Everything of one comparison.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// Where, when and how.
    pub circumstances: Circumstances,
    /// Events that each contestant was to be fed with.
    pub events: u64,
    /// Mean bytes of the canonical JSON of an event.
    pub canonical_bytes_per_event: f64,
    /// Threads that submitted to Deedbook.
    pub clients: usize,
    /// What a reader must know, such as who could not take part.
    pub notes: Vec<String>,
    /// One for each size of batches.
    pub series: Vec<Series>,
    /// One for each kind of question, put to the databases of the last series.
    pub questions: Vec<Asked>,
}

/// Loading with batches of one size.
#[derive(Debug, Serialize)]
pub struct Series {
    /// Events per batch.
    pub batch_events: usize,
    /// One for each contestant.
    pub results: Vec<Loaded>,
}

/// How one contestant did.
#[derive(Clone, Debug, Serialize)]
pub struct Loaded {
    /// Its name.
    pub contestant: &'static str,
    /// Events it was fed with.
    pub events: u64,
    /// Seconds of its turns.
    pub wall_s: f64,
    /// Seconds of CPU time of all processes and threads.
    pub cpu_s: f64,
    /// Events per second of its turns.
    pub events_per_s: f64,
    /// Microseconds of CPU time per event.
    pub cpu_us_per_event: f64,
    /// Bytes on disk per event, indexes included.
    pub bytes_per_event: f64,
    /// All appends.
    pub append: Option<Percentiles>,
    /// Appends during which neither sealing nor merging went on, where that is known.
    pub append_quiet: Option<Percentiles>,
    /// Appends during which it did.
    pub append_busy: Option<Percentiles>,
    /// Microseconds of CPU time per event, turn by turn: how steady the machine was.
    pub cpu_us_per_event_by_round: Vec<f64>,
}

impl Loaded {
    /// Sums up the turns of one contestant.
    pub fn new(contestant: &'static str, rounds: &[Round], appends: &[Append], disk_bytes: u64) -> Self {
        let events: u64 = rounds.iter().map(|round| round.events).sum();
        let mut cost = Cost::default();
        rounds.iter().for_each(|round| cost += round.cost);
        let of = |background| Percentiles::of(durations(appends, |append| append.background == background));
        Self {
            contestant,
            events,
            wall_s: cost.wall.as_secs_f64(),
            cpu_s: cost.cpu.as_secs_f64(),
            events_per_s: events as f64 / cost.wall.as_secs_f64(),
            cpu_us_per_event: per_event_us(cost.cpu, events),
            bytes_per_event: disk_bytes as f64 / events as f64,
            append: Percentiles::of(durations(appends, |_| true)),
            append_quiet: of(Background::Quiet),
            append_busy: of(Background::Busy),
            cpu_us_per_event_by_round: rounds.iter().map(|round| per_event_us(round.cost.cpu, round.events)).collect(),
        }
    }
}

/// One turn of a contestant.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// Events of this turn.
    pub events: u64,
    /// What it took.
    pub cost: Cost,
}

/// The answers to questions of one kind.
#[derive(Debug, Serialize)]
pub struct Asked {
    /// The kind.
    pub question: &'static str,
    /// Mean number of entries or lines that were found.
    pub rows_mean: f64,
    /// One for each contestant that can be asked.
    pub results: Vec<Answered>,
}

/// How fast one contestant answered.
#[derive(Debug, Serialize)]
pub struct Answered {
    /// Its name.
    pub contestant: &'static str,
    /// How long its answers took.
    pub latency: Percentiles,
}

/// Of a number of durations.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Percentiles {
    /// How many there were.
    pub samples: usize,
    /// Half took at most this.
    pub p50_ms: f64,
    /// All but one in a hundred took at most this.
    pub p99_ms: f64,
    /// None took longer.
    pub max_ms: f64,
}

impl Percentiles {
    /// By the nearest rank; `None` where there is nothing to sum up.
    pub fn of(mut durations: Vec<Duration>) -> Option<Self> {
        durations.sort_unstable();
        let at = |percent: usize| Some(ms(*durations.get((durations.len() * percent).div_ceil(100).checked_sub(1)?)?));
        Some(Self { samples: durations.len(), p50_ms: at(50)?, p99_ms: at(99)?, max_ms: at(100)? })
    }
}

/// A figure that was found in each of several rounds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Spread {
    /// As many rounds found less as found more.
    pub median: f64,
    /// No round found less.
    pub least: f64,
    /// No round found more.
    pub most: f64,
}

impl Spread {
    /// Of these; zeros where there are none. Of an even number the upper one of the two in the middle is the median.
    pub fn of(mut found: Vec<f64>) -> Self {
        found.sort_by(f64::total_cmp);
        let at = |index: usize| found.get(index).copied().unwrap_or_default();
        Self { median: at(found.len() / 2), least: at(0), most: at(found.len().saturating_sub(1)) }
    }

    /// `12.5 (11.9 to 13.0)`, with so many decimals.
    pub fn text(self, decimals: usize) -> String {
        let Self { median, least, most } = self;
        format!("{median:.decimals$} ({least:.decimals$} to {most:.decimals$})")
    }
}

fn durations(appends: &[Append], wanted: impl Fn(&Append) -> bool) -> Vec<Duration> {
    appends.iter().filter(|append| wanted(append)).map(|append| append.took).collect()
}

fn per_event_us(cpu: Duration, events: u64) -> f64 {
    cpu.as_secs_f64() * 1e6 / events as f64
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
