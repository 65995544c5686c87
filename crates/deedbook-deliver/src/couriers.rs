//! The couriers of a log, a thread each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use deedbook_core::{Error, ErrorKind, Result, Store};

use crate::settings::Said;
use crate::{Courier, Handle, Incident, RealTime, Settings, State, States};

/// Every courier of a log, by the name of its sink.
pub struct Couriers {
    store: Arc<dyn Store>,
    states: Arc<dyn States>,
    incidents: Arc<Incidents>,
    running: Mutex<BTreeMap<String, Running>>,
}

/// Who is told what happened to the sink of a name.
type Incidents = dyn Fn(&str, Incident) + Send + Sync;

struct Running {
    name: String,
    said: Said,
    handle: Handle,
    /// `None` while its end is waited for.
    thread: Option<JoinHandle<()>>,
}

/// A sink that is served.
#[derive(Clone, Debug)]
pub struct Outlet {
    /// What it is called.
    pub name: String,
    /// What was said of it.
    pub said: Said,
    /// By what it is looked after.
    pub handle: Handle,
    /// Whether its courier works; it does until it is told to end, unless it panics.
    pub is_running: bool,
}

impl Couriers {
    /// None yet. What happens to a sink is told to `incidents` with its name.
    pub fn new(
        store: Arc<dyn Store>,
        states: Arc<dyn States>,
        incidents: impl Fn(&str, Incident) + Send + Sync + 'static,
    ) -> Self {
        Self { store, states, incidents: Arc::new(incidents), running: Mutex::default() }
    }

    /// Starts one.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] where a sink of this name is served; when it cannot be read how far the sink is; when
    /// there is no thread for it.
    pub fn start(&self, settings: Settings) -> Result<()> {
        let Settings { terms, sink, said } = settings;
        let name = terms.name.clone();
        let mut running = self.running();
        if running.contains_key(&name) {
            return Err(Error::new(ErrorKind::Conflict, format!("there is a sink {name:?}: take another name")));
        }
        let (incidents, about) = (self.incidents.clone(), name.clone());
        let incidents = move |incident: Incident| incidents(&about, incident);
        let courier =
            Courier::new(self.store.clone(), sink, self.states.clone(), Arc::new(RealTime), incidents, terms)?;
        let handle = courier.handle();
        let thread = std::thread::Builder::new().name(format!("deedbook-sink-{name}")).spawn(|| courier.run());
        let thread = thread.map_err(|error| {
            Error::new(ErrorKind::Io, format!("start the thread of the sink {name:?}: {error}")).with_source(error)
        })?;
        running.insert(name.clone(), Running { name, said, handle, thread: Some(thread) });
        Ok(())
    }

    /// All of them, by name.
    pub fn list(&self) -> Vec<Outlet> {
        self.running().values().map(Running::outlet).collect()
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<Outlet> {
        self.running().get(name).map(Running::outlet)
    }

    /// How far the one of this name was when that was kept last, with what is parked; `None` where it never ran.
    ///
    /// # Errors
    /// As [`States::load`].
    pub fn state(&self, name: &str) -> Result<Option<State>> {
        self.states.load(name)
    }

    /// Ends the one of this name after the batch that it sends, and forgets how far it is. Until this returns the name
    /// is taken.
    ///
    /// # Errors
    /// As [`States::remove`].
    pub fn remove(&self, name: &str) -> Result<()> {
        let thread = self.running().get_mut(name).and_then(|running| {
            running.handle.stop();
            running.thread.take()
        });
        thread.into_iter().for_each(await_end);
        let removed = self.states.remove(name);
        self.running().remove(name);
        removed
    }

    /// Ends all of them, each after the batch that it sends.
    pub fn stop(&self) {
        let all = std::mem::take(&mut *self.running());
        all.values().for_each(|running| running.handle.stop());
        all.into_values().filter_map(|running| running.thread).for_each(await_end);
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn outlet(&self) -> Outlet {
        let is_running = self.thread.as_ref().is_some_and(|thread| !thread.is_finished());
        Outlet { name: self.name.clone(), said: self.said.clone(), handle: self.handle.clone(), is_running }
    }
}

/// A panic was told by the thread itself, and nothing of its sink is lost.
fn await_end(thread: JoinHandle<()>) {
    let _ = thread.join();
}

impl std::fmt::Debug for Couriers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Couriers").field("running", &self.list()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use deedbook_core::{Actor, Entry, Event, Limits, MemoryStore, StoreExt, Timestamp, commitment::Key, prepare};

    use super::*;
    use crate::{Failure, Folder, Origin, Sink, Terms};

    struct Taking;

    impl Sink for Taking {
        fn deliver(&mut self, _: &[Entry]) -> std::result::Result<(), Failure> {
            Ok(())
        }
    }

    fn settings() -> Settings {
        let said = Said { origin: Origin::File, kind: "taking", query: None, tenant: None, format: None };
        Settings { terms: Terms::new("siem"), sink: Box::new(Taking), said }
    }

    #[test]
    fn a_sink_that_was_removed_leaves_its_name_free_and_begins_anew() {
        let store = Arc::new(MemoryStore::new(Timestamp::now, Key([7; 32])));
        let event = Event::new("thing.made", Actor::new("user", "ada"));
        store.append_one(prepare(event, &Limits::default(), || [1; 16]).expect("a draft")).expect("recorded");
        let place = tempfile::tempdir().expect("a folder");
        let couriers = Couriers::new(store, Arc::new(Folder::at(place.path())), |_, _| ());
        for _ in 0..2 {
            couriers.start(settings()).expect("started");
            assert_eq!(couriers.start(settings()).expect_err("taken").kind(), ErrorKind::Conflict);
            let outlet = couriers.get("siem").expect("a sink");
            while outlet.handle.status().delivered < 1 {
                std::thread::sleep(Duration::from_millis(1));
            }
            assert!(outlet.is_running && couriers.list().len() == 1);
            couriers.remove("siem").expect("removed");
            assert!(couriers.get("siem").is_none() && couriers.state("siem").expect("no state").is_none());
        }
        couriers.remove("siem").expect("nothing to remove");
    }
}
