//! `log`: a query → entries, newest first, or their number.

use clap::Args;
use deedbook_core::{Order, PageRequest, Query, Scope, Store};
use std::io::{BufWriter, Write};

use crate::book;
use crate::exit::{Exit, Outcome};
use crate::output::{self, Destination, EntryWriter, Format};
use crate::place::Place;
use crate::progress::Progress;
use crate::query;

/// How many entries are read at once.
const PAGE_ENTRIES: usize = 500;

/// The arguments of `log`.
#[derive(Debug, Args)]
#[command(after_help = "\
On a terminal, times of a table are local; everything else is in UTC. Without a terminal a table becomes lines \
of tab-separated values: time, tenant, actor, action, outcome, targets, what happened. A query that begins with `-` \
comes after `--`.

Example:
  deedbook log 'action:user.* -actor.type:system outcome:denied occurred:>=-7d' --limit 20
  deedbook log --count -- '-outcome:success'")]
pub(crate) struct Log {
    /// Which entries; all of them when absent. Several words are joined by spaces
    query: Vec<String>,

    /// In whose log; all tenants when absent
    #[arg(long)]
    tenant: Option<String>,

    /// At most this many entries; 0 for all
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,

    /// Print only how many entries match, whatever --limit and --format are
    #[arg(long)]
    count: bool,

    /// How entries are shown
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl Log {
    /// Prints the entries or their number.
    pub(crate) fn run(self, place: &Place) -> Outcome<Exit> {
        let query = query::parse(&self.query.join(" "))?;
        let store = book::reading(place)?;
        let scope = query::scope(self.tenant.as_deref());
        if self.count {
            output::print_line(count(&*store, &query, &scope)?)?;
            return Ok(Exit::Done);
        }
        let limit = if self.limit == 0 { usize::MAX } else { self.limit };
        let mut writer = output::writer(self.format, Destination::of_stdout());
        let mut out = BufWriter::new(anstream::stdout().lock());
        write_newest(&*store, &query, &scope, limit, &mut *writer, &mut out)?;
        out.flush().map_err(output::unwritable)?;
        Ok(Exit::Done)
    }
}

/// How many entries match.
pub(super) fn count(store: &dyn Store, query: &Query, scope: &Scope) -> Outcome<u64> {
    Ok(store.count(query, scope, &[])?.first().map_or(0, |total| total.count))
}

/// Writes the newest `limit` entries that match.
pub(super) fn write_newest(
    store: &dyn Store,
    query: &Query,
    scope: &Scope,
    limit: usize,
    writer: &mut dyn EntryWriter,
    out: &mut dyn Write,
) -> Outcome<()> {
    let (mut left, mut archived) = (limit, false);
    let mut request = PageRequest { order: Order::Descending, limit: PAGE_ENTRIES, after: None };
    loop {
        request.limit = left.min(PAGE_ENTRIES);
        let page = store.page(query, scope, &request)?;
        writer.write(&page.entries, out).map_err(output::unwritable)?;
        archived |= page.archived;
        left -= page.entries.len();
        request.after = page.entries.last().map(|entry| entry.receipt.position);
        if left == 0 || !page.has_more || page.entries.is_empty() {
            writer.finish(out).and_then(|()| out.flush()).map_err(output::unwritable)?;
            if archived {
                Progress::new().say("Some of these were read in the archive, which takes longer.");
            }
            return Ok(());
        }
    }
}
