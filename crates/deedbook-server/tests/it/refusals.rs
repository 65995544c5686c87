//! The exact body of every refusal that a request can meet.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deedbook_core::commitment::Key;
use deedbook_core::{Atomicity, Draft, Error, ErrorKind, MemoryStore, Reply, Store};
use deedbook_server::{Limits, TokenKind};
use deedbook_testkit::Clock;
use insta::assert_snapshot;

use crate::support::{House, Request, Response, Through, event};

/// The status, the headers that belong to a problem, and the body.
fn written(response: &Response) -> String {
    let header = |name: &str| response.header(name).map(|value| format!(" {name}: {value}")).unwrap_or_default();
    let headers = ["content-type", "retry-after", "allow", "www-authenticate"].map(header).concat();
    format!("{}{headers}\n{}", response.status, response.redacted())
}

fn body(request: Request) -> String {
    written(&request.send())
}

#[test]
fn every_refusal_has_its_exact_body() {
    let house = House::new();
    house.post("/v1/events", event("a")).is(201);
    let get = |path: &str| house.request("GET", path);
    let post = |json: &str| house.request("POST", "/v1/events").body("application/json", json);
    let mut all = String::new();
    for (name, request) in [
        ("no token", get("/v1/events").without("Authorization")),
        ("unknown token", get("/v1/events").token("unknown")),
        ("damaged token", get("/v1/events").token("deed_read_abc_def")),
        ("absent", get("/v1/events/absent")),
        ("no endpoint", get("/v1/absent")),
        ("no method", house.request("PATCH", "/v1/events")),
        ("not there yet", get("/v1/tenants")),
        ("unknown parameter", get("/v1/events?limti=7")),
        ("parameter out of range", get("/v1/events?limit=1001")),
        ("parameter twice", get("/v1/events?limit=1&limit=2")),
        ("parameter of another word", get("/v1/events?order=up")),
        ("broken escape", get("/v1/events?q=%zz")),
        ("time zone", get("/v1/events?tz=Mars/Olympus")),
        ("query", get("/v1/events?q=action%3A")),
        ("unknown field of a query", get("/v1/events?q=acton%3Aa.b")),
        ("cursor", get("/v1/events?after=abc")),
        ("both cursors", get("/v1/events?after=abc&before=abc")),
        ("no JSON", post("{")),
        ("no JSON in an array", post("[{\"action\":\"a.b\"},{\"action\"}]")),
        ("bad action", post("{\"action\":\"Approve\",\"actor\":{\"type\":\"system\"}}")),
        ("unknown member", post("{\"action\":\"a.b\",\"actor\":{\"type\":\"system\"},\"user\":\"ada\"}")),
        ("inexact number", post(&event("n").replace("{\"id\"", "{\"metadata\":{\"a\":12345678901234567890},\"id\""))),
        ("conflict", post(&event("a").replace("ada", "eve"))),
        ("media type", house.request("POST", "/v1/events").body("text/plain", "{}")),
        ("content encoding", post("{}").header("Content-Encoding: br")),
        ("broken compression", post("{}").header("Content-Encoding: gzip")),
    ] {
        all.push_str(&format!("-- {name}\n{}\n\n", body(request)));
    }
    assert_snapshot!(all);
}

