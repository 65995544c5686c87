//! Queries, scopes and pages to ask about the generated [`crate::events`]: a fixed table, and random ones.

use deedbook_core::commitment::Key;
use deedbook_core::query::{Condition, Expression, ParseOptions};
use deedbook_core::{FieldProfile, FieldRule, GroupBy, Order, PageRequest, Query, Scope, Timestamp, Treatment};
use proptest::prelude::*;

/// Queries that between them use every field, operator and form of value, most of them with some answers.
pub const QUERIES: &[&str] = &[
    "",
    "()",
    "-()",
    "action:document.shared",
    "action:document.*",
    "action:d*",
    "action:*",
    "action:(document.shared,invoice.approved)",
    "action:(user.*,report.exported)",
    "action:nothing.happened",
    "-action:document.*",
    "-action:*",
    "actor:user_1",
    "actor:user:user_1",
    "actor:service:user_1",
    "actor:user_*",
    "actor:user:user*",
    "actor:user:4",
    "actor:user:user:4",
    "actor:ада",
    "actor:\"user 6\"",
    "actor:user:*",
    "actor:*",
    "actor:system",
    "actor:anon*",
    "actor:USER_1",
    "actor.type:user",
    "actor.type:(agent,service)",
    "-actor.type:system",
    "actor.type:s*",
    "actor.name:ada",
    "actor.name:\"ada lovelace\"",
    "actor.name:\"lovelace ada\"",
    "actor.name:gross",
    "actor.name:JÜRGEN",
    "actor.name:o'neil",
    "actor.name:лав*",
    "actor.name:山",
    "actor.name:\"山田\"",
    "actor.name:*",
    "-has:actor.name",
    "on_behalf_of:user_2",
    "on_behalf_of:user:user_2",
    "on_behalf_of:*",
    "has:on_behalf_of",
    "principal:user_1",
    "principal:user:user_1",
    "principal:user*",
    "principal:doc_42",
    "principal:system",
    "-principal:user_1",
    "target:doc_42",
    "target:document:doc_42",
    "target:document:doc*",
    "target:invoice:inv:2026:7",
    "target:inv:2026:7",
    "target:inv:2026*",
    "target:arn:aws:s3:::logs",
    "target:7",
    "target:payment:7",
    "target:年次報告",
    "target:(doc_42,doc_43,deedbook)",
    "-has:target",
    "target.type:invoice",
    "(target.type:invoice OR target.type:payment)",
    "target.type:p*",
    "target.name:plan",
    "target.name:\"annual plan\"",
    "target.name:strassenverzeichnis",
    "target.name:final",
    "target.name:οδος",
    "target.name:\"deedbook core\"",
    "target.name:acme",
    "target.name:1.250*",
    "outcome:success",
    "outcome:denied",
    "outcome:(failure,denied)",
    "outcome:unknown",
    "-outcome:success",
    "ip:203.0.113.9",
    "ip:203.0.113.0/24",
    "ip:203.0.113.0/25",
    "ip:10.0.0.0/8",
    "ip:::ffff:10.1.2.3",
    "ip:2001:db8::/32",
    "ip:0.0.0.0/0",
    "ip:::/0",
    "ip:(10.0.0.0/8,2001:db8::9)",
    "-has:ip",
    "service:docs-api",
    "service:b*",
    "-has:service",
    "id:evt_000007",
    "id:evt_00001*",
    "id:(evt_000001,evt_000002,evt_9)",
    "seq:0",
    "seq:3..9",
    "seq:>=20",
    "seq:<5",
    "seq:>100000",
    "-seq:>2",
    "seq:(1,3,5..8)",
    "request_id:req_7",
    "request_id:req_1*",
    "has:request_id",
    "correlation_id:ord_991",
    "correlation_id:\"batch 7\"",
    "correlation_id:ord*",
    "transaction_id:tx_2",
    "-has:transaction_id",
    "audience:owners",
    "audience:(members,security)",
    "audience:o*",
    "-has:audience",
    "category:project",
    "category:a*",
    "-has:category",
    "change:/role",
    "change:/settings",
    "change:/settings/theme",
    "change:/set*",
    "change:/a~1b",
    "change:/api_key",
    "change:\"\"",
    "-has:change",
    "meta.amount:>1000",
    "meta.amount:<=1250.5",
    "meta.amount:1250.50",
    "meta.amount:100..2000",
    "meta.amount:12*",
    "meta.tags:blue",
    "meta.tags:7",
    "meta.tags:(green,Green)",
    "meta.\"dotted.name\".x:true",
    "meta.dotted.name.x:true",
    "meta.items.sku:b2",
    "meta.items.n:>1",
    "has:meta.note",
    "-has:meta.amount",
    "has:meta.items.sku",
    "occurred:2026-09",
    "occurred:2026-08",
    "occurred:today",
    "occurred:yesterday",
    "occurred:>=-7d",
    "occurred:<-7d",
    "occurred:2026-09-01..2026-09-10",
    "occurred:-30d..-10d",
    "-occurred:>=-7d",
    "has:occurred",
    "recorded:today",
    "recorded:<now",
    "recorded:>=2026-09-20T14:00:10Z",
    "recorded:2026-09-20T14:00:20Z..2026-09-20T14:01:00Z",
    "has:error",
    "has:reason",
    "plan",
    "PLAN",
    "pla*",
    "\"annual plan\"",
    "\"annual plan\" -\"plan annual\"",
    "\"annual pl\"*",
    "\"the annual plan\"",
    "\"plan annual\"",
    "\"to be or\"",
    "\"to be to be or not\"",
    "grace",
    "gross",
    "STRASSENVERZEICHNIS",
    "ﬁnal",
    "ада",
    "лавлейс",
    "山田",
    "報告",
    "年次報告書",
    "işik",
    "ışık",
    "snake_case",
    "example.com",
    "deedbook-0.1.0.tar.gz",
    "3.14",
    "19.9",
    "1250.5",
    "2.5",
    "o’neil",
    "sinéad",
    "sinead",
    "true",
    "amount",
    "long",
    "xyzzy",
    "plan grace",
    "plan OR xyzzy",
    "plan OR grace outcome:denied",
    "-plan -grace",
    "NOT (plan OR grace)",
    "(plan OR lovelace) (outcome:denied OR outcome:failure) -actor.type:system",
    "action:user.* -actor.type:system occurred:>=-7d",
    "action:document.* target:doc_42 actor:user_1",
    "(action:document.shared OR (target:7 -outcome:denied)) has:change",
    "-(action:d* OR actor:user_1 OR plan)",
    "() OR plan",
    "meta.amount:>1000 (target.type:invoice OR target.type:payment) \"annual plan\"",
];

