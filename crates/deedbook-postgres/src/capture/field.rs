//! What became of one field of a row.

use deedbook_core::serde_json::Value;

use super::definition::Column;
use super::value;

/// A field of a row with its values, as they stand in the outbox.
pub(super) struct Field {
    pub(super) path: String,
    pub(super) is_personal: bool,
    pub(super) values: Values,
}

/// What is known of a field's values; a side is absent where there is none.
pub(super) enum Values {
    Masked,
    Known { from: Option<Side>, to: Option<Side> },
}

/// One value of a field.
pub(super) enum Side {
    Whole(Value),
    /// Its length and hash; the trigger found it too large.
    Digest(Value),
}

impl Side {
    pub(super) fn read(column: &Column, written: Value) -> Self {
        let side = if value::is_digest(&written) { Self::Digest } else { Self::Whole };
        side(value::read(column.form, written))
    }
}
