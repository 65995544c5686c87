//! Tokens: made once, kept as a hash, expiring, revoked everywhere.

use std::io::Read;
use std::sync::Arc;

use deedbook_core::commitment::Key;
use deedbook_core::{MemoryStore, OWN_TENANT, PageRequest, Query, Scope, Timestamp};
use deedbook_server::{AdminToken, Author, Options, Secret, Server, Settings, TokenKind};
use deedbook_testkit::Clock;
use serde_json::{Value, json};

use crate::support::{ADMIN, House};

fn empty_store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(Timestamp::now, Key([7; 32])))
}

#[test]
fn the_first_start_makes_an_administrator_and_no_other_does() {
    let store = empty_store();
    let (house, admin) = House::first_start(store.clone());
    let AdminToken::Made(secret) = admin else { panic!("{admin:?}") };
    house.request("GET", "/v1/tokens").token(secret.expose()).send().is(200);
    house.stop().unwrap();
    let (house, admin) = House::first_start(store);
    assert!(matches!(admin, AdminToken::Known), "{admin:?}");
    house.request("GET", "/v1/tokens").token(secret.expose()).send().is(200);
}

#[test]
fn the_token_of_the_environment_replaces_the_former_one() {
    let store = empty_store();
    let start = |token: &str| {
        let mut options = Options::default();
        options.admin_token = Some(Secret::new(token));
        Server::new(store.clone(), options).map(|(_, admin)| admin)
    };
    let (one, two) = ("1".repeat(32), "2".repeat(40));
    assert!(start("too short").is_err());
    assert!(matches!(start(&one).unwrap(), AdminToken::Taken));
    assert!(matches!(start(&one).unwrap(), AdminToken::Known));
    assert!(matches!(start(&two).unwrap(), AdminToken::Taken));
    let (house, _) = House::first_start(store.clone());
    house.request("GET", "/v1/tokens").token(&two).send().is(200);
    assert_eq!(house.request("GET", "/v1/tokens").token(&one).send().problem(401), "bad_token");
    house.stop().unwrap();
    // It may come back.
    assert!(matches!(start(&one).unwrap(), AdminToken::Taken));
    let (house, _) = House::first_start(store);
    house.request("GET", "/v1/tokens").token(&one).send().is(200);
    house.request("GET", "/v1/tokens").token(&two).send().is(401);
}

#[test]
fn a_token_is_made_used_listed_and_revoked() {
    let house = House::new();
    let body = r#"{"kind":"write","tenant":"acme","name":"CI","expires_at":"2026-12-01T00:00:00Z"}"#;
    let made = house.post("/v1/tokens", body).is(201);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let made = made.json();
    let secret = made["token"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("deed_write_"));
    let record = || house.request("POST", "/v1/events").token(&secret).body("application/json", "[]").send();
    record().is(200);
    let listed = house.get("/v1/tokens").is(200);
    assert!(!listed.body.contains(&secret));
    let mut expected = made.clone();
    expected.as_object_mut().unwrap().remove("token");
    expected["last_used_at"] = "2026-09-20T14:00:00.000000Z".into();
    assert_eq!(listed.json()["data"][1], expected);
    let path = format!("/v1/tokens/{}", made["id"].as_str().unwrap());
    let revoked = house.request("DELETE", &path).send().is(200).json();
    assert!(revoked["revoked_at"].is_string());
    assert_eq!(record().problem(401), "bad_token");
    assert_eq!(house.request("DELETE", &path).send().is(200).json(), revoked);
    house.request("DELETE", "/v1/tokens/tok_none").send().is(404);
}

