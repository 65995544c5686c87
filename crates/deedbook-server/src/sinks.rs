//! Looking after sinks from outside: what somebody wants of one → an entry of the log's own → its courier; and how each
//! of them gets on.
//!
//! The entry comes first, so that nothing happens to a sink of which the log does not know.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deedbook_core::{Entry, Error, ErrorKind, OWN_TENANT, Problem, Result, Scope, Store, Timestamp, rfc3339};
use deedbook_deliver::{Couriers, Outlet, Parked, Status, TestReply, position_at};
use serde_json::{Map, Value, json};

use crate::settings::{Author, Settings, SinkChange};

/// Parked entries that are shown: enough to see what is wrong.
const PARKED_SHOWN_MAX: usize = 100;

/// The sinks of a log.
pub(crate) struct Sinks {
    couriers: Arc<Couriers>,
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

/// How far a sink is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lag {
    /// Positions that it has not passed, those that are not for it included.
    entries: u64,
    /// For how long the oldest entry waits.
    seconds: u64,
}

impl Sinks {
    pub(crate) fn new(couriers: Arc<Couriers>, store: Arc<dyn Store>, settings: Arc<Settings>) -> Self {
        Self { couriers, store, settings, changing: Mutex::default() }
    }

    /// Sees to it that what the log says of sinks holds: a process may end between an entry and what it is about.
    pub(crate) fn begin(&self) {
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
        self.couriers.list().iter().map(|outlet| self.shown(outlet, now)).collect()
    }

    /// The sink of this name with what is parked of it, the first hundred.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] and [`ErrorKind::Corrupt`] where it cannot be read what is parked.
    pub(crate) fn show(&self, name: &str, now: Timestamp) -> Result<Option<Value>> {
        let Some(outlet) = self.couriers.get(name) else { return Ok(None) };
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
        let Some(outlet) = self.couriers.get(name) else { return Ok(None) };
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
        let Some(outlet) = self.couriers.get(name) else { return Ok(None) };
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
        let Some(outlet) = self.couriers.get(name) else { return Ok(None) };
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
        let Some(outlet) = self.couriers.get(name) else { return Ok(None) };
        let id = self.settings.change_sink(SinkChange::Tested, name, Map::new(), author)?;
        outlet.handle.test(self.own_entry(&id)?, reply);
        Ok(Some(id))
    }

    /// What `outlet` is, as the API shows it at `now`.
    pub(crate) fn shown(&self, outlet: &Outlet, now: Timestamp) -> Value {
        let Outlet { name, said, handle, is_running } = outlet;
        let status = handle.status();
        let lag = self.lag(&status, now);
        json!({
            "name": name,
            "kind": said.kind,
            "query": said.query,
            "tenant": said.tenant,
            "format": said.format,
            "origin": said.origin.as_str(),
            "running": is_running,
            "paused": status.paused,
            "next": status.next,
            "lag": { "entries": lag.entries, "seconds": lag.seconds },
            "delivered": status.delivered,
            "parked": status.parked,
            "last_error": status.last_error.map(|(at, why)| json!({ "at": rfc3339(at), "why": why })),
            "failing_since": status.failing_since.map(rfc3339),
            "entry": self.settings.sink(name).entry,
        })
    }

    /// Appends the figures of every sink in the form of Prometheus. They are those of this moment, so that a sink that
    /// is gone has none.
    pub(crate) fn write_figures(&self, now: Timestamp, out: &mut String) {
        let sinks: Vec<(String, Figures)> =
            self.couriers.list().into_iter().map(|outlet| self.figures(outlet, now)).collect();
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
