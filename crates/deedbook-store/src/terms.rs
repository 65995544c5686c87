//! Which terms an index holds for an event: a byte for the field, then the value.
//!
//! Every list of the index is exact but those of [`REQUEST`], [`CORRELATION`] and [`TRANSACTION`], whose values are
//! hashed because nearly each is different; [`crate::plan`] knows which conditions need a second look at the entry.

use std::net::IpAddr;

use deedbook_core::query::{texts, words};
use deedbook_core::serde_json::{Map, Value};
use deedbook_core::{Event, Outcome};
use siphasher::sip::SipHasher13;

use crate::bytes::{Malformed, Reader, put_bytes};

/// What is no entry any more, before all other terms; see [`RETIRED`] and [`CONTENT_ERASED`].
pub(crate) const HOLE: u8 = b'-';
/// The term of every retired entry, which has no other.
pub(crate) const RETIRED: &[u8] = &[HOLE, 1];
/// The term of every entry without its content, which has no other.
pub(crate) const CONTENT_ERASED: &[u8] = &[HOLE, 2];
pub(crate) const ACTION: u8 = b'a';
/// Id, NUL, type; of an actor without an id its type, NUL.
pub(crate) const ACTOR: u8 = b'A';
/// Anyone behind the actor: id, NUL, type.
pub(crate) const BEHIND: u8 = b'B';
/// Id, NUL, type.
pub(crate) const TARGET: u8 = b'T';
pub(crate) const ACTOR_TYPE: u8 = b'k';
pub(crate) const BEHIND_TYPE: u8 = b'K';
pub(crate) const TARGET_TYPE: u8 = b't';
pub(crate) const OUTCOME: u8 = b'o';
pub(crate) const CATEGORY: u8 = b'c';
pub(crate) const SERVICE: u8 = b's';
/// A label; the audience that is present and empty has the empty value of [`CLOSED`].
pub(crate) const AUDIENCE: u8 = b'u';
pub(crate) const CLOSED: u8 = b'U';
/// 4 or 16 bytes, after the byte 4 or 6.
pub(crate) const IP: u8 = b'i';
pub(crate) const REQUEST: u8 = b'r';
pub(crate) const CORRELATION: u8 = b'R';
pub(crate) const TRANSACTION: u8 = b'X';
pub(crate) const WORD: u8 = b'w';
pub(crate) const CHANGE: u8 = b'p';
/// Names on the way to a value of `metadata` that is not null, see [`meta_value`].
pub(crate) const META: u8 = b'm';
pub(crate) const TENANT: u8 = b'n';
/// `error`, `reason`, `occurred`: present.
pub(crate) const HAS: u8 = b'h';

/// Hashes ids under a secret of the log, so that nobody outside can choose ids that collide.
#[derive(Clone, Copy)]
pub(crate) struct IdHasher(pub(crate) [u8; 16]);

impl IdHasher {
    /// Of an event's identity.
    pub(crate) fn event(&self, tenant: &str, id: &str) -> u64 {
        let mut bytes = Vec::with_capacity(tenant.len() + id.len() + 1);
        bytes.extend_from_slice(tenant.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(id.as_bytes());
        SipHasher13::new_with_key(&self.0).hash(&bytes)
    }

    /// The value of a hashed term.
    pub(crate) fn term(&self, value: &str) -> [u8; 4] {
        let [a, b, c, d, ..] = SipHasher13::new_with_key(&self.0).hash(value.as_bytes()).to_be_bytes();
        [a, b, c, d]
    }
}

/// Calls `sink` with the terms of an event, in any order and perhaps repeated.
pub(crate) fn each_term(event: &Event, hasher: &IdHasher, sink: &mut dyn FnMut(&[u8])) {
    Terms { key: Vec::with_capacity(128), sink }.add_event(event, hasher);
}

/// The terms of an event, to be read by [`read_terms`].
pub(crate) fn terms_of(event: &Event, hasher: &IdHasher) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(1024);
    each_term(event, hasher, &mut |term| put_bytes(&mut bytes, term));
    bytes.into()
}

struct Terms<'s> {
    key: Vec<u8>,
    sink: &'s mut dyn FnMut(&[u8]),
}

