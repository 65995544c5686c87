//! Whatever strangers write: a record stays one line, with the fields that it would have anyway.

use std::collections::BTreeMap;

use deedbook_core::commitment::erase;
use deedbook_core::serde_json::{Map, Value};
use deedbook_core::{Actor, Change, Entry, Event, Failure, Http, Limits, Outcome, Target, parse_json, prepare};
use deedbook_deliver::Format;
use proptest::prelude::*;

use crate::samples::{accepted, entries, json, record, stored};
use crate::schema::Schema;

const LINES: [&str; 9] = [
    "json",
    "ocsf",
    "ecs",
    "cloudevents",
    "cef",
    "leef",
    "template:{actor.name}|{metadata}",
    "template:{reason:csv},{metadata:csv}",
    "template:{reason:json} {metadata:json}",
];

/// A record of CEF or LEEF is never longer.
const RECORD_BYTES_MAX: usize = 64 * 1024;

/// Characters that mean something to some format.
fn telling() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "|",
        "\\",
        "=",
        "^",
        "\n",
        "\r",
        "\t",
        "\0",
        "\u{1b}[31m",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{202e}",
        "\u{feff}",
        "\u{fffe}",
        "\u{e0041}",
        " act=forged",
        "^action=forged",
        "CEF:0|",
        "LEEF:2.0|",
        "\"",
        "{",
        "}",
        ",",
        "\\n",
        "\",\"action\":\"forged\"",
        "😀",
        "ü",
        "a",
        " ",
    ]);
    prop_oneof![
        prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat()),
        any::<String>(),
        Just("|\\=^\n\u{85}".repeat(1_170)),
    ]
}

/// At most `bytes_max` bytes, as the door lets them in.
fn short(text: &str, bytes_max: usize) -> String {
    text[..text.floor_char_boundary(bytes_max)].to_owned()
}

fn some(text: &str, bytes_max: usize) -> Option<String> {
    Some(short(text, bytes_max)).filter(|text| !text.is_empty())
}

/// An event with `texts` wherever a stranger may write.
fn event(action: &str, outcome: Option<Outcome>, texts: &[String; 6]) -> Event {
    let [name, id, reason, agent, key, value] = texts;
    let person = |kind: &str| Actor {
        name: some(name, 256),
        email: some(reason, 256),
        ..Actor::new(kind, some(id, 1_024).unwrap_or_else(|| "x".into()))
    };
    let mut event = Event::new(action, Actor { on_behalf_of: Some(Box::new(person("user"))), ..person("agent") });
    event.id = Some("evt_1".into());
    event.outcome = outcome;
    let target =
        Target { name: some(agent, 256), href: some(name, 2_048), role: some(id, 256), ..Target::new("user", "u") };
    event.targets = vec![Target { email: some(value, 256), ..target }, Target::new("thing", "t").named("n")];
    event.targets[1].metadata = Map::from_iter([(key.clone(), Value::from(value.clone()))]);
    event.changes = vec![Change {
        path: "/x".into(),
        from: Some(value.clone().into()),
        to: Some(name.clone().into()),
        redacted: false,
    }];
    event.context.user_agent = some(agent, 1_024);
    event.context.request_id = some(key, 256);
    event.context.http =
        Some(Http { route: some(value, 2_048), method: some(name, 64), status: Some(200), duration_ms: Some(1) });
    event.reason = some(reason, 16_384);
    event.error =
        Some(Failure { code: some(id, 256), message: some(agent, 8_192) }).filter(|error| *error != Failure::default());
    event.correlation_id = some(name, 256);
    event.description = some(value, 16_384);
    event.metadata = Map::from_iter([(key.clone(), Value::from(reason.clone()))]);
    event
}

fn any_event() -> impl Strategy<Value = Event> {
    let actions =
        prop::sample::select(vec!["user.signed_in", "user.created", "thing.updated", "thing.sent", "s3.get_object"]);
    let outcome = prop::option::of(prop::sample::select(Outcome::ALL.to_vec()));
    let texts = prop::array::uniform6(telling());
    (actions, outcome, texts).prop_map(|(action, outcome, texts)| event(action, outcome, &texts))
}

/// What a record is written over: the entry if the door lets the event in.
fn entered(event: Event) -> Option<Entry> {
    prepare(event.clone(), &Limits::default(), || [7; 16]).ok()?;
    Some(accepted(3, event))
}

