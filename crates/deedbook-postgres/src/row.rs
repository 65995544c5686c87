//! A row of the outbox as the sequencer reads it.

/// One row of `deedbook.outbox`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number; the changes of one row of a table have rising ones.
    pub seq: i64,
    /// The transaction that wrote it.
    pub xid: u64,
    /// 0 for an event of `deedbook.record`, else the shape under which changes were written.
    pub shape: i32,
    /// The event as JSON, or changes in the compact form of the shape.
    pub body: String,
    /// Who was logged in, where the row has no context of its own.
    pub role: Option<String>,
    /// What [`crate::Origin::read`] reads; absent where an earlier row of the transaction has it.
    pub context: Option<String>,
}
