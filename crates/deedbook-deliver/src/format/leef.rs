//! LEEF 2.0: a header and pairs, as QRadar reads it after a syslog header.
//!
//! The pairs are separated by `^`: a tab, the default, is rewritten by syslog daemons that escape control characters.
//! The format has no escape; within a value the separator is shown as `<U+005E>`.
//!
//! Source: IBM, "QRadar Log Event Extended Format (LEEF)", version 2.

use deedbook_core::serde_json::Value;
use deedbook_core::visible::push_visible;
use deedbook_core::{Context, Entry, Outcome, rfc3339};

use super::act::{Verb, account, act};
use super::cef::{severity, type_and_id};
use super::line::cut;
use super::rest::Rest;

/// What stands between two pairs.
const SEPARATOR: char = '^';

/// Bytes of a value before it is made visible: QRadar keeps payloads of 4,096 bytes unless it is told otherwise, and a
/// longer value would leave nothing of the others.
const VALUE_BYTES_MAX: usize = 1_023;

pub(super) fn write(entry: &Entry, out: &mut Vec<u8>) {
    let mut line = Line::with_header(entry);
    line.extend(entry);
    out.extend_from_slice(line.text.as_bytes());
}

struct Line {
    text: String,
    has_pairs: bool,
}

impl Line {
    /// `LEEF:2.0|Deedbook|Deedbook|VERSION|ACTION|^|`
    fn with_header(entry: &Entry) -> Self {
        let text = format!("LEEF:2.0|Deedbook|Deedbook|{}|", env!("CARGO_PKG_VERSION"));
        let mut line = Self { text, has_pairs: false };
        line.push(&entry.event.action);
        line.text.push_str(&format!("|{SEPARATOR}|"));
        line
    }

    /// The pairs, the long texts last: whatever cuts the line cuts them first.
    fn extend(&mut self, entry: &Entry) {
        let (receipt, event) = (&entry.receipt, &entry.event);
        let outcome = event.outcome.unwrap_or(Outcome::Success);
        self.put("devTime", Some(&entry.occurred_at().as_millisecond().to_string()));
        self.put("sev", Some(&severity(entry).to_string()));
        self.put("cat", Some(outcome.as_str()));
        self.put("eventId", Some(&receipt.id));
        self.put("action", Some(&event.action));
        self.people(entry);
        self.put("realm", Some(&receipt.tenant));
        self.put("seq", Some(&receipt.seq.to_string()));
        self.put("recordedAt", Some(&rfc3339(receipt.recorded_at)));
        self.put("category", event.category.as_deref());
        let target = event.targets.first();
        self.put("resource", target.map(|target| format!("{}:{}", target.kind, target.id)).as_deref());
        self.put("resourceName", target.and_then(|target| target.name.as_deref()));
        self.put("correlationId", event.correlation_id.as_deref());
        self.put("transactionId", event.transaction_id.as_deref());
        self.put("service", event.source.as_ref().and_then(|source| source.service.as_deref()));
        self.request(&event.context);
        let error = event.error.as_ref();
        self.put("errorCode", error.and_then(|error| error.code.as_deref()));
        self.put("errorMessage", error.and_then(|error| error.message.as_deref()));
        self.put("reason", event.reason.as_deref());
        self.put("msg", event.description.as_deref());
        let rest = Rest::of(entry);
        for name in ["changes", "metadata"] {
            self.put(name, rest.get(name).map(Value::to_string).as_deref());
        }
    }

    /// Who acted; of a sign-in, whose account it is, which is what QRadar asks of them.
    fn people(&mut self, entry: &Entry) {
        let actor = &entry.event.actor;
        let account = account(entry).map(|(_, target)| target.name.as_deref().unwrap_or(&target.id));
        let acting = actor.name.as_deref().or(actor.email.as_deref()).or(actor.id.as_deref()).unwrap_or(&actor.kind);
        let verb = act(&entry.event.action).0;
        self.put("isLoginEvent", (verb == Verb::SignIn).then_some("true"));
        self.put("isLogoutEvent", (verb == Verb::SignOut).then_some("true"));
        self.put("usrName", Some(account.filter(|_| verb == Verb::SignIn).unwrap_or(acting)));
        self.put("userType", Some(&actor.kind));
        self.put("userId", actor.id.as_deref());
        self.put("userEmail", actor.email.as_deref());
        self.put("onBehalfOf", actor.on_behalf_of.as_deref().map(type_and_id).as_deref());
        self.put("accountName", account);
    }

    fn request(&mut self, context: &Context) {
        let http = context.http.as_ref();
        self.put("src", context.ip.map(|ip| ip.to_string()).as_deref());
        self.put("requestId", context.request_id.as_deref());
        self.put("sessionId", context.session_id.as_deref());
        self.put("traceId", context.trace_id.as_deref());
        self.put("httpMethod", http.and_then(|http| http.method.as_deref()));
        self.put("httpStatus", http.and_then(|http| http.status).map(|status| status.to_string()).as_deref());
        self.put("url", http.and_then(|http| http.route.as_deref()));
        self.put("userAgent", context.user_agent.as_deref());
    }

    /// A pair, unless there is nothing to tell.
    fn put(&mut self, key: &str, value: Option<&str>) {
        let Some(value) = value.filter(|value| !value.is_empty()) else { return };
        if self.has_pairs {
            self.text.push(SEPARATOR);
        }
        self.has_pairs = true;
        self.text.push_str(key);
        self.text.push('=');
        self.push(value);
    }

    /// A text in which nothing separates, neither pairs nor the fields of the header.
    fn push(&mut self, text: &str) {
        for character in cut(text, VALUE_BYTES_MAX).chars() {
            match character {
                SEPARATOR => self.text.push_str("<U+005E>"),
                '|' => self.text.push_str("<U+007C>"),
                other => push_visible(&mut self.text, other),
            }
        }
    }
}
