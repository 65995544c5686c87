//! The text of a query on the command line → [`Query`], with errors that point at the place.

use deedbook_core::query::ParseOptions;
use deedbook_core::{Query, Scope, Timestamp};
use jiff::tz::TimeZone;
use unicode_width::UnicodeWidthStr;

use crate::exit::{Failure, Outcome};
use crate::output::safe::safe;

/// Parses `text`; relative times are those of this moment and of the local zone.
pub(crate) fn parse(text: &str) -> Outcome<Query> {
    let options = ParseOptions { now: Timestamp::now(), time_zone: TimeZone::system() };
    Query::parse_located(text, &options).map_err(|error| {
        let caret = " ".repeat(safe(&text[..error.offset]).width());
        let failure = Failure::invalid(format!("the query does not parse: {}", error.message));
        failure.advise(format!("  {}\n  {caret}^", safe(text)))
    })
}

/// One tenant where it is named, else all of them.
pub(crate) fn scope(tenant: Option<&str>) -> Scope {
    match tenant {
        Some(tenant) => Scope::tenant(tenant),
        None => Scope::all_tenants(),
    }
}
