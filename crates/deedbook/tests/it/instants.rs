//! Instants of other crates, for when an act happened.

use std::time::{Duration, SystemTime};

use deedbook::{Actor, Deedbook, ErrorKind, Event, Timestamp, ToTimestamp};

const SECOND: i64 = 1_790_000_000;

fn expected() -> Timestamp {
    Timestamp::new(SECOND, 500_000_000).expect("it is in range")
}

#[tokio::test]
async fn the_standard_library_has_instants() {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(SECOND as u64 * 1_000 + 500);
    assert_eq!(at.to_timestamp().unwrap(), expected());
    let book = Deedbook::open("memory:").unwrap();
    let event = || Event::new("thing.done", Actor::without_id("system"));
    let receipt = book.record(event()).occurred_at(at).await.unwrap();
    assert_eq!(book.get(&receipt.id).await.unwrap().unwrap().occurred_at(), expected());
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    let error = book.record(event()).occurred_at(far).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[cfg(feature = "jiff")]
#[test]
fn jiff_has_instants() {
    let zoned = expected().in_tz("UTC").unwrap();
    assert_eq!(zoned.to_timestamp().unwrap(), expected());
}

#[cfg(feature = "chrono")]
#[test]
fn chrono_has_instants() {
    let at = chrono::DateTime::from_timestamp(SECOND, 500_000_000).unwrap();
    assert_eq!(at.to_timestamp().unwrap(), expected());
    let east = at.with_timezone(&chrono::FixedOffset::east_opt(7_200).unwrap());
    assert_eq!(east.to_timestamp().unwrap(), expected());
    let before = chrono::DateTime::from_timestamp(-1, 500_000_000).unwrap();
    assert_eq!(before.to_timestamp().unwrap(), Timestamp::from_millisecond(-500).unwrap());
    assert!(chrono::DateTime::<chrono::Utc>::MAX_UTC.to_timestamp().is_err());
}

#[cfg(feature = "time")]
#[test]
fn time_has_instants() {
    let at = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(SECOND) * 1_000_000_000 + 500_000_000).unwrap();
    assert_eq!(at.to_timestamp().unwrap(), expected());
    let east = at.to_offset(time::UtcOffset::from_hms(2, 0, 0).unwrap());
    assert_eq!(east.to_timestamp().unwrap(), expected());
}
