//! `as-of`: a thing and a moment → its fields as they were, each with who set it.

use std::path::Path;

use clap::Args;
use deedbook_core::history::Moment;

use crate::exit::{Exit, Outcome};
use crate::output::{self, Destination, SingleFormat, state};
use crate::thing::{Thing, parse_moment};

/// The arguments of `as-of`.
#[derive(Debug, Args)]
#[command(after_help = "\
A state at a time folds, in the order in which they were entered, the entries that had occurred by then; a time names \
the end of what it is written to, so `2026-09-20` is the evening of that day. A state at an event is the one right \
after it. What the log cannot know is shown as unknown. `latest` is the present state: who set each field last.

Example:
  deedbook as-of invoice:7 2026-09-20
  deedbook as-of invoice:7 -7d
  deedbook as-of invoice:7 evt_AZN7bo8qfDGdXmpLHwwtPg
  deedbook as-of invoice:7 latest")]
pub(crate) struct AsOf {
    #[command(flatten)]
    thing: Thing,

    /// A time, the id of an event, or `latest`; an id that reads like a time is written `id:2026`
    #[arg(value_name = "TIME|EVENT", value_parser = parse_moment, allow_hyphen_values = true)]
    at: Moment,

    /// How it is shown: by default a table for a terminal, JSON otherwise
    #[arg(long, value_enum)]
    format: Option<SingleFormat>,
}

impl AsOf {
    /// Prints the state.
    pub(crate) fn run(self, directory: &Path) -> Outcome<Exit> {
        let state = self
            .thing
            .ask(directory, |history| history.state(&self.at)?.ok_or_else(|| self.thing.no_such_event(&[&self.at])))?;
        let destination = Destination::of_stdout();
        match SingleFormat::of(self.format, destination) {
            SingleFormat::Json => output::print_json(&state, destination)?,
            SingleFormat::Table => {
                state::print(&state, &mut anstream::stdout().lock()).map_err(output::unwritable)?;
            }
        }
        Ok(Exit::Done)
    }
}
