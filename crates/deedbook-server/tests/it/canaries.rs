//! A secret in every field and on every path of failure: it must not come out in logs, figures or errors.
//!
//! Names of members are no secrets: the pointers of problems hold them.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use deedbook_core::commitment::Key;
use deedbook_core::{Error, ErrorKind, MemoryStore, Reply, Store};
use deedbook_server::{Limits, Options, Secret, Server, Settings};
use deedbook_testkit::Clock;
use serde_json::{Value, json};

use crate::support::{House, Through};

const CANARY: &str = "canary7f3a";

/// Everything that was logged in this process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Begins to log everything, once.
    fn begin() -> Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        let log = LOG.get_or_init(|| {
            let log = Self::default();
            let writer = log.clone();
            let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
            subscriber.with_writer(move || writer.clone()).init();
            log
        });
        log.clone()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// An event with a canary wherever a text may stand.
fn full() -> Value {
    let party = |kind: &str| json!({ "type": kind, "id": CANARY, "name": CANARY, "email": CANARY, "metadata": { "a": [CANARY] } });
    let mut actor = party("user");
    actor["on_behalf_of"] = party("user");
    let mut target = party("document");
    target["href"] = json!(CANARY);
    target["role"] = json!(CANARY);
    json!({
        "id": CANARY, "tenant": CANARY, "action": "document.shared", "schema": CANARY, "category": CANARY,
        "outcome": "success", "occurred_at": "2026-09-20T14:03:27Z", "actor": actor, "targets": [target],
        "changes": [{ "path": "/a", "from": CANARY, "to": { "b": CANARY } }],
        "context": { "ip": "203.0.113.9", "user_agent": CANARY, "request_id": CANARY, "session_id": CANARY,
            "trace_id": CANARY, "auth": { "method": CANARY, "mfa": CANARY, "issuer": CANARY,
            "credential": { "type": "api_token", "id": CANARY, "name": CANARY } },
            "http": { "method": CANARY, "route": CANARY, "status": 200, "duration_ms": 3 } },
        "reason": CANARY, "error": { "code": CANARY, "message": CANARY }, "correlation_id": CANARY,
        "transaction_id": CANARY, "source": { "service": CANARY, "version": CANARY, "environment": CANARY },
        "audience": [CANARY], "description": CANARY, "metadata": { "a": CANARY }
    })
}

/// The pointers to every value of `value`.
fn pointers(value: &Value, pointer: String, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| pointers(value, format!("{pointer}/{name}"), out));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| pointers(value, format!("{pointer}/{index}"), out));
        }
        _ => out.push(pointer),
    }
}

/// What is answered where the store refuses, panics or never answers, and where there is no room.
fn failing_inside() -> Vec<String> {
    static MODE: AtomicUsize = AtomicUsize::new(0);
    let clock = Clock::fixed();
    let below = Arc::new(MemoryStore::new(clock.function(), Key([7; 32])));
    let store = below.clone();
    let unanswered = Mutex::new(Vec::new());
    let submit = move |drafts, atomicity, reply: Reply| match MODE.load(Ordering::SeqCst) {
        0 => store.submit(drafts, atomicity, reply),
        1 => reply(Err(Error::new(ErrorKind::Io, "the disk broke"))),
        2 => panic!("a store that panics"),
        _ => unanswered.lock().unwrap().push(reply),
    };
    let limits = Limits {
        append_bytes_max: 3_000,
        append_wait_max: Duration::from_millis(20),
        request_time_max: Duration::from_millis(200),
        ..Limits::default()
    };
    let house = House::over(Arc::new(Through { below, submit, reading: || (), counting: || () }), clock, limits);
    // Without an answer the first takes all of the room, and the next finds none.
    let post = |(mode, status)| {
        MODE.store(mode, Ordering::SeqCst);
        house.post("/v1/events", full().to_string()).is(status).body
    };
    let answers = [(1, 500), (2, 500), (3, 503), (3, 503)].map(post).into();
    MODE.store(0, Ordering::SeqCst);
    answers
}

#[test]
fn what_holds_a_secret_does_not_show_it() {
    let mut options = Options::default();
    options.admin_token = Some(Secret::new(CANARY.repeat(4)));
    let shown = format!("{options:?} {options:#?}");
    let store = Arc::new(MemoryStore::new(Clock::fixed().function(), Key([7; 32])));
    let (server, admin) = Server::new(store.clone(), options).unwrap();
    let settings = Settings::load(store, Arc::new(Clock::fixed().function())).unwrap();
    let shown = format!("{shown} {server:?} {admin:?} {settings:?} {:?}", settings.tokens());
    assert!(!shown.contains(CANARY), "{shown}");
}

