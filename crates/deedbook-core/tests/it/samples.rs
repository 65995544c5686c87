//! Events that the tests share.

use std::borrow::Cow;

use deedbook_core::serde_json::Value;
use deedbook_core::{Draft, Event, Limits, Result, prepare};

/// Every named member is there, and nothing is left out when it becomes canonical.
pub(crate) const FULL: &str = r#"{
  "id": "evt_AZN7bo8qfDGdXmpLHwwtPg",
  "tenant": "acme",
  "action": "document.shared",
  "schema": "document.shared@2",
  "category": "project",
  "outcome": "denied",
  "occurred_at": "2026-09-20T16:03:27.481512+02:00",
  "actor": { "type": "agent", "id": "agt_1", "name": "contract-bot", "metadata": { "model": "m", "tool": "share_document" },
             "on_behalf_of": { "type": "user", "id": "user_8hWAb-kHmq5nmfE-xPggAA", "name": "Ada Lovelace", "email": "ada@acme.example" } },
  "targets": [ { "type": "document", "id": "doc_1", "name": "Q3 plan", "href": "https://app.example/d/42" },
               { "type": "user", "id": "user_2", "name": "Grace \"G\"", "email": "g@acme.example", "role": "recipient", "metadata": {"a/b~c": [1, {"x": null}]} } ],
  "changes": [ { "path": "/visibility", "from": null, "to": {"link": true} }, { "path": "/api_key", "redacted": true } ],
  "context": { "ip": "2001:DB8::1", "user_agent": "curl/8\t\u0001", "request_id": "req_7f3", "session_id": "ses_51c", "trace_id": "4bf9",
               "auth": { "method": "saml", "mfa": "webauthn", "issuer": "okta", "credential": { "type": "api_token", "id": "tok_9", "name": "CI" } },
               "http": { "method": "POST", "route": "/documents/{id}/share", "status": 403, "duration_ms": 31 } },
  "reason": "customer asked, ticket T-5",
  "error": { "code": "forbidden", "message": "no right" },
  "correlation_id": "ord_991", "transaction_id": "tx_1",
  "source": { "service": "docs-api", "version": "2026.9.3", "environment": "production" },
  "audience": ["owners", "security"],
  "personal": ["/metadata/note", "/targets/1/metadata/a~1b~0c/1", "/reason"],
  "description": "contract-bot shared Q3 plan with Grace on behalf of Ada Lovelace",
  "metadata": { "expires_in_days": 30, "note": {"to": "Grace"}, "price": 19.90, "big": 1e3, "é": "ü" }
}"#;

/// What [`FULL`] becomes.
pub(crate) const FULL_CANONICAL: &str = concat!(
    r#"{"action":"document.shared","actor":{"id":"agt_1","metadata":{"model":"m","tool":"share_document"},"#,
    r#""name":"contract-bot","on_behalf_of":{"email":"ada@acme.example","id":"user_8hWAb-kHmq5nmfE-xPggAA","#,
    r#""name":"Ada Lovelace","type":"user"},"type":"agent"},"audience":["owners","security"],"category":"project","#,
    r#""changes":[{"from":null,"path":"/visibility","to":{"link":true}},{"path":"/api_key","redacted":true}],"#,
    r#""context":{"auth":{"credential":{"id":"tok_9","name":"CI","type":"api_token"},"issuer":"okta","method":"saml","#,
    r#""mfa":"webauthn"},"http":{"duration_ms":31,"method":"POST","route":"/documents/{id}/share","status":403},"#,
    r#""ip":"2001:db8::1","request_id":"req_7f3","session_id":"ses_51c","trace_id":"4bf9","user_agent":"curl/8\t\u0001"},"#,
    r#""correlation_id":"ord_991","description":"contract-bot shared Q3 plan with Grace on behalf of Ada Lovelace","#,
    r#""error":{"code":"forbidden","message":"no right"},"id":"evt_AZN7bo8qfDGdXmpLHwwtPg","#,
    r#""metadata":{"big":1000,"expires_in_days":30,"note":{"to":"Grace"},"price":19.9,"é":"ü"},"#,
    r#""occurred_at":"2026-09-20T14:03:27.481512Z","outcome":"denied","#,
    r#""personal":["/metadata/note","/targets/1/metadata/a~1b~0c/1","/reason"],"reason":"customer asked, ticket T-5","#,
    r#""schema":"document.shared@2","source":{"environment":"production","service":"docs-api","version":"2026.9.3"},"#,
    r#""targets":[{"href":"https://app.example/d/42","id":"doc_1","name":"Q3 plan","type":"document"},"#,
    r#"{"email":"g@acme.example","id":"user_2","metadata":{"a/b~c":[1,{"x":null}]},"name":"Grace \"G\"","#,
    r#""role":"recipient","type":"user"}],"tenant":"acme","transaction_id":"tx_1"}"#,
);

/// The smallest event.
pub(crate) const SMALL: &str = r#"{"action":"user.created","actor":{"type":"system"}}"#;

pub(crate) fn draft(json: &str) -> Result<Draft> {
    prepare(Event::from_json(json.as_bytes())?, &Limits::default(), || [7; 16])
}

/// `SMALL` with further members, as text.
pub(crate) fn with(members: &str) -> String {
    format!("{},{members}}}", SMALL.strip_suffix('}').unwrap())
}

pub(crate) fn canonical_text(draft: &Draft) -> String {
    String::from_utf8(draft.canonical().to_vec()).unwrap()
}

/// `depth` lists, one in the other.
pub(crate) fn nested(depth: usize) -> Value {
    (1..depth).fold(Value::Array(Vec::new()), |inner, _| Value::Array(vec![inner]))
}

/// `(pointer, code)` of every problem; codes that are our own are never made at run time.
pub(crate) fn problems<T>(result: Result<T>) -> Vec<(String, &'static str)> {
    let Err(error) = result else { return Vec::new() };
    let own = |code: &Cow<'static, str>| match *code {
        Cow::Borrowed(code) => code,
        Cow::Owned(_) => panic!("{code} is not one of ours"),
    };
    error.problems().iter().map(|problem| (problem.pointer.clone(), own(&problem.code))).collect()
}
