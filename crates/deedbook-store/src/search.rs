//! Answering queries over a view: plan each part, follow its cursor, look at the entry where the plan is not exact.

use std::cmp::Reverse;
use std::sync::Arc;

use deedbook_core::query::Query;
use deedbook_core::{
    Actor, Digest, Entry, Group, GroupBy, OWN_TENANT, Order, Outcome, Page, PageRequest, Receipt, Result, Scope,
    Tenants, Timestamp, Visibility,
};
use hashbrown::{HashMap, HashSet};

use crate::cursor::{Cursor, beyond};
use crate::failure::corrupt;
use crate::groups;
use crate::part::{Loaded, Part, Tally, read_event};
use crate::plan::{Exactness, Planner};
use crate::segment::{Content, Segment};
use crate::terms::IdHasher;
use crate::turns::{ENTRY, MEMBER, Read};
use crate::view::View;

/// What a question is asked of.
pub(crate) struct Reading<'a> {
    pub(crate) view: &'a View,
    pub(crate) hasher: IdHasher,
    pub(crate) read: Read<'a>,
}

/// One page of the entries that match.
pub(crate) fn page(reading: &Reading<'_>, query: &Query, scope: &Scope, request: &PageRequest) -> Result<Page> {
    let mut entries = Vec::new();
    let (mut has_more, mut archived) = (false, false);
    for part in in_order(reading.view, request.order) {
        let before = entries.len();
        let matching = Matching { part, query, scope, order: request.order };
        let Some(bound) = first_bound(part, request) else { continue };
        matching.visit(reading, bound, &mut |found| {
            has_more = entries.len() == request.limit;
            if !has_more {
                entries.push(masked(scope, found.load()?.into_entry(part)?));
            }
            Ok(!has_more)
        })?;
        archived |= part.is_archived() && entries.len() > before;
        if has_more {
            break;
        }
    }
    Ok(Page { entries, has_more, watermark: reading.view.end().checked_sub(1), archived })
}

fn in_order(view: &View, order: Order) -> Vec<&dyn Part> {
    match order {
        Order::Ascending => view.parts().collect(),
        Order::Descending => view.parts().rev().collect(),
    }
}

/// Where a page begins in this part, `None` where all of the part was on earlier pages.
fn first_bound(part: &dyn Part, request: &PageRequest) -> Option<u32> {
    let first = part.first_position();
    let last = first + u64::from(part.positions()) - 1;
    let bound = match (request.order, request.after) {
        (Order::Ascending, None) => first,
        (Order::Descending, None) => last,
        (Order::Ascending, Some(after)) => after.checked_add(1)?.max(first),
        (Order::Descending, Some(after)) => after.checked_sub(1)?.min(last),
    };
    (first..=last).contains(&bound).then(|| (bound - first) as u32)
}

/// The entries of one part that match.
struct Matching<'a> {
    part: &'a dyn Part,
    query: &'a Query,
    scope: &'a Scope,
    order: Order,
}

impl Matching<'_> {
    /// Calls `visit` with each from `bound` on until it returns `false`.
    fn visit(&self, reading: &Reading<'_>, bound: u32, visit: &mut dyn FnMut(Match<'_>) -> Result<bool>) -> Result<()> {
        let planner = Planner::new(self.part, self.order, reading.hasher, self.scope);
        let mut plan = planner.plan(self.query.expression(), self.scope)?;
        let mut next = Some(bound);
        while let Some(position) = next.map_or(Ok(None), |bound| plan.cursor.seek(bound))? {
            reading.read.step(MEMBER + ENTRY)?;
            let mut found = Match { part: self.part, position, looked_at: None };
            let matches = plan.exactness == Exactness::Exact || found.passes(self)?;
            if matches && !visit(found)? {
                return Ok(());
            }
            next = beyond(position, self.order);
        }
        Ok(())
    }
}

/// An entry that is within `scope`, as its reader sees it.
fn masked(scope: &Scope, entry: Entry) -> Entry {
    match scope.profile() {
        Some(profile) => profile.applied(&entry),
        None => entry,
    }
}

