//! ID tokens: what the provider signed about who signed in.

use deedbook_core::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

use super::Person;

/// What signs an ID token: keys of which the provider gives out the public half. No secret shared with it, and never
/// "none".
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// How far the clocks of the provider and of this server may be apart.
const LEEWAY_SECONDS: i64 = 60;

/// By what an ID token is judged.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) groups_claim: &'a str,
    pub(super) now: Timestamp,
}

/// Why an ID token was not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unaccepted {
    /// None of the known keys has its id: the provider may have changed them.
    UnknownKey,
    /// It is not for us, not now, or not what it says.
    Refused(&'static str),
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
    iat: i64,
    nonce: Option<String>,
    azp: Option<String>,
    aud: Value,
    name: Option<String>,
    preferred_username: Option<String>,
    email: Option<String>,
    #[serde(flatten)]
    others: serde_json::Map<String, Value>,
}

/// A person, and whether the token said anything about groups.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) person: Person,
    pub(super) names_groups: bool,
}

/// Judges `token` by the keys of the provider. Source: OpenID Connect Core 1.0, section 3.1.3.7.
pub(super) fn accept(token: &str, keys: &JwkSet, expected: &Expected<'_>) -> Result<Accepted, Unaccepted> {
    let header = decode_header(token).map_err(|_| Unaccepted::Refused("the ID token is not one"))?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Unaccepted::Refused("the ID token is not signed by a public key"));
    }
    let fits = |key: &&jsonwebtoken::jwk::Jwk| match &header.kid {
        Some(kid) => key.common.key_id.as_ref() == Some(kid),
        None => DecodingKey::from_jwk(key).is_ok_and(|key| header.alg.family() == key.family()),
    };
    let key = keys.keys.iter().find(fits).ok_or(Unaccepted::UnknownKey)?;
    let key = DecodingKey::from_jwk(key).map_err(|_| Unaccepted::Refused("the key of the ID token cannot be used"))?;
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[expected.issuer]);
    validation.set_audience(&[expected.client_id]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    // By the clock of the server, which the tests move, and not by that of the library.
    validation.validate_exp = false;
    let decoded = decode::<Claims>(token, &key, &validation);
    let claims = decoded.map_err(|_| Unaccepted::Refused("the ID token is not signed by the provider for us"))?.claims;
    claims.judged(expected).map_err(Unaccepted::Refused)
}

