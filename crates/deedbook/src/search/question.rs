//! What is asked, apart from who answers: the text of a query, whose log, for whose eyes, in which order.

use std::fmt;
use std::str::FromStr;

use deedbook_core::query::ParseOptions;
use deedbook_core::{Error, Order, Query, Result, Scope, Timestamp};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    text: String,
    /// The thing whose history is asked for, for cursors.
    about: Option<String>,
    tenant: Option<String>,
    visible_to: Option<Visible>,
    order: Order,
}

#[derive(Clone, Debug)]
struct Visible {
    audiences: Vec<String>,
    self_actor: Option<String>,
}

/// A place in the answer to one query; opaque, and it does not expire while the entries are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(String);

/// What a cursor of a local store says.
pub(crate) struct Place {
    /// Entries beyond this position follow.
    pub(crate) after: Option<u64>,
    /// The instant that relative times in the query are relative to: that of the first page.
    now: Timestamp,
    /// Which question it belongs to.
    question: u64,
}

impl Question {
    pub(crate) fn new(text: String, tenant: Option<String>) -> Self {
        Self { text, about: None, tenant, visible_to: None, order: Order::Descending }
    }

    pub(crate) fn about(self, thing: String) -> Self {
        Self { about: Some(thing), ..self }
    }

    pub(crate) fn with_text(self, text: String) -> Self {
        Self { text, ..self }
    }

    pub(crate) fn in_tenant(self, tenant: String) -> Self {
        Self { tenant: Some(tenant), ..self }
    }

    pub(crate) fn in_all_tenants(self) -> Self {
        Self { tenant: None, ..self }
    }

    pub(crate) fn in_order(self, order: Order) -> Self {
        Self { order, ..self }
    }

    pub(crate) fn visible_to(self, audiences: Vec<String>, self_actor: Option<String>) -> Self {
        Self { visible_to: Some(Visible { audiences, self_actor }), ..self }
    }

    /// Whose log, where it is one.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// Whose log a single entry is looked for in.
    pub(crate) fn tenant_or_default(&self) -> String {
        self.tenant.clone().unwrap_or_else(|| "default".to_owned())
    }

    pub(crate) fn order(&self) -> Order {
        self.order
    }

    /// The text of the query.
    #[cfg(feature = "http")]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is asked for eyes that may not see everything.
    #[cfg(feature = "http")]
    pub(crate) fn is_narrowed(&self) -> bool {
        self.visible_to.is_some()
    }

    /// What may be seen.
    pub(crate) fn scope(&self) -> Scope {
        let scope = match self.tenant() {
            Some(tenant) => Scope::tenant(tenant),
            None => Scope::all_tenants(),
        };
        match &self.visible_to {
            Some(Visible { audiences, self_actor }) => scope.visible_to(audiences.clone(), self_actor.clone()),
            None => scope,
        }
    }

    /// The query with its relative times resolved as they were for the first page, and where to go on.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where the text does not parse or the cursor is of another
    /// question.
    pub(crate) fn resolve(&self, after: Option<&Cursor>) -> Result<(Query, Place)> {
        let place = match after {
            Some(cursor) => Place::read(cursor, self.fingerprint())?,
            None => Place { after: None, now: Timestamp::now(), question: self.fingerprint() },
        };
        let query = Query::parse(&self.text, &ParseOptions::utc(place.now))?;
        Ok((query, place))
    }

    /// Tells questions apart; it need not withstand anyone, for whoever holds the cursor may ask anything in process.
    fn fingerprint(&self) -> u64 {
        let order = if self.order == Order::Ascending { "a" } else { "d" };
        let tenant = self.tenant().unwrap_or_default();
        let about = self.about.as_deref().unwrap_or_default();
        // FNV-1a, 64 bits, over parts with a separator that neither tenants nor queries hold.
        [order, tenant, about, &self.text]
            .join("\0")
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    }
}

impl Place {
    /// The cursor behind the entry at `position`.
    pub(crate) fn next(&self, position: u64) -> Cursor {
        Cursor(format!("{position:x}-{:x}-{:016x}", self.now.as_microsecond(), self.question))
    }

    fn read(cursor: &Cursor, question: u64) -> Result<Self> {
        let mut parts = cursor.0.split('-');
        let mut part = || u64::from_str_radix(parts.next()?, 16).ok();
        let (after, now, asked) = (part(), part(), part());
        let now = now.and_then(|now| Timestamp::from_microsecond(i64::try_from(now).ok()?).ok());
        match (after, now, asked, parts.next()) {
            (Some(after), Some(now), Some(asked), None) if asked == question => {
                Ok(Self { after: Some(after), now, question })
            }
            (Some(_), Some(_), Some(_), None) => Err(Error::invalid(
                "",
                "bad_cursor",
                "the cursor belongs to another query, tenant or order; go on with the one that gave it",
            )),
            _ => Err(Error::invalid("", "bad_cursor", "found no cursor; expected one as a page gave it, copied whole")),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Cursor {
    /// Any text; whether it is a cursor is told when it is used.
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for Cursor {
    type Err = std::convert::Infallible;

    /// Any text; whether it is a cursor is told when it is used.
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}
