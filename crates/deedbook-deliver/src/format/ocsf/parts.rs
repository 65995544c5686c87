//! The attributes and objects of the classes.

use deedbook_core::serde_json::{Map, Value};
use deedbook_core::{Actor, Entry};

use crate::format::act::{account, is_account};
use crate::format::json::{members, object};
use crate::format::rest::Rest;

/// The methods that OCSF knows.
const METHODS: [&str; 9] = ["OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH"];

/// Actor, API, source and resources of an API Activity. An attribute that the class requires is there with an unknown
/// value where the entry does not tell it.
pub(super) fn api_activity(entry: &Entry, rest: &mut Rest) -> Map<String, Value> {
    let event = &entry.event;
    let service = event.source.as_ref().and_then(|source| source.service.as_deref());
    let api = object([
        ("operation", Some(event.action.as_str().into())),
        ("service", object([("name", service.map(Value::from))])),
    ]);
    let source = source(rest).or_else(|| object([("name", Some("unknown".into()))]));
    members([
        ("actor", actor(entry, rest)),
        ("api", api),
        ("resources", resources(rest)),
        ("src_endpoint", source),
        ("trace", object([("uid", rest.text("context.trace_id"))])),
    ])
}

/// Who signs in, where, and how. The user is the account among the targets, else the actor.
pub(super) fn authentication(entry: &Entry, rest: &mut Rest) -> Map<String, Value> {
    let service = entry.event.source.as_ref().and_then(|source| source.service.as_deref());
    let auth = entry.event.context.auth.as_ref();
    let method = auth.and_then(|auth| auth.method.as_deref());
    let mfa = auth.and_then(|auth| auth.mfa.as_deref());
    let actor_user = user(&entry.event.actor, rest);
    let user = account_user(entry, rest).or_else(|| actor_user.clone());
    // What is told in other words than its own stays besides.
    drop(rest.text_that("context.auth.method", |method| protocol(method).1 == method));
    drop(rest.text_that("context.auth.mfa", |mfa| factor(mfa).1 == mfa));
    members([
        ("actor", object([("user", actor_user)])),
        ("auth_factors", mfa.map(auth_factors)),
        ("auth_protocol", method.map(|method| protocol(method).1.into())),
        ("auth_protocol_id", method.map(|method| protocol(method).0.into())),
        ("is_mfa", mfa.map(|_| true.into())),
        ("service", object([("name", Some(service.unwrap_or("unknown").into()))])),
        ("session", session(rest)),
        ("src_endpoint", source(rest)),
        ("user", user),
    ])
}

/// Whose account changed, and by whom. What changed is no attribute of the class and stays unmapped.
pub(super) fn account_change(entry: &Entry, rest: &mut Rest) -> Map<String, Value> {
    let actor = actor(entry, rest);
    members([("actor", actor), ("src_endpoint", source(rest)), ("user", account_user(entry, rest))])
}

/// The thing before and after.
pub(super) fn entity_management(entry: &Entry, rest: &mut Rest) -> Map<String, Value> {
    let actor = actor(entry, rest);
    let (before, after) = changes(rest);
    let entity = |data: Option<Value>| entity(entry, data);
    let result = after.map(|after| entity(Some(after)));
    let whole = entity(before);
    forget_targets(rest, 1, &["id", "name", "type"]);
    members([
        ("actor", actor),
        ("comment", rest.text("reason")),
        ("entity", Some(whole)),
        ("entity_result", result),
        ("src_endpoint", source(rest)),
    ])
}

/// The request by which the act came; every class has these.
pub(super) fn request(rest: &mut Rest) -> Map<String, Value> {
    let request = object([
        ("http_method", rest.text_that("context.http.method", |method| METHODS.contains(&method))),
        ("uid", rest.text("context.request_id")),
        ("url", object([("path", rest.text("context.http.route"))])),
        ("user_agent", rest.text("context.user_agent")),
    ]);
    let response = object([("code", rest.number("context.http.status"))]);
    members([("http_request", request), ("http_response", response)])
}

/// Who acted. Whoever stands behind them has no place in OCSF and stays unmapped.
fn actor(entry: &Entry, rest: &mut Rest) -> Option<Value> {
    object([("session", session(rest)), ("user", user(&entry.event.actor, rest))])
}

fn session(rest: &mut Rest) -> Option<Value> {
    object([
        ("credential_uid", rest.text("context.auth.credential.id")),
        ("issuer", rest.text("context.auth.issuer")),
        ("uid", rest.text("context.session_id")),
    ])
}

/// The actor as a user. One of name and id must be there: where neither is, the name is the kind.
fn user(actor: &Actor, rest: &mut Rest) -> Option<Value> {
    drop(rest.text("actor.type"));
    let (name, uid) = (rest.text("actor.name"), rest.text("actor.id"));
    described_user(&actor.kind, name, uid, rest.text_that("actor.email", is_address))
}

fn described_user(kind: &str, name: Option<Value>, uid: Option<Value>, email: Option<Value>) -> Option<Value> {
    let type_id = match kind {
        "user" => 1,
        "system" => 3,
        "service" => 4,
        _ => 99,
    };
    object([
        ("email_addr", email),
        ("name", name.or_else(|| uid.is_none().then(|| kind.into()))),
        ("type", Some(kind.into())),
        ("type_id", Some(type_id.into())),
        ("uid", uid),
    ])
}

/// The account among the targets.
fn account_user(entry: &Entry, rest: &mut Rest) -> Option<Value> {
    let (_, target) = account(entry)?;
    let email = target.email.as_deref().filter(|email| is_address(email));
    let kind = if target.kind.starts_with("service") { "service" } else { "user" };
    let uid = Some(target.id.as_str()).filter(|id| !id.is_empty());
    let user = described_user(kind, target.name.clone().map(Value::from), uid.map(Value::from), email.map(Value::from));
    let covered: &[&str] = if email.is_some() { &["email", "id", "name", "type"] } else { &["id", "name", "type"] };
    if target.kind == kind {
        forget_targets(rest, 1, covered);
    }
    user
}

