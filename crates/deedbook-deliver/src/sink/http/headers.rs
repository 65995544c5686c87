//! Headers that an operator asked for.

use std::collections::BTreeMap;
use std::path::Path;

use deedbook_core::Result;
use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;

use super::Http;
use crate::secret::SecretPlace;
use crate::settings::wrong;

/// Headers that are the sink's own.
const OWN: [&str; 8] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "te",
    "transfer-encoding",
    "user-agent",
];

/// What the names of further headers of sinks begin with.
const OWN_PREFIX: &str = "webhook-";

/// Headers whose value is a secret.
const SECRET: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// `headers = { X-Team = "audit", Authorization = { env = "NAME" } }`.
#[derive(Default, Deserialize)]
pub(crate) struct Headers(BTreeMap<String, Text>);

/// The value of a header.
#[derive(Deserialize)]
#[serde(try_from = "Value")]
enum Text {
    Open(String),
    Secret(SecretPlace),
}

impl TryFrom<Value> for Text {
    type Error = &'static str;

    fn try_from(value: Value) -> std::result::Result<Self, Self::Error> {
        match value {
            Value::String(text) => Ok(Self::Open(text)),
            other => SecretPlace::try_from(other).map(Self::Secret),
        }
    }
}

impl Headers {
    pub(super) fn add_to(self, http: Http, folder: &Path) -> Result<Http> {
        self.0.into_iter().try_fold(http, |http, (name, text)| text.add_to(http, &name, folder))
    }
}

impl Text {
    fn add_to(self, http: Http, name: &str, folder: &Path) -> Result<Http> {
        let lower = name.to_ascii_lowercase();
        if OWN.contains(&&*lower) || lower.starts_with(OWN_PREFIX) {
            return Err(wrong(format!("the header {lower} is set by the sink itself")));
        }
        match self {
            Self::Secret(place) => http.with_secret(name, "", place.read(folder)?),
            Self::Open(_) if SECRET.contains(&&*lower) => Err(wrong(format!(
                r#"the header {lower} is a secret: give it as {{ file = "path" }} or {{ env = "NAME" }}"#
            ))),
            Self::Open(text) => http.with_header(name, &text),
        }
    }
}

/// A name and a value as headers have them. Errors do not repeat the value.
pub(super) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let name: HeaderName = name.parse().map_err(|_| wrong(format!("{name:?} cannot be the name of a header")))?;
    let value = value.parse().map_err(|_| wrong(format!("the header {name} cannot have this value")))?;
    Ok((name, value))
}