/// A position that matches, and its entry where that had to be looked at.
struct Match<'a> {
    part: &'a dyn Part,
    position: u32,
    looked_at: Option<Found>,
}

impl Match<'_> {
    /// Whether the entry itself matches.
    fn passes(&mut self, matching: &Matching<'_>) -> Result<bool> {
        let found = self.looked_at.insert(Found::new(self.part, self.position)?);
        let view = matching.scope.view(&found.entry);
        Ok(view.is_some_and(|view| matching.query.matches(&view)))
    }

    fn load(self) -> Result<Found> {
        self.looked_at.map_or_else(|| Found::new(self.part, self.position), Ok)
    }
}

/// An entry whose leaf hash was not computed yet.
pub(crate) struct Found {
    entry: Entry,
    position: u32,
    loaded: Loaded,
}

impl Found {
    /// The entry at a position to which an index leads.
    fn new(part: &dyn Part, position: u32) -> Result<Self> {
        let loaded = part.load(position)?;
        let canonical = loaded.content().canonical().map(<[u8]>::to_vec);
        let canonical =
            canonical.ok_or_else(|| corrupt("the log", "an index leads to an entry that was taken away"))?;
        let event = read_event(&canonical, part.first_position() + u64::from(position))?;
        let (tenant, id) = (event.tenant.clone().unwrap_or_default(), event.id.clone().unwrap_or_default());
        let receipt = receipt(part, position, loaded.seq(), (tenant, id))?;
        Ok(Self { entry: Entry { receipt, event, canonical }, position, loaded })
    }

    /// The entry with its leaf hash.
    fn into_entry(mut self, part: &dyn Part) -> Result<Entry> {
        let receipt = &mut self.entry.receipt;
        let identity = (&receipt.tenant[..], &receipt.id[..]);
        let key = part.key(self.position);
        receipt.leaf_hash = self.loaded.leaf_hash(key, identity, receipt.recorded_at)?;
        Ok(self.entry)
    }
}

/// A receipt without its leaf hash.
fn receipt(part: &dyn Part, position: u32, seq: u64, (tenant, id): (String, String)) -> Result<Receipt> {
    let recorded_at = Timestamp::from_microsecond(part.recorded_at(position)?);
    Ok(Receipt {
        id,
        tenant,
        seq,
        position: part.first_position() + u64::from(position),
        recorded_at: recorded_at.map_err(|_| corrupt("the log", "a time of recording is out of range"))?,
        leaf_hash: Digest([0; 32]),
    })
}

/// The leaf hashes of a tenant's tree, those of removed entries included.
pub(crate) fn leaf_hashes(view: &View, tenant: &str) -> Result<Vec<Digest>> {
    let mut hashes = Vec::new();
    for part in view.parts() {
        for position in part.positions_of_tenant(tenant)? {
            let loaded = part.load(position)?;
            let content = loaded.content();
            let event =
                content.canonical().map(|canonical| read_event(canonical, part.first_position())).transpose()?;
            let id = event.and_then(|event| event.id).unwrap_or_default();
            let receipt = receipt(part, position, loaded.seq(), (tenant.to_owned(), id))?;
            hashes.push(content.leaf_hash(part.key(position), (tenant, &receipt.id), receipt.recorded_at)?);
        }
    }
    Ok(hashes)
}

/// What has an id.
pub(crate) enum Holder {
    /// An entry, perhaps with erased values.
    Entry(Box<Entry>),
    /// An entry whose content was erased.
    Erased(Receipt),
}

/// The entry with this id, whoever may see it.
pub(crate) fn find(view: &View, hasher: IdHasher, tenant: &str, id: &str) -> Result<Option<Entry>> {
    let holder = find_in(view.parts().rev(), hasher.event(tenant, id), tenant, id)?;
    Ok(holder.and_then(|holder| if let Holder::Entry(entry) = holder { Some(*entry) } else { None }))
}

