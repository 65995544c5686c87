//! Long reads take turns, on half of the processors, so that short reads and appends find one free; those that nobody
//! waits for any more end.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use deedbook_core::{Cancellation, Error, ErrorKind, Result};

/// What it costs to go past a position of an index, the unit of work.
pub(crate) const MEMBER: u32 = 1;

/// What it costs to look at an entry.
pub(crate) const ENTRY: u32 = 200;

/// How much a read does without a turn, and then in each of its turns: that of the largest page that is asked for over
/// HTTP, about 10 ms. It is counted, not timed: a short read that waits for a processor stays short.
const TURN: u32 = 1_000 * (ENTRY + MEMBER);

/// The turns of all reads of a store. They are given in the order in which they are asked for.
pub(crate) struct Turns {
    at_once: usize,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    /// How many turns were asked for; the next number.
    asked: u64,
    /// How many were given: the number that is next.
    given: u64,
    running: usize,
}

impl Turns {
    pub(crate) fn new() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self::of((processors / 2).max(1))
    }

    fn of(at_once: usize) -> Self {
        Self { at_once, queue: Mutex::default(), changed: Condvar::new() }
    }

    /// A read that begins now.
    pub(crate) fn begin(&self) -> Read<'_> {
        Read { turns: self, left: Cell::new(TURN), has_turn: Cell::new(false) }
    }

    fn take(&self) {
        let mut queue = self.queue();
        let number = queue.asked;
        queue.asked += 1;
        while queue.given != number || queue.running == self.at_once {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.given += 1;
        queue.running += 1;
        drop(queue);
        // Whoever is next may find room too.
        self.changed.notify_all();
    }

    fn give_back(&self) {
        self.queue().running -= 1;
        self.changed.notify_all();
    }

    fn is_awaited(&self) -> bool {
        let queue = self.queue();
        queue.asked > queue.given
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One read, which says how it gets on.
pub(crate) struct Read<'t> {
    turns: &'t Turns,
    /// How much it may do before it looks at the turns again.
    left: Cell<u32>,
    has_turn: Cell<bool>,
}

impl Read<'_> {
    /// This much is to be done. Waits here where the read has become a long one, or has had its turn; whoever calls holds
    /// no lock.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where a long read is not wanted any more.
    pub(crate) fn step(&self, work: u32) -> Result<()> {
        match self.left.get().checked_sub(work) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => self.wait(),
        }
    }

    #[cold]
    fn wait(&self) -> Result<()> {
        if self.turns.is_awaited() {
            self.end_turn();
        }
        if !self.has_turn.replace(true) {
            self.turns.take();
        }
        self.left.set(TURN);
        if Cancellation::is_cancelled_here() {
            return Err(Error::new(ErrorKind::Unavailable, "the read was given up"));
        }
        Ok(())
    }

    fn end_turn(&self) {
        if self.has_turn.replace(false) {
            self.turns.give_back();
        }
    }
}

impl Drop for Read<'_> {
    fn drop(&mut self) {
        self.end_turn();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Does as much as makes the read ask for a turn, or for another one.
    fn over(read: &Read<'_>) {
        read.step(TURN).expect("it is wanted");
        read.step(ENTRY).expect("it is wanted");
    }

    #[test]
    fn a_short_read_waits_for_nobody() {
        let turns = Turns::of(1);
        let long = turns.begin();
        over(&long);
        let short = turns.begin();
        (0..1_000).try_for_each(|_| short.step(ENTRY)).expect("it is wanted");
        assert!(long.has_turn.get() && !short.has_turn.get());
    }

    #[test]
    fn a_long_read_keeps_its_turn_while_nobody_waits() {
        let turns = Turns::of(1);
        let read = turns.begin();
        (0..3).for_each(|_| over(&read));
        assert!(read.has_turn.get());
        drop(read);
        assert_eq!(turns.queue().running, 0);
    }

    #[test]
    fn long_reads_run_a_bounded_number_at_once_and_all_come_to_their_end() {
        let turns = Turns::of(2);
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let read = turns.begin();
                    for _ in 0..50 {
                        over(&read);
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 2);
        let queue = turns.queue();
        assert_eq!((queue.running, queue.asked), (0, queue.given));
    }

    #[test]
    fn whoever_has_had_a_turn_lets_the_next_one_have_it() {
        let turns = Turns::of(1);
        let first = turns.begin();
        over(&first);
        thread::scope(|scope| {
            let second = scope.spawn(|| {
                let second = turns.begin();
                over(&second);
            });
            while !turns.is_awaited() {
                thread::yield_now();
            }
            over(&first);
            second.join().expect("the second read ends");
        });
        assert!(first.has_turn.get());
    }

    #[test]
    fn a_long_read_that_nobody_waits_for_ends() {
        let (turns, given_up) = (Turns::of(1), Cancellation::default());
        given_up.cancel();
        given_up.watch(|| {
            let read = turns.begin();
            assert!(read.step(TURN).is_ok(), "a short one is worth no question");
            let ended = read.step(ENTRY).expect_err("it was given up");
            assert_eq!(ended.kind(), ErrorKind::Unavailable);
        });
        assert_eq!(turns.queue().running, 0);
    }

    #[test]
    fn a_read_that_panics_gives_its_turn_back() {
        let turns = Turns::of(1);
        let panicked = thread::scope(|scope| {
            let read = || {
                let read = turns.begin();
                over(&read);
                panic!("on purpose");
            };
            scope.spawn(read).join()
        });
        assert!(panicked.is_err());
        assert_eq!(turns.queue().running, 0);
    }
}
