//! The link that lets whoever starts a server into its pages, once.

use serde_json::json;

use crate::support::{House, Response};

fn follow(house: &House, method: &str, path: &str) -> Response {
    house.request(method, path).without("Authorization").send()
}

#[test]
fn a_link_lets_in_once() {
    let house = House::new();
    let path = house.entrance.clone();
    assert_eq!(follow(&house, "HEAD", &path).status, 204, "looking at it does not use it up");
    let entered = follow(&house, "GET", &path).is(303);
    assert_eq!(entered.header("location"), Some("/"));
    let cookie = entered.header("set-cookie").unwrap();
    assert!(cookie.starts_with("deedbook_session=") && cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    let session = house.request("GET", "/auth/session").without("Authorization").header(&cookie).send().json();
    assert_eq!((&session["token"]["kind"], &session["token"]["name"]), (&json!("admin"), &json!("demo")));
    assert_eq!(session["token"]["origin"], "sign_in");
    house.request("GET", "/v1/events").without("Authorization").header(&cookie).send().is(200);
    let id = session["token"]["entry"].as_str().unwrap();
    let entry = house.get(&format!("/v1/events/{id}?tenant=_deedbook")).is(200).json();
    assert_eq!((&entry["action"], &entry["context"]["ip"]), (&json!("audit.token.created"), &json!("127.0.0.1")));

    let again = follow(&house, "GET", &path).is(410);
    assert_eq!(again.header("set-cookie"), None);
    assert_eq!(again.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(again.header("content-security-policy").unwrap().starts_with("default-src 'none'; script-src 'self'"));
    assert_eq!(again.header("cache-control"), Some("no-store"));
    assert!(again.body.contains("/ui/page/app.js"), "the page that says so");
}

#[test]
fn a_link_is_good_for_an_hour_and_for_nothing_else() {
    let house = House::new();
    for path in ["/auth/enter", "/auth/enter?code=", "/auth/enter?code=x"] {
        follow(&house, "GET", path).is(410);
    }
    let code = house.entrance.split_once('=').unwrap().1;
    let exchanged = house.post("/v1/viewer-sessions/exchange", format!(r#"{{"code":"{code}"}}"#));
    assert_eq!(exchanged.problem(401), "bad_code");
    let session = house.post("/v1/viewer-sessions", r#"{"tenant":"acme"}"#).is(201).json();
    let path = format!("/v1/viewer-sessions/{}/code", session["id"].as_str().unwrap());
    let code = house.post(&path, "{}").is(201).json()["code"].as_str().unwrap().to_owned();
    follow(&house, "GET", &format!("/auth/enter?code={code}")).is(410);
    house.clock.advance_seconds(3_600);
    follow(&house, "GET", &house.entrance).is(410);
}
