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

/// The counts of one line of a runner's output if it closes a run. Ignored tests are not counted here: their names
/// come from [`ignored_test`].
pub(crate) fn closing_line(line: &str) -> Option<Counts> {
    let line = line.trim_start();
    let outcomes = if line.starts_with("Summary [") {
        line.split_once(" run: ")?.1.split(", ")
    } else {
        line.strip_prefix("test result: ")?.split_once(". ")?.1.split("; ")
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
pub(crate) fn ignored_test(line: &str) -> Option<&str> {
    let line = line.trim();
    if let Some(nextest) = line.strip_prefix("SKIP [") {
        return Some(nextest.split_once(']')?.1.trim());
    }
    let (name, end) = line.strip_prefix("test ")?.split_once(" ... ")?;
    end.starts_with("ignored").then_some(name)
}

/// `2 passed (1 slow)` → `(2, "passed")`.
fn number_and_word(outcome: &str) -> Option<(u64, &str)> {
    let mut parts = outcome.split_whitespace();
    Some((parts.next()?.parse().ok()?, parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(u64, u64)>) {
        let expected = expected.map(|(passed, failed)| Counts { passed, failed, skipped: 0 });
        assert_eq!(closing_line(line), expected, "{line}");
    }

    #[test]
    fn closing_lines() {
        check("     Summary [   0.013s] 3 tests run: 3 passed, 0 skipped", Some((3, 0)));
        check("     Summary [   0.013s] 1 test run: 1 passed (1 slow), 2 skipped", Some((1, 0)));
        check("     Summary [   9.013s] 3/5 tests run: 1 passed, 1 failed, 1 timed out, 0 skipped", Some((1, 2)));
        check("     Summary [   9.013s] 2 tests run: 1 passed (1 flaky), 1 exec failed, 0 skipped", Some((1, 1)));
        check(
            "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s",
            Some((2, 0)),
        );
        check("test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out", Some((2, 3)));
        check("test a::b ... ok", None);
        check("        PASS [   0.003s] xtask counts::tests::closing_lines", None);
    }

    #[test]
    fn ignored_tests_are_named() {
        assert_eq!(ignored_test("        SKIP [         ] xtask counts::slow"), Some("xtask counts::slow"));
        assert_eq!(ignored_test("test src/lib.rs - f (line 3) ... ignored"), Some("src/lib.rs - f (line 3)"));
        assert_eq!(ignored_test("test a::b ... ignored, takes an hour"), Some("a::b"));
        assert_eq!(ignored_test("test a::b ... ok"), None);
        assert_eq!(ignored_test("        PASS [   0.003s] xtask SKIP"), None);
    }

    #[test]
    fn the_last_line_has_the_agreed_form() {
        let mut counts = Counts::ONE_PASSED;
        counts += Counts { passed: 11, failed: 0, skipped: 2 };
        assert_eq!(counts.to_string(), "12 passed, 0 failed, 2 skipped");
    }
}
