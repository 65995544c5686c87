//! The provider: where it is, what its keys are, and the exchange of a code for who signed in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deedbook_core::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use reqwest::{Client, RequestBuilder, Url, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;

use super::id_token::{self, Expected, Unaccepted};
use super::{Attempt, OidcSettings, Person};

/// How long the provider may take for one answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// What the provider may send: its keys are the most, and a few kilobytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long what the provider says of itself is believed.
const KNOWN_FOR: Duration = Duration::from_secs(3600);
/// Keys are asked for again at most this often, whatever ids tokens name.
const KEYS_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// A provider that staff sign in with.
pub(crate) struct Provider {
    settings: OidcSettings,
    callback: String,
    http: Client,
    known: Mutex<Option<Known>>,
}

/// What the provider says of itself.
#[derive(Clone)]
struct Known {
    metadata: Arc<Metadata>,
    keys: Arc<JwkSet>,
    learned: Instant,
    keys_learned: Instant,
}

/// Source: OpenID Connect Discovery 1.0, section 3.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

/// Why somebody could not sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The provider was not reached, or answers what it should not: nobody can sign in for now.
    Unavailable(String),
    /// This attempt is none of ours, too old, or was refused by the provider.
    Attempt(String),
}

impl Refused {
    fn unavailable(what: &str, why: impl std::fmt::Display) -> Self {
        Self::Unavailable(format!("{what}: {why}"))
    }
}

/// What the browser brings back.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Answer {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

