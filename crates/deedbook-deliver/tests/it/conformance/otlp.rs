//! A collector of OpenTelemetry, which rejects records without saying which.

use deedbook_core::serde_json::{Value, from_slice, from_str, json};

use super::http::{Http, Post, Request, id};
use super::{Id, Message, Says, run};

struct Otlp;

impl Post for Otlp {
    fn kind(&self) -> (&'static str, Value) {
        ("otlp", json!({ "headers": { "Authorization": { "file": "token" } } }))
    }

    fn entries(&self, request: &Request) -> Vec<Id> {
        assert_eq!(request.line, "POST /v1/logs HTTP/1.1");
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(request.headers["authorization"], "a-token-of-the-tests");
        let body: Value = from_slice(&request.body).unwrap();
        let each = |value: &Value, name: &str| value[name].as_array().unwrap().clone();
        let scopes = each(&body, "resourceLogs").into_iter().flat_map(|resource| each(&resource, "scopeLogs"));
        let records = scopes.flat_map(|scope| each(&scope, "logRecords"));
        records.map(|record| id(&from_str(record["body"]["stringValue"].as_str().unwrap()).unwrap())).collect()
    }

    fn says(&self, says: &Says, _: &Message) -> Option<(u16, String)> {
        match says {
            Says::Taken => Some((200, r#"{"partialSuccess":{}}"#.to_owned())),
            Says::Refused(refused) => {
                let rejected = refused.len().to_string();
                let said = json!({ "partialSuccess": { "rejectedLogRecords": rejected, "errorMessage": "too old" } });
                Some((200, said.to_string()))
            }
            _ => None,
        }
    }

    fn takes_the_rest(&self) -> bool {
        true
    }
}

#[test]
fn logs() {
    run(Http(Otlp));
}
