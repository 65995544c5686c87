//! What would go by the rules, how much of it, and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use deedbook_core::retention::{Keep, Recent, Rule, Rules, Standing, is_protected};
use deedbook_core::{Entry, ErrorKind, Order, Result, Timestamp, rfc3339};
use serde_json::{Value, json};

use super::walk::each_page;
use super::{Governance, Watch};
use crate::settings::Hold;

/// What would go now, rule by rule.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The moment from which ages are counted.
    pub made_at: Timestamp,
    /// For each rule, in order.
    pub rules: Vec<RulePlan>,
}

/// What would go by one rule.
#[derive(Clone, Debug)]
pub struct RulePlan {
    /// The rule.
    pub rule: Rule,
    /// Tenants of which something would go, or is held.
    pub tenants: BTreeMap<String, TenantPlan>,
    /// Why the rule is passed over.
    pub skipped: Option<String>,
}

/// What would go of one tenant by one rule.
#[derive(Clone, Debug, Default)]
pub struct TenantPlan {
    /// What would go.
    pub goes: Tally,
    /// What would go if it were not held.
    pub held: Tally,
}

/// How many entries, and from when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// `recorded_at` of the first and of the last of them.
    pub span: Option<(Timestamp, Timestamp)>,
}

/// What becomes of an entry whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Goes,
    Held,
}

impl Tally {
    pub(super) fn add(&mut self, at: Timestamp) {
        self.count += 1;
        let (oldest, newest) = self.span.unwrap_or((at, at));
        self.span = Some((oldest.min(at), newest.max(at)));
    }

    fn join(self, other: Self) -> Self {
        let span = match (self.span, other.span) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (span, None) | (None, span) => span,
        };
        Self { count: self.count + other.count, span }
    }

    fn to_json(self) -> Value {
        let (oldest, newest) = self.span.unzip();
        json!({"count": self.count, "oldest": oldest.map(rfc3339), "newest": newest.map(rfc3339)})
    }
}

impl RulePlan {
    /// What would go of all tenants.
    pub fn goes(&self) -> Tally {
        self.tenants.values().fold(Tally::default(), |sum, tenant| sum.join(tenant.goes))
    }

    /// What is held of all tenants.
    pub fn held(&self) -> Tally {
        self.tenants.values().fold(Tally::default(), |sum, tenant| sum.join(tenant.held))
    }

    fn to_json(&self) -> Value {
        let tenant = |(tenant, plan): (&String, &TenantPlan)| json!({"tenant": tenant, "goes": plan.goes.to_json(), "held": plan.held.to_json()});
        json!({
            "rule": self.rule.to_json(),
            "text": self.rule.to_string(),
            "goes": self.goes().to_json(),
            "held": self.held().to_json(),
            "tenants": self.tenants.iter().map(tenant).collect::<Vec<_>>(),
            "skipped": self.skipped,
        })
    }
}

impl Plan {
    /// Leaves out what is about other tenants than this one.
    pub(crate) fn keep_tenant(&mut self, tenant: &str) {
        self.rules.retain(|rule| rule.rule.tenant.as_ref().is_none_or(|of| of == tenant));
        self.rules.iter_mut().for_each(|rule| rule.tenants.retain(|of, _| of == tenant));
    }

    /// How many entries would go.
    pub fn count(&self) -> u64 {
        self.rules.iter().map(|rule| rule.goes().count).sum()
    }

    /// `{made_at, count, rules: [{rule, text, goes, held, tenants, skipped}]}`.
    pub fn to_json(&self) -> Value {
        let rules: Vec<Value> = self.rules.iter().map(RulePlan::to_json).collect();
        json!({"made_at": rfc3339(self.made_at), "count": self.count(), "rules": rules})
    }
}

impl Governance {
    /// What would go at this moment by `rules`, or by those that hold.
    ///
    /// # Errors
    /// As [`Store::page`](deedbook_core::Store::page).
    pub fn plan(&self, rules: Option<Rules>, watch: &Watch<'_>) -> Result<Plan> {
        let rules = rules.unwrap_or_else(|| self.settings.rules());
        let made_at = self.now();
        let of_rule = |rule: &Rule| RulePlan { rule: rule.clone(), tenants: BTreeMap::new(), skipped: None };
        let mut plan = Plan { made_at, rules: rules.as_slice().iter().map(of_rule).collect() };
        let skipped = self.each_candidate(&rules, made_at, watch, &mut |index, entry, fate| {
            plan.rules[index].add(entry, fate);
            Ok(())
        })?;
        for (index, why) in skipped {
            plan.rules[index].skipped = Some(why);
        }
        Ok(plan)
    }

    /// Gives each entry whose time has come at `now` to `each`, with its rule. Tells which rules were passed over.
    pub(super) fn each_candidate(
        &self,
        rules: &Rules,
        now: Timestamp,
        watch: &Watch<'_>,
        each: &mut dyn FnMut(usize, &Entry, Fate) -> Result<()>,
    ) -> Result<Vec<(usize, String)>> {
        let mut skipped = Vec::new();
        for index in 0..rules.as_slice().len() {
            match self.each_of_rule(rules, index, now, watch, each) {
                Err(error) if error.kind() == ErrorKind::TooLarge => skipped.push((index, error.to_string())),
                walked => walked?,
            }
        }
        Ok(skipped)
    }

    fn each_of_rule(
        &self,
        rules: &Rules,
        index: usize,
        now: Timestamp,
        watch: &Watch<'_>,
        each: &mut dyn FnMut(usize, &Entry, Fate) -> Result<()>,
    ) -> Result<()> {
        let Some((query, scope)) = rules.candidates(index, now) else { return Ok(()) };
        let (order, mut recent) = match rules.as_slice()[index].keep {
            Keep::Last(count) => (Order::Descending, Some(Recent::new(count))),
            _ => (Order::Ascending, None),
        };
        each_page(&*self.store, (&query, &scope), order, watch, |page| {
            let holds = self.settings.holds_in_force();
            for entry in page.iter().filter(|entry| rules.rule_of(entry) == Some(index) && !is_protected(entry)) {
                let standing = recent.as_mut().map_or(Ok(Standing::Beyond), |recent| recent.enter(entry))?;
                if standing == Standing::Beyond {
                    each(index, entry, fate(entry, &holds))?;
                }
            }
            Ok(())
        })
    }
}

fn fate(entry: &Entry, holds: &[Arc<Hold>]) -> Fate {
    if holds.iter().any(|hold| hold.covers(entry)) { Fate::Held } else { Fate::Goes }
}

impl RulePlan {
    pub(super) fn add(&mut self, entry: &Entry, fate: Fate) {
        let tenant = &entry.receipt.tenant;
        if !self.tenants.contains_key(tenant) {
            self.tenants.insert(tenant.clone(), TenantPlan::default());
        }
        let Some(plan) = self.tenants.get_mut(tenant) else { return };
        let tally = if fate == Fate::Goes { &mut plan.goes } else { &mut plan.held };
        tally.add(entry.receipt.recorded_at);
    }
}
