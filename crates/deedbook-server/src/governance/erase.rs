//! The erasure of a person: what would go, the request, and the carrying out.
//!
//! Entries that name the person in other text go first, while the names can still be found; then the person's values, in
//! batches, until nothing new is found; then, from the request itself, who the person was. Each step may be done again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deedbook_core::commitment::{FieldKind, fields};
use deedbook_core::removal::{self, Authority, ERASED, Erased, Erasing, Place, Seqs, is_kept_for_good};
use deedbook_core::{
    Entry, Error, ErrorKind, Event, OWN_TENANT, Order, Problem, Query, Result, Scope, Timestamp, rfc3339,
};
use serde_json::{Value, json};

use super::certificate::{Exports, kind_of};
use super::mention::{Mention, Names};
use super::person::Person;
use super::walk::each_page;
use super::{Governance, Watch};
use crate::settings::{Approval, Author, Decision, Erasure, Hold, Mentions, NewErasure, PERSONAL, Search};

/// Entries of which something is erased at once: some 300 bytes each, 60 MB.
const BATCH_ENTRIES_MAX: usize = 200_000;
/// Mentions that are shown for decision; where there are more, one decision is for all.
const MENTIONS_MAX: usize = 1_000;
/// Names of one person that are sought.
const NAMES_MAX: usize = 1_000;

/// What an erasure would take away.
#[derive(Clone, Debug)]
pub struct ErasurePlan {
    /// In whose log.
    pub tenant: String,
    /// Entries in which the person stands and of which values would go.
    pub entries: u64,
    /// How many values, by their places.
    pub paths: BTreeMap<String, u64>,
    /// The names that were sought.
    pub names: BTreeSet<String>,
    /// Entries that name the person in other text: the first thousand, for decision.
    pub mentions: Vec<Mention>,
    /// How many there are.
    pub mentions_count: u64,
    /// Holds that forbid it.
    pub held: Vec<Arc<Hold>>,
    oldest: Option<Timestamp>,
    exports: Exports,
}

impl ErasurePlan {
    /// `{tenant, entries, values, paths, names, mentions: {count, entries}, held, exports, oldest}`.
    pub fn to_json(&self) -> Value {
        json!({
            "tenant": self.tenant,
            "entries": self.entries,
            "values": self.paths.values().sum::<u64>(),
            "paths": self.paths,
            "names": self.names,
            "mentions": {
                "count": self.mentions_count,
                "entries": self.mentions.iter().map(Mention::to_json).collect::<Vec<_>>(),
            },
            "held": self.held.iter().map(|hold| hold.to_json()).collect::<Vec<_>>(),
            "exports": self.exports.to_json(),
            "oldest": self.oldest.map(rfc3339),
        })
    }

    fn hold(&mut self, hold: &Arc<Hold>) {
        if !self.held.iter().any(|known| known.id == hold.id) {
            self.held.push(hold.clone());
        }
    }
}

/// Whom an erasure is about, and by which names.
struct Subject<'a> {
    erasure: &'a Erasure,
    person: Person<'a>,
    names: Names,
}

