//! Rows → drafts, in pieces of a size that every log takes at once.

use std::sync::Arc;
use std::vec::IntoIter;

use deedbook_core::serde_json::json;
use deedbook_core::{Actor, Draft, Event, Failure, Limits, Outcome, Target, prepare};

use crate::capture::Shapes;
use crate::decode::{Rejection, decode};
use crate::{Installation, Origin, Row};

/// Events and canonical bytes of one piece: what a server takes in one request, and one frame of a directory.
const PIECE_EVENTS_MAX: usize = 1_000;
const PIECE_BYTES_MAX: usize = 4 << 20;

/// What rows of a database become, whichever they are.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) installation: Installation,
    /// Of events that name none and whose context names none.
    pub(crate) tenant: Option<String>,
    pub(crate) shapes: Shapes,
}

/// Drafts that are handed to the log together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Piece {
    pub(crate) drafts: Vec<Draft>,
    /// For each draft, what it stands for.
    pub(crate) sources: Vec<Source>,
    /// Rows of which something was refused before a log saw it.
    pub(crate) parked: Vec<Parked>,
}

/// What a draft stands for.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) row: Arc<Place>,
    /// Its number among the events of the row.
    pub(crate) index: usize,
    pub(crate) kind: Kind,
}

/// A row without its content.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) seq: i64,
    pub(crate) xid: u64,
    pub(crate) origin: Arc<Origin>,
}

/// How a draft came by its id, which decides what it means that the log has that id with other content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The application gave the id: two events have it.
    Named,
    /// The id is that of the row: the row was delivered before.
    Numbered,
    /// It says that something is missing.
    Gap,
}

/// Whose history an event belongs to: its tenant and its targets.
pub(crate) type About = (Option<String>, Vec<Target>);

/// A row that goes to `deedbook.rejected`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parked {
    pub(crate) seq: i64,
    pub(crate) reason: String,
}

/// The rows of a batch, of which one piece after another is taken. It holds the events of one row at a time.
pub(crate) struct Pieces {
    terms: Arc<Terms>,
    rows: IntoIter<(Row, Arc<Origin>)>,
    current: Option<Current>,
}

/// The row that is being taken apart.
struct Current {
    place: Arc<Place>,
    events: std::iter::Enumerate<IntoIter<Event>>,
}

impl Pieces {
    pub(crate) fn new(terms: Arc<Terms>, rows: Vec<(Row, Arc<Origin>)>) -> Self {
        Self { terms, rows: rows.into_iter(), current: None }
    }

    /// The next row, decoded; a row that cannot be is noted in `piece`.
    fn advance(&mut self, piece: &mut Piece) -> bool {
        let Some((row, origin)) = self.rows.next() else { return false };
        let decoded = decode(&row, self.terms.shapes.get(row.shape).as_deref(), &origin);
        let place = Arc::new(Place { seq: row.seq, xid: row.xid, origin });
        let events = decoded.unwrap_or_else(|rejection| {
            piece.reject(&self.terms, &place, None, 0, rejection);
            Vec::new()
        });
        self.current = Some(Current { place, events: events.into_iter().enumerate() });
        true
    }
}

impl Iterator for Pieces {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let mut piece = Piece::default();
        let mut bytes = 0;
        while piece.drafts.len() < PIECE_EVENTS_MAX && bytes < PIECE_BYTES_MAX {
            let Some(current) = &mut self.current else {
                if self.advance(&mut piece) {
                    continue;
                }
                break;
            };
            let Some((index, event)) = current.events.next() else {
                self.current = None;
                continue;
            };
            let place = current.place.clone();
            bytes += piece.push(&self.terms, place, index, event);
        }
        (!piece.drafts.is_empty() || !piece.parked.is_empty()).then_some(piece)
    }
}

impl Piece {
    /// Adds an event, or what says that it is missing; gives its canonical bytes.
    fn push(&mut self, terms: &Terms, place: Arc<Place>, index: usize, event: Event) -> usize {
        let (event, kind) = terms.complete(event, &place, index);
        // Of an event that is refused, its targets tell whose history has a gap.
        let (tenant, targets) = (event.tenant.clone(), event.targets.clone());
        match prepare(event, &Limits::default(), || [0; 16]) {
            Ok(draft) => {
                let bytes = draft.canonical().len();
                self.drafts.push(draft);
                self.sources.push(Source { row: place, index, kind });
                bytes
            }
            Err(error) => {
                self.reject(terms, &place, Some((tenant, targets)), index, error.into());
                0
            }
        }
    }

    fn reject(&mut self, terms: &Terms, place: &Arc<Place>, about: Option<About>, index: usize, rejection: Rejection) {
        if let Some(gap) = terms.gap(place, index, about.unwrap_or_default(), &rejection) {
            self.drafts.push(gap);
            self.sources.push(Source { row: place.clone(), index, kind: Kind::Gap });
        }
        self.parked.push(Parked { seq: place.seq, reason: rejection.reason });
    }
}

impl Terms {
    /// The event with everything that the row knows besides.
    fn complete(&self, mut event: Event, place: &Place, index: usize) -> (Event, Kind) {
        place.origin.complete(&mut event);
        self.settle(&mut event, place);
        let kind = if event.id.is_some() { Kind::Named } else { Kind::Numbered };
        event.id.get_or_insert_with(|| self.event_id(place, index));
        (event, kind)
    }

    fn settle(&self, event: &mut Event, place: &Place) {
        event.tenant = event.tenant.take().or_else(|| self.tenant.clone());
        event.transaction_id.get_or_insert_with(|| self.installation.transaction_id(place.xid));
    }

    fn event_id(&self, place: &Place, index: usize) -> String {
        let at = place.origin.at().map(|at| at.as_microsecond());
        self.installation.event_id(place.seq, at, index)
    }

    /// The entry that says that the event number `index` of a row is missing: `outbox_row.rejected` of the category
    /// `gap`, about the row and what the event was about; `None` where not even that can be told.
    pub(crate) fn gap(
        &self,
        place: &Place,
        index: usize,
        (tenant, targets): About,
        rejection: &Rejection,
    ) -> Option<Draft> {
        let mut event = Event::new("outbox_row.rejected", Actor::without_id("system"));
        event.id = Some(format!("{}-gap", self.event_id(place, index)));
        event.category = Some("gap".to_owned());
        event.outcome = Some(Outcome::Failure);
        event.error = Some(Failure { code: Some(rejection.code.to_owned()), message: Some(rejection.reason.clone()) });
        event.targets.push(Target::new("outbox_row", self.installation.row_id(place.seq)));
        event.metadata.insert("seq".to_owned(), json!(place.seq));
        place.origin.complete(&mut event);
        self.settle(&mut event, place);
        let mut about = Event { tenant: tenant.or_else(|| event.tenant.clone()), ..event.clone() };
        about.targets.extend(targets.into_iter().take(Limits::default().targets_max - 1));
        // What was wrong may be wrong here too; then the row alone is named, in the tenant of its context.
        let draft = |event| prepare(event, &Limits::default(), || [0; 16]).ok();
        draft(about).or_else(|| draft(event))
    }
}