#[test]
fn what_a_token_may_not_do_has_its_exact_body() {
    let house = House::new();
    let (read, write) = (house.token(TokenKind::Read, Some("acme")), house.token(TokenKind::Write, Some("acme")));
    let foreign = event("a").replace("{\"id\"", "{\"tenant\":\"other\",\"id\"");
    let post = |path: &str, json: &str| house.request("POST", path).body("application/json", json);
    let last = format!("/v1/tokens/{}", house.get("/v1/tokens").json()["data"][0]["id"].as_str().unwrap());
    let revoke = house.request("DELETE", &last);
    let rotate = post(&format!("{last}/rotate"), "{}");
    let narrow = house.made(r#"{"kind":"read","scope":{"audience":["owners"]}}"#);
    let elsewhere = house.made(r#"{"kind":"read","addresses":["10.0.0.0/8"]}"#);
    let days = (1..=28).flat_map(|day| [format!("2026-01-{day:02}"), format!("2026-02-{day:02}")]);
    let event_of =
        |day: String| event(&day).replace("\"action\"", &format!("\"occurred_at\":\"{day}T00:00:00Z\",\"action\""));
    house.post("/v1/events", format!("[{}]", days.map(event_of).collect::<Vec<_>>().join(","))).is(200);
    let mut all = String::new();
    for (name, request) in [
        ("a reader records", post("/v1/events", &event("a")).token(&read)),
        ("a writer reads", house.request("GET", "/v1/events").token(&write)),
        ("a reader administers", house.request("GET", "/v1/tokens").token(&read)),
        ("another tenant's event", post("/v1/events", &foreign).token(&write)),
        ("another tenant", house.request("GET", "/v1/events?tenant=other").token(&read)),
        ("the last administrator", revoke),
        ("no JSON for a token", post("/v1/tokens", "{")),
        ("no such kind", post("/v1/tokens", "{\"kind\":\"owner\"}")),
        ("a token as lines", house.request("POST", "/v1/tokens").body("application/x-ndjson", "{}")),
        ("no target", house.request("GET", "/v1/history")),
        ("no moment", house.request("GET", "/v1/as-of?target=invoice:7")),
        ("a thing that no entry names", house.request("GET", "/v1/blame?target=invoice:8")),
        ("something twice", house.request("GET", "/v1/events/count?by=day,day")),
        ("parameters where there are none", house.request("GET", "/v1/tokens?a=b")),
        ("numbers of which a part is seen", house.request("GET", "/v1/events?q=seq:3").token(&narrow)),
        ("too many buckets", house.request("GET", "/v1/events/histogram?interval=hour")),
        ("a code that is none", post("/v1/viewer-sessions/exchange", "{\"code\":\"x\"}").without("Authorization")),
        ("from another address", house.request("GET", "/v1/events").token(&elsewhere)),
        ("from a page of another origin", house.request("GET", "/v1/events").header("Origin: https://app.example")),
        ("the token of the environment", rotate),
    ] {
        all.push_str(&format!("-- {name}\n{}\n\n", body(request)));
    }
    assert_snapshot!(all);
}

#[test]
fn what_is_too_much_has_its_exact_body() {
    let limits = Limits {
        body_bytes_max: 1_200_000,
        decompressed_bytes_max: 1_000,
        events_max: 2,
        body_time_max: Duration::from_millis(100),
        ..Limits::default()
    };
    let house = House::with(limits);
    let post = |body: &[u8]| house.request("POST", "/v1/events").body("application/json", body);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&[b' '; 1_001]).unwrap();
    let gzip = gzip.finish().unwrap();
    let large = event("a").replace("{\"id\"", &format!("{{\"reason\":\"{}\",\"id\"", "x".repeat(300_000)));
    let bad = event("b").replace("invoice.approved", "Approve");
    let lines = |text: String| house.request("POST", "/v1/events").body("application/x-ndjson", text);
    let atomic = |text: String| house.request("POST", "/v1/events?atomic=true").body("application/json", text);
    let mut all = String::new();
    for (name, request) in [
        ("a body", post(&vec![b' '; 1_200_001])),
        ("a body after decompression", post(&gzip).header("Content-Encoding: gzip")),
        ("events", post(b"[1,2,3]")),
        ("lines", lines("1\n2\n3\n".to_owned())),
        ("an event", post(large.as_bytes())),
        ("of a batch", lines(format!("{large}\n{{"))),
        ("bad ones of a batch", post(format!("[{bad},{{}}]").as_bytes())),
        ("bad ones of all or nothing", atomic(format!("[{bad},{large}]"))),
    ] {
        all.push_str(&format!("-- {name}\n{}\n\n", body(request)));
    }
    let head = "Content-Type: application/json\r\nContent-Length: 100";
    let slow = Response::read(house.request("POST", "/v1/events").header(head).open());
    all.push_str(&format!("-- a slow body\n{}\n\n", written(&slow)));
    let broken = house.request("POST", "/v1/events").header("Content-Type: application/json");
    let mut broken = broken.header("Transfer-Encoding: chunked").open();
    broken.write_all(b"5\r\nabc\r\nno length\r\n").unwrap();
    all.push_str(&format!("-- a body that breaks off\n{}\n\n", written(&Response::read(broken))));
    assert_snapshot!(all);
}

/// What the store below does with an append: refuse it with one of these kinds, wait for ever, or panic.
const KINDS: [ErrorKind; 5] =
    [ErrorKind::Overloaded, ErrorKind::DiskFull, ErrorKind::Io, ErrorKind::NotFound, ErrorKind::Poisoned];
const WAIT: usize = 5;
const PANIC: usize = 6;

#[test]
fn what_fails_inside_has_its_exact_body() {
    static MODE: AtomicUsize = AtomicUsize::new(usize::MAX);
    static UNANSWERED: Mutex<Vec<Reply>> = Mutex::new(Vec::new());
    let clock = Clock::fixed();
    let below = Arc::new(MemoryStore::new(clock.function(), Key([7; 32])));
    let store = below.clone();
    let submit = move |drafts: Vec<Draft>, atomicity: Atomicity, reply: Reply| match MODE.load(Ordering::SeqCst) {
        WAIT => UNANSWERED.lock().unwrap().push(reply),
        PANIC => panic!("a store that panics"),
        kind if kind < KINDS.len() => reply(Err(Error::new(KINDS[kind], "canary"))),
        _ => store.submit(drafts, atomicity, reply),
    };
    let limits = Limits {
        // Room for one event that waits.
        append_bytes_max: 300,
        append_wait_max: Duration::from_millis(50),
        request_time_max: Duration::from_millis(400),
        ..Limits::default()
    };
    let house = House::over(Arc::new(Through { below, submit, reading: || (), counting: || () }), clock, limits);
    let post = || written(&house.post("/v1/events", event("a")));
    let mut all = String::new();
    for (name, mode) in
        [("Overloaded", 0), ("DiskFull", 1), ("Io", 2), ("NotFound", 3), ("a panic", PANIC), ("no answer", WAIT)]
    {
        MODE.store(mode, Ordering::SeqCst);
        all.push_str(&format!("-- {name}\n{}\n\n", post()));
    }
    all.push_str(&format!("-- no room beside what has no answer\n{}\n\n", post()));
    UNANSWERED.lock().unwrap().clear();
    MODE.store(4, Ordering::SeqCst);
    all.push_str(&format!("-- Poisoned\n{}\n\n", post()));
    assert_eq!(house.ended().unwrap_err().kind(), ErrorKind::Poisoned);
    assert_snapshot!(all);
}

#[test]
fn each_want_of_room_has_its_exact_body() {
    let limits = |limits: Limits| House::with(Limits { read_wait_max: Duration::ZERO, ..limits });
    let get = |house: &House, path: &str| written(&house.get(path));
    let requests = limits(Limits { requests_max: 0, ..Limits::default() });
    let reads = limits(Limits { reads_max: 0, ..Limits::default() });
    let streams = limits(Limits { streams_max: 0, ..Limits::default() });
    let bodies = limits(Limits { bodies_bytes_max: 10, ..Limits::default() });
    let connections = limits(Limits { connections_max: 0, ..Limits::default() });
    let refused = Response::read(connections.connect());
    let id = refused.json()["request_id"].as_str().unwrap().to_owned();
    let all = [
        ("requests", get(&requests, "/v1/events")),
        ("reads", get(&reads, "/v1/events")),
        ("tails and exports", get(&streams, "/v1/events/tail")),
        ("bodies", written(&bodies.post("/v1/events", event("a")))),
        ("connections", written(&refused).replace(&id, "[request_id]")),
    ];
    assert_snapshot!(all.map(|(name, text)| format!("-- {name}\n{text}\n\n")).concat());
}

/// Each code that docs/api.md lists stands in a snapshot.
#[test]
fn each_code_of_the_documentation_has_an_exact_body() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let documentation = std::fs::read_to_string(root.join("../../docs/api.md")).unwrap();
    let (_, errors) = documentation.split_once("## Errors").unwrap();
    let rows = errors.lines().filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit());
    let words = rows.flat_map(|row| row.split('`').skip(1).step_by(2)).filter(|word| *word != "request_id");
    let listed: Vec<&str> = words.filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_')).collect();
    let mut exact = String::new();
    for file in std::fs::read_dir(root.join("tests/it/snapshots")).unwrap() {
        exact.push_str(&std::fs::read_to_string(file.unwrap().path()).unwrap());
    }
    let bodies = exact.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let codes: BTreeSet<String> = bodies
        .flat_map(|body| {
            let items = body["results"].as_array().cloned().unwrap_or_default();
            items.iter().map(|item| item["problem"]["code"].clone()).chain([body["code"].clone()]).collect::<Vec<_>>()
        })
        .filter_map(|code| code.as_str().map(str::to_owned))
        .collect();
    let missing: Vec<_> = listed.iter().filter(|code| !codes.contains(**code)).collect();
    assert!(missing.is_empty() && listed.len() > 25, "no exact body of {missing:?} of {listed:?}");
}

#[test]
fn a_method_that_is_not_there_says_which_are() {
    let house = House::new();
    let allow = |method: &str, path: &str| house.request(method, path).send().header("allow").map(str::to_owned);
    assert_eq!(allow("PATCH", "/v1/events").as_deref(), Some("POST,GET,HEAD"));
    assert_eq!(allow("POST", "/healthz").as_deref(), Some("GET,HEAD"));
}

#[test]
fn the_description_is_that_of_the_snapshot() {
    assert_snapshot!(deedbook_server::Server::openapi());
}

#[test]
fn the_page_lists_every_endpoint() {
    let house = House::new();
    let page = house.get("/docs").is(200);
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'")));
    for endpoint in ["POST /v1/events", "GET /v1/events/tail", "DELETE /v1/tokens/{id}", "GET /healthz"] {
        assert!(page.body.contains(endpoint), "{endpoint}");
    }
    assert!(!page.body.contains("<script"));
    assert_eq!(house.get("/openapi.json").is(200).body, deedbook_server::Server::openapi());
}
