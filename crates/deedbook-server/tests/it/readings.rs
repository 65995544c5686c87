//! DESIGN.md, promise 8: reading the log is an entry in the log.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deedbook_core::commitment::Key;
use deedbook_core::{Atomicity, Draft, Error, ErrorKind, MemoryStore, PageRequest, Query, Reply, Scope, Store};
use deedbook_server::Limits;
use deedbook_testkit::Clock;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{House, Through, event};

fn in_acme(id: &str) -> String {
    event(id).replace("{\"id\"", "{\"tenant\":\"acme\",\"id\"")
}

fn entries(house: &House, tenant: &str, action: &str) -> Vec<Value> {
    let page = house.store.page(&Query::all(), &Scope::tenant(tenant), &PageRequest::oldest(1_000)).unwrap();
    let of_action = page.entries.iter().filter(|entry| entry.event.action == action);
    of_action.map(|entry| serde_json::from_slice(&entry.to_json()).unwrap()).collect()
}

#[test]
fn each_kind_of_read_is_entered_where_it_was_read() {
    let house = House::new();
    house.post("/v1/events", in_acme("a")).is(201);
    let token = house.made(r#"{"kind":"read","tenant":"acme","name":"App"}"#);
    let begun = Instant::now();
    for (path, kind, asked) in [
        ("/v1/events?q=outcome%3Adenied", "list", json!({"q": "outcome:denied"})),
        ("/v1/events/a", "entry", json!({"id": "a"})),
        ("/v1/history?target=invoice:7", "history", json!({"target": "invoice:7"})),
        ("/v1/events/count?by=action", "count", json!({"by": "action"})),
        ("/v1/events.csv", "export", json!({})),
        ("/v1/events/tail?q=x", "tail", json!({"q": "x"})),
    ] {
        if kind == "tail" {
            let mut tail = house.request("GET", path).token(&token).open();
            tail.read_exact(&mut [0; 12]).unwrap();
        } else {
            house.request("GET", path).token(&token).send().is(200);
        }
        let entry = house.until_entered("acme", "audit.viewed", |entry| entry["metadata"]["kind"] == kind);
        let query = &entry["metadata"]["queries"][0];
        assert!(asked.as_object().unwrap().iter().all(|(name, value)| query[name] == *value), "{entry}");
        assert_eq!((&entry["category"], entry.get("audience")), (&json!("access"), None));
        assert_eq!((&entry["actor"]["type"], &entry["actor"]["name"]), (&json!("token"), &json!("App")));
        assert_eq!(entry["context"]["ip"], "127.0.0.1");
        assert_eq!(entry["personal"], json!(["/metadata/queries"]));
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
    // Whoever reads all tenants is entered in the log's own, and nobody makes a tenant by asking for it.
    house.get("/v1/events").is(200);
    house.until_entered("_deedbook", "audit.viewed", |entry| entry["metadata"]["kind"] == "list");
    house.get("/v1/events/count?tenant=nobody").is(200);
    house.until_entered("_deedbook", "audit.viewed", |entry| entry["metadata"]["tenant"] == "nobody");
    assert_eq!(house.get("/v1/events/count?tenant=nobody").json()["count"], 0);
}

#[test]
fn a_minute_has_one_entry_and_one_for_what_else_was_asked() {
    let house = House::new();
    house.post("/v1/events", in_acme("a")).is(201);
    let token = house.made(r#"{"kind":"read","tenant":"acme"}"#);
    let ask = |q: &str| house.request("GET", &format!("/v1/events?q={q}")).token(&token).send().is(200);
    ask("one");
    house.until_entered("acme", "audit.viewed", |_| true);
    for q in ["one", "two", "two", "one", "three"] {
        ask(q);
    }
    house.clock.advance_seconds(60);
    let rest = house.until_entered("acme", "audit.viewed", |entry| entry["metadata"]["reads"] == 6);
    let asked: Vec<&Value> = rest["metadata"]["queries"].as_array().unwrap().iter().map(|query| &query["q"]).collect();
    assert_eq!(asked, ["two", "three"]);
    assert_eq!(entries(&house, "acme", "audit.viewed").len(), 2);
    // The same again in a minute of its own is one entry, and no rest of it.
    ask("one");
    ask("one");
    house.clock.advance_seconds(120);
    ask("four");
    house.until_entered("acme", "audit.viewed", |entry| entry["metadata"]["queries"][0]["q"] == "four");
    assert_eq!(entries(&house, "acme", "audit.viewed").len(), 4);
}

#[test]
fn refusals_are_entered() {
    let house = House::new();
    house.post("/v1/events", in_acme("a")).is(201);
    let made = house.post("/v1/tokens", r#"{"kind":"read","tenant":"acme","addresses":["10.0.0.0/8"]}"#).is(201).json();
    let elsewhere = made["token"].as_str().unwrap();
    let write = house.made(r#"{"kind":"write","tenant":"acme"}"#);
    let read = house.made(r#"{"kind":"read","tenant":"acme"}"#);
    let ask = |token: &str, path: &str| house.request("GET", path).token(token).send();
    let told = ask(&write, "/v1/events?q=salary").problem(403);
    let denied =
        |reason: &str| house.until_entered("acme", "audit.denied", |entry| entry["metadata"]["reason"] == reason);
    assert_eq!(denied(&told)["metadata"]["queries"][0]["q"], "salary");
    ask(&read, "/v1/events?tenant=rival").is(404);
    let entry = denied("foreign_tenant");
    assert_eq!((&entry["metadata"]["queries"][0]["tenant"], &entry["outcome"]), (&json!("rival"), &json!("denied")));
    assert_eq!(ask(elsewhere, "/v1/events").problem(403), "foreign_address");
    denied("foreign_address");
    house.request("DELETE", &format!("/v1/tokens/{}", made["id"].as_str().unwrap())).send().is(200);
    assert_eq!(ask(elsewhere, "/v1/events").problem(401), "bad_token");
    denied("ended_token");
}

#[test]
fn an_export_is_entered_with_what_went_out() {
    let house = House::new();
    for id in 0..3 {
        house.post("/v1/events", in_acme(&id.to_string())).is(201);
    }
    let token = house.made(r#"{"kind":"read","tenant":"acme"}"#);
    for (path, form) in
        [("/v1/events.ndjson?q=action%3Ainvoice.*", "ndjson"), ("/v1/events.csv?q=action%3Ainvoice.*", "csv")]
    {
        let body = house.request("GET", path).token(&token).send().is(200).body;
        let entry = house.until_entered("acme", "audit.exported", |entry| entry["metadata"]["form"] == form);
        let digest: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(entry["metadata"]["file_sha256"], digest.as_str(), "{body}");
        assert_eq!((&entry["metadata"]["entries"], &entry["metadata"]["whole"]), (&json!(3), &json!(true)));
        assert_eq!(entry["metadata"]["bytes"], body.len());
    }
}

#[test]
fn an_export_that_breaks_off_is_entered_as_such() {
    let house = House::new();
    let large = "x".repeat(200_000);
    for id in 0..60 {
        let body =
            in_acme(&id.to_string()).replace("\"action\"", &format!("\"metadata\":{{\"a\":\"{large}\"}},\"action\""));
        house.post("/v1/events", body).is(201);
    }
    let token = house.made(r#"{"kind":"read","tenant":"acme"}"#);
    let mut export = house.request("GET", "/v1/events.ndjson").token(&token).open();
    export.read_exact(&mut [0; 1000]).unwrap();
    drop(export);
    let entry = house.until_entered("acme", "audit.exported", |_| true);
    // All of it is one part here: it was handed to the connection, and the connection did not end well.
    assert_eq!(entry["metadata"]["whole"], json!(false), "{entry}");
}

#[test]
fn a_tail_does_not_feed_itself() {
    let house = House::new();
    house.post("/v1/events", in_acme("a")).is(201);
    let token = house.made(r#"{"kind":"read","tenant":"acme"}"#);
    let mut tails: Vec<_> = (0..2).map(|_| house.request("GET", "/v1/events/tail").token(&token).open()).collect();
    tails.iter_mut().for_each(|tail| tail.read_exact(&mut [0; 12]).unwrap());
    house.until_entered("acme", "audit.viewed", |_| true);
    // Each minute would bring an entry of the entry of the minute before.
    for _ in 0..4 {
        house.clock.advance_seconds(60);
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(entries(&house, "acme", "audit.viewed").len(), 1);
    house.post("/v1/events", in_acme("b")).is(201);
    house.clock.advance_seconds(60);
    while entries(&house, "acme", "audit.viewed").len() < 2 {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_the_log_does_not_take_is_tried_again_and_kept_at_the_end() {
    static FULL: AtomicBool = AtomicBool::new(false);
    let clock = Clock::fixed();
    let below = Arc::new(MemoryStore::new(clock.function(), Key([7; 32])));
    let store = below.clone();
    let submit = move |drafts: Vec<Draft>, atomicity: Atomicity, reply: Reply| {
        if FULL.load(Ordering::SeqCst) {
            return reply(Err(Error::new(ErrorKind::DiskFull, "the disk is full")));
        }
        store.submit(drafts, atomicity, reply);
    };
    let house =
        House::over(Arc::new(Through { below, submit, reading: || (), counting: || () }), clock, Limits::default());
    house.post("/v1/events", in_acme("a")).is(201);
    let token = house.made(r#"{"kind":"read","tenant":"acme"}"#);
    FULL.store(true, Ordering::SeqCst);
    // Reading goes on.
    house.request("GET", "/v1/events?q=one").token(&token).send().is(200);
    while !house.get("/metrics").body.contains("deedbook_readings_waiting 1") {
        std::thread::sleep(Duration::from_millis(10));
    }
    house.request("GET", "/v1/events?q=two").token(&token).send().is(200);
    FULL.store(false, Ordering::SeqCst);
    house.until_entered("acme", "audit.viewed", |entry| entry["metadata"]["queries"][0]["q"] == "one");
    // What is left of the minute is entered when the server ends.
    let store = house.store.clone();
    house.stop().unwrap();
    let all = store.page(&Query::all(), &Scope::tenant("acme"), &PageRequest::oldest(100)).unwrap().entries;
    let viewed: Vec<_> = all.iter().filter(|entry| entry.event.action == "audit.viewed").collect();
    assert_eq!(viewed.len(), 2, "{viewed:?}");
    assert_eq!(viewed[1].event.metadata["queries"][0]["q"], "two");
}
