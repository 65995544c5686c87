//! The plainest store: a list in memory, read from end to end. The oracle of the other stores' tests.
//!
//! It keeps every promise of [`Store`] but durability, and has no index on purpose: whatever it answers follows from
//! [`Scope::allows`] and [`Query::matches`] alone.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::commitment::{Key, event_root};
use crate::tree::{Frontier, leaf_hash};
use crate::{
    Actor, AppendStatus, Appended, Atomicity, Draft, Entry, Error, Group, GroupBy, Order, Outcome, Page, PageRequest,
    Query, Receipt, Reply, Result, Scope, Store,
};

/// A store that forgets when it is dropped.
pub struct MemoryStore {
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    key: Key,
    log: Mutex<Log>,
    grown: Condvar,
}

/// What was accepted.
#[derive(Clone, Default)]
struct Log {
    /// The entry at position n is the n-th.
    entries: Vec<Entry>,
    positions: HashMap<(String, String), usize>,
    trees: BTreeMap<String, Frontier>,
    last_recorded_at: Timestamp,
}

impl MemoryStore {
    /// An empty store. `clock` is asked once for each batch and may jump: `recorded_at` never runs backwards. From
    /// `key` come the seeds of the salts, so that the same key, clock and drafts give the same leaves.
    pub fn new(clock: impl Fn() -> Timestamp + Send + Sync + 'static, key: Key) -> Self {
        Self { clock: Box::new(clock), key, log: Mutex::default(), grown: Condvar::new() }
    }

    /// The right edge of the tree of `tenant`; empty where the tenant has no entries.
    pub fn tree(&self, tenant: &str) -> Frontier {
        self.log().trees.get(tenant).cloned().unwrap_or_default()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // A panic elsewhere leaves the list whole: entries are added as the last step.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, drafts: Vec<Draft>, atomicity: Atomicity) -> Result<Vec<Result<Appended>>> {
        let mut log = self.log();
        let now = (self.clock)();
        let fates = match atomicity {
            Atomicity::PerEvent => log.append_each(drafts, now, &self.key),
            Atomicity::AllOrNothing => {
                let mut attempt = log.clone();
                let fates = all_or_nothing(attempt.append_each(drafts, now, &self.key))?;
                *log = attempt;
                fates
            }
        };
        self.grown.notify_all();
        Ok(fates)
    }
}

impl Store for MemoryStore {
    fn submit(&self, drafts: Vec<Draft>, atomicity: Atomicity, reply: Reply) {
        let fates = self.append(drafts, atomicity);
        thread::spawn(move || reply(fates));
    }

    fn get(&self, tenant: &str, id: &str, scope: &Scope) -> Result<Option<Entry>> {
        let log = self.log();
        let found = log.entries.iter().find(|entry| entry.receipt.tenant == tenant && entry.receipt.id == id);
        Ok(found.and_then(|entry| scope.view(entry)).map(Cow::into_owned))
    }

    fn page(&self, query: &Query, scope: &Scope, request: &PageRequest) -> Result<Page> {
        let log = self.log();
        let beyond = log.entries.iter().filter(|entry| is_beyond(entry, request));
        let mut matching: Vec<_> = beyond.filter_map(|entry| scope.view(entry)).collect();
        matching.retain(|entry| query.matches(entry));
        if request.order == Order::Descending {
            matching.reverse();
        }
        let has_more = matching.len() > request.limit;
        let entries = matching.into_iter().take(request.limit).map(Cow::into_owned).collect();
        Ok(Page { entries, has_more, watermark: log.entries.last().map(|entry| entry.receipt.position) })
    }

    fn count(&self, query: &Query, scope: &Scope, groups: &[GroupBy]) -> Result<Vec<Group>> {
        let log = self.log();
        let mut counts: BTreeMap<Vec<String>, u64> = BTreeMap::new();
        if groups.is_empty() {
            counts.insert(Vec::new(), 0);
        }
        let views = log.entries.iter().filter_map(|entry| scope.view(entry));
        for entry in views.filter(|entry| query.matches(entry)) {
            for key in keys(&entry, groups) {
                *counts.entry(key).or_default() += 1;
            }
        }
        let mut lines: Vec<Group> = counts.into_iter().map(|(key, count)| Group { key, count }).collect();
        lines.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
        Ok(lines)
    }

