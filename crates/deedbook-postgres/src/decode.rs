//! A row of the outbox → its events, without any IO.

use deedbook_core::serde_json::Value;
use deedbook_core::{Error, ErrorKind, Event, Result, canonical_json, parse_json};

use crate::capture::{self, Definition};
use crate::{Origin, Row};

/// Why something in the outbox will never be an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// For programs, in snake_case.
    pub code: &'static str,
    /// For people; it repeats no value.
    pub reason: String,
}

/// The events of a row, in order; what they do not say is filled in by [`Origin::complete`]. `definition` is that of the
/// row's shape, if it has one.
///
/// # Errors
/// Where the row can never be read.
pub fn decode(row: &Row, definition: Option<&Definition>, origin: &Origin) -> Result<Vec<Event>, Rejection> {
    match (row.shape, definition) {
        (0, _) => recorded(&row.body, origin).map(|event| vec![event]).map_err(Rejection::from),
        (_, Some(definition)) => Ok(capture::events(&row.body, definition, &origin.actor())?),
        (shape, None) => Err(Rejection { code: "unknown_shape", reason: format!("there is no shape {shape}") }),
    }
}

/// The event that `deedbook.record` was given; without an actor it is done by whoever the transaction is known to be.
fn recorded(body: &str, origin: &Origin) -> Result<Event> {
    Event::from_json(body.as_bytes()).or_else(|error| {
        let Ok(Value::Object(mut members)) = parse_json(body.as_bytes()) else { return Err(error) };
        if members.get("actor").is_some_and(|actor| !actor.is_null()) {
            return Err(error);
        }
        members.insert("actor".to_owned(), Value::from_iter([("type", "system")]));
        let mut event = Event::from_json(&canonical_json(&Value::Object(members))?)?;
        event.actor = origin.actor();
        Ok(event)
    })
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        let code = match error.kind() {
            ErrorKind::Conflict => "conflict",
            ErrorKind::Denied => "denied",
            ErrorKind::TooLarge => "too_large",
            _ => "invalid",
        };
        Self { code, reason: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use deedbook_core::Actor;

    use super::*;

    fn row(shape: i32, body: &str) -> Row {
        Row { seq: 1, xid: 1, shape, body: body.to_owned(), role: None, context: None }
    }

    #[test]
    fn an_event_without_an_actor_is_done_by_whoever_wrote_it() {
        let origin = Origin::read(r#"{"role":"app"}"#);
        let check = |body: &str, actor: Actor| {
            assert_eq!(decode(&row(0, body), None, &origin).expect(body)[0].actor, actor, "{body}");
        };
        check(r#"{"action":"a.b","actor":{"type":"user","id":"ada"}}"#, Actor::new("user", "ada"));
        check(r#"{"action":"a.b"}"#, Actor::new("database_role", "app"));
        check(r#"{"action":"a.b","actor":null}"#, Actor::new("database_role", "app"));
    }

    #[test]
    fn what_is_no_event_is_rejected() {
        for body in
            ["", "{", "[]", "{}", "{\"actor\":{}}", r#"{"action":"a.b","actor":"ada"}"#, "{\"action\":\"\\ud800\"}"]
        {
            assert_eq!(decode(&row(0, body), None, &Origin::default()).expect_err(body).code, "invalid", "{body}");
        }
        assert_eq!(decode(&row(9, "1"), None, &Origin::default()).expect_err("no shape").code, "unknown_shape");
    }
}
