//! What a query prints parses to the same query.

use deedbook_core::Query;
use deedbook_core::query::{
    Bounds, Condition, Expression, HasField, Inclusive, IpNetwork, LastWord, MetaTest, Pattern, TextField, WordsTest,
    words,
};
use proptest::prelude::*;

use crate::{bare_entry, full_entry, options};

/// Pieces of which some make a query.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("a"),
        Just("Plan*"),
        Just("\"x y\""),
        Just("\"ä:b\"*"),
        Just("-"),
        Just("("),
        Just(")"),
        Just(" OR "),
        Just(" AND "),
        Just(" NOT "),
        Just(" "),
        Just(" action:user.*"),
        Just(" actor:(a,\"b c\",d:e*)"),
        Just(" seq:3..9"),
        Just(" seq:>=4"),
        Just(" occurred:today"),
        Just(" recorded:<-3d"),
        Just(" meta.a:>1.5"),
        Just(" meta.\"b.c\":1..2"),
        Just(" meta.d:..x"),
        Just(" has:reason"),
        Just(" ip:10.0.0.0/8"),
        Just(" change:/a"),
        Just(" outcome:denied"),
        Just(" target.name:\"ﬁne Straße\""),
        Just("()"),
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn phrase() -> impl Strategy<Value = Condition> {
    ("[a-zA-Zß’ΣÉ日_.:0-9]{0,4}( [ad-f]{1,3}){0,2}x", any::<bool>()).prop_map(|(text, is_prefix)| {
        let mut found = Vec::new();
        words(&text, &mut |word| found.push(word.to_owned()));
        let last = if is_prefix { LastWord::Prefix } else { LastWord::Whole };
        Condition::Words(WordsTest { words: found, last })
    })
}

fn bounds<T: std::fmt::Debug>(value: impl Strategy<Value = T> + Clone) -> impl Strategy<Value = Bounds<T>> {
    (proptest::option::of(value.clone()), proptest::option::of(value)).prop_map(|(from, until)| Bounds { from, until })
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let text =
        prop_oneof!["\\PC{0,6}", "[a-z:\"\\\\*,.()-]{0,6}", Just("doc_42".to_owned()), Just("user:us".to_owned())];
    prop_oneof![text.clone().prop_map(Pattern::Exact), text.prop_map(Pattern::Prefix)]
}

fn textual() -> impl Strategy<Value = Condition> {
    let plain = TextField::ALL.into_iter().filter(|field| {
        !matches!(field, TextField::Outcome | TextField::Change | TextField::ActorName | TextField::TargetName)
    });
    prop_oneof![
        (proptest::sample::select(plain.collect::<Vec<_>>()), pattern())
            .prop_map(|(field, pattern)| Condition::Text(field, pattern)),
        "/[a-z/]{0,8}".prop_map(|path| Condition::Text(TextField::Change, Pattern::Exact(path))),
        "[a-z]{1,3}( [a-z]{1,3})?".prop_map(|name| Condition::Text(TextField::ActorName, Pattern::Prefix(name))),
    ]
}

fn path() -> impl Strategy<Value = Vec<String>> {
    let name = prop_oneof![Just("amount".to_owned()), Just("items".to_owned()), Just("n".to_owned()), "\\PC{0,4}"];
    proptest::collection::vec(name, 1..3)
}

fn meta() -> impl Strategy<Value = Condition> {
    let bound = || {
        let number = prop_oneof![-1e3..2e3, any::<f64>().prop_filter("JSON has no others", |n| n.is_finite())];
        proptest::option::of((number, prop_oneof![Just(Inclusive::Yes), Just(Inclusive::No)]))
    };
    let test = prop_oneof![
        pattern().prop_map(MetaTest::Text),
        (bound(), bound()).prop_map(|(from, to)| MetaTest::Number { from, to })
    ];
    (path(), test).prop_map(|(path, test)| Condition::Meta(path, test))
}

fn condition() -> impl Strategy<Value = Condition> {
    let time = (1_789_900_000_000_000_i64..1_789_910_000_000_000)
        .prop_map(|us| jiff::Timestamp::from_microsecond(us).expect("a time"));
    let ip = (any::<std::net::IpAddr>(), 0_u8..=128).prop_filter_map("too many bits", |(ip, n)| IpNetwork::new(ip, n));
    prop_oneof![
        textual(),
        phrase(),
        meta(),
        ip.prop_map(Condition::Ip),
        bounds(0_u64..20).prop_map(Condition::Seq),
        bounds(time.clone()).prop_map(Condition::Occurred),
        bounds(time).prop_map(Condition::Recorded),
        path().prop_map(|path| Condition::Has(HasField::Meta(path))),
        proptest::sample::select(TextField::ALL.to_vec()).prop_map(|field| Condition::Has(HasField::Text(field))),
    ]
}

fn expression() -> impl Strategy<Value = Expression> {
    condition().prop_map(Expression::Is).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Expression::And),
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Expression::Or),
            inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_was_parsed_comes_back(text in text()) {
        let Ok(parsed) = Query::parse(&text, &options()) else { return Ok(()) };
        let printed = parsed.to_string();
        let again = Query::parse(&printed, &options());
        prop_assert_eq!(again.as_ref().ok(), Some(&parsed), "{} -> {}", text, printed);
        prop_assert_eq!(again.expect("parsed").to_string(), printed);
    }

    #[test]
    fn what_was_built_means_the_same(expression in expression()) {
        let built = Query::from_expression(expression);
        let printed = built.to_string();
        let again = Query::parse(&printed, &options());
        prop_assert!(again.is_ok(), "{} {:?}", printed, again);
        let again = again.expect("parsed");
        for entry in [full_entry(), bare_entry()] {
            prop_assert_eq!(built.matches(&entry), again.matches(&entry), "{}", printed);
        }
    }
}
