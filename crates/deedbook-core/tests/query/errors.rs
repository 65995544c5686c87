//! Every error says where it is and what was expected.

use deedbook_core::query::{QUERY_BYTES_MAX, QUERY_DEPTH_MAX};
use deedbook_core::{ErrorKind, Query};
use proptest::prelude::*;

use crate::options;

fn check(text: &str, expected: &str) {
    let error = Query::parse(text, &options()).expect_err(text);
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(error.to_string(), expected, "{text:?}");
    let [problem] = error.problems() else { panic!("{text:?} has one problem") };
    assert_eq!((problem.pointer.as_str(), &*problem.code), ("", "query_syntax"));
}

#[test]
fn values() {
    check("action:", "at 8: expected a value after \"action:\", found the end of the query");
    check("x action: y", "at 10: expected a value after \"action:\", found ' '");
    check("(action:)", "at 9: expected a value after \"action:\", found ')'");
    check("seq:>", "at 6: expected a value after \"seq:>\", found the end of the query");
    check("a*b", "at 2: \"*\" stands only at the end of a value; quote the value to mean the character");
    check("action:\"x", "at 8: expected a closing quote, found the end of the query");
    check(r#""a\x""#, "at 4: expected \"\\\\\" or a quote after \"\\\" in quotes, found 'x'");
    check("actor:a\"b\"", "at 8: expected a space, found '\"'; put text that contains it in quotes");
    check("f(x)", "at 2: expected a space, found '('; put text that contains it in quotes");
    check("\"—\"", "at 1: expected a word, found \"—\" without a letter or digit");
    check("plan ...", "at 6: expected a word, found \"...\" without a letter or digit");
    check("actor.name:—*", "at 12: expected a word, found \"—*\" without a letter or digit");
    check("outcome:ok", "at 9: expected one of success, failure, denied, unknown, found \"ok\"");
    check("outcome:s*", "at 9: expected one of success, failure, denied, unknown, found \"s*\"");
    check("change:role", "at 8: expected a path that begins with \"/\", such as /role, found \"role\"");
    check("action:()", "at 9: expected a value in the list, found ')'");
    check("action:(a,)", "at 11: expected a value in the list, found ')'");
    check("action:(a b)", "at 11: expected \",\" or \")\" in the list, found 'b'");
    check("action:(a", "at 10: expected \",\" or \")\" in the list, found the end of the query");
}

#[test]
fn typed_values() {
    let order = "works only on seq, occurred, recorded and meta.<path>; put a value that begins with it in quotes";
    check("action:>x", &format!("at 8: \">\" {order}"));
    check("ip:<=10.0.0.1", &format!("at 4: \"<=\" {order}"));
    check("meta.n:>ten", "at 8: expected a number after \">\", found \"ten\"");
    check("meta.n:<5*", "at 8: expected a number after \"<\", found \"5*\"");
    check("meta.n:5..1", "at 8: the range \"5..1\" ends before it begins");
    check("seq:x", "at 5: expected a number or a range such as 10..20, found \"x\"");
    check("seq:-1", "at 5: expected a number or a range such as 10..20, found \"-1\"");
    check("seq:..", "at 5: expected a number or a range such as 10..20, found \"..\"");
    check("seq:9..3", "at 5: the range \"9..3\" ends before it begins");
    check("seq:>(1,2)", "at 6: expected one value: a list has no order, found '('");
    check(
        "seq:99999999999999999999",
        "at 5: expected a number or a range such as 10..20, found \"99999999999999999999\"",
    );
    let network = "expected an address or a network such as 10.0.0.0/8, found";
    check("ip:10.0.0.0/33", &format!("at 4: {network} \"10.0.0.0/33\""));
    check("ip:10.0.0.*", &format!("at 4: {network} \"10.0.0.*\""));
    check("ip:host", &format!("at 4: {network} \"host\""));
}

#[test]
fn times() {
    let expected = "expected a time such as 2026, 2026-09, 2026-09-20, 2026-09-20T14:03Z, today, yesterday, now, -7d, -24h or -15m";
    for text in ["tuesday", "2026-13", "2026-02-30", "20260920", "-7y", "-d", "-9999999d", "2026-09-20T25:00", "0000"] {
        check(&format!("occurred:{text}"), &format!("at 10: {expected}, found {text:?}"));
    }
    for text in ["9999", "２０２６", "2026-09-20T14:3", "2026-09-20T14:03:27.", "2026-9-20", "-999999w", "2026*"] {
        check(&format!("recorded:>{text}"), &format!("at 10: {expected}, found {text:?}"));
    }
    check("occurred:-7d", "at 10: \"-7d\" names an instant; write \">=-7d\" for all since then");
    check("occurred:now", "at 10: \"now\" names an instant; write \">=now\" for all since then");
    check("occurred:2026-02..2026-01", "at 10: the range \"2026-02..2026-01\" ends before it begins");
}

#[test]
fn operators() {
    check("AND a", "at 1: expected a term before \"AND\", found 'A'");
    check("OR a", "at 1: expected a term before \"OR\", found 'O'");
    check("a OR", "at 5: expected a term after \"OR\", found the end of the query");
    check("a OR OR b", "at 6: expected a term after \"OR\", found 'O'");
    check("a AND", "at 6: expected a term after \"AND\", found the end of the query");
    check("a AND OR b", "at 7: expected a term after \"AND\", found 'O'");
    check("NOT", "at 4: expected a term after \"NOT\", found the end of the query");
    check("NOT AND x", "at 5: expected a term after \"NOT\", found 'A'");
    check("a - b", "at 4: expected a term directly after \"-\", found ' '");
    check("-", "at 2: expected a term directly after \"-\", found the end of the query");
    check("(a", "at 3: expected \")\" to close the \"(\" at 1, found the end of the query");
    check("ä (b", "at 5: expected \")\" to close the \"(\" at 3, found the end of the query");
    check("a)", "at 2: found \")\" without a \"(\" before it");
}

#[test]
fn fields() {
    let quotes = "put text that contains a colon in quotes";
    let all = "action, actor, actor.type, actor.name, on_behalf_of, principal, target, target.type, target.name, \
               outcome, service, id, request_id, correlation_id, transaction_id, audience, category, change";
    check("acton:x", &format!("at 1: unknown field \"acton\", did you mean \"action\"?; {quotes}"));
    check("a Actor:x", &format!("at 3: unknown field \"Actor\", did you mean \"actor\"?; {quotes}"));
    check(
        "https://x",
        &format!(
            "at 1: unknown field \"https\", expected one of {all}, ip, seq, occurred, recorded, meta.<path>, has; {quotes}"
        ),
    );
    check(":x", "at 1: expected a field before \":\", found ':'");
    check("has:", "at 5: expected a field after \"has:\", found the end of the query");
    check("has:seq", "at 5: every entry has \"seq\"");
    check("has:reasn", "at 5: unknown field \"reasn\", did you mean \"reason\"?");
    check("has:reason:x", "at 11: expected a space, found ':'; put text that contains it in quotes");
    check("meta:x", "at 5: expected a path: meta.<name>:value, found ':'");
    check("meta.a..b:x", "at 8: expected a name in the path of meta, found '.'");
    check("meta.\"a\" x", "at 9: expected \":\" after the path of meta, found ' '");
}

#[test]
fn limits() {
    let long = "a ".repeat(QUERY_BYTES_MAX / 2);
    assert!(Query::parse(&long, &options()).is_ok());
    check(&format!("{long}a"), "at 1: the query has 8193 bytes, at most 8192 are allowed");
    let deep = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Query::parse(&deep(QUERY_DEPTH_MAX - 1), &options()).is_ok());
    check(&deep(QUERY_DEPTH_MAX), "at 65: parentheses and negations nest more than 64 deep");
    check(&format!("{}a", "-".repeat(4_000)), "at 65: parentheses and negations nest more than 64 deep");
    check(&"NOT ".repeat(2_000), "at 257: parentheses and negations nest more than 64 deep");
    check(&"(".repeat(8_000), "at 65: parentheses and negations nest more than 64 deep");
}

#[test]
fn the_place_for_programs() {
    let error = Query::parse_located("Straße acton:x", &options()).expect_err("an unknown field");
    assert_eq!((error.offset, error.position), ("Straße ".len(), 8));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_input_panics(text in "\\PC{0,60}|(a|b|action|:|>=|\\.\\.|\"|\\\\|\\(|\\)|\\*|-| |AND|OR|NOT|meta\\.|has:|occurred:|seq:|ip:|[0-9]|T|Z|,|/|ß){0,24}") {
        if let Err(error) = Query::parse_located(&text, &options()) {
            prop_assert!(text.is_char_boundary(error.offset));
            prop_assert_eq!(error.position, text[..error.offset].chars().count() + 1);
        }
    }
}
