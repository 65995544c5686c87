//! Objects of JSON that configure something: each member is known and of its type, or all that is wrong is told.

use deedbook_core::{Error, Problem, Result, Timestamp};
use jiff::Span;
use jiff::tz::TimeZone;
use serde_json::Value;

/// The code and the words of what was expected in a place.
pub(crate) type Expected = (&'static str, &'static str);

/// What is wrong so far.
pub(crate) type Problems = Vec<Problem>;

/// Gives each member of an object that is not null to `take`, which tells what it expected, or adds what is wrong
/// further inside.
///
/// # Errors
/// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid) with every place that is wrong.
pub(crate) fn each_member(
    json: &Value,
    take: &mut dyn FnMut(&str, &Value, &mut Problems) -> Result<(), Expected>,
) -> Result<()> {
    let Value::Object(members) = json else {
        return Err(Error::invalid("", "wrong_type", "expected an object"));
    };
    let mut problems = Vec::new();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        if let Err(expected) = take(name, value, &mut problems) {
            problems.push(pointed(&format!("/{}", escaped(name)), expected));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::from_problems(problems)) }
}

/// A problem at a place of the body.
pub(crate) fn pointed(pointer: &str, (code, detail): Expected) -> Problem {
    Problem { pointer: pointer.to_owned(), code: code.into(), detail: detail.to_owned() }
}

/// A name as a part of a JSON Pointer.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A text.
pub(crate) fn text(value: &Value) -> Result<String, Expected> {
    value.as_str().map(str::to_owned).ok_or(("wrong_type", "expected a string"))
}

/// An instant.
pub(crate) fn instant(value: &Value) -> Result<Timestamp, Expected> {
    let expected = ("bad_time", "expected a time such as \"2026-09-20T14:03:27Z\" (RFC 3339)");
    value.as_str().and_then(|text| text.parse().ok()).ok_or(expected)
}

/// The instant that lies so long after `now` as a text such as `15m` says.
pub(crate) fn instant_after(now: Timestamp, value: &Value) -> Result<Timestamp, Expected> {
    let expected = ("bad_duration", "expected a time such as \"15m\", \"24h\" or \"7d\"");
    let span: Span = value.as_str().and_then(|text| text.parse().ok()).ok_or(expected)?;
    let then = now.to_zoned(TimeZone::UTC).checked_add(span).map_err(|_| expected)?.timestamp();
    if then < now { Err(expected) } else { Ok(then) }
}
