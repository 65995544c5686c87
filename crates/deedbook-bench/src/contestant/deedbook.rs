//! Deedbook through the library, as an application uses it: typed events go in, everything else is counted.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use deedbook_core::query::{Bounds, Condition, Expression, LastWord, Pattern, TextField, WordsTest};
use deedbook_core::{Atomicity, Event, Group, GroupBy, PageRequest, Query, Scope, Store, StoreExt, Timestamp};
use deedbook_store::{FileStore, Options};

use super::{Append, Background, Batch, Contestant, Diet, bytes_under};
use crate::Result;
use crate::meter::process_cpu;
use crate::question::{About, Answer, Day, PAGE, Question};

/// What is done once all is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The log is closed in good order: its tail is sealed.
    Close,
    /// Small segments are merged before that, as after an import.
    CompactAndClose,
}

/// A Deedbook in a directory.
pub struct Deedbook {
    directory: PathBuf,
    /// Always there but while it is closed and opened anew.
    store: Option<FileStore>,
    clients: usize,
    /// Events that fall due in a second; `None` when each client submits as fast as it can.
    rate: Option<u32>,
    finish: Finish,
}

/// A batch that no client has taken yet, and when it is to be submitted.
type Waiting = (Option<Instant>, Vec<Event>);

impl Deedbook {
    /// The Deedbook in `directory`, new or not; `clients` threads submit to it.
    ///
    /// # Errors
    /// As [`FileStore::open`].
    pub fn open(directory: &Path, clients: usize, finish: Finish) -> Result<Self> {
        let store = Some(FileStore::open(directory, Options::default())?);
        Ok(Self { directory: directory.to_owned(), store, clients: clients.max(1), rate: None, finish })
    }

    /// Batches fall due at so many events per second, whether those before are done or not; an append takes from then
    /// on.
    pub fn at_rate(self, events_per_s: Option<u32>) -> Self {
        Self { rate: events_per_s, ..self }
    }

    /// Batches with the times at which they fall due, from now on.
    fn waiting(&self, batches: &mut [Batch]) -> VecDeque<Waiting> {
        let start = Instant::now();
        let mut events_before = 0;
        let waiting = |batch| {
            let events = take_events(batch);
            let due = self.rate.map(|rate| start + Duration::from_secs_f64(events_before as f64 / f64::from(rate)));
            events_before += events.len();
            (due, events)
        };
        batches.iter_mut().map(waiting).collect()
    }

    /// Closes it, opens it again and says how long the opening took.
    ///
    /// # Errors
    /// As [`FileStore::close`] and [`FileStore::open`].
    pub fn reopen(&mut self) -> Result<Duration> {
        if let Some(store) = self.store.take() {
            store.close()?;
        }
        let start = Instant::now();
        self.store = Some(FileStore::open(&self.directory, Options::default())?);
        Ok(start.elapsed())
    }

    /// How many entries there are.
    ///
    /// # Errors
    /// When it is closed.
    pub fn visible_count(&self) -> Result<u64> {
        Ok(self.store()?.visible_count())
    }

    fn store(&self) -> Result<&FileStore> {
        self.store.as_ref().ok_or_else(|| "the log is closed".into())
    }

    fn entries(&self, tenant: &str, query: Query) -> Result<Answer> {
        let page = self.store()?.page(&query, &Scope::tenant(tenant), &PageRequest::newest(PAGE))?;
        Ok(Answer::Entries(page.entries.into_iter().map(|entry| entry.receipt.id).collect()))
    }

    fn by_id(&self, tenant: &str, id: &str) -> Result<Answer> {
        let entry = self.store()?.get(tenant, id, &Scope::tenant(tenant))?;
        Ok(Answer::Entries(entry.into_iter().map(|entry| entry.receipt.id).collect()))
    }

    fn counts(&self, tenant: &str) -> Result<Answer> {
        let groups = [GroupBy::Action, GroupBy::Day];
        let counts = self.store()?.count(&Query::all(), &Scope::tenant(tenant), &groups)?;
        Ok(Answer::Counts(counts.into_iter().map(count).collect::<Result<_>>()?))
    }
}

impl Contestant for Deedbook {
    fn diet(&self) -> Diet {
        Diet::Events
    }

    /// The clients take batches from one queue until it is empty; checking and canonicalising happen on their threads.
    fn load(&mut self, batches: &mut [Batch]) -> Result<Vec<Append>> {
        let store = self.store()?;
        let queue = Mutex::new(self.waiting(batches));
        thread::scope(|scope| {
            let clients: Vec<_> = (0..self.clients).map(|_| scope.spawn(|| client(store, &queue))).collect();
            let mut appends = Vec::new();
            for client in clients {
                appends.extend(client.join().map_err(|_| "a client panicked")??);
            }
            Ok(appends)
        })
    }

