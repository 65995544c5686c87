//! Another Deedbook, in which each event has its own fate.

use deedbook_core::Event;
use deedbook_core::serde_json::{Value, from_slice, json};

use super::http::{Http, Post, Request};
use super::{Id, Message, Says, run};

struct Deedbook;

impl Post for Deedbook {
    fn kind(&self) -> (&'static str, Value) {
        ("deedbook", json!({ "token": { "file": "token" }, "gzip": true }))
    }

    fn entries(&self, request: &Request) -> Vec<Id> {
        assert_eq!(request.line, "POST /v1/events HTTP/1.1");
        assert_eq!(request.headers["authorization"], "Bearer a-token-of-the-tests");
        let events: Vec<Value> = from_slice(&request.body).unwrap();
        let id = |event: &Value| {
            let event = Event::from_json(event.to_string().as_bytes()).unwrap();
            (event.tenant.unwrap(), event.id.unwrap())
        };
        events.iter().map(id).collect()
    }

    fn says(&self, says: &Says, message: &Message) -> Option<(u16, String)> {
        let none = Vec::new();
        let refused = match says {
            Says::Taken => &none,
            Says::Refused(refused) => refused,
            _ => return None,
        };
        let results = message.entries.iter().enumerate().map(|(index, entry)| match refused.contains(entry) {
            true => json!({ "index": index, "status": 422, "problem": { "code": "invalid", "detail": "a rule" } }),
            false => json!({ "index": index, "status": 201, "receipt": { "id": entry.1, "tenant": entry.0 } }),
        });
        Some((200, json!({ "results": results.collect::<Vec<_>>() }).to_string()))
    }

    fn takes_the_rest(&self) -> bool {
        true
    }
}

#[test]
fn events() {
    run(Http(Deedbook));
}
