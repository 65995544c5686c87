//! What a new token is to be.

use deedbook_core::{Error, Result, Timestamp};
use serde_json::Value;

use crate::grant::Grant;
use crate::members::{Expected, Problems, each_member, instant, pointed, text};
use crate::token::TokenKind;

const KIND: &str = "the member \"kind\" is required; add \"write\", \"read\", \"auditor\" or \"admin\"";

/// What a new token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it may do.
    pub kind: TokenKind,
    /// The one tenant it is bound to; all of them where absent. An administrator's is not bound.
    pub tenant: Option<String>,
    /// What it is for; at most 256 bytes.
    pub name: Option<String>,
    /// From when on it is refused; never where absent.
    pub expires_at: Option<Timestamp>,
    /// What it is narrowed to.
    pub grant: Grant,
}

impl NewToken {
    /// A token of this kind that nothing narrows.
    pub fn of_kind(kind: TokenKind) -> Self {
        Self { kind, tenant: None, name: None, expires_at: None, grant: Grant::default() }
    }

    /// What an object of JSON asks for; `docs/api.md` names the members, and null is as good as absent.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid) with pointers to the members that are not known, of the
    /// wrong type, or missing.
    pub fn from_json(json: &Value) -> Result<Self> {
        let mut new = Self::of_kind(TokenKind::Read);
        let read = each_member(json, &mut |name, value, problems| new.take(name, value, problems));
        if !json.is_object() || json.get("kind").is_some_and(|kind| !kind.is_null()) {
            return read.map(|()| new);
        }
        let mut problems = read.err().map(|error| error.problems().to_vec()).unwrap_or_default();
        problems.push(pointed("/kind", ("missing_member", KIND)));
        Err(Error::from_problems(problems))
    }

    fn take(&mut self, name: &str, value: &Value, problems: &mut Problems) -> Result<(), Expected> {
        match name {
            "kind" => {
                let kind = value.as_str().and_then(TokenKind::from_word);
                let expected = ("unknown_value", "expected \"write\", \"read\", \"auditor\" or \"admin\"");
                self.kind = kind.ok_or(expected)?;
            }
            "tenant" => self.tenant = Some(text(value)?),
            "name" => self.name = Some(text(value)?),
            "expires_at" => self.expires_at = Some(instant(value)?),
            "scope" | "fields" | "addresses" | "capabilities" => drop(self.grant.take(name, value, problems)),
            _ => {
                let detail = "this member is not known here; a token has kind, tenant, name, expires_at, scope, fields, \
                              addresses, capabilities";
                return Err(("unknown_member", detail));
            }
        }
        Ok(())
    }
}
