//! Which origin each row has: the context stands with the first row of its transaction only.
//!
//! A transaction may be larger than a batch. Its context is kept in memory, and the row that has it stays in the outbox
//! while more rows of the transaction may come, so that a crash finds it again. Those rows are few: a process of the
//! server writes one transaction after another, so the next context from a process ends the one before.

use std::collections::HashMap;
use std::sync::Arc;

use crate::{Origin, Row};

/// The contexts of a round, which reads the rows that one snapshot shows, by rising `seq`.
#[derive(Default)]
pub(crate) struct Contexts {
    open: HashMap<Writer, Open>,
    writers: HashMap<u64, Writer>,
}

/// Who writes transactions one after another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Writer {
    /// A process of the server.
    Backend(i64),
    /// A context that does not tell; it stays open until the round ends.
    Unknown(u64),
}

/// The last context of a writer.
struct Open {
    xid: u64,
    seq: i64,
    origin: Arc<Origin>,
}

impl Contexts {
    /// The origin of the next row.
    pub(crate) fn origin(&mut self, row: &Row) -> Arc<Origin> {
        let Some(context) = &row.context else { return self.known(row) };
        let origin = Arc::new(Origin::read(context));
        let writer = origin.backend().map_or(Writer::Unknown(row.xid), Writer::Backend);
        let open = Open { xid: row.xid, seq: row.seq, origin: origin.clone() };
        if let Some(ended) = self.open.insert(writer, open) {
            self.writers.remove(&ended.xid);
        }
        self.writers.insert(row.xid, writer);
        origin
    }

    /// That of the transaction; where it has left its context out, what the row knows by itself.
    fn known(&self, row: &Row) -> Arc<Origin> {
        let open = self.writers.get(&row.xid).and_then(|writer| self.open.get(writer));
        open.map_or_else(|| Arc::new(Origin::without_context(row.role.clone())), |open| open.origin.clone())
    }

    /// The rows whose contexts rows of later batches may have.
    pub(crate) fn open_seqs(&self) -> impl Iterator<Item = i64> {
        self.open.values().map(|open| open.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seq: i64, xid: u64, context: Option<String>) -> Row {
        Row { seq, xid, shape: 0, body: String::new(), role: Some("logged in".to_owned()), context }
    }

    fn context(pid: Option<i64>, role: &str) -> Option<String> {
        let pid = pid.map(|pid| format!("\"pid\":{pid},")).unwrap_or_default();
        Some(format!("{{{pid}\"role\":\"{role}\"}}"))
    }

    /// The roles of rows, and what stays in the outbox after them.
    fn check(rows: &[(u64, Option<String>)], roles: &[&str], open: &[i64]) {
        let mut contexts = Contexts::default();
        let origins = (1..).zip(rows).map(|(seq, (xid, context))| contexts.origin(&row(seq, *xid, context.clone())));
        let found: Vec<String> = origins.map(|origin| origin.actor().id.unwrap_or_default()).collect();
        assert_eq!(found, roles);
        let mut seqs: Vec<i64> = contexts.open_seqs().collect();
        seqs.sort_unstable();
        assert_eq!(seqs, open);
    }

    #[test]
    fn rows_have_the_last_context_of_their_transaction() {
        let (a, b) = (|role| context(Some(1), role), |role| context(Some(2), role));
        check(&[], &[], &[]);
        check(&[(7, None)], &["logged in"], &[]);
        check(&[(7, a("x")), (7, None), (8, b("y")), (7, None), (8, None)], &["x", "x", "y", "x", "y"], &[1, 3]);
        check(&[(7, a("x")), (7, a("y")), (7, None)], &["x", "y", "y"], &[2]);
    }

    #[test]
    fn a_process_ends_one_transaction_before_the_next() {
        let a = |role| context(Some(1), role);
        check(&[(7, a("x")), (8, a("y")), (7, None), (8, None)], &["x", "y", "logged in", "y"], &[2]);
    }

    #[test]
    fn a_context_of_an_unknown_process_stays() {
        check(&[(7, context(None, "x")), (8, context(None, "y")), (7, None)], &["x", "y", "x"], &[1, 2]);
    }
}
