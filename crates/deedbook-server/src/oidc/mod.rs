//! Sign-in of staff by OpenID Connect: the authorization code flow with PKCE. The provider says who somebody is and in
//! which groups; what a group may see is said here, in [`Role`].
//!
//! Sources: OpenID Connect Core 1.0 (sections 3.1.2, 3.1.3, 5.3), OpenID Connect Discovery 1.0, RFC 7636 (PKCE),
//! RFC 9207 (the issuer in the answer).

mod attempt;
mod id_token;
mod provider;
mod settings;

pub(crate) use attempt::{ATTEMPT_SECONDS, Attempt, Attempts};
pub(crate) use provider::{Answer, Provider, Refused};
pub(crate) use settings::check_address;
pub use settings::{OidcSettings, Role};

/// Signing in by a provider, where one is configured.
pub(crate) struct SignIn {
    pub(crate) provider: Provider,
    pub(crate) attempts: Attempts,
}

impl SignIn {
    /// By `settings`, for browsers that reach this server at `public_url`; `key` seals what they keep.
    ///
    /// # Errors
    /// [`deedbook_core::ErrorKind::Invalid`] with pointers to the settings that break a rule.
    pub(crate) fn new(settings: OidcSettings, public_url: &str, key: [u8; 32]) -> deedbook_core::Result<Self> {
        settings.check()?;
        let callback = format!("{}/auth/callback", public_url.trim_end_matches('/'));
        Ok(Self { provider: Provider::new(settings, callback)?, attempts: Attempts::new(key) })
    }

    pub(crate) fn settings(&self) -> &OidcSettings {
        self.provider.settings()
    }
}

/// Who signed in, as the provider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// Names the person for ever at this provider.
    pub(crate) subject: String,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) groups: Vec<String>,
}
