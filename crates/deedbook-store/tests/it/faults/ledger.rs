//! What a client knows: what it sent, and which receipts it got. It lives outside of the fault's reach.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use deedbook_core::{
    AppendStatus, Appended, Atomicity, Draft, Entry, PageRequest, Query, Receipt, Scope, Store, StoreExt,
};
use deedbook_store::{FileStore, Options, check_on};
use deedbook_testkit::disk::SimulatedDisk;
use deedbook_testkit::{bytes, events};

use super::script::archive_on;
use super::taken::{Identity, TakenAway, Taking};

/// What was sent and acknowledged.
#[derive(Default)]
pub(super) struct Ledger {
    sent: HashMap<(String, String), Draft>,
    /// Ids of the batches that stand or fall as one.
    atomic: Vec<Vec<(String, String)>>,
    acknowledged: Arc<Mutex<Vec<Acknowledged>>>,
    taken: TakenAway,
}

/// A receipt, and after how many steps of the disk it was given.
#[derive(Clone)]
pub(super) struct Acknowledged {
    pub(super) step: usize,
    pub(super) appended: Appended,
}

/// What is wrong after a fault; nothing, where all is well.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Entries that were recovered.
    pub(super) entries: usize,
    pub(super) lost: usize,
    pub(super) phantom: usize,
    pub(super) duplicate: usize,
    pub(super) rewritten: usize,
    /// Entries of which something came back that had been taken away.
    pub(super) returned: usize,
    pub(super) problems: Vec<String>,
}

impl Verdict {
    pub(super) fn is_clean(&self) -> bool {
        self.violations() == 0
    }

    pub(super) fn violations(&self) -> usize {
        self.lost + self.phantom + self.duplicate + self.rewritten + self.returned + self.problems.len()
    }

    fn check(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.problems.push(problem());
        }
    }
}

impl Ledger {
    /// Notes what is about to be sent and returns the drafts.
    pub(super) fn send(&mut self, numbers: &[u64], atomicity: Atomicity) -> Vec<Draft> {
        let drafts: Vec<Draft> = numbers.iter().map(|&number| draft(number)).collect();
        let keys: Vec<_> = drafts.iter().map(key_of).collect();
        // What is sent again may stand without the batch with which it was sent first.
        self.atomic.retain(|batch| !batch.iter().any(|key| keys.contains(key)));
        let mut fresh = Vec::new();
        for (key, draft) in keys.into_iter().zip(&drafts) {
            if self.sent.insert(key.clone(), draft.clone()).is_none() {
                fresh.push(key);
            }
        }
        if atomicity == Atomicity::AllOrNothing {
            self.atomic.push(fresh);
        }
        drafts
    }

    /// Where receipts are noted, from any thread.
    pub(super) fn acknowledged(&self) -> Arc<Mutex<Vec<Acknowledged>>> {
        self.acknowledged.clone()
    }

    /// Whether this event was acknowledged.
    pub(super) fn has_receipt(&self, number: u64) -> bool {
        let key = key_of(&draft(number));
        self.receipts(usize::MAX).contains_key(&key)
    }

    /// Whether something of this event was ever to be taken away.
    pub(super) fn is_touched(&self, number: u64) -> bool {
        self.taken.may(&key_of(&draft(number)), usize::MAX).is_some()
    }

    /// Whether this event was ever to be retired, so that its id may be free.
    pub(super) fn is_retired(&self, number: u64) -> bool {
        self.taken.may(&key_of(&draft(number)), usize::MAX) == Some(Taking::Retire)
    }

    /// Notes that something is about to be taken from these events; gives the receipts of those from which it can be,
    /// by position.
    pub(super) fn begin_taking(&mut self, numbers: &[u64], taking: Taking, step: usize) -> Vec<Receipt> {
        let receipts = self.receipts(usize::MAX);
        let drafts = numbers.iter().map(|&number| draft(number)).filter(|draft| taking.fits(draft));
        let mut chosen: Vec<Receipt> = drafts.filter_map(|draft| receipts.get(&key_of(&draft)).cloned()).collect();
        chosen.sort_by_key(|receipt| receipt.position);
        chosen.dedup();
        self.taken.begin(&chosen, taking, step);
        chosen
    }

    /// Notes that it is gone.
    pub(super) fn end_taking(&mut self, receipts: &[Receipt], step: usize) {
        self.taken.end(receipts, step);
    }

    /// How many receipts were given.
    pub(super) fn receipts_given(&self) -> usize {
        self.receipts(usize::MAX).len()
    }

