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
use crate::removal::{self, Erased, Erasure};
use crate::tree::{Frontier, leaf_hash};
use crate::{
    Actor, AppendStatus, Appended, Atomicity, Digest, Draft, Entry, Error, Group, GroupBy, Order, Outcome, Page,
    PageRequest, Query, Receipt, Reply, Result, Scope, Store,
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
    slots: Vec<Slot>,
    positions: HashMap<(String, String), usize>,
    trees: BTreeMap<String, Frontier>,
    last_recorded_at: Timestamp,
}

/// What is at a position.
#[derive(Clone)]
enum Slot {
    /// Whole, or with erased values.
    Entry(Box<Entry>),
    /// All that is left of an entry without its content.
    Erased(Receipt),
    /// All that is left of a retired entry.
    Retired { tenant: String, leaf_hash: Digest },
}

impl Slot {
    fn entry(&self) -> Option<&Entry> {
        if let Self::Entry(entry) = self { Some(&**entry) } else { None }
    }

    fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Entry(entry) => Some(&entry.receipt),
            Self::Erased(receipt) => Some(receipt),
            Self::Retired { .. } => None,
        }
    }

    fn leaf(&self) -> (&str, Digest) {
        match self {
            Self::Entry(entry) => (&entry.receipt.tenant, entry.receipt.leaf_hash),
            Self::Erased(receipt) => (&receipt.tenant, receipt.leaf_hash),
            Self::Retired { tenant, leaf_hash } => (tenant, *leaf_hash),
        }
    }
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

    /// The leaf hashes of the tree of `tenant`, those of removed entries included.
    pub fn leaf_hashes(&self, tenant: &str) -> Vec<Digest> {
        let log = self.log();
        log.slots.iter().map(Slot::leaf).filter(|(of, _)| *of == tenant).map(|(_, leaf_hash)| leaf_hash).collect()
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
        let found = log.entries().find(|entry| entry.receipt.tenant == tenant && entry.receipt.id == id);
        Ok(found.and_then(|entry| scope.view(entry)).map(Cow::into_owned))
    }

    fn page(&self, query: &Query, scope: &Scope, request: &PageRequest) -> Result<Page> {
        let log = self.log();
        let beyond = log.entries().filter(|entry| is_beyond(entry, request));
        let mut matching: Vec<_> = beyond.filter_map(|entry| scope.view(entry)).collect();
        matching.retain(|entry| query.matches(entry));
        if request.order == Order::Descending {
            matching.reverse();
        }
        let has_more = matching.len() > request.limit;
        let entries = matching.into_iter().take(request.limit).map(Cow::into_owned).collect();
        Ok(Page { entries, has_more, watermark: (log.slots.len() as u64).checked_sub(1), archived: false })
    }

    fn count(&self, query: &Query, scope: &Scope, groups: &[GroupBy]) -> Result<Vec<Group>> {
        let log = self.log();
        let mut counts: BTreeMap<Vec<String>, u64> = BTreeMap::new();
        if groups.is_empty() {
            counts.insert(Vec::new(), 0);
        }
        let views = log.entries().filter_map(|entry| scope.view(entry));
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
            let due = log.entries().filter(|entry| entry.receipt.position >= from);
            due.filter_map(|entry| scope.view(entry)).take(limit).map(Cow::into_owned).collect()
        };
        let nothing_yet = |log: &mut Log| limit > 0 && find(log).is_empty();
        let waited = self.grown.wait_timeout_while(self.log(), wait, nothing_yet);
        let (log, _) = waited.unwrap_or_else(PoisonError::into_inner);
        Ok(find(&log))
    }

    fn visible_count(&self) -> u64 {
        self.log().slots.len() as u64
    }

    fn retire(&self, positions: &[u64]) -> Result<()> {
        let mut log = self.log();
        removal::check_positions(positions.iter().copied(), log.slots.len() as u64)?;
        positions.iter().try_for_each(|&position| log.check_may_go(position))?;
        positions.iter().for_each(|&position| log.retire(position as usize));
        Ok(())
    }

    fn erase(&self, erasures: &[Erasure]) -> Result<()> {
        let mut log = self.log();
        removal::check_positions(erasures.iter().map(|erasure| erasure.position), log.slots.len() as u64)?;
        let erased = erasures.iter().map(|erasure| log.erased(erasure, &self.key)).collect::<Result<Vec<Slot>>>()?;
        erasures.iter().zip(erased).for_each(|(erasure, slot)| log.slots[erasure.position as usize] = slot);
        Ok(())
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
        GroupBy::Tenant => vec![entry.receipt.tenant.clone()],
    }
}

