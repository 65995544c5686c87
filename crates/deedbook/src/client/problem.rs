//! Refusals of a server (RFC 9457) → [`Error`].

use std::time::Duration;

use deedbook_core::{Error, ErrorKind, Problem, Timestamp};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use super::Token;

/// Bytes of a refusal that are read: a thousand problems of a few dozen bytes.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Problems that are kept.
const PROBLEMS_MAX: usize = 1_000;
/// Bytes of a text of a stranger's server that are shown.
const TEXT_BYTES_MAX: usize = 2 * 1024;
/// The longest wait that a server can ask for and get.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// The members of a problem that say what to do.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    title: Option<String>,
    detail: Option<String>,
    request_id: Option<String>,
    errors: Vec<Place>,
}

/// One element of `errors`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Place {
    pointer: String,
    code: String,
    detail: String,
}

/// The error that a whole answer means; its status is no success.
pub(super) async fn read(mut answer: Response, token: &Token) -> Error {
    let (status, wait) = (answer.status(), retry_after(answer.headers(), Timestamp::now()));
    let body = beginning(&mut answer).await;
    let refusal = serde_json::from_slice(&body).unwrap_or_default();
    let error = error_of(status, refusal, token);
    match wait {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}

/// The error that `status` and `refusal` mean, of an answer or of one item of it.
pub(super) fn error_of(status: StatusCode, refusal: Refusal, token: &Token) -> Error {
    let kind = kind_of(status);
    let problems: Vec<Problem> = refusal.errors.into_iter().take(PROBLEMS_MAX).map(|place| place.read(token)).collect();
    let text = refusal.detail.or(refusal.title).map(|text| bounded(&text, token));
    let text = text.filter(|text| !text.is_empty()).unwrap_or_else(|| unexplained(status));
    let message = match refusal.request_id {
        Some(id) => format!("{text} (request {})", bounded(&id, token)),
        None => text,
    };
    Error::new(kind, message).with_problems(problems)
}

fn kind_of(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 | 403 => ErrorKind::Denied,
        404 | 410 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        413 => ErrorKind::TooLarge,
        408 => ErrorKind::Unavailable,
        423 => ErrorKind::Held,
        429 | 503 => ErrorKind::Overloaded,
        507 => ErrorKind::DiskFull,
        // The server cannot do it, and will not be able to in a minute.
        501 => ErrorKind::Invalid,
        500.. => ErrorKind::Unavailable,
        _ => ErrorKind::Invalid,
    }
}

fn unexplained(status: StatusCode) -> String {
    match status.as_u16() {
        300..400 => "the server sends its callers elsewhere; give the address of a Deedbook server itself".to_owned(),
        _ => format!("the server answered {status} without an explanation"),
    }
}

impl Place {
    fn read(self, token: &Token) -> Problem {
        Problem {
            pointer: bounded(&self.pointer, token),
            code: bounded(&self.code, token).into(),
            detail: bounded(&self.detail, token),
        }
    }
}

fn bounded(text: &str, token: &Token) -> String {
    let text = token.redacted(text);
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned()
}

/// As much of the body as is worth reading; what cannot be read is left out, for the status tells the most.
async fn beginning(answer: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        let room = BODY_BYTES_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == BODY_BYTES_MAX {
            break;
        }
    }
    body
}

/// What `Retry-After` asks for: seconds or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            at.duration_since(now).try_into().unwrap_or_default()
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn token() -> Token {
        Token::new("deed_write_canary").expect("a token")
    }

    #[test]
    fn a_status_tells_what_to_do() {
        for (status, kind) in [
            (400, ErrorKind::Invalid),
            (401, ErrorKind::Denied),
            (403, ErrorKind::Denied),
            (404, ErrorKind::NotFound),
            (409, ErrorKind::Conflict),
            (413, ErrorKind::TooLarge),
            (415, ErrorKind::Invalid),
            (422, ErrorKind::Invalid),
            (423, ErrorKind::Held),
            (429, ErrorKind::Overloaded),
            (500, ErrorKind::Unavailable),
            (501, ErrorKind::Invalid),
            (502, ErrorKind::Unavailable),
            (503, ErrorKind::Overloaded),
            (504, ErrorKind::Unavailable),
            (507, ErrorKind::DiskFull),
            (301, ErrorKind::Invalid),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let error = error_of(status, Refusal::default(), &token());
            assert_eq!(error.kind(), kind, "{status}");
            assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn the_places_are_kept_and_the_token_is_not() {
        let body = r#"{"type":"about:blank","title":"Invalid","status":422,"code":"invalid_event","request_id":"req_7",
            "detail":"refused for deed_write_canary","errors":[{"pointer":"/action","code":"bad_action","detail":"no deed_write_canary"}]}"#;
        let refusal = serde_json::from_str(body).expect("a problem");
        let error = error_of(StatusCode::UNPROCESSABLE_ENTITY, refusal, &token());
        let problem = &error.problems()[0];
        assert_eq!((&*problem.pointer, &*problem.code, &*problem.detail), ("/action", "bad_action", "no [token]"));
        assert_eq!(error.to_string(), "/action: no [token]");
        let refusal = serde_json::from_str(r#"{"detail":"for deed_write_canary","request_id":"req_7"}"#).expect("one");
        let error = error_of(StatusCode::UNAUTHORIZED, refusal, &token());
        assert_eq!(error.to_string(), "for [token] (request req_7)");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_within_an_hour() {
        let now: Timestamp = "2026-09-20T14:00:00Z".parse().expect("a time");
        let check = |text: &'static str, expected: Option<u64>| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{text}");
        };
        check("7", Some(7));
        check("Sun, 20 Sep 2026 14:00:30 GMT", Some(30));
        check("Sun, 20 Sep 2026 13:00:00 GMT", Some(0));
        check("999999", Some(3_600));
        check("soon", None);
        check("-1", None);
    }
}
