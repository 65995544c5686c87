//! `person-export`: everything about one person → a file and a manifest, as an access request wants it.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use deedbook_core::query::{Condition, Expression, Pattern, TextField};
use deedbook_core::{GroupBy, Order, PageRequest, Query, Scope, Store, Timestamp, rfc3339};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::book;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, Destination};
use crate::place::Place;
use crate::progress::{Progress, grouped};
use crate::query;

/// How many entries are read at once.
const PAGE_ENTRIES: usize = 500;

/// The arguments of `person-export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Every entry in which the person stands in any role (actor, behind the actor, target), oldest first, in entries.ndjson; \
manifest.json says whom and when, how many entries, of which actions, and the SHA-256 of the file. It is written last: a \
directory without it is not whole.

Example:
  deedbook person-export --principal user:user_7 -o user_7")]
pub(crate) struct PersonExport {
    /// Whom: an id, or TYPE:ID
    #[arg(long, value_name = "TYPE:ID")]
    principal: String,

    /// In whose log; all tenants when absent. May be given several times
    #[arg(long)]
    tenant: Vec<String>,

    /// A directory, which is made; it must not hold a manifest yet
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

impl PersonExport {
    /// Writes the two files.
    pub(crate) fn run(self, place: &Place) -> Outcome<Exit> {
        let store = book::reading(place)?;
        let manifest = self.output.join("manifest.json");
        if manifest.exists() {
            let failure = Failure::new(Exit::Usage, format!("{} is there already", manifest.display()));
            return Err(failure.advise("Name another directory with --output, so that no two exports are mixed up."));
        }
        let failed = |error: io::Error| Failure::io(format_args!("write to {}", self.output.display()), error);
        fs::create_dir_all(&self.output).map_err(failed)?;
        let progress = Progress::new();
        let mut file = Counting {
            out: BufWriter::new(fs::File::create(self.output.join("entries.ndjson")).map_err(failed)?),
            hasher: Sha256::new(),
        };
        progress.begin_entries();
        let mut tenants = Vec::new();
        let mut entries = 0;
        for scope in self.scopes() {
            let written = self.write(&*store, &scope, &mut file, &progress)?;
            entries += written;
            tenants.push(self.told(&*store, &scope, written)?);
        }
        progress.end();
        file.out.flush().map_err(failed)?;
        file.out.get_ref().sync_all().map_err(failed)?;
        let digest: String = file.hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let told = json!({
            "principal": self.principal,
            "exported_at": rfc3339(Timestamp::now()),
            "entries": entries,
            "logs": tenants,
            "file": "entries.ndjson",
            "sha256": digest,
        });
        let text = serde_json::to_string_pretty(&told).unwrap_or_default() + "\n";
        fs::write(&manifest, text).map_err(failed)?;
        progress.say(format_args!("{} entries exported", grouped(entries)));
        Ok(Exit::Done)
    }

    fn query(&self) -> Query {
        let person = Pattern::Exact(self.principal.clone());
        Query::from_expression(Expression::Is(Condition::Text(TextField::Principal, person)))
    }

    fn scopes(&self) -> Vec<Scope> {
        match self.tenant.as_slice() {
            [] => vec![query::scope(None)],
            tenants => tenants.iter().map(|tenant| query::scope(Some(tenant))).collect(),
        }
    }

    /// Writes every entry of `scope`, oldest first; how many.
    fn write(&self, store: &dyn Store, scope: &Scope, out: &mut Counting, progress: &Progress) -> Outcome<u64> {
        let query = self.query();
        let mut writer = output::writer(output::Format::Ndjson, Destination::Elsewhere);
        let mut request = PageRequest { order: Order::Ascending, limit: PAGE_ENTRIES, after: None };
        let mut written = 0;
        let failed = |error: io::Error| Failure::io("write entries.ndjson", error);
        loop {
            let page = store.page(&query, scope, &request)?;
            writer.write(&page.entries, out).map_err(failed)?;
            written += page.entries.len() as u64;
            progress.advance(page.entries.len() as u64);
            request.after = page.entries.last().map(|entry| entry.receipt.position);
            if !page.has_more || page.entries.is_empty() {
                writer.finish(out).map_err(failed)?;
                return Ok(written);
            }
        }
    }

    /// What the manifest says of one log, with the store's own count of what should be there.
    fn told(&self, store: &dyn Store, scope: &Scope, written: u64) -> Outcome<Value> {
        let mut actions = Map::new();
        for group in store.count(&self.query(), scope, &[GroupBy::Action])? {
            actions.insert(group.key.concat(), group.count.into());
        }
        let tenant = match scope.tenants() {
            deedbook_core::Tenants::One(tenant) => json!(tenant),
            _ => json!("all"),
        };
        Ok(json!({"tenant": tenant, "entries": written, "actions": actions}))
    }
}

/// A file of which the digest is taken as it is written.
struct Counting {
    out: BufWriter<fs::File>,
    hasher: Sha256,
}

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
