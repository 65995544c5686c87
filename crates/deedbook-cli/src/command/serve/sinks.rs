//! The sinks of the operator's file beside a server, and what the log says of them.

use std::path::Path;
use std::sync::Arc;

use deedbook_core::{Actor, Event, Outcome as Success, Store, StoreExt, Target};
use deedbook_deliver::{Couriers, Folder, Incident, Settings};
use deedbook_server::{own_draft, shown};

use crate::exit::Outcome;

/// The folder of a data directory in which it is kept how far each sink is.
const FOLDER: &str = "sinks";

/// The couriers of the log in `directory`, none of which is there yet.
pub(super) fn couriers(store: Arc<dyn Store>, directory: &Path) -> Arc<Couriers> {
    let states = Arc::new(Folder::at(directory.join(FOLDER)));
    let log = store.clone();
    Arc::new(Couriers::new(store, states, move |name, incident| enter(&*log, name, &incident)))
}

/// Starts a courier for each sink of the operator's file.
///
/// # Errors
/// When it cannot be read how far one is.
pub(super) fn start(couriers: &Couriers, sinks: Vec<Settings>) -> Outcome<()> {
    for mut settings in sinks {
        if let Some(tenant) = &settings.said.tenant {
            // The secrets of the server are no more for a sink than for a reader.
            settings.terms.scope = shown(tenant);
        }
        couriers.start(settings)?;
    }
    Ok(())
}

/// Enters what happened to a sink into the log's own tenant.
fn enter(store: &dyn Store, name: &str, incident: &Incident) {
    let (action, outcome, reason) = match incident {
        Incident::Fails { why } => ("audit.sink.failed", Success::Failure, Some(why.clone())),
        Incident::Recovered => ("audit.sink.recovered", Success::Success, None),
        Incident::Parked(parked) => ("audit.sink.parked", Success::Failure, Some(parked.why.clone())),
    };
    let mut event = Event::new(action, Actor::without_id("system"));
    event.outcome = Some(outcome);
    event.reason = reason;
    event.targets = vec![Target::new("sink", name)];
    if let Incident::Parked(parked) = incident {
        event.targets.push(Target::new("event", &parked.id));
        event.metadata.insert("tenant".to_owned(), parked.tenant.clone().into());
    }
    let entered = own_draft(event).and_then(|draft| store.append_one(draft));
    if let Err(error) = entered {
        tracing::warn!(sink = name, %error, "what happened to a sink could not be entered");
    }
}
