//! The body of a recording → drafts, each refused on its own.

use std::ops::Range;

use deedbook_core::{Draft, ErrorKind, Event, Problem as Place, array_elements};

use crate::access::Caller;
use crate::body::Format;
use crate::own;
use crate::problem::{Answer, Problem};

/// What a body claims.
pub(super) enum Claims {
    /// One event, which gets an answer of its own.
    One(Box<Draft>),
    /// A batch, each with its own fate.
    Batch(Vec<Answer<Draft>>),
}

/// Reads the events of `text`.
///
/// # Errors
/// 400 where the text is no JSON, 413 for more than `events_max` events, and for a single event whatever it breaks.
pub(super) fn read(text: &[u8], format: Format, caller: &Caller, events_max: usize) -> Answer<Claims> {
    match format {
        Format::Ndjson => {
            let lines = lines(text, events_max)?;
            let item = |line: &[u8]| draft(line, caller).map_err(malformed_line);
            Ok(Claims::Batch(lines.into_iter().map(|line| item(&text[line])).collect()))
        }
        Format::Json if is_array(text) => array(text, caller, events_max).map(Claims::Batch),
        Format::Json => draft(text, caller).map(Box::new).map(Claims::One),
    }
}

fn is_array(text: &[u8]) -> bool {
    text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

fn array(text: &[u8], caller: &Caller, events_max: usize) -> Answer<Vec<Answer<Draft>>> {
    let elements = array_elements(text, events_max).map_err(|error| match error.kind() {
        ErrorKind::TooLarge => too_many(events_max),
        _ => error.into(),
    })?;
    let mut items = Vec::with_capacity(elements.len());
    for (index, element) in elements.into_iter().enumerate() {
        match draft(&text[element], caller) {
            // A text that stops to be JSON in one place is no array at all.
            Err(problem) if problem.status() == axum::http::StatusCode::BAD_REQUEST => {
                let errors = below(index, &problem);
                return Err(problem.at(errors));
            }
            item => items.push(item),
        }
    }
    Ok(items)
}

/// Lines that are not blank.
fn lines(text: &[u8], events_max: usize) -> Answer<Vec<Range<usize>>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split(|byte| *byte == b'\n') {
        let range = start..start + line.len();
        start = range.end + 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if lines.len() == events_max {
            return Err(too_many(events_max));
        }
        lines.push(range);
    }
    Ok(lines)
}

fn draft(json: &[u8], caller: &Caller) -> Answer<Draft> {
    let mut event = Event::from_json(json)?;
    event.tenant = caller.tenant_to_write(event.tenant.as_deref())?;
    Ok(own::caller_draft(event)?)
}

/// A line that is no JSON is an item that cannot be processed, for the other lines can.
fn malformed_line(problem: Problem) -> Problem {
    if problem.status() != axum::http::StatusCode::BAD_REQUEST {
        return problem;
    }
    let detail = "the line is not JSON; errors[] tells where it stops to be";
    Problem::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, "malformed", detail).at(problem.errors().to_vec())
}

/// The places of a problem as places of the whole body.
pub(super) fn below(index: usize, problem: &Problem) -> Vec<Place> {
    if problem.errors().is_empty() {
        let place =
            Place { pointer: format!("/{index}"), code: problem.code().into(), detail: problem.detail().to_owned() };
        return vec![place];
    }
    let moved = |place: &Place| Place { pointer: format!("/{index}{}", place.pointer), ..place.clone() };
    problem.errors().iter().map(moved).collect()
}

fn too_many(events_max: usize) -> Problem {
    Problem::too_large("too_many_events", format!("a request holds at most {events_max} events; send several"))
}
