//! JSON out: canonical bytes (RFC 8785).

use crate::Event;

/// Appends the canonical bytes of `event` to `out`.
pub(crate) fn write_event(_event: &Event, _out: &mut Vec<u8>) {
    todo!()
}
