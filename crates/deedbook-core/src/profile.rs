//! Which values of an entry a reader sees as they are: the [`FieldProfile`] of a [`Scope`](crate::Scope).
//!
//! It is applied before anything is asked: queries, counts, histories and exports have the masked entry before them,
//! so that a hidden value cannot be found by asking. Whether an entry is the reader's to see at all is judged on the
//! true one, for that is the business of whoever made the scope.

mod shape;
mod treat;

use crate::commitment::Key;
use crate::pointer;
use crate::query::{Condition, HasField, TextField};
use crate::{Entry, Error, Problem, Result};
use shape::Shape;

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It is shown.
    Show,
    /// `***` stands in its place.
    Mask,
    /// `hash:` and 16 hexadecimal digits of a keyed hash stand in its place: equal values look equal. An address of the
    /// network becomes one of `2001:db8::/32`, which are nobody's.
    Hash,
    /// An address of the network keeps its network, 24 bits of IPv4 and 48 of IPv6; what is no address is masked.
    Truncate,
    /// It is left out; where something must stand, it is masked.
    Drop,
}

impl Treatment {
    /// Every treatment, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Show, Self::Mask, Self::Hash, Self::Truncate, Self::Drop];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Mask => "mask",
            Self::Hash => "hash",
            Self::Truncate => "truncate",
            Self::Drop => "drop",
        }
    }

    /// The treatment of a word on the wire, or `None` for any other word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|treatment| treatment.as_str() == word)
    }
}

/// What becomes of the values at a place and below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRule {
    /// JSON Pointer into the event, `*` being any one name or place of a list: `/actor/email`, `/targets/*/name`,
    /// `/metadata/salary`. Below `/changes` the name is the path of the field that changed: `/changes/~1salary` covers
    /// that field, and it alone where a change has more in it; then `from` or `to` may follow. The empty one is
    /// everything that can be hidden.
    pub path: String,
    /// What becomes of them.
    pub treatment: Treatment,
}

/// Rules, of which the first that covers a value decides; what none covers is shown.
///
/// Hidden can be all below `/actor`, `/targets`, `/changes`, `/context`, `/reason`, `/error`, `/correlation_id`,
/// `/transaction_id`, `/source`, `/schema`, `/description` and `/metadata`, but the types of actors, targets and
/// credentials and the paths of changes. Of an actor that is dropped the type is left. A description repeats what
/// other values say: it is dropped wherever anything is hidden and no rule names it. So are the queries of others in the
/// log's own entries about reads.
#[derive(Clone, Debug)]
pub struct FieldProfile {
    /// Applied one after the other, each to what the one before leaves.
    layers: Vec<Layer>,
}

#[derive(Clone, Debug)]
struct Layer {
    rules: Vec<Rule>,
    key: Key,
}

#[derive(Clone, Debug)]
struct Rule {
    path: Vec<String>,
    treatment: Treatment,
}

/// Names on the way to the description.
const DESCRIPTION: &str = "description";

impl FieldProfile {
    /// A profile of `rules`; hashes are made under `key`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with a problem at `/0/path`, `/1/path` … for each path that
    /// leads nowhere or to what cannot be hidden.
    pub fn new(rules: &[FieldRule], key: Key) -> Result<Self> {
        let mut compiled = Vec::with_capacity(rules.len() + 1);
        let mut problems = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            match names(&rule.path) {
                Ok(path) => compiled.push(Rule { path, treatment: rule.treatment }),
                Err(detail) => problems.push(Problem {
                    pointer: format!("/{index}/path"),
                    code: "bad_path".into(),
                    detail: detail.to_owned(),
                }),
            }
        }
        if !problems.is_empty() {
            return Err(Error::from_problems(problems));
        }
        let described = compiled.iter().any(|rule| rule.path == [DESCRIPTION]);
        if !described && compiled.iter().any(Rule::hides) {
            compiled.push(Rule { path: vec![DESCRIPTION.to_owned()], treatment: Treatment::Drop });
        }
        Ok(Self { layers: vec![Layer { rules: compiled, key }] })
    }

    /// This profile, and then `next` on what it leaves.
    pub fn then(mut self, next: Self) -> Self {
        self.layers.extend(next.layers);
        self
    }

    /// The entry as the reader sees it: event and canonical bytes are the masked ones, which no hash is made of.
    pub fn applied(&self, entry: &Entry) -> Entry {
        treat::applied(&self.layers, entry)
    }

    /// Whether some value that `condition` asks about may be another than the true one, so that no index of true values
    /// can answer it.
    pub fn touches(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Text(field, _) | Condition::Has(HasField::Text(field)) => self.touches_field(*field),
            Condition::Ip(_) | Condition::Has(HasField::Ip) => self.touches_path(&["context", "ip"]),
            Condition::Has(HasField::Error) => self.touches_path(&["error"]),
            Condition::Has(HasField::Reason) => self.touches_path(&["reason"]),
            // Queries in the metadata of the log's own entries are hidden with anything else.
            Condition::Words(_) | Condition::Meta(..) | Condition::Has(HasField::Meta(_)) => {
                self.rules().any(Rule::hides)
            }
            Condition::Seq(_)
            | Condition::Occurred(_)
            | Condition::Recorded(_)
            | Condition::Has(HasField::Occurred) => false,
        }
    }

    fn touches_field(&self, field: TextField) -> bool {
        match field {
            TextField::Action
            | TextField::ActorType
            | TextField::Outcome
            | TextField::Id
            | TextField::Audience
            | TextField::Category => false,
            TextField::Actor => self.touches_path(&["actor", "id"]),
            TextField::ActorName => self.touches_path(&["actor", "name"]),
            TextField::OnBehalfOf => self.touches_path(&["actor", "on_behalf_of"]),
            TextField::Principal => self.touches_path(&["actor"]) || self.touches_path(&["targets"]),
            TextField::Target | TextField::TargetType => self.touches_path(&["targets", "*", "id"]),
            TextField::TargetName => self.touches_path(&["targets", "*", "name"]),
            TextField::Service => self.touches_path(&["source", "service"]),
            TextField::RequestId => self.touches_path(&["context", "request_id"]),
            TextField::CorrelationId => self.touches_path(&["correlation_id"]),
            TextField::TransactionId => self.touches_path(&["transaction_id"]),
            TextField::Change => self.touches_path(&["changes"]),
        }
    }

    /// Whether a rule hides something at `path`, above it or below it.
    fn touches_path(&self, path: &[&str]) -> bool {
        self.rules().any(|rule| {
            let same = |(a, b): (&String, &&str)| a == *b || a == "*" || *b == "*";
            rule.hides() && rule.path.iter().zip(path).all(same)
        })
    }

    fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.layers.iter().flat_map(|layer| &layer.rules)
    }
}

impl Rule {
    fn hides(&self) -> bool {
        self.treatment != Treatment::Show
    }
}

/// The names of a path that leads to something that can be hidden.
fn names(path: &str) -> Result<Vec<String>, &'static str> {
    let names = pointer::parse(path)
        .ok_or("expected a JSON Pointer such as \"/actor/email\"; a \"/\" in a name is written \"~1\"")?;
    let mut shape = Shape::Event;
    for name in &names {
        shape = shape.of_rule(name).ok_or(
            "no event has a value there; take a member of the event, \"*\" for each of \"targets\", and below \
             \"/changes\" the path of a field with \"~1\" for \"/\"",
        )?;
    }
    if shape == Shape::Kept {
        Err("this member cannot be hidden, for entries are found and sorted by it")
    } else {
        Ok(names)
    }
}

#[cfg(test)]
mod tests;
