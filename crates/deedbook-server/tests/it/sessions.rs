//! Viewer sessions: narrower than who makes them, short of life, and no token in any URL.

use std::io::Read;

use serde_json::{Value, json};

use crate::support::{House, event};

fn session(house: &House, body: Value) -> Value {
    house.post("/v1/viewer-sessions", body.to_string()).is(201).json()
}

fn use_of(house: &House, session: &Value) -> u16 {
    house.request("GET", "/v1/events").token(session["token"].as_str().unwrap()).send().status
}

#[test]
fn a_session_is_made_as_it_was_asked_for() {
    let house = House::new();
    let made = session(
        &house,
        json!({"tenant": "acme", "scope": {"targets": ["project:prj_1"], "audience": ["owners"]},
        "capabilities": ["view"], "expires_in": "15m", "locale": "de-CH", "theme": "dark",
        "fields": [{"path": "/context/ip", "as": "drop"}]}),
    );
    assert!(made["token"].as_str().unwrap().starts_with("deed_viewer_"));
    assert_eq!(made["expires_at"], "2026-09-20T14:15:00.000000Z");
    let token = made["token"].as_str().unwrap();
    let current = house.request("GET", "/v1/viewer-sessions/current").token(token).send().is(200).json();
    assert_eq!(
        (&current["tenant"], &current["locale"], &current["theme"]),
        (&json!("acme"), &json!("de-CH"), &json!("dark"))
    );
    assert_eq!((&current["capabilities"], current.get("fields")), (&json!(["view"]), None));
    assert_eq!(use_of(&house, &made), 200);
    assert_eq!(house.request("GET", "/v1/events.csv").token(token).send().problem(403), "missing_right");
    house.request("GET", "/v1/events?tenant=other").token(token).send().is(404);
    let listed = house.get("/v1/viewer-sessions").is(200);
    assert!(listed.json()["data"][0]["id"] == made["id"] && !listed.body.contains("deed_viewer_"), "{}", listed.body);
    let entry = house.get("/v1/events?tenant=_deedbook&q=action:audit.viewer_session.*").is(200);
    assert!(
        entry.body.contains("audit.viewer_session.created") && !entry.body.contains("_hash.created"),
        "{}",
        entry.body
    );
}

