//! Several events in one go: one frame of the log, one sync, one round to a server.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::{Duration, Instant};

use deedbook_core::{Atomicity, Draft, Error, Event, Problem, Result};

use crate::event::Counting;
use crate::receipt::Receipt;
use crate::record::{deadline_passed, submit};
use crate::tally::Tally;
use crate::{Deedbook, IntoEvent};

/// Events that are recorded together when this is awaited; made by [`Deedbook::batch`].
///
/// Awaited, it gives the fate of each event in its order, or the error of all where nothing was handed over.
///
/// ```
/// # use deedbook::{Actor, Deedbook, Event};
/// # let book = Deedbook::open("memory:")?;
/// let event = |action: &str| Event::new(action, Actor::new("user", "user_1"));
/// let fates = book.batch().add(event("invoice.approved")).add(event("invoice.sent")).wait()?;
/// assert!(fates.iter().all(Result::is_ok));
/// # Ok::<(), deedbook::Error>(())
/// ```
#[must_use = "nothing is recorded until this is awaited"]
pub struct Batch {
    book: Deedbook,
    events: Vec<(Result<Event>, Counting)>,
    atomicity: Atomicity,
    deadline: Duration,
}

/// What became of each event of a batch.
type Fates = Vec<Result<Receipt>>;

impl Batch {
    pub(crate) fn new(book: Deedbook) -> Self {
        let deadline = book.settings().deadline;
        Self { book, events: Vec::new(), atomicity: Atomicity::PerEvent, deadline }
    }

    /// One event more, made at once, as by [`Deedbook::record`].
    #[expect(clippy::should_implement_trait, reason = "a batch is no number")]
    pub fn add<E: IntoEvent>(mut self, event: E) -> Self {
        let event = event.into_event(&self.book.context());
        self.events.push((event, E::COUNTING));
        self
    }

    /// All or nothing: any event that is refused refuses all, and nothing of the batch is recorded.
    pub fn all_or_nothing(self) -> Self {
        Self { atomicity: Atomicity::AllOrNothing, ..self }
    }

    /// Gives up after this long; see [`crate::Builder::deadline`].
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// As awaiting it, for threads that run no tasks.
    ///
    /// # Errors
    /// As awaiting it.
    pub fn wait(self) -> Result<Vec<Result<Receipt>>> {
        crate::blocking::block_on(self.run())
    }

    async fn run(self) -> Result<Fates> {
        let Self { book, events, atomicity, deadline: after } = self;
        let prepare = |(event, counting): (Result<Event>, Counting)| {
            let draft = book.prepare(event?)?;
            Ok((Tally::new(draft.event(), counting), draft))
        };
        let prepared: Vec<Result<(Tally, Draft)>> = events.into_iter().map(prepare).collect();
        if atomicity == Atomicity::AllOrNothing {
            refuse_all(&prepared)?;
        }
        // Places of events that were refused already; the others are filled in order when their fates are known.
        let mut fates = Vec::with_capacity(prepared.len());
        let (mut tallies, mut drafts) = (Vec::new(), Vec::new());
        for one in prepared {
            fates.push(one.map(|(tally, draft)| {
                tallies.push(tally);
                drafts.push(draft);
            }));
        }
        if drafts.is_empty() {
            return Ok(fates.into_iter().filter_map(Result::err).map(Err).collect());
        }
        let first = drafts.first().map(|draft| draft.id().to_owned()).unwrap_or_default();
        let answered = submit(&book, drafts, atomicity, Instant::now() + after).await;
        let answers = answered.unwrap_or_else(|| Err(deadline_passed(&first, after)))?;
        let mut answers = answers.into_iter().zip(tallies);
        let settle = |fate: Result<()>| {
            fate?;
            let (answer, tally) = answers.next().ok_or_else(crate::record::abandoned)?;
            let recorded = answer?;
            tally.count();
            Ok(recorded.receipt)
        };
        Ok(fates.into_iter().map(settle).collect())
    }
}

/// The error of a batch of which an event is refused before anything is handed over; its problems are at `/index/…`.
fn refuse_all(prepared: &[Result<(Tally, Draft)>]) -> Result<()> {
    let refused = prepared.iter().enumerate().filter_map(|(index, one)| Some((index, one.as_ref().err()?)));
    let mut problems = Vec::new();
    let mut kind = None;
    for (index, error) in refused {
        kind.get_or_insert(error.kind());
        let at = |problem: &Problem| Problem { pointer: format!("/{index}{}", problem.pointer), ..problem.clone() };
        problems.extend(error.problems().iter().map(at));
        if error.problems().is_empty() {
            let (pointer, detail) = (format!("/{index}"), error.to_string());
            problems.push(Problem { pointer, code: "refused".into(), detail });
        }
    }
    match kind {
        None => Ok(()),
        Some(kind) => Err(Error::new(kind, "nothing of the batch was recorded").with_problems(problems)),
    }
}

impl IntoFuture for Batch {
    type Output = Result<Vec<Result<Receipt>>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
