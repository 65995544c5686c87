//! The exact body of every refusal that a request can meet.

use insta::assert_snapshot;

use crate::support::{House, Request, event};

fn body(request: Request) -> String {
    let response = request.send();
    format!("{} {}\n{}", response.status, response.header("content-type").unwrap_or("-"), response.redacted())
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
        ("not there yet", get("/v1/retention")),
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