impl Claims {
    fn judged(self, expected: &Expected<'_>) -> Result<Accepted, &'static str> {
        let now = expected.now.as_second();
        if self.exp.saturating_add(LEEWAY_SECONDS) <= now {
            return Err("the ID token has expired; compare the clocks of the provider and of this server");
        }
        if self.iat > now.saturating_add(LEEWAY_SECONDS) {
            return Err("the ID token is of the future; compare the clocks of the provider and of this server");
        }
        if self.nonce.as_deref() != Some(expected.nonce) {
            return Err("the ID token is not of this attempt to sign in");
        }
        let for_several = self.aud.as_array().is_some_and(|audience| audience.len() > 1);
        let party = self.azp.as_deref();
        if for_several && party.is_none() || party.is_some_and(|party| party != expected.client_id) {
            return Err("the ID token was made for another party");
        }
        let groups = self.others.get(expected.groups_claim);
        let person = Person {
            subject: self.sub,
            name: self.name.or(self.preferred_username),
            email: self.email,
            groups: groups.map(names).unwrap_or_default(),
        };
        Ok(Accepted { person, names_groups: groups.is_some() })
    }
}

/// The names in a claim, which is a list of texts or a single text.
pub(super) fn names(claim: &Value) -> Vec<String> {
    match claim {
        Value::String(one) => vec![one.clone()],
        Value::Array(several) => several.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::KeyPair;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn expected() -> Expected<'static> {
        Expected {
            issuer: "https://login.example",
            client_id: "deedbook",
            nonce: "n-1",
            groups_claim: "groups",
            now: Timestamp::from_second(NOW).expect("a time"),
        }
    }

    fn claims(change: Value) -> Value {
        let mut claims = json!({
            "iss": "https://login.example", "aud": "deedbook", "sub": "u-1", "nonce": "n-1",
            "exp": NOW + 300, "iat": NOW, "name": "Ada", "groups": ["staff", "security"]
        });
        let members = claims.as_object_mut().expect("an object");
        for (name, value) in change.as_object().expect("an object") {
            if value.is_null() {
                members.remove(name)
            } else {
                members.insert(name.clone(), value.clone())
            };
        }
        claims
    }

    /// A fresh key pair, as the provider's, and its public half under an id.
    fn key_pair(id: &str) -> (EncodingKey, JwkSet) {
        let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().expect("a key pair");
        let document = pair.to_pkcs8v1().expect("a document");
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let public = json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": x});
        let keys = vec![serde_json::from_value(public).expect("a public key")];
        (EncodingKey::from_ed_der(document.as_ref()), JwkSet { keys })
    }

    fn signed(key: &EncodingKey, id: &str, claims: &Value) -> String {
        let header = Header { kid: Some(id.to_owned()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, claims, key).expect("a token")
    }

    #[test]
    fn what_the_provider_signed_for_us_is_accepted() {
        let (private, keys) = key_pair("k-1");
        let accepted = accept(&signed(&private, "k-1", &claims(json!({}))), &keys, &expected()).expect("accepted");
        assert!(accepted.names_groups);
        let groups = vec!["staff".to_owned(), "security".to_owned()];
        let person = Person { subject: "u-1".to_owned(), name: Some("Ada".to_owned()), email: None, groups };
        assert_eq!(accepted.person, person);
    }

    #[test]
    fn what_is_not_for_us_not_now_or_not_of_this_attempt_is_refused() {
        let (private, keys) = key_pair("k-1");
        for (what, change) in [
            ("another issuer", json!({"iss": "https://evil.example"})),
            ("another audience", json!({"aud": "other"})),
            ("no audience", json!({"aud": null})),
            ("several parties", json!({"aud": ["deedbook", "other"]})),
            ("another party", json!({"azp": "other"})),
            ("expired", json!({"exp": NOW - LEEWAY_SECONDS})),
            ("no end", json!({"exp": null})),
            ("of the future", json!({"iat": NOW + LEEWAY_SECONDS + 1})),
            ("another nonce", json!({"nonce": "n-2"})),
            ("no nonce", json!({"nonce": null})),
            ("nobody", json!({"sub": null})),
        ] {
            let judged = accept(&signed(&private, "k-1", &claims(change)), &keys, &expected());
            assert!(matches!(judged, Err(Unaccepted::Refused(_))), "{what}");
        }
        let several = claims(json!({"aud": ["deedbook", "other"], "azp": "deedbook"}));
        assert!(accept(&signed(&private, "k-1", &several), &keys, &expected()).is_ok(), "several, and we are named");
    }

    #[test]
    fn a_signature_by_anyone_else_is_refused() {
        let (private, keys) = key_pair("k-1");
        let (other, _) = key_pair("k-1");
        let forged = accept(&signed(&other, "k-1", &claims(json!({}))), &keys, &expected());
        assert!(matches!(forged, Err(Unaccepted::Refused(_))), "another key under the same id");
        let unknown = accept(&signed(&private, "k-2", &claims(json!({}))), &keys, &expected());
        assert!(matches!(unknown, Err(Unaccepted::UnknownKey)), "a key that is not known yet");
        // A text that is signed with a secret that everyone knows: the public key itself.
        let secret = EncodingKey::from_secret(b"public");
        let header = Header { kid: Some("k-1".to_owned()), ..Header::new(Algorithm::HS256) };
        let confused = encode(&header, &claims(json!({})), &secret).expect("a token");
        assert!(matches!(accept(&confused, &keys, &expected()), Err(Unaccepted::Refused(_))), "a shared secret");
        let whole = signed(&private, "k-1", &claims(json!({})));
        let unsigned = format!("{}.", whole.rsplit_once('.').expect("parts").0);
        assert!(accept(&unsigned, &keys, &expected()).is_err(), "no signature");
        assert!(accept("a.b", &keys, &expected()).is_err() && accept("", &keys, &expected()).is_err(), "no token");
    }
}
