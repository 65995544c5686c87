//! Sinks looked after over HTTP: what is shown, what is done, and the entries of it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deedbook_core::{Entry, Scope};
use deedbook_deliver::{Couriers, Failure, Origin, Said, Settings, Sink, Terms};
use deedbook_server::{Limits, Options, TokenKind};
use serde_json::{Value, json};

use crate::support::{House, couriers, event};

/// A sink that does what the test says, and what it took.
#[derive(Clone)]
struct Script(Arc<Mutex<Told>>);

struct Told {
    answer: Answer,
    taken: Vec<String>,
}

enum Answer {
    Takes,
    Away,
    /// Whatever has this id.
    Refuses(&'static str),
    /// Says that it began, and waits until it is let go.
    Hangs(Sender<()>, Receiver<()>),
}

impl Script {
    fn new(answer: Answer) -> Self {
        Self(Arc::new(Mutex::new(Told { answer, taken: Vec::new() })))
    }

    fn answers(&self, answer: Answer) {
        self.0.lock().unwrap().answer = answer;
    }

    fn taken(&self) -> Vec<String> {
        self.0.lock().unwrap().taken.clone()
    }

    /// Waits until it took so many, which it gives.
    fn until_taken(&self, count: usize) -> Vec<String> {
        until(|| Some(self.taken()).filter(|taken| taken.len() >= count))
    }

