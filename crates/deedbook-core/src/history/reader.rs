//! The history of a thing over any store, within what the reader may see, page by page: memory is bounded by the
//! fields of the thing, not by the number of its entries.

use super::backward::Backward;
use super::difference::{Diff, diff};
use super::fold::Fold;
use super::restore::{Restoration, restoration};
use super::state::{Sight, State};
use super::{Effect, Moment, TargetId};
use crate::query::{Bounds, Condition, Expression, Pattern, TextField};
use crate::{Entry, Order, PageRequest, Query, Result, Scope, Store, Timestamp, Visibility};

/// Entries that are read at once: 500; a thing with fewer costs one page for each direction.
const PAGE_ENTRIES: usize = 500;

/// The history of one thing in one tenant.
///
/// Entries outside of the scope are not read: for a reader who sees a part of a tenant, a state is folded from that
/// part and says so ([`Sight::Part`]).
pub struct History<'a> {
    store: &'a dyn Store,
    target: TargetId,
    scope: Scope,
    sight: Sight,
}

/// An entry about the thing, and what it did to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The entry.
    pub entry: Entry,
    /// What it did to the thing.
    pub effect: Effect,
}

/// Some of the entries about the thing.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionPage {
    /// At most as many as were asked for, in the order asked for.
    pub versions: Vec<Version>,
    /// Whether there are more beyond the last one.
    pub has_more: bool,
    /// The highest position that was visible when the page was read; `None` in an empty log.
    pub watermark: Option<u64>,
    /// Whether some of the entries were read in an archive.
    pub archived: bool,
}

/// One entry about the thing and its neighbours among them.
#[derive(Clone, Debug, PartialEq)]
pub struct Around {
    /// The one before it, by position.
    pub previous: Option<Version>,
    /// The entry itself.
    pub version: Version,
    /// The one after it.
    pub next: Option<Version>,
}

/// Which entries lie before a moment.
#[derive(Clone, Copy)]
enum Cut {
    /// All of them.
    Nowhere,
    /// Those that occurred no later.
    Occurred(Timestamp),
    /// Those up to this position.
    Position(u64),
}

impl<'a> History<'a> {
    /// The history of `target` in the log of `tenant`, as far as it is within `scope`; empty where the scope does not
    /// allow the tenant.
    pub fn new(store: &'a dyn Store, tenant: &str, target: TargetId, scope: &Scope) -> Self {
        let narrow =
            scope.visibility() != &Visibility::Everything || scope.filter().is_some() || scope.profile().is_some();
        let sight = if narrow { Sight::Part } else { Sight::Whole };
        Self { store, target, scope: scope.clone().within(tenant), sight }
    }

    /// The entries about the thing that match `filter`, by position.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt), [`ErrorKind::Io`](crate::ErrorKind::Io).
    pub fn page(&self, filter: &Query, request: &PageRequest) -> Result<VersionPage> {
        let query = self.query(Some(filter.expression().clone()));
        let mut versions = Vec::new();
        let mut request = *request;
        let (limit, mut watermark, mut archived) = (request.limit, None, false);
        loop {
            let page = self.store.page(&query, &self.scope, &request)?;
            watermark = watermark.or(page.watermark);
            archived |= page.archived;
            request.after = page.entries.last().map(|entry| entry.receipt.position).or(request.after);
            let is_last = !page.has_more || page.entries.is_empty();
            // The query also finds other things whose id has this type and id in it.
            versions.extend(page.entries.into_iter().filter_map(|entry| self.version(entry)));
            if is_last || versions.len() >= limit {
                return Ok(VersionPage { versions, has_more: !is_last, watermark, archived });
            }
            request.limit = limit - versions.len();
        }
    }

    /// The thing at `moment`; `None` where that is an event which is not about it or not within the scope.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) where its fields take more than
    /// [`STATE_BYTES_MAX`](super::STATE_BYTES_MAX); as [`History::page`].
    pub fn state(&self, moment: &Moment) -> Result<Option<State>> {
        Ok(self.fold(moment)?.map(|fold| fold.state(&self.target, moment)))
    }

    /// The thing at a time: after the entries whose `occurred_at` (else `recorded_at`) is not later.
    ///
    /// # Errors
    /// As [`History::state`].
    pub fn as_of(&self, at: Timestamp) -> Result<State> {
        Ok(self.fold_to(Cut::Occurred(at))?.state(&self.target, &Moment::Time(at)))
    }

    /// The thing as it is: for each field the entry that set it last.
    ///
    /// # Errors
    /// As [`History::state`].
    pub fn blame(&self) -> Result<State> {
        Ok(self.fold_to(Cut::Nowhere)?.state(&self.target, &Moment::Latest))
    }

