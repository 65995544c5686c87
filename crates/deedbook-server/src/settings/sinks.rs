//! What was done to sinks through the API, and the webhooks that were made there. How far each sink is stands with the
//! couriers, not here.
//!
//! The address of a webhook and what signs its messages are secrets, and stand in an entry of their own.

use std::collections::BTreeMap;

use deedbook_core::{Entry, Error, ErrorKind, Event, Result, Target};
use serde_json::{Map, Value};

use super::{Author, Settings};
use crate::secret::Secret;

const PAUSED: &str = "audit.sink.paused";
const RESUMED: &str = "audit.sink.resumed";
const REPLAYED: &str = "audit.sink.replayed";
const TESTED: &str = "audit.sink.tested";
const CREATED: &str = "audit.sink.created";
const DELETED: &str = "audit.sink.deleted";
pub(super) const SECRET: &str = "audit.sink_secret.created";

/// The actions of this setting.
pub(super) const ACTIONS: [&str; 7] = [PAUSED, RESUMED, REPLAYED, TESTED, CREATED, DELETED, SECRET];

/// What is done to a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SinkChange {
    Paused,
    Resumed,
    Replayed,
    Tested,
    Deleted,
}

impl SinkChange {
    fn action(self) -> &'static str {
        match self {
            Self::Paused => PAUSED,
            Self::Resumed => RESUMED,
            Self::Replayed => REPLAYED,
            Self::Tested => TESTED,
            Self::Deleted => DELETED,
        }
    }
}

/// What was done to a sink.
#[derive(Clone, Debug, Default)]
pub(crate) struct SinkRecord {
    /// Id of the entry of the latest change.
    pub(crate) entry: Option<String>,
    /// Whether it is to be paused, where somebody said so.
    pub(crate) paused: Option<bool>,
    /// What it is, where it was made through the API and not deleted.
    pub(crate) webhook: Option<WebhookRecord>,
}

/// A webhook that was made through the API.
#[derive(Clone, Debug)]
pub(crate) struct WebhookRecord {
    /// All that was said of it but the secrets.
    pub(crate) table: Map<String, Value>,
    /// Scheme and host of its address.
    pub(crate) to: String,
    /// Its whole address; `None` where the entry with it cannot be read.
    pub(crate) url: Option<Secret>,
    /// What signs its messages.
    pub(crate) secret: Secret,
}

/// Every sink to which something was done, by name.
#[derive(Default)]
pub(super) struct Sinks(BTreeMap<String, SinkRecord>);

impl Sinks {
    pub(super) fn enter(&mut self, entry: &Entry) {
        let Some(target) = entry.event.targets.first() else { return };
        let record = self.0.entry(target.id.clone()).or_default();
        if entry.event.action == SECRET {
            return record.webhook.iter_mut().for_each(|webhook| webhook.learn(&entry.event.metadata));
        }
        record.entry = Some(entry.receipt.id.clone());
        match entry.event.action.as_str() {
            PAUSED => record.paused = Some(true),
            RESUMED => record.paused = Some(false),
            CREATED => {
                record.paused = None;
                record.webhook = Some(WebhookRecord::of(&entry.event.metadata));
            }
            DELETED => {
                record.paused = None;
                record.webhook = None;
            }
            _ => {}
        }
    }
}

impl WebhookRecord {
    fn of(metadata: &Map<String, Value>) -> Self {
        let mut table = metadata.clone();
        let to = table.remove("to").as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { table, to, url: None, secret: Secret::new("") }
    }

    fn learn(&mut self, metadata: &Map<String, Value>) {
        let text = |name: &str| metadata.get(name).and_then(Value::as_str).map(Secret::new);
        (self.url, self.secret) = (text("url"), text("secret").unwrap_or_else(|| Secret::new("")));
    }

    fn created(&self) -> Map<String, Value> {
        let mut metadata = self.table.clone();
        metadata.insert("to".to_owned(), self.to.as_str().into());
        metadata
    }

    fn secrets(&self) -> Map<String, Value> {
        let secrets = [("url", self.url.as_ref()), ("secret", Some(&self.secret))];
        secrets.into_iter().filter_map(|(name, secret)| Some((name.to_owned(), secret?.expose().into()))).collect()
    }
}

impl Settings {
    /// What was done to the sink of this name.
    pub(crate) fn sink(&self, name: &str) -> SinkRecord {
        self.folded().sinks.0.get(name).cloned().unwrap_or_default()
    }

    /// The webhooks that were made through the API and not deleted, by name.
    pub(crate) fn webhooks(&self) -> Vec<(String, WebhookRecord)> {
        let folded = self.folded();
        let webhooks = folded.sinks.0.iter().filter_map(|(name, record)| Some((name.clone(), record.webhook.clone()?)));
        webhooks.collect()
    }

    /// Enters a change of the sink of this name; the id of the entry.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn change_sink(
        &self,
        change: SinkChange,
        name: &str,
        metadata: Map<String, Value>,
        author: &Author,
    ) -> Result<String> {
        let _changing = self.changing();
        self.append(vec![about(change.action(), name, metadata, author)])?;
        let missing = || Error::new(ErrorKind::Corrupt, "the entry of the change cannot be read");
        self.sink(name).entry.ok_or_else(missing)
    }

    /// Enters a webhook, and its secrets beside it.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn create_webhook(&self, name: &str, webhook: &WebhookRecord, author: &Author) -> Result<()> {
        let _changing = self.changing();
        let created = about(CREATED, name, webhook.created(), author);
        self.append(vec![created, about(SECRET, name, webhook.secrets(), author)])
    }
}

fn about(action: &str, name: &str, metadata: Map<String, Value>, author: &Author) -> Event {
    let mut event = author.event(action, Target::new("sink", name));
    event.metadata = metadata;
    event
}
