//! What did not run, said aloud: tests append lines to the file named by `DEEDBOOK_SKIPPED_LOG`, xtask judges them.
//!
//! A line reads `SKIPPED WHAT: WHY`. On a contributor's machine it is counted and printed; in CI it is a failure unless
//! [`ALLOWED_IN_CI`] gives a reason, for a check that silently stops running is worse than one that fails.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use crate::Result;
use crate::counts::Counts;
use crate::workspace::{Strictness, Workspace};

/// The variable that names the file.
pub(crate) const VARIABLE: &str = "DEEDBOOK_SKIPPED_LOG";

/// What CI may leave out: the beginning of the line after `SKIPPED `, and why it cannot run there.
const ALLOWED_IN_CI: &[(&str, &str)] = &[
    ("advisories:", "the advisory database is fetched from outside of the package registries, which CI cannot reach"),
    (
        "real CloudTrail records:",
        "a clone does not come with the file; where DEEDBOOK_CLOUDTRAIL names it the test runs, and fails if it is gone",
    ),
];

/// The file of one run.
pub(crate) struct SkippedLog {
    path: PathBuf,
}

impl SkippedLog {
    /// Begins an empty one in the target directory.
    pub(crate) fn begin(workspace: &Workspace) -> Result<Self> {
        let path = workspace.target.join("skipped.log");
        std::fs::create_dir_all(&workspace.target)
            .and_then(|()| std::fs::write(&path, ""))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Notes and says aloud that `what` did not run.
    pub(crate) fn announce(&self, what: &str, why: &str) -> Result<()> {
        let line = format!("SKIPPED {what}: {}\n", why.replace('\n', " "));
        eprint!("{line}");
        let mut file =
            OpenOptions::new().append(true).create(true).open(&self.path).map_err(|error| self.failed(&error))?;
        file.write_all(line.as_bytes()).map_err(|error| self.failed(&error))
    }

    /// Prints every line with its verdict and counts them.
    pub(crate) fn judge(&self, strictness: Strictness) -> Result<Counts> {
        let text = std::fs::read_to_string(&self.path).map_err(|error| self.failed(&error))?;
        let mut counts = Counts::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match verdict(line, strictness) {
                Verdict::Skipped => {
                    println!("{line}");
                    counts.skipped += 1;
                }
                Verdict::Failed => {
                    println!("FAILED in CI, where nothing is skipped without a reason in xtask/src/skipped.rs: {line}");
                    counts.failed += 1;
                }
            }
        }
        Ok(counts)
    }

    fn failed(&self, error: &std::io::Error) -> String {
        format!("{}: {error}", self.path.display())
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Skipped,
    Failed,
}

fn verdict(line: &str, strictness: Strictness) -> Verdict {
    let what = line.strip_prefix("SKIPPED ").unwrap_or(line);
    let allowed = ALLOWED_IN_CI.iter().any(|(beginning, _)| what.starts_with(beginning));
    match strictness {
        Strictness::Ci if !allowed => Verdict::Failed,
        _ => Verdict::Skipped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_skips_only_what_is_listed_with_a_reason() {
        for listed in ["SKIPPED advisories: no network", "SKIPPED real CloudTrail records: no file"] {
            assert_eq!(verdict(listed, Strictness::Ci), Verdict::Skipped);
        }
        let unlisted = "SKIPPED cargo-deny: no network";
        assert_eq!(verdict(unlisted, Strictness::Ci), Verdict::Failed);
        assert_eq!(verdict(unlisted, Strictness::Lenient), Verdict::Skipped);
        assert!(ALLOWED_IN_CI.iter().all(|(_, reason)| !reason.is_empty()));
    }

    #[test]
    fn announced_lines_are_counted() {
        let directory = std::env::temp_dir().join(format!("deedbook-xtask-skipped-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a temporary directory");
        let log = SkippedLog { path: directory.join("log") };
        log.announce("this", "first\nreason").expect("the log can be written");
        log.announce("advisories", "second reason").expect("the log can be written");
        let lenient = log.judge(Strictness::Lenient).expect("the log can be read");
        assert_eq!(lenient, Counts { passed: 0, failed: 0, skipped: 2 });
        let ci = log.judge(Strictness::Ci).expect("the log can be read");
        assert_eq!(ci, Counts { passed: 0, failed: 1, skipped: 1 });
        std::fs::remove_dir_all(&directory).expect("the temporary directory can be removed");
    }
}
