//! Questions → pages, single entries, counts.

use std::collections::BTreeMap;

use deedbook_core::{ErrorKind, Group, GroupBy, Order, Result};
use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Client;
use super::answer::strange;
use super::call::Call;
use super::entry::Found;

/// Lines of a count that are asked for: as many as the API gives.
const GROUPS_MAX: usize = 10_000;

/// What is asked of a server: by default the newest 50 entries of whatever the token may read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    query: String,
    tenant: Option<String>,
    time_zone: Option<String>,
    order: Option<Order>,
    limit: Option<usize>,
    place: Option<(&'static str, String)>,
}

/// Some of the entries that match, in the order asked for.
#[derive(Clone, Debug)]
pub struct EntryPage {
    /// At most as many as asked for; fewer where they are large.
    pub entries: Vec<Found>,
    /// The cursor for [`Ask::after`], to go on; `None` at the end.
    pub next: Option<String>,
    /// The cursor for [`Ask::before`], to go back; `None` at the beginning.
    pub prev: Option<String>,
    /// The highest position that was visible; `None` for a token that may not know of other tenants.
    pub watermark: Option<u64>,
    /// Whether some of the entries were read in an archive.
    pub archived: bool,
}

impl Ask {
    /// Asks for the entries that match `query`; the empty text matches all.
    pub fn new(query: impl Into<String>) -> Self {
        Self { query: query.into(), ..Self::default() }
    }

    /// Only the log of this tenant.
    pub fn tenant(self, tenant: impl Into<String>) -> Self {
        Self { tenant: Some(tenant.into()), ..self }
    }

    /// The zone in which days of the query begin, such as `Europe/Berlin`; UTC where it is not said.
    pub fn time_zone(self, name: impl Into<String>) -> Self {
        Self { time_zone: Some(name.into()), ..self }
    }

    /// In which order; newest first where it is not said.
    pub fn order(self, order: Order) -> Self {
        Self { order: Some(order), ..self }
    }

    /// At most this many entries on a page, 1 to 1,000.
    pub fn limit(self, entries: usize) -> Self {
        Self { limit: Some(entries.clamp(1, 1_000)), ..self }
    }

    /// Goes on where a page ended.
    pub fn after(self, cursor: impl Into<String>) -> Self {
        Self { place: Some(("after", cursor.into())), ..self }
    }

    /// Goes back from where a page began.
    pub fn before(self, cursor: impl Into<String>) -> Self {
        Self { place: Some(("before", cursor.into())), ..self }
    }

    /// The parameters that every question has.
    pub(super) fn question(&self) -> Vec<(&'static str, String)> {
        let mut query = Vec::new();
        if !self.query.is_empty() {
            query.push(("q", self.query.clone()));
        }
        query.extend(self.tenant.iter().map(|tenant| ("tenant", tenant.clone())));
        query.extend(self.time_zone.iter().map(|name| ("tz", name.clone())));
        query
    }

    /// The cursor to go on at.
    pub(super) fn cursor_after(&self) -> Option<&str> {
        self.place.as_ref().filter(|(side, _)| *side == "after").map(|(_, cursor)| cursor.as_str())
    }

    /// The parameters of a page.
    pub(super) fn page(&self) -> Vec<(&'static str, String)> {
        let mut query = self.question();
        query.extend(self.place.clone());
        query.extend(self.limit.map(|limit| ("limit", limit.to_string())));
        query.extend(self.order.map(|order| ("order", word(order).to_owned())));
        query
    }
}

impl From<&str> for Ask {
    fn from(query: &str) -> Self {
        Self::new(query)
    }
}

impl Client {
    /// One page.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the query does not parse or the cursor is of another one;
    /// [`ErrorKind::NotFound`] for a tenant that is not the token's; [`ErrorKind::Denied`],
    /// [`ErrorKind::Overloaded`], [`ErrorKind::Unavailable`].
    pub async fn page(&self, ask: &Ask) -> Result<EntryPage> {
        let answer = self.repeat(&Call::get(&["v1", "events"], ask.page()), self.deadline()).await?;
        answer.json::<PageIn<'_>>()?.read()
    }

