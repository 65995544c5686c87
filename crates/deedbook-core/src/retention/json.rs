//! Rules as JSON: `[{"tenant":"acme","category":"account","action":"user.*","keep":"90d"}]`.

use serde_json::{Map, Value};

use super::{Keep, Rule, Rules, action_pattern, action_text, wrong};
use crate::{Error, Problem, Result};

impl Rules {
    /// Reads rules from the value of a member `rules`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with pointers such as `/rules/3/keep`.
    pub fn from_json(value: &Value) -> Result<Self> {
        let Value::Array(list) = value else {
            let detail = "expected a list of rules, such as [{\"category\":\"account\",\"keep\":\"90d\"}]";
            return Err(Error::from_problems(vec![wrong("/rules".to_owned(), "wrong_type", detail.to_owned())]));
        };
        let mut problems = Vec::new();
        let rules = list.iter().enumerate().map(|(index, value)| rule(index, value, &mut problems)).collect();
        if problems.is_empty() { Self::new(rules) } else { Err(Error::from_problems(problems)) }
    }

    /// What [`Rules::from_json`] reads.
    pub fn to_json(&self) -> Value {
        self.as_slice().iter().map(Rule::to_json).collect()
    }
}

impl Rule {
    /// One of the objects of [`Rules::to_json`].
    pub fn to_json(&self) -> Value {
        let members = [
            ("tenant", self.tenant.clone()),
            ("category", self.category.clone()),
            ("action", self.action.as_ref().map(action_text)),
            ("keep", Some(self.keep.to_string())),
        ];
        let given = |(name, value): (&str, Option<String>)| Some((name.to_owned(), Value::String(value?)));
        Value::Object(members.into_iter().filter_map(given).collect())
    }
}

/// The rule at `index`; where it is wrong, `problems` tell so and the rule is of no use.
fn rule(index: usize, value: &Value, problems: &mut Vec<Problem>) -> Rule {
    let mut rule = Rule::of_everything(Keep::Forever);
    let Value::Object(members) = value else {
        let detail = "expected an object with \"keep\"".to_owned();
        problems.push(wrong(format!("/rules/{index}"), "wrong_type", detail));
        return rule;
    };
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        if let Err((code, detail)) = take(&mut rule, name, value) {
            let name = name.replace('~', "~0").replace('/', "~1");
            problems.push(wrong(format!("/rules/{index}/{name}"), code, detail));
        }
    }
    if is_absent(members, "keep") {
        let detail = "the member \"keep\" is required: \"forever\", a time such as \"90d\", or \"last 100\"".to_owned();
        problems.push(wrong(format!("/rules/{index}/keep"), "missing_member", detail));
    }
    rule
}

fn is_absent(members: &Map<String, Value>, name: &str) -> bool {
    members.get(name).is_none_or(Value::is_null)
}

fn take(rule: &mut Rule, name: &str, value: &Value) -> Result<(), (&'static str, String)> {
    let text = value.as_str().ok_or_else(|| ("wrong_type", "expected a string".to_owned()));
    match name {
        "tenant" => rule.tenant = Some(text?.to_owned()),
        "category" => rule.category = Some(text?.to_owned()),
        "action" => rule.action = Some(action_pattern(text?)),
        "keep" => rule.keep = Keep::parse(text?).map_err(|error| ("bad_keep", error.to_string()))?,
        _ => {
            let detail = "this member is not known here; a rule has tenant, category, action, keep".to_owned();
            return Err(("unknown_member", detail));
        }
    }
    Ok(())
}
