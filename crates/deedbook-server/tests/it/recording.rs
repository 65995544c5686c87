//! `POST /v1/events`.

use std::io::Write;

use serde_json::json;

use crate::support::{House, event};

#[test]
fn an_event_is_recorded_once() {
    let house = House::new();
    let first = house.post("/v1/events", event("a")).is(201);
    let receipt = first.json();
    assert_eq!((&receipt["id"], &receipt["tenant"], &receipt["seq"]), (&json!("a"), &json!("default"), &json!(0)));
    assert_eq!(receipt["leaf_hash"].as_str().map(str::len), Some(64));
    assert_eq!(first.header("idempotent-replayed"), None);
    let again = house.post("/v1/events", event("a")).is(200);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.json(), receipt);
    let other = event("a").replace("approved", "refused");
    assert_eq!(house.post("/v1/events", other).problem(409), "conflict");
    assert_eq!(house.get("/v1/events/a").is(200).json()["leaf_hash"], receipt["leaf_hash"]);
}

#[test]
fn a_batch_gives_each_event_its_own_fate() {
    let house = House::new();
    house.post("/v1/events", event("old")).is(201);
    let lines = [
        event("new"),
        event("old"),
        event("old").replace("approved", "refused"),
        event("x").replace("invoice.approved", "Approve"),
        "{\"action\":".to_owned(),
        String::new(),
        event("last"),
    ];
    let body = house.request("POST", "/v1/events").body("application/x-ndjson", lines.join("\n")).send().is(200).json();
    let statuses: Vec<_> = body["results"].as_array().unwrap().iter().map(|result| result["status"].clone()).collect();
    assert_eq!(statuses, [201, 200, 409, 422, 422, 201]);
    let indexes: Vec<_> = body["results"].as_array().unwrap().iter().map(|result| result["index"].clone()).collect();
    assert_eq!(indexes, [0, 1, 2, 3, 4, 5]);
    assert_eq!(body["results"][3]["problem"]["errors"][0]["pointer"], "/action");
    assert_eq!(body["results"][4]["problem"]["code"], "malformed");
    let array = format!("[{},{}]", event("new"), event("newer"));
    let body = house.post("/v1/events", array).is(200).json();
    assert_eq!((&body["results"][0]["status"], &body["results"][1]["status"]), (&json!(200), &json!(201)));
}

#[test]
fn an_array_that_is_no_json_is_refused_as_a_whole() {
    let house = House::new();
    for array in ["[", "[1,", "[{\"action\":}]", "[{} {}]", "[{},]", "[]]", "[{\"a\":\"\\x\"}]"] {
        let response = house.post("/v1/events", format!("[{},{}", event("a"), &array[1..]));
        assert_eq!(response.problem(400), "malformed", "{array}");
    }
    assert_eq!(house.post("/v1/events", "[]").is(200).body, "{\"results\":[]}");
    assert_eq!(house.get("/v1/events/count").json()["count"], 0);
}

#[test]
fn all_or_nothing() {
    let house = House::new();
    house.post("/v1/events", event("old")).is(201);
    let good = format!("[{},{}]", event("new"), event("old"));
    let refused = format!("[{},{},{}]", event("b"), event("c").replace("user", "User"), "{\"action\":\"a.b\"}");
    let refused = house.post("/v1/events?atomic=true", refused);
    assert_eq!(refused.problem(422), "invalid");
    let pointers: Vec<_> =
        refused.json()["errors"].as_array().unwrap().iter().map(|place| place["pointer"].clone()).collect();
    assert_eq!(pointers, ["/1/actor/type", "/2/actor"]);
    let conflict = format!("[{},{}]", event("d"), event("old").replace("approved", "refused"));
    let conflict = house.post("/v1/events?atomic=true", conflict);
    assert_eq!(conflict.problem(409), "conflict");
    assert_eq!(conflict.json()["errors"][0]["pointer"], "/1");
    assert_eq!(house.get("/v1/events/count").json()["count"], 1);
    let recorded = house.post("/v1/events?atomic=true", good).is(200).json();
    assert_eq!((&recorded["results"][0]["status"], &recorded["results"][1]["status"]), (&json!(201), &json!(200)));
}

#[test]
fn bodies_may_be_compressed() {
    let house = House::new();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(event("gzip").as_bytes()).unwrap();
    let bodies = [
        ("gzip", gzip.finish().unwrap()),
        ("zstd", zstd::encode_all(event("zstd").as_bytes(), 3).unwrap()),
        ("identity", event("identity").into_bytes()),
    ];
    for (coding, body) in bodies {
        let request = house.request("POST", "/v1/events").header(&format!("Content-Encoding: {coding}"));
        let receipt = request.body("application/json", body).send().is(201).json();
        assert_eq!(receipt["id"], coding);
    }
}
