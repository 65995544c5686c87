//! Every entry that matches, one page at a time.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use deedbook_core::Result;
use futures_core::Stream;

use super::{Page, Search};
use crate::Entry;

/// Entries of a page while all are read.
const PAGE_ENTRIES: usize = 500;

type Fetch = Pin<Box<dyn Future<Output = Result<Page>> + Send>>;

/// The stream of every entry that matches; made by [`Search::all`]. After an error it ends.
pub struct Entries {
    search: Search,
    ready: VecDeque<Entry>,
    state: State,
}

enum State {
    Fetching(Fetch),
    /// The next page follows once these entries are taken.
    Between,
    Ended,
}

impl Entries {
    pub(super) fn new(search: Search) -> Self {
        Self { search: search.limit(PAGE_ENTRIES), ready: VecDeque::new(), state: State::Between }
    }

    /// The next entry, for those who have no crate for streams at hand; `None` at the end.
    ///
    /// # Errors
    /// As [`Search::page`].
    pub async fn next(&mut self) -> Option<Result<Entry>> {
        std::future::poll_fn(|waker| Pin::new(&mut *self).poll_next(waker)).await
    }

    fn keep(&mut self, page: Page) {
        self.ready.extend(page.entries);
        self.state = if page.next.is_some() { State::Between } else { State::Ended };
        self.search.after = page.next;
    }
}

impl Stream for Entries {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, waker: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(entry)));
            }
            match &mut self.state {
                State::Ended => return Poll::Ready(None),
                State::Between => self.state = State::Fetching(Box::pin(self.search.clone().page())),
                State::Fetching(fetch) => match std::task::ready!(fetch.as_mut().poll(waker)) {
                    Ok(page) => self.keep(page),
                    Err(error) => {
                        self.state = State::Ended;
                        return Poll::Ready(Some(Err(error)));
                    }
                },
            }
        }
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries").field("search", &self.search).finish_non_exhaustive()
    }
}
