//! A run of retention: plan → authorising entries in each tenant → [`Store::retire`](deedbook_core::Store::retire).
//!
//! It may be interrupted at any moment. What it had authorised is found by the entries that say so and goes at the next
//! run, unless a hold covers it by then; everything else is planned anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deedbook_core::query::{Bounds, Condition, Expression, MetaTest, Pattern, TextField};
use deedbook_core::removal::{Authority, RETIRED, Retirement, Seqs, is_kept_for_good};
use deedbook_core::retention::Rules;
use deedbook_core::{Entry, Event, Order, Query, Result, Scope};
use serde_json::{Map, Value, json};

use super::plan::Fate;
use super::walk::each_page;
use super::{Governance, Watch};
use crate::settings::{Author, Run, Settings};

/// Entries that are retired at once: a segment is rewritten once for all that goes of it. 24 bytes each, 48 MB, and 16 MB
/// of positions.
const BATCH_ENTRIES_MAX: usize = 2_000_000;

/// What a run has gathered and not taken away yet.
#[derive(Default)]
struct Batch {
    tenants: Vec<String>,
    places: HashMap<String, u32>,
    leaving: Vec<Leaving>,
    /// The holds that were looked at for every entry of it.
    known: BTreeSet<String>,
}

/// An entry that goes, under which rule.
struct Leaving {
    rule: u32,
    tenant: u32,
    seq: u64,
    position: u64,
}

/// What a run did, rule by rule.
#[derive(Default)]
struct Did {
    retired: u64,
    rules: Vec<(u64, u64)>,
}

impl Governance {
    /// Takes away what the rules let go of, and what an interrupted run had authorised. `id` names it, where it was named
    /// before. What the run did is in its entry.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](deedbook_core::ErrorKind::Conflict) while another goes on; as
    /// [`Store::page`](deedbook_core::Store::page), [`Store::submit`](deedbook_core::Store::submit) and
    /// [`Store::retire`](deedbook_core::Store::retire): the next run goes on.
    pub fn retain(&self, id: Option<String>, author: &Author, watch: &Watch<'_>) -> Result<Value> {
        let _working = self.work()?;
        self.finish_interrupted(watch)?;
        let rules = self.settings.rules();
        let id = id.unwrap_or_else(Settings::new_run_id);
        self.settings.run_started(&id, &rules, author)?;
        let did = self.carry_out(&id, &rules, watch)?;
        self.settings.run_finished(&id, did, author)?;
        Ok(self.settings.latest_run().map_or(Value::Null, |run| run.to_json()))
    }

    /// Finishes what the latest run had authorised, if it was interrupted.
    pub(super) fn finish_interrupted(&self, watch: &Watch<'_>) -> Result<()> {
        self.settings.refresh()?;
        let Some(run) = self.settings.latest_run().filter(|run| run.finished.is_none()) else { return Ok(()) };
        let retired = self.finish(&run, watch)?;
        let mut did = Map::new();
        did.insert("interrupted".to_owned(), true.into());
        did.insert("count".to_owned(), retired.into());
        self.settings.run_finished(&run.id, did, &Author::system())
    }

    fn carry_out(&self, run: &str, rules: &Rules, watch: &Watch<'_>) -> Result<Map<String, Value>> {
        let mut did = Did { rules: vec![(0, 0); rules.as_slice().len()], ..Did::default() };
        let mut batch = Batch { known: self.known_holds(), ..Batch::default() };
        let skipped = self.each_candidate(rules, self.now(), watch, &mut |rule, entry, fate| {
            if fate == Fate::Held {
                did.rules[rule].1 += 1;
                return Ok(());
            }
            batch.add(rule, entry);
            if batch.leaving.len() >= BATCH_ENTRIES_MAX {
                self.retire(run, rules, std::mem::take(&mut batch), &mut did, watch)?;
                batch.known = self.known_holds();
            }
            Ok(())
        })?;
        self.retire(run, rules, batch, &mut did, watch)?;
        Ok(did.metadata(rules, &skipped))
    }

    /// Authorises and takes away a batch, but for what a hold covers by now.
    fn retire(&self, run: &str, rules: &Rules, mut batch: Batch, did: &mut Did, watch: &Watch<'_>) -> Result<()> {
        let (held, _) = self.newly_held(&batch.positions(), &batch.known, watch)?;
        batch.leave(&held, did);
        batch.known = self.known_holds();
        let parts = batch.retirements(run, rules);
        let event = |part: &Retirement| {
            let mut event = Event::new(RETIRED, Author::system().actor);
            event.metadata = part.metadata();
            event
        };
        self.authorise(parts.iter().map(|(tenant, part)| (tenant.as_str(), event(part))).collect())?;
        let _removing = self.removing();
        let (held, _) = self.newly_held(&batch.positions(), &batch.known, watch)?;
        batch.leave(&held, did);
        self.store.retire(&batch.positions())?;
        for leaving in &batch.leaving {
            did.rules[leaving.rule as usize].0 += 1;
        }
        did.retired += batch.leaving.len() as u64;
        Ok(())
    }

    /// Takes away what `run` had authorised and did not come to; how many entries.
    fn finish(&self, run: &Run, watch: &Watch<'_>) -> Result<u64> {
        let mut retired = 0;
        for (tenant, seqs) in self.authorised(&run.id, watch)? {
            let mut positions = Vec::new();
            let known = self.known_holds();
            self.each_at(&tenant, &seqs, watch, |entry| {
                let is_held = self.settings.holds_in_force().iter().any(|hold| hold.covers(entry));
                if !is_held && !is_kept_for_good(&tenant, &entry.event.action) {
                    positions.push(entry.receipt.position);
                }
                Ok(())
            })?;
            let _removing = self.removing();
            let (held, _) = self.newly_held(&positions, &known, watch)?;
            positions.retain(|position| !held.contains(position));
            self.store.retire(&positions)?;
            retired += positions.len() as u64;
        }
        Ok(retired)
    }

