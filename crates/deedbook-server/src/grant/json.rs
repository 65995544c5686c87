//! A grant in JSON, as the API takes and shows it and as the entry of a token keeps it.

use deedbook_core::commitment::Key;
use deedbook_core::query::IpNetwork;
use deedbook_core::{FieldProfile, FieldRule, Problem, Treatment, rfc3339};
use serde_json::{Map, Value, json};

use super::{Export, Grant};
use crate::members::{Expected, escaped, instant, pointed};

/// Labels, targets, actions, rules, or addresses of one token.
const LIST_MAX: usize = 64;
/// Bytes of a label, as in the audience of an event.
const LABEL_BYTES_MAX: usize = 256;
/// Bytes of `TYPE:ID`, the id as in an event.
const THING_BYTES_MAX: usize = 64 + 1 + 1024;

const TEXT: Expected = ("wrong_type", "expected a string");
const THING: Expected = ("bad_reference", "expected TYPE:ID such as \"user:8hWA\"; TYPE ends at the first colon");
const ACTION: Expected =
    ("bad_action", "expected an action such as \"project.renamed\", or the beginning of one such as \"project.*\"");

impl Grant {
    /// Takes the member `name` of a token; `false` where it is none of a grant. What is wrong is added to `problems`.
    pub(crate) fn take(&mut self, name: &str, value: &Value, problems: &mut Vec<Problem>) -> bool {
        let taken = match name {
            "scope" => {
                self.take_scope(value, problems);
                Ok(())
            }
            "fields" => {
                self.fields = rules(value, "/fields", problems);
                Ok(())
            }
            "parent_fields" => {
                self.parent_fields = rules(value, "/parent_fields", problems);
                Ok(())
            }
            "addresses" => list_of(value, network).map(|addresses| self.addresses = addresses),
            "capabilities" => export(value).map(|export| self.export = export),
            _ => return false,
        };
        if let Err(expected) = taken {
            problems.push(pointed(&format!("/{name}"), expected));
        }
        true
    }

    fn take_scope(&mut self, value: &Value, problems: &mut Vec<Problem>) {
        let Value::Object(members) = value else {
            return problems
                .push(pointed("/scope", ("wrong_type", "expected an object such as {\"audience\":[\"owners\"]}")));
        };
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            let taken = match name.as_str() {
                "audience" => list_of(value, label).map(|labels| self.audience = Some(labels)),
                "self" => thing(value).map(|who| self.self_actor = Some(who)),
                "targets" => list_of(value, thing).map(|targets| self.targets = Some(targets)),
                "actions" => list_of(value, action).map(|actions| self.actions = Some(actions)),
                "from" => instant(value).map(|from| self.from = Some(from)),
                "until" => instant(value).map(|until| self.until = Some(until)),
                _ => Err(("unknown_member", "a scope has audience, self, targets, actions, from, until")),
            };
            if let Err(expected) = taken {
                problems.push(pointed(&format!("/scope/{}", escaped(name)), expected));
            }
        }
    }

    /// The members that say something, as [`Grant::take`] takes them.
    pub(crate) fn to_json(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let mut scope = Map::new();
        let mut within = |name: &str, value: Option<Value>| {
            scope.extend(value.map(|value| (name.to_owned(), value)));
        };
        within("audience", self.audience.as_ref().map(|labels| json!(labels)));
        within("self", self.self_actor.as_ref().map(|who| json!(who)));
        within("targets", self.targets.as_ref().map(|targets| json!(targets)));
        within("actions", self.actions.as_ref().map(|actions| json!(actions)));
        within("from", self.from.map(|from| json!(rfc3339(from))));
        within("until", self.until.map(|until| json!(rfc3339(until))));
        let mut say = |name: &str, value: Value, says: bool| {
            members.extend(says.then(|| (name.to_owned(), value)));
        };
        let has_scope = !scope.is_empty();
        say("scope", Value::Object(scope), has_scope);
        say("fields", rules_json(&self.fields), !self.fields.is_empty());
        say("parent_fields", rules_json(&self.parent_fields), !self.parent_fields.is_empty());
        let addresses: Vec<String> = self.addresses.iter().map(network_text).collect();
        say("addresses", json!(addresses), !addresses.is_empty());
        say("capabilities", json!(["view"]), self.export == Export::Denied);
        members
    }
}

