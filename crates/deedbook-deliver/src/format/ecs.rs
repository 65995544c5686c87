//! ECS 8.17: an entry as a document of the Elastic Common Schema; what has no field there is under `deedbook`.
//!
//! Source: Elastic, "Elastic Common Schema (ECS) Reference", 8.17, and its allowed values of `event.category` and
//! `event.type`.

use std::collections::BTreeSet;

use deedbook_core::serde_json::{Map, Value};
use deedbook_core::{Actor, Entry, Outcome, rfc3339};

use super::act::{Verb, account, act, is_account};
use super::json::{self, members, object};
use super::rest::Rest;

/// The version of the schema.
const VERSION: &str = "8.17.0";

pub(super) fn write(entry: &Entry, out: &mut Vec<u8>) {
    json::write(&document(entry), out);
}

fn document(entry: &Entry) -> Value {
    let mut rest = Rest::of(entry);
    let mut document = fields(entry, &mut rest);
    document.extend(rest.left().map(|left| ("deedbook".to_owned(), left)));
    Value::Object(document)
}

fn fields(entry: &Entry, rest: &mut Rest) -> Map<String, Value> {
    members([
        ("@timestamp", Some(rfc3339(entry.occurred_at()).into())),
        ("ecs", object([("version", Some(VERSION.into()))])),
        ("error", object([("code", rest.text("error.code")), ("message", rest.text("error.message"))])),
        ("event", event(entry, rest)),
        ("group", group(entry)),
        ("http", http(rest)),
        ("labels", labels(rest)),
        ("message", rest.text("description")),
        ("organization", object([("id", rest.text("tenant"))])),
        ("related", related(entry)),
        ("service", service(rest)),
        ("source", object([("ip", rest.text("context.ip"))])),
        ("tags", rest.list("audience")),
        ("trace", object([("id", rest.text("context.trace_id"))])),
        ("url", object([("path", rest.text("context.http.route"))])),
        ("user", user(entry, rest)),
        ("user_agent", object([("original", rest.text("context.user_agent"))])),
    ])
}

fn event(entry: &Entry, rest: &mut Rest) -> Option<Value> {
    let kinds = Kinds::of(entry);
    drop(rest.text("occurred_at"));
    object([
        ("action", rest.text("action")),
        ("category", Some(kinds.category.into())),
        ("created", rest.text("recorded_at")),
        ("dataset", Some("deedbook.audit".into())),
        ("duration", nanoseconds(entry, rest)),
        ("id", rest.text("id")),
        ("kind", Some("event".into())),
        ("module", Some("deedbook".into())),
        ("outcome", Some(outcome(entry, rest).into())),
        ("reason", rest.text("reason")),
        ("sequence", rest.number("seq")),
        ("type", Some(kinds.kinds.into())),
    ])
}

/// The milliseconds of the request as ECS counts them; where that is beyond what it counts, they stay.
fn nanoseconds(entry: &Entry, rest: &mut Rest) -> Option<Value> {
    let milliseconds = entry.event.context.http.as_ref()?.duration_ms?;
    let nanoseconds = i64::try_from(milliseconds).ok()?.checked_mul(1_000_000)?;
    drop(rest.number("context.http.duration_ms"));
    Some(nanoseconds.into())
}

/// ECS knows no denial: it is a failure, and `deedbook.outcome` tells it from others.
fn outcome(entry: &Entry, rest: &mut Rest) -> &'static str {
    match entry.event.outcome.unwrap_or(Outcome::Success) {
        Outcome::Denied => Outcome::Failure.as_str(),
        told => {
            drop(rest.text("outcome"));
            told.as_str()
        }
    }
}

/// The categories and types of an event, as ECS lets them go together.
struct Kinds {
    category: Vec<&'static str>,
    kinds: Vec<&'static str>,
}

