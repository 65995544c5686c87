//! Entries as CSV, in the form that the core gives it; on a terminal no value can move the cursor.

use std::io::{self, Write};

use deedbook_core::{Entry, csv};

use super::safe::safe;
use super::{Destination, EntryWriter};

/// The names of the columns in their order, as `--help` lists them.
pub(crate) fn column_names() -> String {
    csv::column_names().join(", ")
}

/// Writes entries as CSV; the header comes first, even if no entry follows.
pub(crate) struct Csv {
    destination: Destination,
    header_due: bool,
}

impl Csv {
    /// A writer that has written nothing.
    pub(crate) fn new(destination: Destination) -> Self {
        Self { destination, header_due: true }
    }

    fn write_header(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if std::mem::take(&mut self.header_due) {
            out.write_all(csv::header().as_bytes())?;
        }
        Ok(())
    }
}

impl EntryWriter for Csv {
    fn write(&mut self, entries: &[Entry], out: &mut dyn Write) -> io::Result<()> {
        self.write_header(out)?;
        entries.iter().try_for_each(|entry| out.write_all(line(entry, self.destination).as_bytes()))
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.write_header(out)
    }
}

fn line(entry: &Entry, destination: Destination) -> String {
    match destination {
        Destination::Terminal => csv::line(&csv::values(entry).map(|value| safe(&value).into_owned())),
        Destination::Elsewhere => csv::row(entry),
    }
}
