//! The one thread that appends: it gives numbers and time, hashes leaves, and commits each frame with one sync.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use deedbook_core::commitment::event_root;
use deedbook_core::removal::has_erased_values;
use deedbook_core::tree::{Frontier, leaf_hash};
use deedbook_core::{
    AppendStatus, Appended, Atomicity, Digest, Error, ErrorKind, IdOrigin, Receipt, Reply, Result, Timestamp,
};
use hashbrown::HashTable;

use crate::index::TermIndex;
use crate::intake::{Prepared, Submission, tell};
use crate::part::read_event;
use crate::recovery::sealed_frontier;
use crate::search::{self, Holder};
use crate::segment::Times;
use crate::shared::Shared;
use crate::tail::{Run, Sealable};
use crate::terms::terms_of;
use crate::unsealed::TailEntry;
use crate::view::View;
use crate::wal::{self, FrameWriter, Generation, Record};

/// Everything that only the writer changes. What a frame adds is entered here before it is written: if it cannot be
/// written, the store is poisoned and nothing of this is used again.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    frames: FrameWriter,
    /// The trees of the tenants met since opening.
    tenants: HashMap<Box<str>, Frontier>,
    /// Tenants with entries in the present generation.
    touched: BTreeSet<Box<str>>,
    /// Entries of generations that are not sealed yet, by id, newest generation last.
    recent: Vec<Recent>,
    next_position: u64,
    last_recorded_at: Timestamp,
    poisoned: bool,
}

/// The positions of the entries of one generation, by the hashes of their ids. The entries themselves are in runs, and
/// let go with those: not by the writer, which has no time for that.
struct Recent {
    generation: String,
    by_id: HashTable<(u64, u64)>,
}

impl Recent {
    fn new(generation: &str) -> Self {
        Self { generation: generation.to_owned(), by_id: HashTable::new() }
    }
}

/// What becomes of a draft whose id has an entry already; `None` where it has none.
type Known = Option<Result<Appended>>;

/// What one frame adds.
#[derive(Default)]
struct Pending {
    entries: Vec<Arc<TailEntry>>,
    stretches: Vec<Stretch>,
    fates: Vec<(Reply, Result<Vec<Result<Appended>>>)>,
}

