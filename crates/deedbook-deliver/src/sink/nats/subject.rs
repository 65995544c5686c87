//! The subject of an entry: tokens between dots, of which strangers must not make more or fewer.

use std::fmt::Write;
use std::str::FromStr;

use deedbook_core::{Entry, Error, Outcome, Result};

use crate::settings::wrong;

/// `audit.{tenant}.{action}`, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text(String),
    Tenant,
    Action,
    Outcome,
}

impl Subject {
    /// The subject of this entry. An action has tokens of its own, `invoice.approved`; a tenant is one token.
    pub(super) fn of(&self, entry: &Entry) -> String {
        let tokens = self.0.iter().map(|token| match token {
            Token::Text(text) => text.clone(),
            Token::Tenant => encoded(&entry.receipt.tenant),
            Token::Action => entry.event.action.split('.').map(encoded).collect::<Vec<_>>().join("."),
            Token::Outcome => entry.event.outcome.unwrap_or(Outcome::Success).as_str().to_owned(),
        });
        tokens.collect::<Vec<_>>().join(".")
    }
}

/// `text` as one token: letters, digits, `-` and `_` as they are, every other byte as `%2E`, so that two texts never
/// meet in one token.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

impl FromStr for Subject {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let token = |token: &str| match token {
            "{tenant}" => Some(Token::Tenant),
            "{action}" => Some(Token::Action),
            "{outcome}" => Some(Token::Outcome),
            text => (!text.is_empty() && encoded(text) == text).then(|| Token::Text(text.to_owned())),
        };
        let tokens = text.split('.').map(token).collect::<Option<Vec<_>>>();
        tokens.map(Self).ok_or_else(|| {
            let rule =
                "take tokens between dots, each of letters, digits, - and _, or one of {tenant}, {action}, {outcome}";
            wrong(format!("subject = {text:?}: {rule}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::entries;

    fn subject(template: &str, tenant: &str) -> String {
        let mut entry = entries(0..1).remove(0);
        entry.receipt.tenant = tenant.to_owned();
        template.parse::<Subject>().expect(template).of(&entry)
    }

    #[test]
    fn a_subject_tells_tenant_and_action() {
        assert_eq!(subject("audit.{tenant}.{action}", "acme"), "audit.acme.thing.made");
        assert_eq!(subject("{outcome}.log-1_x", "acme"), "success.log-1_x");
    }

    #[test]
    fn a_tenant_is_one_token() {
        assert_eq!(subject("a.{tenant}", "acme.eu"), "a.acme%2Eeu");
        assert_eq!(subject("a.{tenant}", "> *\t%é"), "a.%3E%20%2A%09%25%C3%A9");
    }

    #[test]
    fn what_is_no_subject_is_refused() {
        for refused in ["", "a..b", ".a", "a.*", "a.>", "a b", "a.{actor}", "a.{tenant}x", "$JS.API", "é"] {
            let error = refused.parse::<Subject>().expect_err(refused).to_string();
            assert!(error.contains("take tokens between dots"), "{error}");
        }
    }
}