#[test]
fn a_session_ends_with_its_time_with_its_parent_and_when_it_is_revoked() {
    let house = House::new();
    let parent = house.post("/v1/tokens", r#"{"kind":"read","tenant":"acme"}"#).is(201).json();
    let by = |path: &str| house.request("POST", path).token(parent["token"].as_str().unwrap());
    let make = || by("/v1/viewer-sessions").body("application/json", r#"{"expires_in":"1h"}"#).send().is(201).json();
    let (one, two, three) = (make(), make(), make());
    let path = |session: &Value, what: &str| format!("/v1/viewer-sessions/{}{what}", session["id"].as_str().unwrap());
    let mut tail = house.request("GET", "/v1/events/tail").token(one["token"].as_str().unwrap()).open();
    let mut begun = [0; 12];
    tail.read_exact(&mut begun).unwrap();
    house.request("DELETE", &path(&one, "")).send().is(204);
    assert_eq!(use_of(&house, &one), 401);
    let mut rest = Vec::new();
    tail.read_to_end(&mut rest).unwrap();
    // Renewed, but never beyond a day in all.
    house.clock.advance_seconds(50 * 60);
    by(&path(&two, "/renew")).body("application/json", r#"{"expires_in":"24h"}"#).send().is(200);
    house.clock.advance_seconds(20 * 60);
    assert_eq!((use_of(&house, &two), use_of(&house, &three)), (200, 401));
    by(&path(&three, "/renew")).body("application/json", "{}").send().is(404);
    house.clock.advance_seconds(23 * 3600);
    assert_eq!(use_of(&house, &two), 401);
    let four = make();
    house.request("DELETE", &format!("/v1/tokens/{}", parent["id"].as_str().unwrap())).send().is(200);
    assert_eq!(use_of(&house, &four), 401);
}

#[test]
fn a_session_is_never_wider_than_who_makes_it() {
    let house = House::new();
    let narrow = house.made(
        r#"{"kind":"read","tenant":"acme","scope":{"audience":["owners"]},
        "fields":[{"path":"/actor/name","as":"drop"}],"expires_at":"2026-09-20T14:10:00Z"}"#,
    );
    let ask = |body: Value| {
        house.request("POST", "/v1/viewer-sessions").token(&narrow).body("application/json", body.to_string()).send()
    };
    for (body, pointer) in [
        (json!({"scope": {"audience": ["members"]}}), "/scope/audience"),
        (json!({"scope": {"self": "user:u1"}}), "/scope/self"),
        (json!({"preset": "tenant", "scope": {"audience": ["owners"]}}), "/scope"),
        (json!({"preset": "self"}), "/scope/self"),
        (json!({"preset": "target", "scope": {"targets": ["a:b"]}}), "/scope/audience"),
        (json!({"expires_in": "25h"}), "/expires_in"),
        (json!({"expires_in": "-1h"}), "/expires_in"),
        (json!({"scope": {"audience": []}}), "/scope/audience"),
        (json!({"scope": {"self": "u1"}}), "/scope/self"),
        (json!({"scope": {"labels": ["owners"]}}), "/scope/labels"),
        (json!({"fields": [{"path": "/actor/nmae", "as": "drop"}]}), "/fields/0/path"),
        (json!({"fields": [{"path": "/action", "as": "drop"}]}), "/fields/0/path"),
        (json!({"addresses": ["10.0.0.0/99"]}), "/addresses"),
        (json!({"lifetime": 1}), "/lifetime"),
    ] {
        let refused = ask(body.clone());
        assert_eq!(refused.problem(422), "invalid", "{body}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{body}: {}", refused.body);
    }
    ask(json!({"tenant": "other"})).is(404);
    let made = ask(json!({"fields": [{"path": "/actor/name", "as": "show"}]})).is(201).json();
    assert_eq!(made["expires_at"], "2026-09-20T14:10:00.000000Z", "no longer than who makes it");
    let named = event("a").replace(r#""id":"ada""#, r#""id":"ada","name":"Ada""#);
    let named = named.replace("{\"id\":\"a\"", "{\"id\":\"a\",\"tenant\":\"acme\",\"audience\":[\"owners\"]");
    house.post("/v1/events", named).is(201);
    house.post("/v1/events", event("b").replace("{\"id\"", "{\"tenant\":\"acme\",\"id\"")).is(201);
    let seen = house.request("GET", "/v1/events").token(made["token"].as_str().unwrap()).send().is(200);
    assert_eq!(seen.json()["data"].as_array().unwrap().len(), 1);
    assert!(!seen.body.contains("Ada"), "{}", seen.body);
    // A session makes none itself, and an auditor configures nothing.
    let body =
        |token: &str| house.request("POST", "/v1/viewer-sessions").token(token).body("application/json", "{}").send();
    assert_eq!(body(made["token"].as_str().unwrap()).problem(403), "missing_right");
    assert_eq!(body(&house.made(r#"{"kind":"auditor"}"#)).problem(403), "missing_right");
}

#[test]
fn a_code_stands_in_a_url_and_is_good_once() {
    let house = House::new();
    let made = session(&house, json!({"tenant": "acme"}));
    let code = || {
        let path = format!("/v1/viewer-sessions/{}/code", made["id"].as_str().unwrap());
        house.post(&path, "{}").is(201).json()["code"].as_str().unwrap().to_owned()
    };
    let exchange = |code: &str| {
        let body = json!({ "code": code }).to_string();
        house
            .request("POST", "/v1/viewer-sessions/exchange")
            .without("Authorization")
            .body("application/json", body)
            .send()
    };
    let first = code();
    let brought = exchange(&first).is(200);
    assert_eq!(brought.header("cache-control"), Some("no-store"));
    let brought = brought.json();
    assert_eq!((&brought["id"], brought["token"] != made["token"]), (&made["id"], true));
    assert_eq!((use_of(&house, &brought), use_of(&house, &made)), (200, 200));
    assert_eq!(exchange(&first).problem(401), "bad_code");
    let late = code();
    house.clock.advance_seconds(61);
    assert_eq!(exchange(&late).problem(401), "bad_code");
    let dead = code();
    house.request("DELETE", &format!("/v1/viewer-sessions/{}", made["id"].as_str().unwrap())).send().is(204);
    assert_eq!(exchange(&dead).problem(401), "bad_code");
    assert_eq!(use_of(&house, &brought), 401);
}

#[test]
fn sessions_outlive_a_restart() {
    let house = House::new();
    let made = session(&house, json!({"tenant": "acme", "scope": {"self": "user:u1"}}));
    let (store, clock) = (house.store.clone(), house.clock.clone());
    house.stop().unwrap();
    let house = House::over(store, clock, deedbook_server::Limits::default());
    assert_eq!(use_of(&house, &made), 200);
}