    fn follow(&self, from: u64, limit: usize, wait: Duration, scope: &Scope) -> Result<Vec<Entry>> {
        let find = |log: &Log| -> Vec<Entry> {
            let due = log.entries.iter().filter(|entry| entry.receipt.position >= from);
            due.filter_map(|entry| scope.view(entry)).take(limit).map(Cow::into_owned).collect()
        };
        let nothing_yet = |log: &mut Log| limit > 0 && find(log).is_empty();
        let waited = self.grown.wait_timeout_while(self.log(), wait, nothing_yet);
        let (log, _) = waited.unwrap_or_else(PoisonError::into_inner);
        Ok(find(&log))
    }

    fn visible_count(&self) -> u64 {
        self.log().entries.len() as u64
    }
}

fn is_beyond(entry: &Entry, request: &PageRequest) -> bool {
    let position = entry.receipt.position;
    request.after.is_none_or(|after| match request.order {
        Order::Ascending => position > after,
        Order::Descending => position < after,
    })
}

/// The keys under which `entry` counts, each once; none where it has no target and targets are asked for.
fn keys(entry: &Entry, groups: &[GroupBy]) -> BTreeSet<Vec<String>> {
    groups.iter().fold(BTreeSet::from([Vec::new()]), |keys, group| {
        let values = values(entry, *group);
        keys.iter().flat_map(|key| values.iter().map(|value| longer(key, value))).collect()
    })
}

fn longer(key: &[String], value: &str) -> Vec<String> {
    let mut longer = key.to_vec();
    longer.push(value.to_owned());
    longer
}

fn values(entry: &Entry, group: GroupBy) -> Vec<String> {
    let event = &entry.event;
    match group {
        GroupBy::Action => vec![event.action.clone()],
        GroupBy::Actor => vec![actor_key(&event.actor)],
        GroupBy::Target => event.targets.iter().map(|target| format!("{}:{}", target.kind, target.id)).collect(),
        GroupBy::Outcome => vec![event.outcome.unwrap_or(Outcome::Success).as_str().to_owned()],
        GroupBy::Day => vec![entry.occurred_at().to_zoned(TimeZone::UTC).date().to_string()],
    }
}

fn actor_key(actor: &Actor) -> String {
    match &actor.id {
        Some(id) => format!("{}:{id}", actor.kind),
        None => actor.kind.clone(),
    }
}

impl Log {
    fn append_each(&mut self, drafts: Vec<Draft>, now: Timestamp, key: &Key) -> Vec<Result<Appended>> {
        // The log keeps microseconds and never goes back.
        let now = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now).max(self.last_recorded_at);
        drafts.into_iter().map(|draft| self.append(draft, now, key)).collect()
    }

    fn append(&mut self, draft: Draft, now: Timestamp, key: &Key) -> Result<Appended> {
        let place = (draft.tenant().to_owned(), draft.id().to_owned());
        if let Some(&position) = self.positions.get(&place) {
            return self.entries[position].repeat(&draft);
        }
        let (event, canonical) = draft.into_parts();
        let root = event_root(&canonical, &key.seed(&place.0, &place.1))?;
        let receipt = self.next_receipt(&place, now, leaf_hash(now, &root));
        self.trees.entry(place.0.clone()).or_default().push(receipt.leaf_hash);
        self.positions.insert(place, self.entries.len());
        self.last_recorded_at = now;
        self.entries.push(Entry { receipt: receipt.clone(), event, canonical });
        Ok(Appended { receipt, status: AppendStatus::Created })
    }

    fn next_receipt(&self, (tenant, id): &(String, String), now: Timestamp, leaf_hash: crate::Digest) -> Receipt {
        Receipt {
            id: id.clone(),
            tenant: tenant.clone(),
            seq: self.trees.get(tenant).map_or(0, Frontier::size),
            position: self.entries.len() as u64,
            recorded_at: now,
            leaf_hash,
        }
    }
}

impl Entry {
    /// The fate of `draft`, which claims the id of this entry.
    fn repeat(&self, draft: &Draft) -> Result<Appended> {
        if self.canonical == draft.canonical() {
            return Ok(Appended { receipt: self.receipt.clone(), status: AppendStatus::Replayed });
        }
        Err(Error::conflict(draft.tenant(), draft.id()))
    }
}

/// `fates` if every draft was accepted, else a conflict that names the place of each that was refused.
fn all_or_nothing(fates: Vec<Result<Appended>>) -> Result<Vec<Result<Appended>>> {
    let refused = |(index, fate): (usize, &Result<Appended>)| Some((index, fate.as_ref().err()?.clone()));
    let conflicts: Vec<(usize, Error)> = fates.iter().enumerate().filter_map(refused).collect();
    if conflicts.is_empty() { Ok(fates) } else { Err(Error::batch_conflict(conflicts)) }
}