/// What is sealed and has this id, whose hash is known.
pub(crate) fn find_sealed(segments: &[Arc<Segment>], hash: u64, tenant: &str, id: &str) -> Result<Option<Holder>> {
    find_in(segments.iter().rev().map(|segment| &**segment as &dyn Part), hash, tenant, id)
}

fn find_in<'a>(parts: impl Iterator<Item = &'a dyn Part>, hash: u64, tenant: &str, id: &str) -> Result<Option<Holder>> {
    for part in parts {
        for position in part.find_id(hash)? {
            if let Some(holder) = holder_at(part, position, (tenant, id))? {
                return Ok(Some(holder));
            }
        }
    }
    Ok(None)
}

/// What is at a position, if it has this identity: hashes of ids may be equal where ids are not.
fn holder_at(part: &dyn Part, position: u32, (tenant, id): (&str, &str)) -> Result<Option<Holder>> {
    let loaded = part.load(position)?;
    match loaded.content() {
        Content::Retired(_) => Ok(None),
        Content::Erased { tenant: its_tenant, id: its_id, .. } if (its_tenant, its_id) != (tenant, id) => Ok(None),
        content @ Content::Erased { .. } => {
            let mut receipt = receipt(part, position, loaded.seq(), (tenant.to_owned(), id.to_owned()))?;
            receipt.leaf_hash = content.leaf_hash(None, (tenant, id), receipt.recorded_at)?;
            Ok(Some(Holder::Erased(receipt)))
        }
        Content::Whole(_) | Content::Seeded(..) | Content::Blanked { .. } => {
            let found = Found::new(part, position)?;
            let is_same = found.entry.receipt.tenant == tenant && found.entry.receipt.id == id;
            if is_same { found.into_entry(part).map(|entry| Some(Holder::Entry(Box::new(entry)))) } else { Ok(None) }
        }
    }
}

/// How many entries match, by group.
pub(crate) fn count(reading: &Reading<'_>, query: &Query, scope: &Scope, groups: &[GroupBy]) -> Result<Vec<Group>> {
    if groups.is_empty() {
        return Ok(vec![Group { key: Vec::new(), count: count_total(reading, query, scope)? }]);
    }
    if is_tallied(query, scope, groups) {
        return count_tallies(reading.view, scope, groups);
    }
    let mut all = count_entries(reading, query, scope, groups)?;
    all.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
    Ok(all)
}

/// Whether the tallies of the parts answer by themselves.
fn is_tallied(query: &Query, scope: &Scope, groups: &[GroupBy]) -> bool {
    let tallied = |group: &GroupBy| !matches!(group, GroupBy::Actor | GroupBy::Target);
    let unfiltered =
        *query == Query::all() && scope.filter().is_none() && *scope.visibility() == Visibility::Everything;
    unfiltered && groups.len() <= TALLIED.len() && groups.iter().all(tallied)
}

fn count_tallies(view: &View, scope: &Scope, groups: &[GroupBy]) -> Result<Vec<Group>> {
    let tenant = match scope.tenants() {
        Tenants::One(tenant) => Some(&tenant[..]),
        Tenants::All | Tenants::AllAndOwn => None,
    };
    let with_own = *scope.tenants() != Tenants::All;
    let mut tallies = Tallies::new(groups);
    for part in view.parts() {
        part.visit_tallies(tenant, &mut |tally| {
            if with_own || tally.tenant != OWN_TENANT {
                tallies.add(&tally);
            }
        })?;
    }
    tallies.into_groups(groups)
}

/// What tallies are by.
const TALLIED: [GroupBy; 4] = [GroupBy::Day, GroupBy::Outcome, GroupBy::Action, GroupBy::Tenant];

/// Sums of tallies by the numbers of what is asked for, in the order of [`TALLIED`]; others are 0.
struct Tallies {
    asked: [bool; TALLIED.len()],
    actions: Numbered,
    tenants: Numbered,
    sums: HashMap<[u32; TALLIED.len()], u64>,
}

