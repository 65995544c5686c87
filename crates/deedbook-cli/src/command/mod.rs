//! The commands: one file and one line in [`Command`] each.

#[cfg(feature = "archive")]
mod archive;
mod as_of;
mod capture;
mod demo;
mod diff;
mod doctor;
mod erase;
mod export;
mod get;
mod governing;
mod history;
mod hold;
mod import;
mod log;
mod narrowing;
mod person_export;
mod record;
mod restore;
mod retention;
mod serve;
mod sinks;
mod tail;
mod token;

use clap::Subcommand;

use crate::exit::{Exit, Outcome};
use crate::place::Place;

/// What the user wants done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Enter one event and print its receipt
    Record(Box<record::Record>),
    /// Print the entry with an id
    Get(get::Get),
    /// Find entries, newest first
    Log(log::Log),
    /// List everything that happened to one thing, newest first
    History(history::History),
    /// Show one thing as it was, each field with who set it
    AsOf(as_of::AsOf),
    /// Compare two states of one thing
    Diff(diff::Diff),
    /// Print the JSON Patch that leads one thing back to a past state
    Restore(restore::Restore),
    /// Bring in events from a file or a git repository
    Import(import::Import),
    /// Write entries to a file, oldest first
    Export(export::Export),
    /// Bring entries into an archive of Parquet files, and back
    #[cfg(feature = "archive")]
    Archive(archive::Archive),
    /// Follow the entries of a server as they come
    Tail(tail::Tail),
    /// Check every checksum and invariant of the directory
    Doctor(doctor::Doctor),
    /// Answer over HTTP
    Serve(serve::Serve),
    /// Bring in what happens in a database, as it commits
    Capture(capture::Capture),
    /// Make, list and revoke the tokens of a server
    Token(token::TokenCommand),
    /// Show and set for how long entries are kept, and take away what the rules let go of
    Retention(retention::Retention),
    /// Show where the entries of a server go besides, pause, resume, replay and test
    Sinks(sinks::Sinks),
    /// Keep entries from retention and erasure
    Hold(hold::Hold),
    /// Take a person out of the log
    Erase(Box<erase::Erase>),
    /// Write everything about one person to a file
    PersonExport(person_export::PersonExport),
    /// Enter real history, show what can be asked of it, and serve it
    Demo(demo::Demo),
}

impl Command {
    /// Does it with the log at `place`.
    pub(crate) fn run(self, place: &Place) -> Outcome<Exit> {
        match self {
            Self::Record(command) => command.run(place),
            Self::Get(command) => command.run(place),
            Self::Log(command) => command.run(place),
            Self::History(command) => command.run(place),
            Self::AsOf(command) => command.run(place),
            Self::Diff(command) => command.run(place),
            Self::Restore(command) => command.run(place),
            Self::Import(command) => command.run(place),
            Self::Export(command) => command.run(place),
            #[cfg(feature = "archive")]
            Self::Archive(command) => command.run(place),
            Self::Tail(command) => command.run(place),
            Self::Doctor(command) => command.run(place.directory("doctor")?),
            Self::Serve(command) => command.run(place.directory("serve")?),
            Self::Capture(command) => command.run(place),
            Self::Token(command) => command.run(place),
            Self::Retention(command) => command.run(place),
            Self::Sinks(command) => command.run(place),
            Self::Hold(command) => command.run(place),
            Self::Erase(command) => command.run(place),
            Self::PersonExport(command) => command.run(place),
            Self::Demo(command) => command.run(place.directory("demo")?),
        }
    }
}
