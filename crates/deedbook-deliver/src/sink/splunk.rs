//! Splunk's HTTP Event Collector, and whatever else takes its events.
//!
//! Source: Splunk, "Format events for HTTP Event Collector" and "Troubleshoot HTTP Event Collector", possible error
//! codes.

use deedbook_core::{Entry, Result};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::http::{Answer, Http};
use super::{Failure, Sink};
use crate::Format;
use crate::secret::SecretPlace;
use crate::settings::{Place, parse};

/// Where a collector takes events.
const PATH: &str = "/services/collector/event";

/// `splunk = { url = "https://splunk.example:8088", token = { file = "hec-token" }, index = "audit" }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: String,
    token: SecretPlace,
    index: Option<String>,
    source: Option<String>,
    sourcetype: Option<String>,
    host: Option<String>,
    timeout_s: Option<u64>,
    #[serde(default)]
    gzip: bool,
}

pub(crate) fn make(settings: Value, place: &Place<'_>) -> Result<Box<dyn Sink>> {
    let settings: Settings = parse(settings)?;
    let http = Http::new(&settings.url, settings.timeout_s, None)?
        .with_path(PATH)
        .with_gzip(settings.gzip)
        .with_secret("Authorization", "Splunk ", settings.token.read(place.folder)?)?;
    let format = place.format();
    let kind = format!("deedbook:{}", format.name().trim_end_matches(':'));
    let members = [
        ("host", settings.host),
        ("index", settings.index),
        ("source", Some(settings.source.unwrap_or_else(|| "deedbook".to_owned()))),
        ("sourcetype", Some(settings.sourcetype.unwrap_or(kind))),
    ];
    let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
    Ok(Box::new(Splunk { http, format, members: members.collect() }))
}

struct Splunk {
    http: Http,
    format: Format,
    /// What is the same in every event.
    members: Map<String, Value>,
}

impl Splunk {
    /// Appends `{"host", "index", "source", "sourcetype", "time", "event"}`.
    fn write(&self, entry: &Entry, out: &mut Vec<u8>) {
        let mut members = self.members.clone();
        // Not from text, and never with an exponent, which a collector refuses: there are less than 2^53 µs.
        members.insert("time".to_owned(), (entry.occurred_at().as_microsecond() as f64 / 1e6).into());
        let mut record = Vec::new();
        self.format.write(entry, &mut record);
        if !self.format.is_json() {
            record = Value::from(String::from_utf8_lossy(&record)).to_string().into();
        }
        out.extend(Value::Object(members).to_string().bytes());
        // In the place of the last brace.
        out.pop();
        out.extend_from_slice(b",\"event\":");
        out.extend(record);
        out.push(b'}');
    }
}

impl Sink for Splunk {
    fn deliver(&mut self, entries: &[Entry]) -> Result<(), Failure> {
        let mut body = Vec::new();
        entries.iter().for_each(|entry| self.write(entry, &mut body));
        judged(&self.http.post("application/json", HeaderMap::new(), body)?)
    }
}

/// What a collector says of a request.
#[derive(Deserialize)]
struct Said {
    code: Option<u32>,
}

/// The status tells the most; of 400 the code tells whether the events are wrong or the settings of the sink.
fn judged(answer: &Answer) -> Result<(), Failure> {
    let code = serde_json::from_slice::<Said>(&answer.body).ok().and_then(|said| said.code);
    let why = match (answer.judged(), code) {
        // 24 and 25: it took them, and its queues are nearly full.
        (Ok(()), Some(0 | 24 | 25)) => return Ok(()),
        (Ok(()), _) => "that is no answer of an HTTP Event Collector; look at its url",
        (Err(Failure::Refused { .. }), Some(7)) => "its token may not write to this index; look at index",
        (Err(Failure::Refused { .. }), Some(10 | 11)) => {
            "its token wants acknowledgements of the indexer, which this sink does not ask for; take one without"
        }
        (judged, _) => return judged,
    };
    Err(answer.later(why))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::trial::entries;

    #[test]
    fn answers_are_judged_by_their_codes() {
        let judged = |status, body: &str| judged(&Answer::of(status, body));
        let code = |code: u32| format!(r#"{{"text":"…","code":{code},"invalid-event-number":3}}"#);
        for taken in [0, 24, 25] {
            assert_eq!(judged(200, &code(taken)), Ok(()));
        }
        for (status, body) in [
            (200, "<html>"),
            (200, r#"{"text":"Succ"#),
            (200, ""),
            (200, "{}"),
            (200, &code(6)),
            (400, &code(7)),
            (400, &code(10)),
            (400, &code(11)),
            (401, &code(2)),
            (403, &code(1)),
            (403, &code(4)),
            (404, ""),
            (429, &code(26)),
            (500, &code(8)),
            (503, &code(9)),
            (503, &code(18)),
        ] {
            assert!(matches!(judged(status, body), Err(Failure::Later { .. })), "{status} {body}");
        }
        for (status, body) in [
            (400, &*code(5)),
            (400, &code(6)),
            (400, &code(12)),
            (400, &code(13)),
            (400, &code(15)),
            (400, ""),
            (413, ""),
        ] {
            assert!(matches!(judged(status, body), Err(Failure::Refused { .. })), "{status} {body}");
        }
    }

    fn splunk(format: &str, settings: Value) -> Splunk {
        let format: Format = format.parse().expect("a format");
        let http = Http::new("https://splunk.example:8088", None, None).expect("a client");
        let Value::Object(members) = settings else { panic!("an object") };
        Splunk { http, format, members }
    }

    #[test]
    fn an_event_has_its_time_and_where_it_belongs() {
        let mut entry = entries(7..8).remove(0);
        entry.event.occurred_at = Some("2026-09-20T14:00:00.123456Z".parse().expect("a time"));
        for (format, event) in [
            ("template:\"{position}\" a\\b", r#""\"7\" a\\b""#),
            (
                "json",
                r#"{"leaf_hash":"0000000000000000000000000000000000000000000000000000000000000000","position":7,"recorded_at":"1970-01-01T00:00:00.000000Z","seq":7}"#,
            ),
        ] {
            let mut out = Vec::new();
            splunk(format, serde_json::json!({ "index": "audit", "source": "deedbook" })).write(&entry, &mut out);
            let expected =
                format!(r#"{{"index":"audit","source":"deedbook","time":1789912800.123456,"event":{event}}}"#);
            assert_eq!(String::from_utf8(out).expect("text"), expected);
        }
    }

    #[test]
    fn settings_that_cannot_be_are_refused() {
        let place = Place { folder: Path::new("."), format: None, batch_entries: 500 };
        let (url, token) = ("https://splunk.example:8088", serde_json::json!({ "env": "CARGO_PKG_NAME" }));
        for (table, expected) in [
            (serde_json::json!({ "url": url }), "token"),
            (serde_json::json!({ "token": token }), "url"),
            (serde_json::json!({ "url": url, "token": "canary" }), "env"),
            (serde_json::json!({ "url": url, "token": token, "channel": "x" }), "channel"),
        ] {
            let error = make(table, &place).err().expect(expected).to_string();
            assert!(error.contains(expected) && !error.contains("canary"), "{error}");
        }
        assert!(make(serde_json::json!({ "url": url, "token": token, "gzip": true }), &place).is_ok());
    }
}
