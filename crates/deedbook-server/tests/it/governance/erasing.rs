//! The erasure of a person.

use std::sync::Arc;

use deedbook_core::removal::ERASED;
use deedbook_core::retention::Age;
use deedbook_core::{Actor, AppendStatus, Entry, ErrorKind, Event, Limits, StoreExt, Target, prepare_own};
use deedbook_server::{Approval, Erasure, Mentions, NewErasure, NewHold, Policy, Search};
use deedbook_testkit::{Clock, StoreKind};

use super::{Book, ada, admin, change, event, everything, watch};
use crate::support::Failing;

deedbook_testkit::over_each_store! {
    a_plan_names_every_place_and_changes_nothing,
    what_is_the_person_s_goes_and_what_is_another_s_stays,
    the_certificate_says_what_was_done,
    the_request_keeps_nothing_of_the_person,
    an_old_client_does_not_bring_the_person_back,
    it_takes_a_second_administrator,
    what_is_withdrawn_is_not_done_and_names_nobody,
    what_is_wrong_with_a_request,
    what_a_hold_covers_is_not_erased,
    every_text_is_read_where_that_is_asked_for,
    what_an_agent_did_for_the_person_is_the_person_s_too,
    an_erasure_that_ends_at_any_step_is_finished_by_the_next_start,
}

fn new() -> NewErasure {
    NewErasure {
        tenant: "acme".to_owned(),
        principal: "user:user_ada".to_owned(),
        basis: "GDPR Art. 17, ticket T-5".to_owned(),
        also: Vec::new(),
        mentions: Some(Mentions::Erase),
        search: Search::Index,
    }
}

fn sole() -> Policy {
    Policy { approval: Approval::Own, backups_kept: Age::parse("35d") }
}

/// Everything that a person can be to an entry.
fn fill(book: &Book) -> Vec<Entry> {
    let mut signed_in = Event { actor: ada(), ..event("acme user.signed_in account -") };
    signed_in.context.ip = Some("203.0.113.9".parse().unwrap());
    signed_in.context.user_agent = Some("Ada's browser".to_owned());
    signed_in.description = Some("Ada Lovelace signed in".to_owned());
    let mut supported = event("acme plan.changed project p");
    supported.actor = Actor { on_behalf_of: Some(Box::new(ada())), ..Actor::new("user", "user_2").named("Grace") };
    supported.context.ip = Some("203.0.113.10".parse().unwrap());
    let mut invited = event("acme user.invited project -");
    invited.targets = vec![
        Target { email: Some("ada@acme.example".to_owned()), ..Target::new("user", "user_ada").named("Ada Lovelace") },
        Target { email: Some("g@acme.example".to_owned()), ..Target::new("user", "user_2").named("Grace") },
    ];
    invited.metadata.insert("note".to_owned(), "a friend of Ada".into());
    invited.personal = vec!["/metadata/note".to_owned()];
    let mut renamed = event("acme user.renamed account -");
    renamed.targets = vec![Target::new("user", "user_ada")];
    renamed.changes = vec![change("/name", "Ada Byron", "Ada Lovelace")];
    let mut told = event("acme ticket.closed project t");
    told.metadata.insert("text".to_owned(), "asked by ADA  BYRON on the phone".into());
    let mut reasoned = Event { actor: ada(), ..event("acme ticket.opened project t") };
    reasoned.reason = Some("Ada Lovelace wants it".to_owned());
    let mut foreign = Event { actor: ada(), ..event("beta user.signed_in account -") };
    foreign.description = Some("Ada Lovelace signed in".to_owned());
    let other = event("acme invoice.paid project i");
    [signed_in, supported, invited, renamed, told, reasoned, foreign, other]
        .into_iter()
        .map(|event| book.record(event))
        .collect()
}

fn done(book: &Book, new: &NewErasure) -> Arc<Erasure> {
    let asked = book.governance.request_erasure(new, &admin("ops:1"), &watch()).unwrap();
    book.governance.carry_out_erasure(&asked.id, &watch()).unwrap().unwrap()
}

fn read(book: &Book, entry: &Entry) -> Option<deedbook_core::serde_json::Value> {
    let found = book.store.get(&entry.receipt.tenant, &entry.receipt.id, &everything()).unwrap()?;
    Some(deedbook_core::serde_json::from_slice(&found.to_json()).unwrap())
}

