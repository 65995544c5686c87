//! How much memory the fields of one thing may take.

use super::node::Node;
use crate::{Entry, Error, ErrorKind, Result};

/// Bytes that the fields of one thing may take in memory: 32 MiB, some 128 of the largest events.
pub const STATE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes of entries between two looks at the fields: an eighth, so that looking costs no more than reading.
const LOOK_BYTES: usize = STATE_BYTES_MAX / 8;

/// Watches the fields of a thing grow.
#[derive(Clone, Debug, Default)]
pub(super) struct Bound {
    bytes_since: usize,
}

impl Bound {
    /// `entry` has been folded into `root`.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] when the fields take more than [`STATE_BYTES_MAX`].
    pub(super) fn check(&mut self, entry: &Entry, root: &Node) -> Result<()> {
        self.bytes_since += entry.canonical.len();
        if self.bytes_since < LOOK_BYTES {
            return Ok(());
        }
        self.bytes_since = 0;
        if root.weight() <= STATE_BYTES_MAX {
            return Ok(());
        }
        // Without its name: what a caller sent is not repeated.
        let message =
            format!("the fields of the thing take more than {STATE_BYTES_MAX} bytes; its state is not folded");
        Err(Error::new(ErrorKind::TooLarge, message))
    }
}
