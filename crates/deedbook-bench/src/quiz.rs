//! Puts the same questions to all contestants, compares their answers and measures how long each took.

use std::time::{Duration, Instant};

use crate::Result;
use crate::figures::{Answered, Asked, Percentiles};
use crate::question::{Answer, Kind, Question};
use crate::race::Lane;
use crate::random::Random;
use crate::workload::Workload;

/// How much is asked.
#[derive(Clone, Copy, Debug)]
pub struct Quiz {
    /// Questions of each kind.
    pub questions: usize,
    /// A contestant that has taken this long for one kind is asked no more of it; the report says how many it answered.
    pub patience: Duration,
}

/// Asks questions of these kinds.
///
/// # Errors
/// When a contestant fails, or two that hold the same events answer differently.
pub fn run(lanes: &mut [Lane], workload: &Workload, quiz: Quiz, kinds: &[Kind]) -> Result<Vec<Asked>> {
    kinds.iter().map(|&kind| ask_kind(lanes, workload, quiz, kind)).collect()
}

fn ask_kind(lanes: &mut [Lane], workload: &Workload, quiz: Quiz, kind: Kind) -> Result<Asked> {
    let bar = crate::report::bar(quiz.questions as u64);
    bar.set_message(kind.name());
    let mut random = workload.questions();
    let mut took: Vec<Vec<Duration>> = vec![Vec::new(); lanes.len()];
    let mut rows = 0;
    for _ in 0..quiz.questions {
        rows += ask(lanes, workload, quiz, kind, &mut random, &mut took)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let answered = lanes
        .iter()
        .zip(took)
        .filter_map(|(lane, took)| Percentiles::of(took).map(|latency| Answered { contestant: lane.name, latency }));
    Ok(Asked { question: kind.name(), rows_mean: rows as f64 / quiz.questions as f64, results: answered.collect() })
}

/// One question to everyone who still has patience left; returns how many rows the first of them found.
fn ask(
    lanes: &mut [Lane],
    workload: &Workload,
    quiz: Quiz,
    kind: Kind,
    random: &mut Random,
    took: &mut [Vec<Duration>],
) -> Result<usize> {
    // What all of them hold is asked about, so that a contestant with fewer events finds something too.
    let loaded = lanes.iter().map(|lane| lane.events).min().unwrap_or(0);
    let question = Question::random(kind, workload, loaded, random);
    let mut given: Vec<(&'static str, u64, Answer)> = Vec::new();
    for (lane, took) in lanes.iter_mut().zip(took) {
        if took.iter().sum::<Duration>() >= quiz.patience {
            continue;
        }
        let start = Instant::now();
        let Some(answer) = lane.contestant.answer(&question)? else { continue };
        took.push(start.elapsed());
        given.push((lane.name, lane.events, answer));
    }
    let rows = given.first().map_or(0, |(_, _, answer)| answer.rows());
    agree(&question, given)?;
    Ok(rows)
}

fn agree(question: &Question, given: Vec<(&'static str, u64, Answer)>) -> Result<()> {
    let mut given = given.into_iter().map(|(name, events, answer)| (name, events, answer.settled()));
    let Some((first, first_events, expected)) = given.next() else { return Ok(()) };
    for (name, events, answer) in given {
        if events == first_events && answer != expected {
            return Err(format!(
                "{first} and {name} differ on {question:?}: {} against {} rows\n{expected:?}\n{answer:?}",
                expected.rows(),
                answer.rows()
            )
            .into());
        }
    }
    Ok(())
}
