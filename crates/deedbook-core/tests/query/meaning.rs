//! Which entries a query matches.

use crate::{bare_entry, entry, full_entry, query};
use deedbook_core::query::{Bounds, Condition, Expression};
use deedbook_core::{Actor, Entry, Event, Query, Scope, Target};

/// Each of these, between bars, matches the full entry and not the bare one.
fn check_matches(texts: &str) {
    for text in texts.split('|') {
        assert!(query(text).matches(&full_entry()), "{text} must match");
        assert!(!query(text).matches(&bare_entry()), "{text} must not match the bare entry");
        let negated = query(&format!("-({text})"));
        assert!(!negated.matches(&full_entry()) && negated.matches(&bare_entry()), "-({text})");
    }
}

/// None of these matches the full entry.
fn check_differs(texts: &str) {
    for text in texts.split('|') {
        assert!(!query(text).matches(&full_entry()), "{text} must not match");
    }
}

#[test]
fn actors_and_targets() {
    check_matches(
        r#"actor:agt_7 | actor:agent:agt_7 | actor:agt* | actor:agent:a* | actor.type:agent | actor.type:a* |
        actor.name:contract | actor.name:"Contract Bot" | actor.name:"contract b"* | actor.name:* |
        on_behalf_of:user_1 | on_behalf_of:user:user_1 | on_behalf_of:system | on_behalf_of:* |
        principal:agt_7 | principal:user_1 | principal:doc_42 | principal:document:doc_42 | target:doc_42 |
        target:document:doc_42 | target:doc* | target:arn:aws:s3:::logs | target:arn:aws* |
        target:bucket:arn:aws:s3:::logs | target:bucket:arn* | target.type:bucket | target.name:grace |
        target.name:STRASSE | target.name:"q3 plan strasse" | target.name:Hop* | target.type:(x,bucket)"#,
    );
    check_differs(
        r#"actor:AGT_7 | actor:agt_ | actor:user:agt_7 | actor:user_1 | actor:agent | actor:ag:* | actor:user:* |
        on_behalf_of:agt_7 | on_behalf_of:doc_42 | actor.name:ada | actor.name:"bot contract" |
        target:user_1 | target:docu* | target:document:arn* | target.name:"plan grace" | target.name:rass* |
        principal:user:agt_7"#,
    );
    assert!(query("actor:system actor:sys* principal:system").matches(&bare_entry()));
    assert!(!query("actor:system: OR target:* OR on_behalf_of:* OR actor.name:*").matches(&bare_entry()));
}

#[test]
fn textual_fields() {
    check_matches(
        r#"action:document.shared | action:document.* | action:(x.y,document.shared) | outcome:denied |
        outcome:(denied,failure) | service:docs-api | service:docs* | id:evt_7 | request_id:req_7f3 |
        correlation_id:ord_991 | correlation_id:ord* | transaction_id:"tx 5" | audience:owners |
        audience:sec* | category:project | change:/settings | change:/settings/role | change:/set* |
        change:/api_key | change:* | change:"" | ip:203.0.113.9 | ip:203.0.113.0/24 | ip:0.0.0.0/0 |
        ip:::ffff:203.0.113.9 | ip:(::1,203.0.113.9)"#,
    );
    check_differs(
        r#"action:document | action:Document.shared | outcome:success | service:docs | id:evt_ | change:/set |
        change:/role | change:/settings/role/x | change:/settings/ | audience:owner | ip:203.0.113.8 |
        ip:203.0.112.0/24 | ip:::/0 | category:projects"#,
    );
    assert!(query("outcome:success").matches(&bare_entry()));
}

