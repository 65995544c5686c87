//! The history of a thing over HTTP: pages, states, differences, and who may not see them.

use deedbook_server::TokenKind;
use serde_json::{Value, json};

use crate::support::House;

const THING: &str = "target=invoice:7";

/// An invoice that was made, changed twice and mentioned once, in the tenant `default`.
fn house() -> House {
    let house = House::new();
    for (id, action, changes) in [
        ("e1", "invoice.created", json!([{ "path": "/state", "to": "draft" }, { "path": "/note", "to": "by Monday" }])),
        ("e2", "invoice.sent", json!([{ "path": "/state", "from": "draft", "to": "open" }])),
        ("e3", "invoice.updated", json!([{ "path": "/note", "from": "by Monday", "to": "by Friday" }])),
        ("e4", "invoice.viewed", json!([])),
    ] {
        let event = json!({ "id": id, "action": action, "actor": { "type": "user", "id": "ada", "name": "Ada" },
            "targets": [{ "type": "invoice", "id": "7" }], "changes": changes });
        house.post("/v1/events", event.to_string()).is(201);
    }
    house
}

/// Id and effect of each entry, as `e1 created`.
fn ids(page: &Value) -> Vec<String> {
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let entries = page["data"].as_array().unwrap().iter();
    entries.map(|entry| format!("{} {}", text(entry, "id"), text(entry, "effect"))).collect()
}

#[test]
fn pages_of_a_history_lead_there_and_back() {
    let house = house();
    let first = house.get(&format!("/v1/history?{THING}&limit=3")).is(200).json();
    assert_eq!(ids(&first), ["e4 mentioned", "e3 changed", "e2 changed"]);
    assert_eq!(first["data"][0]["seq"], 3);
    let path = |url: &Value| url.as_str().unwrap().strip_prefix("http://log.example").unwrap().to_owned();
    let second = house.get(&path(&first["next"])).is(200).json();
    assert_eq!((ids(&second), &second["has_more"]), (vec!["e1 created".to_owned()], &json!(false)));
    assert_eq!(ids(&house.get(&path(&second["prev"])).is(200).json()), ids(&first));
    let filtered = house.get(&format!("/v1/history?{THING}&q=change:/state&order=asc")).is(200).json();
    assert_eq!(ids(&filtered), ["e1 created", "e2 changed"]);
    assert_eq!(house.get("/v1/history?target=invoice:8").is(200).json()["data"], json!([]));
    // A cursor belongs to its thing.
    let foreign = path(&first["next"]).replace("invoice%3A7", "invoice%3A8");
    assert_eq!(house.get(&foreign).problem(400), "bad_cursor");
}

#[test]
fn states_differences_and_the_way_back() {
    let house = house();
    let state = house.get(&format!("/v1/as-of?{THING}&at=e2")).is(200).json();
    assert_eq!(state["document"], json!({ "note": "by Monday", "state": "open" }));
    assert_eq!(state["fields"][1]["set_by"]["id"], "e2");
    let now = house.get(&format!("/v1/blame?{THING}")).is(200).json();
    assert_eq!(now["fields"][0]["set_by"]["id"], "e3");
    let at = now["fields"][0]["set_by"]["recorded_at"].as_str().unwrap().to_owned();
    assert_eq!(house.get(&format!("/v1/as-of?{THING}&at={at}")).is(200).json()["fields"], now["fields"]);
    let past = house.get(&format!("/v1/as-of?{THING}&at=2000-01-01&tz=Europe/Berlin")).is(200).json();
    assert_eq!((&past["existence"], &past["fields"]), (&json!("not_created"), &json!([])));
    let diff = house.get(&format!("/v1/diff?{THING}&from=e1&to=latest")).is(200).json();
    assert_eq!(diff["differences"][0]["text"][1], json!({ "removed": "Monday" }));
    assert_eq!(diff["differences"][1]["to"], json!({ "value": "open" }));
    let way = house.get(&format!("/v1/restore?{THING}&to=e2")).is(200).json();
    assert_eq!(way["patch"], json!([{ "op": "replace", "path": "/note", "value": "by Monday" }]));
    let around = house.get(&format!("/v1/history/e2?{THING}")).is(200).json();
    assert_eq!([&around["previous"]["id"], &around["data"]["id"], &around["next"]["id"]], ["e1", "e2", "e3"]);
    assert_eq!(house.get(&format!("/v1/history/e4?{THING}")).is(200).json()["next"], json!(null));
}

#[test]
fn what_is_not_there_and_what_is_not_yours_are_alike() {
    let house = house();
    let token = house.token(TokenKind::Read, Some("acme"));
    for path in
        ["/v1/as-of?at=latest&", "/v1/blame?", "/v1/diff?from=e1&to=e2&", "/v1/restore?to=e1&", "/v1/history/e1?"]
    {
        assert_eq!(house.get(&format!("{path}target=invoice:8")).problem(404), "not_found", "{path}");
        let mine = house.request("GET", &format!("{path}{THING}")).token(&token).send();
        assert_eq!(mine.problem(404), "not_found", "{path}");
        let other = house.request("GET", &format!("{path}{THING}&tenant=default")).token(&token).send();
        assert_eq!(other.problem(404), "not_found", "{path}");
    }
    assert_eq!(house.get(&format!("/v1/as-of?{THING}&at=e9")).problem(404), "not_found");
    assert_eq!(house.get(&format!("/v1/diff?{THING}&from=e1&to=e9")).problem(404), "not_found");
    let empty = house.request("GET", &format!("/v1/history?{THING}")).token(&token).send().is(200).json();
    assert_eq!((&empty["data"], empty.get("watermark")), (&json!([]), None));
}

#[test]
fn a_question_that_makes_no_sense_is_told_what_is_expected() {
    let house = house();
    for path in [
        "/v1/history",
        "/v1/history?target=invoice",
        "/v1/as-of?at=latest",
        "/v1/as-of?target=:7&at=latest",
        "/v1/as-of?target=invoice:7",
        "/v1/as-of?target=invoice:7&at=next+tuesday",
        "/v1/diff?target=invoice:7&from=e1",
        "/v1/restore?target=invoice:7",
        "/v1/as-of?target=invoice:7&at=latest&tz=Nowhere/Here",
    ] {
        assert_eq!(house.get(path).problem(400), "bad_parameter", "{path}");
    }
    assert_eq!(house.get(&format!("/v1/blame?{THING}&at=latest")).problem(400), "unknown_parameter");
    assert_eq!(house.get(&format!("/v1/history?{THING}&q=state:x")).problem(400), "query_syntax");
}
