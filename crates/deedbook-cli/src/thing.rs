//! The thing that a command is about: `TYPE:ID` and the tenant in whose log it stands.

use std::path::Path;

use clap::Args;
use deedbook_core::history::{History, Moment, TargetId};
use deedbook_core::query::ParseOptions;
use deedbook_core::{PageRequest, Query, Scope, Timestamp};
use jiff::tz::TimeZone;

use crate::book;
use crate::exit::{Exit, Failure, Outcome};

/// Which thing, in whose log.
#[derive(Debug, Args)]
pub(crate) struct Thing {
    /// The thing; TYPE ends at the first colon
    #[arg(value_name = "TYPE:ID", value_parser = parse_target)]
    target: TargetId,

    /// In whose log
    #[arg(long, default_value = "default")]
    tenant: String,
}

impl Thing {
    /// Opens the log in `directory` to read and asks for the history of the thing.
    ///
    /// # Errors
    /// [`Exit::No`] where no entry names it; those of opening and of `ask`.
    pub(crate) fn ask<T>(&self, directory: &Path, ask: impl FnOnce(&History<'_>) -> Outcome<T>) -> Outcome<T> {
        let store = book::open_to_read(directory)?;
        let scope = Scope::tenant(self.tenant.as_str());
        let history = History::new(&*store, &self.tenant, self.target.clone(), &scope);
        if history.page(&Query::all(), &PageRequest::newest(1))?.versions.is_empty() {
            let message = format!("no entry in the log of {} is about {}", self.tenant, self.target);
            return Err(Failure::new(Exit::No, message).advise("Another tenant is named with --tenant."));
        }
        ask(&history)
    }

    /// The error for a moment that is an event which is not about the thing.
    pub(crate) fn no_such_event(&self, moments: &[&Moment]) -> Failure {
        let ids: Vec<&str> = moments.iter().filter_map(|moment| event_of(moment)).collect();
        let found = match ids.len() {
            1 => format!("there is no entry {}", ids[0]),
            _ => format!("one of {} is no entry", ids.join(", ")),
        };
        let message = format!("{found} about {} in the log of {}", self.target, self.tenant);
        Failure::new(Exit::No, message).advise(format!("`deedbook history {}` lists them.", self.target))
    }
}

fn event_of(moment: &Moment) -> Option<&str> {
    match moment {
        Moment::Event(id) => Some(id),
        Moment::Latest | Moment::Time(_) => None,
    }
}

fn parse_target(text: &str) -> Result<TargetId, String> {
    text.parse().map_err(|error: deedbook_core::Error| error.to_string())
}

/// Reads a moment; relative times are those of this moment and of the local zone.
pub(crate) fn parse_moment(text: &str) -> Result<Moment, String> {
    let options = ParseOptions { now: Timestamp::now(), time_zone: TimeZone::system() };
    Moment::parse(text, &options).map_err(|error| error.to_string())
}
