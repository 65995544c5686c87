//! The history of one thing: its versions, the thing as of a time, who set what, differences, and the way back.
//!
//! What is meant by all of this is defined by [`deedbook_core::history`]; here are only the ways of asking.

use deedbook_core::Result;
pub use deedbook_core::history::{
    Contradiction, Diff, Difference, Effect, Existence, Field, FieldValue, ItemChange, Mark, Moment, Operation, Piece,
    Restoration, Sight, State, TargetId, Unknown,
};

use crate::search::{Cursor, Question};
use crate::{Deedbook, Entry, ToTimestamp};

/// Entries of a page where [`History::limit`] does not say otherwise.
const PAGE_VERSIONS: usize = 50;

/// The history of one thing; made by [`Deedbook::history`].
#[derive(Clone, Debug)]
#[must_use = "nothing is asked until one of the questions"]
pub struct History {
    book: Deedbook,
    target: Result<TargetId>,
    question: Question,
    limit: usize,
    after: Option<Cursor>,
}

/// An entry about the thing, and what it did to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The entry.
    pub entry: Entry,
    /// What it did to the thing.
    pub effect: Effect,
}

/// Some of the entries about the thing, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionPage {
    /// At most as many as asked for.
    pub versions: Vec<Version>,
    /// Where to go on by [`History::after`]; `None` at the end.
    pub next: Option<Cursor>,
}

/// One entry about the thing and its neighbours among them.
#[derive(Clone, Debug, PartialEq)]
pub struct Around {
    /// The one before it.
    pub previous: Option<Version>,
    /// The entry itself.
    pub version: Version,
    /// The one after it.
    pub next: Option<Version>,
}

impl History {
    pub(crate) fn new(book: Deedbook, target: Result<TargetId>, question: Question) -> Self {
        let question = match &target {
            Ok(target) => question.about(target.to_string()),
            Err(_) => question,
        };
        Self { book, target, question, limit: PAGE_VERSIONS, after: None }
    }

    /// In the log of this tenant.
    pub fn tenant(self, tenant: impl Into<String>) -> Self {
        Self { question: self.question.in_tenant(tenant.into()), ..self }
    }

    /// As somebody sees it who holds these labels and is this person; a state that is folded from a part says so.
    pub fn visible_to(self, audiences: Vec<String>, self_actor: Option<String>) -> Self {
        Self { question: self.question.visible_to(audiences, self_actor), ..self }
    }

    /// Only versions whose entries match this query, for [`History::versions`].
    pub fn matching(self, query: impl Into<String>) -> Self {
        Self { question: self.question.with_text(query.into()), ..self }
    }

    /// At most this many versions on a page, 1 to 1,000; 50 where this is not said.
    pub fn limit(self, versions: usize) -> Self {
        Self { limit: versions.clamp(1, 1_000), ..self }
    }

    /// Goes on where a page ended.
    pub fn after(self, cursor: Cursor) -> Self {
        Self { after: Some(cursor), ..self }
    }

    /// One page of its versions, newest first.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a thing without an id, a query that does not parse or a
    /// cursor of another history; otherwise what the store or the server fails with.
    pub async fn versions(self) -> Result<VersionPage> {
        self.book.backend().versions(&self.target?, &self.question, self.limit, self.after.as_ref()).await
    }

    /// The thing as it was at a time, each field with the entry that set it.
    ///
    /// # Errors
    /// As [`History::versions`]; [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) for a thing with too many fields.
    pub async fn as_of(self, at: impl ToTimestamp) -> Result<State> {
        let at = at.to_timestamp()?;
        self.time(Moment::Time(at)).await
    }

    /// The thing as it is: for each field who set it last, and when.
    ///
    /// # Errors
    /// As [`History::as_of`].
    pub async fn blame(self) -> Result<State> {
        self.time(Moment::Latest).await
    }

    /// The thing at a moment; `None` where that is an event which is not about it.
    ///
    /// # Errors
    /// As [`History::as_of`].
    pub async fn at(self, moment: Moment) -> Result<Option<State>> {
        self.book.backend().state(&self.target?, &self.question, moment).await
    }

    /// What differs between two moments, field by field; `None` as for [`History::at`].
    ///
    /// # Errors
    /// As [`History::as_of`].
    pub async fn diff(self, from: Moment, to: Moment) -> Result<Option<Diff>> {
        self.book.backend().diff(&self.target?, &self.question, from, to).await
    }

    /// The version of an event, with the previous and the next one; `None` as for [`History::at`].
    ///
    /// # Errors
    /// As [`History::versions`].
    pub async fn around(self, id: &str) -> Result<Option<Around>> {
        self.book.backend().around(&self.target?, &self.question, id).await
    }

    /// The change that leads back to a moment, as a JSON Patch; nothing is written anywhere. `None` as for
    /// [`History::at`].
    ///
    /// # Errors
    /// As [`History::as_of`].
    pub async fn restore(self, moment: Moment) -> Result<Option<Restoration>> {
        self.book.backend().restore(&self.target?, &self.question, moment).await
    }

    /// The thing at a moment that is no event, and so always is one of it.
    async fn time(self, moment: Moment) -> Result<State> {
        let state = self.at(moment).await?;
        Ok(state.expect("only a moment that is an event can be missing"))
    }
}

impl From<deedbook_core::history::Version> for Version {
    fn from(version: deedbook_core::history::Version) -> Self {
        Self { entry: version.entry.into(), effect: version.effect }
    }
}

impl From<deedbook_core::history::Around> for Around {
    fn from(around: deedbook_core::history::Around) -> Self {
        Self {
            previous: around.previous.map(Version::from),
            version: around.version.into(),
            next: around.next.map(Version::from),
        }
    }
}
