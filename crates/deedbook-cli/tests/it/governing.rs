//! Rules, holds, erasures and the export of a person on a directory.

use crate::support::Room;

const ADA: &str = r#"{"id":"a","action":"user.signed_in","category":"account","actor":{"type":"user","id":"ada","name":"Ada Lovelace"}}"#;
const NOTE: &str =
    r#"{"id":"b","action":"ticket.opened","actor":{"type":"system"},"metadata":{"text":"for Ada Lovelace"}}"#;

#[test]
fn rules_are_shown_set_and_planned() {
    let place = Room::new();
    place.enter(ADA);
    place.run(&["retention", "show"]).exits(0).prints(&["category:account keep 90d", "nobody set these"]);
    place.file("rules.txt", "category:account keep 1d\nkeep last 3\n");
    place.run(&["retention", "set", "rules.txt", "--reason", "a test"]).exits(0).prints(&["keep last 3", "a test"]);
    place.file("wrong.txt", "keep forever\nkeep soon\n");
    place.run(&["retention", "set", "wrong.txt", "--reason", "a test"]).exits(4).says(&["line 2", "expected"]);
    place.run(&["retention", "plan"]).exits(0).prints(&["0 entries would go", "category:account keep 1d"]);
    let shown = place.run(&["retention", "show", "--format", "json"]).exits(0).json();
    assert_eq!(shown["rules"][1]["keep"], "last 3");
}

#[test]
fn holds_are_placed_listed_and_released() {
    let place = Room::new();
    place.enter(ADA);
    let hold =
        ["hold", "place", "--query", "action:user.*", "--reason", "case 7", "--by", "counsel", "--format", "json"];
    let placed = place.run(&hold).exits(0).json();
    let id = placed["id"].as_str().unwrap();
    assert_eq!(placed["placed_by"], "operator:counsel");
    place.run(&["hold", "list"]).exits(0).prints(&[id, "query=action:user.*", "case 7", "in force"]);
    let erase = ["erase", "--principal", "user:ada", "--basis", "T-5", "--sole-administrator"];
    place.run(&erase).exits(13).says(&[id, "operator:counsel", "case 7"]);
    place.run(&["hold", "release", id, "--reason", "closed"]).exits(0).prints(&["released", "closed"]);
    place.run(&["hold", "release", "hold_none", "--reason", "x"]).exits(1).says(&["there is no hold", "hold list"]);
    place.run(&["hold", "place", "--reason", "x"]).exits(4).says(&["say what it covers"]);
}

#[test]
fn what_an_erasure_would_do_is_shown_for_decision() {
    let place = Room::new();
    place.enter(ADA);
    place.enter(NOTE);
    let with = |more: &[&str]| {
        let arguments = ["erase", "--principal", "user:ada", "--basis", "ticket T-5"];
        place.run(&[&arguments, more].concat())
    };
    with(&["--dry-run"]).exits(0).prints(&["1 value of 1 entry would go", "Ada Lovelace", "/metadata/text"]);
    with(&["--sole-administrator"]).exits(4).says(&["the entry b names the person", "decide"]);
    with(&["--mentions", "keep"]).exits(2).says(&["a second administrator", "--approved-by"]);
    with(&["--mentions", "keep", "--by", "x", "--approved-by", "x"]).exits(5).says(&["another administrator"]);
    place.run(&["erase", "list"]).exits(0).prints(&["withdrawn"]);
    place.run(&["erase"]).exits(2).says(&["--principal"]);
}

#[test]
fn an_erased_person_is_gone_and_the_log_is_whole() {
    let place = Room::new();
    place.enter(ADA);
    place.enter(NOTE);
    let erase =
        ["erase", "--principal", "user:ada", "--basis", "ticket T-5", "--mentions", "erase", "--sole-administrator"];
    place.run(&erase).exits(0).prints(&["is done", "Certificate"]);
    let gone = |place: &Room| {
        let log = place.run(&["log", "--format", "ndjson"]).exits(0).stdout;
        assert!(!log.contains("Lovelace") && !log.contains("ticket.opened"), "{log}");
        assert_eq!(place.run(&["log", "Lovelace", "--count"]).exits(0).stdout.trim(), "0");
        place.run(&["get", "b"]).exits(1);
        place.run(&["doctor"]).exits(0);
    };
    gone(&place);
    // An old client sends again what it sent before.
    place.enter(ADA);
    place.enter(NOTE);
    gone(&place);
    assert_ne!(place.count("action:audit.erased"), 0);
}

#[test]
fn rules_take_away_what_is_old_and_a_hold_keeps_it() {
    let place = Room::new();
    place.enter(ADA);
    place.enter(NOTE);
    place.file("rules.txt", "category:account keep last 1\n");
    place.run(&["retention", "set", "rules.txt", "--reason", "a test"]).exits(0);
    place.enter(&ADA.replace(r#""id":"a""#, r#""id":"c","targets":[{"type":"user","id":"ada"}]"#));
    place.enter(&ADA.replace(r#""id":"a""#, r#""id":"d","targets":[{"type":"user","id":"ada"}]"#));
    let hold = ["hold", "place", "--target", "user:ada", "--reason", "case 7", "--format", "json"];
    let id = place.run(&hold).exits(0).json()["id"].as_str().unwrap().to_owned();
    place.run(&["retention", "run"]).exits(0);
    place.run(&["get", "c"]).exits(0);
    place.run(&["hold", "release", &id, "--reason", "closed"]).exits(0);
    place.run(&["retention", "run"]).exits(0);
    // The older of the two about one target goes; what has no target stays.
    place.run(&["get", "c"]).exits(1);
    for kept in ["a", "b", "d"] {
        place.run(&["get", kept]).exits(0);
    }
    place.run(&["doctor"]).exits(0);
}

#[test]
fn everything_about_a_person_goes_into_a_file() {
    let place = Room::new();
    place.enter(ADA);
    place.enter(NOTE);
    place.run(&["person-export", "--principal", "user:ada", "-o", "ada"]).exits(0);
    let lines = place.read("ada/entries.ndjson");
    assert_eq!(lines.lines().count(), 1);
    let manifest: serde_json::Value = serde_json::from_str(&place.read("ada/manifest.json")).unwrap();
    assert_eq!((&manifest["entries"], &manifest["logs"][0]["actions"]["user.signed_in"]), (&1.into(), &1.into()));
    place.run(&["person-export", "--principal", "user:ada", "-o", "ada"]).exits(2).says(&["is there already"]);
}