impl Governance {
    /// What an erasure would take away, without taking it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with pointers to what is wrong; as [`Store::page`](deedbook_core::Store::page).
    pub fn plan_erasure(&self, new: &NewErasure, watch: &Watch<'_>) -> Result<ErasurePlan> {
        new.check()?;
        self.settings.refresh()?;
        let person = Person(&new.principal);
        let mut plan = ErasurePlan {
            tenant: new.tenant.clone(),
            entries: 0,
            paths: BTreeMap::new(),
            names: self.names(person, &new.tenant, &new.also, watch)?,
            mentions: Vec::new(),
            mentions_count: 0,
            held: Vec::new(),
            oldest: None,
            exports: Exports::default(),
        };
        let scope = Scope::tenant(&new.tenant);
        let holds = self.settings.holds_in_force();
        each_page(&*self.store, (&person.query(), &scope), Order::Ascending, watch, |page| {
            for entry in &page {
                let values = person.values(entry)?;
                if values.is_empty() {
                    continue;
                }
                plan.entries += 1;
                plan.oldest.get_or_insert(entry.receipt.recorded_at);
                values.iter().for_each(|path| *plan.paths.entry(kind_of(path)).or_default() += 1);
                covering(entry, &holds).into_iter().for_each(|hold| plan.hold(hold));
            }
            Ok(())
        })?;
        let names = Names::new(&plan.names);
        self.each_mention(person, &names, &new.tenant, new.search, watch, |entry, mention| {
            plan.mentions_count += 1;
            let goes = new.mentions.as_ref().and_then(|mentions| mentions.decide(&mention.id)) == Some(Decision::Erase);
            if goes {
                covering(entry, &holds).into_iter().for_each(|hold| plan.hold(hold));
            }
            if plan.mentions.len() < MENTIONS_MAX {
                plan.mentions.push(mention);
            }
            Ok(())
        })?;
        plan.exports = self.exports(&new.tenant, plan.oldest, watch)?;
        Ok(plan)
    }

    /// Asks for an erasure. It is carried out by [`Governance::carry_out_erasure`] once it is approved, which it is at
    /// once where one administrator is enough.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with pointers to what is wrong: also where nobody is found, where the basis names the person,
    /// and where a mention is not decided. [`ErrorKind::Held`] where a hold covers a part; as
    /// [`Store::submit`](deedbook_core::Store::submit).
    pub fn request_erasure(&self, new: &NewErasure, author: &Author, watch: &Watch<'_>) -> Result<Arc<Erasure>> {
        let plan = self.plan_erasure(new, watch)?;
        check(new, &plan)?;
        let mentions = new.mentions.as_ref().unwrap_or(&Mentions::Keep);
        self.settings.enter_erasure(new, mentions, self.policy.approval, author)
    }

    /// Agrees to an erasure. `None` where there is none with this id.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] for whoever asked for it; [`ErrorKind::Held`] where a hold covers a part by now; as
    /// [`Store::submit`](deedbook_core::Store::submit).
    pub fn approve_erasure(&self, id: &str, author: &Author, watch: &Watch<'_>) -> Result<Option<Arc<Erasure>>> {
        self.settings.refresh()?;
        if let Some(erasure) = self.settings.erasure(id).filter(|erasure| erasure.state() == "requested") {
            let held = self.plan_erasure(&erasure.again(), watch)?.held;
            if let Some(hold) = held.first() {
                return Err(hold.refusal());
            }
        }
        self.settings.approve_erasure(id, author)
    }

    /// Withdraws an erasure that nobody approved. `None` where there is none with this id.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] where it was approved or has ended; as [`Store::submit`](deedbook_core::Store::submit).
    pub fn withdraw_erasure(&self, id: &str, author: &Author, watch: &Watch<'_>) -> Result<Option<Arc<Erasure>>> {
        let withdrawn = self.settings.withdraw_erasure(id, author)?;
        if let Some(erasure) = &withdrawn {
            self.forget_person(erasure, watch)?;
        }
        Ok(withdrawn)
    }

    /// How many administrators an erasure takes.
    pub fn approval(&self) -> Approval {
        self.policy.approval
    }

    /// Carries out an erasure that is approved, from wherever it was interrupted. `None` where there is none with this id.
    ///
    /// # Errors
    /// [`ErrorKind::Held`] where a hold covers a part: everything else is erased, and the rest once it is released.
    /// [`ErrorKind::Conflict`] where it is not approved, or other work goes on; as
    /// [`Store::page`](deedbook_core::Store::page) and [`Store::erase`](deedbook_core::Store::erase).
    pub fn carry_out_erasure(&self, id: &str, watch: &Watch<'_>) -> Result<Option<Arc<Erasure>>> {
        let _working = self.work()?;
        self.settings.refresh()?;
        let Some(erasure) = self.settings.erasure(id) else { return Ok(None) };
        match erasure.state() {
            "requested" => {
                let message = "the erasure waits for a second administrator to approve it";
                return Err(Error::new(ErrorKind::Conflict, message));
            }
            "approved" => self.erase_person(&erasure, watch)?,
            _ => {}
        }
        self.forget_person(&erasure, watch)?;
        Ok(self.settings.erasure(id))
    }

