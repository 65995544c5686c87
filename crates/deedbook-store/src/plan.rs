//! A query and a scope become a cursor over one part, and whether its members need a second look.
//!
//! A plan never leaves out an entry that matches. Where it may let one in that does not (several words in a row, a
//! hashed id, a number in metadata), it is not [`Exactness::Exact`], and the reader asks the entry itself.

use std::net::IpAddr;
use std::ops::Range;

use deedbook_core::query::{
    Condition, Expression, HasField, IpNetwork, LastWord, MetaTest, Pattern, TextField, WordsTest, words,
};
use deedbook_core::{FieldProfile, OWN_TENANT, Order, Result, Scope, Tenants, Timestamp, Visibility};

use crate::cursor::{
    AndCursor, Cursor, FilterCursor, NotCursor, OccurredCursor, OrCursor, RangeCursor, SliceCursor, of_postings,
};
use crate::part::{Part, PositionTest};
use crate::terms::{self, IdHasher};

/// More lists than this are decoded and sorted instead of being followed side by side.
const LISTS_MAX: usize = 8;

/// With at most one position for so many of a tenant's list, few of them are found by the same chunk of it.
const SPARSE: u64 = 256;

/// Whether every member of a plan's set matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exactness {
    Exact,
    /// Some members may not match.
    Superset,
}

/// The positions of a part that may match.
pub(crate) struct Plan<'p> {
    pub(crate) cursor: Box<dyn Cursor + 'p>,
    pub(crate) exactness: Exactness,
}

/// Makes plans for one part and direction.
pub(crate) struct Planner<'p> {
    part: &'p dyn Part,
    order: Order,
    hasher: IdHasher,
    tenants: Tenants,
}

impl<'p> Planner<'p> {
    pub(crate) fn new(part: &'p dyn Part, order: Order, hasher: IdHasher, scope: &Scope) -> Self {
        Self { part, order, hasher, tenants: scope.tenants().clone() }
    }