/// Consecutive entries of a frame that become one run.
enum Stretch {
    /// A batch that brought its index and is wholly new.
    Indexed(usize, TermIndex),
    /// Entries by their terms.
    Loose(Vec<Box<[u8]>>),
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, frames: FrameWriter, view: &View) -> Result<Self> {
        let last_recorded_at = Timestamp::from_microsecond(view.last_recorded_at()?);
        Ok(Self {
            recent: vec![Recent::new(&frames.generation().name)],
            shared,
            frames,
            tenants: HashMap::new(),
            touched: BTreeSet::new(),
            next_position: view.end(),
            last_recorded_at: last_recorded_at.unwrap_or(Timestamp::MIN),
            poisoned: false,
        })
    }

    /// Appends what comes until the intake is closed, then hands over the last generation to be sealed.
    pub(crate) fn run(mut self) {
        loop {
            let submissions = self.shared.intake.take(self.shared.options.frame_bytes);
            if submissions.is_empty() {
                break;
            }
            let (requests, batches): (Vec<_>, Vec<_>) =
                submissions.into_iter().partition(|submission| submission.items.is_empty());
            if !batches.is_empty() {
                self.commit(batches);
            }
            for request in requests {
                tell(request.reply, self.seal_now().map(|()| Vec::new()));
            }
        }
        if !self.poisoned && !self.frames.is_empty() {
            self.hand_over();
        }
    }

    /// Hands over what was appended so far, and lets go of what is sealed.
    fn seal_now(&mut self) -> Result<()> {
        self.forget_sealed(&self.shared.view());
        match (self.poisoned, self.frames.is_empty()) {
            (true, _) => Err(poisoned()),
            (false, true) => Ok(()),
            (false, false) => self.rotate(0),
        }
    }

    /// Writes the batches as one frame and tells each its fate.
    fn commit(&mut self, submissions: Vec<Submission>) {
        let bytes = submissions.iter().map(|submission| submission.bytes).sum();
        if let Err(error) = self.make_room(bytes) {
            submissions.into_iter().for_each(|submission| tell(submission.reply, Err(error.clone())));
            return;
        }
        let view = self.shared.view();
        self.forget_sealed(&view);
        let recorded_at = self.now();
        let mut pending = Pending::default();
        for submission in submissions {
            self.resolve(submission, &view, recorded_at, &mut pending);
        }
        drop(view);
        let shared = self.shared.clone();
        let _others_settle = shared.working_inline();
        match self.write(&pending, recorded_at) {
            Ok(()) => self.publish(pending),
            Err(error) => {
                self.poisoned = true;
                self.shared.poison();
                pending.fates.into_iter().for_each(|(reply, _)| tell(reply, Err(error.clone())));
            }
        }
        shared.work_inline();
    }

    /// Sees to it that the present generation has room for a frame of so many bytes.
    fn make_room(&mut self, canonical_bytes: usize) -> Result<()> {
        if self.poisoned {
            return Err(poisoned());
        }
        let frame_bytes = (canonical_bytes + 2 * wal::SECTOR) as u64;
        if frame_bytes > self.frames.room() {
            self.rotate(frame_bytes)?;
        } else if self.frames.room() < self.frames.generation().capacity / 2 {
            self.shared.want_spare();
        }
        Ok(())
    }

    /// Goes on in another generation, with room for a frame of so many bytes.
    fn rotate(&mut self, frame_bytes: u64) -> Result<()> {
        let next = self.shared.next_generation(frame_bytes)?;
        let empty = self.frames.is_empty().then(|| self.frames.generation().name.clone());
        if empty.is_none() {
            self.hand_over();
        }
        self.recent.push(Recent::new(&next.name));
        self.shared.set_generation(next.clone());
        self.frames = FrameWriter::new(next);
        if let Some(name) = empty {
            // Nothing is written to it any more; if the manifest goes on naming it, closing tries again.
            let _ = self.shared.drop_named_generation(&name);
        }
        Ok(())
    }

    /// Gives the filled generation to the sealer.
    fn hand_over(&mut self) {
        let generation = self.frames.generation().clone();
        let of_generation = |run: &&Arc<Run>| run.generation.name == generation.name;
        let runs = self.shared.view().runs.iter().filter(of_generation).cloned().collect();
        let touched = std::mem::take(&mut self.touched).into_iter();
        let frontiers = touched.filter_map(|tenant| Some((tenant.clone(), self.tenants.get(&tenant)?.clone())));
        self.shared.seal_later(Sealable { runs, frontiers: frontiers.collect(), generation });
    }

    /// Lets go of the ids of generations that readers find in segments now.
    fn forget_sealed(&mut self, view: &View) {
        let present = &self.frames.generation().name;
        let unsealed = |name: &String| name == present || view.runs.iter().any(|run| run.generation.name == *name);
        self.recent.retain(|recent| unsealed(&recent.generation));
    }

    /// The clock, to the microsecond, but never before what was recorded last.
    fn now(&self) -> Timestamp {
        let now = (self.shared.options.clock)();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now).max(self.last_recorded_at)
    }

    /// Finds what becomes of each draft of a batch and adds what is new to the frame.
    fn resolve(&mut self, submission: Submission, view: &View, recorded_at: Timestamp, pending: &mut Pending) {
        let Submission { items, index, generation, atomicity, reply, .. } = submission;
        let searched = match atomicity {
            Atomicity::PerEvent => Ok(None),
            Atomicity::AllOrNothing => self.search_all(&items, view, pending).map(Some),
        };
        let fates = searched.map(|found| {
            let mut found = found.map(Vec::into_iter);
            let mut known = |writer: &Self, item: &Prepared, pending: &Pending| match &mut found {
                // The batch itself may repeat an id.
                Some(found) => found.next().flatten().or_else(|| writer.known_unsealed(item, view, pending)),
                None => writer.known(item, view, pending).unwrap_or_else(|error| Some(Err(error))),
            };
            self.enter(items, &mut known, index, &generation.name, recorded_at, pending)
        });
        pending.fates.push((reply, fates));
    }

    /// What is known of each draft of a batch; refuses the batch if one draft would be refused. What this found out is
    /// not looked up again when the batch is entered: that might fail in the middle of it.
    fn search_all(&mut self, items: &[Prepared], view: &View, pending: &Pending) -> Result<Vec<Known>> {
        let mut conflicts = Vec::new();
        let mut all_known = Vec::with_capacity(items.len());
        let mut within: HashMap<(&str, &str), &[u8]> = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            let identity = (item.identity.tenant(), item.identity.id());
            let first = *within.entry(identity).or_insert(&item.canonical);
            match self.known(item, view, pending)? {
                Some(Err(error)) => conflicts.push((index, error)),
                None if *first != *item.canonical => conflicts.push((index, conflict(item))),
                known => {
                    self.meet(item.identity.tenant())?;
                    all_known.push(known);
                }
            }
        }
        if conflicts.is_empty() { Ok(all_known) } else { Err(Error::batch_conflict(conflicts)) }
    }

    fn enter(
        &mut self,
        items: Vec<Prepared>,
        known: &mut dyn FnMut(&Self, &Prepared, &Pending) -> Known,
        index: Option<TermIndex>,
        generation: &str,
        recorded_at: Timestamp,
        pending: &mut Pending,
    ) -> Vec<Result<Appended>> {
        let first = pending.entries.len();
        let mut terms = Vec::with_capacity(items.len());
        let mut fates = Vec::with_capacity(items.len());
        for mut item in items {
            let its_terms = std::mem::take(&mut item.terms);
            fates.push(match known(self, &item, pending) {
                Some(known) => known,
                None => self.assign(item, generation, recorded_at, pending).inspect(|_| terms.push(its_terms)),
            });
        }
        let new = &pending.entries[first..];
        match index {
            Some(index) if new.len() == fates.len() => pending.stretches.push(Stretch::Indexed(new.len(), index)),
            // The index numbers entries that are not in the frame.
            Some(_) => pending.add_loose(new.iter().map(|entry| self.terms_again(entry)).collect()),
            None => pending.add_loose(terms),
        }
        fates
    }

    fn terms_again(&self, entry: &TailEntry) -> Box<[u8]> {
        let event = read_event(&entry.canonical, entry.position);
        event.map_or_else(|_| Box::default(), |event| terms_of(&event, &self.shared.hasher))
    }

    /// What becomes of a draft whose id is known already: an equal event gets the first receipt, another is refused.
    /// Its entry may be in the frame that is not written yet; then this is told when the frame is.
    fn known(&self, item: &Prepared, view: &View, pending: &Pending) -> Result<Known> {
        if item.id_origin == IdOrigin::Generated {
            return Ok(None);
        }
        if let Some(known) = self.known_unsealed(item, view, pending) {
            return Ok(Some(known));
        }
        let (tenant, id) = (item.identity.tenant(), item.identity.id());
        let stored = search::find_sealed(&view.segments, item.id_hash, tenant, id)?;
        Ok(stored.map(|holder| match holder {
            Holder::Entry(entry) => repeated(item, &entry.canonical, entry.receipt),
            Holder::Erased(receipt) => Ok(Appended { receipt, status: AppendStatus::Replayed }),
        }))
    }

    fn known_unsealed(&self, item: &Prepared, view: &View, pending: &Pending) -> Known {
        if item.id_origin == IdOrigin::Generated {
            return None;
        }
        let entry_at = |position| pending.entry(position).or_else(|| view.unsealed(position));
        let is_same = |&(hash, position): &(u64, u64)| {
            hash == item.id_hash && entry_at(position).is_some_and(|entry| entry.identity.is_same(&item.identity))
        };
        let same = self.recent.iter().rev().find_map(|recent| recent.by_id.find(item.id_hash, is_same));
        let entry = same.and_then(|&(_, position)| entry_at(position))?;
        Some(repeated(item, &entry.canonical, entry.receipt()))
    }

    /// Gives a new entry its place.
    fn assign(
        &mut self,
        item: Prepared,
        generation: &str,
        recorded_at: Timestamp,
        pending: &mut Pending,
    ) -> Result<Appended> {
        let leaf_hash = leaf_hash(recorded_at, &self.root(&item, generation)?);
        let tenant = item.identity.tenant();
        self.meet(tenant)?;
        let frontier = self.tenants.get_mut(tenant).expect("the tenant was just met");
        let seq = frontier.size();
        frontier.push(leaf_hash);
        if !self.touched.contains(tenant) {
            self.touched.insert(tenant.into());
        }
        let recorded = recorded_at.as_microsecond();
        let entry = Arc::new(TailEntry {
            times: Times { recorded_at: recorded, occurred_at: item.occurred_at.unwrap_or(recorded) },
            seq,
            position: self.next_position,
            leaf_hash,
            identity: item.identity,
            id_hash: item.id_hash,
            outcome: item.outcome,
            canonical: item.canonical,
        });
        self.next_position += 1;
        let recent = self.recent.last_mut().expect("the present generation is the last");
        recent.by_id.insert_unique(entry.id_hash, (entry.id_hash, entry.position), |&(hash, _)| hash);
        let receipt = entry.receipt();
        pending.entries.push(entry);
        Ok(Appended { receipt, status: AppendStatus::Created })
    }

    /// The root under the key of the present generation: the caller's, unless the generation ended in between.
    fn root(&self, item: &Prepared, generation: &str) -> Result<Digest> {
        let present = self.frames.generation();
        if present.name == generation {
            return Ok(item.event_root);
        }
        event_root(&item.canonical, &present.key.seed(item.identity.tenant(), item.identity.id()))
    }

    /// Sees to it that the tree of a tenant is at hand.
    fn meet(&mut self, tenant: &str) -> Result<()> {
        if !self.tenants.contains_key(tenant) {
            let frontier = sealed_frontier(&self.shared.view().segments, tenant)?;
            self.tenants.insert(tenant.into(), frontier);
        }
        Ok(())
    }

    fn write(&mut self, pending: &Pending, recorded_at: Timestamp) -> Result<()> {
        let Some(first) = pending.entries.first() else { return Ok(()) };
        self.last_recorded_at = recorded_at;
        let records: Vec<Record<'_>> = pending
            .entries
            .iter()
            .map(|entry| Record { tenant: entry.identity.tenant(), seq: entry.seq, canonical: &entry.canonical })
            .collect();
        self.frames.append(first.position, recorded_at.as_microsecond(), &records)
    }

    /// Makes the frame visible, then gives the receipts.
    fn publish(&mut self, pending: Pending) {
        if !pending.entries.is_empty() {
            self.shared.add_runs(runs(&pending.entries, pending.stretches, self.frames.generation()));
        }
        pending.fates.into_iter().for_each(|(reply, fates)| tell(reply, fates));
    }
}