    /// Starts it as the sink `siem` of these couriers: of the tenant `acme`, and not of what is called `b`.
    fn serve(&self, couriers: &Couriers) {
        let mut terms = Terms::new("siem");
        terms.scope = Scope::tenant("acme");
        terms.wait_first = Duration::from_millis(1);
        terms.wait_max = Duration::from_millis(1);
        terms.query = deedbook_core::Query::parse("-id:b", &deedbook_testkit::questions::options()).unwrap();
        let (query, tenant) = (Some("-id:b".to_owned()), Some("acme".to_owned()));
        let said = Said { origin: Origin::File, kind: "file", query, tenant, format: None };
        couriers.start(Settings { terms, sink: Box::new(self.clone()), said }).unwrap();
    }
}

impl Sink for Script {
    fn deliver(&mut self, entries: &[Entry]) -> Result<(), Failure> {
        let mut told = self.0.lock().unwrap();
        let has = |id: &str| entries.iter().any(|entry| entry.receipt.id == id);
        match &told.answer {
            Answer::Away => return Err(Failure::later("connection refused")),
            Answer::Refuses(id) if has(id) => return Err(Failure::Refused { why: "400 Bad Request".to_owned() }),
            Answer::Hangs(began, ends) => {
                let _ = began.send(());
                let _ = ends.recv();
            }
            _ => {}
        }
        told.taken.extend(entries.iter().map(|entry| entry.receipt.id.clone()));
        Ok(())
    }
}

/// Asks until there is an answer.
fn until<T>(ask: impl Fn() -> Option<T>) -> T {
    for _ in 0..3_000 {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not come to that within half a minute");
}

fn sink(house: &House) -> Value {
    house.get("/v1/sinks/siem").is(200).json()
}

/// The sink, once it is as `fits` wants it.
fn until_sink(house: &House, fits: impl Fn(&Value) -> bool) -> Value {
    until(|| Some(sink(house)).filter(&fits))
}

fn record(house: &House, id: &str) {
    house.post("/v1/events", event(id).replace("{\"id\"", "{\"tenant\":\"acme\",\"id\"")).is(201);
}

fn act(house: &House, what: &str, body: &str) -> Value {
    house.post(&format!("/v1/sinks/siem/{what}"), body).is(200).json()
}

/// The entry that an answer names.
fn entry(house: &House, answer: &Value) -> Value {
    house.get(&format!("/v1/events/{}?tenant=_deedbook", answer["entry"].as_str().unwrap())).is(200).json()
}

/// A house with the sink `siem`.
fn house(answer: Answer) -> (House, Script) {
    let (house, script) = (House::new(), Script::new(answer));
    script.serve(&house.couriers);
    (house, script)
}

#[test]
fn a_sink_is_shown_with_how_it_gets_on() {
    let (house, script) = house(Answer::Takes);
    for id in ["a", "b", "c"] {
        record(&house, id);
    }
    assert_eq!(script.until_taken(2), ["a", "c"]);
    let mut shown = until_sink(&house, |sink| sink["lag"]["entries"] == 0);
    assert!(shown["next"].as_u64() >= Some(3));
    shown["next"] = json!("some position");
    let expected = json!({
        "name": "siem", "kind": "file", "query": "-id:b", "tenant": "acme", "format": null, "to": null, "origin": "file",
        "running": true, "paused": false, "next": "some position", "lag": { "entries": 0, "seconds": 0 },
        "delivered": 2, "parked": 0, "last_error": null, "failing_since": null, "entry": null, "parked_entries": [],
    });
    assert_eq!(shown, expected);
    let listed = house.get("/v1/sinks").is(200).json();
    assert_eq!((&listed["data"][0]["delivered"], listed["data"][0].get("parked_entries")), (&json!(2), None));
}

#[test]
fn a_pause_holds_until_it_is_ended_and_each_is_an_entry() {
    let (house, script) = house(Answer::Takes);
    record(&house, "a");
    script.until_taken(1);
    let paused = act(&house, "pause", r#"{"reason":"the SIEM is moved"}"#);
    assert_eq!(paused["paused"], true);
    let made = entry(&house, &paused);
    assert_eq!(
        (&made["action"], &made["reason"], &made["targets"][0]["id"]),
        (&json!("audit.sink.paused"), &json!("the SIEM is moved"), &json!("siem"))
    );
    assert_eq!(act(&house, "pause", "")["entry"], paused["entry"], "a second time nothing happens");
    record(&house, "b");
    record(&house, "c");
    house.clock.advance_seconds(90);
    // What the query passes over is behind it, and what is for it waits.
    let waiting = until_sink(&house, |sink| sink["lag"]["seconds"] == 90);
    assert!(waiting["lag"]["entries"].as_u64() >= Some(1) && waiting["paused"] == true);
    house.clock.advance_seconds(-3_600);
    assert_eq!(sink(&house)["lag"]["seconds"], 0, "a clock that went back makes nothing negative");
    assert_eq!(script.taken(), ["a"]);
    let resumed = act(&house, "resume", "{}");
    assert_eq!(entry(&house, &resumed)["action"], "audit.sink.resumed");
    assert_eq!(script.until_taken(2), ["a", "c"]);
    assert_eq!(act(&house, "resume", "")["entry"], resumed["entry"]);
}

#[test]
fn a_pause_that_is_entered_holds_whatever_becomes_of_the_process() {
    let (house, script) = house(Answer::Takes);
    act(&house, "pause", "");
    let (store, clock) = (house.store.clone(), house.clock.clone());
    house.stop().unwrap();
    // The new couriers do not know of the pause, as after a crash between its entry and its state.
    let couriers = couriers(store.clone());
    script.serve(&couriers);
    let house = House::beside(couriers, store, clock, Limits::default());
    assert_eq!(sink(&house)["paused"], true);
    record(&house, "later");
    until_sink(&house, |sink| sink["lag"]["entries"].as_u64() >= Some(1));
    assert!(!script.taken().contains(&"later".to_owned()));
    act(&house, "resume", "");
    until(|| script.taken().contains(&"later".to_owned()).then_some(()));
}

#[test]
fn entries_are_delivered_again_from_a_time_or_a_position() {
    let (house, script) = house(Answer::Takes);
    for id in ["a", "c", "d"] {
        record(&house, id);
        house.clock.advance_seconds(60);
    }
    script.until_taken(3);
    // Reading them through the server would make entries for the sink.
    let position = |id: &str| house.store.get("acme", id, &Scope::tenant("acme")).unwrap().unwrap().receipt.position;
    let again = act(&house, "replay", r#"{"from":"2026-09-20T14:00:30Z","reason":"the SIEM lost some"}"#);
    assert_eq!(script.until_taken(5), ["a", "c", "d", "c", "d"]);
    let made = entry(&house, &again);
    assert_eq!((&made["action"], &made["reason"]), (&json!("audit.sink.replayed"), &json!("the SIEM lost some")));
    assert_eq!(made["metadata"], json!({ "from": "2026-09-20T14:00:30.000000Z", "position": position("c") }));
    until_sink(&house, |sink| sink["lag"]["entries"] == 0);
    act(&house, "replay", &format!(r#"{{"position":{}}}"#, position("d")));
    assert_eq!(script.until_taken(6), ["a", "c", "d", "c", "d", "d"]);
    until_sink(&house, |sink| sink["lag"]["entries"] == 0);
    for (body, pointer, code) in [
        (r#"{}"#, "", "missing_member"),
        (r#"{"from":"2026-09-20T14:00:30Z","position":1}"#, "", "missing_member"),
        (r#"{"parked":false}"#, "", "missing_member"),
        (r#"{"from":"yesterday"}"#, "/from", "bad_time"),
        (r#"{"position":-1}"#, "/position", "wrong_type"),
        (r#"{"position":1000000}"#, "/position", "not_delivered_yet"),
        (r#"{"position":0,"colour":"red"}"#, "/colour", "unknown_member"),
        (r#"{"position":0,"reason":" "}"#, "/reason", "bad_reason"),
    ] {
        let refused = house.post("/v1/sinks/siem/replay", body).is(422).json();
        assert_eq!((&refused["errors"][0]["pointer"], &refused["errors"][0]["code"]), (&json!(pointer), &json!(code)));
    }
    assert_eq!(script.taken().len(), 6, "what was refused did nothing");
}

#[test]
fn what_is_parked_is_shown_and_tried_again() {
    let (house, script) = house(Answer::Refuses("c"));
    for id in ["a", "c", "d"] {
        record(&house, id);
    }
    let shown = until_sink(&house, |sink| sink["parked"] == 1 && sink["delivered"] == 2);
    let parked = &shown["parked_entries"][0];
    assert_eq!(
        (&parked["id"], &parked["tenant"], &parked["why"]),
        (&json!("c"), &json!("acme"), &json!("400 Bad Request"))
    );
    assert!(parked["position"].is_u64() && parked["at"].is_string());
    assert_eq!(
        (&shown["last_error"]["why"], &shown["failing_since"]),
        (&json!("refused: 400 Bad Request"), &json!(null))
    );
    script.answers(Answer::Takes);
    let again = act(&house, "replay", r#"{"parked":true}"#);
    assert_eq!(entry(&house, &again)["metadata"], json!({ "parked": true }));
    until_sink(&house, |sink| sink["parked"] == 0);
    assert_eq!(script.taken(), ["a", "d", "c"]);
}

#[test]
fn a_test_sends_its_own_entry_whatever_the_sink_does_otherwise() {
    let (house, script) = house(Answer::Takes);
    act(&house, "pause", "");
    let went = act(&house, "test", r#"{"reason":"a new firewall"}"#);
    let id = went["entry"].as_str().unwrap();
    assert_eq!(went, json!({ "name": "siem", "delivered": true, "why": null, "entry": id }));
    assert_eq!(script.taken(), [id], "though it is of another tenant than the sink's");
    let made = entry(&house, &went);
    assert_eq!((&made["action"], &made["reason"]), (&json!("audit.sink.tested"), &json!("a new firewall")));
    script.answers(Answer::Away);
    let failed = act(&house, "test", "");
    assert_eq!((&failed["delivered"], &failed["why"]), (&json!(false), &json!("connection refused")));
    // It failed, and the sink is none the worse for it.
    let shown = sink(&house);
    assert_eq!((&shown["delivered"], &shown["parked"], &shown["last_error"]), (&json!(0), &json!(0), &json!(null)));
}

#[test]
fn a_test_waits_for_nobody_for_long() {
    let limits = Limits { sink_test_wait_max: Duration::from_millis(50), ..Limits::default() };
    let house = House::with(limits);
    let ((began, begins), (end, ends)) = (channel(), channel());
    let script = Script::new(Answer::Hangs(began, ends));
    script.serve(&house.couriers);
    record(&house, "a");
    begins.recv().unwrap();
    let busy = act(&house, "test", "");
    assert_eq!(busy["delivered"], false);
    assert!(busy["why"].as_str().unwrap().contains("busy"), "{busy}");
    drop(end);
    let done = script.until_taken(2);
    assert_eq!(done, ["a", busy["entry"].as_str().unwrap()], "it is sent once the sink is free");
    house.couriers.stop();
    assert_eq!(house.post("/v1/sinks/siem/test", "").problem(404), "not_found");
}

#[test]
fn a_sink_whose_thread_is_gone_is_told_from_one_that_works() {
    struct Panics;
    impl Sink for Panics {
        fn deliver(&mut self, _: &[Entry]) -> Result<(), Failure> {
            panic!("a mistake in a sink");
        }
    }
    let house = House::new();
    let said = Said { origin: Origin::File, kind: "file", query: None, tenant: None, format: None };
    let mut terms = Terms::new("siem");
    terms.scope = Scope::tenant("acme");
    house.couriers.start(Settings { terms, sink: Box::new(Panics), said }).unwrap();
    assert_eq!(sink(&house)["running"], true);
    record(&house, "a");
    until_sink(&house, |sink| sink["running"] == false);
    let failed = act(&house, "test", "");
    assert!(failed["why"].as_str().unwrap().contains("does not run"), "{failed}");
    assert!(house.get("/metrics").body.contains("deedbook_sink_failing{sink=\"siem\"} 1\n"));
}

#[test]
fn figures_are_of_the_sinks_that_are_there() {
    let (house, script) = house(Answer::Takes);
    let figures = || -> Vec<String> {
        let body = house.get("/metrics").is(200).body;
        body.lines().filter(|line| line.starts_with("deedbook_sink_")).map(str::to_owned).collect()
    };
    record(&house, "a");
    script.until_taken(1);
    until_sink(&house, |sink| sink["lag"]["entries"] == 0);
    let quiet = [
        "deedbook_sink_lag_entries{sink=\"siem\"} 0",
        "deedbook_sink_lag_seconds{sink=\"siem\"} 0",
        "deedbook_sink_parked{sink=\"siem\"} 0",
        "deedbook_sink_delivered_total{sink=\"siem\"} 1",
        "deedbook_sink_failing{sink=\"siem\"} 0",
    ];
    assert_eq!(until(|| Some(figures()).filter(|figures| figures[0].ends_with(" 0"))), quiet);
    script.answers(Answer::Away);
    record(&house, "c");
    house.clock.advance_seconds(7);
    let behind = until(|| Some(figures()).filter(|figures| figures[1].ends_with(" 7")));
    assert!(!behind[0].ends_with(" 0") && behind[4].ends_with(" 1"), "{behind:?}");
    let body = house.get("/metrics").body;
    assert!(body.contains("# TYPE deedbook_sink_delivered_total counter\n"), "{body}");
    house.couriers.remove("siem").unwrap();
    assert_eq!(figures(), [""; 0]);
}

#[test]
fn sinks_are_for_whoever_oversees_all_tenants() {
    let (house, _) = house(Answer::Takes);
    let auditor = house.token(TokenKind::Auditor, None);
    for path in ["/v1/sinks", "/v1/sinks/siem"] {
        house.request("GET", path).token(&auditor).send().is(200);
    }
    for what in ["pause", "resume", "test"] {
        let asked = house.request("POST", &format!("/v1/sinks/siem/{what}")).token(&auditor).send();
        assert_eq!(asked.problem(403), "missing_right", "{what}");
    }
    let bound = house.token(TokenKind::Auditor, Some("acme"));
    assert_eq!(house.request("GET", "/v1/sinks").token(&bound).send().problem(403), "missing_right");
    assert_eq!(house.get("/v1/sinks/none").problem(404), "not_found");
    assert_eq!(house.get("/v1/sinks?x=1").problem(400), "unknown_parameter");
    // A server that has no couriers has no sinks to look after.
    let house = House::by_the_wall(Options::default());
    assert_eq!(house.get("/v1/sinks").problem(501), "not_implemented");
    assert_eq!(house.post("/v1/sinks/siem/pause", "").problem(501), "not_implemented");
}