    /// The first receipt of each event that was acknowledged within so many steps.
    fn receipts(&self, step: usize) -> BTreeMap<(String, String), Receipt> {
        let mut receipts = BTreeMap::new();
        for given in self.acknowledged.lock().unwrap().iter().filter(|given| given.step <= step) {
            let receipt = &given.appended.receipt;
            receipts.entry((receipt.tenant.clone(), receipt.id.clone())).or_insert_with(|| receipt.clone());
        }
        receipts
    }

    /// All receipts of one event are the same, and only the first says that it was created.
    fn check_receipts(&self, step: usize, verdict: &mut Verdict) {
        let first = self.receipts(step);
        for given in self.acknowledged.lock().unwrap().iter().filter(|given| given.step <= step) {
            let receipt = &given.appended.receipt;
            if first[&(receipt.tenant.clone(), receipt.id.clone())] != *receipt {
                verdict.rewritten += 1;
            }
        }
    }

    /// Opens what is left on `disk` and holds it against what was acknowledged within `step` steps.
    pub(super) fn judge(&self, disk: &SimulatedDisk, step: usize, mut options: Options, thorough: bool) -> Verdict {
        options.archive = archive_on(disk);
        let mut verdict = Verdict::default();
        if thorough {
            self.search_bytes(disk, step, &mut verdict);
        }
        let before = thorough.then(|| self.look(disk, &options, &mut verdict));
        let store = match FileStore::open_on(Arc::new(disk.clone()), "the simulated disk", options) {
            Ok(store) => store,
            Err(error) => {
                verdict.lost = self.receipts(step).len();
                verdict.problems.push(format!("it cannot be opened: {error:?}"));
                return verdict;
            }
        };
        let entries = self.judge_store(&store, step, &mut verdict);
        if let Some(before) = before {
            verdict.check(before == entries, || "reading alone shows something else than opening".into());
        }
        if let Err(error) = store.close() {
            verdict.problems.push(format!("it cannot be closed: {error:?}"));
        }
        if thorough {
            self.doctor(disk, &mut verdict);
        }
        verdict
    }

    /// What a reader sees before anyone opens the log for appending.
    fn look(&self, disk: &SimulatedDisk, options: &Options, verdict: &mut Verdict) -> Vec<Entry> {
        if !disk.names().iter().any(|name| name == "MANIFEST") || !disk.names().iter().any(|name| name == "LOCK") {
            return Vec::new();
        }
        self.doctor(disk, verdict);
        let disk = Arc::new(disk.clone());
        match FileStore::open_read_only_on(disk, "the simulated disk", options.clone()) {
            Ok(store) => all_entries(&store, verdict),
            Err(error) => {
                verdict.problems.push(format!("it cannot be read: {error:?}"));
                Vec::new()
            }
        }
    }

    /// Nothing of what is retired is in any byte, even before the log is opened again.
    fn search_bytes(&self, disk: &SimulatedDisk, step: usize, verdict: &mut Verdict) {
        let files: Vec<Vec<u8>> = disk.names().iter().filter_map(|name| disk.read(name)).collect();
        for (_, id) in self.taken.retired(step) {
            let text = format!("\"id\":\"{id}\"");
            verdict.returned += files.iter().filter(|file| bytes::holds(file, text.as_bytes())).count();
        }
    }

    fn doctor(&self, disk: &SimulatedDisk, verdict: &mut Verdict) {
        match check_on(disk, "the simulated disk", archive_on(disk), &mut |_, _| ()) {
            Ok(report) => verdict.problems.extend(super::problems_but_authority(report)),
            Err(error) => verdict.problems.push(format!("it cannot be checked: {error:?}")),
        }
    }

    /// Holds an open store against what was acknowledged within `step` steps.
    pub(super) fn judge_store(&self, store: &FileStore, step: usize, verdict: &mut Verdict) -> Vec<Entry> {
        let entries = all_entries(store, verdict);
        verdict.entries = entries.len();
        self.check_receipts(step, verdict);
        let receipts = self.receipts(step);
        let by_id = self.check_entries(&entries, &receipts, store.visible_count(), step, verdict);
        for (key, receipt) in &receipts {
            match by_id.get(key) {
                None => verdict.lost += usize::from(self.taken.may(key, step) < Some(Taking::Content)),
                Some(entry) => verdict.rewritten += usize::from(entry.receipt != *receipt),
            }
        }
        for batch in &self.atomic {
            let batch: Vec<_> = batch.iter().filter(|key| self.taken.may(key, step) < Some(Taking::Content)).collect();
            let there = batch.iter().filter(|key| by_id.contains_key(**key)).count();
            verdict.check(there == 0 || there == batch.len(), || format!("{there} of an atomic batch {batch:?}"));
        }
        self.retry(store, &receipts, step, verdict);
        entries
    }

