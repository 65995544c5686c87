//! Lists and their cursors, counts, exports, tails.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;

use deedbook_core::Atomicity;
use deedbook_core::StoreExt;
use deedbook_server::{Limits, TokenKind};
use deedbook_testkit::events;
use serde_json::{Value, json};

use crate::support::{House, event};

/// A server over the first `count` events of the testkit.
fn filled(count: u64) -> House {
    let house = House::new();
    house.store.append(events::drafts(0..count), Atomicity::PerEvent).unwrap();
    house
}

/// The path and query of a whole URL.
fn path_of(url: &Value) -> String {
    let url = url.as_str().unwrap();
    assert!(url.starts_with("http://log.example/v1/events?"), "{url}");
    url["http://log.example".len()..].to_owned()
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

/// Follows `next` to the end, then `prev` back to the start.
fn walk(house: &House, first: &str) -> (Vec<String>, Vec<String>) {
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let mut page = house.get(first).is(200).json();
    loop {
        there.extend(ids(&page));
        assert_eq!(page["has_more"], !page["next"].is_null());
        if page["next"].is_null() {
            break;
        }
        page = house.get(&path_of(&page["next"])).is(200).json();
    }
    loop {
        back.splice(0..0, ids(&page));
        if page["prev"].is_null() {
            return (there, back);
        }
        page = house.get(&path_of(&page["prev"])).is(200).json();
        assert_eq!(page["has_more"], true);
    }
}

#[test]
fn pages_give_each_entry_once_there_and_back() {
    let house = filled(97);
    for question in ["", "q=actor.type%3Auser", "q=outcome%3Afailure&tenant=acme", "q=nothing%3Aat", "limit=1000"] {
        for order in ["asc", "desc"] {
            let first = format!("/v1/events?order={order}&limit=7&{question}").replace("limit=7&limit", "limit");
            if question.starts_with("q=nothing") {
                assert_eq!(house.get(&first).problem(400), "query_syntax");
                continue;
            }
            let count = house.get(&format!("/v1/events/count?{}", question.replace("limit=1000", ""))).json();
            let (there, back) = walk(&house, &first);
            assert_eq!(there.len() as u64, count["count"].as_u64().unwrap(), "{first}");
            assert_eq!(there, back, "{first}");
            let mut unique = there.clone();
            unique.sort();
            unique.dedup();
            assert_eq!(unique.len(), there.len(), "{first}");
        }
    }
}

#[test]
fn a_page_of_the_past_stays_while_the_log_grows() {
    let house = filled(20);
    let first = house.get("/v1/events?limit=5").json();
    let next = path_of(&first["next"]);
    let second = house.get(&next).json();
    house.post("/v1/events", event("late")).is(201);
    let again = house.get(&next).json();
    assert_eq!(ids(&second), ids(&again));
    assert_eq!(ids(&house.get(&path_of(&again["prev"])).json()), ids(&first));
    assert_eq!(house.get("/v1/events?limit=5").header("link").map(|link| link.contains("rel=\"next\"")), Some(true));
}

#[test]
fn a_cursor_belongs_to_its_query_scope_and_log() {
    let house = filled(20);
    let page = house.get("/v1/events?limit=5&q=-action%3Ax.y").json();
    let next = path_of(&page["next"]);
    house.get(&next).is(200);
    house.get(&next.replace("limit=5", "limit=9")).is(200);
    let other_query = next.replace("x.y", "x.z");
    let other_tenant = format!("{next}&tenant=acme");
    let both = format!("{next}&before=x");
    assert_eq!(house.get(&other_query).problem(400), "bad_cursor");
    assert_eq!(house.get(&other_tenant).problem(400), "bad_cursor");
    assert_eq!(house.get(&both).problem(400), "bad_parameter");
    assert_eq!(filled(20).get(&next).problem(400), "bad_cursor");
    let bound = house.token(TokenKind::Read, Some("acme"));
    assert_eq!(house.request("GET", &next).token(&bound).send().problem(400), "bad_cursor");
}

#[test]
fn relative_times_are_those_of_the_first_page() {
    let house = House::new();
    for id in ["a", "b", "c"] {
        house.post("/v1/events", event(id)).is(201);
    }
    let page = house.get("/v1/events?limit=1&q=recorded%3A%3E%3D-1h").json();
    house.clock.advance_seconds(2 * 3600);
    assert_eq!(ids(&house.get(&path_of(&page["next"])).json()), ["b"]);
    assert_eq!(ids(&house.get("/v1/events?q=recorded%3A%3E%3D-1h").json()), [""; 0]);
}

#[test]
fn a_page_of_large_entries_ends_earlier() {
    let house = House::with(Limits { page_bytes_max: 4_000, ..Limits::default() });
    for id in 0..9 {
        let large =
            event(&format!("e{id}")).replace("{\"id\"", &format!("{{\"reason\":\"{}\",\"id\"", "x".repeat(1_500)));
        house.post("/v1/events", large).is(201);
    }
    assert_eq!(ids(&house.get("/v1/events").json()), ["e8", "e7"]);
    let (there, back) = walk(&house, "/v1/events?limit=50");
    assert_eq!(there, (0..9).rev().map(|id| format!("e{id}")).collect::<Vec<_>>());
    assert_eq!(there, back);
}

#[test]
fn the_log_s_own_tenant_is_seen_where_it_is_named() {
    let house = House::new();
    house.post("/v1/events", event("a")).is(201);
    assert_eq!(ids(&house.get("/v1/events").json()), ["a"]);
    let own = house.get("/v1/events?tenant=_deedbook").json();
    let actions: Vec<_> = own["data"].as_array().unwrap().iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, ["audit.retention.set", "audit.token.created"]);
}

