//! Entries that authorise removals, and the numbers that they list.

use std::collections::BTreeSet;

use deedbook_core::removal::{Authority, ERASED, Erasing, Place, RETIRED, Retirement, Seqs, TEXT_BYTES_MAX};
use deedbook_core::serde_json::{Map, Value, json};
use deedbook_core::{Actor, Event};
use proptest::prelude::*;

fn event(action: &str, metadata: Map<String, Value>) -> Event {
    Event { metadata, ..Event::new(action, Actor::without_id("system")) }
}

fn retirement(seqs: Seqs) -> Retirement {
    let rule = json!({"category": "access", "keep": "400d"}).as_object().unwrap().clone();
    Retirement { run: "run_1".into(), rule, seqs }
}

fn erasing(places: Vec<Place>) -> Erasing {
    let (erasure, basis) = ("era_1".into(), "Art. 17 GDPR".into());
    Erasing { erasure, basis, requested_by: "user:1".into(), approved_by: Some("user:2".into()), places }
}

fn place(seq: u64, paths: Option<&[&str]>) -> Place {
    Place { seq, paths: paths.map(|paths| paths.iter().map(ToString::to_string).collect()) }
}

#[test]
fn an_authority_is_read_as_it_was_written() {
    let retirement = retirement([0, 1, 2, 3, 4, 7, 9, 10, 12, 11].into_iter().collect());
    let metadata = retirement.metadata();
    let expected = json!({"run": "run_1", "rule": retirement.rule, "seqs": "0-4,7,9-12", "count": 10});
    assert_eq!(Value::from(metadata.clone()), expected);
    let read = Authority::of(&event(RETIRED, metadata)).unwrap();
    assert_eq!(read, Some(Authority::Retirement(retirement)));
    let erasing = erasing(vec![place(12, Some(&["/actor/name"])), place(13, None)]);
    let metadata = erasing.metadata();
    assert_eq!(metadata["places"], json!([{"seq": 12, "paths": ["/actor/name"]}, {"seq": 13}]));
    assert_eq!(metadata["approved_by"], json!("user:2"));
    assert_eq!(Authority::of(&event(ERASED, metadata)).unwrap(), Some(Authority::Erasure(erasing)));
    assert_eq!(Authority::of(&event("audit.viewed", Map::new())).unwrap(), None);
}

#[test]
fn other_shapes_authorise_nothing() {
    let good = retirement([1].into_iter().collect()).metadata();
    for (name, value) in [("run", json!(1)), ("rule", json!([])), ("seqs", json!("1-")), ("count", json!(2))] {
        let mut bad = good.clone();
        bad.insert(name.to_owned(), value);
        assert!(Authority::of(&event(RETIRED, bad)).is_err(), "{name}");
    }
    let good = erasing(vec![place(1, None)]).metadata();
    let bad_places = [json!({}), json!([{"paths": []}]), json!([{"seq": 1, "paths": "/a"}]), json!([{"seq": -1}])];
    for places in bad_places {
        let mut bad = good.clone();
        bad.insert("places".to_owned(), places.clone());
        assert!(Authority::of(&event(ERASED, bad)).is_err(), "{places}");
    }
}

#[test]
fn bad_lists_of_numbers_are_refused() {
    for text in
        ["a", "1,", ",1", "1,1", "2,1", "1-0", "0-4,5", "01", "+1", "1--2", " 1", "18446744073709551616", "1-2-3"]
    {
        assert!(text.parse::<Seqs>().is_err(), "{text:?}");
    }
    assert!("".parse::<Seqs>().unwrap().is_empty());
    let whole: Seqs = format!("0-{}", u64::MAX).parse().unwrap();
    assert!(whole.contains(u64::MAX) && whole.count() == u64::MAX);
}

#[test]
fn long_lists_go_into_several_entries() {
    let seqs: Seqs = (0..40_000_u64).map(|n| n * 2 + 1_000_000).collect();
    let parts = retirement(seqs.clone()).parts();
    assert!(parts.len() > 4 && parts.iter().all(|part| part.seqs.to_string().len() <= TEXT_BYTES_MAX));
    let mut together = Seqs::default();
    parts.iter().for_each(|part| together.extend(&part.seqs));
    assert_eq!(together, seqs);
    let places: Vec<Place> = (0..9_000).map(|seq| place(seq, Some(&["/actor/name", "/targets/0/name"]))).collect();
    let parts = erasing(places.clone()).parts();
    assert!(parts.len() > 4);
    assert_eq!(parts.into_iter().flat_map(|part| part.places).collect::<Vec<_>>(), places);
    assert!(retirement(Seqs::default()).parts().is_empty());
}

proptest! {
    #[test]
    fn numbers_are_a_set(
        some in prop::collection::vec(0u64..60, 0..40),
        others in prop::collection::vec(0u64..60, 0..40),
    ) {
        let (set, other_set) = (some.iter().collect::<BTreeSet<_>>(), others.iter().collect::<BTreeSet<_>>());
        let (seqs, other): (Seqs, Seqs) = (some.iter().copied().collect(), others.iter().copied().collect());
        prop_assert_eq!(seqs.count(), set.len() as u64);
        prop_assert!((0..62).all(|n| seqs.contains(n) == set.contains(&n)));
        prop_assert_eq!(seqs.to_string().parse::<Seqs>().unwrap(), seqs.clone());
        let difference: Seqs = set.difference(&other_set).map(|n| **n).collect();
        prop_assert_eq!(seqs.without(&other), difference);
        let mut union = seqs.clone();
        union.extend(&other);
        prop_assert_eq!(union, set.union(&other_set).map(|n| **n).collect::<Seqs>());
        let joined = seqs.pieces(8).iter().flat_map(|piece| piece.ranges().to_vec()).collect::<Vec<_>>();
        prop_assert_eq!(joined, seqs.ranges());
    }
}
