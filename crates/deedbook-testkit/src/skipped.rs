//! Tests that cannot run on a machine.

use std::fs::OpenOptions;
use std::io::Write;

/// Says aloud that a test did not run, and notes it where the runner looks: in the file that `DEEDBOOK_SKIPPED_LOG`
/// names. CONTRIBUTING.md, "Skipping", tells when a test may.
///
/// # Panics
/// Where that file cannot be written.
pub fn skipped(what: &str, why: &str) {
    let line = format!("SKIPPED {what}: {why}\n");
    eprint!("{line}");
    if let Some(path) = std::env::var_os("DEEDBOOK_SKIPPED_LOG") {
        let log = OpenOptions::new().create(true).append(true).open(path);
        log.and_then(|mut log| log.write_all(line.as_bytes())).expect("the log of skipped tests is writable");
    }
}
