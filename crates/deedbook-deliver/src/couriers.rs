//! The couriers of a log, a thread each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use deedbook_core::{Error, ErrorKind, Result, Store};

use crate::{Courier, Handle, Incident, RealTime, Settings, States};

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
    outlet: Outlet,
    thread: JoinHandle<()>,
}

/// A sink that is served.
#[derive(Clone, Debug)]
pub struct Outlet {
    /// What it is called.
    pub name: String,
    /// Of which kind it is, such as `file`.
    pub kind: &'static str,
    /// By what it is looked after.
    pub handle: Handle,
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
        let Settings { terms, kind, sink } = settings;
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
        let outlet = Outlet { name: name.clone(), kind, handle };
        running.insert(name, Running { outlet, thread });
        Ok(())
    }

    /// All of them, by name.
    pub fn list(&self) -> Vec<Outlet> {
        self.running().values().map(|running| running.outlet.clone()).collect()
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<Outlet> {
        self.running().get(name).map(|running| running.outlet.clone())
    }

    /// Ends the one of this name after the batch that it sends. How far it is stays kept.
    pub fn end(&self, name: &str) {
        let running = self.running().remove(name);
        running.into_iter().for_each(Running::end);
    }

    /// Ends all of them, each after the batch that it sends.
    pub fn stop(&self) {
        let all = std::mem::take(&mut *self.running());
        all.values().for_each(|running| running.outlet.handle.stop());
        all.into_values().for_each(Running::end);
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn end(self) {
        self.outlet.handle.stop();
        // A panic was told by the thread itself, and nothing of its sink is lost.
        let _ = self.thread.join();
    }
}

impl std::fmt::Debug for Couriers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Couriers").field("running", &self.list()).finish_non_exhaustive()
    }
}
