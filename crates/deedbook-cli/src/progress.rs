//! A progress bar on standard error, for people alone: without a terminal there it is not drawn.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far a long command has come; clones share one bar and may be used from several threads.
#[derive(Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar that shows nothing until it knows what it counts.
    pub(crate) fn new() -> Self {
        // indicatif itself hides the bar where standard error is not a terminal.
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style("{spinner} {msg}"));
        Self(bar)
    }

    /// Counts bytes of an input, of `total` where that is known.
    pub(crate) fn begin_bytes(&self, total: Option<u64>) {
        self.begin(total, "{binary_bytes} of {binary_total_bytes}", "{binary_bytes}");
    }

    /// Counts things, such as `commits`, of `total`.
    pub(crate) fn begin_count(&self, total: u64, noun: &str) {
        self.begin(Some(total), &format!("{{human_pos}} of {{human_len}} {noun}"), "");
    }

    /// Counts entries that are read, of nobody knows how many.
    pub(crate) fn begin_entries(&self) {
        self.begin(None, "", "{human_pos} entries read");
    }

    fn begin(&self, total: Option<u64>, of_total: &str, alone: &str) {
        match total {
            Some(total) => {
                self.0.set_length(total);
                self.0.set_style(style(&format!("{{bar:30}} {of_total}, {{eta}} left  {{msg}}")));
            }
            None => self.0.set_style(style(&format!("{{spinner}} {alone}, {{elapsed}}  {{msg}}"))),
        }
        self.0.set_position(0);
        self.0.enable_steady_tick(Duration::from_millis(200));
    }

    /// Moves on by `count`.
    pub(crate) fn advance(&self, count: u64) {
        self.0.inc(count);
    }

    /// Moves to `position`.
    pub(crate) fn set(&self, position: u64) {
        self.0.set_position(position);
    }

    /// Shows running totals beside the bar.
    pub(crate) fn note(&self, note: impl fmt::Display) {
        if !self.0.is_hidden() {
            self.0.set_message(note.to_string());
        }
    }

    /// Writes a line to standard error without disturbing the bar.
    pub(crate) fn say(&self, line: impl fmt::Display) {
        // Whoever closed our standard error does not want to be told.
        self.0.suspend(|| drop(writeln!(anstream::stderr(), "{line}")));
    }

    /// Removes the bar.
    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// A number with commas between thousands.
pub(crate) fn grouped(number: u64) -> impl fmt::Display {
    HumanCount(number)
}

/// `1 entry`, `2,000 entries`.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates above are well formed")
}
