//! Text → tree, shown in its canonical text.

use deedbook_core::Query;
use deedbook_core::query::{Condition, Expression, Pattern, TextField};

use crate::{options, options_in, query};

fn check(text: &str, canonical: &str) {
    let parsed = query(text);
    assert_eq!(parsed.to_string(), canonical, "{text:?}");
    assert_eq!(query(canonical), parsed, "{text:?}");
}

#[test]
fn operators() {
    check("", "");
    check("  ", "");
    check("()", "");
    check("a b", "a b");
    check("a AND b", "a b");
    check("a AND b OR c d", "a b OR c d");
    check("a (b OR c)", "a (b OR c)");
    check("(a b) c", "a b c");
    check("(a OR b) OR c", "a OR b OR c");
    check("NOT a", "-a");
    check("-(a b)", "-(a b)");
    check("NOT NOT a --b", "a b");
    check("-(a OR b) c", "-(a OR b) c");
    check("a () b", "a b");
    check("() OR a", "() OR a");
    check("(a)(b)", "a b");
    check("NOT(a)", "-a");
    check("\"AND\" and or \"OR\"", "and and or or");
    check("ORDER ANDROID NOTHING", "order android nothing");
    check("a\u{3000}b\n\tc", "a b c");
}

#[test]
fn words() {
    check("Plan", "plan");
    check("plan*", "plan*");
    check("\"Annual  PLAN\"", "\"annual plan\"");
    check("\"annual pl\"*", "\"annual pl\"*");
    check("foo-bar", "\"foo bar\"");
    check("ada@acme.example", "\"ada acme.example\"");
    check("Straße", "strasse");
    check("\"a:b\"", "\"a:b\"");
    check("1,000", "\"1,000\"");
    check("日本", "\"日 本\"");
}

