//! What a viewer session is asked to be, and what it becomes within the token by which it is made.

use deedbook_core::{Error, Result, Timestamp};
use serde_json::Value;

use crate::grant::{Export, Grant};
use crate::members::{Expected, Problems, each_member, instant_after, pointed, text};
use crate::own;
use crate::settings::{NewSession, SESSION_LIFE_MAX};
use crate::token::{Appearance, Token};

/// How long a session lives where nobody says.
const LIFE: &str = "15m";
/// Bytes of a name, a language tag, a word for the page.
const NAME_BYTES_MAX: usize = 256;
const WORD_BYTES_MAX: usize = 64;

/// What is asked for.
pub(super) struct Wanted {
    preset: Option<Preset>,
    tenant: Option<String>,
    name: Option<String>,
    grant: Grant,
    expires_at: Timestamp,
    appearance: Appearance,
}

/// A named template: what must be said so that nobody shows more than was meant by leaving something out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Preset {
    /// A person's own history.
    Own,
    /// The history of things, for holders of labels.
    Target,
    /// All of a tenant.
    Tenant,
}

impl Wanted {
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid) with pointers to what is wrong.
    pub(super) fn from_json(json: &Value, now: Timestamp) -> Result<Self> {
        let mut wanted = Self {
            preset: None,
            tenant: None,
            name: None,
            grant: Grant::default(),
            expires_at: default_end(now)?,
            appearance: Appearance::default(),
        };
        let mut capabilities = Capabilities::Unsaid;
        each_member(json, &mut |name, value, problems| {
            if name == "capabilities" {
                capabilities = Capabilities::Said;
            }
            wanted.take(name, value, now, problems)
        })?;
        if capabilities == Capabilities::Unsaid {
            let exports = matches!(wanted.preset, Some(Preset::Own | Preset::Tenant));
            wanted.grant.export = if exports { Export::Allowed } else { Export::Denied };
        }
        wanted.check_preset()?;
        Ok(wanted)
    }

    fn take(&mut self, name: &str, value: &Value, now: Timestamp, problems: &mut Problems) -> Result<(), Expected> {
        match name {
            "preset" => self.preset = Some(preset(value)?),
            "tenant" => self.tenant = Some(text(value)?),
            "name" => self.name = Some(word(value, NAME_BYTES_MAX)?),
            "expires_in" => self.expires_at = end(now, value)?,
            "locale" => self.appearance.locale = Some(word(value, WORD_BYTES_MAX)?),
            "theme" => self.appearance.theme = Some(word(value, WORD_BYTES_MAX)?),
            "scope" | "fields" | "addresses" | "capabilities" => drop(self.grant.take(name, value, problems)),
            _ => {
                let detail = "this member is not known here; a viewer session has preset, tenant, name, scope, fields, \
                              addresses, capabilities, expires_in, locale, theme";
                return Err(("unknown_member", detail));
            }
        }
        Ok(())
    }

    fn check_preset(&self) -> Result<()> {
        let Grant { audience, self_actor, targets, .. } = &self.grant;
        let wrong = |pointer: &str, detail| Err(Error::from_problems(vec![pointed(pointer, ("preset", detail))]));
        match self.preset {
            Some(Preset::Own) if self_actor.is_none() => wrong("/scope/self", "the preset \"self\" wants scope.self"),
            Some(Preset::Own) if audience.is_some() => {
                wrong("/scope/audience", "the preset \"self\" is one's own history; leave scope.audience out")
            }
            Some(Preset::Target) if targets.is_none() => {
                wrong("/scope/targets", "the preset \"target\" wants scope.targets")
            }
            Some(Preset::Target) if audience.is_none() => {
                wrong("/scope/audience", "the preset \"target\" wants scope.audience, the labels of who looks at it")
            }
            Some(Preset::Tenant) if !self.grant.sees_every_entry() => {
                wrong("/scope", "the preset \"tenant\" is all of a tenant; leave scope out")
            }
            _ => Ok(()),
        }
    }

    /// Whether another tenant is asked for than the one that the token is bound to.
    pub(super) fn names_other_tenant(&self, parent: &Token) -> bool {
        parent.tenant.is_some() && self.tenant.is_some() && parent.tenant != self.tenant
    }

    /// The session below the token `parent`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid) where it would see more, or no tenant is named.
    pub(super) fn narrowed(self, parent: &Token) -> Result<NewSession> {
        let missing = || Error::invalid("/tenant", "missing_member", "name the tenant; the token is bound to none");
        let tenant = self.tenant.or_else(|| parent.tenant.clone()).ok_or_else(missing)?;
        own::check_tenant(&tenant)?;
        Ok(NewSession {
            tenant,
            name: self.name,
            grant: parent.grant.narrowed_to(self.grant)?,
            expires_at: parent.expires_at.map_or(self.expires_at, |end| end.min(self.expires_at)),
            appearance: self.appearance,
        })
    }
}

#[derive(PartialEq, Eq)]
enum Capabilities {
    Said,
    Unsaid,
}

/// Until when a session is to live on.
///
/// # Errors
/// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid) for another member, or for more than 24 hours.
pub(super) fn renewed_until(json: &Value, now: Timestamp) -> Result<Timestamp> {
    let mut until = default_end(now)?;
    each_member(json, &mut |name, value, _| match name {
        "expires_in" => {
            until = end(now, value)?;
            Ok(())
        }
        _ => Err(("unknown_member", "this member is not known here; a renewal has expires_in")),
    })?;
    Ok(until)
}

fn default_end(now: Timestamp) -> Result<Timestamp> {
    let end = instant_after(now, &Value::from(LIFE));
    end.map_err(|expected| Error::from_problems(vec![pointed("/expires_in", expected)]))
}

fn end(now: Timestamp, value: &Value) -> Result<Timestamp, Expected> {
    let end = instant_after(now, value)?;
    let life = end.duration_since(now);
    let fits = !life.is_zero() && life <= SESSION_LIFE_MAX;
    fits.then_some(end).ok_or(("out_of_range", "a viewer session lives 24 hours at most, and longer than none"))
}

fn preset(value: &Value) -> Result<Preset, Expected> {
    match value.as_str() {
        Some("self") => Ok(Preset::Own),
        Some("target") => Ok(Preset::Target),
        Some("tenant") => Ok(Preset::Tenant),
        _ => Err(("unknown_value", "expected \"self\", \"target\" or \"tenant\"")),
    }
}

fn word(value: &Value, bytes_max: usize) -> Result<String, Expected> {
    let word = text(value)?;
    if word.len() > bytes_max {
        return Err(("too_long", "a name has at most 256 bytes, a language tag or a theme 64"));
    }
    Ok(word)
}
