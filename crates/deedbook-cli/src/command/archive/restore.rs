//! `archive restore`: entries of an archive → lines that `import ndjson` reads.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use deedbook_archive::Selection;

use super::Address;
use crate::command::export::write_file;
use crate::exit::{Exit, Failure, Outcome};
use crate::progress::{Progress, counted};

/// The arguments of `archive restore`.
#[derive(Debug, Args)]
#[command(after_help = "\
Values that were erased are null. `import ndjson` enters the events into a log under their ids; what is there already \
stays as it is.

Example:
  deedbook archive restore --to ./archive --tenant acme --from 2026-09-01 --until 2026-09-30 -o september.ndjson
  deedbook import ndjson september.ndjson --data ./september")]
pub(crate) struct Restore {
    #[command(flatten)]
    address: Address,

    /// The file; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Whose entries; those of all tenants when absent
    #[arg(long)]
    tenant: Option<String>,

    /// From this day of recording on, in UTC
    #[arg(long, value_name = "DAY", value_parser = day)]
    from: Option<String>,

    /// Up to this day, itself included
    #[arg(long, value_name = "DAY", value_parser = day)]
    until: Option<String>,
}

impl Restore {
    pub(super) fn run(self) -> Outcome<Exit> {
        let archive = self.address.open_to_read()?;
        let selection = Selection { tenant: self.tenant, from: self.from, until: self.until };
        let commits = archive.commits()?;
        let progress = Progress::new();
        progress.begin_count(selection.count(&commits), "entries");
        let write = |out: &mut dyn Write, name: &str| {
            let unwritable = |error| Failure::io(format_args!("write {name}"), error);
            let mut out = BufWriter::with_capacity(128 * 1024, out);
            let mut written = 0;
            archive.entries(&commits, &selection, |entry| -> Outcome<()> {
                out.write_all(&entry.to_json()).and_then(|()| out.write_all(b"\n")).map_err(unwritable)?;
                written += 1;
                progress.advance(1);
                Ok(())
            })?;
            out.flush().map_err(unwritable)?;
            Ok(written)
        };
        let written = if self.output.as_os_str() == "-" {
            write(&mut anstream::stdout().lock(), "standard output")
        } else {
            write_file(&self.output, write)
        };
        progress.end();
        progress.say(format_args!("{} written", counted(written?, "entry", "entries")));
        Ok(Exit::Done)
    }
}

fn day(text: &str) -> Result<String, String> {
    let day =
        text.parse::<jiff::civil::Date>().map_err(|error| format!("expected a day such as 2026-09-20: {error}"))?;
    Ok(day.to_string())
}