    fn erase_person(&self, erasure: &Erasure, watch: &Watch<'_>) -> Result<()> {
        let gone = || Error::new(ErrorKind::Corrupt, "the entry of the erasure does not say who the person is");
        let person = Person(erasure.principal.as_deref().ok_or_else(gone)?);
        self.finish_authorised(erasure, watch)?;
        let names = self.names(person, &erasure.tenant, &erasure.also, watch)?;
        let subject = Subject { erasure, person, names: Names::new(&names) };
        loop {
            let mentions = self.erase_mentions(&subject, watch)?;
            let values = self.erase_values(&subject, watch)?;
            // What was recorded meanwhile is found by looking again.
            if mentions + values == 0 {
                break;
            }
        }
        let mut kept = Vec::new();
        self.each_mention(person, &subject.names, &erasure.tenant, erasure.search, watch, |_, mention| {
            kept.push(mention.id);
            Ok(())
        })?;
        let certificate = self.certificate(erasure, &kept, watch)?;
        self.settings.erasure_finished(&erasure.id, certificate)
    }

    /// Takes away what was authorised before an interruption.
    fn finish_authorised(&self, erasure: &Erasure, watch: &Watch<'_>) -> Result<()> {
        let mut authorised: BTreeMap<u64, Place> = BTreeMap::new();
        let of = ("erasure", erasure.id.as_str());
        self.each_authority(ERASED, of, &Scope::tenant(&erasure.tenant), watch, |_, authority| {
            if let Authority::Erasure(part) = authority {
                authorised.extend(part.places.into_iter().map(|place| (place.seq, place)));
            }
        })?;
        let seqs: Seqs = authorised.keys().copied().collect();
        let mut batch = Vec::new();
        let known = self.known_holds();
        let holds = self.settings.holds_in_force();
        self.each_at(&erasure.tenant, &seqs, watch, |entry| {
            if let (Some(place), true) = (authorised.get(&entry.receipt.seq), covering(entry, &holds).is_empty()) {
                batch.push((entry.receipt.position, place.clone()));
            }
            Ok(())
        })?;
        self.take(batch, &known, watch)
    }

    fn erase_mentions(&self, subject: &Subject<'_>, watch: &Watch<'_>) -> Result<usize> {
        let Subject { erasure, person, names } = subject;
        let mut found = Vec::new();
        let known = self.known_holds();
        let holds = self.settings.holds_in_force();
        self.each_mention(*person, names, &erasure.tenant, erasure.search, watch, |entry, mention| {
            if erasure.mentions.decide(&mention.id) == Some(Decision::Erase) {
                refuse_held(entry, &holds)?;
                found.push((mention.position, Place { seq: mention.seq, paths: None }));
            }
            Ok(())
        })?;
        let count = found.len();
        found.sort_unstable_by_key(|(position, _)| *position);
        while !found.is_empty() {
            let rest = found.split_off(found.len().min(BATCH_ENTRIES_MAX));
            self.authorise_and_take(erasure, std::mem::replace(&mut found, rest), &known, watch)?;
        }
        Ok(count)
    }

