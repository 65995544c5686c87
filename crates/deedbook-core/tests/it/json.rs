//! The strict parser: what it refuses, and where it says so.

use std::time::{Duration, Instant};

use deedbook_core::parse_json;
use deedbook_core::serde_json::json;

use crate::samples::problems;

#[test]
fn what_json_allows_is_read() {
    for (text, expected) in [
        ("null", json!(null)),
        (" [ ] ", json!([])),
        ("\t{ }\r\n", json!({})),
        (r#"{"a":[1,-2.5,true,false,null,"x"]}"#, json!({"a": [1, -2.5, true, false, null, "x"]})),
        (r#""\ud83d\ude00\u00e9\/""#, json!("😀é/")),
        ("\"\u{7f}é😀\"", json!("\u{7f}é😀")),
        ("[-0, 0.0, 1.0, 1e3]", json!([0, 0, 1, 1000])),
        (r#"{"":1}"#, json!({"": 1})),
    ] {
        assert_eq!(parse_json(text.as_bytes()).unwrap(), expected, "{text}");
    }
}

#[test]
fn what_json_forbids_is_refused_with_place_and_code() {
    for (text, pointer, code, detail) in [
        ("", "", "syntax", "ends here"),
        ("{", "", "syntax", "double quotes"),
        ("[1,]", "/1", "syntax", "comma"),
        ("[1 2]", "", "syntax", "line 1, column 4"),
        ("{\"a\":1,}", "", "syntax", "name of a member"),
        ("{'a':1}", "", "syntax", "single quote"),
        ("{\"a\" 1}", "", "syntax", "colon"),
        ("// x", "", "syntax", "comment"),
        ("nul", "", "syntax", "bare word"),
        ("NaN", "", "syntax", "bare word"),
        ("[01]", "/0", "syntax", "leading zero"),
        ("[1.]", "/0", "syntax", "decimal point"),
        ("[.5]", "/0", "syntax", "expected a value"),
        ("[-]", "/0", "syntax", "minus"),
        ("[1e]", "/0", "syntax", "exponent"),
        ("[+1]", "/0", "syntax", "expected a value"),
        ("\"a", "", "syntax", "closing quote"),
        ("\"\\x\"", "", "syntax", "backslash"),
        ("\"\\u12g4\"", "", "syntax", "hexadecimal"),
        ("\"\\u12", "", "syntax", "hexadecimal"),
        ("\"a\nb\"", "", "control_character", "escape"),
        ("\"\\ud800\"", "", "lone_surrogate", "both halves"),
        ("[\"\\udc00\\ud800\"]", "/0", "lone_surrogate", "both halves"),
        ("1 2", "", "trailing_bytes", "remove"),
        ("{\"a\":{\"b\":1,\"b\":2}}", "/a/b", "duplicate_key", "keep one"),
        ("{\"a\":1,\"\\u0061\":2}", "/a", "duplicate_key", "keep one"),
        ("{\"a/b\":[0,1e400]}", "/a~1b/1", "number_out_of_range", "as a string"),
        ("[9007199254740993]", "/0", "number_out_of_range", "as a string"),
        ("[0.1000000000000000055]", "/0", "number_not_exact", "round it"),
        ("\u{feff}{}", "", "syntax", "expected a value"),
    ] {
        let error = parse_json(text.as_bytes()).expect_err(text);
        let problem = &error.problems()[0];
        assert_eq!((problem.pointer.as_str(), &*problem.code), (pointer, code), "{text}: {error}");
        assert!(problem.detail.contains(detail), "{text}: {error}");
        assert!(problem.detail.contains("line 1, column "), "{text}: {error}");
    }
}

#[test]
fn lines_and_columns_count_characters() {
    let error = parse_json("{\n  \"é\": \"ü\" x\n}".as_bytes()).unwrap_err();
    assert!(error.to_string().contains("line 2, column 12"), "{error}");
    let error = parse_json(b"{\n\"a\": \"\xff\"}").unwrap_err();
    assert_eq!(error.problems()[0].code, "invalid_utf8");
    assert!(error.to_string().contains("line 2, column 7"), "{error}");
}

#[test]
fn several_problems_are_reported_together() {
    let found = problems(parse_json(br#"{"a":1e999,"b":"\ud800","a":2,"c":[9007199254740992]}"#));
    let expected = [
        ("/a", "number_out_of_range"),
        ("/b", "lone_surrogate"),
        ("/a", "duplicate_key"),
        ("/c/0", "number_out_of_range"),
    ];
    assert_eq!(found, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
}

#[test]
fn depth_is_bounded() {
    let lists = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse_json(lists(32).as_bytes()).is_ok());
    assert_eq!(problems(parse_json(lists(33).as_bytes())), [("/0".repeat(32), "too_deep")]);
    assert_eq!(problems(parse_json("[".repeat(1_000_000).as_bytes())).len(), 1);
    assert_eq!(problems(parse_json("{\"a\":".repeat(1_000_000).as_bytes())).len(), 1);
}

#[test]
fn hostile_input_takes_linear_time() {
    let keys: Vec<String> = (0..100_000).map(|index| format!("\"{index}\":0")).collect();
    let objects = "{},".repeat(100_000);
    for text in [
        format!("{{{}}}", keys.join(",")),
        format!("{{{}}}", vec!["\"a\":0"; 100_000].join(",")),
        format!("[{}1]", "1e999,".repeat(200_000)),
        format!("\"{}\"", "\\ud800".repeat(200_000)),
        format!("[{objects}1]"),
        format!("0.{}1", "0".repeat(1_000_000)),
        "9".repeat(1_000_000),
        format!("1e{}", "9".repeat(1_000_000)),
    ] {
        let started = Instant::now();
        drop(parse_json(text.as_bytes()));
        assert!(started.elapsed() < Duration::from_secs(5), "{} bytes", text.len());
    }
}

#[test]
fn problems_are_capped_and_counted() {
    let error = parse_json(format!("[{}1]", "1e999,".repeat(1_000)).as_bytes()).unwrap_err();
    assert_eq!(error.problems().len(), 51);
    assert!(error.problems()[50].detail.contains("950"), "{}", error.problems()[50].detail);
}

#[test]
fn no_problem_repeats_a_value() {
    for text in [
        r#"{"a": hunter2}"#,
        r#"{"a": "hunter2"#,
        r#"{"a": "hunter2" "hunter2"}"#,
        r#"["hunter2\x"]"#,
        r#"["hunter2\ud800"]"#,
        r#""x" hunter2"#,
    ] {
        let error = parse_json(text.as_bytes()).expect_err(text);
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}
