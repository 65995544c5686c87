//! Of when a state is asked for.

use std::fmt;

use jiff::ToSpan;
use serde::{Deserialize, Serialize};

use super::mark::{read_time, write_time};
use crate::query::{ParseOptions, named_time};
use crate::{Error, Result, Timestamp, rfc3339};

/// Of when a state is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// After everything that the log holds.
    Latest,
    /// After the entries whose `occurred_at` (else `recorded_at`) is not later than this.
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    Time(Timestamp),
    /// After the entry of the event with this id and all that were entered before it.
    Event(String),
}

impl Moment {
    /// What `text` names: `latest`; a time as in queries, where a unit such as a day means its end; else the id of an
    /// event. An id that reads like a time is written `id:2026`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where `text` can be none of them.
    pub fn parse(text: &str, options: &ParseOptions) -> Result<Self> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        if let Some(named) = named_time(text, options) {
            let last = named.until.and_then(|until| until.checked_sub(1.microsecond()).ok());
            return Ok(Self::Time(last.unwrap_or(Timestamp::MAX)));
        }
        let id = text.strip_prefix("id:").unwrap_or(text);
        let is_id_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
        if id.is_empty() || id.len() > 128 || !id.bytes().all(is_id_byte) || text.starts_with('-') {
            let detail = "expected \"latest\", the id of an event, or a time such as 2026-09-20, \
                          2026-09-20T14:03:27Z, yesterday or -7d";
            return Err(Error::invalid("", "bad_moment", detail));
        }
        Ok(Self::Event(id.to_owned()))
    }
}

impl fmt::Display for Moment {
    /// As [`Moment::parse`] reads it, whatever the id looks like.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Time(at) => f.write_str(&rfc3339(*at)),
            Self::Event(id) => write!(f, "id:{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Moment> {
        let now = "2026-09-20T12:00:00Z".parse().expect("a time");
        Moment::parse(text, &ParseOptions::utc(now)).ok()
    }

    #[test]
    fn times_name_the_end_of_their_unit() {
        let time = |text: &str| Some(Moment::Time(text.parse().expect("a time")));
        assert_eq!(parsed("2026-09-20"), time("2026-09-20T23:59:59.999999Z"));
        assert_eq!(parsed("2026-09-20T14:03:27.481512Z"), time("2026-09-20T14:03:27.481512Z"));
        assert_eq!(parsed("2026-09-20T14:03:27+02:00"), time("2026-09-20T12:03:27.999999Z"));
        assert_eq!(parsed("yesterday"), time("2026-09-19T23:59:59.999999Z"));
        assert_eq!(parsed("-7d"), time("2026-09-13T12:00:00Z"));
        assert_eq!(parsed("latest"), Some(Moment::Latest));
    }

    #[test]
    fn what_is_written_reads_back() {
        let at = "2026-09-20T14:03:27.481512Z".parse().expect("a time");
        for moment in [Moment::Latest, Moment::Time(at), Moment::Event("2026".into()), Moment::Event("id:-x".into())] {
            assert_eq!(parsed(&moment.to_string()), Some(moment));
        }
    }

    #[test]
    fn the_rest_are_ids() {
        let id = |text: &str| Some(Moment::Event(text.to_owned()));
        assert_eq!(parsed("evt_AZN7bo8qfDGdXmpLHwwtPg"), id("evt_AZN7bo8qfDGdXmpLHwwtPg"));
        assert_eq!(parsed("id:2026"), id("2026"));
        assert_eq!(parsed("id:latest"), id("latest"));
        assert_eq!([parsed(""), parsed("a b"), parsed("-7x"), parsed(&"x".repeat(129))], [None, None, None, None]);
    }
}