    fn erase_values(&self, subject: &Subject<'_>, watch: &Watch<'_>) -> Result<usize> {
        let Subject { erasure, person, .. } = subject;
        let mut count = 0;
        let mut batch = Vec::new();
        let known = self.known_holds();
        let scope = Scope::tenant(&erasure.tenant);
        each_page(&*self.store, (&person.query(), &scope), Order::Ascending, watch, |page| {
            let holds = self.settings.holds_in_force();
            for entry in &page {
                let paths = person.values(entry)?;
                if !paths.is_empty() {
                    refuse_held(entry, &holds)?;
                    let place = Place { seq: entry.receipt.seq, paths: Some(paths) };
                    batch.push((entry.receipt.position, place));
                }
            }
            if batch.len() >= BATCH_ENTRIES_MAX {
                count += batch.len();
                self.authorise_and_take(erasure, std::mem::take(&mut batch), &known, watch)?;
            }
            Ok(())
        })?;
        count += batch.len();
        self.authorise_and_take(erasure, batch, &known, watch)?;
        Ok(count)
    }

    fn authorise_and_take(
        &self,
        erasure: &Erasure,
        batch: Vec<(u64, Place)>,
        known: &BTreeSet<String>,
        watch: &Watch<'_>,
    ) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let places = batch.iter().map(|(_, place)| place.clone()).collect();
        self.authorise(erasure.authorities(&erasure.tenant, &erasure.basis, places))?;
        self.take(batch, known, watch)
    }

    /// Takes away what was authorised, but for what holds cover that came after those `known`.
    fn take(&self, mut batch: Vec<(u64, Place)>, known: &BTreeSet<String>, watch: &Watch<'_>) -> Result<()> {
        let positions: Vec<u64> = batch.iter().map(|(position, _)| *position).collect();
        let _removing = self.removing();
        let (held, hold) = self.newly_held(&positions, known, watch)?;
        batch.retain(|(position, _)| !held.contains(position));
        let erasures: Vec<removal::Erasure> = batch
            .into_iter()
            .map(|(position, place)| removal::Erasure {
                position,
                what: place.paths.map_or(Erased::Content, Erased::Values),
            })
            .collect();
        self.store.erase(&erasures)?;
        hold.map_or(Ok(()), |hold| Err(hold.refusal()))
    }

    /// Takes from the request itself who the person was.
    pub(super) fn forget_person(&self, erasure: &Erasure, watch: &Watch<'_>) -> Result<()> {
        let scope = Scope::tenant(OWN_TENANT);
        let Some(entry) = self.store.get(OWN_TENANT, &erasure.entry_id, &scope)? else { return Ok(()) };
        let personal = fields(&entry.canonical)?.into_iter().filter(|field| field.kind == FieldKind::Personal);
        let paths: Vec<String> =
            personal.map(|field| field.path).filter(|path| PERSONAL.contains(&path.as_str())).collect();
        if paths.is_empty() {
            return Ok(());
        }
        let place = Place { seq: entry.receipt.seq, paths: Some(paths) };
        self.authorise(erasure.authorities(
            OWN_TENANT,
            "the erasure itself keeps nothing of the person",
            vec![place.clone()],
        ))?;
        self.take(vec![(entry.receipt.position, place)], &self.known_holds(), watch)
    }

    /// Every name by which the entries of the tenant call the person.
    fn names(&self, person: Person<'_>, tenant: &str, also: &[String], watch: &Watch<'_>) -> Result<BTreeSet<String>> {
        let mut names: BTreeSet<String> = also.iter().cloned().collect();
        each_page(&*self.store, (&person.query(), &Scope::tenant(tenant)), Order::Ascending, watch, |page| {
            page.iter().for_each(|entry| person.names(entry, &mut names));
            if names.len() > NAMES_MAX {
                let message =
                    format!("the entries call this principal by more than {NAMES_MAX} names; is it a person?");
                return Err(Error::new(ErrorKind::TooLarge, message));
            }
            Ok(())
        })?;
        Ok(names)
    }

    /// Gives each entry that names the person in text that stays when the person's values are gone.
    fn each_mention(
        &self,
        person: Person<'_>,
        names: &Names,
        tenant: &str,
        search: Search,
        watch: &Watch<'_>,
        mut each: impl FnMut(&Entry, Mention) -> Result<()>,
    ) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let scope = Scope::tenant(tenant);
        let mut look = |page: Vec<Entry>| {
            for entry in page.iter().filter(|entry| !is_kept_for_good(tenant, &entry.event.action)) {
                if let Some(mention) = names.mention(entry, &person.values(entry)?) {
                    each(entry, mention)?;
                }
            }
            Ok(())
        };
        match search {
            Search::Everything => each_page(&*self.store, (&Query::all(), &scope), Order::Ascending, watch, look),
            // What is the person's own is read in full: an index has no words of reasons and errors.
            Search::Index => {
                let either = [names.query(), person.query()].map(|query| query.expression().clone());
                let query = Query::from_expression(deedbook_core::query::Expression::Or(either.into()));
                each_page(&*self.store, (&query, &scope), Order::Ascending, watch, &mut look)
            }
        }
    }
}

