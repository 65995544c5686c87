//! Positions as they are shown: one that a server did not give is left out.

use deedbook_core::{Entry, Receipt, csv};

use crate::remote::WITHHELD;

/// The JSON of an entry.
pub(crate) fn entry_json(entry: &Entry) -> Vec<u8> {
    if is_known(&entry.receipt) { entry.to_json() } else { entry.to_json_unpositioned() }
}

/// The JSON of a receipt.
pub(crate) fn receipt_json(receipt: &Receipt) -> Vec<u8> {
    if is_known(receipt) { receipt.to_json() } else { receipt.to_json_unpositioned() }
}

/// An entry as a row of CSV.
pub(super) fn csv_row(entry: &Entry) -> String {
    if is_known(&entry.receipt) { csv::row(entry) } else { csv::row_unpositioned(entry) }
}

/// The position as text, where it is known.
pub(crate) fn position_text(receipt: &Receipt) -> Option<String> {
    is_known(receipt).then(|| receipt.position.to_string())
}

fn is_known(receipt: &Receipt) -> bool {
    receipt.position < WITHHELD
}