fn a_plan_names_every_place_and_changes_nothing(on: StoreKind) {
    let book = Book::new(on);
    fill(&book);
    let before = book.store.visible_count();
    let plan = book.governance.plan_erasure(&new(), &watch()).unwrap().to_json();
    assert_eq!(book.store.visible_count(), before);
    assert_eq!(
        plan["paths"].to_string(),
        "{\"/actor/email\":2,\"/actor/name\":2,\"/actor/on_behalf_of/email\":1,\"/actor/on_behalf_of/name\":1,\
         \"/context/ip\":1,\"/context/user_agent\":1,\"/description\":1,\"/metadata/note\":1,\"/targets/*/email\":1,\
         \"/targets/*/name\":1}"
    );
    assert_eq!(plan["names"].to_string(), r#"["Ada Byron","Ada Lovelace","ada@acme.example"]"#);
    assert_eq!((&plan["entries"], &plan["mentions"]["count"]), (&4.into(), &3.into()));
    let texts: Vec<String> = plan["mentions"]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mention| format!("{} {}", mention["action"], mention["texts"][0]["pointer"]))
        .collect();
    assert_eq!(
        texts,
        [
            "\"user.renamed\" \"/changes/0/from\"",
            "\"ticket.closed\" \"/metadata/text\"",
            "\"ticket.opened\" \"/reason\""
        ]
    );
}

fn what_is_the_person_s_goes_and_what_is_another_s_stays(on: StoreKind) {
    let book = Book::with(on, sole());
    let entries = fill(&book);
    let erasure = done(&book, &new());
    assert_eq!(erasure.state(), "done");
    for text in ["Lovelace", "Byron", "ada@acme.example", "203.0.113.9\"", "Ada's browser"] {
        let left = book.own("user.signed_in").iter().filter(|entry| entry.receipt.tenant == "beta").count();
        assert_eq!(left, 1);
        assert_eq!(book.holds_text(text), matches!(text, "Lovelace" | "ada@acme.example"), "only beta has {text}");
    }
    let acme = |entry: &Entry| entry.receipt.tenant == "acme";
    let told: Vec<Option<_>> = entries.iter().filter(|it| acme(it)).map(|entry| read(&book, entry)).collect();
    let signed_in = told[0].as_ref().unwrap();
    assert_eq!(signed_in["actor"]["id"], "user_ada", "the pseudonym stays");
    assert!(signed_in["actor"]["name"].is_null() && signed_in["context"]["ip"].is_null());
    assert!(signed_in["description"].is_null());
    let supported = told[1].as_ref().unwrap();
    assert_eq!((&supported["actor"]["name"], &supported["context"]["ip"]), (&"Grace".into(), &"203.0.113.10".into()));
    assert!(supported["actor"]["on_behalf_of"]["name"].is_null());
    let invited = told[2].as_ref().unwrap();
    assert_eq!(invited["targets"][1]["name"], "Grace");
    assert!(invited["targets"][0]["email"].is_null() && invited["metadata"]["note"].is_null());
    assert!(told[3].is_none() && told[4].is_none() && told[5].is_none(), "mentions went with their entries");
    assert_eq!(told[6].as_ref().unwrap()["action"], "invoice.paid");
}

fn the_certificate_says_what_was_done(on: StoreKind) {
    let book = Book::with(on, sole());
    let entries = fill(&book);
    let mut exported = event("acme audit.exported access -");
    exported.metadata.insert("file_sha256".to_owned(), "ab12".into());
    book.record(exported);
    let keep = Mentions::Each {
        erase: vec![entries[4].receipt.id.clone()],
        keep: vec![entries[3].receipt.id.clone(), entries[5].receipt.id.clone()],
    };
    let erasure = done(&book, &NewErasure { mentions: Some(keep), ..new() });
    let shown = erasure.to_json();
    let certificate = &shown["certificate"];
    assert_eq!((&certificate["entries"], &certificate["contents"]), (&5.into(), &1.into()));
    assert_eq!((&certificate["values"], &certificate["paths"]["/actor/name"]), (&12.into(), &2.into()));
    assert_eq!(certificate["kept"]["ids"][1], entries[5].receipt.id.as_str());
    assert_eq!(certificate["kept"]["count"], 2);
    let gone_by = certificate["backups"]["gone_by"].as_str().unwrap();
    let expected = deedbook_core::rfc3339(Age::parse("35d").unwrap().after(book.clock.now()).unwrap());
    assert_eq!(gone_by, expected);
    assert_eq!(
        (&certificate["exports"]["count"], &certificate["exports"]["exports"][0]["sha256"]),
        (&1.into(), &"ab12".into())
    );
    assert!(certificate.get("approved_by").is_none() && shown["principal"].is_null());
}

