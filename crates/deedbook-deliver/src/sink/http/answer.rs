//! What the other side answered, and what that means for the entries that were sent.

use std::time::Duration;

use deedbook_core::Timestamp;
use deedbook_core::visible::visible;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::Secret;
use crate::format::line::cut;
use crate::sink::Failure;

/// Bytes of what others say that are shown.
const SHOWN_BYTES_MAX: usize = 300;

/// What the other side answered.
pub(crate) struct Answer {
    status: StatusCode,
    /// When it asked to be asked again.
    after: Option<Duration>,
    /// The beginning of the body; where it broke off, what came.
    pub(crate) body: Vec<u8>,
    /// Who answered.
    host: String,
    /// What is shown to nobody.
    secrets: Vec<Secret>,
}

impl Answer {
    pub(super) fn new(
        status: StatusCode,
        headers: &HeaderMap,
        body: Vec<u8>,
        host: String,
        secrets: Vec<Secret>,
    ) -> Self {
        Self { status, after: retry_after(headers, Timestamp::now()), body, host, secrets }
    }

    /// An answer of a test.
    #[cfg(test)]
    pub(crate) fn of(status: u16, body: &str) -> Self {
        let status = StatusCode::from_u16(status).expect("a status");
        Self::new(status, &HeaderMap::new(), body.into(), "https://siem.example".to_owned(), Vec::new())
    }

    /// What its status means for the entries that were sent.
    pub(crate) fn judged(&self) -> Result<(), Failure> {
        judge(self.status, self.after, || self.said(&String::from_utf8_lossy(&self.body)))
    }

    /// The entries are to be sent again.
    pub(crate) fn later(&self, why: &str) -> Failure {
        Failure::Later { why: self.said(why), after: self.after }
    }

    /// The other side will not take the entries.
    pub(crate) fn refused(&self, why: &str) -> Failure {
        Failure::Refused { why: self.said(why) }
    }

    /// Who answered what, for people.
    fn said(&self, what: &str) -> String {
        // Secrets first: what is left of one that is cut would not be found any more.
        let what = self.secrets.iter().fold(what.to_owned(), |text, secret| secret.hidden_in(&text));
        format!("{} answered {}{}", self.host, self.status, shown(&what))
    }
}

/// What a status means for the entries that were sent. What concerns the sink, and not these entries, is tried again:
/// nothing is parked because a token has expired.
///
/// Source: RFC 9110, section 15.
fn judge(status: StatusCode, after: Option<Duration>, said: impl FnOnce() -> String) -> Result<(), Failure> {
    let advice = match status.as_u16() {
        200..300 => return Ok(()),
        400 | 413 | 422 => return Err(Failure::Refused { why: said() }),
        300..400 => ": redirects are not followed; set url to where this one leads",
        401 | 403 | 407 => ": it does not let this sink in; look at its token or its headers",
        404 | 405 => ": nothing takes entries there; look at its url",
        410 => ": the receiver does not want this any more; take the sink out, or give it another url",
        415 => ": it does not take this format; set another one",
        _ => "",
    };
    Err(Failure::Later { why: format!("{}{advice}", said()), after })
}

/// What `Retry-After` asks for: seconds or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Some(at.duration_since(now).try_into().unwrap_or_default())
        }
    }
}

/// The beginning of what others said, so that it steers nobody.
fn shown(text: &str) -> String {
    match text.trim() {
        "" => String::new(),
        text => format!(": {}", cut(&visible(text), SHOWN_BYTES_MAX)),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn a_status_tells_what_becomes_of_the_entries() {
        let judged = |status: u16| {
            let status = StatusCode::from_u16(status).expect("a status");
            judge(status, Some(Duration::from_secs(7)), || "it said".to_owned())
        };
        for taken in [200, 201, 202, 204, 299] {
            assert_eq!(judged(taken), Ok(()));
        }
        for refused in [400, 413, 422] {
            assert_eq!(judged(refused), Err(Failure::Refused { why: "it said".to_owned() }), "{refused}");
        }
        for (later, advice) in [
            (301, "set url to where"),
            (308, "set url to where"),
            (401, "its token"),
            (403, "its token"),
            (404, "look at its url"),
            (405, "look at its url"),
            (408, ""),
            (409, ""),
            (410, "does not want this any more"),
            (415, "this format"),
            (425, ""),
            (429, ""),
            (500, ""),
            (501, ""),
            (502, ""),
            (503, ""),
            (504, ""),
            (507, ""),
            (599, ""),
        ] {
            let Err(Failure::Later { why, after }) = judged(later) else { panic!("{later}") };
            assert!(why.starts_with("it said") && why.contains(advice), "{later}: {why}");
            assert_eq!(after, Some(Duration::from_secs(7)));
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-09-20T14:00:00Z".parse().expect("a time");
        for (text, expected) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Sun, 20 Sep 2026 14:00:30 GMT", Some(30)),
            ("Sun, 20 Sep 2026 13:00:00 GMT", Some(0)),
            ("999999", Some(999_999)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn what_others_say_is_short_and_steers_nobody() {
        assert_eq!(shown(" \n "), "");
        assert_eq!(shown("no\u{1b}[31m\r\nthing"), ": no␛[31m␍␊thing");
        assert_eq!(shown(&"x".repeat(1000)).len(), 2 + SHOWN_BYTES_MAX);
    }

    #[test]
    fn secrets_that_are_repeated_are_hidden() {
        let secrets = vec![Secret::new("hunter2"), Secret::new("/services/T0")];
        let body = format!("{}no /services/T0 for hunter2{}", " ".repeat(10), "x".repeat(SHOWN_BYTES_MAX));
        let host = "https://siem.example".to_owned();
        let answer = Answer::new(StatusCode::BAD_REQUEST, &HeaderMap::new(), body.into(), host, secrets);
        for failure in [answer.judged().expect_err("400"), answer.later("hunter2"), answer.refused("hunter2")] {
            let why = failure.why();
            assert!(why.starts_with("https://siem.example answered 400 Bad Request: "), "{why}");
            assert!(why.contains("[secret]") && !why.contains("hunter2") && !why.contains("/services"), "{why}");
        }
    }
}
