//! What was done to sinks through the API. How far each sink is stands with the couriers, not here.

use std::collections::BTreeMap;

use deedbook_core::{Entry, Error, ErrorKind, Result, Target};
use serde_json::{Map, Value};

use super::{Author, Settings};

const PAUSED: &str = "audit.sink.paused";
const RESUMED: &str = "audit.sink.resumed";
const REPLAYED: &str = "audit.sink.replayed";
const TESTED: &str = "audit.sink.tested";

/// The actions of this setting.
pub(super) const ACTIONS: [&str; 4] = [PAUSED, RESUMED, REPLAYED, TESTED];

/// What is done to a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SinkChange {
    Paused,
    Resumed,
    Replayed,
    Tested,
}

impl SinkChange {
    fn action(self) -> &'static str {
        match self {
            Self::Paused => PAUSED,
            Self::Resumed => RESUMED,
            Self::Replayed => REPLAYED,
            Self::Tested => TESTED,
        }
    }
}

/// What was done to a sink.
#[derive(Clone, Debug, Default)]
pub(crate) struct SinkRecord {
    /// Id of the entry of the latest change.
    pub(crate) entry: Option<String>,
    /// Whether it is to be paused, where somebody said so.
    pub(crate) paused: Option<bool>,
}

/// Every sink to which something was done, by name.
#[derive(Default)]
pub(super) struct Sinks(BTreeMap<String, SinkRecord>);

impl Sinks {
    pub(super) fn enter(&mut self, entry: &Entry) {
        let Some(target) = entry.event.targets.first() else { return };
        let record = self.0.entry(target.id.clone()).or_default();
        record.entry = Some(entry.receipt.id.clone());
        match entry.event.action.as_str() {
            PAUSED => record.paused = Some(true),
            RESUMED => record.paused = Some(false),
            _ => {}
        }
    }
}

impl Settings {
    /// What was done to the sink of this name.
    pub(crate) fn sink(&self, name: &str) -> SinkRecord {
        self.folded().sinks.0.get(name).cloned().unwrap_or_default()
    }

    /// Enters a change of the sink of this name; the id of the entry.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn change_sink(
        &self,
        change: SinkChange,
        name: &str,
        metadata: Map<String, Value>,
        author: &Author,
    ) -> Result<String> {
        let _changing = self.changing();
        let mut event = author.event(change.action(), Target::new("sink", name));
        event.metadata = metadata;
        self.append(vec![event])?;
        let missing = || Error::new(ErrorKind::Corrupt, "the entry of the change cannot be read");
        self.sink(name).entry.ok_or_else(missing)
    }
}
