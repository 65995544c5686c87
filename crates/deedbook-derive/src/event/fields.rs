//! What each field of an event type is in the event.

use syn::spanned::Spanned;
use syn::{Error, Field, LitStr, Result};

use crate::attributes::{each_in, name_of, once, text, unknown, word};

/// A field and its place in the event.
pub(super) struct Part<'i> {
    pub(super) field: &'i Field,
    /// Its name in templates.
    pub(super) name: String,
    pub(super) place: Place,
}

/// Where in the event a field goes.
pub(super) enum Place {
    Member {
        name: LitStr,
        personal: Personal,
    },
    Flattened,
    Target {
        role: Option<LitStr>,
    },
    Actor,
    Changes,
    Outcome,
    Error,
    OccurredAt,
    /// A text of the event with this name.
    Text(&'static str),
    /// Nowhere.
    Secret,
}

/// Whether a member can be erased on its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Personal {
    Yes,
    No,
}

const KNOWN: &str = "`target`, `actor`, `changes`, `personal`, `secret`, `flatten`, `rename`, `outcome`, `error`, \
                     `reason`, `correlation_id`, `transaction_id`, `occurred_at`, `id`, `tenant`";

/// Members of an event that are texts.
const TEXTS: [&str; 5] = ["reason", "correlation_id", "transaction_id", "id", "tenant"];

impl<'i> Part<'i> {
    pub(super) fn read(field: &'i Field) -> Result<Self> {
        let name = name_of(field);
        let (mut place, mut member) = (None, None);
        each_in(&field.attrs, "event", |meta| {
            let found = match word(&meta).as_str() {
                "rename" => return once(&mut member, text(&meta)?, &meta),
                "target" => {
                    let mut role = None;
                    if meta.input.peek(syn::token::Paren) {
                        meta.parse_nested_meta(|meta| match word(&meta).as_str() {
                            "role" => once(&mut role, text(&meta)?, &meta),
                            _ => Err(unknown(&meta, "`role`")),
                        })?;
                    }
                    Place::Target { role }
                }
                "actor" => Place::Actor,
                "changes" => Place::Changes,
                "personal" => Place::Member { name: LitStr::new(&name, field.ident.span()), personal: Personal::Yes },
                "secret" => Place::Secret,
                "flatten" => Place::Flattened,
                "outcome" => Place::Outcome,
                "error" => Place::Error,
                "occurred_at" => Place::OccurredAt,
                other => match TEXTS.iter().find(|text| **text == other) {
                    Some(text) => Place::Text(text),
                    None => return Err(unknown(&meta, KNOWN)),
                },
            };
            match place.replace(found) {
                None => Ok(()),
                Some(_) => Err(meta.error("a field has one place in the event; leave one of them out")),
            }
        })?;
        let place = place
            .unwrap_or_else(|| Place::Member { name: LitStr::new(&name, field.ident.span()), personal: Personal::No });
        Ok(Self { field, name, place: renamed(place, member)? })
    }
}

fn renamed(place: Place, member: Option<LitStr>) -> Result<Place> {
    match (place, member) {
        (place, None) => Ok(place),
        (Place::Member { personal, .. }, Some(name)) => Ok(Place::Member { name, personal }),
        (_, Some(name)) => Err(Error::new(name.span(), "only a member of the metadata can be renamed")),
    }
}

/// What no field shows by itself: roles of targets, and places that are taken twice.
pub(super) fn check(parts: &[Part<'_>]) -> Result<()> {
    let is_target = |part: &&Part<'_>| matches!(part.place, Place::Target { .. });
    for part in parts.iter().filter(is_target).skip(1) {
        if let Place::Target { role: None } = part.place {
            let message = "the role of this target is missing: only the first target of an event needs none; add one such \
                           as `#[event(target(role = \"recipient\"))]`";
            return Err(Error::new(part.field.ident.span(), message));
        }
    }
    for (index, part) in parts.iter().enumerate() {
        let taken = part
            .place
            .single()
            .filter(|place| parts[..index].iter().any(|earlier| earlier.place.single() == Some(place)));
        if let Some(place) = taken {
            let message = format!("another field is the `{place}` of the event already");
            return Err(Error::new(part.field.ident.span(), message));
        }
    }
    Ok(())
}

impl Place {
    /// The name of a place that one field can take.
    fn single(&self) -> Option<&'static str> {
        match self {
            Self::Actor => Some("actor"),
            Self::Changes => Some("changes"),
            Self::Outcome => Some("outcome"),
            Self::Error => Some("error"),
            Self::OccurredAt => Some("occurred_at"),
            Self::Text(text) => Some(text),
            Self::Member { .. } | Self::Flattened | Self::Target { .. } | Self::Secret => None,
        }
    }
}
