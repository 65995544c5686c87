//! Counting by `metrics`: each record under its action and outcome, where a recorder is installed.

use deedbook_core::Event;

use crate::event::Counting;

/// Under what one record will be counted, once it is durable.
#[cfg(feature = "metrics")]
pub(crate) struct Tally(Option<(String, &'static str)>);

#[cfg(feature = "metrics")]
impl Tally {
    pub(crate) fn new(event: &Event, counting: Counting) -> Self {
        let outcome = event.outcome.unwrap_or(deedbook_core::Outcome::Success);
        Self((counting == Counting::Counted).then(|| (event.action.clone(), outcome.as_str())))
    }

    pub(crate) fn count(&self) {
        if let Some((action, outcome)) = &self.0 {
            metrics::counter!("deedbook_records_total", "action" => action.clone(), "outcome" => *outcome).increment(1);
        }
    }
}

/// Nothing: the crate was built without `metrics`.
#[cfg(not(feature = "metrics"))]
pub(crate) struct Tally;

#[cfg(not(feature = "metrics"))]
impl Tally {
    pub(crate) fn new(_event: &Event, _counting: Counting) -> Self {
        Self
    }

    pub(crate) fn count(&self) {}
}