#[test]
fn no_secret_leaves_by_logs_figures_or_errors() {
    let log = Log::begin();
    let house = House::new();
    let mut bodies = Vec::new();
    let mut places = Vec::new();
    pointers(&full(), String::new(), &mut places);
    let wrong = [
        json!(format!("{CANARY} ÄÖ \u{7} {CANARY}")),
        json!(CANARY.repeat(300)),
        json!({ "a": CANARY }),
        json!([CANARY]),
        json!(7),
    ];
    for place in &places {
        for wrong in &wrong {
            let mut event = full();
            *event.pointer_mut(place).unwrap() = wrong.clone();
            bodies.push(event.to_string());
        }
    }
    let whole = full().to_string();
    bodies.push(full().to_string().replace("document.shared", "audit.viewed"));
    bodies.extend((1..whole.len()).step_by(7).map(|end| whole[..end].to_owned()));
    let mut errors = Vec::new();
    let mut refused = 0;
    for body in &bodies {
        let answer = house.post("/v1/events", body);
        if answer.status >= 400 {
            refused += 1;
            errors.push(answer.body);
        }
    }
    assert!(refused > 200, "{refused} of {} were refused", bodies.len());
    let batch = format!("[{}]", bodies[..60].join(","));
    let atomic = house.post("/v1/events?atomic=true", &batch);
    atomic.problem(422);
    errors.push(atomic.body);
    // A conflict, a foreign tenant, tokens, paths, queries, cursors, headers, compression.
    // The id is taken by then: many of the events above are valid.
    let conflict = house.post("/v1/events", whole.replace("document.shared", "document.read"));
    assert_eq!(conflict.problem(409), "conflict");
    errors.push(conflict.body);
    errors.push(house.post("/v1/tokens", json!({ "kind": CANARY, "name": [CANARY], "tenant": "É" }).to_string()).body);
    let scope = |scope: Value| json!({ "kind": "read", "scope": scope });
    for body in [
        scope(json!({ "audience": CANARY })),
        scope(json!({ "self": CANARY, "targets": [CANARY], "actions": [format!("{CANARY}!")], "from": CANARY })),
        json!({ "kind": "read", "fields": [{ "path": CANARY, "as": CANARY }], "addresses": [CANARY] }),
        json!({ "kind": "read", "fields": [{ "path": format!("/{CANARY}"), "as": "drop" }], "capabilities": [CANARY] }),
        json!({ "preset": CANARY, "tenant": format!("{CANARY}!"), "expires_in": CANARY, "locale": [CANARY] }),
    ] {
        for path in ["/v1/tokens", "/v1/viewer-sessions"] {
            let refused = house.post(path, body.to_string());
            assert_eq!(refused.problem(422), "invalid", "{body}");
            errors.push(refused.body);
        }
    }
    for path in ["tokens/x/rotate", "viewer-sessions/x/renew", "viewer-sessions/exchange", "viewer-sessions/x/code"] {
        let path = format!("/v1/{}", path.replace('x', CANARY).replace(&format!("e{CANARY}change"), "exchange"));
        for body in [json!({ "overlap": CANARY }), json!({ "expires_in": CANARY }), json!({ "code": CANARY })] {
            let refused = house.post(&path, body.to_string());
            assert!(refused.status >= 400, "{path}");
            errors.push(refused.body);
        }
    }
    // Those who are known and refused leave an entry, and no word of what they asked in the server's log.
    let write = house.made(r#"{"kind":"write","tenant":"acme"}"#);
    let bound = house.made(r#"{"kind":"read","tenant":"acme"}"#);
    for (token, path) in [(&write, format!("/v1/events?q={CANARY}")), (&bound, format!("/v1/events?tenant={CANARY}"))] {
        errors.push(house.request("GET", &path).token(token).send().body);
    }
    house.request("GET", &format!("/v1/events?q={CANARY}")).token(&bound).send().is(200);
    house.until_entered("_deedbook", "audit.denied", |entry| entry.to_string().contains(CANARY));
    errors.push(house.request("GET", "/v1/events").token(CANARY).send().body);
    errors.push(house.request("GET", "/v1/events").token(&format!("deed_read_{CANARY}_x")).send().body);
    let gzip = house.request("POST", "/v1/events").header("Content-Encoding: gzip").body("application/json", CANARY);
    errors.push(gzip.send().body);
    errors.push(house.request("POST", "/v1/events").body(CANARY, CANARY).send().body);
    errors.push(house.request("GET", "/v1/events/tail").header(&format!("Last-Event-ID: {CANARY}")).send().body);
    for path in [
        format!("/{CANARY}"),
        format!("/v1/{CANARY}"),
        format!("/v1/events/{CANARY}x"),
        format!("/v1/events?tenant={CANARY}&after={CANARY}"),
        format!("/v1/events?limit={CANARY}"),
        format!("/v1/events?order={CANARY}"),
        format!("/v1/events?tz={CANARY}"),
        format!("/v1/events?{CANARY}=1"),
        format!("/v1/events/count?by={CANARY}"),
        format!("/v1/events/histogram?interval={CANARY}"),
        format!("/v1/tokens/{CANARY}"),
        format!("/v1/tokens?{CANARY}"),
        format!("/v1/history?target={CANARY}"),
        format!("/v1/history?target=a:{CANARY}&after={CANARY}"),
        format!("/v1/history/{CANARY}x?target=a:{CANARY}"),
        format!("/v1/as-of?target=a:{CANARY}&at=!{CANARY}"),
        format!("/v1/as-of?target=a:{CANARY}&at={CANARY}"),
        format!("/v1/blame?target=a:{CANARY}"),
        format!("/v1/diff?target=document:{CANARY}&from={CANARY}x&to=latest"),
        format!("/v1/restore?target=a:{CANARY}&to={CANARY}"),
        format!("/v1/events?q=%22{CANARY}"),
        format!("/v1/events?q=({CANARY}"),
        format!("/v1/events?q=%zz{CANARY}"),
        format!("/v1/events/tail?q=({CANARY}"),
        format!("/v1/events.csv?q=({CANARY}"),
        format!("/v1/events.ndjson?q=({CANARY}"),
    ] {
        let answer = house.get(&path);
        assert!(answer.status >= 400, "{path}");
        errors.push(answer.body);
    }
    // Who asks a question that does not parse is told the word that is wrong, and nobody else is.
    for q in ["x", "ip:", "seq:", "occurred:", "outcome:", "meta.a:%3E", "id:%3E"] {
        let q = if q == "x" { format!("{CANARY}:x") } else { format!("{q}{CANARY}") };
        assert_eq!(house.get(&format!("/v1/events?q={q}")).problem(400), "query_syntax", "{q}");
        assert_eq!(house.get(&format!("/v1/history?target=a:b&q={q}")).problem(400), "query_syntax", "{q}");
    }
    let answer = house.request(CANARY, "/v1/events").send();
    errors.push(answer.body);
    let lines =
        house.request("POST", "/v1/events").body("application/x-ndjson", format!("{CANARY}\n{{\"action\":\"{CANARY}"));
    errors.push(lines.send().is(200).body);
    // What no handler sees: a head that is none, one that is too large, a body that breaks off.
    for head in [
        format!("{CANARY}\r\n\r\n"),
        format!("GET /v1/events HTTP/1.1\r\n{CANARY}\u{7}: x\r\n\r\n"),
        format!("GET /v1/events?q={} HTTP/1.1\r\nHost: x\r\n\r\n", CANARY.repeat(10_000)),
        format!("POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: {CANARY}\r\n\r\n"),
    ] {
        let mut stream = house.connect();
        let _ = stream.write_all(head.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        errors.push(String::from_utf8_lossy(&answer).into_owned());
    }
    errors.extend(failing_inside());
    for error in &errors {
        assert!(!error.contains(CANARY), "{error}");
    }
    let figures = house.get("/metrics").is(200).body;
    assert!(figures.contains("deedbook_http_problems_total") && !figures.contains(CANARY), "{figures}");
    assert!(log.text().contains("answered"), "requests are logged");
    assert!(!log.text().contains(CANARY), "{}", log.text());
    assert!(!log.text().contains(crate::support::ADMIN));
}

#[test]
fn the_test_sees_what_is_logged() {
    let log = Log::begin();
    tracing::trace!(secret = "another canary", "a careless line");
    assert!(log.text().contains("another canary"));
}
