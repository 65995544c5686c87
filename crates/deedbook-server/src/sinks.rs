//! Looking after sinks from outside: what somebody wants of one → an entry of the log's own → its courier; and how each
//! of them gets on.
//!
//! The entry comes first, so that nothing happens to a sink of which the log does not know.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use deedbook_core::{Entry, Error, ErrorKind, OWN_TENANT, Problem, Result, Scope, Store, Timestamp, rfc3339};
use deedbook_deliver::{Couriers, Guard, Handle, Origin, Outlet, Parked, Said, Status, TestReply, position_at};
use serde_json::{Map, Value, json};

use crate::own;
use crate::secret::{Secret, fill_random};
use crate::settings::{Author, Settings, SinkChange, WebhookRecord};

/// Parked entries that are shown: enough to see what is wrong.
const PARKED_SHOWN_MAX: usize = 100;

/// Webhooks that may be made through the API: each has a thread of its own.
const WEBHOOKS_MAX: usize = 32;

/// The kind of sink that can be made through the API.
const WEBHOOK: &str = "webhook";

/// The sinks of a log.
pub(crate) struct Sinks {
    couriers: Arc<Couriers>,
    guard: Guard,
    store: Arc<dyn Store>,
    settings: Arc<Settings>,
    /// Held while a sink is changed, so that entries and couriers see changes in one order.
    changing: Mutex<()>,
}

/// What is to be delivered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replay {
    /// What was recorded at this time or later.
    Since(Timestamp),
    /// What stands at this position or later.
    From(u64),
    /// What is parked.
    Parked,
}

/// A webhook that is to be made.
pub(crate) struct NewWebhook {
    pub(crate) name: String,
    /// All that was said of it but its name and its secrets.
    pub(crate) table: Map<String, Value>,
    pub(crate) url: Option<Secret>,
    /// Made where absent.
    pub(crate) secret: Option<Secret>,
}

/// How far a sink is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lag {
    /// Positions that it has not passed, those that are not for it included.
    entries: u64,
    /// For how long the oldest entry waits.
    seconds: u64,
}

impl Sinks {
    pub(crate) fn new(couriers: Arc<Couriers>, guard: Guard, store: Arc<dyn Store>, settings: Arc<Settings>) -> Self {
        Self { couriers, guard, store, settings, changing: Mutex::default() }
    }

    /// Starts the webhooks that were made through the API, and sees to it that what the log says of sinks holds: a
    /// process may end between an entry and what it is about.
    pub(crate) fn begin(&self) {
        for (name, webhook) in self.settings.webhooks() {
            let started = self.read(&name, &webhook).and_then(|settings| self.couriers.start(settings));
            if let Err(error) = started {
                tracing::error!(sink = name, %error, "a webhook that was made through the API cannot be started");
            }
        }
        for Outlet { name, handle, .. } in self.couriers.list() {
            match self.settings.sink(&name).paused {
                Some(paused) if paused == handle.status().paused => {}
                Some(true) => handle.pause(),
                Some(false) => handle.resume(),
                None => {}
            }
        }
    }

    /// Every sink by name, as the API shows it at `now`.
    pub(crate) fn list(&self, now: Timestamp) -> Vec<Value> {
        self.outlets().iter().map(|outlet| self.shown(outlet, now)).collect()
    }

    /// The sink of this name with what is parked of it, the first hundred.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] and [`ErrorKind::Corrupt`] where it cannot be read what is parked.
    pub(crate) fn show(&self, name: &str, now: Timestamp) -> Result<Option<Value>> {
        let Some(outlet) = self.outlet(name) else { return Ok(None) };
        let mut shown = self.shown(&outlet, now);
        let parked = self.couriers.state(name)?.map(|state| state.parked).unwrap_or_default();
        shown["parked_entries"] = parked.iter().take(PARKED_SHOWN_MAX).map(parked_json).collect();
        Ok(Some(shown))
    }

