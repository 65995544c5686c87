//! Webhooks that are made through the API: what may be made, what is shown of them, and that they last.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use deedbook_core::{MemoryStore, Store, Timestamp, commitment::Key};
use deedbook_server::{Limits, Options};
use serde_json::{Value, json};

use crate::support::{House, couriers, event};

/// Takes what is posted: the head and the body of each request. The end of the test ends it.
fn receiver() -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).is_ok_and(|read| read > 0) {}
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            stream.read_exact(&mut body).unwrap();
            stream.get_mut().write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
            if sender.send((head, serde_json::from_slice(&body).unwrap())).is_err() {
                return;
            }
        }
    });
    (address, requests)
}

/// The ids of the entries that come next, in one request.
fn ids(requests: &Receiver<(String, Value)>) -> Vec<String> {
    let (_, body) = requests.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
    body.as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

fn record(house: &House, tenant: &str, id: &str) {
    house.post("/v1/events", event(id).replace("{\"id\"", &format!("{{\"tenant\":\"{tenant}\",\"id\""))).is(201);
}

/// Everything that the API shows of the log and its sinks.
fn everything(house: &House) -> String {
    ["/v1/events?tenant=_deedbook&limit=1000", "/v1/events.ndjson?tenant=_deedbook", "/v1/sinks", "/v1/sinks/siem"]
        .map(|path| house.get(path).body)
        .concat()
}

#[test]
fn a_webhook_is_made_outlives_the_server_and_is_deleted() {
    let house = House::new();
    let (address, requests) = receiver();
    let body = json!({
        "name": "siem", "tenant": "acme", "query": "-id:b", "batch": { "linger_ms": 1 }, "reason": "asked for by acme",
        "webhook": { "url": format!("{address}/hook-canary") },
    });
    let made = house.post("/v1/sinks", body.to_string()).is(201).json();
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() == 6 + 44, "{secret}");
    assert_eq!(
        [&made["name"], &made["kind"], &made["origin"], &made["tenant"], &made["query"], &made["to"]],
        [&json!("siem"), &json!("webhook"), &json!("api"), &json!("acme"), &json!("-id:b"), &json!(address)]
    );
    record(&house, "acme", "a");
    record(&house, "acme", "b");
    record(&house, "rival", "c");
    record(&house, "acme", "d");
    let (head, first) = requests.recv().unwrap();
    assert!(head.starts_with("POST /hook-canary") && head.contains("webhook-signature: v1,"), "{head}");
    assert_eq!(first[0]["id"], "a");
    if first.as_array().unwrap().len() == 1 {
        assert_eq!(ids(&requests), ["d"]);
    }
    // Neither its secret nor the path of its address is shown by anything.
    let shown = everything(&house);
    assert!(shown.contains("audit.sink.created") && shown.contains("asked for by acme"));
    for hidden in [secret.as_str(), "canary", "audit.sink_secret.created"] {
        assert!(!shown.contains(hidden), "{hidden}");
    }
    let entry = format!("/v1/events/{}?tenant=_deedbook", made["entry"].as_str().unwrap());
    let table = json!({ "tenant": "acme", "query": "-id:b", "batch": { "linger_ms": 1 }, "to": address });
    assert_eq!(house.get(&entry).json()["metadata"], table);

    let (store, clock) = (house.store.clone(), house.clock.clone());
    house.stop().unwrap();
    // A new process, which begins anew because its couriers keep in memory how far they are.
    let house = House::over(store, clock, Limits::default());
    assert_eq!(ids(&requests)[0], "a");
    let again = house.get("/v1/sinks/siem").is(200).json();
    assert_eq!((&again["to"], &again["entry"], again.get("secret")), (&json!(address), &made["entry"], None));

    let gone = house.request("DELETE", "/v1/sinks/siem").body("application/json", r#"{"reason":"moved"}"#).send();
    let gone = gone.is(200).json();
    assert_eq!(house.get("/v1/sinks").json(), json!({ "data": [] }));
    let entry = house.get(&format!("/v1/events/{}?tenant=_deedbook", gone["entry"].as_str().unwrap())).json();
    assert_eq!((&entry["action"], &entry["reason"]), (&json!("audit.sink.deleted"), &json!("moved")));
    assert_eq!(house.request("DELETE", "/v1/sinks/siem").send().problem(404), "not_found");
    // The name is free, and what takes it begins anew.
    while requests.try_recv().is_ok() {}
    house.post("/v1/sinks", body.to_string()).is(201);
    assert_eq!(ids(&requests)[0], "a");
}

#[test]
fn a_secret_that_was_given_is_used_and_not_repeated() {
    let house = House::new();
    let (address, requests) = receiver();
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let body = json!({ "name": "siem", "webhook": { "url": address, "secret": secret } });
    let made = house.post("/v1/sinks", body.to_string()).is(201);
    assert!(made.json()["secret"].is_null() && !made.body.contains(secret), "{}", made.body);
    record(&house, "acme", "a");
    assert_eq!(ids(&requests), ["a"]);
    assert!(!everything(&house).contains(secret));
    assert_eq!(house.post("/v1/sinks", body.to_string()).problem(409), "conflict");
}

#[test]
fn what_may_not_be_made_through_the_api() {
    let house = House::new();
    let webhook = r#""webhook":{"url":"http://127.0.0.1:9/"}"#;
    for (body, pointer, code) in [
        (r#"{"name":"a","file":{"path":"/etc/passwd"}}"#.to_owned(), "/file", "operator_only"),
        (r#"{"name":"a","stdout":{}}"#.to_owned(), "/stdout", "operator_only"),
        (format!(r#"{{"name":"a",{webhook},"file":{{"path":"x"}}}}"#), "/file", "operator_only"),
        (
            r#"{"name":"a","splunk":{"url":"http://127.0.0.1:9/","token":{"file":"/etc/passwd"}}}"#.to_owned(),
            "/splunk",
            "operator_only",
        ),
        (r#"{"name":"a"}"#.to_owned(), "", "invalid_sink"),
        (format!(r#"{{{webhook}}}"#), "/name", "missing_member"),
        (format!(r#"{{"name":"../a",{webhook}}}"#), "", "invalid_sink"),
        (format!(r#"{{"name":"a",{webhook},"query":"("}}"#), "", "invalid_sink"),
        (format!(r#"{{"name":"a",{webhook},"format":"xml"}}"#), "", "invalid_sink"),
        (format!(r#"{{"name":"a",{webhook},"batch":{{"entries":0}}}}"#), "", "invalid_sink"),
        (format!(r#"{{"name":"a",{webhook},"tenant":"_deedbook"}}"#), "/tenant", "reserved_tenant"),
        (format!(r#"{{"name":"a",{webhook},"colour":"red"}}"#), "", "invalid_sink"),
        (r#"{"name":"a","webhook":"http://127.0.0.1:9/"}"#.to_owned(), "/webhook", "wrong_type"),
        (r#"{"name":"a","webhook":{"url":"nowhere"}}"#.to_owned(), "", "invalid_sink"),
        (
            r#"{"name":"a","webhook":{"url":"http://127.0.0.1:9/","secret":{"file":"/etc/passwd"}}}"#.to_owned(),
            "/webhook/secret",
            "wrong_type",
        ),
        (r#"{"name":"a","webhook":{"url":"http://127.0.0.1:9/","secret":"guessed"}}"#.to_owned(), "", "invalid_sink"),
        (
            r#"{"name":"a","webhook":{"url":"http://127.0.0.1:9/","headers":{"Host":"x"}}}"#.to_owned(),
            "/webhook/headers",
            "unknown_member",
        ),
    ] {
        let refused = house.post("/v1/sinks", &body).is(422).json();
        let first = &refused["errors"][0];
        assert_eq!((&first["pointer"], &first["code"]), (&json!(pointer), &json!(code)), "{body}: {refused}");
    }
    assert_eq!(house.get("/v1/sinks").json(), json!({ "data": [] }));
    assert!(!everything(&house).contains("audit.sink.created"));
}

/// As a server is without the word of a test: nothing of its own network is reached.
#[test]
fn a_webhook_leads_into_no_private_network() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Timestamp::now, Key([7; 32])));
    let mut options = Options::default();
    options.couriers = Some(couriers(store));
    let house = House::by_the_wall(options);
    for url in
        ["http://hooks.example/", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/", "https://0x7f.1/"]
    {
        let body = json!({ "name": "siem", "webhook": { "url": url } });
        let refused = house.post("/v1/sinks", body.to_string());
        assert_eq!(refused.problem(422), "invalid", "{url}");
    }
    assert_eq!(house.get("/v1/sinks").json(), json!({ "data": [] }));
}

#[test]
fn a_sink_of_the_operator_s_file_cannot_be_deleted_and_there_is_a_bound() {
    use deedbook_deliver::{Origin, Said, Settings, StreamSink, Terms};
    let house = House::new();
    let said = Said { origin: Origin::File, kind: "stdout", query: None, tenant: None, format: None };
    let sink = Box::new(StreamSink::new(std::io::sink(), deedbook_deliver::Format::Json.writer()));
    house.couriers.start(Settings { terms: Terms::new("own"), sink, said }).unwrap();
    let refused = house.request("DELETE", "/v1/sinks/own").send();
    assert_eq!(refused.problem(409), "conflict");
    assert!(refused.body.contains("operator's file"), "{}", refused.body);
    let make = |name: &str| {
        let body = json!({ "name": name, "query": "action:none.such", "webhook": { "url": "http://127.0.0.1:9/" } });
        house.post("/v1/sinks", body.to_string())
    };
    assert_eq!(make("own").problem(409), "conflict");
    for number in 0..32 {
        make(&format!("hook-{number}")).is(201);
    }
    assert_eq!(make("one-more").problem(409), "conflict");
    house.request("DELETE", "/v1/sinks/hook-7").send().is(200);
    make("one-more").is(201);
}

#[test]
fn a_webhook_that_cannot_be_started_is_shown() {
    let house = House::new();
    let make = |name: &str| {
        let body = json!({ "name": name, "tenant": "acme", "webhook": { "url": "http://127.0.0.1:9/" } });
        house.post("/v1/sinks", body.to_string()).is(201)
    };
    make("siem");
    let (store, clock) = (house.store.clone(), house.clock.clone());
    house.stop().unwrap();
    // As with a guard that has become stricter since.
    let mut options = Options::default();
    options.admin_token = Some(deedbook_server::Secret::new(crate::support::ADMIN));
    options.couriers = Some(couriers(store.clone()));
    options.clock = Arc::new(clock.function());
    let house = House::with_options(options, store, clock);
    let shown = house.get("/v1/sinks").is(200).json()["data"][0].clone();
    assert_eq!((&shown["name"], &shown["tenant"], &shown["running"]), (&json!("siem"), &json!("acme"), &json!(false)));
    assert!(house.get("/metrics").body.contains("deedbook_sink_failing{sink=\"siem\"} 1\n"));
    let test = house.post("/v1/sinks/siem/test", "").is(200).json();
    assert!(test["why"].as_str().unwrap().contains("does not run"), "{test}");
    house.request("DELETE", "/v1/sinks/siem").send().is(200);
    assert_eq!(house.get("/v1/sinks").json(), json!({ "data": [] }));
}
