//! `tail`: a query → entries as a server enters them, until it is broken off.

use std::io::Write;

use clap::{Args, ValueEnum};
use deedbook::client::Ask;

use crate::exit::{Exit, Outcome};
use crate::output::{self, Destination, Format};
use crate::place::Place;
use crate::{book, query, remote};

/// The arguments of `tail`.
#[derive(Debug, Args)]
#[command(after_help = "\
Entries are shown as they come, from now on. When the server restarts, the tail goes on where it stopped and misses \
nothing. A query that begins with `-` comes after `--`.

Example:
  deedbook tail 'outcome:denied' --server https://audit.example")]
pub(crate) struct Tail {
    /// Which entries; all of them when absent. Several words are joined by spaces
    query: Vec<String>,

    /// In whose log; the token's when absent, or all
    #[arg(long)]
    tenant: Option<String>,

    /// End after this many entries; 0 for never
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: u64,

    /// How entries are shown
    #[arg(long, value_enum, default_value_t = TailFormat::Table)]
    format: TailFormat,
}

/// How entries are shown as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TailFormat {
    /// A line of tab-separated values each.
    Table,
    /// One JSON object a line.
    Ndjson,
}

impl Tail {
    /// Prints entries as they come.
    pub(crate) fn run(self, place: &Place) -> Outcome<Exit> {
        // A query that does not parse is told with its place before anything is sent.
        let query = query::parse(&self.query.join(" "))?;
        let remote = book::connect(place.server("tail")?)?;
        let mut ask = Ask::new(query.to_string());
        if let Some(tenant) = self.tenant {
            ask = ask.tenant(tenant);
        }
        let (client, runtime) = remote.parts();
        let mut tail = client.tail(ask);
        runtime.block_on(tail.open())?;
        // Columns cannot be fitted to what has not come yet.
        let mut writer = match self.format {
            TailFormat::Table => output::writer(Format::Table, Destination::Elsewhere),
            TailFormat::Ndjson => output::writer(Format::Ndjson, Destination::of_stdout()),
        };
        let mut out = anstream::stdout().lock();
        let mut shown = 0;
        while self.limit == 0 || shown < self.limit {
            let entry = remote::entry(runtime.block_on(tail.next())?)?;
            writer.write(&[entry], &mut out).and_then(|()| out.flush()).map_err(output::unwritable)?;
            shown += 1;
        }
        Ok(Exit::Done)
    }
}
