//! Who may do what: every endpoint of the description, every kind of token, own and foreign tenants.

use deedbook_server::{Server, TokenKind};
use serde_json::Value;

use crate::support::{House, Response, event};

/// What is open; everything else wants a token.
const OPEN: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// What the API names and this server does not have yet.
const MISSING: [&str; 8] = [
    "/v1/viewer-sessions",
    "/v1/sinks/7/parked",
    "/v1/searches",
    "/v1/tenants",
    "/v1/exports",
    "/v1/checkpoint",
    "/v1/tile/0/000",
    "/v1/events/a/proof",
];

/// An endpoint, what is sent to it, and the status for admin, write and read tokens of the tenant `acme` (an
/// administrator's is bound to none), and for a read token when the tenant `other` is named.
type Row = (&'static str, &'static str, [u16; 3], Option<u16>);

const ROWS: [Row; 31] = [
    ("post /v1/events", "/v1/events", [200, 200, 403], None),
    ("get /v1/events", "/v1/events?x", [200, 403, 200], Some(404)),
    ("get /v1/events/{id}", "/v1/events/a?x", [200, 403, 200], Some(404)),
    ("get /v1/events/tail", "/v1/events/tail?x&after=broken", [400, 403, 400], Some(404)),
    ("get /v1/events/count", "/v1/events/count?x", [200, 403, 200], Some(404)),
    ("get /v1/events/facets", "/v1/events/facets?x", [200, 403, 200], Some(404)),
    ("get /v1/events/histogram", "/v1/events/histogram?x", [200, 403, 200], Some(404)),
    ("get /v1/events.ndjson", "/v1/events.ndjson?x", [200, 403, 200], Some(404)),
    ("get /v1/events.csv", "/v1/events.csv?x", [200, 403, 200], Some(404)),
    ("get /v1/history", "/v1/history?x&target=invoice:7", [200, 403, 200], Some(404)),
    ("get /v1/history/{id}", "/v1/history/a?x&target=invoice:7", [200, 403, 200], Some(404)),
    ("get /v1/as-of", "/v1/as-of?x&target=invoice:7&at=latest", [200, 403, 200], Some(404)),
    ("get /v1/blame", "/v1/blame?x&target=invoice:7", [200, 403, 200], Some(404)),
    ("get /v1/diff", "/v1/diff?x&target=invoice:7&from=a&to=latest", [200, 403, 200], Some(404)),
    ("get /v1/restore", "/v1/restore?x&target=invoice:7&to=a", [200, 403, 200], Some(404)),
    ("get /v1/tokens", "/v1/tokens", [200, 403, 403], None),
    ("post /v1/tokens", "/v1/tokens", [201, 403, 403], None),
    ("delete /v1/tokens/{id}", "/v1/tokens/tok_none", [404, 403, 403], None),
    ("get /v1/retention", "/v1/retention", [200, 403, 403], None),
    ("put /v1/retention", "/v1/retention", [200, 403, 403], None),
    ("get /v1/retention/plan", "/v1/retention/plan", [200, 403, 403], None),
    ("post /v1/retention/plan", "/v1/retention/plan", [200, 403, 403], None),
    ("post /v1/retention/run", "/v1/retention/run", [202, 403, 403], None),
    ("get /v1/holds", "/v1/holds", [200, 403, 403], None),
    ("post /v1/holds", "/v1/holds", [201, 403, 403], None),
    ("post /v1/holds/{id}/release", "/v1/holds/hold_none/release", [404, 403, 403], None),
    ("get /v1/erasures", "/v1/erasures", [200, 403, 403], None),
    ("post /v1/erasures", "/v1/erasures", [200, 403, 403], None),
    ("get /v1/erasures/{id}", "/v1/erasures/era_none", [404, 403, 403], None),
    ("delete /v1/erasures/{id}", "/v1/erasures/era_none", [404, 403, 403], None),
    ("post /v1/erasures/{id}/approve", "/v1/erasures/era_none/approve", [404, 403, 403], None),
];

/// Every documented endpoint but the open ones, as `method path`.
fn documented() -> Vec<String> {
    let description: Value = serde_json::from_str(&Server::openapi()).unwrap();
    let paths = description["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| (path.clone(), format!("{method} {path}")))
    });
    operations.filter(|(path, _)| !OPEN.contains(&path.as_str())).map(|(_, operation)| operation).collect()
}

