//! What stands before the command: the data directory, colours, help.

use std::path::PathBuf;

use anstream::ColorChoice;
use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};

use crate::command::Command;
use crate::exit::{EXIT_CODES, Outcome};
use crate::place::{Place, Secret};

/// Heads the options that every command has.
const EVERYWHERE: &str = "Options of every command";

/// The audit log for applications: who did what, to which record, when, from where, and what changed.
#[derive(Debug, Parser)]
#[command(name = "deedbook", version, after_help = EXIT_CODES, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// Directory of the log; made by the commands that write
    #[arg(long, global = true, env = "DEEDBOOK_DATA", default_value = "./deedbook-data", value_name = "DIR",
        help_heading = EVERYWHERE)]
    pub(crate) data: PathBuf,

    /// A server instead of a directory, such as https://audit.example
    #[arg(long, global = true, env = "DEEDBOOK_SERVER", value_name = "URL", help_heading = EVERYWHERE)]
    pub(crate) server: Option<String>,

    /// The token for the server; better given by the environment than typed
    #[arg(long, global = true, env = "DEEDBOOK_TOKEN", hide_env_values = true, value_name = "TOKEN",
        help_heading = EVERYWHERE)]
    pub(crate) token: Option<Secret>,

    /// Colours: auto (for a terminal, unless NO_COLOR is set), always, or never
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN",
        help_heading = EVERYWHERE, hide_possible_values = true)]
    pub(crate) color: Color,

    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The arguments, and the place that they name.
pub(crate) struct Placed {
    /// When output is coloured.
    pub(crate) color: Color,
    /// The place, or why there is none.
    pub(crate) place: Outcome<Place>,
    /// What to do.
    pub(crate) command: Command,
}

impl Placed {
    /// Reads the arguments and the environment of this process; ends it where they make no sense.
    pub(crate) fn parse() -> Self {
        let matches = Arguments::command().get_matches();
        let source = |name| matches.value_source(name);
        let (data, server) = (source("data"), source("server"));
        let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        let place = Place::choose((arguments.data, data), (arguments.server, server), arguments.token);
        Self { color: arguments.color, place, command: arguments.command }
    }
}

/// When output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// For a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Makes this the choice of all output of the process.
    pub(crate) fn write_global(self) {
        let choice = match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        for command in Arguments::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("deedbook {}", command.get_name())), "{}", command.get_name());
        }
    }
}
