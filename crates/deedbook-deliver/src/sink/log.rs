//! Entries as events of the crate `tracing`, and through it of the crate `log`: an application's own logging.

use deedbook_core::{Entry, Outcome, Result};
use serde::Deserialize;
use serde_json::Value;
use tracing::Level;

use super::{Failure, Sink, Writer};
use crate::Format;
use crate::format::type_and_id;
use crate::settings::{Place, parse};

/// Where the events go, for filters of whoever listens.
const TARGET: &str = "deedbook::audit";

/// `log = {}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {}

pub(crate) fn make(settings: Value, place: &Place<'_>) -> Result<Box<dyn Sink>> {
    let Settings {} = parse(settings)?;
    Ok(Box::new(TracingSink::new(place.format())))
}

/// Makes an event of the crate `tracing` of each entry: at the target `deedbook::audit` and the level INFO, with the
/// action as its message and the fields `tenant`, `id`, `action`, `actor` (`TYPE:ID`), `outcome` and `record`, which is
/// the entry in a format.
///
/// With the feature `log` they reach the crate `log` where the process has no subscriber of `tracing`. While nobody
/// listens to the target, entries wait; what becomes of events that somebody listens to is not known here.
pub struct TracingSink {
    write: Writer,
}

impl TracingSink {
    /// With records of this format.
    pub fn new(format: Format) -> Self {
        Self { write: format.writer() }
    }

    fn tell(&self, entry: &Entry) {
        let (receipt, event) = (&entry.receipt, &entry.event);
        let mut record = Vec::new();
        (self.write)(entry, &mut record);
        tracing::info!(
            target: TARGET,
            tenant = receipt.tenant,
            id = receipt.id,
            action = event.action,
            actor = type_and_id(&event.actor),
            outcome = event.outcome.unwrap_or(Outcome::Success).as_str(),
            record = &*String::from_utf8_lossy(&record),
            "{}",
            event.action
        );
    }
}

impl Sink for TracingSink {
    fn deliver(&mut self, entries: &[Entry]) -> std::result::Result<(), Failure> {
        if !is_heard() {
            return Err(Failure::later(format!(
                "nobody listens to {TARGET} at the level INFO: let the logging pass it"
            )));
        }
        entries.iter().for_each(|entry| self.tell(entry));
        Ok(())
    }
}

fn is_heard() -> bool {
    #[cfg(feature = "log")]
    if !tracing::dispatcher::has_been_set() {
        return ::log::log_enabled!(target: TARGET, ::log::Level::Info);
    }
    tracing::enabled!(target: TARGET, Level::INFO)
}
