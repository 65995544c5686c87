//! A table of settings → a sink, and the terms on which it is served.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use deedbook_core::query::ParseOptions;
use deedbook_core::{Error, Query, Result, Scope, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[cfg(feature = "kafka")]
use crate::sink::kafka;
#[cfg(feature = "nats")]
use crate::sink::nats;
use crate::sink::{deedbook, file, log, otlp, postgres, splunk, stream, syslog, webhook};
use crate::{Bodies, Format, Guard, Secret, Sink, Start, Terms, Webhook};

/// Every kind of sink: the key under which its own settings stand, and what makes one of them. A new kind is a module
/// of `sink` and a line here.
const KINDS: &[(&str, Make)] = &[
    ("file", file::make),
    ("stdout", stream::make),
    (WEBHOOK, webhook::make),
    ("splunk", splunk::make),
    ("otlp", otlp::make),
    ("deedbook", deedbook::make),
    ("log", log::make),
    ("syslog", syslog::make),
    ("postgres", postgres::make),
    #[cfg(feature = "nats")]
    ("nats", nats::make),
    #[cfg(not(feature = "nats"))]
    ("nats", not_built),
    #[cfg(feature = "kafka")]
    ("kafka", kafka::make),
    #[cfg(not(feature = "kafka"))]
    ("kafka", not_built),
];

/// The kind that can be made through the API.
const WEBHOOK: &str = "webhook";

/// Stands for a kind that is behind a feature.
#[cfg(not(all(feature = "nats", feature = "kafka")))]
fn not_built(_: Value, _: &Place<'_>) -> Result<Box<dyn Sink>> {
    Err(wrong(
        "this program was built without it; `cargo build --features` and the name of the kind builds one with it",
    ))
}

/// Makes a sink of its settings. Everything that can be judged without the other side is judged; nothing is opened yet.
pub(crate) type Make = fn(Value, &Place<'_>) -> Result<Box<dyn Sink>>;

/// What a sink is made with, besides the settings of its kind.
pub(crate) struct Place<'a> {
    /// The folder that relative paths start from.
    pub(crate) folder: &'a Path,
    /// The format that was asked for.
    pub(crate) format: Option<Format>,
    /// How many entries it gets at once, at most.
    pub(crate) batch_entries: usize,
}

impl Place<'_> {
    /// The format that was asked for, JSON where none was.
    pub(crate) fn format(&self) -> Format {
        self.format.clone().unwrap_or(Format::Json)
    }
}

/// A sink that can be served.
pub struct Settings {
    /// How it is served.
    pub terms: Terms,
    /// Where entries go.
    pub sink: Box<dyn Sink>,
    /// What was said of it.
    pub said: Said,
}

/// What was said of a sink, as it was written.
#[derive(Clone, Debug)]
pub struct Said {
    /// Who said it.
    pub origin: Origin,
    /// Of which kind it is: the key under which its own settings stand, such as `file`.
    pub kind: &'static str,
    /// Which entries it gets; all where absent.
    pub query: Option<String>,
    /// Whose entries it gets; those of every tenant but the log's own where absent.
    pub tenant: Option<String>,
    /// In which format it gets them; its kind's own where absent.
    pub format: Option<String>,
}

/// Who configured a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The operator, in a file of the machine.
    File,
    /// An administrator, from afar.
    Api,
}

impl Origin {
    /// `file` or `api`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Api => "api",
        }
    }
}

/// A table as it is written. What is not known here is the table of a kind.
#[derive(Deserialize)]
struct Table {
    name: String,
    query: Option<String>,
    tenant: Option<String>,
    #[serde(default)]
    start: StartWord,
    format: Option<String>,
    #[serde(default)]
    batch: Batch,
    #[serde(flatten)]
    kinds: HashMap<String, Value>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StartWord {
    #[default]
    Beginning,
    Now,
}

/// How much goes at once.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    entries: Option<u64>,
    kib: Option<u64>,
    linger_ms: Option<u64>,
}

/// The own table of a webhook that was made through the API.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Address {
    url: String,
}

impl Settings {
    /// Reads one table; relative paths start from `folder`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid), which names the sink, what is wrong and what is
    /// expected.
    pub fn read(table: Value, folder: &Path) -> Result<Self> {
        let name = table.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let settings = parse::<Table>(table).and_then(|table| table.settings(folder));
        settings.map_err(|error| within(&format!("the sink {name:?}"), &error))
    }

    /// Reads the table of a webhook that somebody made through the API: as in an operator's file, with
    /// `webhook = { url = "…" }`. What it sends is signed by `secret`, and `guard` watches where it connects to.
    ///
    /// # Errors
    /// As [`Settings::read`]; `operator_only` where it is a sink of another kind.
    pub fn read_webhook(table: Value, secret: &Secret, guard: &Guard) -> Result<Self> {
        parse::<Table>(table)?.webhook(secret, guard)
    }

    /// Reads all tables of a file.
    ///
    /// # Errors
    /// As [`Settings::read`]; two sinks of one name.
    pub fn read_all(tables: Vec<Value>, folder: &Path) -> Result<Vec<Self>> {
        let all: Vec<Self> = tables.into_iter().map(|table| Self::read(table, folder)).collect::<Result<_>>()?;
        let mut names = HashSet::new();
        match all.iter().find(|settings| !names.insert(&settings.terms.name)) {
            Some(twice) => {
                Err(wrong(format!("two sinks are called {:?}: how far each is goes by its name", twice.terms.name)))
            }
            None => Ok(all),
        }
    }
}

