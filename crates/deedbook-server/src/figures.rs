//! Figures for Prometheus, of this server alone: numbers and names of routes, never a word of an event.

use std::time::Duration;

use metrics::{Counter, Gauge, Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// What is counted.
pub(crate) struct Figures {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    /// Requests that are worked on.
    pub(crate) requests: Gauge,
    /// Connections that are open.
    pub(crate) connections: Gauge,
    /// Tails and exports that are open.
    pub(crate) streams: Gauge,
    /// Connections that were refused because there are too many.
    pub(crate) connections_refused: Counter,
    /// Readings that could not be kept until they are entered.
    pub(crate) readings_missed: Counter,
    /// Entries about readings that the log has not taken yet.
    pub(crate) readings_waiting: Gauge,
    /// Events that were entered.
    pub(crate) created: Counter,
    /// Events that stood there already.
    pub(crate) replayed: Counter,
    /// Events that were refused one by one.
    pub(crate) refused: Counter,
}

const METADATA: Metadata<'static> = Metadata::new("deedbook", Level::INFO, None);

const REQUESTS: &str = "deedbook_http_requests_total";
const SECONDS: &str = "deedbook_http_request_duration_seconds";
const PROBLEMS: &str = "deedbook_http_problems_total";
const READS: &str = "deedbook_reads_total";
const EVENTS: &str = "deedbook_events_total";
const IN_FLIGHT: &str = "deedbook_http_requests_in_flight";
const CONNECTIONS: &str = "deedbook_http_connections";
const CONNECTIONS_REFUSED: &str = "deedbook_http_connections_refused_total";
const STREAMS: &str = "deedbook_http_streams";
const READINGS_MISSED: &str = "deedbook_readings_missed_total";
const READINGS_WAITING: &str = "deedbook_readings_waiting";

/// Upper bounds of the times of requests, in seconds: from one write to the limit of time.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0];

impl Figures {
    pub(crate) fn new() -> Self {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).expect("the bounds are not empty");
        let recorder = builder.build_recorder();
        describe(&recorder);
        let counter = |key: Key| recorder.register_counter(&key, &METADATA);
        let gauge = |name: &'static str| recorder.register_gauge(&Key::from_static_name(name), &METADATA);
        let events = |result: &'static str| counter(Key::from_parts(EVENTS, vec![Label::new("result", result)]));
        Self {
            handle: recorder.handle(),
            requests: gauge(IN_FLIGHT),
            connections: gauge(CONNECTIONS),
            streams: gauge(STREAMS),
            connections_refused: counter(Key::from_static_name(CONNECTIONS_REFUSED)),
            readings_missed: counter(Key::from_static_name(READINGS_MISSED)),
            readings_waiting: gauge(READINGS_WAITING),
            created: events("created"),
            replayed: events("replayed"),
            refused: events("refused"),
            recorder,
        }
    }

    /// Counts a request that was answered. `method` and `route` are of this program, not of the caller.
    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16, time: Duration) {
        let route = || Label::new("route", SharedString::from(route.to_owned()));
        let method = || Label::new("method", method);
        let key = Key::from_parts(REQUESTS, vec![method(), route(), Label::new("status", status.to_string())]);
        self.recorder.register_counter(&key, &METADATA).increment(1);
        let key = Key::from_parts(SECONDS, vec![method(), route()]);
        self.recorder.register_histogram(&key, &METADATA).record(time.as_secs_f64());
    }

    /// Counts a refusal by its code.
    pub(crate) fn refusal(&self, code: &'static str) {
        let key = Key::from_parts(PROBLEMS, vec![Label::new("code", code)]);
        self.recorder.register_counter(&key, &METADATA).increment(1);
    }

    /// Counts a read by its kind.
    pub(crate) fn read(&self, kind: &'static str) {
        let key = Key::from_parts(READS, vec![Label::new("kind", kind)]);
        self.recorder.register_counter(&key, &METADATA).increment(1);
    }

    /// All figures as text for Prometheus.
    pub(crate) fn render(&self) -> String {
        self.handle.render()
    }

    /// Adds up the times that were taken, so that they do not gather between two looks of Prometheus.
    pub(crate) fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

fn describe(recorder: &PrometheusRecorder) {
    let name = KeyName::from_const_str;
    for (key, text) in [
        (REQUESTS, "Requests that were answered"),
        (PROBLEMS, "Requests that were refused, by the code of the problem"),
        (READS, "Reads of the log, by kind"),
        (EVENTS, "Events by what became of them: created, replayed, refused"),
        (CONNECTIONS_REFUSED, "Connections that were refused because there are too many"),
        (READINGS_MISSED, "Readings of the log of which no entry could be kept"),
    ] {
        recorder.describe_counter(name(key), None, text.into());
    }
    recorder.describe_histogram(name(SECONDS), Some(Unit::Seconds), "Time until the answer begins".into());
    for (key, text) in [
        (IN_FLIGHT, "Requests that are worked on"),
        (CONNECTIONS, "Connections that are open"),
        (STREAMS, "Tails and exports that are open"),
        (READINGS_WAITING, "Entries about readings that the log has not taken yet"),
    ] {
        recorder.describe_gauge(name(key), None, text.into());
    }
}