    /// Numbers have no gap but where an entry may be gone, times do not run backwards, nothing is there that was not
    /// sent, nothing twice, and nothing that was taken away.
    fn check_entries<'e>(
        &self,
        entries: &'e [Entry],
        receipts: &BTreeMap<Identity, Receipt>,
        end: u64,
        step: usize,
        verdict: &mut Verdict,
    ) -> HashMap<Identity, &'e Entry> {
        let may_be_gone = receipts.iter().filter(|(key, _)| self.taken.may(key, step) >= Some(Taking::Content));
        let mut gone: Vec<&Receipt> = may_be_gone.map(|(_, receipt)| receipt).collect();
        let mut by_id = HashMap::new();
        for entry in entries {
            let key = (entry.receipt.tenant.clone(), entry.receipt.id.clone());
            let sent = self.sent.get(&key);
            let is_allowed = sent.is_some_and(|draft| self.taken.allows(draft, entry, step));
            match self.taken.must(&key, step) {
                Some(_) if !is_allowed => verdict.returned += 1,
                _ => verdict.phantom += usize::from(!is_allowed),
            }
            gone.retain(|receipt| receipt.position != entry.receipt.position);
            verdict.duplicate += usize::from(by_id.insert(key, entry).is_some());
        }
        let mut places: Vec<&Receipt> = entries.iter().map(|entry| &entry.receipt).chain(gone).collect();
        places.sort_by_key(|receipt| receipt.position);
        let mut next_seq: HashMap<&str, u64> = HashMap::new();
        for (position, receipt) in places.iter().enumerate() {
            let seq = next_seq.entry(&receipt.tenant).or_default();
            verdict.check(receipt.seq == *seq, || format!("{receipt:?} has seq {} instead of {seq}", receipt.seq));
            *seq += 1;
            verdict.check(receipt.position == position as u64, || format!("{receipt:?} is at {}", receipt.position));
        }
        verdict.check(places.len() as u64 == end, || format!("{end} positions, {} known", places.len()));
        let backwards = entries.windows(2).any(|pair| pair[1].receipt.recorded_at < pair[0].receipt.recorded_at);
        verdict.check(!backwards, || "times run backwards".into());
        by_id
    }

    /// Sends everything again that was acknowledged: the same receipts come back and nothing is added.
    fn retry(&self, store: &FileStore, receipts: &BTreeMap<Identity, Receipt>, step: usize, verdict: &mut Verdict) {
        // The id of what is retired is free.
        let receipts: BTreeMap<_, _> =
            receipts.iter().filter(|(key, _)| self.taken.may(key, step) < Some(Taking::Retire)).collect();
        if receipts.is_empty() {
            return;
        }
        let count = store.visible_count();
        let drafts = receipts.keys().map(|&key| self.sent[key].clone()).collect();
        match store.append(drafts, Atomicity::PerEvent) {
            Ok(fates) => {
                for (fate, receipt) in fates.into_iter().zip(receipts.values()) {
                    match fate {
                        Ok(Appended { status: AppendStatus::Created, .. }) => verdict.duplicate += 1,
                        Ok(again) => verdict.rewritten += usize::from(again.receipt != **receipt),
                        Err(error) => verdict.problems.push(format!("a retry failed: {error:?}")),
                    }
                }
            }
            Err(error) => verdict.problems.push(format!("retries failed: {error:?}")),
        }
        verdict.check(store.visible_count() == count, || "retries added entries".into());
    }
}

/// Event `number`: mostly a small one, so that a script of some dozens of batches is judged within milliseconds.
pub(super) fn draft(number: u64) -> Draft {
    match number % 8 {
        0 => events::draft(number),
        kind => {
            let tenant = events::TENANTS[[0, 0, 0, 1, 1, 2, 3, 0][kind as usize]];
            let mut event = events::simple(tenant, &format!("evt_{number}"));
            event.reason = Some("x".repeat(number as usize % 512));
            events::prepared(event)
        }
    }
}

/// The same id with other content.
pub(super) fn conflicting_draft(number: u64) -> Draft {
    let event = draft(number).event().clone();
    events::prepared(deedbook_core::Event { reason: Some("another story".into()), ..event })
}

fn key_of(draft: &Draft) -> (String, String) {
    (draft.tenant().to_owned(), draft.id().to_owned())
}

/// Everything that an open store shows.
pub(super) fn all_entries(store: &FileStore, verdict: &mut Verdict) -> Vec<Entry> {
    let page = store.page(&Query::all(), &Scope::unrestricted("a test reads all"), &PageRequest::oldest(100_000));
    match page {
        Ok(page) => page.entries,
        Err(error) => {
            verdict.problems.push(format!("it cannot be listed: {error:?}"));
            Vec::new()
        }
    }
}