    fn settle(&mut self) -> Result<()> {
        wait_until_idle(self.store()?);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        if self.finish == Finish::CompactAndClose {
            self.store()?.compact()?;
        }
        self.reopen().map(drop)
    }

    fn disk_bytes(&mut self) -> Result<u64> {
        bytes_under(&self.directory)
    }

    fn answer(&mut self, question: &Question) -> Result<Option<Answer>> {
        let tenant = question.tenant.as_str();
        match &question.about {
            About::TenantFeed => self.entries(tenant, Query::all()),
            About::ById { id } => self.by_id(tenant, id),
            About::CountPerActionAndDay => self.counts(tenant),
            about => self.entries(tenant, query(about)?),
        }
        .map(Some)
    }
}

fn take_events(batch: &mut Batch) -> Vec<Event> {
    match batch {
        Batch::Events(events) => std::mem::take(events),
        Batch::Rows(_) => Vec::new(),
    }
}

fn client(store: &FileStore, queue: &Mutex<VecDeque<Waiting>>) -> Result<Vec<Append>> {
    let mut appends = Vec::new();
    while let Some(waiting) = next(queue)? {
        appends.push(append(store, waiting)?);
    }
    Ok(appends)
}

/// A function of its own, so that the lock is let go before the batch is worked on.
fn next(queue: &Mutex<VecDeque<Waiting>>) -> Result<Option<Waiting>> {
    Ok(queue.lock().map_err(|_| "another client panicked")?.pop_front())
}

/// Checks one batch and makes it durable; the time is that of the append alone, or from when the batch fell due.
fn append(store: &FileStore, (due, events): Waiting) -> Result<Append> {
    if let Some(due) = due {
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    let drafts = events.into_iter().map(deedbook_store::prepare).collect::<Result<Vec<_>, _>>()?;
    let before = background(store);
    let start = due.unwrap_or_else(Instant::now);
    for fate in store.append(drafts, Atomicity::PerEvent)? {
        fate?;
    }
    let took = start.elapsed();
    Ok(Append { took, background: either(before, background(store)) })
}

/// Whether the store seals or merges at this moment.
fn background(store: &FileStore) -> Background {
    let stats = store.stats();
    if stats.seals_running + stats.merges_running == 0 { Background::Quiet } else { Background::Busy }
}

/// What went on during an append, from what went on at its beginning and at its end.
fn either(before: Background, after: Background) -> Background {
    if before == Background::Busy { before } else { after }
}

/// Waits until the threads of the store are at rest: it neither seals nor merges, and this process, which does nothing
/// else, uses no CPU time worth mentioning. The waiting itself is part of the measured time.
fn wait_until_idle(store: &FileStore) {
    const PAUSE: Duration = Duration::from_millis(10);
    const IDLE: Duration = Duration::from_millis(1);
    let mut quiet_pauses = 0;
    while quiet_pauses < 2 {
        let before = process_cpu();
        thread::sleep(PAUSE);
        let quiet = background(store) == Background::Quiet && process_cpu() - before < IDLE;
        quiet_pauses = if quiet { quiet_pauses + 1 } else { 0 };
    }
}

fn query(about: &About) -> Result<Query> {
    let conditions = match about {
        About::TargetNewest { kind, id } => vec![text(TextField::Target, format!("{kind}:{id}"))],
        About::ActorDay { kind, id, from_us, until_us } => {
            vec![text(TextField::Actor, format!("{kind}:{id}")), occurred(*from_us, *until_us)?]
        }
        About::ActionRange { action, from_us, until_us } => {
            vec![text(TextField::Action, action.clone()), occurred(*from_us, *until_us)?]
        }
        About::Word { word } => {
            vec![Condition::Words(WordsTest { words: vec![word.clone()], last: LastWord::Whole })]
        }
        About::TenantFeed | About::ById { .. } | About::CountPerActionAndDay => Vec::new(),
    };
    Ok(Query::from_expression(Expression::And(conditions.into_iter().map(Expression::Is).collect())))
}

fn text(field: TextField, value: String) -> Condition {
    Condition::Text(field, Pattern::Exact(value))
}

fn occurred(from_us: i64, until_us: i64) -> Result<Condition> {
    let at = Timestamp::from_microsecond;
    Ok(Condition::Occurred(Bounds { from: Some(at(from_us)?), until: Some(at(until_us)?) }))
}

/// The count of one action and day.
fn count(group: Group) -> Result<(String, Day, u64)> {
    let [action, day] = <[String; 2]>::try_from(group.key).map_err(|_| "a count has two keys")?;
    Ok((action, Day::Text(day), group.count))
}
