//! Where a transaction comes from: what the database knows of it, and what the application claims.

use std::net::IpAddr;

use deedbook_core::serde_json::{Map, Value, json};
use deedbook_core::{Actor, Event, Limits, Result, Timestamp, canonical_json, parse_json, prepare};

/// The members of an event that a claim may give.
const MEMBERS: &[&str] = &[
    "actor",
    "audience",
    "category",
    "context",
    "correlation_id",
    "metadata",
    "reason",
    "source",
    "tenant",
    "transaction_id",
];
/// A claim that is no context is kept as it is, up to this many bytes, in each entry of its transaction.
const RAW_BYTES_MAX: usize = 4096;
/// The type of an actor of whom only the role of the database is known: it may be a person or a program.
const ROLE: &str = "database_role";

/// Who wrote a row, for whom, from where and when.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    at: Option<Timestamp>,
    backend: Option<i64>,
    role: Option<String>,
    application: Option<String>,
    address: Option<String>,
    claim: Claim,
    /// Whether the transaction has kept its context from being written.
    suppressed: bool,
}

/// What the application says of itself by `deedbook.context`.
#[derive(Clone, Debug, Default, PartialEq)]
enum Claim {
    /// It says nothing.
    #[default]
    Absent,
    /// An event of which only the members of a context are given, and whether the actor is among them.
    Read(Box<Event>, Speaker),
    /// It is no context; this is its text.
    Raw(String),
}

/// Whether a claim names who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    Named,
    Unnamed,
}

impl Origin {
    /// Reads the context that `deedbook.pending_context` wrote. What cannot be read is taken as not known, a claim that
    /// is no context is kept as text: nothing is refused for its context.
    pub fn read(context: &str) -> Self {
        let Ok(Value::Object(mut members)) = deedbook_core::serde_json::from_str(context) else {
            return Self::default();
        };
        let mut text = |name: &str| match members.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (role, application, address) = (text("role"), text("application"), text("address"));
        let claim = text("claim").map_or(Claim::Absent, Claim::read);
        let at = members.get("at").and_then(Value::as_i64);
        Self {
            at: at.and_then(|at| Timestamp::from_microsecond(at).ok()),
            backend: members.get("pid").and_then(Value::as_i64),
            role,
            application,
            address,
            claim,
            suppressed: false,
        }
    }

    /// Of a row that should have a context and has none: its transaction has suppressed it, and hides no more than its
    /// claim by that.
    pub fn without_context(role: Option<String>) -> Self {
        Self { role, suppressed: true, ..Self::default() }
    }

    /// Who acts: as claimed, else the role of the database as an actor of type `database_role`, else nobody known.
    pub fn actor(&self) -> Actor {
        match (&self.claim, &self.role) {
            (Claim::Read(claimed, Speaker::Named), _) => claimed.actor.clone(),
            (_, Some(role)) => Actor::new(ROLE, role.as_str()),
            (_, None) => Actor::without_id("anonymous"),
        }
    }

    /// When the transaction began.
    pub fn at(&self) -> Option<Timestamp> {
        self.at
    }

    /// The process of the server that wrote it; it writes one transaction after another.
    pub(crate) fn backend(&self) -> Option<i64> {
        self.backend
    }

    /// Fills in what the event does not say itself. What the database knows of the transaction always stands in
    /// `metadata.postgres`: whoever can run SQL can claim anything.
    pub fn complete(&self, event: &mut Event) {
        if let Claim::Read(claimed, _) = &self.claim {
            fill(event, claimed);
        }
        event.occurred_at = event.occurred_at.or(self.at);
        if self.claim == Claim::Absent && event.context.ip.is_none() {
            event.context.ip = self.address.as_ref().and_then(|address| address.parse::<IpAddr>().ok());
        }
        event.metadata.insert("postgres".to_owned(), Value::Object(self.known()));
    }

    fn known(&self) -> Map<String, Value> {
        let mut known = Map::new();
        let mut put = |name: &str, text: &Option<String>| {
            if let Some(text) = text {
                known.insert(name.to_owned(), json!(text));
            }
        };
        put("role", &self.role);
        put("application", &self.application);
        if self.claim != Claim::Absent {
            put("address", &self.address);
        }
        if self.suppressed {
            known.insert("suppressed".to_owned(), json!(true));
        }
        if let Claim::Raw(text) = &self.claim {
            known.insert("context".to_owned(), json!(beginning(text)));
        }
        known
    }
}

impl Claim {
    fn read(text: String) -> Self {
        match context(&text) {
            Ok((event, speaker)) => Self::Read(Box::new(event), speaker),
            Err(()) => Self::Raw(text),
        }
    }
}

/// An event with the members of the claim, which keep to the rules of events.
fn context(claim: &str) -> Result<(Event, Speaker), ()> {
    let Ok(Value::Object(mut members)) = parse_json(claim.as_bytes()) else { return Err(()) };
    if members.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(());
    }
    let speaker = match members.get("actor") {
        None | Some(Value::Null) => Speaker::Unnamed,
        Some(_) => Speaker::Named,
    };
    if speaker == Speaker::Unnamed {
        members.insert("actor".to_owned(), json!({ "type": "anonymous" }));
    }
    members.insert("action".to_owned(), json!("context.claimed"));
    let whole = canonical_json(&Value::Object(members)).map_err(drop)?;
    let event = Event::from_json(&whole).map_err(drop)?;
    // What breaks a rule would have every event of the transaction refused.
    prepare(event.clone(), &Limits::default(), || [0; 16]).map_err(drop)?;
    Ok((event, speaker))
}

