//! What a client knows: what it sent, and which receipts it got. It lives outside of the fault's reach.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use deedbook_core::{
    AppendStatus, Appended, Atomicity, Draft, Entry, PageRequest, Query, Receipt, Scope, Store, StoreExt,
};
use deedbook_store::{FileStore, Options, check_on};
use deedbook_testkit::disk::SimulatedDisk;
use deedbook_testkit::events;

/// What was sent and acknowledged.
#[derive(Default)]
pub(super) struct Ledger {
    sent: HashMap<(String, String), Draft>,
    /// Ids of the batches that stand or fall as one.
    atomic: Vec<Vec<(String, String)>>,
    acknowledged: Arc<Mutex<Vec<Acknowledged>>>,
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
    pub(super) problems: Vec<String>,
}

impl Verdict {
    pub(super) fn is_clean(&self) -> bool {
        self.violations() == 0
    }

    pub(super) fn violations(&self) -> usize {
        self.lost + self.phantom + self.duplicate + self.rewritten + self.problems.len()
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
    pub(super) fn judge(&self, disk: &SimulatedDisk, step: usize, options: Options, thorough: bool) -> Verdict {
        let mut verdict = Verdict::default();
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

    fn doctor(&self, disk: &SimulatedDisk, verdict: &mut Verdict) {
        match check_on(disk, "the simulated disk", &mut |_, _| ()) {
            Ok(report) => verdict.problems.extend(report.problems),
            Err(error) => verdict.problems.push(format!("it cannot be checked: {error:?}")),
        }
    }

    /// Holds an open store against what was acknowledged within `step` steps.
    pub(super) fn judge_store(&self, store: &FileStore, step: usize, verdict: &mut Verdict) -> Vec<Entry> {
        let entries = all_entries(store, verdict);
        verdict.entries = entries.len();
        self.check_receipts(step, verdict);
        let by_id = self.check_entries(&entries, verdict);
        let receipts = self.receipts(step);
        for (key, receipt) in &receipts {
            match by_id.get(key) {
                None => verdict.lost += 1,
                Some(entry) => verdict.rewritten += usize::from(entry.receipt != *receipt),
            }
        }
        for batch in &self.atomic {
            let there = batch.iter().filter(|key| by_id.contains_key(key)).count();
            verdict.check(there == 0 || there == batch.len(), || format!("{there} of an atomic batch {batch:?}"));
        }
        self.retry(store, &receipts, verdict);
        entries
    }

    /// Numbers have no gap, times do not run backwards, nothing is there that was not sent, and nothing twice.
    fn check_entries<'e>(&self, entries: &'e [Entry], verdict: &mut Verdict) -> HashMap<(String, String), &'e Entry> {
        let mut by_id = HashMap::new();
        let mut next_seq: HashMap<&str, u64> = HashMap::new();
        for (position, entry) in entries.iter().enumerate() {
            let receipt = &entry.receipt;
            let key = (receipt.tenant.clone(), receipt.id.clone());
            let sent = self.sent.get(&key).is_some_and(|draft| draft.canonical() == entry.canonical);
            verdict.phantom += usize::from(!sent);
            let seq = next_seq.entry(&receipt.tenant).or_default();
            verdict.check(receipt.seq == *seq, || format!("{key:?} has seq {} instead of {seq}", receipt.seq));
            *seq += 1;
            verdict.check(receipt.position == position as u64, || format!("{key:?} is at {}", receipt.position));
            verdict.duplicate += usize::from(by_id.insert(key, entry).is_some());
        }
        let backwards = entries.windows(2).any(|pair| pair[1].receipt.recorded_at < pair[0].receipt.recorded_at);
        verdict.check(!backwards, || "times run backwards".into());
        by_id
    }

    /// Sends everything again that was acknowledged: the same receipts come back and nothing is added.
    fn retry(&self, store: &FileStore, receipts: &BTreeMap<(String, String), Receipt>, verdict: &mut Verdict) {
        if receipts.is_empty() {
            return;
        }
        let count = store.visible_count();
        let drafts = receipts.keys().map(|key| self.sent[key].clone()).collect();
        match store.append(drafts, Atomicity::PerEvent) {
            Ok(fates) => {
                for (fate, receipt) in fates.into_iter().zip(receipts.values()) {
                    match fate {
                        Ok(Appended { status: AppendStatus::Created, .. }) => verdict.duplicate += 1,
                        Ok(again) => verdict.rewritten += usize::from(again.receipt != *receipt),
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
