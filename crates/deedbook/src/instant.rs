//! Instants of other crates, for when an act happened.

use std::time::SystemTime;

use deedbook_core::{Error, Result, Timestamp};

/// An instant of this crate, of the standard library, or, by the features `jiff`, `chrono` and `time`, of those.
pub trait ToTimestamp {
    /// The instant.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) outside of the years −9999 to 9999.
    fn to_timestamp(&self) -> Result<Timestamp>;
}

impl ToTimestamp for Timestamp {
    fn to_timestamp(&self) -> Result<Timestamp> {
        Ok(*self)
    }
}

impl ToTimestamp for SystemTime {
    fn to_timestamp(&self) -> Result<Timestamp> {
        Timestamp::try_from(*self).map_err(|_| out_of_range())
    }
}

impl<T: ToTimestamp + ?Sized> ToTimestamp for &T {
    fn to_timestamp(&self) -> Result<Timestamp> {
        (**self).to_timestamp()
    }
}

#[cfg(feature = "jiff")]
impl ToTimestamp for jiff::Zoned {
    fn to_timestamp(&self) -> Result<Timestamp> {
        Ok(self.timestamp())
    }
}

#[cfg(feature = "chrono")]
impl<Z: chrono::TimeZone> ToTimestamp for chrono::DateTime<Z> {
    fn to_timestamp(&self) -> Result<Timestamp> {
        let nanosecond = i32::try_from(self.timestamp_subsec_nanos()).map_err(|_| out_of_range())?;
        Timestamp::new(self.timestamp(), nanosecond).map_err(|_| out_of_range())
    }
}

#[cfg(feature = "time")]
impl ToTimestamp for time::OffsetDateTime {
    fn to_timestamp(&self) -> Result<Timestamp> {
        Timestamp::from_nanosecond(self.unix_timestamp_nanos()).map_err(|_| out_of_range())
    }
}

fn out_of_range() -> Error {
    Error::invalid(
        "/occurred_at",
        "bad_time",
        "found an instant outside of the years that can be told; expected 0000 to 9999",
    )
}
