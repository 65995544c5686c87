//! What a filter means: text → [`Query`] → [`Query::matches`]. One parser and one meaning serve every store.
//!
//! The grammar is in API.md, "The query language". Relative times are resolved when the text is parsed, so that a
//! [`Query`] has no clock; stores may answer from an index, but never differently from [`Query::matches`].

mod display;
mod error;
mod fields;
mod matches;
mod number;
mod parse;
mod scanner;
mod times;
mod values;
mod words;

use std::net::IpAddr;

use jiff::Timestamp;

pub use error::ParseError;
pub(crate) use matches::is_principal;
pub use parse::{ParseOptions, QUERY_BYTES_MAX, QUERY_DEPTH_MAX};
pub use words::{WORD_BYTES_MAX, texts, words};

/// A filter over entries; the empty query matches all.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub(crate) expression: Expression,
}

/// The tree of a [`Query`].
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// All of these match; the empty list matches everything.
    And(Vec<Expression>),
    /// One of these matches; the empty list matches nothing.
    Or(Vec<Expression>),
    /// This does not match.
    Not(Box<Expression>),
    /// One condition.
    Is(Condition),
}

/// One condition on an entry.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// A textual field has this value. A list of values in the text becomes an [`Expression::Or`].
    Text(TextField, Pattern),
    /// `ip:` address or network in CIDR form; an address is a network with all bits.
    Ip(IpNetwork),
    /// `seq:` within these bounds.
    Seq(Bounds<u64>),
    /// `occurred:` (else recorded) within these bounds.
    Occurred(Bounds<Timestamp>),
    /// `recorded:` within these bounds.
    Recorded(Bounds<Timestamp>),
    /// `meta.<path>:` a value at a path of `metadata`, whose names are given outermost first.
    Meta(Vec<String>, MetaTest),
    /// `has:` the entry has a value there.
    Has(HasField),
    /// Consecutive words in one text of names, description, changes or metadata; one word is a phrase of one.
    Words(WordsTest),
}

/// Fields whose values are text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TextField {
    /// The action, exactly.
    Action,
    /// Id or `TYPE:ID` of the actor.
    Actor,
    /// Type of the actor.
    ActorType,
    /// Words of the actor's name.
    ActorName,
    /// Id or `TYPE:ID` of anyone behind the actor.
    OnBehalfOf,
    /// Id or `TYPE:ID` in any role: actor, behind the actor, or target.
    Principal,
    /// Id or `TYPE:ID` of a target.
    Target,
    /// Type of a target.
    TargetType,
    /// Words of a target's name.
    TargetName,
    /// The outcome.
    Outcome,
    /// `source.service`.
    Service,
    /// Id of the event.
    Id,
    /// `context.request_id`.
    RequestId,
    /// `correlation_id`.
    CorrelationId,
    /// `transaction_id`.
    TransactionId,
    /// A label of the audience.
    Audience,
    /// The category.
    Category,
    /// Path of a change: this path or one below it.
    Change,
}

/// What a textual field is compared with: case-sensitive, but for names, which are compared by words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Equal.
    Exact(String),
    /// Begins with this; `word*` in the text.
    Prefix(String),
}

/// A network of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpNetwork {
    /// Any address of the network; IPv4-mapped IPv6 addresses count as IPv4.
    pub address: IpAddr,
    /// Leading bits that must agree: at most 32 or 128.
    pub prefix_bits: u8,
}

/// A range; an absent bound is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds<T> {
    /// At least this.
    pub from: Option<T>,
    /// Less than this. For times "at most t" becomes "less than t plus one microsecond".
    pub until: Option<T>,
}

/// A condition on one value of `metadata`.
#[derive(Clone, Debug, PartialEq)]
pub enum MetaTest {
    /// A string, number or boolean with this text (numbers by value); of a list, one of its elements.
    Text(Pattern),
    /// A number within these bounds.
    Number {
        /// Lower bound and whether it is itself included.
        from: Option<(f64, Inclusive)>,
        /// Upper bound and whether it is itself included.
        to: Option<(f64, Inclusive)>,
    },
}

/// Whether a bound belongs to its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inclusive {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// What `has:` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HasField {
    /// A field that a textual condition can name.
    Text(TextField),
    /// `has:ip`.
    Ip,
    /// `has:occurred`: the caller gave `occurred_at`.
    Occurred,
    /// `has:meta.<path>`.
    Meta(Vec<String>),
    /// `has:error`.
    Error,
    /// `has:reason`.
    Reason,
}

/// Consecutive words, normalised as [`words()`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordsTest {
    /// At least one.
    pub words: Vec<String>,
    /// Whether the last one may be only the beginning of a word.
    pub last: LastWord,
}

/// How the last word of a phrase is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastWord {
    /// As a whole word.
    Whole,
    /// As the beginning of a word; `word*` in the text.
    Prefix,
}

impl Query {
    /// The query that matches every entry.
    pub fn all() -> Self {
        Self { expression: Expression::And(Vec::new()) }
    }

    /// A query with this tree, for stores and scopes.
    pub fn from_expression(expression: Expression) -> Self {
        Self { expression }
    }

    /// The tree of this query.
    pub fn expression(&self) -> &Expression {
        &self.expression
    }
}

/// What a time written as in queries names; `None` where `text` is no time.
pub(crate) fn named_time(text: &str, options: &ParseOptions) -> Option<Bounds<Timestamp>> {
    times::NamedTime::parse(text, options).map(times::NamedTime::bounds)
}

impl Default for Query {
    /// The query that matches every entry.
    fn default() -> Self {
        Self::all()
    }
}
