//! The sinks of the operator's file: what they are, and the couriers that serve them beside the server.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use deedbook_core::{Actor, Entry, Error, Event, Outcome as Success, Query, Store, StoreExt, Target};
use deedbook_deliver::{
    Courier, FileSink, Folder, Format, Handle, Incident, RealTime, Rotation, Sink, Start, StreamSink, Terms, Writer,
};
use deedbook_server::own_draft;
use serde::Deserialize;

use crate::exit::{Failure, Outcome};
use crate::query;

/// The folder of a data directory in which it is kept how far each sink is.
const FOLDER: &str = "sinks";

/// A sink as the file has it. Exactly one kind is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SinkTable {
    name: String,
    query: Option<String>,
    tenant: Option<String>,
    #[serde(default)]
    start: StartWord,
    format: Option<String>,
    file: Option<FileTable>,
    stdout: Option<StdoutTable>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StartWord {
    #[default]
    Beginning,
    Now,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTable {
    path: PathBuf,
    rotate_mib: Option<u64>,
    #[serde(default = "FileTable::keep")]
    keep: u32,
}

impl FileTable {
    fn keep() -> u32 {
        10
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StdoutTable {}

/// A sink that can be opened: everything that can be judged about it was.
pub(super) struct SinkSettings {
    terms: Terms,
    format: Format,
    kind: Kind,
}

enum Kind {
    File { path: PathBuf, rotation: Option<Rotation> },
    Stdout,
}

impl SinkTable {
    /// `base` is the folder that relative paths start from.
    fn settings(self, base: &Path) -> Outcome<SinkSettings> {
        let name = &self.name;
        let wrong = |what: String| Failure::invalid(format!("the sink {name:?} {what}"));
        let fits = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            return Err(wrong("has a name that cannot be one: take letters, digits, - and _, at most 64".to_owned()));
        }
        let kinds = [
            self.file.map(|file| Kind::File {
                path: base.join(file.path),
                rotation: file.rotate_mib.map(|mib| Rotation { bytes: mib << 20, keep: file.keep }),
            }),
            self.stdout.map(|_| Kind::Stdout),
        ];
        let mut kinds = kinds.into_iter().flatten();
        let (Some(kind), None) = (kinds.next(), kinds.next()) else {
            return Err(wrong("needs exactly one of file = {…} and stdout = {}".to_owned()));
        };
        if matches!(kind, Kind::File { rotation: Some(Rotation { bytes: 0, .. }), .. }) {
            return Err(wrong("has rotate_mib = 0: give a size of at least 1, or leave it out".to_owned()));
        }
        let mut terms = Terms::new(name);
        terms.scope = query::scope(self.tenant.as_deref());
        terms.query = self.query.as_deref().map_or(Ok(Query::all()), query::parse)?;
        terms.start = match self.start {
            StartWord::Beginning => Start::Beginning,
            StartWord::Now => Start::Now,
        };
        let format = match self.format.as_deref() {
            None => Format::Json,
            Some(text) => {
                text.parse().map_err(|error: Error| wrong(format!("has format = {text:?}")).caused_by(error))?
            }
        };
        Ok(SinkSettings { terms, format, kind })
    }
}

/// Judges the sinks of a file.
///
/// # Errors
/// The first thing that is wrong, and in which sink.
pub(super) fn settings(tables: Vec<SinkTable>, base: &Path) -> Outcome<Vec<SinkSettings>> {
    let mut names = HashSet::new();
    if let Some(twice) = tables.iter().find(|table| !names.insert(table.name.clone())) {
        return Err(Failure::invalid(format!(
            "two sinks are called {:?}: how far each is goes by its name",
            twice.name
        )));
    }
    tables.into_iter().map(|table| table.settings(base)).collect()
}

/// The couriers of a server, a thread each.
pub(super) struct Couriers(Vec<(Handle, JoinHandle<()>)>);

impl Couriers {
    /// Starts a courier for each sink of the log in `directory`.
    ///
    /// # Errors
    /// When it cannot be read how far one is.
    pub(super) fn start(sinks: Vec<SinkSettings>, store: &Arc<dyn Store>, directory: &Path) -> Outcome<Self> {
        let mut couriers = Self(Vec::with_capacity(sinks.len()));
        if sinks.is_empty() {
            return Ok(couriers);
        }
        let states = Arc::new(Folder::open(directory.join(FOLDER))?);
        for SinkSettings { terms, format, kind } in sinks {
            let (log, name) = (store.clone(), terms.name.clone());
            let incidents = move |incident: Incident| enter(&*log, &name, &incident);
            let thread = format!("deedbook-sink-{}", terms.name);
            let courier =
                Courier::new(store.clone(), kind.open(format), states.clone(), Arc::new(RealTime), incidents, terms)?;
            let handle = courier.handle();
            let thread = std::thread::Builder::new().name(thread).spawn(|| courier.run());
            couriers.0.push((handle, thread.map_err(|error| Failure::io("start the thread of a sink", error))?));
        }
        Ok(couriers)
    }

    /// Ends them, each after the batch that it sends.
    pub(super) fn stop(self) {
        self.0.iter().for_each(|(handle, _)| handle.stop());
        for (_, thread) in self.0 {
            // A panic was told by the thread itself, and nothing of its sink is lost.
            let _ = thread.join();
        }
    }
}

impl Kind {
    fn open(self, format: Format) -> Box<dyn Sink> {
        let write: Writer = Box::new(move |entry: &Entry, out: &mut Vec<u8>| format.write(entry, out));
        match self {
            Self::File { path, rotation } => Box::new(FileSink::new(path, rotation, write)),
            Self::Stdout => Box::new(StreamSink::new(io::stdout(), write)),
        }
    }
}

/// Enters what happened to a sink into the log's own tenant.
fn enter(store: &dyn Store, name: &str, incident: &Incident) {
    let (action, outcome, reason) = match incident {
        Incident::Fails { why } => ("audit.sink.failed", Success::Failure, Some(why.clone())),
        Incident::Recovered => ("audit.sink.recovered", Success::Success, None),
        Incident::Parked(parked) => ("audit.sink.parked", Success::Failure, Some(parked.why.clone())),
    };
    let mut event = Event::new(action, Actor::without_id("system"));
    event.outcome = Some(outcome);
    event.reason = reason;
    event.targets = vec![Target::new("sink", name)];
    if let Incident::Parked(parked) = incident {
        event.targets.push(Target::new("event", &parked.id));
        event.metadata.insert("tenant".to_owned(), parked.tenant.clone().into());
    }
    let entered = own_draft(event).and_then(|draft| store.append_one(draft));
    if let Err(error) = entered {
        tracing::warn!(sink = name, %error, "what happened to a sink could not be entered");
    }
}
