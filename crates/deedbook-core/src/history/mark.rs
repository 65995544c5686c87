//! What an entry leaves on a field that it set: which entry, who, when.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Actor, Entry, Timestamp, rfc3339, time};

/// The entry that set a field: which one, who, when.
///
/// In JSON `{"id", "action", "actor": {"type", "id", "name", "on_behalf_of"}, "occurred_at", "recorded_at"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Id of the event.
    pub id: String,
    /// What was done.
    pub action: String,
    /// Who acted: type, id, name, and who stands behind; nothing more of the actor is kept.
    #[serde(serialize_with = "write_actor", deserialize_with = "read_actor")]
    pub actor: Actor,
    /// When it happened: `occurred_at` of the event, else when it was recorded.
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub occurred_at: Timestamp,
    /// When the log accepted it.
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub recorded_at: Timestamp,
}

impl Mark {
    /// The mark of `entry`.
    pub fn of(entry: &Entry) -> Self {
        Self {
            id: entry.receipt.id.clone(),
            action: entry.event.action.clone(),
            actor: bare(&entry.event.actor),
            occurred_at: entry.occurred_at(),
            recorded_at: entry.receipt.recorded_at,
        }
    }
}

fn bare(actor: &Actor) -> Actor {
    Actor {
        id: actor.id.clone(),
        name: actor.name.clone(),
        on_behalf_of: actor.on_behalf_of.as_deref().map(|behind| Box::new(bare(behind))),
        ..Actor::without_id(actor.kind.clone())
    }
}

/// An actor on the wire.
#[derive(Serialize, Deserialize)]
struct ActorOut {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<Box<ActorOut>>,
}

impl From<&Actor> for ActorOut {
    fn from(actor: &Actor) -> Self {
        Self {
            kind: actor.kind.clone(),
            id: actor.id.clone(),
            name: actor.name.clone(),
            on_behalf_of: actor.on_behalf_of.as_deref().map(|behind| Box::new(Self::from(behind))),
        }
    }
}

impl From<ActorOut> for Actor {
    fn from(out: ActorOut) -> Self {
        Self {
            id: out.id,
            name: out.name,
            on_behalf_of: out.on_behalf_of.map(|behind| Box::new(Self::from(*behind))),
            ..Self::without_id(out.kind)
        }
    }
}

fn write_actor<S: Serializer>(actor: &Actor, serializer: S) -> Result<S::Ok, S::Error> {
    ActorOut::from(actor).serialize(serializer)
}

fn read_actor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Actor, D::Error> {
    ActorOut::deserialize(deserializer).map(Actor::from)
}

/// An instant as the log writes it.
pub(super) fn write_time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*at))
}

/// An instant of RFC 3339.
pub(super) fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    time::parse(&text).map_err(serde::de::Error::custom)
}