/// What relative times in [`QUERIES`] mean: UTC, at the time of [`crate::Clock::fixed`].
pub fn options() -> ParseOptions {
    ParseOptions::utc(crate::Clock::fixed().now())
}

/// The query of a text that is known to parse.
pub fn query(text: &str) -> Query {
    Query::parse(text, &options()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Scopes from everything to nothing.
pub fn scopes() -> Vec<Scope> {
    vec![
        Scope::all_tenants(),
        Scope::unrestricted("the conformance suite"),
        Scope::tenant("acme"),
        Scope::tenant("beta-9"),
        Scope::tenant(deedbook_core::OWN_TENANT),
        Scope::tenant("nobody"),
        seen_by(Scope::tenant("acme"), &["owners"], None),
        seen_by(Scope::all_tenants(), &["members", "security"], None),
        seen_by(Scope::tenant("acme"), &[], Some("user_1")),
        seen_by(Scope::all_tenants(), &[], Some("user:user:4")),
        seen_by(Scope::tenant("beta-9"), &["security"], Some("user:ада")),
        seen_by(Scope::all_tenants(), &[], None),
        seen_by(Scope::all_tenants(), &[], Some("system")),
        Scope::tenant("acme").matching(query("target:doc_42 OR target.type:user")),
        Scope::tenant("acme").matching(query("target:doc_42 OR target.type:user")).matching(query("-outcome:denied")),
        seen_by(Scope::all_tenants(), &["owners"], Some("user_2")).matching(query("occurred:>=-20d -action:user.*")),
        masked(Scope::tenant("acme"), &[("/actor/name", "drop"), ("/targets/*/name", "mask"), ("/context/ip", "drop")]),
        masked(Scope::all_tenants(), &[("/actor/id", "hash"), ("/targets/*/id", "hash"), ("/context/ip", "truncate")]),
        masked(
            Scope::all_tenants(),
            &[("/metadata/amount", "show"), ("/metadata", "drop"), ("/changes/~1role", "mask")],
        ),
        masked(
            Scope::all_tenants().matching(query("actor:user_1 OR plan")),
            &[("/targets", "drop"), ("/source", "mask")],
        ),
        masked(seen_by(Scope::tenant("acme"), &["owners"], Some("user_1")), &[("", "drop")]),
        masked(Scope::all_tenants(), &[("/description", "show"), ("/actor/on_behalf_of", "drop"), ("/reason", "mask")])
            .masked_by(profile(&[("/correlation_id", "hash"), ("/changes/*/to", "drop"), ("/error", "drop")])),
    ]
}

fn masked(scope: Scope, rules: &[(&str, &str)]) -> Scope {
    scope.masked_by(profile(rules))
}

fn profile(rules: &[(&str, &str)]) -> FieldProfile {
    let rule = |(path, word): &(&str, &str)| FieldRule {
        path: (*path).to_owned(),
        treatment: Treatment::from_word(word).unwrap_or_else(|| panic!("{word} is a treatment")),
    };
    let rules: Vec<FieldRule> = rules.iter().map(rule).collect();
    FieldProfile::new(&rules, Key([9; 32])).unwrap_or_else(|error| panic!("{error}"))
}

fn seen_by(scope: Scope, labels: &[&str], me: Option<&str>) -> Scope {
    scope.visible_to(labels.iter().map(|label| (*label).to_owned()).collect(), me.map(str::to_owned))
}

/// Groupings by nothing, by each field and by several.
pub fn groupings() -> Vec<Vec<GroupBy>> {
    use GroupBy::{Action, Actor, Day, Outcome, Target, Tenant};
    vec![
        vec![],
        vec![Action],
        vec![Actor],
        vec![Target],
        vec![Outcome],
        vec![Day],
        vec![Tenant],
        vec![Action, Day],
        vec![Tenant, Outcome],
        vec![Target, Outcome, Actor],
        vec![Action, Day, Outcome, Tenant],
        vec![Day, Day, Tenant, Outcome, Action],
    ]
}

/// Any query over the vocabulary of the events: one of the table, or conditions of several joined at random.
pub fn any_query() -> impl Strategy<Value = Query> {
    let leaf = prop_oneof![
        6 => proptest::sample::select(QUERIES).prop_map(|text| query(text).expression().clone()),
        1 => time_bounds().prop_map(Expression::Is),
    ];
    let tree = leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Expression::And),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Expression::Or),
            inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    });
    tree.prop_map(Query::from_expression)
}

