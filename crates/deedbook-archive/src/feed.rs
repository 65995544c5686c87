//! A log, entry by entry from a place on, in pages.

use std::collections::VecDeque;

use deedbook_core::query::{Bounds, Condition, Expression};
use deedbook_core::{Entry, Error, ErrorKind, Order, PageRequest, Query, Result, Scope, Store, Timestamp};

/// How many entries are read at once: what a server gives at most.
const PAGE_ENTRIES: usize = 1_000;

/// A server marks positions by this that the token may not know; no log has so many entries.
const WITHHELD: u64 = 1 << 63;

/// What a log holds from a position on, in order, without the log's own tenant.
pub(crate) struct Feed<'l> {
    log: &'l dyn Store,
    query: Query,
    scope: Scope,
    after: Option<u64>,
    from: u64,
    read: VecDeque<Entry>,
    has_more: bool,
    /// Every entry before it was given out or is in `read`.
    seen: u64,
}

impl<'l> Feed<'l> {
    /// From `from` on, where an entry before it is known by when it was recorded. A position alone would do for a log
    /// in files; a server can be asked only from a time on.
    pub(crate) fn new(log: &'l dyn Store, from: u64, since: Option<Timestamp>) -> Self {
        let since = since.map(|since| Condition::Recorded(Bounds { from: Some(since), until: None }));
        let query = since.map_or_else(Query::all, |since| Query::from_expression(Expression::Is(since)));
        let scope = Scope::all_tenants();
        Self { log, query, scope, after: None, from, read: VecDeque::new(), has_more: true, seen: from }
    }

    /// The next entry; `None` at the end of what was visible.
    ///
    /// # Errors
    /// As [`Store::page`]; [`ErrorKind::Denied`] where positions are withheld.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>> {
        while self.read.is_empty() && self.has_more {
            self.turn()?;
        }
        Ok(self.read.pop_front())
    }

    /// The entry that comes next.
    ///
    /// # Errors
    /// As [`Feed::next`].
    pub(crate) fn peek(&mut self) -> Result<Option<&Entry>> {
        while self.read.is_empty() && self.has_more {
            self.turn()?;
        }
        Ok(self.read.front())
    }

    /// The position after everything that was seen, entries of the log's own tenant included.
    pub(crate) fn seen(&self) -> u64 {
        self.read.front().map_or(self.seen, |entry| entry.receipt.position)
    }

    fn turn(&mut self) -> Result<()> {
        let request = PageRequest { order: Order::Ascending, limit: PAGE_ENTRIES, after: self.after };
        let page = self.log.page(&self.query, &self.scope, &request)?;
        self.has_more = page.has_more && !page.entries.is_empty();
        let last = page.entries.last().map(|entry| entry.receipt.position);
        if last.is_some_and(|last| last >= WITHHELD) {
            let message = "the token may not know positions: an archive needs one that reads all tenants";
            return Err(Error::new(ErrorKind::Denied, message));
        }
        self.after = last.or(self.after);
        let end = if self.has_more { last } else { page.watermark.max(last) };
        self.seen = self.seen.max(end.map_or(0, |end| end + 1));
        let from = self.from;
        self.read.extend(page.entries.into_iter().filter(|entry| entry.receipt.position >= from));
        Ok(())
    }
}