impl Provider {
    /// The provider of `settings`, that sends browsers back to `callback`. Nothing is asked of it yet: it may start
    /// after this server.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub(crate) fn new(settings: OidcSettings, callback: String) -> deedbook_core::Result<Self> {
        let client = Client::builder()
            .user_agent(concat!("deedbook/", env!("CARGO_PKG_VERSION")))
            // The secret is for the endpoints that the provider named, and for none that those send us to.
            .redirect(redirect::Policy::none())
            .connect_timeout(ANSWER_TIME_MAX)
            .timeout(ANSWER_TIME_MAX)
            .build();
        let unset = |error| {
            deedbook_core::Error::new(deedbook_core::ErrorKind::Io, "cannot set up a client for HTTP")
                .with_source(error)
        };
        Ok(Self { settings, callback, http: client.map_err(unset)?, known: Mutex::default() })
    }

    pub(crate) fn settings(&self) -> &OidcSettings {
        &self.settings
    }

    /// Where the browser goes to sign in.
    pub(crate) async fn sign_in_at(&self, attempt: &Attempt) -> Result<String, Refused> {
        let known = self.known().await?;
        let endpoint = &known.metadata.authorization_endpoint;
        let mut url =
            Url::parse(endpoint).map_err(|error| Refused::unavailable("its authorization endpoint", error))?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.callback)
            .append_pair("scope", &self.settings.scopes.join(" "))
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(url.into())
    }

    /// Who signed in, by what the browser brought back.
    pub(crate) async fn signed_in(
        &self,
        attempt: &Attempt,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<Person, Refused> {
        let known = self.known().await?;
        let code = judged(answer, attempt, &known.metadata)?;
        let tokens = self.exchanged(&known.metadata, code, attempt).await?;
        let expected = Expected {
            issuer: &known.metadata.issuer,
            client_id: &self.settings.client_id,
            nonce: &attempt.nonce,
            groups_claim: &self.settings.groups_claim,
            now,
        };
        let accepted = match id_token::accept(&tokens.id_token, &known.keys, &expected) {
            Err(Unaccepted::UnknownKey) => {
                let keys = self.keys_again().await?;
                id_token::accept(&tokens.id_token, &keys, &expected)
            }
            judged => judged,
        };
        let accepted = accepted.map_err(|why| match why {
            Unaccepted::UnknownKey => {
                Refused::Attempt("the ID token is signed by a key the provider does not show".into())
            }
            Unaccepted::Refused(why) => Refused::Attempt(why.into()),
        })?;
        let mut person = accepted.person;
        if !accepted.names_groups {
            self.complete(&known.metadata, tokens.access_token.as_deref(), &mut person).await?;
        }
        Ok(person)
    }

    /// Source: RFC 6749, sections 2.3.1 and 4.1.3; RFC 7636, section 4.5.
    async fn exchanged(&self, metadata: &Metadata, code: &str, attempt: &Attempt) -> Result<Tokens, Refused> {
        let id = &self.settings.client_id;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.callback),
            ("code_verifier", &attempt.verifier),
        ];
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let takes_basic = methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic");
        let secret = self.settings.client_secret.as_ref();
        let request = self.http.post(&metadata.token_endpoint);
        let request = match secret {
            Some(secret) if takes_basic => request.basic_auth(form_encoded(id), Some(form_encoded(secret.expose()))),
            Some(secret) => {
                form.extend([("client_id", &id[..]), ("client_secret", secret.expose())]);
                request
            }
            None => {
                form.push(("client_id", id));
                request
            }
        };
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(body);
        let (status, body) = answered(request).await.map_err(|why| Refused::unavailable("its token endpoint", why))?;
        match status {
            200 => parsed(&body).map_err(|why| Refused::unavailable("its token endpoint", why)),
            400..500 => Err(Refused::Attempt(format!("the provider refused the code: {}", error_code(&body)))),
            _ => Err(Refused::unavailable("its token endpoint", format_args!("it answered {status}"))),
        }
    }

    /// Asks for groups, name and e-mail where the ID token has none. Source: OpenID Connect Core 1.0, section 5.3.
    async fn complete(&self, metadata: &Metadata, token: Option<&str>, person: &mut Person) -> Result<(), Refused> {
        let (Some(endpoint), Some(token)) = (&metadata.userinfo_endpoint, token) else { return Ok(()) };
        let said: Value = self.asked(self.http.get(endpoint).bearer_auth(token), "its userinfo endpoint").await?;
        // It must be about the same person, or a token that was put in place of another would speak for them.
        if said["sub"].as_str() != Some(&person.subject) {
            return Err(Refused::Attempt("the provider speaks of two persons".into()));
        }
        let text = |name: &str| said[name].as_str().map(str::to_owned);
        person.groups = said.get(&self.settings.groups_claim).map(id_token::names).unwrap_or_default();
        person.name = person.name.take().or_else(|| text("name")).or_else(|| text("preferred_username"));
        person.email = person.email.take().or_else(|| text("email"));
        Ok(())
    }

    async fn known(&self) -> Result<Known, Refused> {
        let mut slot = self.known.lock().await;
        if let Some(known) = slot.as_ref().filter(|known| known.learned.elapsed() < KNOWN_FOR) {
            return Ok(known.clone());
        }
        let metadata = Arc::new(self.discovered().await?);
        let keys = Arc::new(self.keys(&metadata).await?);
        let now = Instant::now();
        Ok(slot.insert(Known { metadata, keys, learned: now, keys_learned: now }).clone())
    }

    async fn discovered(&self) -> Result<Metadata, Refused> {
        let issuer = &self.settings.issuer;
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata: Metadata = self.asked(self.http.get(address), "its description").await?;
        if metadata.issuer != *issuer {
            let why = format!("it calls itself {:?}, and {issuer:?} was configured", metadata.issuer);
            return Err(Refused::unavailable("its description", why));
        }
        let endpoints = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        for endpoint in endpoints.into_iter().chain(&metadata.userinfo_endpoint) {
            super::settings::check_address(endpoint).map_err(|why| Refused::unavailable("its description", why))?;
        }
        Ok(metadata)
    }

    async fn keys(&self, metadata: &Metadata) -> Result<JwkSet, Refused> {
        // Keys of kinds that are not known here are no fault: they sign what is for others.
        let said: Value = self.asked(self.http.get(&metadata.jwks_uri), "its keys").await?;
        let keys = said["keys"].as_array().cloned().unwrap_or_default();
        let for_signatures = |key: &Value| key.get("use").is_none_or(|used| used == "sig");
        let keys = keys.into_iter().filter(for_signatures).filter_map(|key| serde_json::from_value(key).ok());
        Ok(JwkSet { keys: keys.collect() })
    }

    /// The keys as they are now, for a token that names one that was not there before.
    async fn keys_again(&self) -> Result<Arc<JwkSet>, Refused> {
        let mut slot = self.known.lock().await;
        let Some(known) = slot.as_mut() else { return Ok(Arc::new(JwkSet { keys: Vec::new() })) };
        if known.keys_learned.elapsed() >= KEYS_AGAIN_AFTER {
            known.keys = Arc::new(self.keys(&known.metadata).await?);
            known.keys_learned = Instant::now();
        }
        Ok(known.keys.clone())
    }

    async fn asked<T: DeserializeOwned>(&self, request: RequestBuilder, what: &str) -> Result<T, Refused> {
        let (status, body) = answered(request).await.map_err(|why| Refused::unavailable(what, why))?;
        if status != 200 {
            return Err(Refused::unavailable(what, format_args!("it answered {status}")));
        }
        parsed(&body).map_err(|why| Refused::unavailable(what, why))
    }
}

