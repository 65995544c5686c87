//! How staff sign in: which provider, and what each of its groups may see.

use std::net::IpAddr;

use deedbook_core::{Error, Result};
use reqwest::Url;

use super::Person;
use crate::secret::Secret;
use crate::settings::NewToken;

/// Nobody stays signed in for longer than a day.
const SESSION_MINUTES_MAX: u32 = 1440;

/// A provider of OpenID Connect, and what its groups may do here.
#[derive(Clone, Debug)]
pub struct OidcSettings {
    /// The provider's name for itself, an address; what it says of itself is found below it.
    pub issuer: String,
    /// The name under which the provider knows this server.
    pub client_id: String,
    /// What this server proves itself with; absent for a public client, which PKCE alone protects.
    pub client_secret: Option<Secret>,
    /// What is asked of the provider; `openid` is among it.
    pub scopes: Vec<String>,
    /// The claim with the groups of a person: a list of texts, or one text.
    pub groups_claim: String,
    /// How long a person stays signed in, in minutes: at most 1,440.
    pub session_minutes: u32,
    /// What groups may do; the first one that a person is in counts.
    pub roles: Vec<Role>,
}

/// What the members of a group may do.
#[derive(Clone, Debug)]
pub struct Role {
    /// The group, as the provider names it.
    pub group: String,
    /// The token that each of them gets for as long as they stay signed in; its name and its end are those of the person.
    pub token: NewToken,
}

impl OidcSettings {
    /// Holds what the settings say against what can be.
    ///
    /// # Errors
    /// [`deedbook_core::ErrorKind::Invalid`] with pointers to the members that break a rule.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |pointer: &str, detail: String| Err(Error::invalid(pointer, "bad_value", detail));
        if let Err(why) = check_address(&self.issuer) {
            return wrong("/issuer", why);
        }
        if self.client_id.is_empty() {
            return wrong("/client_id", "it is the name under which the provider knows this server".to_owned());
        }
        if !self.scopes.iter().any(|scope| scope == "openid") {
            return wrong("/scopes", "add \"openid\": without it the provider does not say who signs in".to_owned());
        }
        if !(1..=SESSION_MINUTES_MAX).contains(&self.session_minutes) {
            return wrong("/session_minutes", format!("expected 1 to {SESSION_MINUTES_MAX}"));
        }
        if self.roles.is_empty() {
            return wrong("/roles", "without a role nobody can sign in; name a group and what it may do".to_owned());
        }
        Ok(())
    }

    /// The first role of which the person is in the group.
    pub(crate) fn role_of(&self, person: &Person) -> Option<&Role> {
        self.roles.iter().find(|role| person.groups.contains(&role.group))
    }

    /// How long a person stays signed in.
    pub(crate) fn session_seconds(&self) -> i64 {
        i64::from(self.session_minutes) * 60
    }
}

/// Whether an address may be asked: by TLS, or on this machine.
pub(crate) fn check_address(address: &str) -> std::result::Result<(), String> {
    let url = Url::parse(address).map_err(|error| format!("{address:?} is no address: {error}"))?;
    let host = url.host_str().unwrap_or_default();
    let on_this_machine =
        host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "https" => Ok(()),
        "http" if on_this_machine => Ok(()),
        _ => Err(format!("{address:?} is neither https nor on this machine")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_asked_by_tls_or_on_this_machine() {
        for good in ["https://login.example", "http://localhost:9000/x", "http://127.0.0.1:1", "http://[::1]:1"] {
            assert_eq!(check_address(good), Ok(()), "{good}");
        }
        for bad in ["http://login.example", "http://10.0.0.1", "file:///etc/passwd", "login.example", ""] {
            assert!(check_address(bad).is_err(), "{bad}");
        }
    }
}