fn time_bounds() -> impl Strategy<Value = Condition> {
    let around = || proptest::option::of((-3_000_000_i64..600).prop_map(moment));
    (around(), around(), any::<bool>()).prop_map(|(from, until, is_recorded)| {
        let bounds = deedbook_core::query::Bounds { from, until };
        if is_recorded { Condition::Recorded(bounds) } else { Condition::Occurred(bounds) }
    })
}

/// So many seconds after the time of the fixed clock.
fn moment(seconds: i64) -> Timestamp {
    let now = crate::Clock::fixed().now().as_microsecond();
    Timestamp::from_microsecond(now + seconds * 1_000_000).expect("a time within this century")
}

/// One of [`scopes`].
pub fn any_scope() -> impl Strategy<Value = Scope> {
    proptest::sample::select(scopes())
}

/// One of [`groupings`].
pub fn any_grouping() -> impl Strategy<Value = Vec<GroupBy>> {
    proptest::sample::select(groupings())
}

/// A page of up to 30 entries, from either end or beyond a position up to 60.
pub fn any_page_request() -> impl Strategy<Value = PageRequest> {
    let order = prop_oneof![Just(Order::Ascending), Just(Order::Descending)];
    (order, 0_usize..30, proptest::option::of(0_u64..60)).prop_map(|(order, limit, after)| PageRequest {
        order,
        limit,
        after,
    })
}
