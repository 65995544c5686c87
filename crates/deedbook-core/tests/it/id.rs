//! Typed ids.

use std::collections::{BTreeSet, HashSet};

use deedbook_core::{EventId, Id, IdKind, serde_json};

/// Has none of the traits that an id has.
struct User;

impl IdKind for User {
    const PREFIX: &'static str = "user";
}

const BYTES: [u8; 16] =
    [0xf2, 0x15, 0x80, 0x6f, 0xe9, 0x07, 0x9a, 0xae, 0x67, 0x9a, 0x7e, 0x44, 0xfe, 0xc4, 0xf8, 0x20];

#[test]
fn an_id_has_one_text() {
    let id = Id::<User>::from_random(BYTES);
    let text = id.to_string();
    assert_eq!(text, "user_8hWAb-kHmq5nmn5E_sT4IA");
    assert_eq!(format!("{id:?}"), text);
    assert_eq!(text.parse::<Id<User>>().unwrap(), id);
    assert_eq!(id.as_bytes(), &BYTES);
    assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<Id<User>>(&format!("\"{text}\"")).unwrap(), id);
    assert_eq!(EventId::from_random([0; 16]).to_string(), "evt_AAAAAAAAAAAAAAAAAAAAAA");
}

#[test]
fn any_id_can_be_copied_compared_and_hashed() {
    let (a, b) = (Id::<User>::from_random([1; 16]), Id::<User>::from_random([2; 16]));
    let copy = a;
    assert!(a == copy && a < b);
    assert_eq!(HashSet::from([a, b, copy]).len(), 2);
    assert_eq!(BTreeSet::from([b, a]).first(), Some(&a));
}

#[test]
fn other_texts_are_refused_with_what_was_expected() {
    for (text, code, expected) in [
        ("", "bad_id", "user_"),
        ("8hWAb", "bad_id", "user_"),
        ("team_8hWAb-kHmq5nmn5E_sT4IA", "wrong_prefix", "\"team_\"; expected one that starts with \"user_\""),
        ("User_8hWAb-kHmq5nmn5E_sT4IA", "wrong_prefix", "\"User_\""),
        ("user_", "bad_id", "0 characters"),
        ("user_8hWAb-kHmq5nmn5E_sT4I", "bad_id", "21 characters"),
        ("user_8hWAb-kHmq5nmn5E_sT4IAA", "bad_id", "23 characters"),
        ("user_8hWAb-kHmq5nmn5E_sT4IA==", "bad_id", "22 characters"),
        ("user_8hWAb+kHmq5nmn5E/sT4IA", "bad_id", "URL-safe"),
        // The last character carries four bits that must be zero.
        ("user_8hWAb-kHmq5nmn5E_sT4IB", "bad_id", "URL-safe"),
        ("user_8hWAb-kHmq5nmn5E_sT4é", "bad_id", "URL-safe"),
    ] {
        let error = text.parse::<Id<User>>().expect_err(text);
        assert_eq!(error.problems()[0].code, code, "{text}");
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
    let error = serde_json::from_str::<Id<User>>("5").unwrap_err();
    assert!(error.to_string().contains("starts with \"user_\""), "{error}");
}