/// A list of at least one and at most 64, each read by `each`.
fn list_of<T>(value: &Value, each: fn(&Value) -> Result<T, Expected>) -> Result<Vec<T>, Expected> {
    let list = value.as_array().ok_or(("wrong_type", "expected a list"))?;
    if list.is_empty() {
        return Err(("empty", "an empty list leaves nothing to see; leave the member out, or name something"));
    }
    if list.len() > LIST_MAX {
        return Err(("too_long", "at most 64 can be named"));
    }
    list.iter().map(each).collect()
}

fn label(value: &Value) -> Result<String, Expected> {
    let label = value.as_str().ok_or(TEXT)?;
    let fits = !label.is_empty() && label.len() <= LABEL_BYTES_MAX;
    fits.then(|| label.to_owned()).ok_or(("bad_label", "a label has 1 to 256 bytes"))
}

fn thing(value: &Value) -> Result<String, Expected> {
    let text = value.as_str().ok_or(TEXT)?;
    let is_kind =
        |kind: &str| !kind.is_empty() && kind.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let fits = text.split_once(':').is_some_and(|(kind, id)| is_kind(kind) && !id.is_empty());
    (fits && text.len() <= THING_BYTES_MAX).then(|| text.to_owned()).ok_or(THING)
}

fn action(value: &Value) -> Result<String, Expected> {
    let text = value.as_str().ok_or(TEXT)?;
    let beginning = text.strip_suffix('*').unwrap_or(text);
    let fits = beginning.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'));
    (fits && !text.is_empty() && text.len() <= 128).then(|| text.to_owned()).ok_or(ACTION)
}

fn network(value: &Value) -> Result<IpNetwork, Expected> {
    let expected = ("bad_network", "expected an address such as \"203.0.113.9\" or a network such as \"10.0.0.0/8\"");
    value.as_str().ok_or(TEXT)?.parse().map_err(|_| expected)
}

fn network_text(network: &IpNetwork) -> String {
    format!("{}/{}", network.address, network.prefix_bits)
}

fn export(value: &Value) -> Result<Export, Expected> {
    let expected = ("unknown_value", "expected [\"view\"] or [\"view\",\"export\"]");
    let word = |value: &Value| value.as_str().map(str::to_owned).ok_or(TEXT);
    let mut words = list_of(value, word)?;
    words.sort_unstable();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["view"] => Ok(Export::Denied),
        ["export", "view"] => Ok(Export::Allowed),
        _ => Err(expected),
    }
}

fn rules(value: &Value, pointer: &str, problems: &mut Vec<Problem>) -> Vec<FieldRule> {
    let rules = match list_of(value, rule) {
        Ok(rules) => rules,
        Err(expected) => {
            problems.push(pointed(pointer, expected));
            return Vec::new();
        }
    };
    // Which paths lead somewhere does not depend on the key.
    if let Err(error) = FieldProfile::new(&rules, Key([0; 32])) {
        let below = |problem: &Problem| Problem { pointer: format!("{pointer}{}", problem.pointer), ..problem.clone() };
        problems.extend(error.problems().iter().map(below));
    }
    rules
}

fn rule(value: &Value) -> Result<FieldRule, Expected> {
    let expected = (
        "bad_rule",
        "expected {\"path\": \"/actor/email\", \"as\": \"show\", \"mask\", \"hash\", \"truncate\" or \"drop\"}",
    );
    let members = value.as_object().filter(|members| members.len() == 2).ok_or(expected)?;
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let treatment = text("as").and_then(Treatment::from_word).ok_or(expected)?;
    Ok(FieldRule { path: text("path").ok_or(expected)?.to_owned(), treatment })
}

fn rules_json(rules: &[FieldRule]) -> Value {
    rules.iter().map(|rule| json!({ "path": rule.path, "as": rule.treatment.as_str() })).collect()
}
