//! A server as the commands see it: a [`Store`], so that every command asks a directory and a server alike.
//!
//! Pages go by the server's cursors. Positions that the token may not know are stood in for by
//! [`WITHHELD`] and the entry's `seq`, which is in the same order within a tenant and is never shown.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deedbook::client::{Ask, Client, Found};
use deedbook_core::query::{Bounds, Condition, Expression};
use deedbook_core::removal::Erasure;
use deedbook_core::{
    Appended, Atomicity, Draft, Entry, Error, ErrorKind, Group, GroupBy, Order, Page, PageRequest, Query, Receipt,
    Reply, Result, Scope, Store, Tenants, Visibility,
};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

/// Marks a position that the server did not give; no log has so many entries.
pub(crate) const WITHHELD: u64 = 1 << 63;

/// How long a question or a batch may take with all its attempts: a server that restarts is waited for, and a person who
/// mistyped an address is told soon.
pub(crate) const CALL_MAX: Duration = Duration::from_secs(10);
/// Places of entries that are remembered, to go on from them.
const SEEN_MAX: usize = 10_000;

/// A server.
pub(crate) struct Remote {
    client: Client,
    runtime: Runtime,
    memory: Mutex<Memory>,
}

/// From where further pages are asked for.
#[derive(Default)]
struct Memory {
    /// The last page: what was asked, the position of its last entry, and the cursor behind it.
    last: Option<(Ask, u64, String)>,
    /// `seq` of entries by their positions.
    seen: HashMap<u64, u64>,
}

impl Remote {
    /// # Errors
    /// [`ErrorKind::Io`] where the operating system gives no thread.
    pub(crate) fn new(client: Client) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| Error::new(ErrorKind::Io, "cannot start").with_source(error))?;
        Ok(Self { client, runtime, memory: Mutex::default() })
    }

    /// The client, and where its methods run.
    pub(crate) fn parts(&self) -> (&Client, &Runtime) {
        (&self.client, &self.runtime)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The question, and what of it is said by where the last page ended.
    fn ask(&self, query: &Query, scope: &Scope, request: &PageRequest) -> Result<(Ask, Ask)> {
        let question = question(query, scope)?.order(request.order);
        let limited = question.clone().limit(request.limit);
        let Some(after) = request.after else { return Ok((question, limited)) };
        let memory = self.memory();
        if let Some((asked, position, cursor)) = &memory.last
            && (*asked == question && *position == after)
        {
            return Ok((question, limited.after(cursor.as_str())));
        }
        let seq = memory.seen.get(&after).filter(|_| matches!(scope.tenants(), Tenants::One(_)));
        let seq = *seq.ok_or_else(|| Error::new(ErrorKind::Invalid, "a server cannot go on from a position"))?;
        let beyond = match request.order {
            Order::Ascending => Bounds { from: Some(seq.saturating_add(1)), until: None },
            Order::Descending => Bounds { from: None, until: Some(seq) },
        };
        let both = vec![query.expression().clone(), Expression::Is(Condition::Seq(beyond))];
        let question = self::question(&Query::from_expression(Expression::And(both)), scope)?.order(request.order);
        Ok((question.clone(), question.limit(request.limit)))
    }

    fn remember(&self, entry: &Entry) {
        let mut memory = self.memory();
        if memory.seen.len() >= SEEN_MAX {
            memory.seen.clear();
        }
        memory.seen.insert(entry.receipt.position, entry.receipt.seq);
    }
}

impl Store for Remote {
    fn submit(&self, drafts: Vec<Draft>, atomicity: Atomicity, reply: Reply) {
        let client = self.client.clone();
        self.runtime.spawn(async move {
            let fates = client.post(&drafts, atomicity, Instant::now() + CALL_MAX).await;
            let appended = |recorded: deedbook::Recorded| Appended {
                receipt: numbered(recorded.receipt),
                status: recorded.status,
            };
            reply(fates.map(|fates| fates.into_iter().map(|fate| fate.map(appended)).collect()));
        });
    }

