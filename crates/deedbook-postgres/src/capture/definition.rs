//! What the columns of a captured table were when rows of the outbox were written: `deedbook.shape.definition`.

use deedbook_core::{Error, ErrorKind, Result, serde_json};
use serde::Deserialize;

/// How a captured table is written and what its rows are called, as `deedbook.describe` makes it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Definition {
    pub(crate) schema: String,
    pub(crate) table: String,
    /// The type of targets, and the first part of actions.
    pub(crate) entity: String,
    /// Numbers of the columns that make the id of a target; none where the table has no key.
    pub(crate) id: Vec<i16>,
    pub(crate) label: Option<i16>,
    pub(crate) tenant: Option<i16>,
    pub(crate) audience: Option<Vec<String>>,
    pub(crate) category: Option<String>,
    /// The table does nothing but join its two targets.
    pub(crate) link: bool,
    pub(crate) targets: Vec<Reference>,
    pub(crate) columns: Vec<Column>,
}

/// A column that is captured.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Column {
    /// Its number in the table, which it keeps when it is renamed.
    pub(crate) n: i16,
    pub(crate) name: String,
    pub(crate) form: Form,
    /// Its values are not written.
    pub(crate) mask: bool,
    /// Its value stands at the front of every change, for something is named by it.
    pub(crate) carried: bool,
    pub(crate) personal: bool,
}

/// How the values of a column stand in the outbox, and so what they become in an event.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// Digits that a number of JSON may not hold exactly: a string.
    Integer,
    /// The text of a JSON document.
    Json,
    /// A moment in any time zone: in UTC.
    Instant,
    /// An exact number, `true` or `false`, text, or a list of those: what it is.
    #[serde(other)]
    Plain,
}

/// A foreign key that names a further target.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Reference {
    pub(crate) entity: String,
    /// The columns of the key, in this table.
    pub(crate) columns: Vec<i16>,
    /// How many values make the id, where it was looked up in the other table; a label may follow them there. Absent
    /// where the columns themselves are the id.
    pub(crate) ids: Option<usize>,
}

impl Definition {
    /// Reads the JSON of `deedbook.shape.definition`.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) where it is none.
    pub fn from_json(json: &str) -> Result<Self> {
        serde_json::from_str(json).map_err(|error| {
            Error::new(
                ErrorKind::Corrupt,
                "the definition of a shape cannot be read; was it written by a newer version?",
            )
            .with_source(error)
        })
    }

    pub(crate) fn column(&self, number: i16) -> Option<&Column> {
        self.columns.iter().find(|column| column.n == number)
    }
}
