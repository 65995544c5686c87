//! Questions to a book: [`Search`] → pages, a stream of all, or counts.
//!
//! What a query means is defined by [`deedbook_core::query`]; here are only the ways of asking.

mod entries;
mod question;

use deedbook_core::{Group, GroupBy, Order, Result};

use crate::{Deedbook, Entry};

pub use entries::Entries;
pub use question::{Cursor, Question};

/// Entries of a page where [`Search::limit`] does not say otherwise.
const PAGE_ENTRIES: usize = 50;

/// A question that is being put together; made by [`Deedbook::query`].
#[derive(Clone, Debug)]
#[must_use = "nothing is asked until `page`, `all` or `count`"]
pub struct Search {
    book: Deedbook,
    question: Question,
    limit: usize,
    after: Option<Cursor>,
}

/// Some of the entries that match, in the order asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// At most as many as asked for.
    pub entries: Vec<Entry>,
    /// Where to go on by [`Search::after`]; `None` at the end.
    pub next: Option<Cursor>,
}

impl Search {
    pub(crate) fn new(book: Deedbook, question: Question) -> Self {
        Self { book, question, limit: PAGE_ENTRIES, after: None }
    }

    /// Only the log of this tenant.
    pub fn tenant(self, tenant: impl Into<String>) -> Self {
        Self { question: self.question.in_tenant(tenant.into()), ..self }
    }

    /// The logs of all tenants, whatever the context and the book say.
    pub fn all_tenants(self) -> Self {
        Self { question: self.question.in_all_tenants(), ..self }
    }

    /// Only what somebody may see who holds these labels and is this person (id or `TYPE:ID`): a union, as for a token.
    pub fn visible_to(self, audiences: Vec<String>, self_actor: Option<String>) -> Self {
        Self { question: self.question.visible_to(audiences, self_actor), ..self }
    }

    /// In commit order; newest first where this is not said.
    pub fn oldest_first(self) -> Self {
        Self { question: self.question.in_order(Order::Ascending), ..self }
    }

    /// At most this many entries on a page, 1 to 1,000; 50 where this is not said.
    pub fn limit(self, entries: usize) -> Self {
        Self { limit: entries.clamp(1, 1_000), ..self }
    }

    /// Goes on where a page ended. A cursor belongs to its query: another one refuses it.
    pub fn after(self, cursor: Cursor) -> Self {
        Self { after: Some(cursor), ..self }
    }

    /// One page.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where the query does not parse or the cursor is of another
    /// one; otherwise what the store or the server fails with.
    pub async fn page(self) -> Result<Page> {
        self.book.backend().page(&self.question, self.limit, self.after.as_ref()).await
    }

    /// Every entry that matches, page by page as they are taken; no page gains or loses entries on the way.
    pub fn all(self) -> Entries {
        Entries::new(self)
    }

    /// How many entries match.
    ///
    /// # Errors
    /// As [`Search::page`].
    pub async fn count(self) -> Result<u64> {
        let groups = self.count_by(&[]).await?;
        Ok(groups.first().map_or(0, |group| group.count))
    }

    /// How many entries match for each combination of `groups`, most first. An entry with several targets counts once
    /// under each.
    ///
    /// # Errors
    /// As [`Search::page`].
    pub async fn count_by(self, groups: &[GroupBy]) -> Result<Vec<Group>> {
        self.book.backend().count(&self.question, groups).await
    }
}
