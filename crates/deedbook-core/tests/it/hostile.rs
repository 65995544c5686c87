//! Any bytes at all: an error, never a panic.

use deedbook_core::commitment::{Seed, event_root, fields};
use deedbook_core::{Event, Limits, check_canonical, parse_json, prepare};
use proptest::prelude::*;

use crate::samples::{FULL, FULL_CANONICAL};

const SEED: Seed = Seed([3; 16]);

/// Every parser of the crate, and that what passes one of them passes the next.
fn feed(bytes: &[u8]) {
    drop(parse_json(bytes));
    drop(event_root(bytes, &SEED));
    drop(fields(bytes));
    drop(Event::from_canonical(bytes));
    if check_canonical(bytes).is_ok() {
        event_root(bytes, &SEED).expect("canonical bytes have a root");
        Event::from_canonical(bytes).expect("canonical bytes are read back");
    }
    if let Ok(event) = Event::from_json(bytes)
        && let Ok(draft) = prepare(event, &Limits::default(), || [5; 16])
    {
        check_canonical(draft.canonical()).expect("what passes the door is canonical");
        event_root(draft.canonical(), &SEED).expect("what passes the door has a root");
        assert_eq!(&Event::from_canonical(draft.canonical()).expect("it is read back"), draft.event());
        let again = prepare(draft.event().clone(), &Limits::default(), || [6; 16]).expect("it passes again");
        assert_eq!(again.canonical(), draft.canonical());
    }
}

#[test]
fn every_beginning_of_an_event() {
    for text in [FULL, FULL_CANONICAL] {
        (0..=text.len()).for_each(|end| feed(&text.as_bytes()[..end]));
    }
}

#[test]
fn every_byte_replaced_by_a_telling_one() {
    const TELLING: [u8; 16] = *b"\0\"\\{}[],:0-en\x1f\x80\xff";
    for at in 0..FULL_CANONICAL.len() {
        // Four for each place, other ones for its neighbours: all sixteen would take half a minute.
        for byte in TELLING.into_iter().skip(at % 4).step_by(4) {
            let mut bytes = FULL_CANONICAL.as_bytes().to_vec();
            bytes[at] = byte;
            feed(&bytes);
        }
    }
}

#[test]
fn shapes_that_break_careless_scanners() {
    for text in [
        "{}",
        "[]",
        "{\"\":}",
        "{\"a\":[}",
        "{\"a\":]}",
        "{\"actor\":[[]]}",
        "{\"actor\":{\"name\":}}",
        "{\"actor\":{\"name\"",
        "{\"personal\":{}}",
        "{\"personal\":[1]}",
        "{\"personal\":[\"\\ud800\"]}",
        "{\"personal\":[\"\\\"]}",
        "{\"a\":1,\"a\":2}",
        "{\"\\u0061\":1}",
        "{\"a\":\"\\",
        "{\"a\":\"\\\"",
        "{\"a\":tru",
        "{\"a\":\0",
        "{\"description\":\0",
        "{\"personal\":\0}",
        "{\"targets\":[{\"name\":{\"x\":[",
    ] {
        feed(text.as_bytes());
    }
    let deep = format!("{{\"metadata\":{}", "{\"a\":".repeat(100_000));
    feed(deep.as_bytes());
    let deep = format!("{{\"actor\":{}", "{\"on_behalf_of\":".repeat(100_000));
    feed(deep.as_bytes());
    let deep = format!(
        "{{\"metadata\":{}{},\"personal\":[\"/metadata{}\"]}}",
        "[".repeat(9_000),
        "]".repeat(9_000),
        "/0".repeat(8_000)
    );
    feed(deep.as_bytes());
    feed(format!("{{\"{}\":1}}", "n".repeat(70_000)).as_bytes());
}

fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u",
        "d800",
        "0",
        "-",
        "1e",
        ".5",
        "null",
        "true",
        "\0",
        "é",
        "\n",
        "\"action\":\"a.b\"",
        "\"actor\":{\"type\":\"system\"}",
        "\"personal\":[\"/metadata/a\"]",
        "\"metadata\":{\"a\":",
        "\"description\":",
        "\"targets\":[",
        "\"name\":\"x\"",
        "\"\\ud83d\\ude00\"",
        "\"context\":{",
        "\"ip\":\"::1\"",
    ]);
    prop::collection::vec(fragment, 0..24).prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        feed(&bytes);
    }

    #[test]
    fn any_heap_of_fragments(bytes in fragments()) {
        feed(&bytes);
    }

    #[test]
    fn any_splice_of_an_event(from in 0..FULL.len(), to in 0..FULL.len(), insert in fragments()) {
        let bytes = FULL.as_bytes();
        feed(&[&bytes[..from.min(to)], &insert, &bytes[from.max(to)..]].concat());
    }
}
