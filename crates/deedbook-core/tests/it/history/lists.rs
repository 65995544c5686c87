//! Changes inside of lists, which can be read in two ways.

use serde_json::json;

use super::*;

/// What is known of `/l` after a creation with `list` and these changes in one event.
#[track_caller]
fn check(list: Value, changes: Vec<Change>, expected: &str) {
    let log = Log::of([created(vec![change("/l", None, list)]), updated(changes)]);
    let state = log.now();
    let incomplete = if state.incomplete.is_empty() { "" } else { " …" };
    assert_eq!(format!("{}{incomplete}", listed(&state)), expected);
    assert_eq!(state.contradictions, []);
}

#[test]
fn an_element_in_the_place_of_another() {
    check(
        json!(["a", "b", "c"]),
        vec![change("/l/1", json!("b"), json!("x"))],
        r#"/l/0="a" e0, /l/1="x" e1, /l/2="c" e0"#,
    );
    check(json!([{"n": 1}, {"n": 2}]), vec![change("/l/1/n", json!(2), json!(3))], r#"/l/0={"n":1} e0, /l/1/n=3 e1"#);
}

#[test]
fn an_element_at_the_end() {
    check(json!(["a"]), vec![change("/l/-", None, json!("b"))], r#"/l/0="a" e0, /l/1="b" e1"#);
    check(json!(["a"]), vec![change("/l/1", None, json!("b"))], r#"/l/0="a" e0, /l/1="b" e1"#);
    check(json!([]), vec![change("/l/-", None, json!(1)), change("/l/-", None, json!(2))], "/l/0=1 e1, /l/1=2 e1");
    check(json!(["a", "b"]), vec![change("/l/1", json!("b"), None)], r#"/l/0="a" e0, /l/1- e1"#);
    let two = vec![change("/l/1", json!("b"), None), change("/l/2", json!("c"), None)];
    check(json!(["a", "b", "c"]), two, r#"/l/0="a" e0, /l/1- e1, /l/2- e1"#);
}

#[test]
fn what_two_readings_disagree_on_is_unknown() {
    // Taken out: [a, c], or nothing from the second place on.
    check(json!(["a", "b", "c"]), vec![change("/l/1", json!("b"), None)], r#"/l/0="a" e0, /l/1? ambiguous e1 …"#);
    // Put in: [a, x, b], or in the place of b.
    check(json!(["a", "b"]), vec![change("/l/1", None, json!("x"))], r#"/l/0="a" e0, /l/1="x" e1 …"#);
    // There is something in between.
    check(json!(["a"]), vec![change("/l/5", None, json!("x"))], r#"/l/0="a" e0, /l/5="x" e1 …"#);
}

#[test]
fn a_shift_that_is_written_place_by_place_is_known() {
    let shift = vec![change("/l/1", json!("b"), json!("c")), change("/l/2", json!("c"), None)];
    check(json!(["a", "b", "c"]), shift, r#"/l/0="a" e0, /l/1="c" e1, /l/2- e1"#);
}

#[test]
fn a_name_that_looks_like_a_number_in_an_object_is_a_name() {
    check(json!({"0": "a", "-": "b"}), vec![change("/l/-", json!("b"), None)], r#"/l/-- e1, /l/0="a" e0"#);
    check(json!({"0": "a", "1": "b"}), vec![change("/l/0", json!("a"), None)], r#"/l/0- e1, /l/1="b" e0"#);
}

#[test]
fn whether_it_is_a_list_may_be_unknown() {
    let log =
        Log::of([updated(vec![change("/l/0", json!(1), json!(2))]), updated(vec![change("/l/-", None, json!(3))])]);
    let state = log.now();
    assert_eq!(listed(&state), "/l/0=2 e0");
    assert_eq!(state.incomplete, ["", "/l"]);
    // Neither a list nor an object can be written down for it.
    assert_eq!(state.document, Some(json!({})));
    // A list has no place `a`, so `-` was a name, and what it names is not known any more.
    let log = Log::of([updated(vec![change("/l/-", None, json!(null)), change("/l/a", json!(null), None)])]);
    let state = log.now();
    assert_eq!(listed(&state), "/l/a- e0");
    assert_eq!(state.incomplete, ["", "/l"]);
    let log = Log::of([
        updated(vec![change("/l/0", json!(1), json!(2))]),
        updated(vec![change("/l", json!([2, 5]), json!([]))]),
    ]);
    assert_eq!(log.after(0).document, Some(json!({"l": [2, 5]})));
    assert_eq!(listed(&log.after(0)), "/l/0=2 e0, /l/1=5 before from e1");
}
