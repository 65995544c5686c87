//! [`Entry`] → the bytes of one record, in a format that other systems read.
//!
//! Every record is one line: whatever strangers wrote into an entry neither ends a line nor becomes a field of its own.

mod act;
mod json;
pub(crate) mod line;
mod rest;

mod cef;
mod cloudevents;
mod ecs;
mod leef;
mod ocsf;
mod template;

use std::fmt;
use std::str::FromStr;

use deedbook_core::{Entry, Error, Result};

use crate::Writer;

pub(crate) use cef::type_and_id;
pub use template::Template;

/// What stands before the text of a template, where a format is named.
const TEMPLATE: &str = "template:";

/// The formats without a text of their own.
const NAMED: [Format; 6] = [Format::Json, Format::Ocsf, Format::Ecs, Format::CloudEvents, Format::Cef, Format::Leef];

/// How an entry looks outside; read from and written as its name, such as `ocsf` or `template:{action}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// `json`: the entry exactly as the API shows it.
    Json,
    /// `ocsf`: Open Cybersecurity Schema Framework 1.6.0; an event of API Activity, Authentication, Account Change or
    /// Entity Management. What has no place there is under `unmapped`.
    Ocsf,
    /// `ecs`: Elastic Common Schema 8.17. What has no place there is under `deedbook`.
    Ecs,
    /// `cloudevents`: CloudEvents 1.0 in structured mode, with the entry as its data.
    CloudEvents,
    /// `cef`: ArcSight Common Event Format 0, without a syslog header.
    Cef,
    /// `leef`: QRadar Log Event Extended Format 2.0, without a syslog header.
    Leef,
    /// `template:` and a text with places: for everything else.
    Template(Template),
}

impl Format {
    /// The name; of a template what stands before its text.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ocsf => "ocsf",
            Self::Ecs => "ecs",
            Self::CloudEvents => "cloudevents",
            Self::Cef => "cef",
            Self::Leef => "leef",
            Self::Template(_) => TEMPLATE,
        }
    }

    /// Appends the record of `entry`: one line, without its end.
    pub fn write(&self, entry: &Entry, out: &mut Vec<u8>) {
        match self {
            Self::Json => entry.write_json(out),
            Self::Ocsf => ocsf::write(entry, out),
            Self::Ecs => ecs::write(entry, out),
            Self::CloudEvents => cloudevents::write(entry, out),
            Self::Cef => cef::write(entry, out),
            Self::Leef => leef::write(entry, out),
            Self::Template(template) => template.write(entry, out),
        }
    }

    /// [`Format::write`] for sinks of lines.
    pub fn writer(self) -> Writer {
        Box::new(move |entry, out| self.write(entry, out))
    }

    /// Appends `records`, which [`Format::write`] made, as one body: an array of CloudEvents, and of everything else a
    /// line each, its end included.
    pub fn write_batch<'a>(&self, records: impl IntoIterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
        match self {
            Self::CloudEvents => json::write_array(records, out),
            _ => records.into_iter().for_each(|record| {
                out.extend_from_slice(record);
                out.push(b'\n');
            }),
        }
    }

    /// Appends `records` as one body that is whole by itself, and gives its media type: an array of JSON, and of
    /// formats that are no JSON a line each.
    pub(crate) fn write_whole<'a>(
        &self,
        records: impl IntoIterator<Item = &'a [u8]>,
        out: &mut Vec<u8>,
    ) -> &'static str {
        match self {
            Self::Json | Self::Ocsf | Self::Ecs => {
                json::write_array(records, out);
                self.content_type()
            }
            Self::CloudEvents | Self::Cef | Self::Leef | Self::Template(_) => {
                self.write_batch(records, out);
                self.batch_content_type()
            }
        }
    }

    /// Whether a record is an object of JSON.
    pub(crate) fn is_json(&self) -> bool {
        match self {
            Self::Json | Self::Ocsf | Self::Ecs | Self::CloudEvents => true,
            Self::Cef | Self::Leef | Self::Template(_) => false,
        }
    }

    /// The media type of a record.
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Json | Self::Ocsf | Self::Ecs => "application/json",
            Self::CloudEvents => "application/cloudevents+json",
            Self::Cef | Self::Leef | Self::Template(_) => "text/plain; charset=utf-8",
        }
    }

    /// The media type of what [`Format::write_batch`] writes.
    pub fn batch_content_type(&self) -> &'static str {
        match self {
            Self::Json | Self::Ocsf | Self::Ecs => "application/x-ndjson",
            Self::CloudEvents => "application/cloudevents-batch+json",
            Self::Cef | Self::Leef | Self::Template(_) => "text/plain; charset=utf-8",
        }
    }
}

impl FromStr for Format {
    type Err = Error;

    /// Reads a name, or `template:` and the text of one.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid) with `unknown_format`, which lists the names; what
    /// [`Template`] refuses.
    fn from_str(text: &str) -> Result<Self> {
        if let Some(template) = text.strip_prefix(TEMPLATE) {
            return template.parse().map(Self::Template);
        }
        NAMED.into_iter().find(|format| format.name() == text).ok_or_else(|| {
            let names = NAMED.map(|format| format.name()).join(", ");
            Error::invalid("", "unknown_format", format!("expected one of {names}, or {TEMPLATE} and its text"))
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if let Self::Template(template) = self { template.fmt(f) } else { Ok(()) }
    }
}
