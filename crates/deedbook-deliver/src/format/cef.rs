//! CEF: a header of seven fields and an extension of pairs, as ArcSight and most SIEMs read it after a syslog header.
//!
//! Source: Micro Focus, "Implementing ArcSight Common Event Format (CEF)", and its extension dictionary.

use std::net::IpAddr;

use deedbook_core::serde_json::Value;
use deedbook_core::visible::push_visible;
use deedbook_core::{Actor, Context, Entry, Outcome};

use super::act::account;
use super::line::cut;
use super::rest::Rest;

/// Bytes of a value before it is escaped: what the dictionary allows the texts among its fields.
const VALUE_BYTES_MAX: usize = 1_023;
/// Bytes of the name in the header, as the dictionary has it.
const NAME_BYTES_MAX: usize = 512;

pub(super) fn write(entry: &Entry, out: &mut Vec<u8>) {
    let mut line = Line::with_header(entry);
    line.extend(entry);
    out.extend_from_slice(line.text.as_bytes());
}

/// Of 1 to 10; 7 and more are high.
pub(super) fn severity(entry: &Entry) -> u8 {
    match entry.event.outcome.unwrap_or(Outcome::Success) {
        Outcome::Success => 1,
        Outcome::Unknown => 3,
        Outcome::Failure => 5,
        Outcome::Denied => 7,
    }
}

struct Line {
    text: String,
    has_pairs: bool,
}

impl Line {
    /// `CEF:0|Deedbook|Deedbook|VERSION|ACTION|NAME|SEVERITY|`
    fn with_header(entry: &Entry) -> Self {
        let event = &entry.event;
        let text = format!("CEF:0|Deedbook|Deedbook|{}|", env!("CARGO_PKG_VERSION"));
        let mut line = Self { text, has_pairs: false };
        line.push_header(&event.action);
        line.push_header(&cut(event.description.as_deref().unwrap_or(&event.action), NAME_BYTES_MAX));
        line.push_header(&severity(entry).to_string());
        line
    }

    fn push_header(&mut self, text: &str) {
        for character in text.chars() {
            if matches!(character, '|' | '\\') {
                self.text.push('\\');
            }
            push_visible(&mut self.text, character);
        }
        self.text.push('|');
    }

    /// The pairs, the long texts last: whatever cuts the line cuts them first.
    fn extend(&mut self, entry: &Entry) {
        let (receipt, event) = (&entry.receipt, &entry.event);
        self.put("rt", Some(&receipt.recorded_at.as_millisecond().to_string()));
        self.put("start", Some(&entry.occurred_at().as_millisecond().to_string()));
        self.put("externalId", Some(&receipt.id));
        self.put("act", Some(&event.action));
        self.put("outcome", Some(event.outcome.unwrap_or(Outcome::Success).as_str()));
        self.put("cat", event.category.as_deref());
        self.people(entry);
        self.labelled("cs1", "tenant", Some(&receipt.tenant));
        self.labelled("cn1", "seq", Some(&receipt.seq.to_string()));
        let target = event.targets.first();
        self.labelled("cs2", "target", target.map(|target| format!("{}:{}", target.kind, target.id)).as_deref());
        self.labelled("cs4", "correlationId", event.correlation_id.as_deref());
        self.request(&event.context);
        self.labelled("flexString1", "targetName", target.and_then(|target| target.name.as_deref()));
        let error = event.error.as_ref();
        let error = error.and_then(|error| error.code.as_deref().or(error.message.as_deref()));
        self.labelled("flexString2", "error", error);
        self.put("reason", event.reason.as_deref());
        self.put("msg", event.description.as_deref());
        self.labelled("cs6", "changes", changes(entry).as_deref());
    }

    fn people(&mut self, entry: &Entry) {
        let actor = &entry.event.actor;
        let account = account(entry).map(|(_, target)| target);
        self.put("suser", actor.name.as_deref().or(actor.email.as_deref()));
        self.put("suid", actor.id.as_deref());
        self.put("spriv", Some(&actor.kind));
        self.put("duser", account.and_then(|account| account.name.as_deref().or(account.email.as_deref())));
        self.put("duid", account.map(|account| account.id.as_str()));
        self.labelled("cs3", "onBehalfOf", actor.on_behalf_of.as_deref().map(type_and_id).as_deref());
        self.put("sourceServiceName", entry.event.source.as_ref().and_then(|source| source.service.as_deref()));
    }

    fn request(&mut self, context: &Context) {
        let http = context.http.as_ref();
        match context.ip {
            Some(IpAddr::V4(ip)) => self.put("src", Some(&ip.to_string())),
            Some(IpAddr::V6(ip)) => self.labelled("c6a2", "Source IPv6 Address", Some(&ip.to_string())),
            None => {}
        }
        self.labelled("cs5", "requestId", context.request_id.as_deref());
        self.labelled(
            "cn2",
            "httpStatus",
            http.and_then(|http| http.status).map(|status| status.to_string()).as_deref(),
        );
        self.put("requestMethod", http.and_then(|http| http.method.as_deref()));
        self.put("request", http.and_then(|http| http.route.as_deref()));
        self.put("requestClientApplication", context.user_agent.as_deref());
    }

    /// A custom field, and the label that says what it is.
    fn labelled(&mut self, key: &str, label: &str, value: Option<&str>) {
        if value.is_some_and(|value| !value.is_empty()) {
            self.put(&format!("{key}Label"), Some(label));
            self.put(key, value);
        }
    }

    /// A pair, unless there is nothing to tell.
    fn put(&mut self, key: &str, value: Option<&str>) {
        let Some(value) = value.filter(|value| !value.is_empty()) else { return };
        if self.has_pairs {
            self.text.push(' ');
        }
        self.has_pairs = true;
        self.text.push_str(key);
        self.text.push('=');
        for character in cut(value, VALUE_BYTES_MAX).chars() {
            match character {
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '=' => self.text.push_str("\\="),
                '\\' => self.text.push_str("\\\\"),
                other => push_visible(&mut self.text, other),
            }
        }
    }
}

/// `TYPE:ID`, or the kind of somebody without an id.
pub(crate) fn type_and_id(actor: &Actor) -> String {
    match &actor.id {
        Some(id) => format!("{}:{id}", actor.kind),
        None => actor.kind.clone(),
    }
}

/// The changes as JSON.
fn changes(entry: &Entry) -> Option<String> {
    Rest::of(entry).get("changes").map(Value::to_string)
}