    /// The entry with this id, in the log of `tenant`, else in the token's, else in that of `default`. `None` where it
    /// is absent, or not for this token to see.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`], [`ErrorKind::Overloaded`], [`ErrorKind::Unavailable`].
    pub async fn get(&self, id: &str, tenant: Option<&str>) -> Result<Option<Found>> {
        let query = tenant.map(|tenant| ("tenant", tenant.to_owned())).into_iter().collect();
        let path = ["v1", "events", id];
        match self.repeat(&Call::get(&path, query), self.deadline()).await {
            Ok(answer) => Found::read(answer.json::<&RawValue>()?).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How many entries match.
    ///
    /// # Errors
    /// As [`Client::page`].
    pub async fn count(&self, ask: &Ask) -> Result<u64> {
        Ok(self.counted::<Count>("count", ask.question()).await?.count)
    }

    /// How many entries match for each combination of `groups`, most first, at most 10,000 combinations. An entry with
    /// several targets counts once under each.
    ///
    /// # Errors
    /// As [`Client::page`].
    pub async fn count_by(&self, ask: &Ask, groups: &[GroupBy]) -> Result<Vec<Group>> {
        if groups.is_empty() {
            return Ok(vec![Group { key: Vec::new(), count: self.count(ask).await? }]);
        }
        let count: Count = self.counted("count", grouped(ask, groups)).await?;
        count.groups.into_iter().map(|line| group(line, groups)).collect()
    }

    /// The most frequent values of each of `groups`, at most 10,000, most first.
    ///
    /// # Errors
    /// As [`Client::page`].
    pub async fn facets(&self, ask: &Ask, groups: &[GroupBy]) -> Result<Vec<Vec<Group>>> {
        let mut found: Facets = self.counted("facets", grouped(ask, groups)).await?;
        let mut facet = |by: &GroupBy| found.facets.remove(name_of(*by)).ok_or_else(|| strange("a facet is missing"));
        let line = |value: FacetValue| Group { key: vec![value.value], count: value.count };
        groups.iter().map(|by| Ok(facet(by)?.values.into_iter().map(line).collect())).collect()
    }

    /// How many entries match on each day that has some, oldest first; the key is the day, `2026-09-20`.
    ///
    /// # Errors
    /// As [`Client::page`].
    pub async fn histogram(&self, ask: &Ask) -> Result<Vec<Group>> {
        let found: Histogram = self.counted("histogram", ask.question()).await?;
        Ok(found.buckets.into_iter().map(|bucket| Group { key: vec![bucket.day], count: bucket.count }).collect())
    }

    async fn counted<T: DeserializeOwned>(&self, name: &str, query: Vec<(&'static str, String)>) -> Result<T> {
        self.repeat(&Call::get(&["v1", "events", name], query), self.deadline()).await?.json()
    }
}

/// A page on the wire.
#[derive(Deserialize)]
struct PageIn<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    next: Option<String>,
    prev: Option<String>,
    watermark: Option<u64>,
    #[serde(default)]
    archived: bool,
}

impl PageIn<'_> {
    fn read(self) -> Result<EntryPage> {
        Ok(EntryPage {
            entries: self.data.into_iter().map(Found::read).collect::<Result<_>>()?,
            next: self.next.map(|url| cursor(&url, "after")).transpose()?,
            prev: self.prev.map(|url| cursor(&url, "before")).transpose()?,
            watermark: self.watermark,
            archived: self.archived,
        })
    }
}

/// The cursor in the address of another page. The address itself is not followed: a token is for the server that was
/// named, and behind a proxy the server may know itself by another name.
pub(super) fn cursor(url: &str, name: &str) -> Result<String> {
    let somewhere = Url::parse("http://localhost").expect("an address");
    let url = somewhere.join(url).map_err(|error| strange("the address of a page is none").with_source(error))?;
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(found, _)| found == name).map(|(_, cursor)| cursor.into_owned());
    found.ok_or_else(|| strange("the address of a page has no cursor"))
}

#[derive(Deserialize)]
struct Count {
    count: u64,
    #[serde(default)]
    groups: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Facets {
    facets: BTreeMap<String, Facet>,
}

#[derive(Deserialize)]
struct Facet {
    values: Vec<FacetValue>,
}

#[derive(Deserialize)]
struct FacetValue {
    value: String,
    count: u64,
}

#[derive(Deserialize)]
struct Histogram {
    buckets: Vec<Bucket>,
}

#[derive(Deserialize)]
struct Bucket {
    day: String,
    count: u64,
}

fn grouped(ask: &Ask, groups: &[GroupBy]) -> Vec<(&'static str, String)> {
    let names: Vec<&str> = groups.iter().map(|group| name_of(*group)).collect();
    let mut query = ask.question();
    query.extend([("by", names.join(",")), ("limit", GROUPS_MAX.to_string())]);
    query
}

fn group(line: Map<String, Value>, groups: &[GroupBy]) -> Result<Group> {
    let value = |group: &GroupBy| line.get(name_of(*group))?.as_str().map(str::to_owned);
    let key: Option<Vec<String>> = groups.iter().map(value).collect();
    let count = line.get("count").and_then(Value::as_u64);
    let whole = key.zip(count).map(|(key, count)| Group { key, count });
    whole.ok_or_else(|| strange("a line of the count is not whole"))
}

fn name_of(group: GroupBy) -> &'static str {
    match group {
        GroupBy::Action => "action",
        GroupBy::Actor => "actor",
        GroupBy::Target => "target",
        GroupBy::Outcome => "outcome",
        GroupBy::Day => "day",
        GroupBy::Tenant => "tenant",
    }
}

fn word(order: Order) -> &'static str {
    match order {
        Order::Ascending => "asc",
        Order::Descending => "desc",
    }
}
