//! Random lives of a thing, recorded as changes, against the documents themselves.

use deedbook_core::history::{Existence, FieldValue, Moment};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// What happened, with the document after it; `None` where the thing is gone.
type Life = Vec<(Event, Option<Value>)>;

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        (0..4_u8).prop_map(|n| json!(n)),
        "[ab ]{0,6}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[ab/~0-]{1,2}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn document() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-e]", value(), 1..4)
        .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()))
}

/// The documents of a life, and for each step how deep its changes are told.
fn steps() -> impl Strategy<Value = Vec<(Option<Value>, usize)>> {
    prop::collection::vec((prop::option::weighted(0.85, document()), 1..4_usize), 1..8)
}

/// Every difference of two documents as changes, told as whole values below `depth`.
fn changes(from: Option<&Value>, to: Option<&Value>, path: &str, depth: usize, out: &mut Vec<Change>) {
    match (from, to) {
        (Some(a), Some(b)) if a == b => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) if depth > 0 => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let below = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
                changes(a.get(name), b.get(name), &below, depth - 1, out);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if depth > 0 => {
            for index in 0..a.len().max(b.len()) {
                changes(a.get(index), b.get(index), &format!("{path}/{index}"), depth - 1, out);
            }
        }
        _ => out.push(change(path, from.cloned(), to.cloned())),
    }
}

fn life(steps: Vec<(Option<Value>, usize)>) -> Life {
    let empty = json!({});
    let mut life: Life = Vec::new();
    let mut present: Option<Value> = None;
    for (next, depth) in steps {
        let mut changed = Vec::new();
        let action = match (&present, &next) {
            (None, None) => continue,
            (None, Some(_)) => "invoice.created",
            (Some(_), Some(_)) => "invoice.updated",
            (Some(_), None) => "invoice.deleted",
        };
        let depth = if present.is_some() && next.is_some() { depth } else { 1 };
        let side = |side: &Option<Value>| side.clone().unwrap_or_else(|| empty.clone());
        changes(Some(&side(&present)), Some(&side(&next)), "", depth, &mut changed);
        life.push((event(action, changed), next.clone()));
        present = next;
    }
    life
}

/// The value at each path, `None` where there is nothing.
fn at<'a>(document: &'a Option<Value>, path: &str) -> Option<&'a Value> {
    document.as_ref().and_then(|document| document.pointer(path))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// From creation on, every state is the document, and nothing contradicts it.
    #[test]
    fn a_whole_life_is_known(steps in steps()) {
        let life = life(steps);
        let log = Log::of(life.iter().map(|(event, _)| event.clone()));
        for (n, (_, document)) in life.iter().enumerate() {
            let state = log.after(n as u64);
            prop_assert_eq!(&state.document, document, "after {}", n);
            prop_assert!(state.is_complete(), "after {}: {:?}", n, state);
            prop_assert!(state.contradictions.is_empty(), "{:?}", state.contradictions);
            prop_assert_eq!(state.existence == Existence::Exists, document.is_some());
            let timed = log.history().as_of(second(n as i64)).unwrap();
            prop_assert_eq!((timed.document, timed.fields), (state.document, state.fields));
        }
    }

    /// With a part of the log missing at its beginning, whatever is told is true.
    #[test]
    fn a_life_from_its_middle_on_is_never_guessed(steps in steps(), skipped in 1..5_usize) {
        let life = life(steps);
        let rest: Life = life.into_iter().skip(skipped).collect();
        let log = Log::of(rest.iter().map(|(event, _)| event.clone()));
        for (n, (_, document)) in rest.iter().enumerate() {
            let state = log.after(n as u64);
            for field in &state.fields {
                let truth = at(document, &field.path);
                match &field.value {
                    FieldValue::Known(value) => prop_assert_eq!(Some(value), truth, "{} after {}", &field.path, n),
                    FieldValue::Absent => prop_assert_eq!(None, truth, "{} after {}", &field.path, n),
                    FieldValue::Unknown(_) => {}
                }
            }
            prop_assert!(state.contradictions.is_empty(), "{:?}", state.contradictions);
        }
    }

    /// Who set a field is the last entry that touched it.
    #[test]
    fn blame_names_the_last_entry_that_touched_a_field(steps in steps()) {
        let life = life(steps);
        let log = Log::of(life.iter().map(|(event, _)| event.clone()));
        for field in log.now().fields {
            let touches = |path: &str| {
                path == field.path || field.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
            };
            let last = life.iter().rposition(|(event, _)| event.changes.iter().any(|change| touches(&change.path)));
            prop_assert_eq!(field.set_by.map(|mark| mark.id), last.map(|n| format!("e{n}")), "{}", field.path);
        }
    }

    /// The differences of two states lead from the one to the other.
    #[test]
    fn differences_are_those_of_the_documents(steps in steps(), from in 0..8_usize, to in 0..8_usize) {
        let life = life(steps);
        prop_assume!(!life.is_empty());
        let log = Log::of(life.iter().map(|(event, _)| event.clone()));
        let (from, to) = (from % life.len(), to % life.len());
        let moment = |n: usize| Moment::Event(format!("e{n}"));
        let diff = log.history().diff(&moment(from), &moment(to)).unwrap().unwrap();
        let (old, new) = (&life[from].1, &life[to].1);
        prop_assert_eq!(diff.differences.is_empty(), old == new);
        prop_assert!(diff.incomplete.is_empty());
        for difference in &diff.differences {
            prop_assert_eq!(difference.from.known(), at(old, &difference.path));
            prop_assert_eq!(difference.to.known(), at(new, &difference.path));
        }
    }

    /// The patch leads from the present document back to the past one.
    #[test]
    fn the_way_back_leads_back(steps in steps(), to in 0..8_usize) {
        let life = life(steps);
        prop_assume!(!life.is_empty());
        let log = Log::of(life.iter().map(|(event, _)| event.clone()));
        let to = to % life.len();
        let restoration = log.history().restore(&Moment::Event(format!("e{to}"))).unwrap().unwrap();
        prop_assert!(restoration.unknown.is_empty(), "{:?}", restoration.unknown);
        let (past, present) = (&life[to].1, &life.last().unwrap().1);
        let patch = serde_json::to_value(&restoration.patch).unwrap();
        match past {
            None if present.is_none() => prop_assert_eq!(patch, json!([])),
            None => prop_assert_eq!(patch, json!([{ "op": "remove", "path": "" }])),
            Some(past) => {
                let mut document = present.clone().unwrap_or(Value::Null);
                let patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
                json_patch::patch(&mut document, &patch).unwrap();
                prop_assert_eq!(&document, past);
            }
        }
    }
}
