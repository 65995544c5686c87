//! Who sees what: labels, one's own, hidden values. Whatever is asked, nobody learns more than they may.

use serde_json::{Value, json};

use crate::support::{House, Response};

/// One tenant of a package registry in small: `alice` owns `proj`, `bob` maintains it.
fn registry() -> House {
    let house = House::new();
    for event in [
        json!({"id": "created", "action": "project.created", "audience": ["owners", "maintainers"],
            "targets": [{"type": "project", "id": "proj"}], "changes": [{"path": "/name", "to": "proj"}]}),
        json!({"id": "released", "action": "release.published", "audience": ["owners", "maintainers"],
            "targets": [{"type": "release", "id": "proj-1"}, {"type": "project", "id": "proj"}]}),
        // One act and two audiences that may learn different things are two events with one correlation_id.
        json!({"id": "token_project", "action": "project.api_token.created", "audience": ["owners"],
            "correlation_id": "act_7", "targets": [{"type": "project", "id": "proj"}],
            "changes": [{"path": "/tokens/ci-upload", "to": "ci-upload"}], "metadata": {"token": "ci-upload"},
            "context": {"ip": "203.0.113.77", "request_id": "req_token"}, "description": "Alice made a token ci-upload"}),
        json!({"id": "token_account", "action": "account.api_token.created", "correlation_id": "act_7",
            "targets": [{"type": "user", "id": "alice"}], "metadata": {"token": "ci-upload", "scope": "proj"}}),
        json!({"id": "later", "action": "project.described", "audience": ["owners", "maintainers"],
            "targets": [{"type": "project", "id": "proj"}], "changes": [{"path": "/about", "to": "text"}]}),
        json!({"id": "login", "action": "account.signed_in", "targets": [{"type": "user", "id": "alice"}]}),
        json!({"id": "internal", "action": "account.flagged", "audience": [], "targets": [{"type": "user", "id": "alice"}]}),
    ] {
        let mut event = event;
        event["tenant"] = json!("pypi");
        event["actor"] = json!({"type": "user", "id": "alice", "name": "Alice", "email": "alice@example.org"});
        house.post("/v1/events", event.to_string()).is(201);
    }
    house
}

fn holder(house: &House, scope: Value) -> String {
    house.made(&json!({"kind": "read", "tenant": "pypi", "scope": scope}).to_string())
}