impl Table {
    fn settings(mut self, folder: &Path) -> Result<Settings> {
        let (terms, format) = (self.terms()?, self.format()?);
        let (kind, make, own) = kind(std::mem::take(&mut self.kinds))?;
        let place = Place { folder, format, batch_entries: terms.batch_entries };
        let sink = make(own, &place).map_err(|error| within(kind, &error))?;
        Ok(Settings { terms, sink, said: self.said(kind, Origin::File) })
    }

    fn webhook(mut self, secret: &Secret, guard: &Guard) -> Result<Settings> {
        let (terms, format) = (self.terms()?, self.format()?.unwrap_or(Format::Json));
        let own = self.kinds.remove(WEBHOOK);
        if let Some(other) = self.kinds.keys().next() {
            return Err(not_from_afar(other));
        }
        let own = own.ok_or_else(|| wrong(format!("it needs {WEBHOOK}, with a url")))?;
        let bodies = Bodies::of(terms.batch_entries);
        let sink =
            parse::<Address>(own).and_then(|Address { url }| Webhook::guarded(&url, secret, format, bodies, guard));
        let sink = Box::new(sink.map_err(|error| within(WEBHOOK, &error))?);
        Ok(Settings { terms, sink, said: self.said(WEBHOOK, Origin::Api) })
    }

    fn said(self, kind: &'static str, origin: Origin) -> Said {
        let Self { query, tenant, format, .. } = self;
        Said { origin, kind, query, tenant, format }
    }

    fn format(&self) -> Result<Option<Format>> {
        let read =
            |text: &String| text.parse::<Format>().map_err(|error| within(&format!("format = {text:?}"), &error));
        self.format.as_ref().map(read).transpose()
    }

    fn terms(&self) -> Result<Terms> {
        let fits = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(fits) {
            return Err(wrong("its name cannot be one: take letters, digits, - and _, at most 64"));
        }
        let mut terms = Terms::new(&self.name);
        if let Some(tenant) = &self.tenant {
            terms.scope = Scope::tenant(tenant);
        }
        if let Some(query) = &self.query {
            terms.query = Query::parse_located(query, &ParseOptions::utc(Timestamp::now())).map_err(|error| {
                wrong(format!("the query does not parse: at {}: {}", error.position, error.message))
            })?;
        }
        terms.start = match self.start {
            StartWord::Beginning => Start::Beginning,
            StartWord::Now => Start::Now,
        };
        if let Some(entries) = self.batch.entries {
            terms.batch_entries = bounded("entries", entries, 10_000)? as usize;
        }
        if let Some(kib) = self.batch.kib {
            terms.batch_bytes = (bounded("kib", kib, 64 << 10)? as usize) << 10;
        }
        if let Some(milliseconds) = self.batch.linger_ms {
            terms.linger = Duration::from_millis(bounded("linger_ms", milliseconds, 60_000)?);
        }
        Ok(terms)
    }
}

/// The refusal of a member that is not for a webhook of the API.
fn not_from_afar(member: &str) -> Error {
    match KINDS.iter().find(|(name, _)| *name == member) {
        Some((kind, _)) => {
            let detail = format!(
                "sinks of the kind {kind} are set up in the operator's file alone; through the API there are webhooks"
            );
            Error::invalid(format!("/{kind}"), "operator_only", detail)
        }
        None => wrong(format!("unknown field {member:?}")),
    }
}

/// The only table of a kind among `tables`.
fn kind(tables: HashMap<String, Value>) -> Result<(&'static str, Make, Value)> {
    let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
    let names = names.join(", ");
    let mut found = Vec::new();
    for (key, own) in tables {
        let known = KINDS.iter().find(|(name, _)| *name == key);
        let Some(&(name, make)) = known else {
            return Err(wrong(format!("unknown field {key:?}; the kinds of sinks are {names}")));
        };
        found.push((name, make, own));
    }
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        _ => Err(wrong(format!("it needs exactly one of {names}"))),
    }
}

/// Reads the settings of a kind.
pub(crate) fn parse<T: DeserializeOwned>(settings: Value) -> Result<T> {
    serde_json::from_value(settings).map_err(|error| wrong(error.to_string()))
}

/// A number that must be from 1 to `max`.
pub(crate) fn bounded(what: &str, given: u64, max: u64) -> Result<u64> {
    if (1..=max).contains(&given) { Ok(given) } else { Err(wrong(format!("{what} = {given}: take 1 to {max}"))) }
}

/// `logs.example:6514`, `192.0.2.1:514` or `[2001:db8::1]:514`.
pub(crate) fn host_and_port(what: &str, address: &str) -> Result<(String, u16)> {
    let parts = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let bare = |host: &str| host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_owned();
    match parts {
        Some((host, port)) if port > 0 && !bare(host).is_empty() && (host.starts_with('[') || !host.contains(':')) => {
            Ok((bare(host), port))
        }
        _ => Err(wrong(format!("{what} = {address:?}: take a host and a port, such as \"logs.example:6514\""))),
    }
}

/// The files `certificate_file` and `key_file`, where there are any; relative paths start from `folder`.
pub(crate) fn own_certificate(
    certificate: Option<&Path>,
    key: Option<&Path>,
    folder: &Path,
) -> Result<Option<(PathBuf, PathBuf)>> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some((folder.join(certificate), folder.join(key)))),
        (None, None) => Ok(None),
        _ => Err(wrong("certificate_file and key_file go together")),
    }
}

/// An error about settings, for whoever wrote them.
pub(crate) fn wrong(what: impl Into<String>) -> Error {
    Error::invalid("", "invalid_sink", what)
}

/// The same error with the place that it is about.
fn within(place: &str, error: &Error) -> Error {
    let details: Vec<&str> = error.problems().iter().map(|problem| problem.detail.as_str()).collect();
    wrong(format!("{place}: {}", details.join("; ")))
}
