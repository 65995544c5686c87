//! Where the present instant comes from.

use std::sync::Arc;

use deedbook_core::Timestamp;

/// Gives the present instant.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