fn has_dangerous(text: &str) -> bool {
    text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{feff}'))
}

/// The pairs of an extension of CEF, read as its specification says.
fn cef_pairs(extension: &str) -> BTreeMap<String, String> {
    let mut equals = Vec::new();
    let mut escaped = false;
    for (at, character) in extension.char_indices() {
        if character == '=' && !escaped {
            equals.push(at);
        }
        escaped = character == '\\' && !escaped;
    }
    let key_at = |at: usize| extension[..at].rfind(' ').map_or(0, |space| space + 1);
    let ends = equals.iter().skip(1).map(|at| key_at(*at) - 1).chain([extension.len()]);
    equals
        .iter()
        .zip(ends)
        .map(|(at, end)| (extension[key_at(*at)..*at].into(), extension[at + 1..end].into()))
        .collect()
}

fn leef_pairs(attributes: &str) -> BTreeMap<String, String> {
    attributes
        .split('^')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.into(), value.into()))
        .collect()
}

/// Header and extension of a line of CEF, read as its specification says.
fn cef_parts(line: &str) -> (Vec<&str>, &str) {
    let mut bars = Vec::new();
    let mut escaped = false;
    for (at, character) in line.char_indices() {
        if character == '|' && !escaped {
            bars.push(at);
        }
        escaped = character == '\\' && !escaped;
    }
    let starts = [0].into_iter().chain(bars.iter().map(|at| at + 1));
    let fields = starts.zip(&bars).take(7).map(|(from, to)| &line[from..*to]).collect();
    (fields, &line[bars[6] + 1..])
}

fn check(entry: &Entry) {
    for name in LINES {
        let format: Format = name.parse().unwrap();
        let line = record(&format, entry);
        assert!(!line.contains(['\n', '\r']), "{name}: {line:?}");
        if name != "json" {
            assert!(!has_dangerous(&line), "{name}: {line:?}");
        }
    }
    let whole = json(&Format::Json, entry);
    assert_eq!(json(&Format::CloudEvents, entry)["data"], whole);
    assert_eq!(json(&Format::Ecs, entry)["event"]["action"], whole["action"]);
    assert_eq!(Schema::ocsf().complaints(&json(&Format::Ocsf, entry)), Vec::<String>::new());
    let template: Format = "template:{reason:json|null}".parse().unwrap();
    let reason = parse_json(record(&template, entry).as_bytes()).unwrap();
    assert_eq!(reason, whole.get("reason").cloned().unwrap_or_default());
    check_cef(entry);
    check_leef(entry);
}

fn check_cef(entry: &Entry) {
    let line = record(&Format::Cef, entry);
    assert!(line.len() <= RECORD_BYTES_MAX, "{}", line.len());
    let (header, extension) = cef_parts(&line);
    assert_eq!((header[0], header[4]), ("CEF:0", entry.event.action.as_str()));
    let pairs = cef_pairs(extension);
    assert_eq!((&pairs["act"], &pairs["externalId"]), (&entry.event.action, &entry.receipt.id), "{line}");
    let known =
        ["act", "cat", "duid", "duser", "externalId", "msg", "outcome", "reason", "request", "rt", "start", "suid"];
    let is_known = |key: &str| {
        known.contains(&key)
            || ["cs", "cn", "flexString", "c6a", "src", "sourceS", "requestM", "requestC", "suser", "spriv"]
                .iter()
                .any(|start| key.starts_with(start))
    };
    assert!(pairs.keys().all(|key| is_known(key)), "{line}");
}

fn check_leef(entry: &Entry) {
    let line = record(&Format::Leef, entry);
    assert!(line.len() <= RECORD_BYTES_MAX, "{}", line.len());
    let fields: Vec<&str> = line.splitn(7, '|').collect();
    assert_eq!((fields[0], fields[4], fields[5]), ("LEEF:2.0", entry.event.action.as_str(), "^"));
    let pairs = leef_pairs(fields[6]);
    assert_eq!((&pairs["action"], &pairs["eventId"]), (&entry.event.action, &entry.receipt.id), "{line}");
    assert_eq!(fields[6].matches('^').count() + 1, pairs.len(), "{line}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_record_is_one_line_with_its_own_fields(event in any_event()) {
        let entry = entered(event);
        // More than a few that the door refuses would be a failure.
        prop_assume!(entry.is_some());
        check(&entry.unwrap());
    }

    #[test]
    fn any_template_is_read_or_refused(text in "[a-z.{}|:/~0-9\n]{0,40}") {
        if let Ok(format) = format!("template:{text}").parse::<Format>() {
            let line = record(&format, &accepted(0, event("thing.sent", None, &Default::default())));
            prop_assert!(!line.contains('\n'));
        }
    }
}

