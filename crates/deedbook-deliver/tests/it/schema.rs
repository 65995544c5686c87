//! As much of JSON Schema as the schema of OCSF uses; a keyword beyond it is a failure of the test.

use std::net::IpAddr;
use std::sync::LazyLock;

use deedbook_core::serde_json::{Value, from_str};

/// The classes of OCSF and the objects that they use.
pub(crate) struct Schema(Value);

impl Schema {
    pub(crate) fn ocsf() -> &'static Self {
        static OCSF: LazyLock<Schema> =
            LazyLock::new(|| Schema(from_str(include_str!("../fixtures/ocsf/schema.json")).unwrap()));
        &OCSF
    }

    /// What is wrong with `record` as an event of the class that it names.
    pub(crate) fn complaints(&self, record: &Value) -> Vec<String> {
        let class = match record["class_uid"].as_u64() {
            Some(6003) => "api_activity",
            Some(3002) => "authentication",
            Some(3001) => "account_change",
            Some(3004) => "entity_management",
            other => return vec![format!("class_uid is {other:?}")],
        };
        let mut complaints = Vec::new();
        self.check(&self.0["classes"][class], record, "", &mut complaints);
        complaints
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, complaints: &mut Vec<String>) {
        let mut complain = |what: String| complaints.push(format!("{at}: {what}"));
        for (keyword, wanted) in schema.as_object().unwrap() {
            let is_met = match keyword.as_str() {
                "title" | "$id" | "deprecated" | "properties" | "items" | "$ref" => true,
                "type" => is_of(wanted, value),
                "enum" => wanted.as_array().unwrap().contains(value),
                "const" => wanted == value,
                "required" => names(wanted).all(|name| value.get(name).is_some()),
                "anyOf" => wanted
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|one| names(&one["required"]).all(|name| value.get(name).is_some())),
                "additionalProperties" => {
                    *wanted == true || members(value).all(|(name, _)| schema["properties"].get(name).is_some())
                }
                "maxLength" => value.as_str().unwrap().chars().count() as u64 <= wanted.as_u64().unwrap(),
                "minimum" => value.as_i64() >= wanted.as_i64(),
                "maximum" => value.as_i64() <= wanted.as_i64(),
                "pattern" => matches_pattern(wanted.as_str().unwrap(), value.as_str().unwrap()),
                unknown => panic!("{unknown} is not checked"),
            };
            if !is_met {
                complain(format!("{keyword} {wanted} is not met by {value}"));
            }
        }
        if let Some(name) = schema.get("$ref") {
            let name = name.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
            self.check(&self.0["$defs"][name], value, at, complaints);
        }
        for (name, schema) in schema.get("properties").into_iter().flat_map(members) {
            if let Some(value) = value.get(name) {
                self.check(schema, value, &format!("{at}/{name}"), complaints);
            }
        }
        if let Some((schema, elements)) = schema.get("items").zip(value.as_array()) {
            elements.iter().for_each(|element| self.check(schema, element, &format!("{at}/-"), complaints));
        }
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn names(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap())
}

fn is_of(wanted: &Value, value: &Value) -> bool {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    match wanted {
        Value::String(wanted) => wanted == kind,
        several => names(several).any(|wanted| wanted == kind),
    }
}

/// The two patterns that records meet, by what they are for.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    if pattern.starts_with("^[a-zA-Z0-9!#$%&'*+-/=?^_`{|}~.]+@") {
        let (local, host) = text.rsplit_once('@').unwrap_or_default();
        let (name, domain) = host.split_once('.').unwrap_or_default();
        let is_local = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+,-./=?^_`{|}~".contains(c);
        let is_host = |c: char| c.is_ascii_alphanumeric() || c == '-';
        return ![local, name, domain].contains(&"")
            && local.chars().all(is_local)
            && name.chars().all(is_host)
            && domain.chars().all(|c| is_host(c) || c == '.');
    }
    assert!(pattern.starts_with("((^\\s*((([0-9]|[1-9][0-9]|"), "{pattern} is not checked");
    text.parse::<IpAddr>().is_ok()
}
