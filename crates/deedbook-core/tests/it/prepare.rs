//! The rules at the door.

use std::cell::Cell;

use deedbook_core::serde_json::{Map, Value, json};
use deedbook_core::{
    Actor, Change, Event, Http, IdOrigin, Limits, OWN_TENANT, Outcome, Target, Timestamp, prepare, prepare_own,
};

use crate::samples::{FULL, canonical_text, draft, nested, problems};

fn event() -> Event {
    Event::new("document.shared", Actor::new("user", "user_1"))
}

/// A rule: what breaks it, where that is said, by which code, with which words.
type Case = (fn(&mut Event), &'static str, &'static str, &'static str);

fn check(cases: &[Case]) {
    for (index, (spoil, pointer, code, words)) in cases.iter().enumerate() {
        let mut event = event();
        spoil(&mut event);
        let error = prepare(event, &Limits::default(), || [0; 16]).expect_err(pointer);
        let found = error.problems();
        assert_eq!(found.len(), 1, "{index}: {error}");
        assert_eq!((found[0].pointer.as_str(), &*found[0].code), (*pointer, *code), "{index}: {error}");
        assert!(found[0].detail.contains(words), "{index}: {error}");
    }
}

fn metadata(value: Value) -> Map<String, Value> {
    Map::from_iter([("a".to_owned(), value)])
}

fn change(path: &str) -> Change {
    Change { path: path.to_owned(), from: None, to: None, redacted: false }
}

#[test]
fn every_rule_is_kept() {
    check(&[
        (|e| e.action = "shared".into(), "/action", "bad_action", "0 dots; expected 2 to 6 parts"),
        (|e| e.action = "a.b.c.d.e.f.g".into(), "/action", "bad_action", "6 dots; expected 2 to 6 parts"),
        (|e| e.action = "document.Shared".into(), "/action", "bad_action", "number 10 is not allowed"),
        (|e| e.action = "document..shared".into(), "/action", "bad_action", "expected"),
        (|e| e.action = ".shared".into(), "/action", "bad_action", "expected"),
        (|e| e.action = format!("a.{}", "b".repeat(127)), "/action", "bad_action", "at most 128"),
        (|e| e.action = "audit.viewed".into(), "/action", "reserved_action", "choose another"),
        (|e| e.id = Some(String::new()), "/id", "bad_id", "leave the id out"),
        (|e| e.id = Some("a b".into()), "/id", "bad_id", "number 2 is not allowed"),
        (|e| e.id = Some("a".repeat(129)), "/id", "bad_id", "129 characters"),
        (|e| e.tenant = Some("Acme".into()), "/tenant", "bad_tenant", "number 1 is not allowed"),
        (|e| e.tenant = Some("-acme".into()), "/tenant", "bad_tenant", "letter or digit first"),
        (|e| e.tenant = Some("a".repeat(65)), "/tenant", "bad_tenant", "1 to 64"),
        (|e| e.tenant = Some(OWN_TENANT.into()), "/tenant", "reserved_tenant", "your organisation"),
        (|e| e.schema = Some("s".repeat(257)), "/schema", "too_long", "257 bytes, the limit is 256"),
        (|e| e.category = Some(String::new()), "/category", "empty", "leave it out"),
        (|e| e.actor.kind = "User".into(), "/actor/type", "bad_type", "such as \"user\""),
        (|e| e.actor.kind = String::new(), "/actor/type", "bad_type", "0 characters"),
        (|e| e.actor.id = None, "/actor/id", "missing_member", "\"anonymous\""),
        (|e| e.actor = Actor::without_id("robot"), "/actor/id", "missing_member", "\"system\""),
        (|e| e.actor.id = Some(String::new()), "/actor/id", "empty", "history"),
        (|e| e.actor.id = Some("i".repeat(1025)), "/actor/id", "too_long", "1024"),
        (|e| e.actor.name = Some("é".repeat(129)), "/actor/name", "too_long", "258 bytes"),
        (|e| e.actor.email = Some("e".repeat(257)), "/actor/email", "too_long", "256"),
        (|e| e.actor = chain(4), "/actor/on_behalf_of/on_behalf_of/on_behalf_of/on_behalf_of", "too_deep", "3 levels"),
        (|e| e.targets = vec![Target::new("user", "u"); 33], "/targets", "too_many", "found 33, the limit is 32"),
        (|e| e.targets = vec![Target::new("user", "")], "/targets/0/id", "empty", "history"),
        (|e| e.targets = vec![Target::new("a:b", "u")], "/targets/0/type", "bad_type", "number 2"),
        (
            |e| e.targets = vec![Target { href: Some("h".repeat(2049)), ..Target::new("a", "u") }],
            "/targets/0/href",
            "too_long",
            "2048",
        ),
        (|e| e.changes = vec![change("role")], "/changes/0/path", "bad_pointer", "starts with a slash"),
        (|e| e.changes = vec![change("")], "/changes/0/path", "bad_pointer", "starts with a slash"),
        (|e| e.changes = vec![change("/a~2")], "/changes/0/path", "bad_pointer", "~0"),
        (|e| e.changes = vec![change("/a~")], "/changes/0/path", "bad_pointer", "~0"),
        (
            |e| e.changes = vec![Change { to: Some(json!([u64::MAX])), ..change("/a") }],
            "/changes/0/to/0",
            "number_out_of_range",
            "string",
        ),
        (|e| e.context.user_agent = Some("u".repeat(1025)), "/context/user_agent", "too_long", "1024"),
        (|e| e.context.request_id = Some("r".repeat(257)), "/context/request_id", "too_long", "256"),
        (
            |e| e.context.http = Some(Http { status: Some(99), ..Http::default() }),
            "/context/http/status",
            "out_of_range",
            "100 to 599",
        ),
        (
            |e| e.context.http = Some(Http { status: Some(600), ..Http::default() }),
            "/context/http/status",
            "out_of_range",
            "100 to 599",
        ),
        (
            |e| e.context.http = Some(Http { duration_ms: Some(1 << 53), ..Http::default() }),
            "/context/http/duration_ms",
            "number_out_of_range",
            "2^53",
        ),
        (|e| e.audience = Some(vec!["a".into(); 33]), "/audience", "too_many", "32"),
        (|e| e.audience = Some(vec![String::new()]), "/audience/0", "empty", "leave it out"),
        (|e| e.personal = vec!["/metadata/a".into(); 33], "/personal", "too_many", "32"),
        (|e| e.personal = vec!["metadata".into()], "/personal/0", "bad_pointer", "slash"),
        (|e| e.personal = vec!["/tenant".into()], "/personal/0", "not_erasable", "leave the pointer out"),
        (|e| e.personal = vec!["/personal/0".into()], "/personal/0", "not_erasable", "leave the pointer out"),
        (|e| e.metadata = metadata(json!(9_007_199_254_740_992_i64)), "/metadata/a", "number_out_of_range", "string"),
        (|e| e.metadata = metadata(json!({"x/y": 1e300})), "/metadata/a/x~1y", "number_out_of_range", "string"),
        (|e| e.occurred_at = Some(Timestamp::MIN), "/occurred_at", "bad_time", "0000 to 9999"),
    ]);
}

fn chain(behind: usize) -> Actor {
    (0..behind).fold(Actor::new("user", "u"), |actor, _| Actor {
        on_behalf_of: Some(Box::new(actor)),
        ..Actor::new("agent", "a")
    })
}

#[test]
fn what_is_just_within_the_limits_passes() {
    let passes: [fn(&mut Event); 14] = [
        |e| e.action = "a.b.c.d.e.f".into(),
        |e| e.action = format!("a.{}", "b".repeat(126)),
        |e| e.action = "auditor.changed".into(),
        |e| e.id = Some("A-z_0.9:".repeat(16)),
        |e| e.tenant = Some(format!("0{}", "._-a".repeat(15))),
        |e| e.actor = Actor::without_id("anonymous"),
        |e| e.actor = chain(3),
        |e| e.actor.name = Some("\u{0}\u{1b}[31m\n\u{202e}".into()),
        |e| e.targets = (0..32).map(|i| Target::new("user", i.to_string())).collect(),
        |e| e.personal = vec!["/nothing/at/all".into(), "/actor/id".into(), "/a~0~1".into()],
        |e| e.changes = vec![Change { from: Some(Value::Null), to: Some(json!({})), ..change("/") }],
        |e| e.metadata = metadata(nested(30)),
        |e| e.audience = Some(Vec::new()),
        |e| e.context.request_id = Some(String::new()),
    ];
    for (index, set) in passes.iter().enumerate() {
        let mut event = event();
        set(&mut event);
        let draft = prepare(event, &Limits::default(), || [0; 16]).unwrap_or_else(|error| panic!("{index}: {error}"));
        deedbook_core::check_canonical(draft.canonical()).unwrap();
        assert_eq!(&Event::from_canonical(draft.canonical()).unwrap(), draft.event(), "{index}");
    }
}

#[test]
fn depth_is_bounded_in_typed_values_too() {
    let mut with_metadata = event();
    with_metadata.metadata = metadata(nested(31));
    assert_eq!(problems(prepare(with_metadata, &Limits::default(), || [0; 16]))[0].1, "too_deep");
    let mut with_target = event();
    with_target.targets = vec![Target { metadata: metadata(nested(28)), ..Target::new("a", "b") }];
    assert!(prepare(with_target.clone(), &Limits::default(), || [0; 16]).is_ok());
    with_target.targets[0].metadata = metadata(nested(29));
    assert_eq!(problems(prepare(with_target, &Limits::default(), || [0; 16]))[0].1, "too_deep");
    let mut with_change = event();
    with_change.changes = vec![Change { to: Some(nested(29)), ..change("/a") }];
    assert!(prepare(with_change.clone(), &Limits::default(), || [0; 16]).is_ok());
    with_change.changes[0].to = Some(nested(30));
    assert_eq!(problems(prepare(with_change, &Limits::default(), || [0; 16]))[0].1, "too_deep");
}

#[test]
fn all_broken_rules_are_reported_together() {
    let mut event = event();
    event.action = "Nope".into();
    event.actor.id = None;
    event.metadata = metadata(json!(1e300));
    let found = problems(prepare(event, &Limits::default(), || [0; 16]));
    let places: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(places, ["/action", "/actor/id", "/metadata/a"]);
}

#[test]
fn no_problem_repeats_a_value() {
    let secret = "Hunter2 ".repeat(300);
    let mut event = event();
    event.id = Some(secret.clone());
    event.tenant = Some(secret.clone());
    event.action = secret.clone();
    event.actor = Actor::new(&secret, &secret).named(&secret);
    event.targets = vec![Target { href: Some(secret.clone()), ..Target::new(&secret, &secret) }];
    event.changes = vec![Change { from: Some(json!(secret)), ..change(&secret) }];
    event.context.user_agent = Some(secret.clone());
    event.personal = vec![secret.clone()];
    let error = prepare(event, &Limits::default(), || [0; 16]).unwrap_err();
    assert!(error.problems().len() > 8);
    assert!(!format!("{error} {error:?}").contains("Hunter2"));
}

#[test]
fn defaults_are_filled_in_and_a_given_id_is_kept() {
    let asked = Cell::new(0);
    let fresh = || {
        asked.set(asked.get() + 1);
        [0; 16]
    };
    let draft = prepare(event(), &Limits::default(), fresh).unwrap();
    assert_eq!((draft.id(), draft.tenant()), ("evt_AAAAAAAAAAAAAAAAAAAAAA", "default"));
    assert_eq!((draft.event().outcome, draft.id_origin()), (Some(Outcome::Success), IdOrigin::Generated));
    assert_eq!(draft.event().occurred_at, None);
    let again = prepare(draft.event().clone(), &Limits::default(), fresh).unwrap();
    assert_eq!((again.canonical(), again.id_origin()), (draft.canonical(), IdOrigin::Given));
    assert_eq!(asked.get(), 1);
}

#[test]
fn redacted_changes_lose_their_values() {
    let mut event = event();
    event.changes =
        vec![Change { from: Some(json!("hunter2")), to: Some(json!("hunter3")), redacted: true, ..change("/api_key") }];
    let draft = prepare(event, &Limits::default(), || [0; 16]).unwrap();
    assert!(canonical_text(&draft).contains(r#""changes":[{"path":"/api_key","redacted":true}]"#));
    assert!(!format!("{draft:?}").contains("hunter"));
}

#[test]
fn times_are_cut_to_the_microsecond_before_they_are_compared() {
    let at = |nanosecond: i128| {
        let mut event = event();
        event.occurred_at = Some(Timestamp::from_nanosecond(nanosecond).unwrap());
        prepare(event, &Limits::default(), || [0; 16]).unwrap()
    };
    assert_eq!(at(1_790_000_000_000_001_999).canonical(), at(1_790_000_000_000_001_000).canonical());
    assert_eq!(at(1_999).event(), at(1_000).event());
    assert!(canonical_text(&at(-1)).contains("1969-12-31T23:59:59.999999Z"));
}

#[test]
fn numbers_of_typed_values_take_their_one_form() {
    let mut event = event();
    event.metadata = metadata(json!([-0.0, 2.0, 0.5, 1e15]));
    let draft = prepare(event, &Limits::default(), || [0; 16]).unwrap();
    assert_eq!(draft.event().metadata["a"], json!([0, 2, 0.5, 1_000_000_000_000_000_i64]));
}

#[test]
fn the_log_records_its_own_acts_by_its_own_door() {
    let mut event = event();
    event.action = "audit.viewed".into();
    event.tenant = Some(OWN_TENANT.into());
    assert_eq!(problems(prepare(event.clone(), &Limits::default(), || [0; 16])).len(), 2);
    let draft = prepare_own(event.clone(), &Limits::default(), || [0; 16]).unwrap();
    assert_eq!(draft.tenant(), OWN_TENANT);
    event.tenant = Some("_other".into());
    assert_eq!(problems(prepare_own(event, &Limits::default(), || [0; 16])).len(), 1);
}

#[test]
fn an_event_read_from_json_keeps_its_bytes_through_the_door() {
    let first = draft(FULL).unwrap();
    let second = draft(&canonical_text(&first)).unwrap();
    assert_eq!(first.canonical(), second.canonical());
    assert_eq!(first.event(), second.event());
    let (event, canonical) = second.into_parts();
    assert_eq!((&event, canonical.as_slice()), (first.event(), first.canonical()));
}

#[test]
fn a_claim_names_a_tenant_only_where_the_caller_did() {
    let claim = |tenant: Option<&str>| {
        let event = Event { tenant: tenant.map(str::to_owned), transaction_id: Some("t".into()), ..event() };
        let draft = prepare(event, &Limits::default(), || [0; 16]).unwrap();
        (draft.tenant().to_owned(), String::from_utf8(draft.claim().into_owned()).unwrap())
    };
    let rest = r#"{"action":"document.shared","actor":{"id":"user_1","type":"user"},"id":"evt_AAAAAAAAAAAAAAAAAAAAAA","outcome":"success","#;
    for named in ["acme", "default"] {
        let expected = format!(r#"{rest}"tenant":"{named}","transaction_id":"t"}}"#);
        assert_eq!(claim(Some(named)), (named.to_owned(), expected));
    }
    assert_eq!(claim(None), ("default".to_owned(), format!(r#"{rest}"transaction_id":"t"}}"#)));
}
