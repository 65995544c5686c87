//! The entries that authorise removals: what their metadata says, written and read.

use serde_json::{Map, Value, json};

use super::Seqs;
use crate::{Error, Event, Result};

/// Action of the entry that authorises a retirement.
pub const RETIRED: &str = "audit.retention.applied";
/// Action of the entry that authorises an erasure.
pub const ERASED: &str = "audit.erased";
/// Bytes of the list of one authorising entry at most: 64 KiB, a quarter of what an event may have. Longer lists go into
/// several entries.
pub const TEXT_BYTES_MAX: usize = 64 << 10;

/// What an entry authorises in its tenant.
#[derive(Clone, Debug, PartialEq)]
pub enum Authority {
    /// Entries may be retired.
    Retirement(Retirement),
    /// Values or the content of entries may be erased.
    Erasure(Erasing),
}

/// A part of a run of retention: which entries of a tenant go, by which rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Retirement {
    /// The run, `run_…`.
    pub run: String,
    /// The rule as it was.
    pub rule: Map<String, Value>,
    /// The entries.
    pub seqs: Seqs,
}

/// A part of an erasure: what goes from which entries of a tenant, and on whose word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasing {
    /// The erasure, `era_…`.
    pub erasure: String,
    /// Why: the request, the law.
    pub basis: String,
    /// Who asked for it; no name.
    pub requested_by: String,
    /// Who agreed; no name. Absent where nobody else had to.
    pub approved_by: Option<String>,
    /// What goes.
    pub places: Vec<Place>,
}

/// What goes from one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The entry.
    pub seq: u64,
    /// JSON Pointers to the values; all of its content where absent.
    pub paths: Option<Vec<String>>,
}

impl Authority {
    /// What `event` authorises; `None` where it is another event.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where it has such an action and its metadata another shape.
    pub fn of(event: &Event) -> Result<Option<Self>> {
        match &event.action[..] {
            RETIRED => Retirement::read(&event.metadata).map(|retirement| Some(Self::Retirement(retirement))),
            ERASED => Erasing::read(&event.metadata).map(|erasing| Some(Self::Erasure(erasing))),
            _ => Ok(None),
        }
    }
}

impl Retirement {
    /// The metadata of its entry:
    /// `{"run":"run_…","rule":{…},"seqs":"0-4,7,9-12","count":9}`.
    pub fn metadata(&self) -> Map<String, Value> {
        let count = self.seqs.count();
        object(json!({"run": self.run, "rule": self.rule, "seqs": self.seqs.to_string(), "count": count}))
    }

    fn read(metadata: &Map<String, Value>) -> Result<Self> {
        let rule = metadata.get("rule").and_then(Value::as_object);
        let rule = rule.ok_or_else(|| bad("/metadata/rule", "an object"))?.clone();
        let seqs: Seqs = text(metadata, "seqs")?.parse()?;
        if metadata.get("count").and_then(Value::as_u64) != Some(seqs.count()) {
            return Err(bad("/metadata/count", "the number of entries in \"seqs\""));
        }
        Ok(Self { run: text(metadata, "run")?, rule, seqs })
    }

    /// The same in as many parts as entries of a log can hold.
    pub fn parts(&self) -> Vec<Self> {
        let part = |seqs| Self { seqs, ..self.clone() };
        self.seqs.pieces(TEXT_BYTES_MAX).into_iter().map(part).collect()
    }
}

impl Erasing {
    /// The metadata of its entry: `{"erasure":"era_…","basis":"…","requested_by":"…","approved_by":"…",
    /// "places":[{"seq":12,"paths":["/actor/name"]},{"seq":13}]}`.
    pub fn metadata(&self) -> Map<String, Value> {
        let places: Vec<Value> = self.places.iter().map(Place::to_json).collect();
        let mut metadata = object(json!({
            "erasure": self.erasure, "basis": self.basis, "requested_by": self.requested_by, "places": places,
        }));
        metadata.extend(self.approved_by.clone().map(|by| ("approved_by".to_owned(), Value::from(by))));
        metadata
    }

    fn read(metadata: &Map<String, Value>) -> Result<Self> {
        let places = metadata.get("places").and_then(Value::as_array);
        let places = places.ok_or_else(|| bad("/metadata/places", "a list"))?;
        let approved_by = metadata.contains_key("approved_by").then(|| text(metadata, "approved_by")).transpose()?;
        Ok(Self {
            erasure: text(metadata, "erasure")?,
            basis: text(metadata, "basis")?,
            requested_by: text(metadata, "requested_by")?,
            approved_by,
            places: places.iter().map(Place::read).collect::<Result<_>>()?,
        })
    }

    /// The same in as many parts as entries of a log can hold.
    pub fn parts(&self) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        let mut bytes = usize::MAX;
        for place in &self.places {
            let its_bytes = place.to_json().to_string().len() + 1;
            if bytes.saturating_add(its_bytes) > TEXT_BYTES_MAX {
                parts.push(Self { places: Vec::new(), ..self.clone() });
                bytes = 0;
            }
            bytes += its_bytes;
            parts.last_mut().expect("a part was just begun").places.push(place.clone());
        }
        parts
    }
}

impl Place {
    fn to_json(&self) -> Value {
        match &self.paths {
            Some(paths) => json!({"seq": self.seq, "paths": paths}),
            None => json!({"seq": self.seq}),
        }
    }

    fn read(value: &Value) -> Result<Self> {
        let seq = value.get("seq").and_then(Value::as_u64);
        let seq = seq.ok_or_else(|| bad("/metadata/places", "the number of an entry as \"seq\" of each"))?;
        let strings = |paths: &Value| -> Option<Vec<String>> {
            paths.as_array()?.iter().map(|path| path.as_str().map(str::to_owned)).collect()
        };
        let paths = value.get("paths").map(|paths| strings(paths).ok_or_else(bad_paths)).transpose()?;
        Ok(Self { seq, paths })
    }
}

fn bad_paths() -> Error {
    bad("/metadata/places", "a list of JSON Pointers as \"paths\" of each, or none")
}

fn text(metadata: &Map<String, Value>, name: &str) -> Result<String> {
    let text = metadata.get(name).and_then(Value::as_str);
    Ok(text.ok_or_else(|| bad(&format!("/metadata/{name}"), "a text"))?.to_owned())
}

fn bad(pointer: &str, expected: &str) -> Error {
    let detail = format!("expected {expected}, as an entry that authorises a removal has it");
    Error::invalid(pointer, "bad_authority", detail)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
