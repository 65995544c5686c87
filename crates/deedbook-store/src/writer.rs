//! The one thread that appends: it gives numbers and time, hashes leaves, and commits each frame with one sync.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use deedbook_core::commitment::event_root;
use deedbook_core::tree::{Frontier, leaf_hash};
use deedbook_core::{
    AppendStatus, Appended, Atomicity, Entry, Error, ErrorKind, IdOrigin, Receipt, Reply, Result, Timestamp,
};
use hashbrown::HashTable;

use crate::index::TermIndex;
use crate::intake::{Prepared, Submission};
use crate::recovery::sealed_frontier;
use crate::search;
use crate::segment::Times;
use crate::shared::Shared;
use crate::tail::{Run, Sealable, TailEntry};
use crate::view::View;
use crate::wal::{self, FrameWriter, Generation, Record};

/// Everything that only the writer changes.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    frames: FrameWriter,
    /// The trees of the tenants met since opening.
    tenants: HashMap<Box<str>, Frontier>,
    /// Tenants with entries in the present generation.
    touched: BTreeMap<Box<str>, Frontier>,
    /// Entries of generations that are not sealed yet, by id, newest generation last.
    recent: Vec<Recent>,
    next_position: u64,
    last_recorded_at: i64,
    poisoned: bool,
}

/// The entries of one generation, by id.
struct Recent {
    generation: String,
    by_id: HashTable<Arc<TailEntry>>,
}

impl Recent {
    fn new(generation: &str) -> Self {
        Self { generation: generation.to_owned(), by_id: HashTable::new() }
    }
}

/// What one frame will add, so far only in memory; dropped if the frame is not written.
#[derive(Default)]
struct Pending {
    entries: Vec<Arc<TailEntry>>,
    stretches: Vec<Stretch>,
    frontiers: HashMap<Box<str>, Frontier>,
    /// Numbers of the entries, by id.
    by_id: HashTable<u32>,
    fates: Vec<(Reply, Result<Vec<Fate>>)>,
}

/// Consecutive entries of a frame that become one run.
enum Stretch {
    /// A batch that brought its index and is wholly new.
    Indexed(usize, TermIndex),
    /// Entries by their terms.
    Loose(Vec<Box<[u8]>>),
}

