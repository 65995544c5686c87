//! Commitments: the test vector of the format, erasure, and what a verifier recomputes.

use deedbook_core::commitment::{
    Field, FieldKind, Key, Seed, commit, erase, event_root, event_root_with, fields, salted_paths,
};
use deedbook_core::tree::leaf_hash;
use deedbook_core::{Digest, ErrorKind, Event, Timestamp, check_canonical};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::samples::FULL_CANONICAL;

const SEED: Seed = Seed([9; 16]);

fn vector_key() -> Key {
    Key(std::array::from_fn(|index| index as u8))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_test_vector_of_the_format() {
    let seed = vector_key().seed("acme", "evt_AZN7bo8qfDGdXmpLHwwtPg");
    assert_eq!(hex(&seed.0), "2c547370730c57e5f66b82855e930c05");
    let name = commit(&seed.salt("/actor/name"), "/actor/name", b"\"Ada\"");
    assert_eq!(name.to_string(), "048469804d87a947aaae9fc9022f110aba4e86ec4c9440be46f69ca2e8c8d128");
    let cut = [br#"{"id":"user_1","name":"#.as_slice(), &[0], &name.0, br#","type":"user"}"#].concat();
    let actor = commit(&seed.salt("/actor"), "/actor", &cut);
    assert_eq!(actor.to_string(), "600322ae0090f970ff7c45eb1e82c6e5ae4df4733d4ad8894bd4acda917a34af");
    let canonical = br#"{"action":"document.shared","actor":{"id":"user_1","name":"Ada","type":"user"},"id":"evt_AZN7bo8qfDGdXmpLHwwtPg","tenant":"acme"}"#;
    let root = event_root(canonical, &seed).unwrap();
    assert_eq!(root.to_string(), "bb3297b1905fdbd8395480d776e971245b396d3dfe6ffec673bca43bda887195");
    let recorded_at = Timestamp::from_microsecond(1_790_000_000_000_000).unwrap();
    let leaf = leaf_hash(recorded_at, &root);
    assert_eq!(leaf.to_string(), "c3a08f9304d818b1b2361f134ed9c83aca14a63a55e217f588d370a6159813a8");
}

#[test]
fn secrets_do_not_print_themselves() {
    assert_eq!(format!("{:?} {:?}", vector_key(), SEED), "Key(…) Seed(…)");
}

#[test]
fn the_personal_values_of_a_full_event() {
    let found: Vec<String> = fields(FULL_CANONICAL.as_bytes())
        .unwrap()
        .into_iter()
        .filter(|field| field.kind == FieldKind::Personal)
        .map(|field| format!("{} {}", field.path, &FULL_CANONICAL[field.range]))
        .collect();
    assert_eq!(
        found,
        [
            r#"/actor/name "contract-bot""#,
            r#"/actor/on_behalf_of/email "ada@acme.example""#,
            r#"/actor/on_behalf_of/name "Ada Lovelace""#,
            r#"/context/ip "2001:db8::1""#,
            r#"/context/user_agent "curl/8\t\u0001""#,
            r#"/description "contract-bot shared Q3 plan with Grace on behalf of Ada Lovelace""#,
            r#"/metadata/note {"to":"Grace"}"#,
            r#"/reason "customer asked, ticket T-5""#,
            r#"/targets/0/name "Q3 plan""#,
            r#"/targets/1/email "g@acme.example""#,
            r#"/targets/1/metadata/a~1b~0c/1 {"x":null}"#,
            r#"/targets/1/name "Grace \"G\"""#,
        ]
    );
}

#[test]
fn the_outermost_wins_and_the_absent_are_passed_over() {
    let event = |personal: &str| {
        format!(
            r#"{{"action":"a.b","actor":{{"id":"u","name":"N","type":"user"}},"metadata":{{"":{{"":1}},"10":[[5]],"a":{{"b":{{"c":1}},"bb":2}}}},"personal":[{personal}]}}"#
        )
    };
    for (personal, expected) in [
        (r#""/actor""#, vec!["/actor"]),
        (r#""/actor/id""#, vec!["/actor/id", "/actor/name"]),
        (r#""/metadata/a","/metadata/a/b""#, vec!["/actor/name", "/metadata/a"]),
        (r#""/metadata/a/b/c","/metadata/a/b""#, vec!["/actor/name", "/metadata/a/b"]),
        (r#""/metadata/a/b/c","/metadata/a/bb""#, vec!["/actor/name", "/metadata/a/b/c", "/metadata/a/bb"]),
        (r#""/metadata/10/0/0""#, vec!["/actor/name", "/metadata/10/0/0"]),
        (r#""/metadata/10/00","/metadata/10/-","/nothing","","/","x""#, vec!["/actor/name"]),
        (r#""/metadata/","/metadata//""#, vec!["/actor/name", "/metadata/"]),
        (r#""/metadata//""#, vec!["/actor/name", "/metadata//"]),
        (r#""/metadata""#, vec!["/actor/name", "/metadata"]),
    ] {
        let canonical = event(personal);
        let found = fields(canonical.as_bytes()).unwrap();
        let found: Vec<&str> =
            found.iter().filter(|field| field.kind == FieldKind::Personal).map(|field| field.path.as_str()).collect();
        assert_eq!(found, expected, "{personal}");
    }
}

/// The root as the format words it: find, replace, join.
fn naive_root(canonical: &str, seed: &Seed) -> Digest {
    let all = fields(canonical.as_bytes()).unwrap();
    let members: Vec<&Field> = all.iter().filter(|field| field.kind == FieldKind::Member).collect();
    let mut joined = b"deedbook/event/v1\0".to_vec();
    joined.extend((members.len() as u16).to_be_bytes());
    for member in members {
        let mut value = canonical[member.range.clone()].as_bytes().to_vec();
        let inner = |leaf: &&Field| {
            leaf.kind == FieldKind::Personal
                && member.range.start <= leaf.range.start
                && leaf.range.end <= member.range.end
        };
        for leaf in all.iter().filter(inner).rev() {
            let committed = commit(&seed.salt(&leaf.path), &leaf.path, canonical[leaf.range.clone()].as_bytes());
            let (from, to) = (leaf.range.start - member.range.start, leaf.range.end - member.range.start);
            value.splice(from..to, [&[0], committed.0.as_slice()].concat());
        }
        let committed = commit(&seed.salt(&member.path), &member.path, &value);
        let name = &member.path[1..];
        joined.push(name.len() as u8);
        joined.extend(name.as_bytes());
        joined.extend(committed.0);
    }
    Digest(Sha256::digest(joined).into())
}

#[test]
fn the_root_follows_the_words_of_the_format() {
    assert_eq!(event_root(FULL_CANONICAL.as_bytes(), &SEED).unwrap(), naive_root(FULL_CANONICAL, &SEED));
}

#[test]
fn long_values_are_committed_like_short_ones() {
    for length in [0, 50, 150, 200, 250, 300, 5_000] {
        let value = vec![b'x'; length];
        let mut joined = b"deedbook/field/v1\0".to_vec();
        joined.extend([3; 16]);
        joined.extend([0, 2]);
        joined.extend(b"/a");
        joined.extend((length as u32).to_be_bytes());
        joined.extend(&value);
        assert_eq!(commit(&[3; 16], "/a", &value), Digest(Sha256::digest(joined).into()));
    }
}

#[test]
fn erasing_leaves_the_root_and_what_surrounds_the_value() {
    let canonical = FULL_CANONICAL.as_bytes();
    let root = event_root(canonical, &SEED).unwrap();
    let salt_of = |path: &str| Some(SEED.salt(path));
    let paths = ["/description", "/actor/name", "/targets/1/metadata/a~1b~0c/1", "/metadata/note", "/context/ip"];
    let erased = erase(canonical, &paths, salt_of).unwrap();
    assert!(!String::from_utf8_lossy(&erased).contains("contract-bot"));
    assert_eq!(event_root(&erased, &SEED).unwrap(), root);
    check_canonical(&erased).unwrap();
    // The salts of erased values are gone with them, also where the value was a whole member.
    let salted = salted_paths(&erased).unwrap();
    assert!(paths.iter().all(|gone| !salted.iter().any(|path| path == gone)));
    assert!(["/actor", "/targets", "/context", "/metadata"].iter().all(|kept| salted.iter().any(|path| path == kept)));
    let salt_without = |path: &str| salted.iter().any(|salted| salted == path).then(|| SEED.salt(path));
    assert_eq!(event_root_with(&erased, salt_without).unwrap(), root);
    let again = erase(&erased, &["/actor/name", "/reason"], salt_of).unwrap();
    assert_eq!(event_root(&again, &SEED).unwrap(), root);
    let event = Event::from_canonical(&erased).unwrap();
    assert_eq!((event.actor.name, event.description, event.context.ip), (None, None, None));
    assert_eq!(event.actor.id.as_deref(), Some("agt_1"));
    assert!(event.metadata["note"].is_null());
    assert_eq!(event.targets[1].name.as_deref(), Some("Grace \"G\""));
}

#[test]
fn what_is_not_personal_cannot_be_erased() {
    let canonical = FULL_CANONICAL.as_bytes();
    for path in ["/action", "/actor", "/metadata/price", "/metadata/note/to", "", "/nothing"] {
        let error = erase(canonical, &[path], |path| Some(SEED.salt(path))).expect_err(path);
        assert_eq!(error.problems()[0].code, "not_personal", "{path}");
    }
    for value in [r#""document.shared""#, r#"{"code":"forbidden","message":"no right"}"#, "19.9", "1000"] {
        let at = FULL_CANONICAL.find(value).unwrap();
        let hole = [&canonical[..at], &[0; 33], &canonical[at + value.len()..]].concat();
        assert_eq!(event_root(&hole, &SEED).unwrap_err().kind(), ErrorKind::Corrupt, "{value}");
        assert!(fields(&hole).is_err() && check_canonical(&hole).is_err(), "{value}");
    }
}

#[test]
fn a_missing_salt_is_an_error() {
    let error = event_root_with(FULL_CANONICAL.as_bytes(), |path| (path != "/tenant").then_some([0; 16])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("/tenant"), "{error}");
}

proptest! {
    #[test]
    fn any_part_of_the_personal_values_may_be_erased(chosen in any::<u16>()) {
        let canonical = FULL_CANONICAL.as_bytes();
        let all = fields(canonical).unwrap();
        let personal = all.iter().filter(|field| field.kind == FieldKind::Personal);
        let paths: Vec<&str> =
            personal.enumerate().filter(|(index, _)| chosen >> index & 1 == 1).map(|(_, field)| field.path.as_str()).collect();
        let erased = erase(canonical, &paths, |path| Some(SEED.salt(path))).unwrap();
        prop_assert_eq!(event_root(&erased, &SEED).unwrap(), event_root(canonical, &SEED).unwrap());
        let gone: Vec<String> =
            fields(&erased).unwrap().into_iter().filter(|field| field.kind == FieldKind::Erased).map(|field| field.path).collect();
        prop_assert_eq!(gone, paths);
        check_canonical(&erased).unwrap();
        Event::from_canonical(&erased).unwrap();
    }

    #[test]
    fn any_changed_byte_changes_the_root_or_is_refused(at in 0..FULL_CANONICAL.len(), byte in any::<u8>()) {
        let mut changed = FULL_CANONICAL.as_bytes().to_vec();
        prop_assume!(changed[at] != byte);
        changed[at] = byte;
        if let Ok(root) = event_root(&changed, &SEED) {
            prop_assert_ne!(root, event_root(FULL_CANONICAL.as_bytes(), &SEED).unwrap());
        }
    }
}
