//! From which `seq` on rounds read: rows that were deleted stay in the index while any snapshot may see them, a backup's
//! for hours, and need not be passed each time.
//!
//! Whoever writes a row has its transaction id before it takes a `seq` (`deedbook.pending_context` sees to it), so rows
//! up to a `seq` that was seen belong to transactions with ids below any that is given afterwards. Once a round's snapshot
//! shows all of those ended, what is left of them was delivered.

use std::time::Duration;

use tokio::time::Instant;

/// How often a round reads from the beginning: for rows that people put back under their old numbers.
const WHOLE_INTERVAL: Duration = Duration::from_secs(60);

/// What is known of the beginning of the outbox.
pub(crate) struct Floor {
    seq: i64,
    mark: Option<Mark>,
    whole_at: Instant,
}

/// Transactions with an id from `xid` on write rows behind `seq` only.
#[derive(Clone, Copy)]
struct Mark {
    seq: i64,
    xid: u64,
}

/// What a round has read to its end.
pub(crate) struct Round {
    /// The last row.
    pub(crate) seq: i64,
    /// The transactions below this one had ended.
    pub(crate) xmin: u64,
    /// An id that was given after the round had read.
    pub(crate) xid: u64,
}

impl Floor {
    pub(crate) fn new(now: Instant) -> Self {
        Self { seq: i64::MIN, mark: None, whole_at: now + WHOLE_INTERVAL }
    }

    /// Behind which `seq` the next round begins.
    pub(crate) fn next(&mut self, now: Instant) -> i64 {
        if now < self.whole_at {
            return self.seq;
        }
        self.whole_at = now + WHOLE_INTERVAL;
        i64::MIN
    }

    pub(crate) fn ended(&mut self, round: &Round) {
        match self.mark {
            Some(mark) if round.xmin < mark.xid => return,
            Some(mark) => self.seq = self.seq.max(mark.seq),
            None => {}
        }
        self.mark = Some(Mark { seq: round.seq, xid: round.xid });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_when_all_that_wrote_have_ended() {
        let now = Instant::now();
        let mut floor = Floor::new(now);
        let mut round = |seq, xmin, xid| {
            floor.ended(&Round { seq, xmin, xid });
            floor.next(now)
        };
        assert_eq!(round(10, 100, 105), i64::MIN);
        assert_eq!(round(20, 104, 110), i64::MIN, "transaction 104 may still write what is before 10");
        assert_eq!(round(30, 105, 115), 10);
        assert_eq!(round(40, 114, 120), 10);
        assert_eq!(round(50, 200, 201), 30);
    }

    #[test]
    fn now_and_then_it_is_the_beginning() {
        let now = Instant::now();
        let mut floor = Floor::new(now);
        floor.ended(&Round { seq: 10, xmin: 1, xid: 2 });
        floor.ended(&Round { seq: 20, xmin: 2, xid: 3 });
        assert_eq!(floor.next(now), 10);
        assert_eq!(floor.next(now + WHOLE_INTERVAL), i64::MIN);
        assert_eq!(floor.next(now + WHOLE_INTERVAL), 10);
    }
}