/// What becomes of one draft, once the frame is durable.
enum Fate {
    /// Entry of this frame with that number.
    New(usize),
    /// Equal to an entry of this frame with that number.
    Repeated(usize),
    /// Equal to an entry that is durable.
    Known(Box<Receipt>),
    Refused(Error),
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, frames: FrameWriter, view: &View) -> Result<Self> {
        Ok(Self {
            recent: vec![Recent::new(&frames.generation().name)],
            shared,
            frames,
            tenants: HashMap::new(),
            touched: BTreeMap::new(),
            next_position: view.end(),
            last_recorded_at: view.last_recorded_at()?,
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
                (request.reply)(self.seal_now().map(|()| Vec::new()));
            }
        }
        if !self.poisoned && !self.frames.is_empty() {
            self.hand_over();
        }
    }

    /// Hands over what was appended so far.
    fn seal_now(&mut self) -> Result<()> {
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
            submissions.into_iter().for_each(|submission| (submission.reply)(Err(error.clone())));
            return;
        }
        let view = self.shared.view();
        self.forget_sealed(&view);
        let recorded_at = self.now();
        let mut pending = Pending::default();
        for submission in submissions {
            self.resolve(submission, &view, recorded_at, &mut pending);
        }
        match self.write(&pending, recorded_at) {
            Ok(()) => self.publish(pending),
            Err(error) => {
                self.poisoned = true;
                self.shared.poison();
                pending.fates.into_iter().for_each(|(reply, _)| reply(Err(error.clone())));
            }
        }
        self.shared.work_inline();
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
        let frontiers = std::mem::take(&mut self.touched);
        self.shared.seal_later(Sealable { runs, generation, frontiers });
    }

    /// Lets go of the ids of generations that readers find in segments now.
    fn forget_sealed(&mut self, view: &View) {
        let present = &self.frames.generation().name;
        let unsealed = |name: &String| name == present || view.runs.iter().any(|run| run.generation.name == *name);
        self.recent.retain(|recent| unsealed(&recent.generation));
    }

    /// The clock, but never before what was recorded last.
    fn now(&mut self) -> Timestamp {
        let now = (self.shared.options.clock)().as_microsecond();
        self.last_recorded_at = self.last_recorded_at.max(now);
        Timestamp::from_microsecond(self.last_recorded_at).unwrap_or(Timestamp::MAX)
    }

    /// Finds what becomes of each draft of a batch and adds what is new to the frame; a batch that fails as a whole
    /// adds nothing.
    fn resolve(&self, submission: Submission, view: &View, recorded_at: Timestamp, pending: &mut Pending) {
        let Submission { mut items, index, generation, atomicity, reply, .. } = submission;
        // All that can fail comes first, while the frame is as it was.
        let known = match atomicity {
            Atomicity::PerEvent => Ok(self.known_of_each(&items, view, pending)),
            Atomicity::AllOrNothing => self.known_of_all(&items, view, pending),
        };
        let ready = known.and_then(|known| {
            self.make_ready(&mut items, &generation.name, pending)?;
            Ok(known)
        });
        let fates = ready.map(|known| self.enter(items, known, index, recorded_at, pending));
        pending.fates.push((reply, fates));
    }

    fn known_of_each(&self, items: &[Prepared], view: &View, pending: &Pending) -> Vec<Option<Fate>> {
        let known = items.iter().map(|item| self.known(item, view, pending));
        known.map(|known| known.unwrap_or_else(|error| Some(Fate::Refused(error)))).collect()
    }

    /// Refuses a batch of which one draft would be refused.
    fn known_of_all(&self, items: &[Prepared], view: &View, pending: &Pending) -> Result<Vec<Option<Fate>>> {
        let mut conflicts = Vec::new();
        let mut within: HashMap<(&str, &str), &[u8]> = HashMap::new();
        let mut all_known = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let first = *within.entry((&item.tenant, &item.id)).or_insert(&item.canonical);
            let mut known = self.known(item, view, pending)?;
            match known.take_if(|known| matches!(known, Fate::Refused(_))) {
                Some(Fate::Refused(error)) => conflicts.push((index, error)),
                _ if known.is_none() && *first != *item.canonical => conflicts.push((index, conflict(item))),
                _ => {}
            }
            all_known.push(known);
        }
        if conflicts.is_empty() { Ok(all_known) } else { Err(Error::batch_conflict(conflicts)) }
    }

    /// Computes roots anew where the generation ended in between, and has the trees of all tenants at hand.
    fn make_ready(&self, items: &mut [Prepared], generation: &str, pending: &mut Pending) -> Result<()> {
        let present = self.frames.generation();
        for item in items {
            if present.name != generation {
                item.event_root = event_root(&item.canonical, &present.key.seed(&item.tenant, &item.id))?;
            }
            if !pending.frontiers.contains_key(&item.tenant) {
                pending.frontiers.insert(item.tenant.clone(), self.frontier(&item.tenant)?);
            }
        }
        Ok(())
    }

    fn enter(
        &self,
        items: Vec<Prepared>,
        known: Vec<Option<Fate>>,
        index: Option<TermIndex>,
        recorded_at: Timestamp,
        pending: &mut Pending,
    ) -> Vec<Fate> {
        let mut terms = Vec::with_capacity(items.len());
        let mut fates = Vec::with_capacity(items.len());
        for (mut item, known) in items.into_iter().zip(known) {
            // The batch itself may repeat an id.
            let fate = known.or_else(|| pending.known(&item)).unwrap_or_else(|| {
                terms.push(std::mem::take(&mut item.terms));
                self.assign(item, recorded_at, pending)
            });
            fates.push(fate);
        }
        match index.filter(|_| terms.len() == fates.len()) {
            Some(index) => pending.stretches.push(Stretch::Indexed(terms.len(), index)),
            None => pending.add_loose(terms),
        }
        fates
    }

    /// What becomes of a draft whose id is known already.
    fn known(&self, item: &Prepared, view: &View, pending: &Pending) -> Result<Option<Fate>> {
        if item.id_origin == IdOrigin::Generated {
            return Ok(None);
        }
        if let Some(known) = pending.known(item) {
            return Ok(Some(known));
        }
        let recent = self.recent.iter().rev();
        let mut found = recent.filter_map(|recent| recent.by_id.find(item.id_hash, |entry| is_same_id(entry, item)));
        if let Some(entry) = found.next() {
            return Ok(Some(repeated(item, &entry.canonical, entry.receipt())));
        }
        let stored = self.find_sealed(view, item)?;
        Ok(stored.map(|entry| repeated(item, &entry.canonical, entry.receipt)))
    }

    fn find_sealed(&self, view: &View, item: &Prepared) -> Result<Option<Entry>> {
        let sealed = View { segments: view.segments.clone(), runs: Vec::new() };
        search::find(&sealed, self.shared.hasher, &item.tenant, &item.id)
    }

    /// Gives a new entry its place.
    fn assign(&self, item: Prepared, recorded_at: Timestamp, pending: &mut Pending) -> Fate {
        let leaf_hash = leaf_hash(recorded_at, &item.event_root);
        let recorded_at = recorded_at.as_microsecond();
        let frontier = pending.frontiers.get_mut(&item.tenant).expect("the trees of all tenants are at hand");
        let seq = frontier.size();
        frontier.push(leaf_hash);
        let nth = pending.entries.len();
        pending.entries.push(Arc::new(TailEntry {
            times: Times { recorded_at, occurred_at: item.occurred_at.unwrap_or(recorded_at) },
            seq,
            position: self.next_position + nth as u64,
            leaf_hash,
            tenant: item.tenant,
            id: item.id,
            id_hash: item.id_hash,
            action: item.action,
            outcome: item.outcome,
            canonical: item.canonical,
        }));
        let entries = &pending.entries;
        pending.by_id.insert_unique(item.id_hash, nth as u32, |&nth| entries[nth as usize].id_hash);
        Fate::New(nth)
    }

    fn frontier(&self, tenant: &str) -> Result<Frontier> {
        if let Some(frontier) = self.tenants.get(tenant) {
            return Ok(frontier.clone());
        }
        sealed_frontier(&self.shared.view().segments, tenant)
    }

    fn write(&mut self, pending: &Pending, recorded_at: Timestamp) -> Result<()> {
        if pending.entries.is_empty() {
            return Ok(());
        }
        let records: Vec<Record<'_>> = pending
            .entries
            .iter()
            .map(|entry| Record { tenant: &entry.tenant, seq: entry.seq, canonical: &entry.canonical })
            .collect();
        self.frames.append(self.next_position, recorded_at.as_microsecond(), &records)
    }

    /// Makes the frame visible, then gives the receipts.
    fn publish(&mut self, mut pending: Pending) {
        if !pending.entries.is_empty() {
            let first_position = self.next_position;
            self.remember(&mut pending);
            self.shared.add_runs(runs(&pending.entries, pending.stretches, first_position, self.frames.generation()));
        }
        for (reply, fates) in pending.fates {
            let told = |fates: Vec<Fate>| fates.into_iter().map(|fate| fate.told(&pending.entries)).collect();
            reply(fates.map(told));
        }
    }

    /// Takes over what the frame changed.
    fn remember(&mut self, pending: &mut Pending) {
        self.next_position += pending.entries.len() as u64;
        let recent = self.recent.last_mut().expect("the present generation is the last");
        for entry in &pending.entries {
            recent.by_id.insert_unique(entry.id_hash, entry.clone(), |entry| entry.id_hash);
        }
        for (tenant, frontier) in pending.frontiers.drain() {
            self.touched.insert(tenant.clone(), frontier.clone());
            self.tenants.insert(tenant, frontier);
        }
    }
}

