//! Which thing: `TYPE:ID`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, Target};

/// Type and id of the thing whose history is asked for, written `TYPE:ID`; TYPE ends at the first colon.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetId {
    kind: String,
    id: String,
}

impl TargetId {
    /// The thing of type `kind` with this id.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where one of them is empty or the type has a colon.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Result<Self> {
        let (kind, id) = (kind.into(), id.into());
        if kind.is_empty() || id.is_empty() || kind.contains(':') {
            let detail = "expected a type, a colon and an id, such as invoice:7; the type ends at the first colon";
            return Err(Error::invalid("", "bad_target", detail));
        }
        Ok(Self { kind, id })
    }

    /// Its type.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether `target` is this thing.
    pub(super) fn is(&self, target: &Target) -> bool {
        target.kind == self.kind && target.id == self.id
    }
}

impl FromStr for TargetId {
    type Err = Error;

    /// Reads `TYPE:ID`.
    fn from_str(text: &str) -> Result<Self> {
        let (kind, id) = text.split_once(':').unwrap_or_default();
        Self::new(kind, id)
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

impl TryFrom<String> for TargetId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<TargetId> for String {
    fn from(target: TargetId) -> Self {
        target.to_string()
    }
}
