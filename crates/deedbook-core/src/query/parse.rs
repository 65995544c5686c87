//! Text → [`Query`].

use jiff::Timestamp;

use super::Query;
use crate::Result;

/// What the meaning of relative times depends on.
#[derive(Clone, Debug)]
pub struct ParseOptions {
    /// The instant that `today` and `-7d` are relative to.
    pub now: Timestamp,
    /// The zone in which days begin.
    pub time_zone: jiff::tz::TimeZone,
}

impl Query {
    /// Parses a query.
    pub fn parse(_text: &str, _options: &ParseOptions) -> Result<Self> {
        todo!()
    }
}