#[test]
fn fields() {
    check("action:user.*", "action:user.*");
    check("action:(a.b, c.d,e.*)", "action:a.b OR action:c.d OR action:e.*");
    check("x action:(a.b,c.d)", "x (action:a.b OR action:c.d)");
    check("action:(a.b)", "action:a.b");
    check("-action:(a.b,c.d)", "-(action:a.b OR action:c.d)");
    check("actor:user:user_1", "actor:user:user_1");
    check("actor:\"user 1\"", "actor:\"user 1\"");
    check(r#"target:"say \"hi\" \\ now""#, r#"target:"say \"hi\" \\ now""#);
    check("target:\"doc_\"*", "target:doc_*");
    check("target:\"a*\"", "target:\"a*\"");
    check("target:*", "target:\"\"*");
    check("actor.name:\"ADA  Lovelace\"", "actor.name:\"ada lovelace\"");
    check("actor.name:Love*", "actor.name:love*");
    check("target.name:*", "target.name:\"\"*");
    check("outcome:(denied,failure)", "outcome:denied OR outcome:failure");
    check("id:evt_1 request_id:r service:s-1", "id:evt_1 request_id:r service:s-1");
    check("change:/role", "change:/role");
    check("has:error has:meta.a.\"b c\"", "has:error has:meta.a.\"b c\"");
    check("correlation_id:-5", "correlation_id:\"-5\"");
}

#[test]
fn seq() {
    check("seq:5", "seq:5");
    check("seq:5..9", "seq:5..9");
    check("seq:5..5", "seq:5");
    check("seq:5..", "seq:>=5");
    check("seq:..5", "seq:<6");
    check("seq:>5", "seq:>=6");
    check("seq:<=5", "seq:<6");
    check("seq:(1,2,5..7)", "seq:1 OR seq:2 OR seq:5..7");
    check("seq:18446744073709551615", "seq:>=18446744073709551615");
}

#[test]
fn ip() {
    check("ip:203.0.113.9", "ip:203.0.113.9");
    check("ip:10.1.2.3/8", "ip:10.0.0.0/8");
    check("ip:::ffff:10.1.2.3", "ip:10.1.2.3");
    check("ip:::ffff:10.0.0.0/104", "ip:10.0.0.0/8");
    check("ip:2001:db8::1/32", "ip:2001:db8::/32");
    check("ip:(10.0.0.0/8,::1)", "ip:10.0.0.0/8 OR ip:::1");
    check("ip:0.0.0.0/0", "ip:0.0.0.0/0");
}

#[test]
fn meta() {
    check("meta.amount:>1000", "meta.amount:>1000");
    check("meta.amount:<=1e3", "meta.amount:<=1000");
    check("meta.amount:1..2.50", "meta.amount:1..2.5");
    check("meta.amount:-5..", "meta.amount:>=-5");
    check("meta.amount:..5", "meta.amount:<=5");
    check("meta.amount:5", "meta.amount:5");
    check("meta.a.b:x*", "meta.a.b:x*");
    check("meta.\"a.b\".\"c \\\" d\":x", "meta.\"a.b\".\"c \\\" d\":x");
    check("meta.path:../../etc", "meta.path:\"../../etc\"");
    check("meta.v:\"1..2\"", "meta.v:\"1..2\"");
    check("meta.v:\">5\"", "meta.v:\">5\"");
    check("meta.v:a..b", "meta.v:\"a..b\"");
    check("meta.x", "\"meta.x\"");
}

#[test]
fn times() {
    let day = "occurred:2026-09-20T00:00:00Z..2026-09-20T23:59:59.999999Z";
    check("occurred:2026-09-20", day);
    check("occurred:today", day);
    check("occurred:2026", "occurred:2026-01-01T00:00:00Z..2026-12-31T23:59:59.999999Z");
    check("occurred:2026-02", "occurred:2026-02-01T00:00:00Z..2026-02-28T23:59:59.999999Z");
    check("occurred:yesterday", "occurred:2026-09-19T00:00:00Z..2026-09-19T23:59:59.999999Z");
    check("recorded:2026-01-01..2026-02-01", "recorded:2026-01-01T00:00:00Z..2026-02-01T23:59:59.999999Z");
    check("occurred:2026-09-20T14:03", "occurred:2026-09-20T14:03:00Z..2026-09-20T14:03:59.999999Z");
    check("occurred:2026-09-20T14:03:27Z", "occurred:2026-09-20T14:03:27Z..2026-09-20T14:03:27.999999Z");
    check("occurred:2026-09-20t14:03:27.48z", "occurred:2026-09-20T14:03:27.48Z..2026-09-20T14:03:27.489999Z");
    check(
        "occurred:2026-09-20T14:03:27.481512999+02:00",
        "occurred:2026-09-20T12:03:27.481512Z..2026-09-20T12:03:27.481512Z",
    );
    check("occurred:\"2026-09-20 14:03\"", "occurred:2026-09-20T14:03:00Z..2026-09-20T14:03:59.999999Z");
    check("occurred:>=-7d", "occurred:>=2026-09-13T12:00:00Z");
    check("occurred:>-24h", "occurred:>=2026-09-19T12:00:00.000001Z");
    check("occurred:<-15m", "occurred:<2026-09-20T11:45:00Z");
    check("occurred:<=now", "occurred:<2026-09-20T12:00:00.000001Z");
    check("occurred:-2w..-30s", "occurred:2026-09-06T12:00:00Z..2026-09-20T11:59:30.000000Z");
    check("occurred:>2026-09", "occurred:>=2026-10-01T00:00:00Z");
    check("occurred:>=2026-09", "occurred:>=2026-09-01T00:00:00Z");
    check("occurred:<2026-09", "occurred:<2026-09-01T00:00:00Z");
    check("occurred:<=2026-09", "occurred:<2026-10-01T00:00:00Z");
    check("occurred:2026-09..", "occurred:>=2026-09-01T00:00:00Z");
    check("occurred:..yesterday", "occurred:<2026-09-20T00:00:00Z");
}

#[test]
fn times_in_a_zone() {
    let canonical = |text: &str| Query::parse(text, &options_in("Berlin")).expect(text).to_string();
    assert_eq!(canonical("occurred:today"), "occurred:2026-09-19T22:00:00Z..2026-09-20T21:59:59.999999Z");
    assert_eq!(canonical("occurred:2026-10-25"), "occurred:2026-10-24T22:00:00Z..2026-10-25T22:59:59.999999Z");
    assert_eq!(canonical("occurred:>=2026-09-20T14:03"), "occurred:>=2026-09-20T12:03:00Z");
    assert_eq!(canonical("occurred:>=2026-09-20T14:03Z"), "occurred:>=2026-09-20T14:03:00Z");
    // Two hundred days back lies in winter time: the clock shows the same.
    assert_eq!(canonical("occurred:>=-200d"), "occurred:>=2026-03-04T13:00:00Z");
}

#[test]
fn the_tree() {
    let is = |field, text: &str| Expression::Is(Condition::Text(field, Pattern::Exact(text.into())));
    let expected = Expression::And(vec![
        is(TextField::Outcome, "denied"),
        Expression::Not(Box::new(is(TextField::ActorType, "system"))),
        Expression::Or(vec![is(TextField::TargetType, "invoice"), is(TextField::TargetType, "payment")]),
    ]);
    let text = "outcome:denied -actor.type:system (target.type:invoice OR target.type:payment)";
    assert_eq!(Query::parse(text, &options()).expect(text).expression(), &expected);
}
