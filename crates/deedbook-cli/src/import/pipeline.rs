//! Items → log: one thread reads, one checks and hands over, the store commits; several batches are under way at once.
//!
//! What is under way is bounded: [`BATCHES_READ_MAX`] batches wait to be checked and [`BATCHES_SENT_MAX`] for their
//! fsync, each of at most [`BATCH_BYTES_MAX`] (and one piece more).

use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread;

use deedbook_core::{AppendStatus, Appended, Atomicity, Draft, Store};

use super::{Item, Items, Place, Rejects};
use crate::book;
use crate::exit::{Exit, Failure, Outcome};
use crate::progress::{Progress, grouped};

const BATCH_EVENTS_MAX: usize = 1_000;
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
const BATCHES_READ_MAX: usize = 2;
const BATCHES_SENT_MAX: usize = 4;

/// What became of the items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Entered now.
    pub(crate) new: u64,
    /// Stood there already, equal.
    pub(crate) present: u64,
    /// Not entered.
    pub(crate) rejected: u64,
}

impl Totals {
    /// As [`Totals`] are displayed, but with bare numbers, for other programs.
    pub(crate) fn bare(&self) -> String {
        let Self { new, present, rejected } = self;
        format!("{new} new, {present} already there, {rejected} rejected")
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { new, present, rejected } = *self;
        write!(f, "{} new, {} already there, {} rejected", grouped(new), grouped(present), grouped(rejected))
    }
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.present += other.present;
        self.rejected += other.rejected;
    }
}

/// Brings all items into the log, those of `tenant` where one is named.
pub(crate) fn run(
    items: Items,
    store: &dyn Store,
    tenant: Option<&str>,
    rejects: &mut Rejects,
    progress: &Progress,
) -> Outcome<Totals> {
    let (sender, receiver) = mpsc::sync_channel(BATCHES_READ_MAX);
    let mut checking = Checking::new(store, tenant, rejects, progress);
    thread::scope(|scope| {
        let checker = scope.spawn(move || checking.run(&receiver));
        let read = read_all(items, &sender);
        drop(sender);
        let totals =
            checker.join().unwrap_or_else(|_| Err(Failure::new(Exit::Io, "the importer stopped in a panic")))?;
        read.map(|()| totals).map_err(|failure| {
            failure
                .advise(format!("Before that: {totals}. Those stay; an import can be repeated and adds only the rest."))
        })
    })
}

/// Batches the items for the checker until the input ends, or the checker has failed and gone.
fn read_all(items: Items, checker: &SyncSender<Vec<Item>>) -> Outcome<()> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let mut ended = Ok(());
    for item in items {
        match item {
            Ok(item) => {
                bytes += item.raw.len();
                batch.push(item);
            }
            Err(failure) => {
                ended = Err(failure);
                break;
            }
        }
        if batch.len() >= BATCH_EVENTS_MAX || bytes >= BATCH_BYTES_MAX {
            bytes = 0;
            if checker.send(std::mem::take(&mut batch)).is_err() {
                return ended;
            }
        }
    }
    // Without a checker its own error is the one to report.
    let _ = checker.send(batch);
    ended
}

/// Where a draft that is under way came from, in case that it is refused.
type Origin = (Place, Vec<u8>);

/// The fate of one batch, as the store's thread reports it.
type Fate = (Vec<Origin>, deedbook_core::Result<Vec<deedbook_core::Result<Appended>>>);

struct Checking<'a> {
    store: &'a dyn Store,
    tenant: Option<&'a str>,
    rejects: &'a mut Rejects,
    progress: &'a Progress,
    totals: Totals,
    under_way: usize,
    fates: (Sender<Fate>, Receiver<Fate>),
}

impl<'a> Checking<'a> {
    fn new(store: &'a dyn Store, tenant: Option<&'a str>, rejects: &'a mut Rejects, progress: &'a Progress) -> Self {
        Self { store, tenant, rejects, progress, totals: Totals::default(), under_way: 0, fates: mpsc::channel() }
    }

    fn run(&mut self, batches: &Receiver<Vec<Item>>) -> Outcome<Totals> {
        for batch in batches {
            let (drafts, origins) = self.check(batch)?;
            while self.under_way >= BATCHES_SENT_MAX {
                self.take_fate()?;
            }
            self.submit(drafts, origins);
        }
        while self.under_way > 0 {
            self.take_fate()?;
        }
        Ok(self.totals)
    }

    fn check(&mut self, batch: Vec<Item>) -> Outcome<(Vec<Draft>, Vec<Origin>)> {
        let (mut drafts, mut origins) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for Item { place, raw, event } in batch {
            let checked = event.and_then(|mut event| {
                if let Some(tenant) = self.tenant {
                    event.tenant = Some(tenant.to_owned());
                }
                book::prepare(event).map_err(|error| error.to_string())
            });
            match checked {
                Ok(draft) => {
                    drafts.push(draft);
                    origins.push((place, raw));
                }
                Err(reason) => self.reject(&place, &reason, &raw)?,
            }
        }
        Ok((drafts, origins))
    }

    fn submit(&mut self, drafts: Vec<Draft>, origins: Vec<Origin>) {
        if drafts.is_empty() {
            return;
        }
        self.under_way += 1;
        let fates = self.fates.0.clone();
        // Nobody listens any more where the import has failed already.
        let reply = Box::new(move |fate| drop(fates.send((origins, fate))));
        self.store.submit(drafts, Atomicity::PerEvent, reply);
    }

    fn take_fate(&mut self) -> Outcome<()> {
        // The sender in `self.fates` keeps the channel open; the store replies exactly once to each batch.
        let Ok((origins, fate)) = self.fates.1.recv() else {
            return Err(Failure::new(Exit::Io, "the store did not answer"));
        };
        self.under_way -= 1;
        for ((place, raw), fate) in origins.into_iter().zip(fate.map_err(|error| self.interrupted(error))?) {
            match fate {
                Ok(Appended { status: AppendStatus::Created, .. }) => self.totals.new += 1,
                Ok(Appended { status: AppendStatus::Replayed, .. }) => self.totals.present += 1,
                Err(error) => self.reject(&place, &error.to_string(), &raw)?,
            }
        }
        self.progress.note(self.totals);
        Ok(())
    }

    fn interrupted(&self, error: deedbook_core::Error) -> Failure {
        Failure::from(error).advise(format!(
            "Before that: {}. Those stay; mend the cause and repeat the import, which adds only the rest.",
            self.totals
        ))
    }

    fn reject(&mut self, place: &Place, reason: &str, raw: &[u8]) -> Outcome<()> {
        self.totals.rejected += 1;
        self.rejects.add(place, reason, raw)
    }
}