fn fill(event: &mut Event, claimed: &Event) {
    let absent = |text: &mut Option<String>, from: &Option<String>| {
        if text.is_none() {
            text.clone_from(from);
        }
    };
    absent(&mut event.tenant, &claimed.tenant);
    absent(&mut event.category, &claimed.category);
    absent(&mut event.correlation_id, &claimed.correlation_id);
    absent(&mut event.transaction_id, &claimed.transaction_id);
    absent(&mut event.reason, &claimed.reason);
    let (context, from) = (&mut event.context, &claimed.context);
    context.ip = context.ip.or(from.ip);
    absent(&mut context.user_agent, &from.user_agent);
    absent(&mut context.request_id, &from.request_id);
    absent(&mut context.session_id, &from.session_id);
    absent(&mut context.trace_id, &from.trace_id);
    context.auth = context.auth.take().or_else(|| from.auth.clone());
    context.http = context.http.take().or_else(|| from.http.clone());
    event.source = event.source.take().or_else(|| claimed.source.clone());
    event.audience = event.audience.take().or_else(|| claimed.audience.clone());
    for (name, value) in &claimed.metadata {
        event.metadata.entry(name.as_str()).or_insert_with(|| value.clone());
    }
}

/// As much of the text as is kept.
fn beginning(text: &str) -> &str {
    match text.char_indices().find(|(at, character)| at + character.len_utf8() > RAW_BYTES_MAX) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(claim: Option<&str>) -> Origin {
        let context = json!({ "at": 1_790_000_000_000_000_i64, "pid": 7, "role": "app", "application": "psql",
            "address": "192.0.2.7", "claim": claim });
        Origin::read(&context.to_string())
    }

    fn completed(origin: &Origin) -> Event {
        let mut event = Event::new("invoice.paid", origin.actor());
        origin.complete(&mut event);
        event
    }

    #[test]
    fn without_a_claim_the_database_tells_who_acts() {
        let event = completed(&origin(None));
        assert_eq!(event.actor, Actor::new("database_role", "app"));
        assert_eq!(event.context.ip.map(|ip| ip.to_string()).as_deref(), Some("192.0.2.7"));
        assert_eq!(event.occurred_at.map(Timestamp::as_microsecond), Some(1_790_000_000_000_000));
        assert_eq!(event.metadata["postgres"], json!({ "role": "app", "application": "psql" }));
    }

    #[test]
    fn a_claim_fills_what_the_event_does_not_say_and_the_role_stands_beside_it() {
        let claim = r#"{"actor":{"type":"user","id":"ada"},"tenant":"acme","context":{"request_id":"r"},
            "reason":"claimed","metadata":{"postgres":"forged","a":1,"b":1}}"#;
        let origin = origin(Some(claim));
        let mut event = Event::new("invoice.paid", origin.actor());
        event.reason = Some("said".to_owned());
        event.metadata.insert("b".to_owned(), json!(2));
        origin.complete(&mut event);
        assert_eq!(event.actor, Actor::new("user", "ada"));
        assert_eq!((event.tenant.as_deref(), event.reason.as_deref()), (Some("acme"), Some("said")));
        assert_eq!(event.context.request_id.as_deref(), Some("r"));
        assert_eq!(event.context.ip, None, "the address is that of the application, not of who acts");
        let known = json!({ "role": "app", "application": "psql", "address": "192.0.2.7" });
        assert_eq!(Value::Object(event.metadata), json!({ "a": 1, "b": 2, "postgres": known }));
    }

    #[test]
    fn a_claim_that_is_no_context_is_kept_as_text() {
        let long = format!(r#"{{"context":{{"request_id":"{}"}}}}"#, "x".repeat(300));
        let claims = [
            "ada",
            "{",
            "[]",
            "{\"actor\":\"ada\"}",
            "{\"action\":\"a.b\"}",
            "{\"tenant\":\"A B\"}",
            "{\"actor\":{\"type\":\"user\"}}",
            "{\"a\":1,\"a\":2}",
            "\u{1}",
            long.as_str(),
        ];
        for claim in claims {
            let event = completed(&origin(Some(claim)));
            assert_eq!(event.metadata["postgres"]["context"], json!(claim));
            assert_eq!(event.actor, Actor::new("database_role", "app"), "{claim}");
            prepare(event, &Limits::default(), || [0; 16]).expect(claim);
        }
        let event = completed(&origin(Some(&"ä".repeat(RAW_BYTES_MAX))));
        assert_eq!(event.metadata["postgres"]["context"].as_str().map(str::len), Some(RAW_BYTES_MAX));
    }

    #[test]
    fn a_nul_in_a_claim_is_a_character_like_any_other() {
        let event = completed(&origin(Some(r#"{"actor":{"type":"user","id":"a\u0000da"}}"#)));
        assert_eq!(event.actor.id.as_deref(), Some("a\0da"));
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        for context in ["", "null", "[]", "{}", "{\"at\":\"x\",\"role\":1}"] {
            let event = completed(&Origin::read(context));
            assert_eq!((event.actor, event.occurred_at), (Actor::without_id("anonymous"), None), "{context}");
        }
    }
}
