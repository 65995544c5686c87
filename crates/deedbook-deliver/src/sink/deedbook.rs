//! Another Deedbook: the same events under the same ids and tenants, once each.

use deedbook_core::{Entry, Event, Limits, Result, prepare};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use super::http::{Answer, Http};
use super::{Failure, Sink};
use crate::secret::SecretPlace;
use crate::settings::{Place, parse, wrong};

/// Where a server takes events.
const PATH: &str = "/v1/events";

/// Events that a server takes in a request.
const ENTRIES_MAX: usize = 1_000;

/// Bytes of an answer: a thousand problems of 4 KiB.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// What the actions of a log's own entries begin with. A server takes none of those from others.
const OWN_ACTIONS: &str = "audit.";

/// `deedbook = { url = "https://audit.example", token = { file = "write-token" } }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: String,
    token: SecretPlace,
    timeout_s: Option<u64>,
    #[serde(default)]
    gzip: bool,
}

pub(crate) fn make(settings: Value, place: &Place<'_>) -> Result<Box<dyn Sink>> {
    let Settings { url, token, timeout_s, gzip } = parse(settings)?;
    if place.format.is_some() {
        return Err(wrong("another Deedbook gets events as they are: leave format out"));
    }
    if place.batch_entries > ENTRIES_MAX {
        return Err(wrong(format!(
            "a Deedbook takes {ENTRIES_MAX} events at once: set batch = {{ entries = {ENTRIES_MAX} }}"
        )));
    }
    let http = Http::new(&url, timeout_s, None)?
        .with_path(PATH)
        .with_gzip(gzip)
        .with_answers_of(ANSWER_BYTES_MAX)
        .with_secret("Authorization", "Bearer ", token.read(place.folder)?)?;
    Ok(Box::new(Deedbook { http }))
}

struct Deedbook {
    http: Http,
}

impl Sink for Deedbook {
    fn deliver(&mut self, entries: &[Entry]) -> Result<(), Failure> {
        let body = body(entries)?;
        judged(&self.http.post("application/json", HeaderMap::new(), body)?, entries.len())
    }
}

/// An array of events.
fn body(entries: &[Entry]) -> Result<Vec<u8>, Failure> {
    let mut body = vec![b'['];
    for entry in entries {
        if body.len() > 1 {
            body.push(b',');
        }
        body.extend(event(entry)?);
    }
    body.push(b']');
    Ok(body)
}

/// The event as the other log is to have it, always the same for an entry. It says when it happened, which was the
/// time of recording here; an entry of this log's own is one from elsewhere there.
fn event(entry: &Entry) -> Result<Vec<u8>, Failure> {
    let mut event = Event { occurred_at: Some(entry.occurred_at()), ..entry.event.clone() };
    event.id = Some(entry.receipt.id.clone());
    event.tenant = Some(entry.receipt.tenant.clone());
    if event.action.starts_with(OWN_ACTIONS) {
        event.action.insert_str(0, "deedbook.");
    }
    let draft = prepare(event, &Limits::default(), || unreachable!("it has its id"));
    match draft {
        Ok(draft) => Ok(draft.into_parts().1),
        Err(error) => Err(Failure::Refused { why: format!("no log would take it as it is now: {error}") }),
    }
}

/// The answer to a batch.
#[derive(Deserialize)]
struct Said {
    results: Vec<Fate>,
}

#[derive(Deserialize)]
struct Fate {
    status: u16,
    #[serde(default)]
    problem: Problem,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: String,
    detail: String,
}