fn send(house: &House, row: &Row, token: &str, tenant: Option<&str>) -> Response {
    let method = row.0.split(' ').next().unwrap().to_uppercase();
    let tenant = tenant.map_or(String::new(), |tenant| format!("tenant={tenant}"));
    let path = row.1.replace("?x", &format!("?{tenant}")).replace("?&", "?");
    let request = house.request(&method, path.trim_end_matches('?')).token(token);
    match row.0 {
        "post /v1/events" => {
            request.body("application/json", event("a").replace("{\"id\"", "{\"tenant\":\"acme\",\"id\""))
        }
        "post /v1/tokens" => request.body("application/json", r#"{"kind":"read"}"#),
        "put /v1/retention" => request.body("application/json", r#"{"rules":[],"reason":"x"}"#),
        "post /v1/retention/plan" => request.body("application/json", r#"{"rules":[]}"#),
        "post /v1/holds" => request.body("application/json", r#"{"tenant":"acme","reason":"x"}"#),
        "post /v1/holds/{id}/release" => request.body("application/json", r#"{"reason":"x"}"#),
        "post /v1/erasures" => request.body("application/json", r#"{"principal":"user:u","basis":"x","dry_run":true}"#),
        _ => request,
    }
    .send()
}

#[test]
fn every_endpoint_has_a_row() {
    let rows: Vec<&str> = ROWS.iter().map(|row| row.0).collect();
    let mut documented = documented();
    documented.retain(|operation| !rows.contains(&operation.as_str()));
    assert_eq!(documented, [""; 0], "endpoints without a row");
}

#[test]
fn every_row_holds_for_every_kind_of_token() {
    let house = House::new();
    let acme = event("a").replace("{\"id\"", "{\"tenant\":\"acme\",\"id\"");
    house.post("/v1/events", acme).is(201);
    let write = house.token(TokenKind::Write, Some("acme"));
    let read = house.token(TokenKind::Read, Some("acme"));
    let absent = house.request("GET", "/v1/events/absent").token(&read).send();
    for row in &ROWS {
        let admin = send(&house, row, crate::support::ADMIN, Some("acme").filter(|_| row.3.is_some()));
        assert_eq!(admin.status, row.2[0], "admin {}: {}", row.0, admin.body);
        for (token, status) in [(&write, row.2[1]), (&read, row.2[2])] {
            let answer = send(&house, row, token, None);
            assert_eq!(answer.status, status, "{}: {}", row.0, answer.body);
            if status == 403 {
                assert_eq!(answer.problem(403), "missing_right");
            }
        }
        if let Some(status) = row.3 {
            let foreign = send(&house, row, &read, Some("other"));
            assert_eq!(foreign.status, status, "{}: {}", row.0, foreign.body);
            assert_eq!(foreign.redacted(), absent.redacted(), "{}", row.0);
        }
    }
}

#[test]
fn nothing_but_what_is_open_answers_without_a_token() {
    let house = House::new();
    let mut paths: Vec<(String, String)> = documented()
        .iter()
        .map(|operation| operation.split_once(' ').unwrap())
        .map(|(method, path)| (method.to_uppercase(), path.replace("{id}", "a")))
        .collect();
    paths.extend(MISSING.map(|path| ("GET".to_owned(), path.to_owned())));
    for path in ["/v1/nothing", "/v1/events/a/b/c", "/v1/tokens/"] {
        paths.push(("GET".to_owned(), path.to_owned()));
    }
    paths.push(("PATCH".to_owned(), "/v1/events".to_owned()));
    for (method, path) in paths {
        let answer = house.request(&method, &path).without("Authorization").send();
        assert_eq!(answer.problem(401), "missing_token", "{method} {path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"deedbook\""));
    }
    for path in OPEN.into_iter().chain(["/openapi.json", "/docs"]) {
        house.request("GET", path).without("Authorization").send().is(200);
    }
    house.request("GET", "/nothing").without("Authorization").send().is(404);
}

#[test]
fn tokens_that_are_not_accepted() {
    let house = House::new();
    let good = house.token(TokenKind::Read, None);
    let damaged = good.replacen("deed_read", "deed_admin", 1);
    let short = &good[..good.len() - 1];
    for header in [
        "Authorization: Basic YTpi".to_owned(),
        "Authorization: Bearer".to_owned(),
        "Authorization: ".to_owned(),
        format!("X: {good}"),
    ] {
        let answer = house.request("GET", "/v1/events").without("Authorization").header(&header).send();
        assert_eq!(answer.problem(401), "missing_token", "{header}");
    }
    for token in [damaged.as_str(), short, "x", "deed_", "an administrator's token of 32 or more characterS"] {
        let answer = house.request("GET", "/v1/events").token(token).send();
        assert_eq!(answer.problem(401), "bad_token", "{token}");
        assert!(!answer.body.contains(token) || token.len() < 6);
    }
    let twice = house.request("GET", "/v1/events").header(&format!("Authorization: Bearer {good}")).send();
    assert_eq!(twice.problem(401), "bad_token");
    house
        .request("GET", "/v1/events")
        .without("Authorization")
        .header(&format!("authorization: bearer {good}"))
        .send()
        .is(200);
}

#[test]
fn what_is_absent_and_what_is_foreign_are_alike_to_the_byte() {
    let house = House::new();
    house.post("/v1/events", event("there").replace("{\"id\"", "{\"tenant\":\"other\",\"id\"")).is(201);
    let read = house.token(TokenKind::Read, Some("acme"));
    let ask = |path: &str| house.request("GET", path).token(&read).send();
    let absent = ask("/v1/events/nothing");
    for path in [
        "/v1/events/there",
        "/v1/events/there?tenant=other",
        "/v1/events/there?tenant=nobody",
        "/v1/events/%ff",
        "/v1/events/a%20b",
        "/v1/events?tenant=other",
        "/v1/events/count?tenant=nobody",
        "/v1/nothing",
    ] {
        let foreign = ask(path);
        assert_eq!(foreign.problem(404), "not_found", "{path}");
        assert_eq!(foreign.redacted(), absent.redacted(), "{path}");
        let names = |answer: &Response| answer.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&foreign), names(&absent), "{path}");
    }
    house.get("/v1/events/there?tenant=other").is(200);
    house.get("/v1/events/there").is(404);
}

#[test]
fn a_bound_token_writes_into_its_own_tenant_alone() {
    let house = House::new();
    let write = house.token(TokenKind::Write, Some("acme"));
    let post = |body: String| house.request("POST", "/v1/events").token(&write).body("application/json", body).send();
    let receipt = post(event("a")).is(201).json();
    assert_eq!((&receipt["tenant"], receipt.get("position")), (&"acme".into(), None));
    let foreign = event("b").replace("{\"id\"", "{\"tenant\":\"other\",\"id\"");
    assert_eq!(post(foreign.clone()).problem(403), "foreign_tenant");
    let batch = post(format!("[{foreign},{}]", event("c"))).is(200).json();
    assert_eq!((&batch["results"][0]["status"], &batch["results"][1]["status"]), (&403.into(), &201.into()));
    assert_eq!(house.get("/v1/events/count?tenant=other").json()["count"], 0);
}

#[test]
fn the_log_s_own_cannot_be_recorded() {
    let house = House::new();
    let own = event("a").replace("{\"id\"", "{\"tenant\":\"_deedbook\",\"id\"");
    let refused = house.post("/v1/events", own);
    assert_eq!(
        (refused.problem(422).as_str(), &refused.json()["errors"][0]["code"]),
        ("invalid", &"reserved_tenant".into())
    );
    let refused = house.post("/v1/events", event("a").replace("invoice.approved", "audit.viewed"));
    assert_eq!(refused.json()["errors"][0]["code"], "reserved_action");
}

#[test]
fn positions_are_for_those_who_may_read_all_tenants() {
    let house = House::new();
    house.post("/v1/events", event("a")).is(201);
    let bound = house.token(TokenKind::Read, Some("default"));
    let free = house.token(TokenKind::Read, None);
    for path in ["/v1/events", "/v1/events/a", "/v1/events.ndjson"] {
        let seen = house.request("GET", path).token(&free).send().is(200).body;
        assert!(seen.contains("\"position\":"), "{path}");
        let seen = house.request("GET", path).token(&bound).send().is(200).body;
        assert!(!seen.contains("\"position\":") && !seen.contains("watermark"), "{path}: {seen}");
        assert!(seen.contains("\"seq\":0"), "{path}");
    }
    let row = house.request("GET", "/v1/events.csv").token(&bound).send().is(200).body;
    assert!(row.contains("\r\na,default,0,,2026"), "{row}");
    let all = house.request("GET", "/v1/events").token(&free).send().json();
    assert!(all["watermark"].is_u64());
}

#[test]
fn what_is_not_there_yet_is_said_aloud() {
    let house = House::new();
    for path in MISSING {
        assert_eq!(house.get(path).problem(501), "not_implemented", "{path}");
        assert_eq!(house.post(path, "{}").problem(501), "not_implemented", "{path}");
    }
}
