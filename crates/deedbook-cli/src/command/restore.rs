//! `restore`: a thing and a moment → the JSON Patch that leads back to it.

use std::io::Write;
use std::path::Path;

use clap::{Args, ValueEnum};
use deedbook_core::history::{Moment, Restoration};

use crate::exit::{Exit, Outcome};
use crate::output::safe::safe;
use crate::output::{self, Destination};
use crate::thing::{Thing, parse_moment};

/// The arguments of `restore`.
#[derive(Debug, Args)]
#[command(after_help = "\
Prints the change that leads from the present state, as the log knows it, back to that of the moment: a JSON Patch \
(RFC 6902). It writes nothing anywhere; apply it yourself, after a look at it. Fields of which the log does not know \
the way back are left as they are and named on standard error.

Example:
  deedbook restore invoice:7 yesterday
  deedbook restore invoice:7 evt_AZN7bo8qfDGdXmpLHwwtPg --format json")]
pub(crate) struct Restore {
    #[command(flatten)]
    thing: Thing,

    /// A time, or the id of an event: the state right after it
    #[arg(value_name = "TIME|EVENT", value_parser = parse_moment, allow_hyphen_values = true)]
    to: Moment,

    /// What is printed
    #[arg(long, value_enum, default_value_t = Format::Patch)]
    format: Format,
}

/// What is printed of the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The JSON Patch alone.
    Patch,
    /// One JSON object with the patch and the places of which nothing is known.
    Json,
}

impl Restore {
    /// Prints the way back.
    pub(crate) fn run(self, directory: &Path) -> Outcome<Exit> {
        let way = self.thing.ask(directory, |history| {
            history.restore(&self.to)?.ok_or_else(|| self.thing.no_such_event(&[&self.to]))
        })?;
        let destination = Destination::of_stdout();
        match self.format {
            Format::Json => output::print_json(&way, destination)?,
            Format::Patch => {
                output::print_json(&way.patch, destination)?;
                print_unknown(&way)?;
            }
        }
        Ok(Exit::Done)
    }
}

fn print_unknown(way: &Restoration) -> Outcome<()> {
    for path in &way.unknown {
        let place = if path.is_empty() { "the rest of it".into() } else { safe(path) };
        let note = "the log does not know what it was, or whether it is there now; the patch leaves it as it is";
        writeln!(anstream::stderr(), "note: {place}: {note}").map_err(output::unwritable)?;
    }
    Ok(())
}