impl Kinds {
    fn of(entry: &Entry) -> Self {
        let (verb, _) = act(&entry.event.action);
        let target = entry.event.targets.first().map(|target| target.kind.as_str());
        let denied = entry.event.outcome == Some(Outcome::Denied);
        match (verb, target) {
            (Verb::SignIn | Verb::Impersonate, _) => Self::new("authentication", vec!["start"]),
            (Verb::SignOut, _) => Self::new("authentication", vec!["end"]),
            _ if account(entry).is_some_and(|(index, _)| index == 0) => {
                Self::new("iam", vec!["user", changing(verb).unwrap_or("info")])
            }
            (_, Some("group" | "team")) => Self::new("iam", vec!["group", changing(verb).unwrap_or("info")]),
            (Verb::Read, _) => Self::api("access", denied),
            _ => Self::api(changing(verb).unwrap_or("info"), denied),
        }
    }

    fn api(kind: &'static str, denied: bool) -> Self {
        let kinds = if denied { vec![kind, "denied"] } else { vec![kind] };
        Self::new("api", kinds)
    }

    fn new(category: &'static str, kinds: Vec<&'static str>) -> Self {
        Self { category: vec![category], kinds }
    }
}

/// The type of what changes something.
fn changing(verb: Verb) -> Option<&'static str> {
    match verb {
        Verb::Create => Some("creation"),
        Verb::Delete => Some("deletion"),
        Verb::Read | Verb::Other | Verb::SignIn | Verb::SignOut | Verb::Impersonate => None,
        _ => Some("change"),
    }
}

/// Who acted; `effective` is whose authority was used, `target` the account that was acted upon.
fn user(entry: &Entry, rest: &mut Rest) -> Option<Value> {
    let target = account(entry).map(|(_, target)| target);
    let of_target = |value: Option<&String>| value.filter(|value| !value.is_empty()).map(|value| value.as_str().into());
    object([
        ("effective", person(rest, "actor.on_behalf_of")),
        ("email", rest.text("actor.email")),
        ("id", rest.text("actor.id")),
        ("name", rest.text("actor.name")),
        (
            "target",
            object([
                ("email", of_target(target.and_then(|target| target.email.as_ref()))),
                ("id", of_target(target.map(|target| &target.id))),
                ("name", of_target(target.and_then(|target| target.name.as_ref()))),
            ]),
        ),
    ])
}

fn person(rest: &mut Rest, path: &str) -> Option<Value> {
    object([
        ("email", rest.text(&format!("{path}.email"))),
        ("id", rest.text(&format!("{path}.id"))),
        ("name", rest.text(&format!("{path}.name"))),
    ])
}

fn group(entry: &Entry) -> Option<Value> {
    let group = entry.event.targets.iter().find(|target| matches!(target.kind.as_str(), "group" | "team"))?;
    let id = Some(group.id.as_str()).filter(|id| !id.is_empty());
    object([("id", id.map(Value::from)), ("name", group.name.as_deref().map(Value::from))])
}

fn http(rest: &mut Rest) -> Option<Value> {
    let request = object([("id", rest.text("context.request_id")), ("method", rest.text("context.http.method"))]);
    let response = object([("status_code", rest.number("context.http.status"))]);
    object([("request", request), ("response", response)])
}

fn labels(rest: &mut Rest) -> Option<Value> {
    object([
        ("category", rest.text("category")),
        ("correlation_id", rest.text("correlation_id")),
        ("transaction_id", rest.text("transaction_id")),
    ])
}

fn service(rest: &mut Rest) -> Option<Value> {
    object([
        ("environment", rest.text("source.environment")),
        ("name", rest.text("source.service")),
        ("version", rest.text("source.version")),
    ])
}

/// Every address and everybody in the entry, so that one search finds them in any role.
fn related(entry: &Entry) -> Option<Value> {
    let event = &entry.event;
    let ids = |actor: &Actor| [actor.id.clone(), actor.name.clone(), actor.email.clone()];
    let accounts = event.targets.iter().filter(|target| is_account(&target.kind));
    let targets = accounts.flat_map(|target| [Some(target.id.clone()), target.name.clone(), target.email.clone()]);
    let users: BTreeSet<String> = event.actor.chain().flat_map(ids).chain(targets).flatten().collect();
    let users: Vec<Value> = users.into_iter().filter(|user| !user.is_empty()).map(Value::from).collect();
    object([
        ("ip", event.context.ip.map(|ip| vec![ip.to_string()].into())),
        ("user", (!users.is_empty()).then_some(Value::Array(users))),
    ])
}
