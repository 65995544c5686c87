//! JSON in: a strict parser that refuses what canonical bytes cannot hold.

use serde_json::Value;

use crate::Result;

/// Parses one JSON document.
pub(crate) fn parse(_bytes: &[u8], _depth_max: usize) -> Result<Value> {
    todo!()
}