/// Each event has its own fate: those that were taken are taken again, when the halves come, without a trace.
fn judged(answer: &Answer, entries: usize) -> Result<(), Failure> {
    answer.judged()?;
    let said = serde_json::from_slice(&answer.body).ok().filter(|said: &Said| said.results.len() == entries);
    let Some(Said { results }) = said else {
        return Err(answer.later("that is no answer of a Deedbook; look at its url"));
    };
    let told =
        |fate: &Fate| format!("event refused with {} {}: {}", fate.status, fate.problem.code, fate.problem.detail);
    let refused = || results.iter().filter(|fate| !matches!(fate.status, 200 | 201));
    // What concerns the sink comes first: no entry is parked for its token.
    if let Some(fate) = refused().find(|fate| !matches!(fate.status, 409 | 413 | 422)) {
        return Err(answer.later(&told(fate)));
    }
    refused().next().map_or(Ok(()), |fate| Err(answer.refused(&told(fate))))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::trial::entries;

    #[test]
    fn each_event_has_its_fate() {
        let fates = |statuses: &[u16]| {
            let fates: Vec<Value> = statuses
                .iter()
                .map(|status| {
                    let problem = serde_json::json!({ "code": "conflict", "detail": "other content" });
                    if *status < 300 {
                        serde_json::json!({ "status": status })
                    } else {
                        serde_json::json!({ "status": status, "problem": problem })
                    }
                })
                .collect();
            serde_json::json!({ "results": fates }).to_string()
        };
        let judged = |status, body: &str| judged(&Answer::of(status, body), 3);
        assert_eq!(judged(200, &fates(&[201, 200, 201])), Ok(()));
        for refused in [409, 413, 422] {
            let failure = judged(200, &fates(&[201, refused, 201])).expect_err("one is refused");
            assert!(
                matches!(&failure, Failure::Refused { why } if why.contains("conflict: other content")),
                "{failure:?}"
            );
        }
        for (status, body) in [
            (200, &*fates(&[201, 403, 422])),
            (200, &fates(&[201, 422, 500])),
            (200, &fates(&[201, 201])),
            (200, r#"{"results":[{"ind"#),
            (200, "<html>"),
            (201, "{}"),
            (401, ""),
            (503, ""),
            (507, ""),
        ] {
            let judged = judged(status, body);
            assert!(matches!(judged, Err(Failure::Later { .. })), "{status} {body}: {judged:?}");
        }
        assert!(matches!(judged(413, ""), Err(Failure::Refused { .. })));
    }

    #[test]
    fn an_event_arrives_as_it_was_with_the_time_when_it_happened() {
        let mut entry = entries(7..8).remove(0);
        let written = |entry: &Entry| String::from_utf8(event(entry).expect("an event")).expect("text");
        assert_eq!(
            written(&entry),
            r#"{"action":"thing.made","actor":{"id":"ada","type":"user"},"id":"evt_7","occurred_at":"1970-01-01T00:00:00.000000Z","outcome":"success","tenant":"acme"}"#
        );
        entry.event.occurred_at = Some("2026-09-20T14:00:00Z".parse().expect("a time"));
        entry.event.action = "audit.viewed".to_owned();
        assert_eq!(
            written(&entry),
            r#"{"action":"deedbook.audit.viewed","actor":{"id":"ada","type":"user"},"id":"evt_7","occurred_at":"2026-09-20T14:00:00.000000Z","outcome":"success","tenant":"acme"}"#
        );
    }

    #[test]
    fn what_no_log_would_take_is_refused_without_asking() {
        let mut all = entries(0..2);
        all[1].event.actor.id = Some(String::new());
        let failure = body(&all).expect_err("an erased actor");
        assert!(matches!(&failure, Failure::Refused { why } if why.contains("no log would take it")), "{failure:?}");
    }

    #[test]
    fn settings_that_cannot_be_are_refused() {
        let (url, token) = ("https://audit.example", serde_json::json!({ "env": "CARGO_PKG_NAME" }));
        let table = serde_json::json!({ "url": url, "token": token });
        let made = |table, format, batch_entries| make(table, &Place { folder: Path::new("."), format, batch_entries });
        assert!(made(table.clone(), None, 1_000).is_ok());
        for (made, expected) in [
            (made(table.clone(), None, 1_001), "entries = 1000"),
            (made(table, Some(crate::Format::Ecs), 500), "leave format out"),
            (made(serde_json::json!({ "url": url }), None, 500), "token"),
        ] {
            let error = made.err().expect(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