    /// Pauses the sink of this name; nothing happens to one that is paused. `None` where there is none.
    ///
    /// # Errors
    /// As [`Store::submit`].
    pub(crate) fn pause(&self, name: &str, author: &Author) -> Result<Option<Outlet>> {
        let _changing = self.changing();
        let Some(outlet) = self.outlet(name) else { return Ok(None) };
        if !outlet.handle.status().paused {
            self.settings.change_sink(SinkChange::Paused, name, Map::new(), author)?;
            outlet.handle.pause();
        }
        Ok(Some(outlet))
    }

    /// Ends a pause; nothing happens to one that is not paused. `None` where there is none.
    ///
    /// # Errors
    /// As [`Store::submit`].
    pub(crate) fn resume(&self, name: &str, author: &Author) -> Result<Option<Outlet>> {
        let _changing = self.changing();
        let Some(outlet) = self.outlet(name) else { return Ok(None) };
        if outlet.handle.status().paused {
            self.settings.change_sink(SinkChange::Resumed, name, Map::new(), author)?;
            outlet.handle.resume();
        }
        Ok(Some(outlet))
    }

    /// Delivers again what was delivered, or what is parked. `None` where there is no sink of this name.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the sink has not come so far yet; as [`Store::submit`] and [`Store::page`].
    pub(crate) fn replay(&self, name: &str, replay: Replay, author: &Author) -> Result<Option<Outlet>> {
        let _changing = self.changing();
        let Some(outlet) = self.outlet(name) else { return Ok(None) };
        let (position, metadata) = match replay {
            Replay::Parked => (None, json!({ "parked": true })),
            Replay::From(position) => (Some(position), json!({ "position": position })),
            Replay::Since(time) => {
                let position = position_at(&*self.store, time)?;
                (Some(position), json!({ "from": rfc3339(time), "position": position }))
            }
        };
        let next = outlet.handle.status().next;
        if position.is_some_and(|position| position > next) {
            return Err(not_there_yet(replay, next));
        }
        let metadata = metadata.as_object().cloned().unwrap_or_default();
        self.settings.change_sink(SinkChange::Replayed, name, metadata, author)?;
        match position {
            Some(position) => outlet.handle.replay_from(position),
            None => outlet.handle.replay_parked(),
        }
        Ok(Some(outlet))
    }

    /// Enters that the sink of this name is tested and sends that entry to it; the id of the entry. `None` where there
    /// is no such sink. `reply` is called once the sink has answered, and dropped where it does not come to that.
    ///
    /// # Errors
    /// As [`Store::submit`] and [`Store::get`].
    pub(crate) fn test(&self, name: &str, author: &Author, reply: TestReply) -> Result<Option<String>> {
        let _changing = self.changing();
        let Some(outlet) = self.outlet(name) else { return Ok(None) };
        let id = self.settings.change_sink(SinkChange::Tested, name, Map::new(), author)?;
        outlet.handle.test(self.own_entry(&id)?, reply);
        Ok(Some(id))
    }

