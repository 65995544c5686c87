//! One call records and counts: by `metrics`, under action and outcome, and only what was recorded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use deedbook::{Actor, Deedbook, Event};
use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

#[derive(Event)]
#[event(action = "invoice.approved")]
struct InvoiceApproved {
    #[event(outcome)]
    outcome: deedbook::Outcome,
}

#[derive(Event)]
#[event(action = "page.viewed", uncounted)]
struct PageViewed;

/// Keeps what is counted, by name and labels.
#[derive(Clone, Default)]
struct Counted(Arc<Mutex<BTreeMap<String, u64>>>);

struct One(Counted, String);

impl CounterFn for One {
    fn increment(&self, value: u64) {
        *self.0.0.lock().expect("nobody panics with it").entry(self.1.clone()).or_default() += value;
    }

    fn absolute(&self, _: u64) {}
}

impl Recorder for Counted {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Counter::from_arc(Arc::new(One(self.clone(), format!("{} {}", key.name(), labels.join(" ")))))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn each_record_is_counted_under_its_action_and_outcome() {
    use deedbook::Outcome::{Denied, Success};

    let counted = Counted::default();
    let book = Deedbook::builder().actor(Actor::new("user", "ada")).open("memory:").unwrap();
    metrics::with_local_recorder(&counted, || {
        for outcome in [Success, Denied, Success] {
            book.record(InvoiceApproved { outcome }).wait().unwrap();
        }
        book.record(PageViewed).wait().unwrap();
        book.record(InvoiceApproved { outcome: Success }).id("not an id").wait().unwrap_err();
    });
    let counted: Vec<_> = counted.0.lock().unwrap().iter().map(|(name, count)| (name.clone(), *count)).collect();
    let name = |outcome: &str| format!("deedbook_records_total action=invoice.approved outcome={outcome}");
    assert_eq!(counted, [(name("denied"), 1), (name("success"), 2)]);
}