fn actor_key(actor: &Actor) -> String {
    match &actor.id {
        Some(id) => format!("{}:{id}", actor.kind),
        None => actor.kind.clone(),
    }
}

impl Log {
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().filter_map(Slot::entry)
    }

    fn check_may_go(&self, position: u64) -> Result<()> {
        let entry = self.slots[position as usize].entry();
        let stays = |entry: &Entry| removal::is_kept_for_good(&entry.receipt.tenant, &entry.event.action);
        if entry.is_some_and(stays) { Err(removal::kept_for_good(position)) } else { Ok(()) }
    }

    fn retire(&mut self, position: usize) {
        let slot = &self.slots[position];
        if let Some(receipt) = slot.receipt() {
            self.positions.remove(&(receipt.tenant.clone(), receipt.id.clone()));
        }
        let (tenant, leaf_hash) = slot.leaf();
        self.slots[position] = Slot::Retired { tenant: tenant.to_owned(), leaf_hash };
    }

    /// What is left at a position after an erasure.
    fn erased(&self, Erasure { position, what }: &Erasure, key: &Key) -> Result<Slot> {
        let slot = &self.slots[*position as usize];
        let Slot::Entry(entry) = slot else { return Ok(slot.clone()) };
        let Erased::Values(paths) = what else {
            self.check_may_go(*position)?;
            return Ok(Slot::Erased(entry.receipt.clone()));
        };
        let seed = key.seed(&entry.receipt.tenant, &entry.receipt.id);
        let salt_of = |path: &str| Some(seed.salt(path));
        let (canonical, event) = removal::without_values(&entry.canonical, paths, *position, salt_of)?;
        Ok(Slot::Entry(Box::new(Entry { receipt: entry.receipt.clone(), event, canonical })))
    }

    fn append_each(&mut self, drafts: Vec<Draft>, now: Timestamp, key: &Key) -> Vec<Result<Appended>> {
        // The log keeps microseconds and never goes back.
        let now = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now).max(self.last_recorded_at);
        drafts.into_iter().map(|draft| self.append(draft, now, key)).collect()
    }

    fn append(&mut self, draft: Draft, now: Timestamp, key: &Key) -> Result<Appended> {
        let place = (draft.tenant().to_owned(), draft.id().to_owned());
        if let Some(&position) = self.positions.get(&place) {
            return self.slots[position].repeat(&draft);
        }
        let (event, canonical) = draft.into_parts();
        let root = event_root(&canonical, &key.seed(&place.0, &place.1))?;
        let receipt = self.next_receipt(&place, now, leaf_hash(now, &root));
        self.trees.entry(place.0.clone()).or_default().push(receipt.leaf_hash);
        self.positions.insert(place, self.slots.len());
        self.last_recorded_at = now;
        self.slots.push(Slot::Entry(Box::new(Entry { receipt: receipt.clone(), event, canonical })));
        Ok(Appended { receipt, status: AppendStatus::Created })
    }

    fn next_receipt(&self, (tenant, id): &(String, String), now: Timestamp, leaf_hash: Digest) -> Receipt {
        Receipt {
            id: id.clone(),
            tenant: tenant.clone(),
            seq: self.trees.get(tenant).map_or(0, Frontier::size),
            position: self.slots.len() as u64,
            recorded_at: now,
            leaf_hash,
        }
    }
}

impl Slot {
    /// The fate of `draft`, which claims the id of this entry. What was erased is not compared.
    fn repeat(&self, draft: &Draft) -> Result<Appended> {
        let differs =
            |entry: &Entry| entry.canonical != draft.canonical() && !removal::has_erased_values(&entry.canonical);
        match self.receipt().filter(|_| !self.entry().is_some_and(differs)) {
            Some(receipt) => Ok(Appended { receipt: receipt.clone(), status: AppendStatus::Replayed }),
            None => Err(Error::conflict(draft.tenant(), draft.id())),
        }
    }
}

/// `fates` if every draft was accepted, else a conflict that names the place of each that was refused.
fn all_or_nothing(fates: Vec<Result<Appended>>) -> Result<Vec<Result<Appended>>> {
    let refused = |(index, fate): (usize, &Result<Appended>)| Some((index, fate.as_ref().err()?.clone()));
    let conflicts: Vec<(usize, Error)> = fates.iter().enumerate().filter_map(refused).collect();
    if conflicts.is_empty() { Ok(fates) } else { Err(Error::batch_conflict(conflicts)) }
}