/// The code of an answer that is to this attempt, from this provider.
fn judged<'a>(answer: &'a Answer, attempt: &Attempt, metadata: &Metadata) -> Result<&'a str, Refused> {
    if answer.state.as_deref() != Some(&attempt.state) {
        return Err(Refused::Attempt("the answer of the provider is not to this attempt".into()));
    }
    let issuer = answer.iss.as_deref();
    if issuer.is_some_and(|issuer| issuer != metadata.issuer)
        || issuer.is_none() && metadata.authorization_response_iss_parameter_supported
    {
        return Err(Refused::Attempt("the answer is not from this provider".into()));
    }
    if let Some(error) = &answer.error {
        return Err(Refused::Attempt(format!("the provider says: {}", shortened(error))));
    }
    answer.code.as_deref().ok_or_else(|| Refused::Attempt("the provider sent no code".into()))
}

/// The status and the body, which is bounded.
async fn answered(request: RequestBuilder) -> Result<(u16, Vec<u8>), String> {
    let told = |error: reqwest::Error| {
        let error = error.without_url();
        std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
    };
    let mut response = request.send().await.map_err(told)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(told)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(format!("it sent more than {ANSWER_BYTES_MAX} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((response.status().as_u16(), body))
}

/// Errors of the parser may repeat what was read, and that may be a token: they are not told.
fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, &'static str> {
    serde_json::from_slice(body).map_err(|_| "its answer is not what OpenID Connect asks for")
}

fn error_code(body: &[u8]) -> String {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    shortened(said["error"].as_str().unwrap_or("it gave no reason"))
}

/// Text of others in our words: short, and of plain characters.
fn shortened(text: &str) -> String {
    text.chars().filter(|character| character.is_ascii_graphic() || *character == ' ').take(80).collect()
}

/// Source: RFC 6749, section 2.3.1 and appendix B.
fn form_encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(names_itself: bool) -> Metadata {
        let address = || "https://login.example/x".to_owned();
        Metadata {
            issuer: "https://login.example".to_owned(),
            authorization_endpoint: address(),
            token_endpoint: address(),
            jwks_uri: address(),
            userinfo_endpoint: None,
            token_endpoint_auth_methods_supported: Vec::new(),
            authorization_response_iss_parameter_supported: names_itself,
        }
    }

    #[test]
    fn an_answer_counts_if_it_is_to_this_attempt_and_from_this_provider() {
        let attempt = Attempt::begin(None, Timestamp::UNIX_EPOCH);
        let state = Some(attempt.state.clone());
        let code = Some("c".to_owned());
        let ours = Some("https://login.example".to_owned());
        let theirs = Some("https://evil.example".to_owned());
        let answer = |code, state, iss, error| Answer { code, state, iss, error };
        for (what, answer, names_itself, accepted) in [
            ("all is well", answer(code.clone(), state.clone(), ours.clone(), None), true, true),
            ("an old provider", answer(code.clone(), state.clone(), None, None), false, true),
            ("no state", answer(code.clone(), None, ours.clone(), None), true, false),
            ("another state", answer(code.clone(), code.clone(), ours.clone(), None), true, false),
            ("another provider", answer(code.clone(), state.clone(), theirs, None), false, false),
            ("a provider that hides", answer(code.clone(), state.clone(), None, None), true, false),
            ("an error", answer(code, state.clone(), ours.clone(), Some("access_denied".into())), true, false),
            ("no code", answer(None, state, ours, None), true, false),
        ] {
            assert_eq!(judged(&answer, &attempt, &metadata(names_itself)).is_ok(), accepted, "{what}");
        }
    }

    #[test]
    fn what_others_say_is_told_in_plain_characters() {
        assert_eq!(shortened("bad\u{1b}[31m thing\n"), "bad[31m thing");
    }
}
