//! OpenTelemetry logs over HTTP, in JSON: a log record for each entry.
//!
//! Source: OpenTelemetry, "OTLP Specification" 1.x, OTLP/HTTP; "Logs Data Model"; "Semantic Conventions".

use deedbook_core::{Entry, Outcome, Result, Timestamp};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Answer, Headers, Http};
use super::{Failure, Sink};
use crate::Format;
use crate::settings::{Place, parse};

/// Where a collector takes logs.
const PATH: &str = "/v1/logs";

/// `otlp = { url = "https://collector.example:4318", headers = { Authorization = { file = "otlp-token" } } }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: String,
    timeout_s: Option<u64>,
    #[serde(default)]
    gzip: bool,
    #[serde(default)]
    headers: Headers,
}

pub(crate) fn make(settings: Value, place: &Place<'_>) -> Result<Box<dyn Sink>> {
    let Settings { url, timeout_s, gzip, headers } = parse(settings)?;
    let http = Http::new(&url, timeout_s, None)?.with_path(PATH).with_gzip(gzip).with_headers(headers, place.folder)?;
    Ok(Box::new(Otlp { http, format: place.format() }))
}

struct Otlp {
    http: Http,
    format: Format,
}

impl Sink for Otlp {
    fn deliver(&mut self, entries: &[Entry]) -> Result<(), Failure> {
        let body = request(entries, &self.format).to_string();
        judged(&self.http.post("application/json", HeaderMap::new(), body.into())?)
    }
}

/// An `ExportLogsServiceRequest`. What recorded an entry is its resource; the order of the entries stays.
fn request(entries: &[Entry], format: &Format) -> Value {
    let groups = entries.chunk_by(|one, other| one.event.source == other.event.source);
    let resource_logs = groups.map(|group| {
        let records: Vec<Value> = group.iter().map(|entry| record(entry, format)).collect();
        json!({
            "resource": { "attributes": resource(&group[0]) },
            "scopeLogs": [{
                "scope": { "name": "deedbook", "version": env!("CARGO_PKG_VERSION") },
                "logRecords": records,
            }],
        })
    });
    json!({ "resourceLogs": resource_logs.collect::<Vec<_>>() })
}

fn resource(entry: &Entry) -> Vec<Value> {
    let source = entry.event.source.clone().unwrap_or_default();
    attributes([
        ("service.name", text(Some(source.service.as_deref().unwrap_or("deedbook")))),
        ("service.version", text(source.version.as_deref())),
        ("deployment.environment.name", text(source.environment.as_deref())),
    ])
}

fn record(entry: &Entry, format: &Format) -> Value {
    let (event, receipt) = (&entry.event, &entry.receipt);
    let (context, http) = (&event.context, event.context.http.as_ref());
    let outcome = event.outcome.unwrap_or(Outcome::Success);
    let (severity_number, severity_text) = severity(outcome);
    let target = event.targets.first().map(|target| format!("{}:{}", target.kind, target.id));
    let mut body = Vec::new();
    format.write(entry, &mut body);
    let mut record = json!({
        "timeUnixNano": nanoseconds(entry.occurred_at()),
        "observedTimeUnixNano": nanoseconds(receipt.recorded_at),
        "severityNumber": severity_number,
        "severityText": severity_text,
        "eventName": event.action,
        "body": { "stringValue": String::from_utf8_lossy(&body) },
        "attributes": attributes([
            ("log.record.uid", text(Some(&receipt.id))),
            ("deedbook.tenant", text(Some(&receipt.tenant))),
            ("deedbook.seq", number(Some(receipt.seq))),
            ("deedbook.action", text(Some(&event.action))),
            ("deedbook.outcome", text(Some(outcome.as_str()))),
            ("deedbook.category", text(event.category.as_deref())),
            ("deedbook.target", text(target.as_deref())),
            ("deedbook.actor.type", text(Some(&event.actor.kind))),
            ("user.id", text(event.actor.id.as_deref())),
            ("user.name", text(event.actor.name.as_deref())),
            ("user.email", text(event.actor.email.as_deref())),
            ("client.address", text(context.ip.map(|ip| ip.to_string()).as_deref())),
            ("user_agent.original", text(context.user_agent.as_deref())),
            ("session.id", text(context.session_id.as_deref())),
            ("http.request.method", text(http.and_then(|http| http.method.as_deref()))),
            ("http.route", text(http.and_then(|http| http.route.as_deref()))),
            ("http.response.status_code", number(http.and_then(|http| http.status).map(u64::from))),
            ("error.type", text(event.error.as_ref().and_then(|error| error.code.as_deref()))),
        ]),
    });
    if let Some(trace) = context.trace_id.as_deref().filter(|trace| is_trace(trace)) {
        record["traceId"] = trace.into();
    }
    record
}

