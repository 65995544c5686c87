//! How the archive beside a server gets on: told by whoever keeps it, shown among the figures.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deedbook_core::Timestamp;

/// What is known of the runs of an archive; clones share it.
#[derive(Clone, Debug)]
pub struct ArchiveStatus(Arc<Mutex<Runs>>);

#[derive(Clone, Copy, Debug)]
struct Runs {
    /// Up to which position the archive has the log; `None` before a run looked.
    next: Option<u64>,
    /// When a run succeeded last, or when this began.
    succeeded_at: Timestamp,
    failures: u64,
    fails: bool,
}

impl ArchiveStatus {
    /// Of an archive whose first run is to come.
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Runs { next: None, succeeded_at: now, failures: 0, fails: false })))
    }

    /// The archive has the log up to this position.
    pub fn reached(&self, next: u64) {
        self.runs().next = Some(next);
    }

    /// A run did all that it was to do.
    pub fn succeeded(&self, now: Timestamp) {
        let mut runs = self.runs();
        (runs.succeeded_at, runs.fails) = (now, false);
    }

    /// A run failed.
    pub fn failed(&self) {
        let mut runs = self.runs();
        (runs.failures, runs.fails) = (runs.failures + 1, true);
    }

    /// Appends the figures in the form of Prometheus; `visible` is how many entries the log has.
    pub(crate) fn write_figures(&self, visible: u64, now: Timestamp, out: &mut String) {
        let runs = *self.runs();
        let age = now.as_second().saturating_sub(runs.succeeded_at.as_second());
        let figures = [
            (
                "deedbook_archive_lag_entries",
                "gauge",
                "Positions of the log that the archive has not",
                runs.next.map(|next| visible.saturating_sub(next)),
            ),
            (
                "deedbook_archive_success_age_seconds",
                "gauge",
                "Time since a run of the archive succeeded, or since the server began",
                Some(u64::try_from(age).unwrap_or(0)),
            ),
            ("deedbook_archive_failures_total", "counter", "Runs of the archive that failed", Some(runs.failures)),
            ("deedbook_archive_failing", "gauge", "1 where the last run failed", Some(u64::from(runs.fails))),
        ];
        for (name, kind, help, value) in figures {
            if let Some(value) = value {
                let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
            }
        }
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
