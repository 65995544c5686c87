//! Text of strangers made fit for a terminal; what is dangerous there, [`deedbook_core::visible`] knows.

pub(crate) use deedbook_core::visible::{visible as safe, visible_json as safe_json};
