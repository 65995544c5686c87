//! Feeds the contestants in turns and measures each turn.
//!
//! Turns alternate, so that whatever else the machine does hits all alike. Within a turn events are made in chunks on
//! this thread, which [`Meter`] takes off, and handed over. A turn ends when the contestant has come to rest: all that
//! its background threads do falls within its own turns, and none of it runs beside another contestant.

use std::ops::Range;

use indicatif::ProgressBar;

use crate::Result;
use crate::contestant::{Append, Batch, Contestant, Diet};
use crate::figures::{Loaded, Round};
use crate::meter::Meter;
use crate::row::{self, Row};
use crate::workload::Workload;

/// Events that are made ahead at least: enough for several batches per client, few enough to be held in memory.
const CHUNK_EVENTS: usize = 20_000;

/// A contestant with what it has done so far.
pub struct Lane {
    /// Name in the report.
    pub name: &'static str,
    /// Who runs in it.
    pub contestant: Box<dyn Contestant>,
    /// Events it is to be fed with, of those of the workload the first.
    pub events: u64,
    rounds: Vec<Round>,
    appends: Vec<Append>,
}

/// How the events are cut into pieces.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// Turns of each contestant.
    pub rounds: u64,
    /// Events per batch.
    pub batch_events: usize,
    /// Threads that a contestant may submit from.
    pub clients: usize,
}

impl Course {
    /// Events that are made ahead at once.
    pub fn chunk_events(self) -> u64 {
        let batches = CHUNK_EVENTS.div_ceil(self.batch_events).max(2 * self.clients);
        (batches * self.batch_events) as u64
    }

    fn range(self, round: u64, events: u64) -> Range<u64> {
        let batch = self.batch_events as u64;
        let start =
            |round: u64| if round == self.rounds { events } else { events * round / self.rounds / batch * batch };
        start(round)..start(round + 1)
    }
}

impl Lane {
    /// A contestant that has done nothing yet.
    pub fn new(name: &'static str, contestant: Box<dyn Contestant>, events: u64) -> Self {
        Self { name, contestant, events, rounds: Vec::new(), appends: Vec::new() }
    }

    /// Feeds the events of `range`; measured.
    ///
    /// # Errors
    /// When the contestant fails or an event is refused.
    fn turn(&mut self, workload: &Workload, course: Course, range: Range<u64>, bar: &ProgressBar) -> Result<()> {
        let events = range.end - range.start;
        let mut meter = Meter::start(self.contestant.cpu_elsewhere()?);
        let mut batches = Vec::new();
        for start in range.clone().step_by(course.chunk_events() as usize) {
            let chunk = start..range.end.min(start + course.chunk_events());
            let made = chunk.end - chunk.start;
            let used_up = std::mem::take(&mut batches);
            batches = self.aside(&mut meter, move |diet| {
                drop(used_up);
                make(workload, diet, course.batch_events, chunk)
            })?;
            self.appends.extend(self.contestant.load(&mut batches)?);
            bar.inc(made);
        }
        self.aside(&mut meter, move |_| {
            drop(batches);
            Ok(())
        })?;
        self.contestant.settle()?;
        let cost = meter.stop(self.contestant.cpu_elsewhere()?);
        self.rounds.push(Round { events, cost });
        Ok(())
    }

    fn aside<T>(&self, meter: &mut Meter, make: impl FnOnce(Diet) -> Result<T>) -> Result<T> {
        let diet = self.contestant.diet();
        meter.aside(|| self.contestant.cpu_elsewhere(), || make(diet))
    }

    /// Brings the contestant into its final state; measured, and counted to its last turn.
    fn finish(&mut self) -> Result<()> {
        let meter = Meter::start(self.contestant.cpu_elsewhere()?);
        self.contestant.finish()?;
        let cost = meter.stop(self.contestant.cpu_elsewhere()?);
        if let Some(last) = self.rounds.last_mut() {
            last.cost += cost;
        }
        Ok(())
    }

    /// The figures of all turns.
    ///
    /// # Errors
    /// When the bytes on disk cannot be found out.
    pub fn loaded(&mut self) -> Result<Loaded> {
        let disk_bytes = self.contestant.disk_bytes()?;
        Ok(Loaded::new(self.name, &self.rounds, &self.appends, disk_bytes))
    }
}

/// Feeds all contestants.
///
/// # Errors
/// The first failure of one of them.
pub fn run(lanes: &mut [Lane], workload: &Workload, course: Course) -> Result<()> {
    let bar = crate::report::bar(lanes.iter().map(|lane| lane.events).sum());
    for round in 0..course.rounds {
        for lane in &mut *lanes {
            let mut range = course.range(round, workload.events());
            range.end = range.end.min(lane.events);
            if range.start < range.end {
                bar.set_message(lane.name);
                lane.turn(workload, course, range, &bar)?;
            }
        }
    }
    bar.finish_and_clear();
    lanes.iter_mut().try_for_each(Lane::finish)
}

/// The events of `range` in batches of what this diet asks for.
///
/// # Errors
/// When an event is refused, which is a fault of the workload.
pub fn make(workload: &Workload, diet: Diet, batch_events: usize, range: Range<u64>) -> Result<Vec<Batch>> {
    let starts = range.clone().step_by(batch_events);
    starts.map(|start| batch(workload, diet, start..range.end.min(start + batch_events as u64))).collect()
}

fn batch(workload: &Workload, diet: Diet, mut range: Range<u64>) -> Result<Batch> {
    match diet {
        Diet::Events => Ok(Batch::Events(range.map(|index| workload.event(index)).collect())),
        Diet::Rows => {
            let row = |index| Row::new(index, row::draft(workload.event(index))?);
            Ok(Batch::Rows(range.by_ref().map(row).collect::<Result<_>>()?))
        }
    }
}