#[test]
fn counts_agree_with_lists() {
    let house = filled(200);
    let total = house.get("/v1/events/count").json()["count"].as_u64().unwrap();
    let by = house.get("/v1/events/count?by=action,outcome&limit=3").json();
    assert_eq!((by["groups"].as_array().unwrap().len(), &by["has_more"]), (3, &json!(true)));
    let first = &by["groups"][0];
    let q = format!("action:{} outcome:{}", first["action"].as_str().unwrap(), first["outcome"].as_str().unwrap());
    let q = q.replace(':', "%3A").replace(' ', "+");
    assert_eq!(house.get(&format!("/v1/events/count?q={q}")).json()["count"], first["count"]);
    let facets = house.get("/v1/events/facets?by=outcome").json();
    let sum = |values: &Value| values.as_array().unwrap().iter().map(|v| v["count"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum(&facets["facets"]["outcome"]["values"]), total);
    let days = house.get("/v1/events/histogram").json();
    assert_eq!(sum(&days["buckets"]), total);
    let names: Vec<_> =
        days["buckets"].as_array().unwrap().iter().map(|b| b["day"].as_str().unwrap().to_owned()).collect();
    assert!(names.is_sorted());
    let all = house.get("/v1/events/facets").json();
    assert_eq!(all["facets"].as_object().unwrap().keys().collect::<Vec<_>>(), ["action", "actor", "outcome", "target"]);
}

#[test]
fn exports_hold_every_entry() {
    let house = filled(700);
    let count = house.get("/v1/events/count").json()["count"].as_u64().unwrap();
    let ndjson = house.get("/v1/events.ndjson").is(200);
    assert_eq!(ndjson.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> = ndjson.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len() as u64, count);
    assert!(lines.is_sorted_by_key(|entry| entry["position"].as_u64().unwrap()));
    assert_eq!(
        lines[5],
        house
            .get(&format!(
                "/v1/events/{}?tenant={}",
                lines[5]["id"].as_str().unwrap(),
                lines[5]["tenant"].as_str().unwrap()
            ))
            .json()
    );
    let csv = house.get("/v1/events.csv?q=actor.type%3Auser").is(200).body;
    assert!(csv.starts_with("id,tenant,seq,position,"));
    let users = house.get("/v1/events/count?q=actor.type%3Auser").json()["count"].as_u64().unwrap();
    assert_eq!(csv.split("\r\n").filter(|row| row.starts_with("evt_")).count() as u64, users);
    assert_eq!(house.get("/v1/events.csv?q=action%3Ano.such").is(200).body.matches("\r\n").count(), 1);
    assert_eq!(house.get("/v1/events.csv?q=%22").problem(400), "query_syntax");
}

/// The events of a tail: `(id, id of the entry)`.
struct Tail(BufReader<TcpStream>);

impl Tail {
    fn open(house: &House, path: &str, last_event_id: Option<&str>) -> Self {
        let request = house.request("GET", path);
        let request = match last_event_id {
            Some(id) => request.header(&format!("Last-Event-ID: {id}")),
            None => request,
        };
        let mut tail = Self(BufReader::new(request.open()));
        assert!(tail.line().starts_with("HTTP/1.1 200"));
        // The first bytes say that the tail has begun.
        while tail.line() != "retry: 1000" {}
        tail
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn next(&mut self) -> (String, String) {
        let mut id = String::new();
        loop {
            let line = self.line();
            if let Some(found) = line.strip_prefix("id: ") {
                id = found.to_owned();
            }
            if let Some(data) = line.strip_prefix("data: ") {
                let entry: Value = serde_json::from_str(data).unwrap();
                return (id, entry["id"].as_str().unwrap().to_owned());
            }
        }
    }
}

#[test]
fn a_tail_shows_what_comes_and_resumes_without_a_gap() {
    let house = House::new();
    house.post("/v1/events", event("before")).is(201);
    let mut tail = Tail::open(&house, "/v1/events/tail", None);
    house.post("/v1/events", event("one")).is(201);
    let (one, id) = tail.next();
    assert_eq!(id, "one");
    drop(tail);
    house.post("/v1/events", format!("[{},{}]", event("two"), event("three"))).is(200);
    let mut tail = Tail::open(&house, "/v1/events/tail", Some(&one));
    assert_eq!((tail.next().1, tail.next().1), ("two".to_owned(), "three".to_owned()));
    house.post("/v1/events", event("four")).is(201);
    assert_eq!(tail.next().1, "four");
    let mut tail = Tail::open(&house, &format!("/v1/events/tail?after={one}"), None);
    assert_eq!(tail.next().1, "two");
    let foreign = house.request("GET", "/v1/events/tail?q=action%3Aa.b").header(&format!("Last-Event-ID: {one}"));
    assert_eq!(foreign.send().problem(400), "bad_cursor");
}

#[test]
fn a_tail_shows_its_own_query_and_tenant_alone() {
    let house = House::new();
    let acme = house.token(TokenKind::Read, Some("acme"));
    let mut bound = {
        let request = house.request("GET", "/v1/events/tail?q=reason%20OR%20has%3Areason").token(&acme);
        Tail(BufReader::new(request.open()))
    };
    while bound.line() != "retry: 1000" {}
    for (tenant, reason, id) in [("other", "\"x\"", "a"), ("acme", "null", "b"), ("acme", "\"x\"", "c")] {
        let body = event(id).replace("{\"id\"", &format!("{{\"tenant\":\"{tenant}\",\"reason\":{reason},\"id\""));
        house.post("/v1/events", body).is(201);
    }
    assert_eq!(bound.next().1, "c");
}

#[test]
fn a_quiet_tail_says_that_it_is_alive() {
    let house = House::with(Limits { heartbeat_interval: std::time::Duration::from_millis(30), ..Limits::default() });
    house.post("/v1/events", event("a")).is(201);
    let mut tail = Tail::open(&house, "/v1/events/tail", None);
    let mut id = String::new();
    while id.is_empty() {
        if tail.line() == ": heartbeat" {
            id = tail.line().strip_prefix("id: ").unwrap().to_owned();
        }
    }
    house.post("/v1/events", event("b")).is(201);
    assert_eq!(Tail::open(&house, "/v1/events/tail", Some(&id)).next().1, "b");
}

#[test]
fn buckets_begin_where_the_zone_says() {
    let house = House::new();
    // In Berlin the clocks go back at 03:00 on 25 October 2026: that day has 25 hours.
    for (id, time) in [
        ("a", "2026-10-24T21:59:59Z"),
        ("b", "2026-10-24T22:00:00Z"),
        ("c", "2026-10-25T00:30:00Z"),
        ("d", "2026-10-25T01:30:00Z"),
        ("e", "2026-10-25T22:59:59Z"),
        ("f", "2026-10-25T23:00:00Z"),
        ("g", "2026-11-01T12:00:00Z"),
    ] {
        house
            .post("/v1/events", event(id).replace("\"action\"", &format!("\"occurred_at\":\"{time}\",\"action\"")))
            .is(201);
    }
    let check = |query: &str, expected: serde_json::Value| {
        let found = house.get(&format!("/v1/events/histogram{query}")).is(200).json();
        assert_eq!(found["buckets"], expected, "{query}");
    };
    check(
        "",
        json!([{"day": "2026-10-24", "count": 2}, {"day": "2026-10-25", "count": 4}, {"day": "2026-11-01", "count": 1}]),
    );
    check("?interval=month", json!([{"month": "2026-10", "count": 6}, {"month": "2026-11", "count": 1}]));
    check("?interval=week", json!([{"week": "2026-10-19", "count": 6}, {"week": "2026-10-26", "count": 1}]));
    check(
        "?tz=Europe/Berlin",
        json!([{"day": "2026-10-24", "count": 1}, {"day": "2026-10-25", "count": 4},
        {"day": "2026-10-26", "count": 1}, {"day": "2026-11-01", "count": 1}]),
    );
    check(
        "?tz=Europe/Berlin&interval=week",
        json!([{"week": "2026-10-19", "count": 5}, {"week": "2026-10-26", "count": 2}]),
    );
    check(
        "?tz=Europe/Berlin&interval=hour&q=id:(c,d)",
        json!([{"hour": "2026-10-25T02:00:00+02:00", "count": 1},
        {"hour": "2026-10-25T02:00:00+01:00", "count": 1}]),
    );
    check("?tz=Asia/Kolkata&interval=hour&q=id:b", json!([{"hour": "2026-10-25T03:00:00+05:30", "count": 1}]));
    check("?q=id:nothing", json!([]));
    for day in 0..45 {
        let time = format!("2026-{:02}-{:02}T00:00:00Z", 1 + day / 28, 1 + day % 28);
        let body = event(&format!("day{day}")).replace("\"action\"", &format!("\"occurred_at\":\"{time}\",\"action\""));
        house.post("/v1/events", body).is(201);
    }
    assert_eq!(house.get("/v1/events/histogram?interval=hour").problem(400), "too_many_buckets");
    assert_eq!(house.get("/v1/events/histogram?interval=year").problem(400), "bad_parameter");
}
