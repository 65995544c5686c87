//! `diff`: a thing and two moments → what differs, field by field.

use std::path::Path;

use clap::Args;
use deedbook_core::history::Moment;

use crate::exit::{Exit, Outcome};
use crate::output::{self, Destination, SingleFormat, difference};
use crate::thing::{Thing, parse_moment};

/// The arguments of `diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
FROM and TO are times, ids of events, or `latest`, as for `deedbook as-of`. Texts are compared word by word, lists \
element by element.

Example:
  deedbook diff invoice:7 -7d latest
  deedbook diff invoice:7 evt_AZN7bo8qfDGdXmpLHwwtPg evt_AZN7bpG3cKyVfW2nqXhZbg")]
pub(crate) struct Diff {
    #[command(flatten)]
    thing: Thing,

    /// The former moment
    #[arg(value_parser = parse_moment, allow_hyphen_values = true)]
    from: Moment,

    /// The later moment
    #[arg(value_parser = parse_moment, allow_hyphen_values = true)]
    to: Moment,

    /// How it is shown: by default lines for a terminal, JSON otherwise
    #[arg(long, value_enum)]
    format: Option<SingleFormat>,
}

impl Diff {
    /// Prints the differences.
    pub(crate) fn run(self, directory: &Path) -> Outcome<Exit> {
        let (from, to) = (&self.from, &self.to);
        let diff = self
            .thing
            .ask(directory, |history| history.diff(from, to)?.ok_or_else(|| self.thing.no_such_event(&[from, to])))?;
        let destination = Destination::of_stdout();
        match SingleFormat::of(self.format, destination) {
            SingleFormat::Json => output::print_json(&diff, destination)?,
            SingleFormat::Table => {
                difference::print(&diff, &mut anstream::stdout().lock()).map_err(output::unwritable)?;
            }
        }
        Ok(Exit::Done)
    }
}