/// The number of each text, in the order in which they came.
#[derive(Default)]
struct Numbered(HashMap<Vec<u8>, u32>);

impl Numbered {
    fn number(&mut self, text: &[u8]) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry_ref(text).or_insert(next)
    }

    fn texts(&self) -> Result<Vec<(String, u32)>> {
        let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).map_err(|_| corrupt("a tally", "it is no text"));
        self.0.iter().map(|(bytes, &number)| Ok((text(bytes)?, number))).collect()
    }
}

/// The values of one group, sorted, and the place of each by its number.
struct Column {
    texts: Vec<String>,
    ranks: HashMap<u32, u32>,
}

impl Column {
    fn new(mut values: Vec<(String, u32)>) -> Self {
        values.sort_unstable();
        let ranks = values.iter().zip(0..).map(|((_, number), rank)| (*number, rank)).collect();
        Self { texts: values.into_iter().map(|(text, _)| text).collect(), ranks }
    }
}

impl Tallies {
    fn new(groups: &[GroupBy]) -> Self {
        Self {
            asked: TALLIED.map(|group| groups.contains(&group)),
            actions: Numbered::default(),
            tenants: Numbered::default(),
            sums: HashMap::new(),
        }
    }

    fn add(&mut self, tally: &Tally<'_>) {
        let [by_day, by_outcome, by_action, by_tenant] = self.asked;
        let day = if by_day { tally.day.cast_unsigned() } else { 0 };
        let outcome = if by_outcome { tally.outcome.into() } else { 0 };
        let action = if by_action { self.actions.number(tally.action) } else { 0 };
        let tenant = if by_tenant { self.tenants.number(tally.tenant.as_bytes()) } else { 0 };
        *self.sums.entry([day, outcome, action, tenant]).or_default() += tally.count;
    }

    /// The groups, the largest first, and those of equal counts by their texts.
    fn into_groups(self, groups: &[GroupBy]) -> Result<Vec<Group>> {
        let place = |group: &GroupBy| TALLIED.iter().position(|tallied| tallied == group);
        let places: Vec<usize> = groups.iter().filter_map(place).collect();
        let columns: Vec<Column> = places.iter().map(|&place| self.column(place)).collect::<Result<_>>()?;
        // Ranks are sorted sooner than texts, of which there are few and which stand in many groups.
        let ranked = |(numbers, &count): (&[u32; TALLIED.len()], &u64)| {
            let mut ranks = [0; TALLIED.len()];
            for ((rank, place), column) in ranks.iter_mut().zip(&places).zip(&columns) {
                *rank = column.ranks[&numbers[*place]];
            }
            (Reverse(count), ranks)
        };
        let mut rows: Vec<_> = self.sums.iter().map(ranked).collect();
        rows.sort_unstable();
        let group = |(Reverse(count), ranks): (Reverse<u64>, [u32; TALLIED.len()])| {
            let key = columns.iter().zip(ranks).map(|(column, rank)| column.texts[rank as usize].clone());
            Group { key: key.collect(), count }
        };
        Ok(rows.into_iter().map(group).collect())
    }

    /// The values of the group at this place of [`TALLIED`] that there are.
    fn column(&self, place: usize) -> Result<Column> {
        let by = |text: &dyn Fn(u32) -> String| {
            let numbers: HashSet<u32> = self.sums.keys().map(|numbers| numbers[place]).collect();
            numbers.into_iter().map(|number| (text(number), number)).collect()
        };
        Ok(Column::new(match TALLIED[place] {
            GroupBy::Action => self.actions.texts()?,
            GroupBy::Tenant => self.tenants.texts()?,
            GroupBy::Outcome => by(&|outcome| outcome_text(outcome as u8).to_owned()),
            _ => by(&|day| day_text(day.cast_signed())),
        }))
    }
}

fn outcome_text(outcome: u8) -> &'static str {
    Outcome::ALL.get(usize::from(outcome)).map_or("unknown", |known| known.as_str())
}