/// As the other formats grade outcomes: 1, 3, 5 and 7 of 10.
fn severity(outcome: Outcome) -> (u32, &'static str) {
    match outcome {
        Outcome::Success => (9, "INFO"),
        Outcome::Unknown => (10, "INFO2"),
        Outcome::Failure => (13, "WARN"),
        Outcome::Denied => (14, "WARN2"),
    }
}

/// Sixteen bytes in hexadecimal that are not all zero; what else callers take for a trace is in the body.
fn is_trace(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.bytes().any(|byte| byte != b'0')
}

/// Numbers of 64 bits are texts in the JSON of OTLP. It knows no time before 1970.
fn nanoseconds(time: Timestamp) -> String {
    time.as_nanosecond().max(0).to_string()
}

fn text(text: Option<&str>) -> Option<Value> {
    // An erased value that an entry cannot be without is empty.
    text.filter(|text| !text.is_empty()).map(|text| json!({ "stringValue": text }))
}

fn number(number: Option<u64>) -> Option<Value> {
    number.map(|number| json!({ "intValue": number.to_string() }))
}

/// Those that are there.
fn attributes<const N: usize>(attributes: [(&str, Option<Value>); N]) -> Vec<Value> {
    attributes.into_iter().filter_map(|(key, value)| Some(json!({ "key": key, "value": value? }))).collect()
}