impl Pending {
    /// The entry at a position of the log, if it is in this frame.
    fn entry(&self, position: u64) -> Option<&TailEntry> {
        let first = self.entries.first()?.position;
        self.entries.get(usize::try_from(position.checked_sub(first)?).ok()?).map(|entry| &**entry)
    }

    fn add_loose(&mut self, terms: Vec<Box<[u8]>>) {
        match self.stretches.last_mut() {
            Some(Stretch::Loose(before)) => before.extend(terms),
            _ if terms.is_empty() => {}
            _ => self.stretches.push(Stretch::Loose(terms)),
        }
    }
}

/// The entries of a frame as runs, a run for each stretch.
fn runs(mut entries: &[Arc<TailEntry>], stretches: Vec<Stretch>, generation: &Arc<Generation>) -> Vec<Run> {
    let mut runs = Vec::with_capacity(stretches.len());
    for stretch in stretches {
        let (count, index) = match stretch {
            Stretch::Indexed(count, index) => (count, index),
            Stretch::Loose(terms) => (terms.len(), TermIndex::build(terms.iter().map(|terms| &terms[..]))),
        };
        let (of_run, rest) = entries.split_at(count);
        runs.push(Run::new(of_run[0].position, of_run.to_vec(), index, generation.clone()));
        entries = rest;
    }
    runs
}

fn repeated(item: &Prepared, canonical: &[u8], receipt: Receipt) -> Result<Appended> {
    // What was erased cannot be compared.
    let is_equal = *canonical == *item.canonical || has_erased_values(canonical);
    let appended = Appended { receipt, status: AppendStatus::Replayed };
    if is_equal { Ok(appended) } else { Err(conflict(item)) }
}

fn conflict(item: &Prepared) -> Error {
    Error::conflict(item.identity.tenant(), item.identity.id())
}

fn poisoned() -> Error {
    let message = "an earlier write or sync of the log failed, so that nothing more is acknowledged; open the log anew";
    Error::new(ErrorKind::Poisoned, message)
}