fn covering<'h>(entry: &Entry, holds: &'h [Arc<Hold>]) -> Vec<&'h Arc<Hold>> {
    holds.iter().filter(|hold| hold.covers(entry)).collect()
}

fn refuse_held(entry: &Entry, holds: &[Arc<Hold>]) -> Result<()> {
    covering(entry, holds).first().map_or(Ok(()), |hold| Err(hold.refusal()))
}

fn check(new: &NewErasure, plan: &ErasurePlan) -> Result<()> {
    if plan.entries == 0 && plan.mentions_count == 0 {
        let detail = "no entry of the tenant has a personal value of this principal, or names it";
        return Err(Error::invalid("/principal", "nobody", detail));
    }
    if Names::new(&plan.names).occur_in(&new.basis) || new.basis.contains(&new.principal) {
        let detail = "the basis stays in the log and must not say who the person is; name the request instead";
        return Err(Error::invalid("/basis", "names_the_person", detail));
    }
    let undecided = plan
        .mentions
        .iter()
        .filter(|mention| new.mentions.as_ref().is_none_or(|mentions| mentions.decide(&mention.id).is_none()));
    let mut problems: Vec<Problem> = undecided.map(undecided_problem).collect();
    let is_for_all = matches!(new.mentions, Some(Mentions::Erase | Mentions::Keep));
    if plan.mentions_count > plan.mentions.len() as u64 && !is_for_all {
        let detail = format!("{} entries name the person; decide for all: \"erase\" or \"keep\"", plan.mentions_count);
        problems.push(Problem { pointer: "/mentions".to_owned(), code: "too_many".into(), detail });
    }
    if !problems.is_empty() {
        return Err(Error::from_problems(problems));
    }
    plan.held.first().map_or(Ok(()), |hold| Err(hold.refusal()))
}

fn undecided_problem(mention: &Mention) -> Problem {
    let detail = format!(
        "the entry {} names the person in text that cannot be erased alone; decide: erase all of its content, or keep it",
        mention.id
    );
    Problem { pointer: "/mentions".to_owned(), code: "undecided".into(), detail }
}

impl Erasure {
    /// The same request once more.
    fn again(&self) -> NewErasure {
        NewErasure {
            tenant: self.tenant.clone(),
            principal: self.principal.clone().unwrap_or_default(),
            basis: self.basis.clone(),
            also: self.also.clone(),
            mentions: Some(self.mentions.clone()),
            search: self.search,
        }
    }

    /// What authorises `places` in `tenant`.
    fn authorities<'t>(&self, tenant: &'t str, basis: &str, places: Vec<Place>) -> Vec<(&'t str, Event)> {
        let all = Erasing {
            erasure: self.id.clone(),
            basis: basis.to_owned(),
            requested_by: self.requested_by.clone(),
            approved_by: self.approver().map(str::to_owned),
            places,
        };
        let event = |part: &Erasing| {
            let mut event = Event::new(ERASED, Author::system().actor);
            event.metadata = part.metadata();
            (tenant, event)
        };
        all.parts().iter().map(event).collect()
    }
}