    /// What the entries of a run authorise, tenant by tenant.
    fn authorised(&self, run: &str, watch: &Watch<'_>) -> Result<BTreeMap<String, Seqs>> {
        let mut authorised: BTreeMap<String, Seqs> = BTreeMap::new();
        self.each_authority(RETIRED, ("run", run), &Scope::all_tenants(), watch, |entry, authority| {
            if let Authority::Retirement(part) = authority {
                authorised.entry(entry.receipt.tenant.clone()).or_default().extend(&part.seqs);
            }
        })?;
        Ok(authorised)
    }

    /// Gives the authorising entries with this action of which the metadata says this to `each`.
    pub(super) fn each_authority(
        &self,
        action: &str,
        (name, value): (&str, &str),
        scope: &Scope,
        watch: &Watch<'_>,
        mut each: impl FnMut(&Entry, Authority),
    ) -> Result<()> {
        let exact = |text: &str| Pattern::Exact(text.to_owned());
        let query = Query::from_expression(Expression::And(vec![
            Expression::Is(Condition::Text(TextField::Action, exact(action))),
            Expression::Is(Condition::Meta(vec![name.to_owned()], MetaTest::Text(exact(value)))),
        ]));
        each_page(&*self.store, (&query, scope), Order::Ascending, watch, |page| {
            for entry in &page {
                if let Some(authority) = Authority::of(&entry.event)? {
                    each(entry, authority);
                }
            }
            Ok(())
        })
    }

    /// Gives the entries of `tenant` with these numbers that are still there to `each`.
    pub(super) fn each_at(
        &self,
        tenant: &str,
        seqs: &Seqs,
        watch: &Watch<'_>,
        mut each: impl FnMut(&Entry) -> Result<()>,
    ) -> Result<()> {
        let (Some(first), Some(last)) = (seqs.ranges().first(), seqs.ranges().last()) else { return Ok(()) };
        let bounds = Bounds { from: Some(*first.start()), until: last.end().checked_add(1) };
        let query = Query::from_expression(Expression::Is(Condition::Seq(bounds)));
        each_page(&*self.store, (&query, &Scope::tenant(tenant)), Order::Ascending, watch, |page| {
            page.iter().filter(|entry| seqs.contains(entry.receipt.seq)).try_for_each(&mut each)
        })
    }
}

impl Batch {
    fn add(&mut self, rule: usize, entry: &Entry) {
        let tenant = &entry.receipt.tenant;
        let place = self.places.get(tenant).copied().unwrap_or_else(|| {
            let place = self.tenants.len() as u32;
            self.tenants.push(tenant.clone());
            self.places.insert(tenant.clone(), place);
            place
        });
        let (seq, position) = (entry.receipt.seq, entry.receipt.position);
        self.leaving.push(Leaving { rule: rule as u32, tenant: place, seq, position });
    }

    /// The positions of all of it, rising.
    fn positions(&self) -> Vec<u64> {
        let mut positions: Vec<u64> = self.leaving.iter().map(|leaving| leaving.position).collect();
        positions.sort_unstable();
        positions
    }

    /// Lets those at `held` stay.
    fn leave(&mut self, held: &BTreeSet<u64>, did: &mut Did) {
        self.leaving.retain(|leaving| {
            let stays = held.contains(&leaving.position);
            did.rules[leaving.rule as usize].1 += u64::from(stays);
            !stays
        });
    }

    /// What authorises all of it: for each tenant and rule, in pieces that an entry can hold.
    fn retirements(&mut self, run: &str, rules: &Rules) -> Vec<(String, Retirement)> {
        self.leaving.sort_unstable_by_key(|leaving| (leaving.rule, leaving.tenant, leaving.seq));
        let alike = |a: &Leaving, b: &Leaving| (a.rule, a.tenant) == (b.rule, b.tenant);
        let of_group = |group: &[Leaving]| {
            let rule = match rules.as_slice()[group[0].rule as usize].to_json() {
                Value::Object(rule) => rule,
                _ => Map::new(),
            };
            let seqs = group.iter().map(|leaving| leaving.seq).collect();
            let tenant = &self.tenants[group[0].tenant as usize];
            let parts = Retirement { run: run.to_owned(), rule, seqs }.parts();
            parts.into_iter().map(|part| (tenant.clone(), part)).collect::<Vec<_>>()
        };
        self.leaving.chunk_by(alike).flat_map(of_group).collect()
    }
}

impl Did {
    fn metadata(&self, rules: &Rules, skipped: &[(usize, String)]) -> Map<String, Value> {
        let mut told = Vec::new();
        for (index, (rule, (count, held))) in rules.as_slice().iter().zip(&self.rules).enumerate() {
            let mut line = json!({"rule": rule.to_string(), "count": count, "held": held});
            if let Some((_, why)) = skipped.iter().find(|(skipped, _)| *skipped == index) {
                line["skipped"] = why.as_str().into();
            }
            told.push(line);
        }
        let held: u64 = self.rules.iter().map(|(_, held)| held).sum();
        let members = [("count", self.retired.into()), ("held", held.into()), ("rules", told.into())];
        members.into_iter().map(|(name, value): (&str, Value)| (name.to_owned(), value)).collect()
    }
}