/// An `ExportLogsServiceResponse`.
#[derive(Deserialize)]
struct Said {
    #[serde(rename = "partialSuccess")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Deserialize)]
struct PartialSuccess {
    /// A number, or a text with one.
    #[serde(rename = "rejectedLogRecords", default)]
    rejected: Value,
    #[serde(rename = "errorMessage", default)]
    message: String,
}

/// A collector that rejects some records does not say which. They are sent again in halves until it is known; what it
/// took comes again with the same id. (The specification would not have it sent again, and would lose what is in it.)
fn judged(answer: &Answer) -> Result<(), Failure> {
    answer.judged()?;
    if answer.body.is_empty() {
        return Ok(());
    }
    let said: Said = serde_json::from_slice(&answer.body)
        .map_err(|_| answer.later("that is no answer of OTLP in JSON; look at its url"))?;
    let Some(PartialSuccess { rejected, message }) = said.partial_success else { return Ok(()) };
    let rejected = rejected.as_i64().or_else(|| rejected.as_str()?.parse().ok()).unwrap_or(0);
    if rejected > 0 {
        return Err(answer.refused(&format!("{rejected} of the records are rejected: {message}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use deedbook_core::{Context, Source};

    use super::*;
    use crate::trial::entries;

    #[test]
    fn partial_success_is_a_refusal_of_somebody() {
        let judged = |status, body: &str| judged(&Answer::of(status, body));
        for taken in [
            "",
            "{}",
            r#"{"partialSuccess":null}"#,
            r#"{"partialSuccess":{}}"#,
            r#"{"partialSuccess":{"rejectedLogRecords":"0","errorMessage":"old client"}}"#,
        ] {
            assert_eq!(judged(200, taken), Ok(()), "{taken}");
        }
        for refused in [
            r#"{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}"#,
            r#"{"partialSuccess":{"rejectedLogRecords":1}}"#,
        ] {
            assert!(matches!(judged(200, refused), Err(Failure::Refused { .. })), "{refused}");
        }
        for (status, body) in [(200, "<html>"), (200, r#"{"partialSuc"#), (429, ""), (502, ""), (401, "{}")] {
            assert!(matches!(judged(status, body), Err(Failure::Later { .. })), "{status} {body}");
        }
        assert!(matches!(judged(400, "{}"), Err(Failure::Refused { .. })));
    }

    #[test]
    fn a_record_has_what_a_collector_searches_by() {
        let mut entry = entries(7..8).remove(0);
        entry.event.occurred_at = Some("2026-09-20T14:00:00.123456Z".parse().expect("a time"));
        entry.event.outcome = Some(Outcome::Denied);
        entry.event.context = Context {
            ip: Some([192, 0, 2, 7].into()),
            trace_id: Some("5b8efff798038103d269b633813fc60c".to_owned()),
            ..Context::default()
        };
        let format: Format = "template:at {position}".parse().expect("a format");
        let attribute = |key: &str, text: &str| json!({ "key": key, "value": { "stringValue": text } });
        let expected = json!({
            "timeUnixNano": "1789912800123456000",
            "observedTimeUnixNano": "0",
            "severityNumber": 14,
            "severityText": "WARN2",
            "eventName": "thing.made",
            "body": { "stringValue": "at 7" },
            "attributes": [
                attribute("log.record.uid", "evt_7"),
                attribute("deedbook.tenant", "acme"),
                { "key": "deedbook.seq", "value": { "intValue": "7" } },
                attribute("deedbook.action", "thing.made"),
                attribute("deedbook.outcome", "denied"),
                attribute("deedbook.actor.type", "user"),
                attribute("user.id", "ada"),
                attribute("client.address", "192.0.2.7"),
            ],
            "traceId": "5b8efff798038103d269b633813fc60c",
        });
        assert_eq!(record(&entry, &format), expected);
    }

    #[test]
    fn what_is_no_trace_id_is_left_to_the_body() {
        for (text, is) in [
            ("5b8efff798038103d269b633813fc60c", true),
            ("00000000000000000000000000000000", false),
            ("5b8efff798038103d269b633813fc60", false),
            ("5b8efff798038103d269b633813fc60x", false),
            ("", false),
        ] {
            assert_eq!(is_trace(text), is, "{text}");
        }
    }

    #[test]
    fn records_are_grouped_by_what_recorded_them_and_stay_in_order() {
        let mut all = entries(0..4);
        let source = |service: &str| Some(Source { service: Some(service.to_owned()), ..Source::default() });
        (all[0].event.source, all[1].event.source, all[3].event.source) =
            (source("shop"), source("shop"), source("shop"));
        let request = request(&all, &"template:at {position}".parse().expect("a format"));
        let groups = request["resourceLogs"].as_array().expect("groups").iter().map(|group| {
            let records = group["scopeLogs"][0]["logRecords"].as_array().expect("records");
            let ids = records.iter().map(|record| record["body"]["stringValue"].as_str().expect("a text"));
            let service = group["resource"]["attributes"][0]["value"]["stringValue"].as_str().expect("a name");
            (service, ids.collect::<Vec<_>>())
        });
        let expected = [("shop", vec!["at 0", "at 1"]), ("deedbook", vec!["at 2"]), ("shop", vec!["at 3"])];
        assert_eq!(groups.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn settings_that_cannot_be_are_refused() {
        let place = Place { folder: Path::new("."), format: None, batch_entries: 500 };
        let url = "http://127.0.0.1:4318";
        for (table, expected) in [
            (json!({}), "url"),
            (json!({ "url": url, "protocol": "grpc" }), "protocol"),
            (json!({ "url": url, "headers": { "Authorization": "canary" } }), "is a secret"),
        ] {
            let error = make(table, &place).err().expect(expected).to_string();
            assert!(error.contains(expected) && !error.contains("canary"), "{error}");
        }
        assert!(make(json!({ "url": url, "headers": { "X-Scope-OrgID": "audit" } }), &place).is_ok());
    }
}
