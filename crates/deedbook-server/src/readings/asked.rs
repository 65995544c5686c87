//! What was asked: the parameters of a request that say so.

use axum::extract::{MatchedPath, Request};
use axum::http::{Extensions, Uri};
use serde_json::{Map, Value};

use crate::parameters::Parameters;

/// The parameters that are kept; how far somebody paged is no other question.
const NAMES: [&str; 8] = ["q", "target", "at", "from", "to", "by", "interval", "tenant"];
/// Bytes of one of them: as long as a query may be.
const BYTES_MAX: usize = 8 * 1024;

/// What a request asks, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Asked(Vec<(&'static str, String)>);

impl Asked {
    /// What this request asks.
    pub(crate) fn of(request: &Request) -> Self {
        Self::from_parts(request.uri(), request.extensions())
    }

    /// What a request of these parts asks.
    pub(crate) fn from_parts(uri: &Uri, extensions: &Extensions) -> Self {
        let mut parameters = Parameters::of(uri).unwrap_or_default();
        let mut asked = Vec::new();
        if let Some(route) = extensions.get::<MatchedPath>() {
            asked.push(("route", route.as_str().to_owned()));
            // The last part of a path is the id, where its template says so.
            if route.as_str().ends_with("{id}") {
                asked.extend(uri.path().rsplit('/').next().map(|id| ("id", shortened(id.to_owned()))));
            }
        }
        let given = |name| Some((name, shortened(parameters.text(name).ok()??)));
        asked.extend(NAMES.into_iter().filter_map(given));
        Self(asked)
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    pub(super) fn to_json(&self) -> Value {
        let members = self.0.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())));
        Value::Object(Map::from_iter(members))
    }
}

fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(BYTES_MAX));
    text
}