    /// Makes a webhook of what was sent, and gives its secret where there was none. It is durable when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with what is wrong; [`ErrorKind::Conflict`] where there is a sink of this name, or there
    /// are too many; as [`Store::submit`].
    pub(crate) fn create(&self, new: NewWebhook, author: &Author) -> Result<(Outlet, Option<Secret>)> {
        let (secret, made) = match new.secret {
            Some(secret) => (secret, None),
            None => {
                let made = new_secret();
                (made.clone(), Some(made))
            }
        };
        let to = new.url.as_ref().and_then(|url| reqwest::Url::parse(url.expose()).ok());
        let to = to.map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        let webhook = WebhookRecord { table: new.table, to, url: new.url, secret };
        let settings = self.read(&new.name, &webhook)?;
        settings.said.tenant.as_deref().map_or(Ok(()), own::check_tenant)?;
        let _changing = self.changing();
        if self.outlet(&new.name).is_some() {
            return Err(Error::new(ErrorKind::Conflict, "there is a sink of this name; take another one"));
        }
        if self.settings.webhooks().len() >= WEBHOOKS_MAX {
            let message = format!("there are {WEBHOOKS_MAX} webhooks already; delete one first");
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        // How far another sink of this name once was is nothing to this one.
        self.couriers.remove(&new.name)?;
        self.settings.create_webhook(&new.name, &webhook, author)?;
        self.couriers.start(settings)?;
        let missing = || Error::new(ErrorKind::Corrupt, "the entry of the webhook cannot be read");
        Ok((self.outlet(&new.name).ok_or_else(missing)?, made))
    }

    /// Enters that a webhook is deleted, which [`Sinks::end`] is to do; the id of the entry. `None` where there is no
    /// sink of this name.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] where it is one of the operator's file; as [`Store::submit`].
    pub(crate) fn delete(&self, name: &str, author: &Author) -> Result<Option<String>> {
        let _changing = self.changing();
        let Some(outlet) = self.outlet(name) else { return Ok(None) };
        if outlet.said.origin == Origin::File {
            let message = "the sink is set up in the operator's file, and goes when it is taken out there";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        if self.settings.sink(name).webhook.is_none() {
            // It is deleted, and has not ended yet.
            return Ok(None);
        }
        self.settings.change_sink(SinkChange::Deleted, name, Map::new(), author).map(Some)
    }

    /// Ends a webhook that is deleted after the batch that it sends, for which it waits.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where it cannot be forgotten how far it was.
    pub(crate) fn end(&self, name: &str) -> Result<()> {
        self.couriers.remove(name)
    }

    /// What `outlet` is, as the API shows it at `now`.
    pub(crate) fn shown(&self, outlet: &Outlet, now: Timestamp) -> Value {
        let Outlet { name, said, handle, is_running } = outlet;
        let status = handle.status();
        let (lag, record) = (self.lag(&status, now), self.settings.sink(name));
        json!({
            "name": name,
            "kind": said.kind,
            "query": said.query,
            "tenant": said.tenant,
            "format": said.format,
            "to": record.webhook.map(|webhook| webhook.to),
            "origin": said.origin.as_str(),
            "running": is_running,
            "paused": status.paused,
            "next": status.next,
            "lag": { "entries": lag.entries, "seconds": lag.seconds },
            "delivered": status.delivered,
            "parked": status.parked,
            "last_error": status.last_error.map(|(at, why)| json!({ "at": rfc3339(at), "why": why })),
            "failing_since": status.failing_since.map(rfc3339),
            "entry": record.entry,
        })
    }

    /// Appends the figures of every sink in the form of Prometheus. They are those of this moment, so that a sink that
    /// is gone has none.
    pub(crate) fn write_figures(&self, now: Timestamp, out: &mut String) {
        let sinks: Vec<(String, Figures)> =
            self.outlets().into_iter().map(|outlet| self.figures(outlet, now)).collect();
        // The names of sinks are letters, digits, `-` and `_`: nothing in them is to be escaped.
        for (name, kind, help, value) in FIGURES {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (sink, figures) in &sinks {
                let _ = writeln!(out, "{name}{{sink=\"{sink}\"}} {}", value(figures));
            }
            out.push('\n');
        }
    }

    fn figures(&self, outlet: Outlet, now: Timestamp) -> (String, Figures) {
        let status = outlet.handle.status();
        let figures = Figures {
            lag: self.lag(&status, now),
            parked: status.parked,
            delivered: status.delivered,
            fails: status.failing_since.is_some() || !outlet.is_running,
        };
        (outlet.name, figures)
    }

    /// The sinks that are served, and the webhooks that should be and could not be started, by name.
    fn outlets(&self) -> Vec<Outlet> {
        let mut outlets = self.couriers.list();
        for (name, webhook) in self.settings.webhooks() {
            if let Err(place) = outlets.binary_search_by(|outlet| outlet.name.cmp(&name)) {
                outlets.insert(place, not_started(name, &webhook));
            }
        }
        outlets
    }

    fn outlet(&self, name: &str) -> Option<Outlet> {
        self.couriers.get(name).or_else(|| Some(not_started(name.to_owned(), &self.settings.sink(name).webhook?)))
    }

    /// The webhook as it is served.
    fn read(&self, name: &str, webhook: &WebhookRecord) -> Result<deedbook_deliver::Settings> {
        let mut table = webhook.table.clone();
        table.insert("name".to_owned(), name.into());
        if let Some(url) = &webhook.url {
            table.insert(WEBHOOK.to_owned(), json!({ "url": url.expose() }));
        }
        let secret = deedbook_deliver::Secret::new(webhook.secret.expose());
        deedbook_deliver::Settings::read_webhook(table.into(), &secret, &self.guard)
    }

    fn lag(&self, status: &Status, now: Timestamp) -> Lag {
        let entries = self.store.visible_count().saturating_sub(status.next);
        let waits_since = status.waits_since.filter(|_| entries > 0);
        let seconds = waits_since.map_or(0, |since| now.as_second().saturating_sub(since.as_second()));
        Lag { entries, seconds: u64::try_from(seconds).unwrap_or(0) }
    }

    fn own_entry(&self, id: &str) -> Result<Entry> {
        let missing = || Error::new(ErrorKind::Corrupt, "the entry of the test cannot be read");
        self.store.get(OWN_TENANT, id, &Scope::tenant(OWN_TENANT))?.ok_or_else(missing)
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The figures of one sink.
struct Figures {
    lag: Lag,
    parked: u64,
    delivered: u64,
    fails: bool,
}

/// Name, type, words, and which of the figures it is.
type Row = (&'static str, &'static str, &'static str, fn(&Figures) -> u64);

const FIGURES: [Row; 5] = [
    (
        "deedbook_sink_lag_entries",
        "gauge",
        "Positions of the log that the sink has not passed, those that are not for it included",
        |it| it.lag.entries,
    ),
    ("deedbook_sink_lag_seconds", "gauge", "For how long the oldest entry waits for the sink", |it| it.lag.seconds),
    ("deedbook_sink_parked", "gauge", "Entries that the other side refused for good", |it| it.parked),
    ("deedbook_sink_delivered_total", "counter", "Entries that the sink delivered, again included", |it| it.delivered),
    ("deedbook_sink_failing", "gauge", "1 where the last try failed or the sink does not run", |it| {
        u64::from(it.fails)
    }),
];

/// A secret such as Standard Webhooks have: 256 random bits, with a prefix by which scanners find it.
fn new_secret() -> Secret {
    let mut random = [0; 32];
    fill_random(&mut random);
    Secret::new(format!("whsec_{}", STANDARD.encode(random)))
}

fn not_started(name: String, webhook: &WebhookRecord) -> Outlet {
    let text = |name: &str| webhook.table.get(name).and_then(Value::as_str).map(str::to_owned);
    let (query, tenant, format) = (text("query"), text("tenant"), text("format"));
    let said = Said { origin: Origin::Api, kind: WEBHOOK, query, tenant, format };
    Outlet { name, said, handle: Handle::default(), is_running: false }
}

fn parked_json(parked: &Parked) -> Value {
    let Parked { position, tenant, id, why, at } = parked;
    json!({ "position": position, "tenant": tenant, "id": id, "why": why, "at": at })
}

/// The refusal of a replay that would leave something out.
fn not_there_yet(replay: Replay, next: u64) -> Error {
    let pointer = if matches!(replay, Replay::Since(_)) { "/from" } else { "/position" };
    let detail = format!("the sink has come to position {next} and goes on from there; a replay begins before that");
    let problem = Problem { pointer: pointer.to_owned(), code: "not_delivered_yet".into(), detail };
    Error::from_problems(vec![problem])
}
