//! Batches to a URL, signed as Standard Webhooks are.
//!
//! Source: <https://www.standardwebhooks.com>, "Standard Webhooks", version 1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deedbook_core::{Entry, Result, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::guard::Guard;
use super::http::{Headers, Http};
use super::{Failure, Sink};
use crate::secret::SecretPlace;
use crate::settings::{Place, parse, wrong};
use crate::{Format, Secret};

/// What a key begins with, so that people and scanners know it.
const KEY_PREFIX: &str = "whsec_";

/// `webhook = { url = "https://…", secret = { file = "…" }, timeout_s = 30, headers = { X-Team = "audit" } }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: String,
    secret: Option<SecretPlace>,
    timeout_s: Option<u64>,
    #[serde(default)]
    headers: Headers,
}

pub(crate) fn make(settings: Value, place: &Place<'_>) -> Result<Box<dyn Sink>> {
    let Settings { url, secret, timeout_s, headers } = parse(settings)?;
    let key = secret.map(|secret| secret.read(place.folder).and_then(|secret| Key::read(&secret))).transpose()?;
    let http = Http::new(&url, timeout_s, None)?.with_headers(headers, place.folder)?;
    let bodies = if place.batch_entries == 1 { Bodies::Entries } else { Bodies::Batches };
    Ok(Box::new(Webhook { http, key, format: place.format(), bodies }))
}

/// What a body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// A batch: an array of JSON; of formats that are no JSON a line for each entry.
    Batches,
    /// One entry, as it is.
    Entries,
}

/// Posts entries to a URL. Whatever was answered with 2xx is delivered.
pub struct Webhook {
    http: Http,
    key: Option<Key>,
    format: Format,
    bodies: Bodies,
}

impl Webhook {
    /// A webhook that was made through the API, which `guard` watches.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid): the URL cannot be used or is not to be reached, the
    /// secret is not one of Standard Webhooks.
    pub fn guarded(url: &str, secret: &Secret, format: Format, bodies: Bodies, guard: &Guard) -> Result<Self> {
        Ok(Self { http: Http::new(url, None, Some(guard))?, key: Some(Key::read(secret)?), format, bodies })
    }

    fn send(&mut self, entries: &[Entry]) -> Result<(), Failure> {
        let (content_type, body) = self.body(entries);
        let id = message_id(entries);
        let headers = self.headers(&id, Timestamp::now(), &body);
        self.http.post(content_type, headers, body)?.judged()
    }

    fn body(&self, entries: &[Entry]) -> (&'static str, Vec<u8>) {
        let mut body = Vec::new();
        if let (Bodies::Entries, [entry]) = (self.bodies, entries) {
            self.format.write(entry, &mut body);
            return (self.format.content_type(), body);
        }
        let records = entries.iter().map(|entry| {
            let mut record = Vec::new();
            self.format.write(entry, &mut record);
            record
        });
        let records: Vec<Vec<u8>> = records.collect();
        (self.format.write_whole(records.iter().map(Vec::as_slice), &mut body), body)
    }

    fn headers(&self, id: &str, now: Timestamp, body: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut set = |name, text: String| {
            headers.insert(name, HeaderValue::try_from(text).expect("digits, letters and signs of base 64"));
        };
        set("webhook-id", id.to_owned());
        set("webhook-timestamp", now.as_second().to_string());
        if let Some(key) = &self.key {
            set("webhook-signature", key.sign(id, now, body));
        }
        headers
    }
}

impl Sink for Webhook {
    fn deliver(&mut self, entries: &[Entry]) -> Result<(), Failure> {
        match self.bodies {
            Bodies::Batches => self.send(entries),
            Bodies::Entries => entries.chunks(1).try_for_each(|entry| self.send(entry)),
        }
    }
}

/// With what messages are signed.
struct Key(Vec<u8>);

impl Key {
    fn read(secret: &Secret) -> Result<Self> {
        let key = secret.expose().strip_prefix(KEY_PREFIX).and_then(|text| STANDARD.decode(text).ok());
        match key {
            Some(key) if (24..=64).contains(&key.len()) => Ok(Self(key)),
            _ => Err(wrong(format!(
                "the secret is none of Standard Webhooks: {KEY_PREFIX} and 24 to 64 random bytes in base 64, such as \
                 {KEY_PREFIX}$(openssl rand -base64 32)"
            ))),
        }
    }

    fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length fits");
        mac.update(format!("{id}.{}.", at.as_second()).as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The id of a message: the same for the same entries, however often they are sent, and for no others.
fn message_id(entries: &[Entry]) -> String {
    let mut hash = Sha256::new();
    for entry in entries {
        // No id has a line end.
        hash.update(format!("{}\n{}\n", entry.receipt.tenant, entry.receipt.id));
    }
    let digits: String = hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("msg_{digits}")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::trial::entries;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    /// The vector of the libraries of Standard Webhooks.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let key = Key::read(&Secret::new(SECRET)).expect("a key");
        let at = Timestamp::from_second(1_614_265_330).expect("a time");
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn keys_that_are_none_are_refused_and_not_repeated() {
        for secret in [
            "",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa",
            "whsec_not base 64 at all, but long enough to be",
            "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            let error = Key::read(&Secret::new(secret)).err().expect(secret).to_string();
            assert!(
                error.contains("whsec_$(openssl") && !error.contains("MfKQ") && !error.contains("not base"),
                "{error}"
            );
        }
    }

    #[test]
    fn the_same_entries_are_the_same_message_and_others_are_not() {
        let all = entries(0..10);
        let ids = [&all[..], &all[..5], &all[5..], &all[..1], &all[1..2]].map(message_id);
        assert_eq!(message_id(&entries(0..10)), ids[0]);
        for (index, id) in ids.iter().enumerate() {
            assert!(id.starts_with("msg_") && id.len() == 36 && !ids[..index].contains(id), "{id}");
        }
    }

    fn made(table: Value, batch_entries: usize) -> Result<Box<dyn Sink>> {
        make(table, &Place { folder: Path::new("."), format: None, batch_entries })
    }

    #[test]
    fn settings_that_cannot_be_are_refused() {
        let url = "https://hooks.example/x";
        let variable = |name: &str| serde_json::json!({ "env": name });
        for (table, expected) in [
            (serde_json::json!({}), "url"),
            (serde_json::json!({ "url": url, "uri": "x" }), "uri"),
            (serde_json::json!({ "url": "hooks.example" }), "no address"),
            (serde_json::json!({ "url": url, "timeout_s": 0 }), "timeout_s"),
            (serde_json::json!({ "url": url, "secret": SECRET }), "file = "),
            (serde_json::json!({ "url": url, "secret": variable("DEEDBOOK_NO_SUCH_VARIABLE") }), "is not set"),
            (serde_json::json!({ "url": url, "secret": variable("CARGO_PKG_NAME") }), "whsec_"),
            (serde_json::json!({ "url": url, "headers": { "Content-Type": "x" } }), "sink itself"),
            (serde_json::json!({ "url": url, "headers": { "Webhook-Id": "x" } }), "sink itself"),
            (serde_json::json!({ "url": url, "headers": { "Authorization": "canary" } }), "is a secret"),
            (serde_json::json!({ "url": url, "headers": { "no name": "x" } }), "name of a header"),
            (serde_json::json!({ "url": url, "headers": { "X-Key": { "file": "no/such/file" } } }), "no/such/file"),
        ] {
            let error = made(table.clone(), 500).err().expect(expected).to_string();
            assert!(error.contains(expected) && !error.contains("canary"), "{table}: {error}");
        }
        let headers = serde_json::json!({ "X-Team": "audit", "Authorization": variable("CARGO_PKG_NAME") });
        assert!(made(serde_json::json!({ "url": url, "headers": headers }), 500).is_ok());
    }

    #[test]
    fn a_guard_refuses_what_the_url_itself_says() {
        let secret = Secret::new(SECRET);
        let made = |url, guard: &Guard| Webhook::guarded(url, &secret, Format::Json, Bodies::Batches, guard);
        for url in ["http://hooks.example/", "https://127.0.0.1/", "https://0x7f.1/", "https://[::ffff:a00:1]/"] {
            assert!(made(url, &Guard::public()).is_err(), "{url}");
            assert!(made(url, &Guard::anywhere()).is_ok(), "{url}");
        }
        assert!(made("https://hooks.example:8443/", &Guard::public()).is_ok());
    }

    #[test]
    fn a_name_that_leads_into_a_private_network_is_not_connected_to() {
        let secret = Secret::new(SECRET);
        let mut sink = Webhook::guarded("https://localhost/", &secret, Format::Json, Bodies::Batches, &Guard::public())
            .expect("a sink");
        let failure = sink.deliver(&entries(0..1)).expect_err("it leads to this machine");
        assert!(matches!(&failure, Failure::Later { why, .. } if why.contains("public network")), "{failure:?}");
    }
}