impl Terms<'_> {
    fn put(&mut self, field: u8, parts: &[&[u8]]) {
        self.key.clear();
        self.key.push(field);
        parts.iter().for_each(|part| self.key.extend_from_slice(part));
        (self.sink)(&self.key);
    }

    fn put_text(&mut self, field: u8, text: Option<&str>) {
        if let Some(text) = text {
            self.put(field, &[text.as_bytes()]);
        }
    }

    fn add_event(&mut self, event: &Event, hasher: &IdHasher) {
        self.put_text(TENANT, event.tenant.as_deref());
        self.put_text(ACTION, Some(&event.action));
        self.put_text(OUTCOME, Some(event.outcome.unwrap_or(Outcome::Success).as_str()));
        self.put_text(CATEGORY, event.category.as_deref());
        self.put_text(SERVICE, event.source.as_ref().and_then(|source| source.service.as_deref()));
        self.add_people(event);
        self.add_audience(event);
        self.add_context(event, hasher);
        event.changes.iter().for_each(|change| self.put_text(CHANGE, Some(&change.path)));
        self.add_members(&event.metadata, &mut Vec::new());
        let has = [("error", event.error.is_some()), ("reason", event.reason.is_some())];
        has.iter().filter(|(_, has)| *has).for_each(|(name, _)| self.put_text(HAS, Some(name)));
        self.put_text(HAS, event.occurred_at.map(|_| "occurred"));
        texts(event, &mut |text| words(text, &mut |word| self.put(WORD, &[word.as_bytes()])));
    }

    fn add_people(&mut self, event: &Event) {
        let (mut field, mut kind) = (ACTOR, ACTOR_TYPE);
        for actor in event.actor.chain() {
            match &actor.id {
                Some(id) => self.put(field, &[id.as_bytes(), &[0], actor.kind.as_bytes()]),
                None => self.put(field, &[actor.kind.as_bytes(), &[0]]),
            }
            self.put_text(kind, Some(&actor.kind));
            (field, kind) = (BEHIND, BEHIND_TYPE);
        }
        for target in &event.targets {
            self.put(TARGET, &[target.id.as_bytes(), &[0], target.kind.as_bytes()]);
            self.put_text(TARGET_TYPE, Some(&target.kind));
        }
    }

    fn add_audience(&mut self, event: &Event) {
        let Some(audience) = &event.audience else { return };
        audience.iter().for_each(|label| self.put_text(AUDIENCE, Some(label)));
        if audience.is_empty() {
            self.put(CLOSED, &[]);
        }
    }

    fn add_context(&mut self, event: &Event, hasher: &IdHasher) {
        if let Some(ip) = event.context.ip {
            self.put(IP, &[&ip_value(ip)]);
        }
        let ids = [
            (REQUEST, &event.context.request_id),
            (CORRELATION, &event.correlation_id),
            (TRANSACTION, &event.transaction_id),
        ];
        for (field, id) in ids {
            if let Some(id) = id {
                self.put(field, &[&hasher.term(id)]);
            }
        }
    }

    fn add_members(&mut self, members: &Map<String, Value>, path: &mut Vec<u8>) {
        for (name, value) in members {
            let length = path.len();
            push_name(path, name);
            self.put_meta(value, path);
            self.add_below(value, path);
            path.truncate(length);
        }
    }

    /// A path leads through the elements of a list as if they stood in its place.
    fn add_below(&mut self, value: &Value, path: &mut Vec<u8>) {
        match value {
            Value::Object(members) => self.add_members(members, path),
            Value::Array(items) => items.iter().for_each(|item| self.add_below(item, path)),
            _ => {}
        }
    }

    fn put_meta(&mut self, value: &Value, path: &[u8]) {
        if !value.is_null() {
            self.put(META, &[path]);
        }
    }
}

/// Appends one name to a path of [`META`]: a NUL before it, and its own NULs followed by 0xff, which no text holds.
fn push_name(path: &mut Vec<u8>, name: &str) {
    path.push(0);
    for &byte in name.as_bytes() {
        path.push(byte);
        if byte == 0 {
            path.push(0xff);
        }
    }
}

/// The value of [`META`] for the names on the way to a value, outermost first.
pub(crate) fn meta_value(names: &[String]) -> Vec<u8> {
    let mut path = Vec::new();
    names.iter().for_each(|name| push_name(&mut path, name));
    path
}

/// The terms that [`terms_of`] wrote.
pub(crate) fn read_terms(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || {
        let term: Result<&[u8], Malformed> = reader.bytes();
        term.ok()
    })
}

/// An address as the value of [`IP`]; IPv4-mapped IPv6 addresses count as IPv4.
pub(crate) fn ip_value(ip: IpAddr) -> Vec<u8> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => [&[4][..], &ip.octets()].concat(),
        IpAddr::V6(ip) => [&[6][..], &ip.octets()].concat(),
    }
}
