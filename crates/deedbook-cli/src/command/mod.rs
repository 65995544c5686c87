//! The commands: one file and one line in [`Command`] each.

mod as_of;
mod demo;
mod diff;
mod doctor;
mod export;
mod get;
mod history;
mod import;
mod log;
mod record;
mod restore;
mod serve;
mod token;

use std::path::Path;

use clap::Subcommand;

use crate::exit::{Exit, Outcome};

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
    /// Check every checksum and invariant of the directory
    Doctor(doctor::Doctor),
    /// Answer over HTTP
    Serve(serve::Serve),
    /// Make, list and revoke the tokens of a server
    Token(token::TokenCommand),
    /// Enter real history, show what can be asked of it, and serve it
    Demo(demo::Demo),
}

impl Command {
    /// Does it with the log in `directory`.
    pub(crate) fn run(self, directory: &Path) -> Outcome<Exit> {
        match self {
            Self::Record(command) => command.run(directory),
            Self::Get(command) => command.run(directory),
            Self::Log(command) => command.run(directory),
            Self::History(command) => command.run(directory),
            Self::AsOf(command) => command.run(directory),
            Self::Diff(command) => command.run(directory),
            Self::Restore(command) => command.run(directory),
            Self::Import(command) => command.run(directory),
            Self::Export(command) => command.run(directory),
            Self::Doctor(command) => command.run(directory),
            Self::Serve(command) => command.run(directory),
            Self::Token(command) => command.run(directory),
            Self::Demo(command) => command.run(directory),
        }
    }
}
