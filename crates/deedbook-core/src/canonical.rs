//! JSON out: canonical bytes (RFC 8785).
//!
//! Written straight from the typed event, without a tree of values in between. At named levels an absent member, an
//! empty list (but `audience`) and an empty object are left out; inside free values nothing is, null is a value there.

use std::cmp::Ordering;
use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::event::{Actor, Auth, Change, Context, Credential, Event, Failure, Http, Source, Target};
use crate::plain::plain_length;
use crate::{Result, Timestamp, json, number, time};

/// Whether `bytes` are the canonical bytes of an event, with or without erased places.
///
/// Erased values (`0x00` and 32 bytes) may stand where a value stands; what surrounds them must be canonical.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where it is no event or its canonical bytes are others; the
/// problem `not_canonical` gives the byte where they part.
pub fn check_canonical(bytes: &[u8]) -> Result<()> {
    let mut expected = Vec::with_capacity(bytes.len());
    if bytes.contains(&0) {
        crate::commitment::fields(bytes)?;
        let filled = crate::commitment::without_erased(bytes)?;
        write_value(&json::parse(&filled, json::DEPTH_MAX)?, &mut expected);
        return same(&filled, &expected);
    }
    write_event(&Event::from_json(bytes)?, &mut expected);
    same(bytes, &expected)
}

fn same(found: &[u8], expected: &[u8]) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let at = found.iter().zip(expected).take_while(|(a, b)| a == b).count();
    let detail = format!(
        "the bytes are not canonical: they depart from RFC 8785, or hold an empty or null member, at byte {at}; \
         take them from the log unchanged"
    );
    Err(crate::Error::invalid("", "not_canonical", detail))
}

/// Appends the canonical bytes of `event` to `out`.
pub(crate) fn write_event(event: &Event, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.text(b",\"action\":", Some(&event.action));
    object.nested(b",\"actor\":", Some(&event.actor), write_actor);
    if let Some(audience) = &event.audience {
        object.list(b",\"audience\":", audience, |label, out| write_string(label, out));
    }
    object.text(b",\"category\":", event.category.as_ref());
    object.full_list(b",\"changes\":", &event.changes, write_change);
    object.nested(b",\"context\":", Some(&event.context), write_context);
    object.text(b",\"correlation_id\":", event.correlation_id.as_ref());
    object.text(b",\"description\":", event.description.as_ref());
    object.nested(b",\"error\":", event.error.as_ref(), write_failure);
    object.text(b",\"id\":", event.id.as_ref());
    object.free(b",\"metadata\":", &event.metadata);
    if let Some(instant) = event.occurred_at {
        write_timestamp(instant, object.member(b",\"occurred_at\":"));
    }
    if let Some(outcome) = event.outcome {
        write_string(outcome.as_str(), object.member(b",\"outcome\":"));
    }
    object.full_list(b",\"personal\":", &event.personal, |pointer, out| write_string(pointer, out));
    object.text(b",\"reason\":", event.reason.as_ref());
    object.text(b",\"schema\":", event.schema.as_ref());
    object.nested(b",\"source\":", event.source.as_ref(), write_source);
    object.full_list(b",\"targets\":", &event.targets, write_target);
    object.text(b",\"tenant\":", event.tenant.as_ref());
    object.text(b",\"transaction_id\":", event.transaction_id.as_ref());
    object.close();
}

fn write_actor(actor: &Actor, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.text(b",\"email\":", actor.email.as_ref());
    object.text(b",\"id\":", actor.id.as_ref());
    object.free(b",\"metadata\":", &actor.metadata);
    object.text(b",\"name\":", actor.name.as_ref());
    object.nested(b",\"on_behalf_of\":", actor.on_behalf_of.as_deref(), write_actor);
    object.text(b",\"type\":", Some(&actor.kind));
    object.close();
}

fn write_target(target: &Target, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.text(b",\"email\":", target.email.as_ref());
    object.text(b",\"href\":", target.href.as_ref());
    object.text(b",\"id\":", Some(&target.id));
    object.free(b",\"metadata\":", &target.metadata);
    object.text(b",\"name\":", target.name.as_ref());
    object.text(b",\"role\":", target.role.as_ref());
    object.text(b",\"type\":", Some(&target.kind));
    object.close();
}

fn write_change(change: &Change, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    if let Some(from) = &change.from {
        write_value(from, object.member(b",\"from\":"));
    }
    object.text(b",\"path\":", Some(&change.path));
    if change.redacted {
        object.member(b",\"redacted\":").extend_from_slice(b"true");
    }
    if let Some(to) = &change.to {
        write_value(to, object.member(b",\"to\":"));
    }
    object.close();
}

fn write_context(context: &Context, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.nested(b",\"auth\":", context.auth.as_ref(), write_auth);
    object.nested(b",\"http\":", context.http.as_ref(), write_http);
    if let Some(ip) = context.ip {
        write_ip(ip, object.member(b",\"ip\":"));
    }
    object.text(b",\"request_id\":", context.request_id.as_ref());
    object.text(b",\"session_id\":", context.session_id.as_ref());
    object.text(b",\"trace_id\":", context.trace_id.as_ref());
    object.text(b",\"user_agent\":", context.user_agent.as_ref());
    object.close();
}

fn write_auth(auth: &Auth, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.nested(b",\"credential\":", auth.credential.as_ref(), write_credential);
    object.text(b",\"issuer\":", auth.issuer.as_ref());
    object.text(b",\"method\":", auth.method.as_ref());
    object.text(b",\"mfa\":", auth.mfa.as_ref());
    object.close();
}