#[test]
fn presence() {
    check_matches(
        r#"has:actor.name | has:on_behalf_of | has:target | has:target.type | has:target.name | has:service |
        has:request_id | has:correlation_id | has:transaction_id | has:audience | has:category | has:change |
        has:ip | has:occurred | has:error | has:reason | has:meta.amount | has:meta.nested.deep |
        has:meta.nested.deep."x.y" | has:meta.items.sku | has:meta.empty"#,
    );
    check_differs(r#"has:meta.nothing | has:meta.absent | has:meta.nested.x | has:meta.amount.x"#);
    for always in ["action", "actor", "actor.type", "id", "outcome", "principal"] {
        assert!(query(&format!("has:{always}")).matches(&bare_entry()), "{always}");
    }
}

#[test]
fn metadata() {
    check_matches(
        r#"meta.amount:1250.5 | meta.amount:1250.50 | meta.amount:12505e-1 | meta.amount:125* |
        meta.amount:>1000 | meta.amount:>=1250.5 | meta.amount:<=1250.5 | meta.amount:1000..2000 |
        meta.amount:..1250.5 | meta.days:30 | meta.days:30.0 | meta.days:30..30 | meta.ok:true |
        meta.note:"see ticket T-5" | meta.note:see* | meta.tags:blue | meta.tags:7 | meta.tags:>6 |
        meta.tags:Gr* | meta.nested.deep."x.y":found | meta.items.sku:b2 | meta.items.n:>10 |
        meta.items.n:20 | meta.amount:(1,1250.5)"#,
    );
    check_differs(
        r#"meta.amount:>1250.5 | meta.amount:<1250.5 | meta.amount:1..1250 | meta.note:ticket | meta.ok:false |
        meta.ok:1 | meta.nothing:null | meta.tags:green | meta.items:a1 | meta.nested.deep.x.y:found |
        meta.note:>5 | meta.items.n:2..19 | meta.AMOUNT:1250.5 | meta.nested:*"#,
    );
}

#[test]
fn times_and_numbers() {
    check_matches(
        r#"seq:7 | seq:5..7 | seq:>6 | seq:>=7 | seq:(3,7) | occurred:2026-09-20T11:59 |
        occurred:<2026-09-20T12:00Z | occurred:2026-09-20T11:59:30.5Z | recorded:2026-09-20T12:00:01Z |
        recorded:>2026-09-20T12:00:00Z | occurred:-15m..-5s | recorded:>now"#,
    );
    check_differs(
        r#"seq:<7 | seq:8.. | seq:..6 | occurred:yesterday | occurred:>now | recorded:<=now | recorded:>today"#,
    );
    assert!(query("occurred:today recorded:today").matches(&full_entry()));
    assert!(query("occurred:2026-09-20T12:00:00Z").matches(&bare_entry()), "falls back to recorded_at");
}

#[test]
fn free_words() {
    check_matches(
        r#"lovelace | ADA | "ada lovelace" | love* | "ada love"* | contract-bot | grace | strasse | straße |
        "annual plan" | viewer | "editor in chief" | 3.5 | ticket | T-5 | blue | 30 | 1250.5 | found | b2 |
        plan -planet | nowhere OR ada | "plan with""#,
    );
    check_differs(
        r#"true | amount | forbidden | asked | shared.document | ann | "plan annual" | "lovelace q3" |
        "ada ada" | agt_7 | owners | ada nowhere | -ada"#,
    );
}

#[test]
fn phrases_that_overlap_themselves() {
    let mut event = Event::new("a.b", Actor::without_id("system"));
    event.description = Some("to be to be or not to be".into());
    let entry = entry(event, 1, crate::NOW);
    for (text, expected) in [
        ("\"to be or\"", true),
        ("\"to be to be or\"", true),
        ("\"be or not to be\"", true),
        ("\"to be to be to\"", false),
        ("\"or not to b\"*", true),
        ("\"to b or\"", false),
    ] {
        assert_eq!(query(text).matches(&entry), expected, "{text}");
    }
}

#[test]
fn trees_built_by_hand() {
    let unbounded = |condition: fn() -> Condition| Query::from_expression(Expression::Is(condition()));
    for entry in [full_entry(), bare_entry()] {
        assert!(Query::all().matches(&entry) && query("()").matches(&entry) && query("() OR x").matches(&entry));
        assert!(!Query::from_expression(Expression::Or(Vec::new())).matches(&entry));
        assert!(unbounded(|| Condition::Seq(Bounds { from: None, until: None })).matches(&entry));
    }
}

#[test]
fn whose_own() {
    let own = |who: &str, entry: &Entry| Scope::all_tenants().visible_to(Vec::new(), Some(who.into())).allows(entry);
    let mut entry = full_entry();
    entry.event.targets.push(Target::new("user", "system"));
    for who in ["agt_7", "agent:agt_7", "user_1", "user:user_1", "doc_42", "bucket:arn:aws:s3:::logs"] {
        assert!(own(who, &entry), "{who}");
    }
    for who in ["user:agt_7", "agent", "user", "USER_1", "", ":", "user:"] {
        assert!(!own(who, &entry), "{who}");
    }
    assert!(!own("system", &bare_entry()), "no reader is the system");
    entry.event.audience = Some(Vec::new());
    assert!(!own("agt_7", &entry), "an empty audience is for administrators");
}