/// Whether OCSF takes it for an e-mail address.
fn is_address(text: &str) -> bool {
    let is_local = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+,-./=?^_`{|}~".contains(c);
    let is_host = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let Some((local, host)) = text.split_once('@') else { return false };
    let Some((name, domain)) = host.split_once('.') else { return false };
    let filled = |text: &str, may: &dyn Fn(char) -> bool| !text.is_empty() && text.chars().all(may);
    filled(local, &is_local) && filled(name, &is_host) && filled(domain, &|c| is_host(c) || c == '.')
}

fn source(rest: &mut Rest) -> Option<Value> {
    object([("ip", rest.text("context.ip"))])
}

/// Every target of which anything is left as a resource.
fn resources(rest: &mut Rest) -> Option<Value> {
    let targets = rest.get("targets")?.as_array()?;
    let resources: Vec<Value> = targets.iter().filter_map(resource).collect();
    forget_targets(rest, resources.len(), &["id", "metadata", "name", "role", "type"]);
    Some(Value::Array(resources))
}

/// One of name and id must be there: where neither is, the name is the kind.
fn resource(target: &Value) -> Option<Value> {
    let text = |name: &str| target.get(name).filter(|value| value.is_string()).cloned();
    let (uid, kind, role) = (text("id"), text("type"), text("role"));
    let name = text("name").or_else(|| kind.clone().filter(|_| uid.is_none()));
    if name.is_none() && uid.is_none() {
        return None;
    }
    object([
        ("data", target.get("metadata").cloned()),
        ("name", name),
        ("role_id", role.as_ref().map(|_| 99.into())),
        ("role", role),
        ("type", kind),
        ("uid", uid),
    ])
}

/// The primary target with `data`.
fn entity(entry: &Entry, data: Option<Value>) -> Value {
    let Some(target) = entry.event.targets.first() else { return Value::Null };
    let type_id = match target.kind.as_str() {
        kind if is_account(kind) => 2,
        "device" => 1,
        "group" | "team" => 3,
        "organization" | "organisation" => 4,
        "policy" => 5,
        _ => 99,
    };
    let uid = Some(target.id.as_str()).filter(|id| !id.is_empty());
    let name = target.name.as_deref().or_else(|| uid.is_none().then_some(target.kind.as_str()));
    let fields = object([
        ("data", data),
        ("name", name.map(Value::from)),
        ("type", Some(target.kind.as_str().into())),
        ("type_id", Some(type_id.into())),
        ("uid", uid.map(Value::from)),
    ]);
    fields.unwrap_or_default()
}

/// The values before and after, by pointer. Changes without values stay, and all of them where a pointer is there twice.
fn changes(rest: &mut Rest) -> (Option<Value>, Option<Value>) {
    let Some(Value::Array(changes)) = rest.list("changes") else { return (None, None) };
    let (mut before, mut after) = (Map::new(), Map::new());
    let mut left = Vec::new();
    for change in &changes {
        let path = change.get("path").and_then(Value::as_str).unwrap_or_default();
        let from = change.get("from").map(|from| before.insert(path.to_owned(), from.clone()));
        let to = change.get("to").map(|to| after.insert(path.to_owned(), to.clone()));
        if matches!((&from, &to), (Some(Some(_)), _) | (_, Some(Some(_)))) {
            rest.put("changes", Some(Value::Array(changes)));
            return (None, None);
        }
        if from.is_none() && to.is_none() {
            left.push(change.clone());
        }
    }
    rest.put("changes", (!left.is_empty()).then_some(Value::Array(left)));
    let filled = |values: Map<String, Value>| (!values.is_empty()).then_some(Value::Object(values));
    (filled(before), filled(after))
}

/// Takes the targets away where they are at most `expressed` and have no members but `names`; else all of them stay.
fn forget_targets(rest: &mut Rest, expressed: usize, names: &[&str]) {
    let is_expressed = |target: &Value| {
        let members = target.as_object();
        members.is_some_and(|members| {
            members.iter().all(|(name, value)| names.contains(&name.as_str()) && !value.is_null())
        })
    };
    let targets = rest.get("targets").and_then(Value::as_array);
    if targets.is_some_and(|targets| targets.len() <= expressed && targets.iter().all(is_expressed)) {
        rest.put("targets", None);
    }
}

/// Number and name of a protocol; what has no number is told by its name.
fn protocol(method: &str) -> (u64, &str) {
    match method {
        "kerberos" => (2, "Kerberos"),
        "oidc" | "openid" | "openid_connect" => (4, "OpenID"),
        "saml" => (5, "SAML"),
        "oauth" | "oauth2" => (6, "OAUTH 2.0"),
        "radius" => (10, "RADIUS"),
        "basic" => (11, "Basic Authentication"),
        "ldap" => (12, "LDAP"),
        other => (99, other),
    }
}

fn auth_factors(mfa: &str) -> Value {
    let (id, name) = factor(mfa);
    let factor = object([("factor_type", Some(name.into())), ("factor_type_id", Some(id.into()))]);
    factor.into_iter().collect()
}

/// Number and name of a further factor.
fn factor(mfa: &str) -> (u64, &str) {
    match mfa {
        "sms" => (1, "SMS"),
        "push" => (5, "Push Notification"),
        "otp" | "totp" | "hotp" => (7, "OTP"),
        "email" => (8, "Email"),
        "u2f" => (9, "U2F"),
        "webauthn" | "passkey" => (10, "WebAuthn"),
        other => (99, other),
    }
}
