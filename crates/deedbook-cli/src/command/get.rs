//! `get`: an id → the entry.

use std::path::Path;

use clap::Args;
use deedbook_core::Scope;

use crate::book;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, Destination, SingleFormat};

/// The arguments of `get`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  deedbook get evt_AZN7bo8qfDGdXmpLHwwtPg --tenant acme")]
pub(crate) struct Get {
    /// Id of the event
    id: String,

    /// In whose log
    #[arg(long, default_value = "default")]
    tenant: String,

    /// How it is shown: by default lines for a terminal, JSON otherwise
    #[arg(long, value_enum)]
    format: Option<SingleFormat>,
}

impl Get {
    /// Prints the entry.
    pub(crate) fn run(self, directory: &Path) -> Outcome<Exit> {
        let store = book::open_to_read(directory)?;
        let Some(entry) = store.get(&self.tenant, &self.id, &Scope::tenant(self.tenant.as_str()))? else {
            let message = format!("there is no entry {} in the log of {}", self.id, self.tenant);
            return Err(Failure::new(Exit::No, message).advise("Another tenant is named with --tenant."));
        };
        let destination = Destination::of_stdout();
        match SingleFormat::of(self.format, destination) {
            SingleFormat::Table => {
                output::print_card(&entry, &mut anstream::stdout().lock()).map_err(output::unwritable)?;
            }
            SingleFormat::Json => output::print_line(output::json_text(&entry.to_json(), destination))?,
        }
        Ok(Exit::Done)
    }
}
