//! Entries as events of `tracing`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use deedbook_deliver::{Failure, Format, Sink, TracingSink};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use crate::samples::{entries, record};

/// Keeps the fields of each event.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<BTreeMap<&'static str, String>>>>);

impl<S: Subscriber> Layer<S> for Heard {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = BTreeMap::from([("target", event.metadata().target().to_owned())]);
        event.record(&mut Fields(&mut fields));
        self.0.lock().unwrap().push(fields);
    }
}

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

#[test]
fn an_entry_is_an_event_with_fields() {
    let heard = Heard::default();
    let all = entries();
    let listening = tracing_subscriber::registry().with(heard.clone());
    tracing::subscriber::with_default(listening, || TracingSink::new(Format::Cef).deliver(&all)).unwrap();
    let heard = heard.0.lock().unwrap();
    assert_eq!(heard.len(), all.len());
    let record = record(&Format::Cef, &all[0]);
    let expected = [
        ("target", "deedbook::audit"),
        ("message", "document.shared"),
        ("tenant", "acme"),
        ("id", "evt_AZN7bo8qfDGdXmpLHwwtPg"),
        ("action", "document.shared"),
        ("actor", "agent:agt_1"),
        ("outcome", "denied"),
        ("record", &record),
    ];
    assert_eq!(heard[0], expected.map(|(name, value)| (name, value.to_owned())).into());
}

#[test]
fn entries_wait_while_nobody_listens() {
    let heard = Heard::default();
    let silent = tracing_subscriber::registry().with(heard.clone().with_filter(LevelFilter::WARN));
    let failure = tracing::subscriber::with_default(silent, || TracingSink::new(Format::Json).deliver(&entries()));
    assert!(matches!(&failure, Err(Failure::Later { why, .. }) if why.contains("deedbook::audit")), "{failure:?}");
    assert_eq!(heard.0.lock().unwrap().len(), 0);
}
