//! The clock stands still, goes back an hour, jumps ten years ahead and back: numbers and times never run backwards.

use deedbook_core::Atomicity;
use deedbook_testkit::disk::SimulatedDisk;

use super::script::{Act, Client, Gate, options};

const HOUR: i64 = 3600;
const TEN_YEARS: i64 = 10 * 365 * 24 * HOUR;

#[test]
fn nothing_runs_backwards_when_the_clock_does() {
    for jumps in [
        &[0, 0, 0][..],
        &[-HOUR, 0, 1],
        &[TEN_YEARS, -TEN_YEARS, -HOUR],
        &[-HOUR, TEN_YEARS, -HOUR],
        &[-TEN_YEARS, -TEN_YEARS, -TEN_YEARS],
    ] {
        let disk = SimulatedDisk::new();
        let mut client = Client::new(&disk, 9);
        let mut number = 90_000;
        for &jump in jumps {
            for last in [Act::Append(vec![], Atomicity::PerEvent), Act::Compact, Act::Reopen] {
                let mut fresh = |count: u64| {
                    number += count;
                    (number - count..number).collect()
                };
                client.act(&Act::Append(fresh(5), Atomicity::PerEvent));
                client.act(&Act::MoveClock(jump));
                client.act(&Act::Append(fresh(1), Atomicity::PerEvent));
                client.act(&last);
                client.act(&Act::MoveClock(-jump / 2));
                client.act(&Act::Append(fresh(2), Atomicity::AllOrNothing));
            }
        }
        assert!(client.errors.is_empty(), "{jumps:?}: {:?}", client.errors);
        // The judge's clock stands at the first instant again; the process was killed, so that the log is recovered.
        let left = disk.kill_at(disk.steps());
        let verdict = client.ledger.judge(&left, usize::MAX, options(9, &Gate::new()), true);
        assert!(verdict.is_clean() && verdict.entries == 8 * 9, "{jumps:?}: {verdict:#?}");
    }
}
