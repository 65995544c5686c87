//! Pages of other origins: what a browser lets them read, and whose token they may bring.

use deedbook_server::{Options, TokenKind};
use serde_json::json;

use crate::support::{ADMIN, House, Request, Response, event};

const APP: &str = "https://app.example";

fn house() -> House {
    let mut options = Options::default();
    options.origins = vec!["https://other.example".to_owned(), APP.to_owned()];
    House::by_the_wall(options)
}

fn from(origin: &str, request: Request) -> Request {
    request.header(&format!("Origin: {origin}"))
}

fn shared(answer: &Response) -> Option<&str> {
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    answer.header("access-control-allow-origin")
}

#[test]
fn a_page_of_a_known_origin_reads_with_the_token_of_a_session() {
    let house = house();
    house.post("/v1/events", event("a")).is(201);
    let made = house.post("/v1/viewer-sessions", r#"{"tenant":"default"}"#).is(201).json();
    let token = made["token"].as_str().unwrap();

    let asked = from(APP, house.request("OPTIONS", "/v1/events?q=x").without("Authorization"));
    let asked = asked.header("Access-Control-Request-Method: GET");
    let preflight = asked.header("Access-Control-Request-Headers: authorization,last-event-id").send().is(204);
    assert_eq!(shared(&preflight), Some(APP));
    assert_eq!(preflight.header("access-control-allow-methods"), Some("GET"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("authorization, content-type, last-event-id"));
    assert_eq!(preflight.header("vary"), Some("origin"));

    let page = from(APP, house.request("GET", "/v1/events").token(token)).send().is(200);
    assert_eq!(shared(&page), Some(APP));
    assert_eq!(page.header("vary"), Some("origin"));
    assert!(page.header("access-control-expose-headers").unwrap().contains("x-request-id"));
    // A refusal can be read too, so that the page can say what is wrong.
    let refused = from(APP, house.request("GET", "/v1/events?q=actoin:x").token(token)).send();
    assert_eq!((refused.problem(400).as_str(), shared(&refused)), ("query_syntax", Some(APP)));
    let ended = from(APP, house.request("GET", "/v1/events").token("deed_viewer_x")).send();
    assert_eq!((ended.problem(401).as_str(), shared(&ended)), ("bad_token", Some(APP)));

    let read = house.token(TokenKind::Read, None);
    assert_eq!(shared(&from(APP, house.request("GET", "/v1/events").token(&read)).send().is(200)), Some(APP));
}

#[test]
fn a_code_is_exchanged_from_the_page() {
    let house = house();
    let made = house.post("/v1/viewer-sessions", r#"{"tenant":"default"}"#).is(201).json();
    let path = format!("/v1/viewer-sessions/{}/code", made["id"].as_str().unwrap());
    let code = house.post(&path, "{}").is(201).json()["code"].clone();
    let exchange = house.request("POST", "/v1/viewer-sessions/exchange").without("Authorization");
    let answer = from(APP, exchange).body("application/json", json!({ "code": code }).to_string()).send().is(200);
    assert_eq!(shared(&answer), Some(APP));
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let current = from(APP, house.request("GET", "/v1/viewer-sessions/current").token(&token)).send().is(200);
    assert_eq!(shared(&current), Some(APP));
}

#[test]
fn no_other_origin_reads_and_no_other_endpoint_is_read() {
    let house = house();
    let read = house.token(TokenKind::Read, None);
    for origin in
        ["https://app.example.evil", "https://app.example:444", "http://app.example", "null", "https://APP.example"]
    {
        let answer = from(origin, house.request("GET", "/v1/events").token(&read)).send();
        assert_eq!((shared(&answer), answer.header("vary")), (None, Some("origin")), "{origin}");
    }
    let recorded = from(APP, house.request("POST", "/v1/viewer-sessions").token(&read)).body("application/json", "{}");
    assert_eq!(shared(&recorded.send()), None);
    assert_eq!(shared(&from(APP, house.request("GET", "/v1/viewer-sessions").token(&read)).send().is(200)), None);
    assert_eq!(shared(&from(APP, house.request("GET", "/metrics")).send().is(200)), None);
    // Without a configuration nothing is shared, and a cache need not know of origins.
    let house = House::new();
    let read = house.token(TokenKind::Read, None);
    let answer = from(APP, house.request("GET", "/v1/events").token(&read)).send().is(200);
    assert_eq!((shared(&answer), answer.header("vary")), (None, None));
    let asked = from(APP, house.request("OPTIONS", "/v1/events").without("Authorization"));
    let asked = asked.header("Access-Control-Request-Method: GET").send();
    assert_eq!((shared(&asked), asked.status), (None, 401));
}

/// With or without a configuration: whoever writes a page can do all that the token in it can.
#[test]
fn only_tokens_that_read_are_accepted_from_other_pages() {
    for house in [house(), House::new()] {
        let tokens = [TokenKind::Write, TokenKind::Auditor].map(|kind| house.token(kind, None));
        for token in tokens.iter().map(String::as_str).chain([ADMIN]) {
            for origin in [APP, "https://evil.example", "null"] {
                let answer = from(origin, house.request("GET", "/v1/events").token(token)).send();
                assert_eq!(answer.problem(403), "foreign_page", "{origin}");
                assert!(answer.json()["detail"].as_str().unwrap().contains("viewer session"));
            }
        }
        let make = from(APP, house.request("POST", "/v1/tokens")).body("application/json", r#"{"kind":"read"}"#);
        assert_eq!(make.send().problem(403), "foreign_page");
        house.until_entered("_deedbook", "audit.denied", |entry| entry.to_string().contains("foreign_page"));
        // The pages of the server itself are not others.
        from("http://log.example", house.request("GET", "/v1/events")).send().is(200);
        from(APP, house.request("GET", "/v1/events")).header("Sec-Fetch-Site: same-origin").send().is(200);
    }
}

#[test]
fn a_cookie_is_not_accepted_from_other_pages() {
    let house = house();
    let claim = json!({ "token": ADMIN }).to_string();
    let sign_in = house.request("POST", "/auth/sign-in").without("Authorization").header("Sec-Fetch-Site: same-origin");
    let signed_in = sign_in.body("application/json", claim).send();
    let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let ask = || house.request("GET", "/v1/events").without("Authorization").header(&format!("Cookie: {cookie}"));
    ask().send().is(200);
    let foreign = from(APP, ask()).header("Sec-Fetch-Site: same-site").send();
    assert_eq!(foreign.problem(403), "foreign_page");
}
