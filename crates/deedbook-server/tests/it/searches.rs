//! Saved searches over HTTP.

use serde_json::{Value, json};

use crate::support::House;

/// The names that the holder of a token sees.
fn names(house: &House, token: &str, path: &str) -> Vec<String> {
    let listed = house.request("GET", path).token(token).send().is(200).json();
    let data = listed["data"].as_array().unwrap();
    data.iter().map(|search| search["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_search_is_saved_listed_and_deleted_and_each_is_an_entry() {
    let house = House::new();
    let body =
        r#"{"name":"Denied this week","query":"outcome:denied occurred:>=-7d","tenant":"acme","reason":"asked for"}"#;
    let saved = house.post("/v1/searches", body).is(201).json();
    assert_eq!((&saved["query"], &saved["tenant"]), (&json!("outcome:denied occurred:>=-7d"), &json!("acme")));
    assert!(saved["id"].as_str().unwrap().starts_with("search_"));
    assert_eq!(house.get("/v1/searches").json(), json!({ "data": [saved] }));
    let path = format!("/v1/searches/{}", saved["id"].as_str().unwrap());
    let deleted = house.request("DELETE", &path).send().is(200).json();
    assert_eq!(house.get("/v1/searches").json(), json!({ "data": [] }));
    assert_eq!(house.request("DELETE", &path).send().is(200).json(), deleted, "a second time nothing happens");
    let entry = |change: &Value| {
        house.get(&format!("/v1/events/{}?tenant=_deedbook", change["entry"].as_str().unwrap())).is(200).json()
    };
    let (first, second) = (entry(&saved), entry(&deleted));
    assert_eq!((&first["action"], &first["reason"]), (&json!("audit.search.saved"), &json!("asked for")));
    assert_eq!(first["metadata"], json!({ "query": "outcome:denied occurred:>=-7d", "tenant": "acme" }));
    assert_eq!((&second["action"], &second["reason"]), (&json!("audit.search.deleted"), &Value::Null));
    assert_eq!(second["targets"][0]["name"], "Denied this week");
}

#[test]
fn whoever_reads_a_tenant_sees_its_searches_and_whoever_sees_a_part_none() {
    let house = House::new();
    for (name, tenant) in [("of acme", r#""acme""#), ("of rival", r#""rival""#), ("of all", "null")] {
        let body = format!(r#"{{"name":"{name}","query":"x","tenant":{tenant}}}"#);
        house.post("/v1/searches", body).is(201);
    }
    let read = house.made(r#"{"kind":"read"}"#);
    let bound = house.made(r#"{"kind":"read","tenant":"acme"}"#);
    let narrow = house.made(r#"{"kind":"read","tenant":"acme","scope":{"audience":["owners"]}}"#);
    let masked = house.made(r#"{"kind":"read","tenant":"acme","fields":[{"path":"/actor","as":"mask"}]}"#);
    assert_eq!(names(&house, &read, "/v1/searches"), ["of acme", "of rival", "of all"]);
    assert_eq!(names(&house, &read, "/v1/searches?tenant=rival"), ["of rival"]);
    assert_eq!(names(&house, &bound, "/v1/searches"), ["of acme"]);
    assert_eq!(names(&house, &bound, "/v1/searches?tenant=acme"), ["of acme"]);
    assert_eq!(names(&house, &narrow, "/v1/searches"), [""; 0]);
    assert_eq!(names(&house, &masked, "/v1/searches"), [""; 0]);
}

#[test]
fn what_is_no_search_is_refused_with_its_place() {
    let house = House::new();
    for (body, pointer) in [
        (r#"{"query":"x"}"#, "/name"),
        (r#"{"name":"  ","query":"x"}"#, "/name"),
        (r#"{"name":"a","query":"actoin:x"}"#, "/query"),
        (r#"{"name":"a"}"#, "/query"),
        (r#"{"name":"a","query":"x","tenant":"No Tenant"}"#, "/tenant"),
        (r#"{"name":"a","query":"x","reason":" "}"#, "/reason"),
        (r#"{"name":"a","query":"x","colour":"red"}"#, "/colour"),
    ] {
        let refused = house.post("/v1/searches", body).is(422).json();
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{body}: {refused}");
    }
    assert_eq!(house.get("/v1/searches").json(), json!({ "data": [] }));
}

#[test]
fn searches_outlive_the_server_and_have_a_limit() {
    let house = House::new();
    for number in 0..1000 {
        house.post("/v1/searches", format!(r#"{{"name":"{number}","query":""}}"#)).is(201);
    }
    assert_eq!(house.post("/v1/searches", r#"{"name":"more","query":""}"#).problem(409), "conflict");
    let (store, clock) = (house.store.clone(), house.clock.clone());
    house.stop().unwrap();
    let house = House::over(store, clock, deedbook_server::Limits::default());
    assert_eq!(house.get("/v1/searches").json()["data"].as_array().unwrap().len(), 1000);
}
