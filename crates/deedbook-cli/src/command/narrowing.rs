//! What a token is narrowed to, as arguments.

use clap::{ArgAction, Args};
use serde_json::{Map, Value, json};

/// What a token of the kind `read` is narrowed to. What is named narrows; labels and `--self` are a union.
#[derive(Debug, Default, Args)]
pub(crate) struct Narrowing {
    /// Entries with one of these labels in their audience
    #[arg(long, value_delimiter = ',', value_name = "LABEL")]
    audience: Vec<String>,

    /// A person's own entries
    #[arg(long = "self", value_name = "TYPE:ID")]
    own: Option<String>,

    /// Entries about this thing; may be repeated
    #[arg(long, value_name = "TYPE:ID")]
    target: Vec<String>,

    /// Entries with this action, or one that begins so: `project.*`; may be repeated
    #[arg(long, value_name = "ACTION")]
    action: Vec<String>,

    /// Entries recorded at this instant or later
    #[arg(long, value_name = "INSTANT")]
    from: Option<String>,

    /// Entries recorded before this instant
    #[arg(long, value_name = "INSTANT")]
    until: Option<String>,

    /// What becomes of a value: show, mask, hash, truncate or drop; may be repeated, and the first that fits decides
    #[arg(long, value_name = "PATH=TREATMENT", value_parser = rule)]
    field: Vec<(String, String)>,

    /// The address or network from which alone the token is accepted; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    address: Vec<String>,

    /// Pages and tails alone, no files
    #[arg(long, action = ArgAction::SetTrue)]
    no_export: bool,
}

impl Narrowing {
    /// The members of the API that say this.
    pub(crate) fn members(&self) -> Map<String, Value> {
        let list = |list: &Vec<String>| (!list.is_empty()).then(|| json!(list));
        let said = |members: Vec<(&str, Option<Value>)>| -> Map<String, Value> {
            members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
        };
        let scope = said(vec![
            ("audience", list(&self.audience)),
            ("self", self.own.as_ref().map(|own| json!(own))),
            ("targets", list(&self.target)),
            ("actions", list(&self.action)),
            ("from", self.from.as_ref().map(|from| json!(from))),
            ("until", self.until.as_ref().map(|until| json!(until))),
        ]);
        let rules: Vec<Value> = self.field.iter().map(|(path, word)| json!({ "path": path, "as": word })).collect();
        said(vec![
            ("scope", (!scope.is_empty()).then_some(Value::Object(scope))),
            ("fields", (!rules.is_empty()).then_some(Value::Array(rules))),
            ("addresses", list(&self.address)),
            ("capabilities", self.no_export.then(|| json!(["view"]))),
        ])
    }
}

fn rule(text: &str) -> Result<(String, String), String> {
    let (path, word) = text.rsplit_once('=').ok_or("expected a path and what becomes of it: /actor/email=mask")?;
    Ok((path.to_owned(), word.to_owned()))
}