    /// What differs between two moments; `None` as for [`History::state`].
    ///
    /// # Errors
    /// As [`History::state`].
    pub fn diff(&self, from: &Moment, to: &Moment) -> Result<Option<Diff>> {
        let (Some(before), Some(after)) = (self.fold(from)?, self.fold(to)?) else { return Ok(None) };
        Ok(Some(diff(&self.target, (from, &before), (to, &after))))
    }

    /// The way from the thing as it is back to `moment`; `None` as for [`History::state`].
    ///
    /// # Errors
    /// As [`History::state`].
    pub fn restore(&self, moment: &Moment) -> Result<Option<Restoration>> {
        let Some(past) = self.fold(moment)? else { return Ok(None) };
        let present = self.fold_to(Cut::Nowhere)?;
        Ok(Some(restoration(&self.target, &present, moment, &past)))
    }

    /// The entry of the event `id` with its neighbours in the history; `None` where it is not about the thing or not
    /// within the scope.
    ///
    /// # Errors
    /// As [`History::page`].
    pub fn around(&self, id: &str) -> Result<Option<Around>> {
        let Some(version) = self.find(id)? else { return Ok(None) };
        let position = Some(version.entry.receipt.position);
        let neighbour = |order| -> Result<Option<Version>> {
            let page = self.page(&Query::all(), &PageRequest { order, limit: 1, after: position })?;
            Ok(page.versions.into_iter().next())
        };
        let (previous, next) = (neighbour(Order::Descending)?, neighbour(Order::Ascending)?);
        Ok(Some(Around { previous, version, next }))
    }

    fn find(&self, id: &str) -> Result<Option<Version>> {
        let crate::Tenants::One(tenant) = self.scope.tenants() else { return Ok(None) };
        Ok(self.store.get(tenant, id, &self.scope)?.and_then(|entry| self.version(entry)))
    }

    fn version(&self, entry: Entry) -> Option<Version> {
        let effect = Effect::of(&entry, &self.target)?;
        Some(Version { entry, effect })
    }

    fn fold(&self, moment: &Moment) -> Result<Option<Fold>> {
        let cut = match moment {
            Moment::Latest => Cut::Nowhere,
            Moment::Time(at) => Cut::Occurred(*at),
            Moment::Event(id) => match self.find(id)? {
                Some(version) => Cut::Position(version.entry.receipt.position),
                None => return Ok(None),
            },
        };
        self.fold_to(cut).map(Some)
    }

    /// The entries before the cut forwards, then those after it backwards.
    fn fold_to(&self, cut: Cut) -> Result<Fold> {
        let mut fold = Fold::new(self.sight);
        self.walk(Order::Ascending, cut.before(), &mut |entry| match cut {
            Cut::Position(last) if entry.receipt.position > last => Ok(Walk::Stop),
            _ => fold.enter(entry, &self.target).map(|()| Walk::On),
        })?;
        if matches!(cut, Cut::Nowhere) {
            return Ok(fold);
        }
        let mut later = Backward::new();
        self.walk(Order::Descending, cut.after(), &mut |entry| match cut {
            Cut::Position(last) if entry.receipt.position <= last => Ok(Walk::Stop),
            _ => later.undo(entry, &self.target).map(|()| Walk::On),
        })?;
        fold.learn(&later);
        Ok(fold)
    }

    fn walk(
        &self,
        order: Order,
        condition: Option<Expression>,
        each: &mut dyn FnMut(&Entry) -> Result<Walk>,
    ) -> Result<()> {
        let query = self.query(condition);
        let mut request = PageRequest { order, limit: PAGE_ENTRIES, after: None };
        loop {
            let page = self.store.page(&query, &self.scope, &request)?;
            for entry in &page.entries {
                if matches!(each(entry)?, Walk::Stop) {
                    return Ok(());
                }
            }
            request.after = page.entries.last().map(|entry| entry.receipt.position);
            if !page.has_more || request.after.is_none() {
                return Ok(());
            }
        }
    }

    fn query(&self, condition: Option<Expression>) -> Query {
        let target = Condition::Text(TextField::Target, Pattern::Exact(self.target.to_string()));
        let mut all = vec![Expression::Is(target)];
        all.extend(condition);
        Query::from_expression(Expression::And(all))
    }
}

/// Whether to go on.
enum Walk {
    On,
    Stop,
}

impl Cut {
    fn before(self) -> Option<Expression> {
        let Self::Occurred(at) = self else { return None };
        Some(Expression::Is(Condition::Occurred(Bounds { from: None, until: next(at) })))
    }

    fn after(self) -> Option<Expression> {
        let Self::Occurred(at) = self else { return None };
        match next(at) {
            from @ Some(_) => Some(Expression::Is(Condition::Occurred(Bounds { from, until: None }))),
            // Nothing occurs after the end of time.
            None => Some(Expression::Or(Vec::new())),
        }
    }
}

/// The microsecond after `at`.
fn next(at: Timestamp) -> Option<Timestamp> {
    Timestamp::from_microsecond(crate::time::microseconds(at).checked_add(1)?).ok()
}
