//! The rules of a profile on the JSON of an event.
//!
//! At each place the first rule decides that covers it or leads into it: one that covers it treats it as a whole, one
//! that leads into it sends the walk further down.

use std::net::{IpAddr, Ipv6Addr};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;

use super::shape::Shape;
use super::{Layer, Rule, Treatment};
use crate::query::IpNetwork;
use crate::{Actor, Entry, Event, canonical, commitment, json, pointer, prepare};

/// What stands in the place of a masked value.
const MASK: &str = "***";

/// Where entries about reads keep what was asked.
const QUERIES: &str = "queries";

/// Bits of an address that a truncated one keeps: a network of IPv4, a site of IPv6.
const IPV4_BITS: u8 = 24;
const IPV6_BITS: u8 = 48;

pub(super) fn applied(layers: &[Layer], entry: &Entry) -> Entry {
    let event = masked(layers, entry).unwrap_or_else(|| nothing(entry));
    let mut canonical = Vec::with_capacity(entry.canonical.len());
    canonical::write_event(&event, &mut canonical);
    Entry { receipt: entry.receipt.clone(), event, canonical }
}

fn masked(layers: &[Layer], entry: &Entry) -> Option<Event> {
    let filled = commitment::without_erased(&entry.canonical).ok()?;
    let mut value = json::parse_json(&filled).ok()?;
    let members = value.as_object_mut()?;
    for layer in layers {
        layer.walk_members(members, Shape::Event, &mut Vec::new());
        if layer.rules.iter().any(Rule::hides) {
            // The pointers of `personal` name what may have been hidden, and what others asked of the log repeats it.
            members.remove("personal");
            let metadata = members.get_mut("metadata").and_then(Value::as_object_mut);
            if let Some(metadata) = metadata.filter(|_| is_own(entry)) {
                metadata.remove(QUERIES);
            }
        }
    }
    let mut bytes = Vec::with_capacity(entry.canonical.len());
    canonical::write_value(&value, &mut bytes);
    let mut event = Event::from_canonical(&bytes).ok()?;
    prepare::settle(&mut event);
    Some(event)
}

/// Whether this is an entry of the log's own.
fn is_own(entry: &Entry) -> bool {
    entry.event.action.starts_with("audit.")
}

/// What is shown of an entry that cannot be read: that it is there.
fn nothing(entry: &Entry) -> Event {
    let mut event = Event::new(entry.event.action.clone(), Actor::without_id(entry.event.actor.kind.clone()));
    event.id.clone_from(&entry.event.id);
    event.tenant.clone_from(&entry.event.tenant);
    event
}

/// What a place is to the first rule that has to do with it.
enum Decision {
    Whole(Treatment),
    Descend,
    Shown,
}

/// Whether a value stays.
#[derive(PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
}

/// Which of the two values of a change.
type Side = &'static str;

impl Layer {
    fn walk_members(&self, members: &mut Map<String, Value>, shape: Shape, path: &mut Vec<String>) {
        members.retain(|name, value| {
            path.push(name.clone());
            let fate = self.walk(value, shape.of(name), path);
            path.pop();
            let is_needed = shape == Shape::Event && name == "actor";
            fate == Fate::Stays || is_needed
        });
    }

    fn walk(&self, value: &mut Value, shape: Shape, path: &mut Vec<String>) -> Fate {
        match self.decide(path) {
            Decision::Shown => Fate::Stays,
            Decision::Whole(treatment) if shape != Shape::Changes => self.treat(value, shape, treatment),
            Decision::Whole(_) | Decision::Descend => self.descend(value, shape, path),
        }
    }

    fn descend(&self, value: &mut Value, shape: Shape, path: &mut Vec<String>) -> Fate {
        match value {
            Value::Object(members) => self.walk_members(members, shape, path),
            Value::Array(changes) if shape == Shape::Changes => changes.retain_mut(|change| self.walk_change(change)),
            Value::Array(elements) => {
                let mut index = 0;
                elements.retain_mut(|element| {
                    path.push(index.to_string());
                    index += 1;
                    let fate = self.walk(element, shape.of("*"), path);
                    path.pop();
                    fate == Fate::Stays
                });
            }
            _ => {}
        }
        Fate::Stays
    }

    fn decide(&self, path: &[String]) -> Decision {
        for rule in &self.rules {
            let same = |(rule, name): (&String, &String)| rule == name || rule == "*";
            if !rule.path.iter().zip(path).all(same) {
                continue;
            }
            let covers = rule.path.len() <= path.len();
            return if covers { decided(rule.treatment) } else { Decision::Descend };
        }
        Decision::Shown
    }

    /// Treats one change; whether it stays in the list.
    fn walk_change(&self, change: &mut Value) -> bool {
        let Some(members) = change.as_object_mut() else { return true };
        let Some(field) = members.get("path").and_then(Value::as_str).and_then(pointer::parse) else { return false };
        if let Decision::Whole(Treatment::Drop) = self.decide_change(None, &field) {
            return false;
        }
        for side in ["from", "to"] {
            let fate = members.get_mut(side).map(|value| self.walk_side(value, side, &mut field.clone()));
            if fate == Some(Fate::Goes) {
                members.remove(side);
                // A value that was set and is gone would read as one that was taken away.
                if side == "to" {
                    members.remove("from");
                    members.insert("redacted".to_owned(), Value::Bool(true));
                }
            }
        }
        true
    }