    /// The entries within `scope` that match `expression`. The scope is asked of the true entries, the expression of the
    /// masked ones.
    pub(crate) fn plan(&self, expression: &Expression, scope: &Scope) -> Result<Plan<'p>> {
        let mut all = vec![self.visibility(scope.visibility())?, self.expression(expression, scope.profile())?];
        if let Some(filter) = scope.filter() {
            all.push(self.expression(filter.expression(), None)?);
        }
        let tenants = self.tenants()?;
        match self.tenant_test(&tenants, &all)? {
            Some(test) => {
                let Plan { cursor, exactness } = self.and(all);
                Ok(Plan { cursor: Box::new(FilterCursor::new(cursor, test, self.order)), exactness })
            }
            None => {
                all.push(tenants);
                Ok(self.and(all))
            }
        }
    }

    /// What tells of each of few positions whether it is one of the tenant's, instead of the list of these.
    fn tenant_test(&self, tenants: &Plan<'p>, others: &[Plan<'p>]) -> Result<Option<PositionTest<'p>>> {
        let Tenants::One(tenant) = &self.tenants else { return Ok(None) };
        let listed = tenants.cursor.estimate();
        let few = others.iter().any(|plan| plan.cursor.estimate().saturating_mul(SPARSE) <= listed);
        if few { self.part.tenant_test(tenant, listed) } else { Ok(None) }
    }

    fn tenants(&self) -> Result<Plan<'p>> {
        match &self.tenants {
            Tenants::AllAndOwn => self.all_but(&[terms::RETIRED, terms::CONTENT_ERASED]),
            Tenants::One(tenant) => self.term(terms::TENANT, tenant.as_bytes()),
            Tenants::All => {
                let own = key(terms::TENANT, OWN_TENANT.as_bytes());
                self.all_but(&[terms::RETIRED, terms::CONTENT_ERASED, &own])
            }
        }
    }

    /// Every position without one of these terms. Only what is still an entry has a tenant, so that all other lists
    /// are narrowed by it or by this.
    fn all_but(&self, terms: &[&[u8]]) -> Result<Plan<'p>> {
        let mut some = Vec::new();
        for term in terms {
            let postings = self.part.postings(term)?;
            if postings.count() > 0 {
                some.push(exact(of_postings(postings, self.order)));
            }
        }
        if some.is_empty() { Ok(self.all()) } else { Ok(self.not(self.or(some))) }
    }

    fn visibility(&self, visibility: &Visibility) -> Result<Plan<'p>> {
        let Visibility::Some { audiences, self_actor } = visibility else { return Ok(self.all()) };
        let labels = audiences.iter().map(|label| self.term(terms::AUDIENCE, label.as_bytes()));
        let mut any = labels.collect::<Result<Vec<_>>>()?;
        if let Some(me) = self_actor {
            let closed = self.not(self.term(terms::CLOSED, b"")?);
            any.push(self.and(vec![superset(self.principal(&Pattern::Exact(me.clone()))?), closed]));
        }
        Ok(self.or(any))
    }

    fn expression(&self, expression: &Expression, profile: Option<&FieldProfile>) -> Result<Plan<'p>> {
        match expression {
            Expression::And(all) => Ok(self.and(self.each(all, profile)?)),
            Expression::Or(any) => Ok(self.or(self.each(any, profile)?)),
            Expression::Not(inner) => Ok(self.not(self.expression(inner, profile)?)),
            // The index knows true values alone; what it takes must not even depend on them.
            Expression::Is(condition) if profile.is_some_and(|profile| profile.touches(condition)) => {
                Ok(superset(self.all()))
            }
            Expression::Is(condition) => self.condition(condition),
        }
    }

    fn each(&self, expressions: &[Expression], profile: Option<&FieldProfile>) -> Result<Vec<Plan<'p>>> {
        expressions.iter().map(|expression| self.expression(expression, profile)).collect()
    }

    fn condition(&self, condition: &Condition) -> Result<Plan<'p>> {
        match condition {
            Condition::Text(field, pattern) => self.text(*field, pattern),
            Condition::Ip(network) => self.network(network),
            Condition::Seq(bounds) => self.seq(bounds.from.unwrap_or(0), bounds.until.unwrap_or(u64::MAX)),
            Condition::Occurred(bounds) => {
                let from = bounds.from.map_or(i64::MIN, Timestamp::as_microsecond);
                let until = bounds.until.map_or(i64::MAX, Timestamp::as_microsecond);
                Ok(exact(Box::new(OccurredCursor::new(self.part, from, until, self.order))))
            }
            Condition::Recorded(bounds) => {
                let place = |instant: Timestamp| self.part.first_recorded_from(instant.as_microsecond());
                let from = bounds.from.map_or(Ok(0), place)?;
                let until = bounds.until.map_or(Ok(self.part.positions()), place)?;
                Ok(exact(Box::new(RangeCursor::new(from, until, self.order))))
            }
            Condition::Meta(path, test) => self.meta(path, test),
            Condition::Has(field) => self.has(field),
            Condition::Words(phrase) => self.phrase(phrase),
        }
    }

    fn text(&self, field: TextField, pattern: &Pattern) -> Result<Plan<'p>> {
        match field {
            TextField::Action => self.value(terms::ACTION, pattern),
            TextField::Actor => self.identity(terms::ACTOR, pattern),
            TextField::ActorType => self.value(terms::ACTOR_TYPE, pattern),
            TextField::ActorName | TextField::TargetName => self.name(pattern),
            TextField::OnBehalfOf => self.identity(terms::BEHIND, pattern),
            TextField::Principal => self.principal(pattern),
            TextField::Target => self.identity(terms::TARGET, pattern),
            TextField::TargetType => self.value(terms::TARGET_TYPE, pattern),
            TextField::Outcome => self.value(terms::OUTCOME, pattern),
            TextField::Service => self.value(terms::SERVICE, pattern),
            TextField::Id => self.id(pattern),
            TextField::RequestId => self.hashed(terms::REQUEST, pattern),
            TextField::CorrelationId => self.hashed(terms::CORRELATION, pattern),
            TextField::TransactionId => self.hashed(terms::TRANSACTION, pattern),
            TextField::Audience => self.value(terms::AUDIENCE, pattern),
            TextField::Category => self.value(terms::CATEGORY, pattern),
            TextField::Change => self.change(pattern),
        }
    }

    fn value(&self, field: u8, pattern: &Pattern) -> Result<Plan<'p>> {
        match pattern {
            Pattern::Exact(value) => self.term(field, value.as_bytes()),
            Pattern::Prefix(prefix) => self.terms_with_prefix(&key(field, prefix.as_bytes()), |_| true),
        }
    }

    /// An actor or target by id or `TYPE:ID`; terms are id, NUL, type.
    fn identity(&self, field: u8, pattern: &Pattern) -> Result<Plan<'p>> {
        let text = pattern.text();
        let typed = text.split_once(':').filter(|(kind, _)| !kind.is_empty());
        let mut any = Vec::new();
        match pattern {
            Pattern::Exact(id) => {
                let prefix = [&[field], id.as_bytes(), &[0]].concat();
                any.push(self.terms_with_prefix(&prefix, |kind| !kind.contains(&0))?);
                if let Some((kind, id)) = typed {
                    any.push(self.term(field, &[id.as_bytes(), &[0], kind.as_bytes()].concat())?);
                }
            }
            Pattern::Prefix(prefix) => {
                any.push(self.terms_with_prefix(&key(field, prefix.as_bytes()), |rest| rest.contains(&0))?);
                if let Some((kind, beginning)) = typed {
                    let end = [&[0], kind.as_bytes()].concat();
                    any.push(self.terms_with_prefix(&key(field, beginning.as_bytes()), |rest| rest.ends_with(&end))?);
                }
            }
        }
        Ok(self.or(any))
    }

    fn principal(&self, pattern: &Pattern) -> Result<Plan<'p>> {
        let fields = [terms::ACTOR, terms::BEHIND, terms::TARGET].map(|field| self.identity(field, pattern));
        Ok(self.or(fields.into_iter().collect::<Result<_>>()?))
    }

    fn name(&self, pattern: &Pattern) -> Result<Plan<'p>> {
        let phrase = pattern.phrase();
        if phrase.words.is_empty() {
            return Ok(superset(self.all()));
        }
        self.phrase(&phrase).map(superset)
    }

    fn hashed(&self, field: u8, pattern: &Pattern) -> Result<Plan<'p>> {
        match pattern {
            Pattern::Exact(id) => self.term(field, &self.hasher.term(id)).map(superset),
            Pattern::Prefix(_) => self.terms_with_prefix(&[field], |_| true).map(superset),
        }
    }

    fn id(&self, pattern: &Pattern) -> Result<Plan<'p>> {
        let Pattern::Exact(id) = pattern else { return Ok(superset(self.all())) };
        let mut positions = Vec::new();
        for tenant in self.tenant_names()? {
            positions.extend(self.part.find_id(self.hasher.event(&tenant, id))?);
        }
        Ok(superset(self.positions(positions)))
    }

    fn tenant_names(&self) -> Result<Vec<String>> {
        if let Tenants::One(tenant) = &self.tenants {
            return Ok(vec![tenant.clone()]);
        }
        let mut names = Vec::new();
        self.part.visit_terms(&[terms::TENANT], &mut |term, _| {
            let is_tenant = term[0] == terms::TENANT;
            names.extend(is_tenant.then(|| String::from_utf8_lossy(&term[1..]).into_owned()));
            Ok(is_tenant)
        })?;
        Ok(names)
    }

    /// The entries of a tenant lie in the order of their numbers, so that a range of numbers is one of its postings.
    fn seq(&self, from: u64, until: u64) -> Result<Plan<'p>> {
        let mut positions = Vec::new();
        for tenant in self.tenant_names()? {
            let Some(seqs) = self.part.seqs(&tenant)? else { continue };
            let mut of_tenant = Vec::new();
            let postings = self.part.postings(&key(terms::TENANT, tenant.as_bytes()))?;
            postings.for_each_stretch(|stretch| of_tenant.extend_from_slice(stretch))?;
            let start = self.first_from(&of_tenant, &seqs, from)?;
            let end = self.first_from(&of_tenant, &seqs, until)?;
            positions.extend(of_tenant.get(start..end).unwrap_or_default());
        }
        Ok(self.positions(positions))
    }

    /// The first of a tenant's entries, whose numbers are within `seqs`, with at least this number.
    fn first_from(&self, of_tenant: &[u32], seqs: &Range<u64>, seq: u64) -> Result<usize> {
        if of_tenant.len() as u64 == seqs.end - seqs.start {
            return Ok((seq.clamp(seqs.start, seqs.end) - seqs.start) as usize);
        }
        // Some were taken away: the entries are asked.
        let (mut low, mut high) = (0, of_tenant.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.part.load(of_tenant[middle])?.seq() >= seq { high = middle } else { low = middle + 1 }
        }
        Ok(low)
    }

    fn network(&self, network: &IpNetwork) -> Result<Plan<'p>> {
        let Some(network) = IpNetwork::new(network.address, network.prefix_bits) else {
            return Ok(self.positions(Vec::new()));
        };
        let address = terms::ip_value(network.address);
        // A network of IPv6 may hold addresses that count as IPv4: every address is asked then.
        let shared = if network.address.is_ipv4() { 1 + usize::from(network.prefix_bits / 8) } else { 0 };
        self.terms_with_prefix(&key(terms::IP, &address[..shared]), |rest| {
            let value = [&address[..shared], rest].concat();
            address_of(&value).is_some_and(|ip| network.contains(ip))
        })
    }

    fn change(&self, pattern: &Pattern) -> Result<Plan<'p>> {
        match pattern {
            Pattern::Exact(path) => self
                .terms_with_prefix(&key(terms::CHANGE, path.as_bytes()), |below| below.is_empty() || below[0] == b'/'),
            Pattern::Prefix(_) => self.value(terms::CHANGE, pattern),
        }
    }

    fn meta(&self, path: &[String], test: &MetaTest) -> Result<Plan<'p>> {
        let mut all = vec![self.term(terms::META, &terms::meta_value(path))?];
        if let MetaTest::Text(Pattern::Exact(text)) = test {
            // The words of a string are words of the entry; "true" and numbers are compared by value and may be not.
            let is_word = text != "true" && text != "false" && text.parse::<f64>().is_err();
            let mut found = Vec::new();
            words(text, &mut |word| found.push(word.to_owned()));
            for word in found.iter().filter(|_| is_word) {
                all.push(self.term(terms::WORD, word.as_bytes())?);
            }
        }
        Ok(superset(self.and(all)))
    }

    fn has(&self, field: &HasField) -> Result<Plan<'p>> {
        let of_field = |field: u8| self.terms_with_prefix(&[field], |_| true);
        match field {
            HasField::Ip => of_field(terms::IP),
            HasField::Occurred => self.term(terms::HAS, b"occurred"),
            HasField::Error => self.term(terms::HAS, b"error"),
            HasField::Reason => self.term(terms::HAS, b"reason"),
            HasField::Meta(path) => self.term(terms::META, &terms::meta_value(path)),
            HasField::Text(field) => match field {
                TextField::OnBehalfOf => of_field(terms::BEHIND_TYPE),
                TextField::Target | TextField::TargetType => of_field(terms::TARGET_TYPE),
                TextField::Service => of_field(terms::SERVICE),
                TextField::Audience => of_field(terms::AUDIENCE),
                TextField::Category => of_field(terms::CATEGORY),
                TextField::Change => of_field(terms::CHANGE),
                _ => Ok(superset(self.all())),
            },
        }
    }

    fn phrase(&self, phrase: &WordsTest) -> Result<Plan<'p>> {
        let Some((last, before)) = phrase.words.split_last() else { return Ok(self.positions(Vec::new())) };
        let mut all = Vec::new();
        for word in before {
            all.push(self.term(terms::WORD, word.as_bytes())?);
        }
        all.push(match phrase.last {
            LastWord::Whole => self.term(terms::WORD, last.as_bytes())?,
            LastWord::Prefix => self.terms_with_prefix(&key(terms::WORD, last.as_bytes()), |_| true)?,
        });
        let plan = self.and(all);
        Ok(if before.is_empty() { plan } else { superset(plan) })
    }

    fn term(&self, field: u8, value: &[u8]) -> Result<Plan<'p>> {
        Ok(exact(of_postings(self.part.postings(&key(field, value))?, self.order)))
    }

    /// The union of the terms that begin with `prefix` and whose rest is wanted.
    fn terms_with_prefix(&self, prefix: &[u8], wanted: impl Fn(&[u8]) -> bool) -> Result<Plan<'p>> {
        let mut lists = Vec::new();
        self.part.visit_terms(prefix, &mut |term, postings| {
            let Some(rest) = term.strip_prefix(prefix) else { return Ok(false) };
            if wanted(rest) {
                lists.push(postings);
            }
            Ok(true)
        })?;
        if lists.len() <= LISTS_MAX {
            let sets = lists.into_iter().map(|list| exact(of_postings(list, self.order)));
            return Ok(self.or(sets.collect()));
        }
        let mut positions = Vec::new();
        for list in lists {
            list.for_each_stretch(|stretch| positions.extend_from_slice(stretch))?;
        }
        Ok(self.positions(positions))
    }

    fn positions(&self, mut positions: Vec<u32>) -> Plan<'p> {
        positions.sort_unstable();
        positions.dedup();
        exact(Box::new(SliceCursor::new(positions, self.order)))
    }

    fn all(&self) -> Plan<'p> {
        exact(Box::new(RangeCursor::new(0, self.part.positions(), self.order)))
    }

    fn and(&self, mut plans: Vec<Plan<'p>>) -> Plan<'p> {
        let exactness = exactness_of(&plans);
        // What holds everything narrows nothing.
        let everything = u64::from(self.part.positions());
        if plans.iter().any(|plan| plan.cursor.estimate() < everything) {
            plans.retain(|plan| !plan.is_everything(everything));
        }
        let cursors = plans.into_iter().map(|plan| plan.cursor);
        Plan { cursor: joined(cursors.collect(), AndCursor::new, || self.all().cursor), exactness }
    }

    fn or(&self, plans: Vec<Plan<'p>>) -> Plan<'p> {
        let exactness = exactness_of(&plans);
        let none = || self.positions(Vec::new()).cursor;
        let cursors = plans.into_iter().map(|plan| plan.cursor).filter(|cursor| cursor.estimate() > 0);
        Plan { cursor: joined(cursors.collect(), |sets| OrCursor::new(sets, self.order), none), exactness }
    }

    /// The complement of a superset would leave out entries, so that nothing is known then.
    fn not(&self, plan: Plan<'p>) -> Plan<'p> {
        match plan.exactness {
            Exactness::Exact => exact(Box::new(NotCursor::new(plan.cursor, self.part.positions(), self.order))),
            Exactness::Superset => superset(self.all()),
        }
    }
}

impl Plan<'_> {
    /// Whether this is known to be the whole part.
    fn is_everything(&self, positions: u64) -> bool {
        self.cursor.is_range() && self.cursor.estimate() == positions
    }
}

fn exactness_of(plans: &[Plan<'_>]) -> Exactness {
    let all_exact = plans.iter().all(|plan| plan.exactness == Exactness::Exact);
    if all_exact { Exactness::Exact } else { Exactness::Superset }
}

fn exact<'p>(cursor: Box<dyn Cursor + 'p>) -> Plan<'p> {
    Plan { cursor, exactness: Exactness::Exact }
}

fn superset(plan: Plan<'_>) -> Plan<'_> {
    Plan { exactness: Exactness::Superset, ..plan }
}

fn joined<'p, C: Cursor + 'p>(
    mut sets: Vec<Box<dyn Cursor + 'p>>,
    join: impl FnOnce(Vec<Box<dyn Cursor + 'p>>) -> C,
    none: impl FnOnce() -> Box<dyn Cursor + 'p>,
) -> Box<dyn Cursor + 'p> {
    match sets.len() {
        0 => none(),
        1 => sets.remove(0),
        _ => Box::new(join(sets)),
    }
}

fn key(field: u8, value: &[u8]) -> Vec<u8> {
    [&[field], value].concat()
}

/// The inverse of [`terms::ip_value`].
fn address_of(value: &[u8]) -> Option<IpAddr> {
    match value {
        [4, octets @ ..] => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        [6, octets @ ..] => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
        _ => None,
    }
}

impl Planner<'_> {
    /// How many positions a plan has, if that can be told without going through them.
    pub(crate) fn count_at_once(plan: &Plan<'_>) -> Option<u64> {
        (plan.exactness == Exactness::Exact).then(|| plan.cursor.exact_count()).flatten()
    }
}
