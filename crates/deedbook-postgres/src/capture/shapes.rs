//! The shapes that a sequencer has met: each is read once, for it never changes.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use deedbook_core::Result;

use super::Definition;
use crate::Row;

/// Definitions by the id of their shape. A schema that changes daily for ten years has a few thousand.
#[derive(Debug, Default)]
pub(crate) struct Shapes(RwLock<HashMap<i32, Arc<Definition>>>);

impl Shapes {
    pub(crate) fn get(&self, shape: i32) -> Option<Arc<Definition>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&shape).cloned()
    }

    /// The shapes of these rows that were not added yet.
    pub(crate) fn unknown(&self, rows: &[Row]) -> Vec<i32> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut unknown: Vec<i32> = rows.iter().map(|row| row.shape).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown.retain(|shape| *shape != 0 && !known.contains_key(shape));
        unknown
    }

    pub(crate) fn add(&self, shape: i32, definition: &str) -> Result<()> {
        let definition = Arc::new(Definition::from_json(definition)?);
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(shape, definition);
        Ok(())
    }
}
