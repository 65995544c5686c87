//! An HTTP Event Collector.

use deedbook_core::serde_json::{Deserializer, Value, json};

use super::http::{Http, Post, Request, id};
use super::{Id, Message, Says, run};

struct Splunk;

impl Post for Splunk {
    fn kind(&self) -> (&'static str, Value) {
        ("splunk", json!({ "token": { "file": "token" }, "index": "audit", "gzip": true }))
    }

    fn entries(&self, request: &Request) -> Vec<Id> {
        assert_eq!(request.line, "POST /services/collector/event HTTP/1.1");
        assert_eq!(request.headers["authorization"], "Splunk a-token-of-the-tests");
        let events = Deserializer::from_slice(&request.body).into_iter().map(Result::unwrap);
        let entry = |event: Value| {
            assert_eq!((&event["index"], &event["sourcetype"]), (&json!("audit"), &json!("deedbook:json")));
            assert!(event["time"].is_number());
            id(&event["event"])
        };
        events.map(entry).collect()
    }

    fn says(&self, says: &Says, message: &Message) -> Option<(u16, String)> {
        let (status, said) = match says {
            Says::Taken => (200, json!({ "text": "Success", "code": 0 })),
            Says::Refused(refused) => {
                let place = message.entries.iter().position(|entry| refused.contains(entry));
                (400, json!({ "text": "Invalid data format", "code": 6, "invalid-event-number": place }))
            }
            Says::Busy => (429, json!({ "text": "HEC queue is at capacity", "code": 26 })),
            Says::Failed => (500, json!({ "text": "Internal server error", "code": 8 })),
            Says::Unavailable => (503, json!({ "text": "Server is busy", "code": 9 })),
            Says::TooLarge => return None,
        };
        Some((status, said.to_string()))
    }
}

#[test]
fn events() {
    run(Http(Splunk));
}