impl Pending {
    /// What becomes of a draft whose id is in the frame already.
    fn known(&self, item: &Prepared) -> Option<Fate> {
        if item.id_origin == IdOrigin::Generated {
            return None;
        }
        let &nth = self.by_id.find(item.id_hash, |&nth| is_same_id(&self.entries[nth as usize], item))?;
        let equal = self.entries[nth as usize].canonical == item.canonical;
        Some(if equal { Fate::Repeated(nth as usize) } else { Fate::Refused(conflict(item)) })
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
fn runs(
    mut entries: &[Arc<TailEntry>],
    stretches: Vec<Stretch>,
    mut first_position: u64,
    generation: &Arc<Generation>,
) -> Vec<Run> {
    let mut runs = Vec::with_capacity(stretches.len());
    for stretch in stretches {
        let (count, index) = match stretch {
            Stretch::Indexed(count, index) => (count, index),
            Stretch::Loose(terms) => (terms.len(), TermIndex::build(terms.iter().map(|terms| &terms[..]))),
        };
        let (of_run, rest) = entries.split_at(count);
        runs.push(Run::new(first_position, of_run.to_vec(), index, generation.clone()));
        first_position += count as u64;
        entries = rest;
    }
    runs
}

impl Fate {
    fn told(self, entries: &[Arc<TailEntry>]) -> Result<Appended> {
        let appended = |receipt, status| Ok(Appended { receipt, status });
        match self {
            Self::New(nth) => appended(entries[nth].receipt(), AppendStatus::Created),
            Self::Repeated(nth) => appended(entries[nth].receipt(), AppendStatus::Replayed),
            Self::Known(receipt) => appended(*receipt, AppendStatus::Replayed),
            Self::Refused(error) => Err(error),
        }
    }
}

fn is_same_id(entry: &TailEntry, item: &Prepared) -> bool {
    entry.tenant == item.tenant && entry.id == item.id
}

/// An equal event gets the first receipt, another one is refused.
fn repeated(item: &Prepared, canonical: &[u8], receipt: Receipt) -> Fate {
    if *canonical == *item.canonical { Fate::Known(Box::new(receipt)) } else { Fate::Refused(conflict(item)) }
}

fn conflict(item: &Prepared) -> Error {
    Error::conflict(&item.tenant, &item.id)
}

fn poisoned() -> Error {
    let message = "an earlier write or sync of the log failed, so that nothing more is acknowledged; open the log anew";
    Error::new(ErrorKind::Poisoned, message)
}