    fn get(&self, tenant: &str, id: &str, _scope: &Scope) -> Result<Option<Entry>> {
        let found = self.runtime.block_on(self.client.get(id, Some(tenant)))?;
        let entry = found.map(entry).transpose()?;
        entry.iter().for_each(|entry| self.remember(entry));
        Ok(entry)
    }

    fn page(&self, query: &Query, scope: &Scope, request: &PageRequest) -> Result<Page> {
        if request.limit == 0 {
            return Ok(Page { entries: Vec::new(), has_more: true, watermark: None, archived: false });
        }
        let (question, ask) = self.ask(query, scope, request)?;
        let page = self.runtime.block_on(self.client.page(&ask))?;
        let entries = page.entries.into_iter().map(entry).collect::<Result<Vec<Entry>>>()?;
        entries.iter().for_each(|entry| self.remember(entry));
        let (last, has_more) = (entries.last().map(|last| last.receipt.position), page.next.is_some());
        self.memory().last = last.zip(page.next).map(|(position, cursor)| (question, position, cursor));
        Ok(Page { entries, has_more, watermark: page.watermark, archived: page.archived })
    }

    fn count(&self, query: &Query, scope: &Scope, groups: &[GroupBy]) -> Result<Vec<Group>> {
        self.runtime.block_on(self.client.count_by(&question(query, scope)?, groups))
    }

    fn follow(&self, _from: u64, _limit: usize, _wait: Duration, _scope: &Scope) -> Result<Vec<Entry>> {
        Err(Error::new(ErrorKind::Invalid, "a server is followed by its tail"))
    }

    fn visible_count(&self) -> u64 {
        let count = self.runtime.block_on(self.client.count(&Ask::new("")));
        // The trait has no place for an error; nothing on the command line asks a server this.
        count.unwrap_or_default()
    }

    fn retire(&self, _positions: &[u64]) -> Result<()> {
        Err(by_rules())
    }

    fn erase(&self, _erasures: &[Erasure]) -> Result<()> {
        Err(by_rules())
    }
}

/// An entry as a server gave it. Its canonical bytes are what it gave, without what the log added; nothing is proven of
/// them here.
pub(crate) fn entry(found: Found) -> Result<Entry> {
    let Found { entry, json } = found;
    let incomplete = || Error::new(ErrorKind::Denied, "the token may see no numbers of entries; ask with one that may");
    let receipt = numbered(deedbook::Receipt {
        id: entry.id().to_owned(),
        tenant: entry.tenant().to_owned(),
        seq: entry.seq.ok_or_else(incomplete)?,
        position: entry.position,
        recorded_at: entry.recorded_at,
        leaf_hash: entry.leaf_hash.ok_or_else(incomplete)?,
    });
    let mut members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json)
        .map_err(|error| Error::new(ErrorKind::Unavailable, "an entry of the server is no JSON").with_source(error))?;
    for added in ["leaf_hash", "position", "recorded_at", "seq"] {
        members.remove(added);
    }
    let canonical = deedbook_core::canonical_json(&serde_json::Value::Object(members))?;
    Ok(Entry { receipt, event: entry.event, canonical })
}

fn numbered(receipt: deedbook::Receipt) -> Receipt {
    let deedbook::Receipt { id, tenant, seq, position, recorded_at, leaf_hash } = receipt;
    Receipt { id, tenant, seq, position: position.unwrap_or(WITHHELD | seq), recorded_at, leaf_hash }
}

fn by_rules() -> Error {
    Error::new(ErrorKind::Invalid, "a server takes entries away by its own rules, erasures and runs of retention")
}

fn question(query: &Query, scope: &Scope) -> Result<Ask> {
    let narrowed = *scope.visibility() != Visibility::Everything || scope.filter().is_some();
    let ask = Ask::new(query.to_string());
    match scope.tenants() {
        _ if narrowed => Err(Error::new(ErrorKind::Invalid, "a server shows what its token may see")),
        Tenants::One(tenant) => Ok(ask.tenant(tenant.as_str())),
        Tenants::All => Ok(ask),
        Tenants::AllAndOwn => Err(Error::new(ErrorKind::Invalid, "a server lists its own tenant only by its name")),
    }
}
