//! `history`: a thing → the entries about it, newest first, each with what it did to the thing.

use std::path::Path;

use clap::Args;
use deedbook_core::history::{History as ThingHistory, Version};
use deedbook_core::{Order, PageRequest, Query};

use crate::exit::{Exit, Outcome};
use crate::output::history::{Entries, EntriesFormat};
use crate::output::{self, Destination};
use crate::query;
use crate::thing::Thing;

/// How many entries are read at once.
const PAGE_ENTRIES: usize = 500;

/// The arguments of `history`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each entry has an effect on the thing: created, changed, deleted; attempted (it failed or was denied), uncertain (its \
outcome is unknown), mentioned (the thing took part and no field of it changed, as in every entry of which it is not \
the first target).

Example:
  deedbook history invoice:7
  deedbook history invoice:7 'change:/state occurred:>=-7d'
  deedbook history invoice:7 --around evt_AZN7bo8qfDGdXmpLHwwtPg")]
pub(crate) struct History {
    #[command(flatten)]
    thing: Thing,

    /// Which of its entries; all of them when absent. Several words are joined by spaces
    query: Vec<String>,

    /// Only this entry, the one before it and the one after it
    #[arg(long, value_name = "EVENT", conflicts_with_all = ["query", "limit"])]
    around: Option<String>,

    /// At most this many entries; 0 for all
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,

    /// How entries are shown: by default a table for a terminal, JSON otherwise
    #[arg(long, value_enum)]
    format: Option<EntriesFormat>,
}

impl History {
    /// Prints the entries.
    pub(crate) fn run(self, directory: &Path) -> Outcome<Exit> {
        let query = query::parse(&self.query.join(" "))?;
        let mut entries = Entries::new(self.format, Destination::of_stdout());
        self.thing.ask(directory, |history| match &self.around {
            Some(id) => entries.write(&self.around(history, id)?).map_err(output::unwritable),
            None => write_newest(history, &query, self.limit, &mut entries),
        })?;
        entries.finish().map_err(output::unwritable)?;
        Ok(Exit::Done)
    }

    fn around(&self, history: &ThingHistory<'_>, id: &str) -> Outcome<Vec<Version>> {
        let moment = deedbook_core::history::Moment::Event(id.to_owned());
        let around = history.around(id)?.ok_or_else(|| self.thing.no_such_event(&[&moment]))?;
        Ok([around.next, Some(around.version), around.previous].into_iter().flatten().collect())
    }
}

fn write_newest(history: &ThingHistory<'_>, query: &Query, limit: usize, entries: &mut Entries) -> Outcome<()> {
    let mut left = if limit == 0 { usize::MAX } else { limit };
    let mut request = PageRequest { order: Order::Descending, limit: PAGE_ENTRIES, after: None };
    loop {
        request.limit = left.min(PAGE_ENTRIES);
        let page = history.page(query, &request)?;
        entries.write(&page.versions).map_err(output::unwritable)?;
        left -= page.versions.len();
        request.after = page.versions.last().map(|version| version.entry.receipt.position);
        if left == 0 || !page.has_more || page.versions.is_empty() {
            return Ok(());
        }
    }
}
