//! Retention, holds and erasures over HTTP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deedbook_core::MemoryStore;
use deedbook_core::commitment::Key;
use deedbook_server::TokenKind;
use deedbook_testkit::Clock;
use serde_json::Value;

use crate::support::{House, event};

/// Asks until the answer is as it should be: the worker is a thread of its own.
fn until(house: &House, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let answer = house.get(path).is(200).json();
        if is_so(&answer) {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{answer}");
        std::thread::yield_now();
    }
}

fn put(house: &House, path: &str, body: &str) -> crate::support::Response {
    house.request("PUT", path).body("application/json", body).send()
}

#[test]
fn rules_are_set_and_a_run_does_what_they_say() {
    let house = House::new();
    house.post("/v1/events", event("a")).is(201);
    let set = put(&house, "/v1/retention", r#"{"rules":[{"action":"invoice.*","keep":"1d"}],"reason":"a test"}"#);
    let set = set.is(200).json();
    assert_eq!((&set["text"], &set["reason"]), (&"action:invoice.* keep 1d\n".into(), &"a test".into()));
    assert!(set["set_by"].as_str().unwrap().starts_with("token:tok_"));
    assert_eq!(house.get("/v1/retention/plan").json()["count"], 0);
    house.clock.advance_seconds(2 * 86_400);
    let plan = house.get("/v1/retention/plan").json();
    assert_eq!((&plan["count"], &plan["rules"][0]["tenants"][0]["tenant"]), (&1.into(), &"default".into()));
    assert_eq!(house.post("/v1/retention/plan", r#"{"rules":[]}"#).json()["count"], 0);
    let run = house.request("POST", "/v1/retention/run").send().is(202).json();
    let ended = until(&house, "/v1/retention", |shown| !shown["run"]["finished_at"].is_null());
    assert_eq!((&ended["run"]["id"], &ended["run"]["count"]), (&run["id"], &1.into()));
    assert_eq!(house.get("/v1/events/a").status, 404);
    assert_eq!(house.get("/v1/events/count?q=action:invoice.*").json()["count"], 0);
}

#[test]
fn a_run_is_due_a_day_after_the_first_start_and_each_day_since() {
    let clock = Clock::fixed();
    let store = Arc::new(MemoryStore::new(clock.function(), Key([7; 32])));
    let start = || House::over(store.clone(), clock.clone(), deedbook_server::Limits::default());
    let house = start();
    assert_eq!(house.get("/v1/retention").json()["run"], Value::Null);
    house.stop().unwrap();
    clock.advance_seconds(86_400);
    let house = start();
    let first = until(&house, "/v1/retention", |shown| !shown["run"]["finished_at"].is_null());
    assert_eq!(first["run"]["started_by"], "system");
    house.stop().unwrap();
    let house = start();
    assert_eq!(house.get("/v1/retention").json()["run"]["id"], first["run"]["id"], "not twice a day");
}

#[test]
fn what_is_wrong_with_a_change_is_told_with_its_places() {
    let house = House::new();
    let places = |answer: crate::support::Response| -> Vec<String> {
        assert_eq!(answer.problem(422), "invalid");
        let errors = answer.json()["errors"].as_array().unwrap().clone();
        errors
            .iter()
            .map(|it| format!("{} {}", it["pointer"].as_str().unwrap(), it["code"].as_str().unwrap()))
            .collect()
    };
    let rules = put(&house, "/v1/retention", r#"{"rules":[{"keep":"soon"}],"why":"x"}"#);
    assert_eq!(places(rules), ["/rules/0/keep bad_keep", "/reason missing_member", "/why unknown_member"]);
    assert_eq!(places(put(&house, "/v1/retention", r#"{"reason":"x"}"#)), ["/rules missing_member"]);
    assert_eq!(places(house.post("/v1/holds", r#"{"reason":7}"#)), ["/reason wrong_type"]);
    assert_eq!(places(house.post("/v1/holds", r#"{"reason":"x"}"#)), [" missing_member"]);
    assert_eq!(places(house.post("/v1/holds", "[]")), [" wrong_type"]);
    let erasure = house.post("/v1/erasures", r#"{"principal":"u","basis":"x","mentions":"some","also":"Ada"}"#);
    assert_eq!(places(erasure), ["/mentions wrong_type", "/also wrong_type"]);
    assert_eq!(places(house.post("/v1/erasures", r#"{"principal":"u","basis":"x"}"#)), ["/principal nobody"]);
    assert_eq!(house.post("/v1/holds", "{").problem(400), "malformed");
    assert_eq!(house.request("POST", "/v1/holds").body("text/plain", "x").send().status, 415);
}

fn ada(id: &str) -> String {
    event(id)
        .replace("{\"id\"", r#"{"description":"Ada Lovelace paid","metadata":{"note":"told by Ada Lovelace"},"id""#)
}

fn asked(house: &House, dry_run: bool, mentions: &str) -> crate::support::Response {
    let body = format!(
        r#"{{"principal":"user_ada","basis":"ticket T-5","also":["Ada Lovelace"],"mentions":{mentions},"dry_run":{dry_run}}}"#
    );
    house.post("/v1/erasures", body)
}

#[test]
fn a_person_is_erased_at_the_word_of_two() {
    let house = House::new();
    house.post("/v1/events", ada("a")).is(201);
    let plan = asked(&house, true, "null").is(200).json();
    assert_eq!(plan["mentions"]["entries"][0]["texts"][1]["pointer"], "/metadata/note");
    assert_eq!(asked(&house, false, "null").problem(422), "invalid");
    let requested = asked(&house, false, r#"{"erase":["a"]}"#).is(201);
    assert_eq!(requested.header("cache-control"), Some("no-store"));
    let requested = requested.json();
    assert_eq!((&requested["state"], &requested["principal"]), (&"requested".into(), &"user_ada".into()));
    let path = format!("/v1/erasures/{}", requested["id"].as_str().unwrap());
    let own = house.request("POST", &format!("{path}/approve")).send();
    assert_eq!(own.problem(409), "erasure_state");
    house.get("/v1/events/a").is(200);
    let other = house.token(TokenKind::Admin, None);
    house.request("POST", &format!("{path}/approve")).token(&other).send().is(202);
    let done = until(&house, &path, |shown| shown["state"] == "done");
    assert_eq!((&done["certificate"]["contents"], &done["principal"]), (&1.into(), &Value::Null));
    assert_eq!(house.get("/v1/events/a").status, 404);
    let again = house.post("/v1/events", ada("a")).is(200);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let listed = until(&house, "/v1/erasures", |shown| shown["data"][0]["state"] == "done");
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(house.request("DELETE", &path).send().problem(409), "erasure_state");
}

#[test]
fn what_is_held_is_423_with_who_and_why() {
    let house = House::new();
    house.post("/v1/events", ada("a")).is(201);
    let hold = house.post("/v1/holds", r#"{"query":"invoice","tenant":"default","reason":"case 4711"}"#);
    let hold = hold.is(201).json();
    let refused = asked(&house, false, r#""erase""#);
    assert_eq!(refused.status, 201, "the hold is about another word: {}", refused.body);
    let hold_of_note = house.post("/v1/holds", r#"{"query":"\"told by\"","reason":"case 4712"}"#).is(201).json();
    let refused = asked(&house, false, r#""erase""#);
    assert_eq!(refused.problem(423), "held");
    for told in ["case 4712", "token:tok_", hold_of_note["id"].as_str().unwrap()] {
        assert!(refused.body.contains(told), "{}", refused.body);
    }
    let path = format!("/v1/holds/{}/release", hold_of_note["id"].as_str().unwrap());
    let released = house.post(&path, r#"{"reason":"closed"}"#).is(200).json();
    assert_eq!((&released["released_reason"], &released["reason"]), (&"closed".into(), &"case 4712".into()));
    let listed = house.get("/v1/holds").json();
    assert_eq!((&listed["data"][0]["id"], &listed["data"][1]["released_by"].is_null()), (&hold["id"], &false));
    asked(&house, true, "null").is(200);
}

#[test]
fn what_cannot_be_as_things_stand_has_its_exact_body() {
    let house = House::new();
    house.post("/v1/events", ada("a")).is(201);
    let requested = asked(&house, false, r#""erase""#).is(201).json();
    let path = format!("/v1/erasures/{}/approve", requested["id"].as_str().unwrap());
    let own = house.request("POST", &path).send();
    let hold = house.post("/v1/holds", r#"{"tenant":"default","reason":"case 4711"}"#).is(201).json();
    let held = asked(&house, false, r#""erase""#);
    let mut all = format!("{}\n{}\n{}\n{}\n", own.status, own.redacted(), held.status, held.redacted());
    for (name, placed) in [("[hold]", &hold["id"]), ("[who]", &hold["placed_by"]), ("[when]", &hold["placed_at"])] {
        all = all.replace(placed.as_str().unwrap(), name);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn each_change_answers_with_its_entry_and_has_the_reason_that_was_given() {
    let house = House::new();
    house.post("/v1/events", ada("a")).is(201);
    let entry = |change: &Value, action: &str, reason: Value| {
        let id = change["entry"].as_str().unwrap();
        let entry = house.get(&format!("/v1/events/{id}?tenant=_deedbook")).is(200).json();
        assert_eq!((&entry["action"], &entry["reason"]), (&Value::from(action), &reason));
    };
    let set = put(&house, "/v1/retention", r#"{"rules":[],"reason":"a test"}"#).is(200).json();
    entry(&set, "audit.retention.set", "a test".into());
    house.post("/v1/retention/run", r#"{"reason":"now"}"#).is(202);
    let ended = until(&house, "/v1/retention", |shown| !shown["run"]["finished_at"].is_null());
    entry(&ended["run"], "audit.retention.finished", "now".into());
    let hold = house.post("/v1/holds", r#"{"tenant":"other","reason":"case 1"}"#).is(201).json();
    entry(&hold, "audit.hold.placed", "case 1".into());
    let path = format!("/v1/holds/{}/release", hold["id"].as_str().unwrap());
    entry(&house.post(&path, r#"{"reason":"closed"}"#).is(200).json(), "audit.hold.released", "closed".into());

    let requested = asked(&house, false, r#""erase""#).is(201).json();
    entry(&requested, "audit.erasure.requested", Value::Null);
    let path = format!("/v1/erasures/{}", requested["id"].as_str().unwrap());
    let withdrawn = house.request("DELETE", &path).body("application/json", r#"{"reason":"another person"}"#);
    entry(&withdrawn.send().is(200).json(), "audit.erasure.withdrawn", "another person".into());
    let requested = asked(&house, false, r#""erase""#).is(201).json();
    let path = format!("/v1/erasures/{}/approve", requested["id"].as_str().unwrap());
    let other = house.token(TokenKind::Admin, None);
    let approve = house.request("POST", &path).token(&other).body("application/json", r#"{"reason":"I looked"}"#);
    let approved = approve.send().is(202).json();
    let own = house.get("/v1/events?tenant=_deedbook&q=action:audit.erasure.approved").json();
    assert_eq!((&own["data"][0]["reason"], own["data"].as_array().unwrap().len()), (&"I looked".into(), 1));
    assert!(approved["entry"].is_string());
    assert_eq!(house.post(&path, r#"{"reason":" "}"#).problem(422), "invalid");
}