fn day_text(day: i32) -> String {
    let noon = Timestamp::from_second(i64::from(day) * 86_400 + 43_200);
    noon.map_or_else(|_| day.to_string(), |noon| noon.strftime("%Y-%m-%d").to_string())
}

fn count_total(reading: &Reading<'_>, query: &Query, scope: &Scope) -> Result<u64> {
    let mut total = 0;
    for part in reading.view.parts() {
        let order = Order::Ascending;
        let mut plan = Planner::new(part, order, reading.hasher, scope).plan(query.expression(), scope)?;
        total += match Planner::count_at_once(&plan) {
            Some(count) => count,
            None if plan.exactness == Exactness::Exact => count_members(reading, &mut *plan.cursor)?,
            None => {
                let mut count = 0;
                let matching = Matching { part, query, scope, order };
                matching.visit(reading, 0, &mut |_| {
                    count += 1;
                    Ok(true)
                })?;
                count
            }
        };
    }
    Ok(total)
}

fn count_members(reading: &Reading<'_>, cursor: &mut dyn Cursor) -> Result<u64> {
    let (mut count, mut next) = (0, Some(0));
    while let Some(found) = next.map_or(Ok(None), |bound| cursor.seek(bound))? {
        reading.read.step(MEMBER)?;
        count += 1;
        next = found.checked_add(1);
    }
    Ok(count)
}

/// By the lists of the index where that tells everything, else by the matching entries themselves.
fn count_entries(reading: &Reading<'_>, query: &Query, scope: &Scope, by: &[GroupBy]) -> Result<Vec<Group>> {
    let mut counts: HashMap<Vec<String>, u64> = HashMap::new();
    // The index knows true values; where some are hidden from the reader it tells nothing.
    let field = groups::field_of(by).filter(|_| scope.profile().is_none());
    for part in reading.view.parts() {
        let order = Order::Ascending;
        if let Some(field) = field {
            let mut plan = Planner::new(part, order, reading.hasher, scope).plan(query.expression(), scope)?;
            if plan.exactness == Exactness::Exact && groups::is_worth_it(part, &*plan.cursor) {
                groups::count(part, &reading.read, &mut *plan.cursor, field, &mut counts)?;
                continue;
            }
        }
        let matching = Matching { part, query, scope, order };
        matching.visit(reading, 0, &mut |found| {
            for key in group_keys(&masked(scope, found.load()?.entry), by) {
                *counts.entry(key).or_default() += 1;
            }
            Ok(true)
        })?;
    }
    Ok(counts.into_iter().map(|(key, count)| Group { key, count }).collect())
}

/// The groups an entry counts under: one for each of its targets, if targets are asked for.
fn group_keys(entry: &Entry, groups: &[GroupBy]) -> Vec<Vec<String>> {
    let mut keys = vec![Vec::new()];
    for group in groups {
        let values = group_values(entry, *group);
        keys = keys
            .iter()
            .flat_map(|key: &Vec<String>| {
                values.iter().map(move |value| [&key[..], std::slice::from_ref(value)].concat())
            })
            .collect();
    }
    keys
}

fn group_values(entry: &Entry, group: GroupBy) -> Vec<String> {
    let event = &entry.event;
    match group {
        GroupBy::Action => vec![event.action.clone()],
        GroupBy::Actor => vec![actor_text(&event.actor)],
        GroupBy::Target => {
            let mut targets: Vec<String> =
                event.targets.iter().map(|target| format!("{}:{}", target.kind, target.id)).collect();
            targets.sort_unstable();
            targets.dedup();
            targets
        }
        GroupBy::Outcome => vec![event.outcome.unwrap_or(Outcome::Success).as_str().to_owned()],
        GroupBy::Day => vec![entry.occurred_at().strftime("%Y-%m-%d").to_string()],
        GroupBy::Tenant => vec![entry.receipt.tenant.clone()],
    }
}

fn actor_text(actor: &Actor) -> String {
    actor.id.as_ref().map_or_else(|| actor.kind.clone(), |id| format!("{}:{id}", actor.kind))
}