fn ids(answer: &Response) -> Vec<String> {
    answer.json()["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

/// In every way that the API has.
fn asked(house: &House, token: &str) -> Vec<(String, Response)> {
    let queries = [
        "",
        "-project.created",
        "action:project.api_token.*",
        "NOT action:release.published",
        "token",
        "ci*",
        "alice",
        "\"made a token\"",
        "meta.token:ci-upload",
        "has:meta.token",
        "-has:meta.token",
        "correlation_id:act_7",
        "has:correlation_id",
        "ip:203.0.113.77",
        "ip:203.0.113.0/24",
        "has:ip",
        "-has:ip",
        "request_id:req_token",
        "change:/tokens",
        "id:token_project",
        "id:token*",
        "audience:owners",
        "-audience:maintainers",
        "target:project:proj",
        "principal:alice",
        "occurred:today",
        "recorded:>=2020-01-01",
        "action:audit.*",
        "audience:owners -audience:maintainers",
    ];
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let mut paths: Vec<String> = [
        "/v1/events/token_project",
        "/v1/events/token_account",
        "/v1/history/token_project?target=project:proj",
        "/v1/as-of?target=project:proj&at=latest",
        "/v1/as-of?target=project:proj&at=token_project",
        "/v1/blame?target=project:proj",
        "/v1/diff?target=project:proj&from=created&to=latest",
        "/v1/diff?target=project:proj&from=token_project&to=latest",
        "/v1/restore?target=project:proj&to=created",
        "/v1/restore?target=project:proj&to=token_project",
        "/v1/history?target=user:alice",
        "/v1/blame?target=user:alice",
        "/v1/history/released?target=project:proj",
        "/v1/history/later?target=project:proj",
        "/v1/events/token_project/proof",
        "/v1/checkpoint",
        "/v1/tile/0/000",
        "/v1/tokens",
        "/v1/exports",
    ]
    .map(str::to_owned)
    .to_vec();
    for query in queries {
        let q = encoded(query);
        for path in [
            "/v1/events?limit=1000&q=",
            "/v1/events?limit=1&order=asc&q=",
            "/v1/events/count?by=action,day&q=",
            "/v1/events/facets?by=action,actor,target,outcome,day&q=",
            "/v1/events/histogram?q=",
            "/v1/events.ndjson?q=",
            "/v1/events.csv?q=",
            "/v1/history?target=project:proj&q=",
        ] {
            paths.push(format!("{path}{q}"));
        }
    }
    for seq in 0..9 {
        paths.push(format!("/v1/events?q=seq:{seq}"));
    }
    paths.into_iter().map(|path| (path.clone(), house.request("GET", &path).token(token).send())).collect()
}

/// The question that the maintainers of PyPI asked in 2019: may a maintainer learn that an owner made an API token for
/// the project? Here they do not, whatever they ask; what they are told is what they would be told if it had not been.
#[test]
fn a_maintainer_does_not_learn_of_an_owner_s_token() {
    let house = registry();
    let maintainer = json!({"audience": ["maintainers"], "targets": ["project:proj"]});
    let session = json!({"tenant": "pypi", "scope": maintainer, "capabilities": ["view", "export"]}).to_string();
    let session = house.post("/v1/viewer-sessions", session).is(201).json()["token"].as_str().unwrap().to_owned();
    for token in [holder(&house, maintainer), session] {
        for (path, answer) in asked(&house, &token) {
            let told = answer.body.to_lowercase();
            for word in ["api_token", "ci-upload", "act_7", "203.0.113", "req_token", "/tokens", "token_project\""] {
                let own_words = answer.status >= 400 && word == "/tokens";
                assert!(!told.contains(word) || own_words, "{path} tells {word}: {}", answer.body);
            }
            assert!(
                !["\"seq\":", "\"position\":", "watermark"].iter().any(|word| told.contains(word)),
                "{path}: {told}"
            );
            if path.contains("q=seq") {
                assert_eq!(answer.problem(400), "seq_not_shown", "{path}");
            }
            if path.starts_with("/v1/events/count") && path.ends_with("q=") {
                assert_eq!(answer.json()["count"], 3, "created, released, later");
            }
        }
        // Asked about it and about what never was, the answers are the same.
        let ask = |path: &str| house.request("GET", path).token(&token).send();
        for (known, unknown) in [
            ("/v1/events/token_project", "/v1/events/token_nothing"),
            ("/v1/history/token_project?target=project:proj", "/v1/history/token_nothing?target=project:proj"),
            ("/v1/as-of?target=project:proj&at=token_project", "/v1/as-of?target=project:proj&at=token_nothing"),
        ] {
            assert_eq!(ask(known).redacted(), ask(unknown).redacted());
        }
        let neighbours = ask("/v1/history/later?target=project:proj").is(200).json();
        assert_eq!(neighbours["previous"]["id"], "released", "the one between is not there");
    }
}

#[test]
fn the_owners_learn_of_it_and_the_account_shows_more_than_the_project() {
    let house = registry();
    let owner = holder(&house, json!({"audience": ["owners"], "targets": ["project:proj"]}));
    let seen = ids(&house.request("GET", "/v1/events?order=asc").token(&owner).send().is(200));
    assert_eq!(seen, ["created", "released", "token_project", "later"]);
    let account = holder(&house, json!({"self": "user:alice"}));
    let own = ids(&house.request("GET", "/v1/events?order=asc").token(&account).send().is(200));
    assert_eq!(
        own,
        ["created", "released", "token_project", "token_account", "later", "login"],
        "all but the internal one"
    );
    let of_account = holder(&house, json!({"self": "user:alice", "actions": ["account.*"]}));
    let own = ids(&house.request("GET", "/v1/events?order=asc").token(&of_account).send().is(200));
    assert_eq!(own, ["token_account", "login"]);
    let stranger = holder(&house, json!({"self": "user:bob"}));
    assert_eq!(ids(&house.request("GET", "/v1/events").token(&stranger).send()), [""; 0]);
    let in_future = holder(&house, json!({"from": "2030-01-01T00:00:00Z"}));
    assert_eq!(house.request("GET", "/v1/events/count").token(&in_future).send().json()["count"], 0);
}

#[test]
fn cursors_belong_to_the_scope() {
    let house = registry();
    let owner = holder(&house, json!({"audience": ["owners"]}));
    let same = holder(&house, json!({"audience": ["owners"]}));
    let maintainer = holder(&house, json!({"audience": ["maintainers"]}));
    let page = house.request("GET", "/v1/events?limit=1").token(&owner).send().is(200).json();
    let next = page["next"].as_str().unwrap().split_once("/v1/").unwrap().1.to_owned();
    let ask = |token: &str| house.request("GET", &format!("/v1/{next}")).token(token).send();
    assert_eq!(ids(&ask(&same)), ["token_project"], "another token of the same scope goes on");
    assert_eq!(ask(&maintainer).problem(400), "bad_cursor");
}

/// A value that is hidden cannot be found by asking for it, nor by asking for what it is not.
#[test]
fn hidden_values_are_not_found() {
    let house = registry();
    let fields = json!([{"path": "/actor/name", "as": "mask"}, {"path": "/actor/email", "as": "drop"},
        {"path": "/context/ip", "as": "truncate"}, {"path": "/metadata/token", "as": "hash"},
        {"path": "/changes/~1about", "as": "drop"}, {"path": "/changes/~1tokens", "as": "drop"}, {"path": "/correlation_id", "as": "drop"}]);
    let token = house.made(&json!({"kind": "read", "tenant": "pypi", "fields": fields}).to_string());
    let count = |q: &str| {
        let q: String = q.bytes().map(|byte| format!("%{byte:02x}")).collect();
        house
            .request("GET", &format!("/v1/events/count?q=action:(project.*,release.*,account.*)%20{q}"))
            .token(&token)
            .send()
            .is(200)
            .json()["count"]
            .as_u64()
            .unwrap()
    };
    for hidden in [
        "alice",
        "actor.name:alice",
        "ip:203.0.113.77",
        "meta.token:ci-upload",
        "meta.token:ci*",
        "\"ci upload\"",
        "correlation_id:act_7",
        "has:correlation_id",
        "change:/about",
        "\"made a token\"",
    ] {
        assert_eq!(count(hidden), 0, "{hidden}");
        assert_eq!(count(&format!("-({hidden})")), 7, "not {hidden}");
    }
    assert_eq!(count("ip:203.0.113.0/24"), 1);
    assert_eq!(count("has:meta.token"), 2);
    for (path, answer) in asked(&house, &token) {
        for word in ["Alice", "alice@example.org", "203.0.113.77", "ci-upload\"", "act_7", "made a token"] {
            assert!(!answer.body.contains(word), "{path} tells {word}: {}", answer.body);
        }
    }
    // Equal values look equal, and can be asked for as they look.
    let entries = house.request("GET", "/v1/events?q=has:meta.token").token(&token).send().is(200).json();
    let looks = entries["data"][0]["metadata"]["token"].as_str().unwrap().to_owned();
    assert!(looks.starts_with("hash:") && entries["data"][1]["metadata"]["token"] == looks.as_str(), "{entries}");
    assert_eq!(count(&format!("meta.token:\"{looks}\"")), 2);
    let blame = house.request("GET", "/v1/blame?target=project:proj").token(&token).send().is(200).body;
    assert!(!blame.contains("/about") && blame.contains("\"sight\":\"part\""), "{blame}");
}
