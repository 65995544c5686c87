//! What a test runner printed → [`Counts`]: the closing lines of nextest and of libtest, and tests that did not run.

use std::fmt;
use std::ops::AddAssign;

/// How many checks and tests ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// One check that passed.
    pub(crate) const ONE_PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    /// One check that failed.
    pub(crate) const ONE_FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Who runs the tests. One that fails prints its own output, which may have closing lines of the other runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    Nextest,
    Libtest,
    Node,
}

impl Runner {
    /// The counts of one line of output if it closes a run. Ignored tests are not counted here: their names come from
    /// [`ignored_test`](Self::ignored_test).
    pub(crate) fn closing_line(self, line: &str) -> Option<Counts> {
        let outcomes = match self {
            Self::Nextest => line.trim_start().strip_prefix("Summary [")?.split_once(" run: ")?.1.split(", "),
            Self::Libtest => line.strip_prefix("test result: ")?.split_once(". ")?.1.split("; "),
            Self::Node => return counts_of_node(line),
        };
        let mut counts = Counts::default();
        for (number, word) in outcomes.filter_map(number_and_word) {
            match word {
                "passed" => counts.passed += number,
                "failed" | "timed" | "exec" => counts.failed += number,
                _ => {}
            }
        }
        Some(counts)
    }

    /// The name of the test that this line says was not run because it is marked `#[ignore]`.
    pub(crate) fn ignored_test(self, line: &str) -> Option<&str> {
        match self {
            Self::Nextest => {
                let place_and_name = line.trim_start().strip_prefix("SKIP [")?.split_once(']')?.1;
                place_and_name.split_once(") ").map(|(_, name)| name)
            }
            // They announce what they skip by the file, as all tests do.
            Self::Node => None,
            Self::Libtest => {
                let (name, end) = line.strip_prefix("test ")?.split_once(" ... ")?;
                end.starts_with("ignored").then_some(name)
            }
        }
    }
}

/// `ℹ pass 12` and `ℹ fail 0` are two of the closing lines of node, each with one count.
fn counts_of_node(line: &str) -> Option<Counts> {
    let (word, number) = line.strip_prefix("ℹ ")?.split_once(' ')?;
    let number = number.parse().ok()?;
    match word {
        "pass" => Some(Counts { passed: number, ..Counts::default() }),
        "fail" | "cancelled" => Some(Counts { failed: number, ..Counts::default() }),
        _ => None,
    }
}

/// `2 passed (1 slow)` → `(2, "passed")`.
fn number_and_word(outcome: &str) -> Option<(u64, &str)> {
    let mut parts = outcome.split_whitespace();
    Some((parts.next()?.parse().ok()?, parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    use Runner::{Libtest, Nextest, Node};

    fn check(runner: Runner, line: &str, expected: Option<(u64, u64)>) {
        let expected = expected.map(|(passed, failed)| Counts { passed, failed, skipped: 0 });
        assert_eq!(runner.closing_line(line), expected, "{line}");
    }

    #[test]
    fn closing_lines_of_nextest() {
        check(Nextest, "     Summary [   0.013s] 3 tests run: 3 passed, 0 skipped", Some((3, 0)));
        check(Nextest, "     Summary [   0.013s] 1 test run: 1 passed (1 slow), 2 skipped", Some((1, 0)));
        check(
            Nextest,
            "     Summary [   9.0s] 3/5 tests run: 1 passed, 1 failed, 1 timed out, 0 skipped",
            Some((1, 2)),
        );
        check(
            Nextest,
            "     Summary [   9.0s] 2 tests run: 1 passed (1 flaky), 1 exec failed, 0 skipped",
            Some((1, 1)),
        );
        check(Nextest, "        PASS [   0.003s] xtask counts::tests::closing_lines", None);
        check(Nextest, "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 8 filtered out", None);
    }

    #[test]
    fn closing_lines_of_libtest() {
        check(Libtest, "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; finished in 0.1s", Some((2, 0)));
        check(Libtest, "test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured", Some((2, 3)));
        check(Libtest, "test a::b ... ok", None);
        check(Libtest, "     Summary [   0.013s] 3 tests run: 3 passed, 0 skipped", None);
    }

    #[test]
    fn closing_lines_of_node() {
        check(Node, "ℹ pass 12", Some((12, 0)));
        check(Node, "ℹ fail 2", Some((0, 2)));
        check(Node, "ℹ cancelled 1", Some((0, 1)));
        check(Node, "ℹ tests 15", None);
        check(Node, "✔ pass 12 (3.1ms)", None);
        check(Libtest, "ℹ pass 12", None);
    }

    #[test]
    fn ignored_tests_are_named() {
        let nextest = "        SKIP [         ] (─────) xtask::bin/xtask counts::slow";
        assert_eq!(Nextest.ignored_test(nextest), Some("xtask::bin/xtask counts::slow"));
        assert_eq!(Nextest.ignored_test("        PASS [   0.003s] xtask SKIP"), None);
        assert_eq!(Libtest.ignored_test("test src/lib.rs - f (line 3) ... ignored"), Some("src/lib.rs - f (line 3)"));
        assert_eq!(Libtest.ignored_test("test a::b ... ignored, takes an hour"), Some("a::b"));
        assert_eq!(Libtest.ignored_test("test a::b ... ok"), None);
    }

    #[test]
    fn the_last_line_has_the_agreed_form() {
        let mut counts = Counts::ONE_PASSED;
        counts += Counts { passed: 11, failed: 0, skipped: 2 };
        assert_eq!(counts.to_string(), "12 passed, 0 failed, 2 skipped");
    }
}
