//! A receiver of webhooks, which looks at each signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deedbook_core::serde_json::{Value, from_slice, json};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::http::{FOLDER, Http, Post, Request, id};
use super::{Id, Message, Says, run};

/// What of a body is an entry.
struct Webhook {
    entries: fn(Value) -> Vec<Value>,
    settings: fn() -> Value,
}

impl Post for Webhook {
    fn kind(&self) -> (&'static str, Value) {
        ("webhook", (self.settings)())
    }

    fn entries(&self, request: &Request) -> Vec<Id> {
        assert_eq!(request.line, "POST / HTTP/1.1");
        verify(request);
        let body = from_slice(&request.body).unwrap();
        (self.entries)(body).iter().map(id).collect()
    }

    fn says(&self, _: &Says, _: &Message) -> Option<(u16, String)> {
        None
    }
}

fn settings() -> Value {
    json!({ "secret": { "file": "webhook-secret" }, "headers": { "X-Team": "audit" } })
}

/// As Standard Webhooks would have it.
fn verify(request: &Request) {
    assert_eq!((&*request.headers["content-type"], &*request.headers["x-team"]), ("application/json", "audit"));
    let secret = std::fs::read_to_string(format!("{FOLDER}/webhook-secret")).unwrap();
    let key = STANDARD.decode(secret.trim().strip_prefix("whsec_").unwrap()).unwrap();
    let (id, timestamp) = (&request.headers["webhook-id"], &request.headers["webhook-timestamp"]);
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(&[format!("{id}.{timestamp}.").as_bytes(), &request.body].concat());
    let signature = request.headers["webhook-signature"].strip_prefix("v1,").unwrap();
    mac.verify_slice(&STANDARD.decode(signature).unwrap()).unwrap();
}

#[test]
fn batches() {
    let entries = |body: Value| body.as_array().unwrap().clone();
    run(Http(Webhook { entries, settings }));
}