#[test]
fn each_change_is_an_entry_that_names_who_made_it() {
    let house = House::new();
    let made = house.post("/v1/tokens", r#"{"kind":"read"}"#).is(201).json();
    house.request("DELETE", &format!("/v1/tokens/{}", made["id"].as_str().unwrap())).send().is(200);
    let own = house.get("/v1/events?tenant=_deedbook&limit=2").is(200);
    let data = own.json()["data"].clone();
    assert_eq!(
        (&data[0]["action"], &data[1]["action"]),
        (&json!("audit.token.revoked"), &json!("audit.token.created"))
    );
    for entry in data.as_array().unwrap() {
        assert_eq!(entry["targets"][0], json!({ "type": "token", "id": made["id"] }));
        assert_eq!(entry["actor"]["type"], "token");
        assert_eq!(entry["context"]["ip"], "127.0.0.1");
        assert_eq!(entry["audience"], json!([]));
    }
    assert!(!own.body.contains(made["token"].as_str().unwrap()));
}

#[test]
fn a_token_expires() {
    let house = House::new();
    let at = house.clock.now().checked_add(jiff::SignedDuration::from_secs(60)).unwrap();
    let made = house.post("/v1/tokens", format!("{{\"kind\":\"read\",\"expires_at\":\"{at}\"}}")).is(201).json();
    let list = || house.request("GET", "/v1/events").token(made["token"].as_str().unwrap()).send();
    list().is(200);
    house.clock.advance_seconds(59);
    list().is(200);
    house.clock.advance_seconds(1);
    assert_eq!(list().problem(401), "bad_token");
}

#[test]
fn a_token_that_was_revoked_elsewhere_is_refused_and_its_tail_ends() {
    let house = House::new();
    let made = house.post("/v1/tokens", r#"{"kind":"read"}"#).is(201).json();
    let token = made["token"].as_str().unwrap();
    let mut tail = house.request("GET", "/v1/events/tail").token(token).open();
    let mut begun = [0; 400];
    let read = tail.read(&mut begun).unwrap();
    assert!(begun[..read].starts_with(b"HTTP/1.1 200"));
    let elsewhere = Settings::load(house.store.clone(), Arc::new(Clock::fixed().function())).unwrap();
    elsewhere.revoke(made["id"].as_str().unwrap(), &Author::system()).unwrap().unwrap();
    // The tail ends by itself, and from then on the token is refused: both within the time of a read.
    let mut rest = Vec::new();
    tail.read_to_end(&mut rest).unwrap();
    assert_eq!(house.request("GET", "/v1/events").token(token).send().problem(401), "bad_token");
}

#[test]
fn the_last_administrator_cannot_be_revoked() {
    let house = House::new();
    let id = house.get("/v1/tokens").json()["data"][0]["id"].as_str().unwrap().to_owned();
    let refused = house.request("DELETE", &format!("/v1/tokens/{id}")).send();
    assert_eq!(refused.problem(409), "last_admin_token");
    let other = house.post("/v1/tokens", r#"{"kind":"admin"}"#).is(201).json();
    house.request("DELETE", &format!("/v1/tokens/{id}")).send().is(200);
    assert_eq!(house.get("/v1/tokens").problem(401), "bad_token");
    house.request("GET", "/v1/tokens").token(other["token"].as_str().unwrap()).send().is(200);
}

#[test]
fn what_a_new_token_cannot_be() {
    let house = House::new();
    for (body, status, pointer) in [
        ("{", 400, ""),
        ("[]", 422, ""),
        ("{}", 422, "/kind"),
        (r#"{"kind":"owner"}"#, 422, "/kind"),
        (r#"{"kind":7}"#, 422, "/kind"),
        (r#"{"kind":"read","tenant":"Acme"}"#, 422, "/tenant"),
        (r#"{"kind":"read","tenant":"_deedbook"}"#, 422, "/tenant"),
        (r#"{"kind":"admin","tenant":"acme"}"#, 422, "/tenant"),
        (r#"{"kind":"read","expires_at":"soon"}"#, 422, "/expires_at"),
        (r#"{"kind":"read","expires_at":"2020-01-01T00:00:00Z"}"#, 422, "/expires_at"),
        (r#"{"kind":"read","name":7}"#, 422, "/name"),
        (r#"{"kind":"read","a/b":7}"#, 422, "/a~1b"),
        (r#"{"kind":"read","kind":"admin"}"#, 422, "/kind"),
    ] {
        let refused = house.post("/v1/tokens", body);
        refused.problem(status);
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{body}: {}", refused.body);
    }
    let long = format!("{{\"kind\":\"read\",\"name\":\"{}\"}}", "x".repeat(257));
    assert_eq!(house.post("/v1/tokens", long).json()["errors"][0]["pointer"], "/name");
    let tokens: Value = house.get("/v1/tokens").json();
    assert_eq!(tokens["data"].as_array().map(Vec::len), Some(1));
    let settings = Settings::load(house.store.clone(), Arc::new(Clock::fixed().function())).unwrap();
    assert_eq!(settings.tokens()[0].kind, TokenKind::Admin);
    assert!(!format!("{settings:?}").contains(ADMIN));
}

/// The values of the server's own secrets, as the store holds them: hashes of tokens, the key of cursors.
fn secrets(house: &House) -> Vec<String> {
    let all = house.store.page(&Query::all(), &Scope::tenant(OWN_TENANT), &PageRequest::oldest(100)).unwrap();
    let value = |name: &str| {
        all.entries
            .iter()
            .filter_map(move |entry| Some(entry.event.metadata.get(name)?.as_str()?.to_owned()))
            .collect::<Vec<_>>()
    };
    [value("sha256"), value("key")].concat()
}

#[test]
fn hashes_and_keys_are_shown_to_nobody() {
    let house = House::new();
    let read = house.token(TokenKind::Read, None);
    let secrets = secrets(&house);
    assert_eq!(secrets.len(), 3, "two tokens and the key: {secrets:?}");
    let key = secrets[2].as_str();
    let tokens = house.get("/v1/tokens").json();
    let id = tokens["data"][0]["id"].as_str().unwrap().to_owned();
    for token in [ADMIN, &read] {
        let get = |path: &str| house.request("GET", path).token(token).send();
        for path in [
            "/v1/events?x",
            "/v1/events?x&order=asc&limit=1000",
            "/v1/events.ndjson?x",
            "/v1/events.csv?x",
            "/v1/events/facets?x&by=action,target",
            &format!("/v1/history?x&target=token:{id}"),
            &format!("/v1/as-of?x&target=token:{id}&at=latest"),
        ] {
            let seen = get(&path.replace("?x", "?tenant=_deedbook")).is(200).body;
            assert!(seen.contains("audit.token.created") || path.starts_with("/v1/as-of"), "{path}: {seen}");
            assert!(!secrets.iter().any(|secret| seen.contains(secret)), "{path}: {seen}");
            assert!(!seen.contains("token_hash") && !seen.contains("cursor_key"), "{path}: {seen}");
        }
    }
    // A tail of it shows the change, and not the hash that is entered with it.
    let mut tail = house.request("GET", "/v1/events/tail?tenant=_deedbook&q=-outcome%3Adenied").token(&read).open();
    let mut seen = String::new();
    let mut read_until = |part: &str| {
        let mut buffer = [0; 4096];
        while !seen.contains(part) {
            let read = tail.read(&mut buffer).unwrap();
            assert!(read > 0, "{seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        seen.clone()
    };
    read_until("retry: 1000");
    house.post("/v1/tokens", r#"{"kind":"read"}"#).is(201);
    let last = house.post("/v1/tokens", r#"{"kind":"read"}"#).is(201).json();
    let seen = read_until(last["id"].as_str().unwrap());
    assert_eq!(seen.matches("audit.token.created").count(), 2, "{seen}");
    assert!(!seen.contains("token_hash"), "{seen}");
    // Nor can they be asked for; at the end, because who asked what is an entry itself, with these words.
    for token in [ADMIN, &read] {
        let get = |path: &str| house.request("GET", path).token(token).send();
        assert_eq!(get("/v1/events/audit.cursor_key?tenant=_deedbook").problem(404), "not_found");
        for q in [
            format!("meta.sha256:{}", &secrets[0]),
            format!("meta.sha256:{}*", &secrets[0][..1]),
            format!("{}* -action:audit.viewed", &secrets[1][..4]),
            format!("meta.key:{}", &key[..1]).replace('-', "%2D") + "*",
            "has:meta.key OR has:meta.sha256".to_owned(),
            "action:audit.cursor_key.created OR action:audit.token_hash.created".to_owned(),
        ] {
            let counted =
                get(&format!("/v1/events/count?tenant=_deedbook&q={}", q.replace(' ', "%20").replace(':', "%3A")));
            if counted.status == 200 {
                assert_eq!(counted.json()["count"], 0, "{q}");
            } else {
                assert_eq!(counted.problem(400), "query_syntax", "{q}");
            }
        }
    }
}

#[test]
fn a_rotated_token_has_two_texts_for_a_while() {
    let house = House::new();
    let made = house.post("/v1/tokens", r#"{"kind":"read","tenant":"acme"}"#).is(201).json();
    let path = format!("/v1/tokens/{}/rotate", made["id"].as_str().unwrap());
    let ask = |token: &serde_json::Value| {
        house.request("GET", "/v1/events").token(token["token"].as_str().unwrap()).send().status
    };
    let one = house.post(&path, r#"{"overlap":"24h"}"#).is(200).json();
    assert_eq!((&one["id"], &one["old_accepted_until"]), (&made["id"], &"2026-09-21T14:00:00.000000Z".into()));
    assert_eq!((ask(&made), ask(&one)), (200, 200));
    house.clock.advance_seconds(23 * 3600);
    // Rotated again with a shorter time, the older text ends with the sooner of the two.
    let two = house.post(&path, r#"{"overlap":"2h"}"#).is(200).json();
    house.clock.advance_seconds(3601);
    assert_eq!((ask(&made), ask(&one), ask(&two)), (401, 200, 200));
    house.clock.advance_seconds(3600);
    assert_eq!((ask(&made), ask(&one), ask(&two)), (401, 401, 200));
    let three = house.post(&path, r#"{"overlap":"0s"}"#).is(200).json();
    assert_eq!((ask(&two), ask(&three)), (401, 200));
    for overlap in ["91d", "-1h", "soon", ""] {
        assert_eq!(house.post(&path, format!(r#"{{"overlap":"{overlap}"}}"#)).problem(422), "invalid", "{overlap}");
    }
    house.request("DELETE", path.trim_end_matches("/rotate")).send().is(200);
    assert_eq!((ask(&three), house.post(&path, "{}").problem(409).as_str()), (401, "cannot_rotate"));
    let listed = house.get("/v1/tokens").json();
    let of_environment = format!("/v1/tokens/{}/rotate", listed["data"][0]["id"].as_str().unwrap());
    assert_eq!(house.post(&of_environment, "{}").problem(409), "cannot_rotate");
    // A restart folds the same.
    let (store, clock) = (house.store.clone(), house.clock.clone());
    house.stop().unwrap();
    let house = House::over(store, clock, deedbook_server::Limits::default());
    let ask = |token: &serde_json::Value| {
        house.request("GET", "/v1/events").token(token["token"].as_str().unwrap()).send().status
    };
    assert_eq!([&made, &one, &two, &three].map(ask), [401; 4]);
}

#[test]
fn a_tail_by_an_old_text_ends_with_it() {
    let house = House::new();
    let made = house.post("/v1/tokens", r#"{"kind":"read"}"#).is(201).json();
    let mut tail = house.request("GET", "/v1/events/tail").token(made["token"].as_str().unwrap()).open();
    tail.read_exact(&mut [0; 12]).unwrap();
    house.post(&format!("/v1/tokens/{}/rotate", made["id"].as_str().unwrap()), r#"{"overlap":"0s"}"#).is(200);
    let mut rest = Vec::new();
    tail.read_to_end(&mut rest).unwrap();
}

#[test]
fn the_last_use_of_a_token_is_known_after_a_restart() {
    let house = House::new();
    let made = house.post("/v1/tokens", r#"{"kind":"write","tenant":"acme"}"#).is(201).json();
    assert!(made["last_used_at"].is_null());
    house.clock.advance_seconds(90);
    house
        .request("POST", "/v1/events")
        .token(made["token"].as_str().unwrap())
        .body("application/json", "[]")
        .send()
        .is(200);
    let used = |house: &House| house.get("/v1/tokens").json()["data"][1]["last_used_at"].clone();
    assert_eq!(used(&house), "2026-09-20T14:01:00.000000Z");
    let (store, clock) = (house.store.clone(), house.clock.clone());
    house.stop().unwrap();
    clock.advance_seconds(3600);
    let house = House::over(store, clock, deedbook_server::Limits::default());
    assert_eq!(used(&house), "2026-09-20T14:01:00.000000Z");
}

#[test]
fn tokens_are_narrowed_by_what_they_say_alone() {
    let house = House::new();
    for (body, pointer) in [
        (r#"{"kind":"viewer"}"#, "/kind"),
        (r#"{"kind":"write","scope":{"audience":["a"]}}"#, "/scope"),
        (r#"{"kind":"admin","fields":[{"path":"/actor","as":"drop"}]}"#, "/fields"),
        (r#"{"kind":"auditor","scope":{"self":"user:a"}}"#, "/scope"),
        (r#"{"kind":"read","scope":{"audience":"a"}}"#, "/scope/audience"),
        (r#"{"kind":"read","scope":{"until":"soon"}}"#, "/scope/until"),
        (r#"{"kind":"read","scope":[]}"#, "/scope"),
        (r#"{"kind":"read","fields":[{"path":"/x","as":"drop"}]}"#, "/fields/0/path"),
        (r#"{"kind":"read","fields":[{"path":"/actor","as":"hide"}]}"#, "/fields"),
        (r#"{"kind":"read","addresses":["10.0.0.0/33"]}"#, "/addresses"),
        (r#"{"kind":"read","capabilities":["export"]}"#, "/capabilities"),
        (r#"{"kind":"read","parent_fields":[]}"#, "/parent_fields"),
    ] {
        let refused = house.post("/v1/tokens", body);
        assert_eq!(refused.problem(422), "invalid", "{body}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{body}: {}", refused.body);
    }
    let auditor = house.made(r#"{"kind":"auditor","tenant":"acme"}"#);
    house.made(r#"{"kind":"read","tenant":"other"}"#);
    let seen = house.request("GET", "/v1/tokens").token(&auditor).send().is(200).json();
    assert_eq!(seen["data"].as_array().unwrap().len(), 1, "the tokens of its own tenant: {seen}");
    let here = house.made(r#"{"kind":"read","addresses":["127.0.0.0/8","::1"]}"#);
    house.request("GET", "/v1/events").token(&here).send().is(200);
}

#[test]
fn a_change_may_say_why_and_answers_with_its_entry() {
    let house = House::new();
    let entry = |change: &Value, action: &str, reason: &str| {
        let id = change["entry"].as_str().unwrap();
        let entry = house.get(&format!("/v1/events/{id}?tenant=_deedbook")).is(200).json();
        assert_eq!((&entry["action"], &entry["reason"]), (&json!(action), &json!(reason)));
    };
    let made = house.post("/v1/tokens", r#"{"kind":"read","reason":"for the report"}"#).is(201).json();
    entry(&made, "audit.token.created", "for the report");
    let path = format!("/v1/tokens/{}", made["id"].as_str().unwrap());
    let rotated = house.post(&format!("{path}/rotate"), r#"{"overlap":"1h","reason":"each month"}"#).is(200).json();
    entry(&rotated, "audit.token.rotated", "each month");
    let revoke = |body: &str| house.request("DELETE", &path).body("application/json", body).send();
    for reason in ["\" \"".to_owned(), "7".to_owned(), format!("\"{}\"", "x".repeat(1025))] {
        let refused = revoke(&format!("{{\"reason\":{reason}}}")).is(422).json();
        assert_eq!(refused["errors"][0]["pointer"], "/reason", "{refused}");
    }
    assert_eq!(house.request("DELETE", &path).body("text/plain", "x").send().problem(415), "unsupported_media_type");
    let revoked = revoke(r#"{"reason":"it leaked"}"#).is(200).json();
    entry(&revoked, "audit.token.revoked", "it leaked");
    assert_eq!(house.get("/v1/tokens").json()["data"][1]["entry"], revoked["entry"]);
}
