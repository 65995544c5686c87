//! The answer: a thing as it was, field by field, each with the entry that set it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Mark, Moment, TargetId};

/// A thing as it was at a moment, as far as the log knows.
///
/// The same in JSON; members that are absent or empty are left out, and `set_by` and its like are [`Mark`]s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Which thing.
    pub target: TargetId,
    /// At which moment.
    pub at: Moment,
    /// Whether it was there.
    pub existence: Existence,
    /// The entry by which it came to be, where the log has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<Mark>,
    /// The entry by which it ceased to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_by: Option<Mark>,
    /// Whether this was folded from all entries about the thing or from those that the reader may see.
    pub sight: Sight,
    /// What is known of it as one JSON document; without what is in `fields` as unknown. Absent where the thing was not
    /// there or nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Value>,
    /// Each field, by path: as large as one entry set it, so that `/address` is one field until something in it changes.
    pub fields: Vec<Field>,
    /// Places (JSON Pointers, the empty one is the whole thing) in which there may be more than `fields` lists, because
    /// the log does not say what was there to begin with.
    #[serde(default)]
    pub incomplete: Vec<String>,
    /// Where entries contradict each other, oldest first, at most [`CONTRADICTIONS_MAX`](super::CONTRADICTIONS_MAX),
    /// the newest: something changed and the log does not have it.
    #[serde(default)]
    pub contradictions: Vec<Contradiction>,
}

impl State {
    /// The field at exactly this JSON Pointer.
    pub fn field(&self, path: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.path == path)
    }

    /// Whether every place of the thing is known.
    pub fn is_complete(&self) -> bool {
        let known = |field: &Field| !matches!(field.value, FieldValue::Unknown(_));
        self.existence != Existence::Unknown && self.incomplete.is_empty() && self.fields.iter().all(known)
    }
}

/// Whether a thing was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existence {
    /// It was.
    Exists,
    /// It was not any more: the log has its end.
    Deleted,
    /// It was not yet: the log has its creation, and that came later.
    NotCreated,
    /// The log does not tell.
    Unknown,
}

/// From what a state was folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// Every entry about the thing.
    Whole,
    /// Those that the reader may see: others may have changed it too.
    Part,
}

/// One field of a thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// JSON Pointer to it.
    pub path: String,
    /// What it was.
    #[serde(flatten)]
    pub value: FieldValue,
    /// The entry that made it so; absent where that was before the log, or is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by: Option<Mark>,
    /// The later entry whose `from` told it, where no earlier one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learnt_from: Option<Mark>,
}

/// What is known of a place: in JSON `{"value": …}`, `{"absent": true}` or `{"unknown": "redacted"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "FieldValueOut", into = "FieldValueOut")]
pub enum FieldValue {
    /// This value; null is one.
    Known(Value),
    /// It is known that nothing was there.
    Absent,
    /// It is not known, and this is why.
    Unknown(Unknown),
}

impl FieldValue {
    /// The value, where there is one and it is known.
    pub fn known(&self) -> Option<&Value> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unknown(_) => None,
        }
    }
}

/// Why a place is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// No entry says.
    NotRecorded,
    /// The value was kept out of the log.
    Redacted,
    /// The value, or the place that changed, was erased from the log.
    Erased,
    /// The outcome of the act that would have changed it is unknown.
    Uncertain,
    /// A list changed in a way that can be read as putting in and taking out, or as overwriting place by place.
    Ambiguous,
}

impl Unknown {
    /// The word for it, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRecorded => "not_recorded",
            Self::Redacted => "redacted",
            Self::Erased => "erased",
            Self::Uncertain => "uncertain",
            Self::Ambiguous => "ambiguous",
        }
    }
}

/// An entry says that a field was something else than the entries before it had made it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contradiction {
    /// JSON Pointer to the field.
    pub path: String,
    /// What the entries before had made it.
    pub expected: FieldValue,
    /// The last of those entries, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by: Option<Mark>,
    /// What the entry gives as `from`.
    pub found: Value,
    /// That entry.
    pub found_by: Mark,
}

/// [`FieldValue`] on the wire.
#[derive(Serialize, Deserialize)]
struct FieldValueOut {
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    value: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    absent: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unknown: Option<Unknown>,
}

/// Keeps a null that is there apart from a member that is not.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl From<FieldValue> for FieldValueOut {
    fn from(value: FieldValue) -> Self {
        let nothing = Self { value: None, absent: None, unknown: None };
        match value {
            FieldValue::Known(value) => Self { value: Some(value), ..nothing },
            FieldValue::Absent => Self { absent: Some(true), ..nothing },
            FieldValue::Unknown(unknown) => Self { unknown: Some(unknown), ..nothing },
        }
    }
}

impl TryFrom<FieldValueOut> for FieldValue {
    type Error = &'static str;

    fn try_from(out: FieldValueOut) -> Result<Self, Self::Error> {
        match out {
            FieldValueOut { value: Some(value), absent: None, unknown: None } => Ok(Self::Known(value)),
            FieldValueOut { value: None, absent: Some(true), unknown: None } => Ok(Self::Absent),
            FieldValueOut { value: None, absent: None, unknown: Some(unknown) } => Ok(Self::Unknown(unknown)),
            _ => Err("expected exactly one of \"value\", \"absent\": true, and \"unknown\""),
        }
    }
}
