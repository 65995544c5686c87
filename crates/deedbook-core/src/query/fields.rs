//! The names of fields in the text of a query.

use super::{HasField, TextField};

impl TextField {
    /// Every textual field, in the order of the documentation.
    pub const ALL: [Self; 18] = [
        Self::Action,
        Self::Actor,
        Self::ActorType,
        Self::ActorName,
        Self::OnBehalfOf,
        Self::Principal,
        Self::Target,
        Self::TargetType,
        Self::TargetName,
        Self::Outcome,
        Self::Service,
        Self::Id,
        Self::RequestId,
        Self::CorrelationId,
        Self::TransactionId,
        Self::Audience,
        Self::Category,
        Self::Change,
    ];

    /// Its name in the text of a query, such as `actor.type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Actor => "actor",
            Self::ActorType => "actor.type",
            Self::ActorName => "actor.name",
            Self::OnBehalfOf => "on_behalf_of",
            Self::Principal => "principal",
            Self::Target => "target",
            Self::TargetType => "target.type",
            Self::TargetName => "target.name",
            Self::Outcome => "outcome",
            Self::Service => "service",
            Self::Id => "id",
            Self::RequestId => "request_id",
            Self::CorrelationId => "correlation_id",
            Self::TransactionId => "transaction_id",
            Self::Audience => "audience",
            Self::Category => "category",
            Self::Change => "change",
        }
    }

    /// The field of this name, or `None` for any other word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }

    /// Whether its values are compared by words rather than by characters.
    pub fn is_name(self) -> bool {
        matches!(self, Self::ActorName | Self::TargetName)
    }
}

/// What may stand before a colon, the path of `meta` aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldName {
    Text(TextField),
    Ip,
    Seq,
    Occurred,
    Recorded,
}

impl FieldName {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "ip" => Some(Self::Ip),
            "seq" => Some(Self::Seq),
            "occurred" => Some(Self::Occurred),
            "recorded" => Some(Self::Recorded),
            _ => TextField::from_name(name).map(Self::Text),
        }
    }
}

impl HasField {
    /// What `has:` asks for by this name; paths of `meta` are parsed elsewhere.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "ip" => Some(Self::Ip),
            "occurred" => Some(Self::Occurred),
            "error" => Some(Self::Error),
            "reason" => Some(Self::Reason),
            _ => TextField::from_name(name).map(Self::Text),
        }
    }
}

/// Names that may stand before a colon, for messages.
pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
    let others = ["ip", "seq", "occurred", "recorded", "meta.<path>", "has"];
    TextField::ALL.into_iter().map(TextField::as_str).chain(others)
}

/// Names that may stand after `has:`, for messages.
pub(super) fn has_names() -> impl Iterator<Item = &'static str> + Clone {
    let others = ["ip", "occurred", "meta.<path>", "error", "reason"];
    TextField::ALL.into_iter().map(TextField::as_str).chain(others)
}

/// The name that a misspelt `word` was probably meant to be: at most two letters off.
pub(super) fn nearest(word: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    if word.len() > 32 {
        return None;
    }
    let word = word.to_lowercase();
    names.map(|name| (distance(&word, name), name)).min().filter(|(distance, _)| *distance <= 2).map(|(_, name)| name)
}

/// Levenshtein distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