    fn walk_side(&self, value: &mut Value, side: Side, field: &mut Vec<String>) -> Fate {
        match self.decide_change(Some(side), field) {
            Decision::Shown => return Fate::Stays,
            Decision::Whole(treatment) => return self.treat(value, Shape::Value, treatment),
            Decision::Descend => {}
        }
        let mut walk_below = |name: String, value: &mut Value| {
            field.push(name);
            let fate = self.walk_side(value, side, field);
            field.pop();
            fate == Fate::Stays
        };
        match value {
            Value::Object(members) => members.retain(|name, value| walk_below(name.clone(), value)),
            Value::Array(elements) => {
                let mut index = 0;
                elements.retain_mut(|element| {
                    index += 1;
                    walk_below((index - 1).to_string(), element)
                });
            }
            // A rule leads further, and there is nothing.
            _ => {}
        }
        Fate::Stays
    }

    /// As [`Layer::decide`], for a field of the thing that changed, or for the change as a whole.
    fn decide_change(&self, side: Option<Side>, field: &[String]) -> Decision {
        for rule in &self.rules {
            let (under, of_side) = match &rule.path[..] {
                [] => (None, None),
                [changes, rest @ ..] if changes == "changes" => (rest.first(), rest.get(1)),
                _ => continue,
            };
            let other_side = side.is_some() && of_side.is_some_and(|of_side| Some(of_side.as_str()) != side);
            let under = match under {
                Some(under) if under != "*" => pointer::parse(under).unwrap_or_default(),
                _ => Vec::new(),
            };
            if other_side || !under.iter().zip(field).all(|(rule, name)| rule == name) {
                continue;
            }
            let covers = under.len() <= field.len() && (side.is_some() || of_side.is_none());
            return if covers { decided(rule.treatment) } else { Decision::Descend };
        }
        Decision::Shown
    }

    fn treat(&self, value: &mut Value, shape: Shape, treatment: Treatment) -> Fate {
        if shape == Shape::Kept {
            return Fate::Stays;
        }
        if shape.is_structure() {
            return self.treat_members(value, shape, treatment);
        }
        match (shape, treatment) {
            (_, Treatment::Show) => return Fate::Stays,
            // An address that was erased: a stand-in would be no address.
            (Shape::Address, _) if value.is_null() => return Fate::Stays,
            (Shape::Required, Treatment::Drop) => {}
            (_, Treatment::Drop) | (Shape::Number, _) | (Shape::Address, Treatment::Mask) => return Fate::Goes,
            _ => {}
        }
        *value = Value::String(match (treatment, shape) {
            (Treatment::Hash, Shape::Address) => self.hashed_address(value),
            (Treatment::Hash, _) => self.hashed(value),
            (Treatment::Truncate, _) => truncated(value),
            _ => MASK.to_owned(),
        });
        Fate::Stays
    }

    /// Treats what stands in a structure; dropped, it goes, but the actor leaves its type.
    fn treat_members(&self, value: &mut Value, shape: Shape, treatment: Treatment) -> Fate {
        match value {
            Value::Object(members) => {
                members.retain(|name, value| self.treat(value, shape.of(name), treatment) == Fate::Stays);
            }
            Value::Array(elements) => {
                elements.retain_mut(|element| self.treat(element, shape.of("*"), treatment) == Fate::Stays);
            }
            _ => {}
        }
        if treatment == Treatment::Drop { Fate::Goes } else { Fate::Stays }
    }

    fn hashed(&self, value: &Value) -> String {
        let digest = self.digest(value);
        digest[..8].iter().fold("hash:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
    }

    /// One of the addresses that are kept for documentation (RFC 3849), so that it is nobody's.
    fn hashed_address(&self, value: &Value) -> String {
        let digest = self.digest(value);
        let mut octets = [0; 16];
        octets[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        octets[4..].copy_from_slice(&digest[..12]);
        Ipv6Addr::from(octets).to_string()
    }

    fn digest(&self, value: &Value) -> [u8; 32] {
        let mut bytes = Vec::new();
        canonical::write_value(value, &mut bytes);
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key.0).expect("HMAC takes a key of any length");
        mac.update(b"deedbook/field-hash/v1\0");
        mac.update(&bytes);
        mac.finalize().into_bytes().into()
    }
}

fn decided(treatment: Treatment) -> Decision {
    if treatment == Treatment::Show { Decision::Shown } else { Decision::Whole(treatment) }
}

fn truncated(value: &Value) -> String {
    let address: Option<IpAddr> = value.as_str().and_then(|text| text.parse().ok());
    let network = address
        .map(|address| address.to_canonical())
        .and_then(|address| IpNetwork::new(address, if address.is_ipv4() { IPV4_BITS } else { IPV6_BITS }));
    network.map_or_else(|| MASK.to_owned(), |network| network.address.to_string())
}