fn the_request_keeps_nothing_of_the_person(on: StoreKind) {
    let book = Book::with(on, sole());
    let mut signed_in = event("acme user.signed_in account -");
    signed_in.actor = Actor::new("user", "ada@acme.example").named("Ada");
    signed_in.personal = vec!["/actor/id".to_owned()];
    book.record(signed_in);
    let erasure = done(
        &book,
        &NewErasure { principal: "ada@acme.example".to_owned(), also: vec!["Countess Ada".to_owned()], ..new() },
    );
    assert!(erasure.principal.is_none() && erasure.also.is_empty());
    assert!(!book.holds_text("ada@acme.example") && !book.holds_text("Countess"));
    let reopened = book.reopened(sole());
    assert_eq!(reopened.governance.settings().erasures()[0].state(), "done");
    let authorities = book.own(ERASED);
    assert_eq!(authorities.iter().map(|it| it.receipt.tenant.as_str()).collect::<Vec<_>>(), ["acme", "_deedbook"]);
}

fn an_old_client_does_not_bring_the_person_back(on: StoreKind) {
    let book = Book::with(on, sole());
    let entries = fill(&book);
    done(&book, &new());
    for entry in entries.iter().filter(|entry| entry.receipt.tenant == "acme") {
        let again = prepare_own(entry.event.clone(), &Limits::default(), || [0; 16]).unwrap();
        let fate = book.store.append_one(again).unwrap();
        assert_eq!((fate.status, fate.receipt), (AppendStatus::Replayed, entry.receipt.clone()));
    }
    assert!(!book.holds_text("Byron"));
}

fn it_takes_a_second_administrator(on: StoreKind) {
    let book = Book::new(on);
    fill(&book);
    let asked = book.governance.request_erasure(&new(), &admin("ops:1"), &watch()).unwrap();
    assert_eq!(asked.state(), "requested");
    let early = book.governance.carry_out_erasure(&asked.id, &watch()).unwrap_err();
    assert_eq!(early.kind(), ErrorKind::Conflict);
    let own = book.governance.approve_erasure(&asked.id, &admin("ops:1"), &watch()).unwrap_err();
    assert_eq!(own.kind(), ErrorKind::Conflict);
    assert!(book.holds_text("Byron"));
    let approved = book.governance.approve_erasure(&asked.id, &admin("ops:2"), &watch()).unwrap().unwrap();
    assert_eq!(approved.state(), "approved");
    let done = book.governance.carry_out_erasure(&asked.id, &watch()).unwrap().unwrap();
    assert_eq!(done.to_json()["certificate"]["approved_by"], "operator:ops:2");
    assert!(!book.holds_text("Byron"));
    assert!(book.governance.approve_erasure("era_none", &admin("ops:2"), &watch()).unwrap().is_none());
}

fn what_is_withdrawn_is_not_done_and_names_nobody(on: StoreKind) {
    let book = Book::new(on);
    fill(&book);
    let asked = book.governance.request_erasure(&new(), &admin("ops:1"), &watch()).unwrap();
    let withdrawn = book.governance.withdraw_erasure(&asked.id, &admin("ops:2"), &watch()).unwrap().unwrap();
    assert_eq!(withdrawn.state(), "withdrawn");
    assert!(book.holds_text("Byron") && !book.holds_text("user:user_ada"));
    let again = book.governance.withdraw_erasure(&asked.id, &admin("ops:2"), &watch()).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);
}

fn what_is_wrong_with_a_request(on: StoreKind) {
    let book = Book::new(on);
    fill(&book);
    for (new, expected) in [
        (NewErasure { principal: String::new(), ..new() }, "/principal bad_id"),
        (NewErasure { principal: "user:nobody".to_owned(), ..new() }, "/principal nobody"),
        (NewErasure { basis: " ".to_owned(), ..new() }, "/basis bad_basis"),
        (NewErasure { basis: "asked by ada lovelace".to_owned(), ..new() }, "/basis names_the_person"),
        (NewErasure { tenant: "Acme".to_owned(), ..new() }, "/tenant bad_tenant"),
        (NewErasure { also: vec![String::new()], ..new() }, "/also bad_name"),
        (NewErasure { mentions: None, ..new() }, "/mentions undecided, /mentions undecided, /mentions undecided"),
    ] {
        let error = book.governance.request_erasure(&new, &admin("ops:1"), &watch()).unwrap_err();
        let places: Vec<String> = error.problems().iter().map(|it| format!("{} {}", it.pointer, it.code)).collect();
        assert_eq!((error.kind(), places.join(", ")), (ErrorKind::Invalid, expected.to_owned()), "{new:?}");
    }
}