/// The door lets hostile texts in, or the property above would say nothing.
#[test]
fn hostile_texts_pass_the_door() {
    let hostile = "|\\=^\n\r\0\u{202e} act=forged^action=forged".to_owned();
    let texts = std::array::from_fn(|_| hostile.clone());
    let entry = entered(event("thing.sent", Some(Outcome::Denied), &texts)).unwrap();
    check(&entry);
    let cef = cef_pairs(cef_parts(&record(&Format::Cef, &entry)).1)["suser"].clone();
    assert_eq!(cef, "|\\\\\\=^\\n\\r␀<U+202E> act\\=forged^action\\=forged");
    let leef = record(&Format::Leef, &entry);
    assert!(leef.contains("usrName=<U+007C>\\=<U+005E>␊␍␀<U+202E> act=forged<U+005E>action=forged^"), "{leef}");
}

/// Long values are cut, and say so.
#[test]
fn long_values_are_cut_and_marked() {
    let texts = std::array::from_fn(|_| "é".repeat(8_192));
    let entry = entered(event("thing.sent", None, &texts)).unwrap();
    for (format, key) in [(Format::Cef, "reason="), (Format::Leef, "reason=")] {
        let line = record(&format, &entry);
        let value = line.split(key).nth(1).unwrap().split(['^', ' ']).next().unwrap();
        assert!(value.ends_with("é…") && value.len() <= 1_023, "{}", value.len());
    }
    assert_eq!(json(&Format::Ocsf, &entry)["unmapped"]["reason"].as_str().map(str::len), Some(16_384));
}

/// An erased value is told by no format, and what needs one in its place has another.
#[test]
fn erased_values_are_told_by_nobody() {
    let mut event = Event::new("user.created", Actor::new("user", "user_1").named("Ada"));
    event.id = Some("evt_1".into());
    event.targets = vec![Target::new("user", "ERASED").named("ERASED")];
    event.context.user_agent = Some("ERASED".into());
    event.personal = vec!["/targets/0/id".into()];
    let entry = erased(accepted(3, event), &["/context/user_agent", "/targets/0/id", "/targets/0/name"]);
    check(&entry);
    let ocsf = json(&Format::Ocsf, &entry);
    assert_eq!((&ocsf["user"]["name"], ocsf["user"].get("uid")), (&Value::from("user"), None));
    assert_eq!(ocsf["unmapped"]["targets"][0]["id"], Value::Null);
    assert_eq!(ocsf["unmapped"]["context"]["user_agent"], Value::Null);
}

/// Whatever of any entry was erased, its records keep their rules.
#[test]
fn anything_may_be_erased() {
    let mut tried = 0;
    for entry in entries() {
        let claimed = parse_json(&entry.canonical).unwrap();
        for pointer in pointers(&claimed, "") {
            let event = Event { personal: vec![pointer.clone()], ..entry.event.clone() };
            if let Some(entry) = entered(event) {
                check(&erased(entry, &[&pointer]));
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "{tried}");
}

/// The pointers to everything within `value`.
fn pointers(value: &Value, at: &str) -> Vec<String> {
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (escaped(name), value)).collect(),
        Value::Array(elements) => {
            elements.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    let below = |(name, value): (String, &Value)| {
        let pointer = format!("{at}/{name}");
        let deeper = pointers(value, &pointer);
        [pointer].into_iter().chain(deeper)
    };
    children.into_iter().flat_map(below).collect()
}

/// The entry after the values at `paths` were taken from it.
fn erased(entry: Entry, paths: &[&str]) -> Entry {
    let canonical = erase(&entry.canonical, paths, |_| Some([9; 16])).unwrap();
    stored(entry.receipt.seq, Event::from_canonical(&canonical).unwrap(), canonical)
}