fn write_credential(credential: &Credential, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.text(b",\"id\":", Some(&credential.id));
    object.text(b",\"name\":", credential.name.as_ref());
    object.text(b",\"type\":", Some(&credential.kind));
    object.close();
}

fn write_http(http: &Http, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    if let Some(duration_ms) = http.duration_ms {
        number::write(&duration_ms.into(), object.member(b",\"duration_ms\":"));
    }
    object.text(b",\"method\":", http.method.as_ref());
    object.text(b",\"route\":", http.route.as_ref());
    if let Some(status) = http.status {
        number::write_integer(status.into(), object.member(b",\"status\":"));
    }
    object.close();
}

fn write_failure(failure: &Failure, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.text(b",\"code\":", failure.code.as_ref());
    object.text(b",\"message\":", failure.message.as_ref());
    object.close();
}

fn write_source(source: &Source, out: &mut Vec<u8>) {
    let mut object = Object::open(out);
    object.text(b",\"environment\":", source.environment.as_ref());
    object.text(b",\"service\":", source.service.as_ref());
    object.text(b",\"version\":", source.version.as_ref());
    object.close();
}

/// Writes members one after the other; their names come in canonical order.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
}

impl<'o> Object<'o> {
    fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        let start = out.len();
        Self { out, start }
    }

    fn close(self) {
        self.out.push(b'}');
    }

    /// Writes `name`, given with a comma before and a colon behind it, and gives the place for its value.
    #[inline]
    fn member(&mut self, name: &'static [u8]) -> &mut Vec<u8> {
        let name = if self.out.len() == self.start { &name[1..] } else { name };
        self.out.extend_from_slice(name);
        self.out
    }

    #[inline]
    fn text(&mut self, name: &'static [u8], text: Option<&String>) {
        if let Some(text) = text {
            write_string(text, self.member(name));
        }
    }

    /// An object, left out where it is absent or turns out empty.
    #[inline]
    fn nested<T>(&mut self, name: &'static [u8], part: Option<&T>, write: fn(&T, &mut Vec<u8>)) {
        let Some(part) = part else { return };
        let before = self.out.len();
        write(part, self.member(name));
        if self.out.ends_with(b":{}") {
            self.out.truncate(before);
        }
    }

    fn list<T>(&mut self, name: &'static [u8], list: &[T], write: fn(&T, &mut Vec<u8>)) {
        let out = self.member(name);
        out.push(b'[');
        for (index, element) in list.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write(element, out);
        }
        out.push(b']');
    }

    /// A list, left out where it is empty.
    fn full_list<T>(&mut self, name: &'static [u8], list: &[T], write: fn(&T, &mut Vec<u8>)) {
        if !list.is_empty() {
            self.list(name, list, write);
        }
    }

    /// Free members, left out where there are none.
    fn free(&mut self, name: &'static [u8], map: &Map<String, Value>) {
        if !map.is_empty() {
            write_map(map, self.member(name));
        }
    }
}

/// Appends `value`; its depth and numbers have been checked.
pub(crate) fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => number::write(number, out),
        Value::String(string) => write_string(string, out),
        Value::Array(list) => {
            out.push(b'[');
            for (index, element) in list.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(element, out);
            }
            out.push(b']');
        }
        Value::Object(map) => write_map(map, out),
    }
}

fn write_map(map: &Map<String, Value>, out: &mut Vec<u8>) {
    // Whether the map sorts its keys, and how, depends on features of serde_json that others may switch on.
    let is_sorted = map.keys().is_sorted_by(|a, b| utf16_order(a, b).is_lt());
    if is_sorted {
        return write_members(map.iter(), out);
    }
    let mut members: Vec<_> = map.iter().collect();
    members.sort_unstable_by(|a, b| utf16_order(a.0, b.0));
    write_members(members.into_iter(), out);
}

fn write_members<'a>(members: impl Iterator<Item = (&'a String, &'a Value)>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (name, value)) in members.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(name, out);
        out.push(b':');
        write_value(value, out);
    }
    out.push(b'}');
}

/// The order of names by UTF-16 code units.
///
/// UTF-8 sorts by code points. The two differ only where one character needs a surrogate pair (a lead byte from 0xF0
/// on) and the other lies in U+E000 to U+FFFF (lead byte 0xEE or 0xEF), which UTF-16 sorts above the surrogates.
pub(crate) fn utf16_order(a: &str, b: &str) -> Ordering {
    let parted = a.bytes().zip(b.bytes()).find(|(a, b)| a != b);
    match parted {
        Some((a @ 0xf0.., b @ 0xee..=0xef)) | Some((a @ 0xee..=0xef, b @ 0xf0..)) => b.cmp(&a),
        Some((a, b)) => a.cmp(&b),
        None => a.len().cmp(&b.len()),
    }
}

/// Appends `string` in quotes, escaping nothing that need not be escaped.
///
/// Source: RFC 8785, section 3.2.2.2.
#[inline]
pub(crate) fn write_string(string: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    if plain_length(string.as_bytes()) == string.len() {
        out.extend_from_slice(string.as_bytes());
    } else {
        write_escaped(string, out);
    }
    out.push(b'"');
}

#[cold]
fn write_escaped(string: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in string.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            _ => out.push(byte),
        }
    }
}

pub(crate) fn write_timestamp(instant: Timestamp, out: &mut Vec<u8>) {
    out.push(b'"');
    time::write(instant, out);
    out.push(b'"');
}

fn write_ip(ip: IpAddr, out: &mut Vec<u8>) {
    use std::io::Write;
    // Writing to a vector cannot fail.
    let _ = write!(out, "\"{ip}\"");
}