fn what_a_hold_covers_is_not_erased(on: StoreKind) {
    let book = Book::with(on, sole());
    fill(&book);
    let hold =
        NewHold { query: Some("action:user.invited".to_owned()), reason: "a case".to_owned(), ..NewHold::default() };
    let hold = book.governance.place_hold(hold, &admin("counsel:1")).unwrap();
    let refused = book.governance.request_erasure(&new(), &admin("ops:1"), &watch()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Held);
    for told in ["operator:counsel:1", "a case", &hold.id] {
        assert!(refused.to_string().contains(told), "{refused}");
    }
    assert!(book.holds_text("Byron"));
    book.governance.release_hold(&hold.id, "over", &admin("counsel:1")).unwrap();
    let asked = book.governance.request_erasure(&new(), &admin("ops:1"), &watch()).unwrap();
    let hold =
        NewHold { query: Some("action:user.invited".to_owned()), reason: "again".to_owned(), ..NewHold::default() };
    let hold = book.governance.place_hold(hold, &admin("counsel:1")).unwrap();
    let refused = book.governance.carry_out_erasure(&asked.id, &watch()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Held);
    assert!(book.holds_text("a friend of Ada"), "held");
    book.governance.release_hold(&hold.id, "over", &admin("counsel:1")).unwrap();
    book.governance.carry_out_erasure(&asked.id, &watch()).unwrap();
    assert!(!book.holds_text("a friend of Ada"));
}

fn every_text_is_read_where_that_is_asked_for(on: StoreKind) {
    let book = Book::with(on, sole());
    book.record(Event { actor: ada(), ..event("acme user.signed_in account -") });
    let mut reasoned = event("acme plan.changed project p");
    reasoned.reason = Some("on the word of Ada Lovelace".to_owned());
    book.record(reasoned);
    let count =
        |search| book.governance.plan_erasure(&NewErasure { search, ..new() }, &watch()).unwrap().mentions_count;
    assert_eq!((count(Search::Index), count(Search::Everything)), (0, 1), "an index has no words of reasons");
    done(&book, &NewErasure { search: Search::Everything, ..new() });
    assert!(!book.holds_text("Lovelace"));
}

fn what_an_agent_did_for_the_person_is_the_person_s_too(on: StoreKind) {
    let book = Book::with(on, sole());
    let mut shared = event("acme document.shared project d");
    shared.actor = Actor { on_behalf_of: Some(Box::new(ada())), ..Actor::new("agent", "agt_1").named("contract-bot") };
    shared.context.ip = Some("203.0.113.9".parse().unwrap());
    let entry = book.record(shared);
    done(&book, &new());
    let shown = read(&book, &entry).unwrap();
    assert!(shown["context"]["ip"].is_null());
    assert_eq!(shown["actor"]["name"], "contract-bot");
}

fn an_erasure_that_ends_at_any_step_is_finished_by_the_next_start(on: StoreKind) {
    let mut ended = false;
    for calls in 0..300 {
        let clock = Clock::fixed();
        let store = Arc::new(Failing::new(on.open(&clock)));
        let book = Book::over(store.clone(), clock, sole());
        for _ in 0..2 {
            fill(&book);
        }
        let asked = book.governance.request_erasure(&new(), &admin("ops:1"), &watch()).unwrap();
        store.fail_after(calls);
        let outcome = book.governance.carry_out_erasure(&asked.id, &watch());
        store.heal();
        let book = book.reopened(sole());
        let done = book.governance.carry_out_erasure(&asked.id, &watch()).unwrap().unwrap();
        assert_eq!(done.state(), "done", "after {calls} calls");
        assert_eq!(done.to_json()["certificate"]["values"], 20, "after {calls} calls");
        assert_eq!(done.to_json()["certificate"]["contents"], 6, "after {calls} calls");
        assert!(!book.holds_text("Byron") && !book.holds_text("user:user_ada"), "after {calls} calls");
        ended = outcome.is_ok();
        if ended {
            break;
        }
    }
    assert!(ended, "the last one was not interrupted");
}
