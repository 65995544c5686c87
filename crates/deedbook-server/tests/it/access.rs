//! Who may do what: every endpoint of the description, every kind of token, own and foreign tenants.

use deedbook_server::{Options, Server, TokenKind};
use serde_json::Value;

use crate::support::{House, Response, event};

/// What is open; everything else wants a token, or a one-time code.
const OPEN: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
const BY_CODE: &str = "post /v1/viewer-sessions/exchange";

/// What the API names and this server does not have yet.
const MISSING: [&str; 5] = ["/v1/tenants", "/v1/exports", "/v1/checkpoint", "/v1/tile/0/000", "/v1/events/a/proof"];

/// What an endpoint wants of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    Record,
    Read,
    Export,
    Inspect,
    /// Of all tenants.
    Oversee,
    Administer,
    Host,
    /// Any token at all.
    Any,
    /// No token: a one-time code.
    Code,
}

/// An endpoint, what is sent to it (`TENANT` and `TARGET` stand for what is asked for), what it wants, and its status
/// for whoever has that.
type Row = (&'static str, &'static str, &'static str, Right, u16);

const ROWS: [Row; 51] = [
    ("post /v1/events", "/v1/events", "[EVENT]", Right::Record, 200),
    ("get /v1/events", "/v1/events?TENANT", "", Right::Read, 200),
    ("get /v1/events/{id}", "/v1/events/SEEN?TENANT", "", Right::Read, 200),
    ("get /v1/events/tail", "/v1/events/tail?TENANT&after=broken", "", Right::Read, 400),
    ("get /v1/events/count", "/v1/events/count?TENANT", "", Right::Read, 200),
    ("get /v1/events/facets", "/v1/events/facets?TENANT", "", Right::Read, 200),
    ("get /v1/events/histogram", "/v1/events/histogram?TENANT", "", Right::Read, 200),
    ("get /v1/events.ndjson", "/v1/events.ndjson?TENANT", "", Right::Export, 200),
    ("get /v1/events.csv", "/v1/events.csv?TENANT", "", Right::Export, 200),
    ("get /v1/history", "/v1/history?TENANT&TARGET", "", Right::Read, 200),
    ("get /v1/history/{id}", "/v1/history/SEEN?TENANT&TARGET", "", Right::Read, 200),
    ("get /v1/as-of", "/v1/as-of?TENANT&TARGET&at=latest", "", Right::Read, 200),
    ("get /v1/blame", "/v1/blame?TENANT&TARGET", "", Right::Read, 200),
    ("get /v1/diff", "/v1/diff?TENANT&TARGET&from=SEEN&to=latest", "", Right::Read, 200),
    ("get /v1/restore", "/v1/restore?TENANT&TARGET&to=SEEN", "", Right::Read, 200),
    ("get /v1/tokens", "/v1/tokens", "", Right::Inspect, 200),
    ("post /v1/tokens", "/v1/tokens", r#"{"kind":"read"}"#, Right::Administer, 201),
    ("delete /v1/tokens/{id}", "/v1/tokens/tok_none", "", Right::Administer, 404),
    ("post /v1/tokens/{id}/rotate", "/v1/tokens/tok_none/rotate", "{}", Right::Administer, 404),
    ("post /v1/viewer-sessions", "/v1/viewer-sessions", r#"{"tenant":"acme"}"#, Right::Host, 201),
    ("get /v1/viewer-sessions", "/v1/viewer-sessions", "", Right::Any, 200),
    ("get /v1/viewer-sessions/current", "/v1/viewer-sessions/current", "", Right::Any, 404),
    ("delete /v1/viewer-sessions/{id}", "/v1/viewer-sessions/ses_none", "", Right::Host, 404),
    ("post /v1/viewer-sessions/{id}/renew", "/v1/viewer-sessions/ses_none/renew", "{}", Right::Host, 404),
    ("post /v1/viewer-sessions/{id}/code", "/v1/viewer-sessions/ses_none/code", "{}", Right::Host, 404),
    (BY_CODE, "/v1/viewer-sessions/exchange", r#"{"code":"x"}"#, Right::Code, 401),
    ("get /v1/retention", "/v1/retention", "", Right::Inspect, 200),
    ("put /v1/retention", "/v1/retention", r#"{"rules":[],"reason":"x"}"#, Right::Administer, 200),
    ("get /v1/retention/plan", "/v1/retention/plan", "", Right::Inspect, 200),
    ("post /v1/retention/plan", "/v1/retention/plan", r#"{"rules":[]}"#, Right::Inspect, 200),
    ("post /v1/retention/run", "/v1/retention/run", "", Right::Administer, 202),
    ("get /v1/holds", "/v1/holds", "", Right::Inspect, 200),
    ("post /v1/holds", "/v1/holds", r#"{"tenant":"acme","reason":"x"}"#, Right::Administer, 201),
    ("post /v1/holds/{id}/release", "/v1/holds/hold_none/release", r#"{"reason":"x"}"#, Right::Administer, 404),
    ("get /v1/erasures", "/v1/erasures", "", Right::Inspect, 200),
    (
        "post /v1/erasures",
        "/v1/erasures",
        r#"{"principal":"user:u","basis":"x","dry_run":true}"#,
        Right::Administer,
        200,
    ),
    ("get /v1/erasures/{id}", "/v1/erasures/era_none", "", Right::Inspect, 404),
    ("delete /v1/erasures/{id}", "/v1/erasures/era_none", "", Right::Administer, 404),
    ("post /v1/erasures/{id}/approve", "/v1/erasures/era_none/approve", "", Right::Administer, 404),
    ("get /v1/searches", "/v1/searches?TENANT", "", Right::Read, 200),
    ("post /v1/searches", "/v1/searches", r#"{"name":"secret","query":"id:secret"}"#, Right::Administer, 201),
    ("delete /v1/searches/{id}", "/v1/searches/search_none", "", Right::Administer, 404),
    ("get /v1/sinks", "/v1/sinks", "", Right::Oversee, 200),
    ("post /v1/sinks", "/v1/sinks", r#"{"name":"a","webhook":{"url":"nowhere"}}"#, Right::Administer, 422),
    ("get /v1/sinks/{name}", "/v1/sinks/none", "", Right::Oversee, 404),
    ("delete /v1/sinks/{name}", "/v1/sinks/none", "", Right::Administer, 404),
    ("post /v1/sinks/{name}/pause", "/v1/sinks/none/pause", "", Right::Administer, 404),
    ("post /v1/sinks/{name}/resume", "/v1/sinks/none/resume", "", Right::Administer, 404),
    ("post /v1/sinks/{name}/replay", "/v1/sinks/none/replay", r#"{"position":0}"#, Right::Administer, 404),
    ("post /v1/sinks/{name}/test", "/v1/sinks/none/test", "", Right::Administer, 404),
    // The store of the test is in no files.
    ("get /v1/storage", "/v1/storage", "", Right::Oversee, 501),
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

/// A kind of token, bound to `acme` but for the administrator's, and what it has.
struct Holder {
    name: &'static str,
    token: String,
    has: &'static [Right],
    /// Whether it sees the things `project:own` alone, and of them what is for owners.
    is_narrow: bool,
}

fn holders(house: &House) -> Vec<Holder> {
    let make = |body: &str| house.post("/v1/tokens", body).is(201).json()["token"].as_str().unwrap().to_owned();
    let narrow = r#""scope":{"audience":["owners"],"targets":["project:own"]}"#;
    let session = format!(r#"{{"tenant":"acme",{narrow}}}"#);
    let session = house.post("/v1/viewer-sessions", session).is(201).json()["token"].as_str().unwrap().to_owned();
    let all: &[Right] = &[
        Right::Record,
        Right::Read,
        Right::Export,
        Right::Inspect,
        Right::Oversee,
        Right::Administer,
        Right::Host,
        Right::Any,
    ];
    let reading: &[Right] = &[Right::Read, Right::Export, Right::Host, Right::Any];
    let holder = |name, token, has, is_narrow| Holder { name, token, has, is_narrow };
    vec![
        holder("admin", crate::support::ADMIN.to_owned(), all, false),
        holder("write", make(r#"{"kind":"write","tenant":"acme"}"#), &[Right::Record, Right::Any], false),
        holder("read", make(r#"{"kind":"read","tenant":"acme"}"#), reading, false),
        holder("narrow", make(&format!(r#"{{"kind":"read","tenant":"acme",{narrow}}}"#)), reading, true),
        holder(
            "auditor",
            make(r#"{"kind":"auditor","tenant":"acme"}"#),
            &[Right::Read, Right::Export, Right::Inspect, Right::Any],
            false,
        ),
        holder("viewer", session, &[Right::Read, Right::Any], true),
    ]
}

fn send(house: &House, row: &Row, token: &str, tenant: &str, target: &str, seen: &str) -> Response {
    let method = row.0.split(' ').next().unwrap().to_uppercase();
    let path = row.1.replace("TENANT", tenant).replace("TARGET", target).replace("SEEN", seen).replace("?&", "?");
    let request = house.request(&method, path.trim_end_matches(['?', '&'])).token(token);
    if row.2.is_empty() {
        return request.send();
    }
    let event = event("a").replace("{\"id\"", "{\"tenant\":\"acme\",\"id\"");
    request.body("application/json", row.2.replace("EVENT", &event)).send()
}

#[test]
fn every_endpoint_has_a_row() {
    let rows: Vec<&str> = ROWS.iter().map(|row| row.0).collect();
    let mut documented = documented();
    documented.retain(|operation| !rows.contains(&operation.as_str()));
    assert_eq!(documented, [""; 0], "endpoints without a row");
}

/// `own` is seen by all readers; `secret` is about the same thing and for administrators; `other` is about another one.
fn filled() -> House {
    let house = House::new();
    for (tenant, id, target, audience) in [
        ("acme", "own", "own", r#"["owners"]"#),
        ("acme", "secret", "own", "[]"),
        ("acme", "other", "other", r#"["owners"]"#),
        ("rival", "own", "own", r#"["owners"]"#),
    ] {
        let body = format!(
            r#"{{"id":"{id}","tenant":"{tenant}","action":"project.changed","actor":{{"type":"user","id":"ada"}},
                "audience":{audience},"targets":[{{"type":"project","id":"{target}"}}],
                "changes":[{{"path":"/name","from":"a","to":"b"}}]}}"#
        );
        house.post("/v1/events", body).is(201);
    }
    house
}

/// VERIFICATION.md, test 17.
#[test]
fn every_endpoint_for_every_kind_of_token_and_every_tenant_and_target() {
    let house = filled();
    let holders = holders(&house);
    let absent = house.request("GET", "/v1/events/absent").token(&holders[2].token).send();
    let mut asked = 0;
    for (row, holder) in ROWS.iter().flat_map(|row| holders.iter().map(move |holder| (row, holder))) {
        let context = format!("{} {}", holder.name, row.0);
        let may = holder.has.contains(&row.3) || row.3 == Right::Code;
        let ask = |tenant: &str, target: &str, seen: &str| {
            send(&house, row, &holder.token, tenant, &format!("target=project:{target}"), seen)
        };
        let answer = ask("tenant=acme", "own", "own");
        asked += 1;
        if !may {
            assert_eq!(answer.problem(403), "missing_right", "{context}");
            continue;
        }
        let is_current = holder.name == "viewer" && row.1.ends_with("/current");
        assert_eq!(answer.status, if is_current { 200 } else { row.4 }, "{context}: {}", answer.body);
        if holder.is_narrow {
            assert!(
                !["\"seq\"", "\"position\"", "watermark", "leaf_hash\":"].iter().any(|word| answer.body.contains(word)),
                "{context}: {}",
                answer.body
            );
            assert!(
                !answer.body.contains("secret") && !answer.body.contains("\"other\""),
                "{context}: {}",
                answer.body
            );
        }
        let reads = matches!(row.3, Right::Read | Right::Export);
        // Of a foreign tenant and of one that is not there, whoever is bound learns the same: nothing.
        for tenant in ["rival", "nobody"].iter().filter(|_| reads && holder.name != "admin") {
            let foreign = ask(&format!("tenant={tenant}"), "own", "own");
            assert_eq!(foreign.redacted(), absent.redacted(), "{context} of {tenant}");
            assert_eq!(foreign.status, 404);
            asked += 1;
        }
        // The same of a thing that is not the holder's, and of an entry about it.
        if reads && holder.is_narrow {
            for (target, seen) in [("own", "secret"), ("other", "other"), ("other", "own"), ("own", "other")] {
                if !(row.1.contains("TARGET") || row.1.contains("SEEN")) {
                    continue;
                }
                let (foreign, nothing) = (
                    ask("", target, seen),
                    ask(
                        "",
                        if target == "own" { "own" } else { "absent" },
                        if seen == "own" { "own" } else { "absent" },
                    ),
                );
                assert_eq!(foreign.status, nothing.status, "{context} {target} {seen}");
                let same = |answer: &Response| answer.redacted().replace("project:absent", "project:other");
                assert_eq!(same(&foreign), same(&nothing), "{context} {target} {seen}");
                asked += 1;
            }
        }
    }
    assert!(asked > 260, "{asked}");
}

/// What pages of other origins may do: read, learn of their session, and exchange a code.
#[test]
fn every_endpoint_from_a_page_of_another_origin() {
    let mut options = Options::default();
    options.origins = vec!["https://app.example".to_owned()];
    let house = House::by_the_wall(options);
    for row in &ROWS {
        let method = row.0.split(' ').next().unwrap().to_uppercase();
        let path = row.1.split('?').next().unwrap().replace("SEEN", "own");
        let preflight = |origin: &str| {
            let asked = house.request("OPTIONS", &path).without("Authorization");
            asked
                .header(&format!("Origin: {origin}"))
                .header(&format!("Access-Control-Request-Method: {method}"))
                .send()
        };
        let is_for_pages = match row.0 {
            "get /v1/viewer-sessions/current" => true,
            // Those of the people who work at the server's own pages.
            "get /v1/searches" => false,
            _ => matches!(row.3, Right::Read | Right::Export | Right::Code),
        };
        let answer = preflight("https://app.example");
        let methods = answer.header("access-control-allow-methods");
        assert_eq!(answer.status == 204 && methods == Some(&method), is_for_pages, "{}: {answer:?}", row.0);
        let stranger = preflight("https://app.example.evil");
        assert_eq!(stranger.header("access-control-allow-origin"), None, "{}", row.0);
        assert!(stranger.status >= 400, "{}: {stranger:?}", row.0);
    }
}

#[test]
fn nothing_but_what_is_open_answers_without_a_token() {
    let house = House::new();
    let mut paths: Vec<(String, String)> = documented()
        .iter()
        .filter(|operation| *operation != BY_CODE)
        .map(|operation| operation.split_once(' ').unwrap())
        .map(|(method, path)| (method.to_uppercase(), path.replace("{id}", "a").replace("{name}", "a")))
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
