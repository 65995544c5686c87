//! Saved searches: queries that have a name, for whoever reads the tenant.

use std::sync::Arc;

use deedbook_core::query::ParseOptions;
use deedbook_core::{Entry, Error, ErrorKind, Id, IdKind, Problem, Query, Result, Target, Timestamp, rfc3339};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Author, Settings, who};
use crate::own;
use crate::secret::fill_random;

const SAVED: &str = "audit.search.saved";
const DELETED: &str = "audit.search.deleted";

/// The actions of this setting.
pub(super) const ACTIONS: [&str; 2] = [SAVED, DELETED];

/// Searches at one time: a list that a person can still look through.
const SEARCHES_MAX: usize = 1_000;
/// Bytes of a name: those of any name in an event.
const NAME_BYTES_MAX: usize = 256;

/// What is to be saved.
#[derive(Clone, Debug)]
pub(crate) struct NewSearch {
    /// What people call it; at most 256 bytes.
    pub(crate) name: String,
    /// The query; relative times stay relative.
    pub(crate) query: String,
    /// For whose log; for that of every tenant where absent.
    pub(crate) tenant: Option<String>,
}

/// A saved search.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    id: String,
    pub(crate) tenant: Option<String>,
    name: String,
    query: String,
    saved_at: Timestamp,
    saved_by: String,
    deleted_at: Option<Timestamp>,
    /// Id of the entry of the latest change.
    entry: String,
}

impl IdKind for Search {
    const PREFIX: &'static str = "search";
}

impl Search {
    /// `{id, tenant, name, query, saved_at, saved_by, deleted_at, entry}`.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "tenant": self.tenant,
            "name": self.name,
            "query": self.query,
            "saved_at": rfc3339(self.saved_at),
            "saved_by": self.saved_by,
            "deleted_at": self.deleted_at.map(rfc3339),
            "entry": self.entry,
        })
    }
}

/// Every search that was ever saved, oldest first.
#[derive(Default)]
pub(super) struct Searches(Vec<Arc<Search>>);

impl Searches {
    pub(super) fn enter(&mut self, entry: &Entry) {
        let Some(target) = entry.event.targets.first() else { return };
        if entry.event.action == SAVED {
            self.0.extend(saved(entry, target).map(Arc::new));
        } else if let Some(search) = self.0.iter_mut().find(|search| search.id == target.id) {
            let search = Arc::make_mut(search);
            search.deleted_at.get_or_insert(entry.receipt.recorded_at);
            search.entry.clone_from(&entry.receipt.id);
        }
    }
}

/// One that cannot be read is of a newer version, or its words were erased: it is not there.
fn saved(entry: &Entry, target: &Target) -> Option<Search> {
    let text = |name: &str| entry.event.metadata.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Search {
        id: target.id.clone(),
        tenant: text("tenant"),
        name: target.name.clone()?,
        query: text("query")?,
        saved_at: entry.receipt.recorded_at,
        saved_by: who(entry),
        deleted_at: None,
        entry: entry.receipt.id.clone(),
    })
}

impl NewSearch {
    /// # Errors
    /// [`ErrorKind::Invalid`] with pointers to what is wrong.
    fn check(&self, now: Timestamp) -> Result<()> {
        let mut problems = Vec::new();
        if self.name.trim().is_empty() || self.name.len() > NAME_BYTES_MAX {
            let detail = format!("expected a name of at most {NAME_BYTES_MAX} bytes");
            problems.push(Problem { pointer: "/name".to_owned(), code: "bad_name".into(), detail });
        }
        if let Err(error) = Query::parse_located(&self.query, &ParseOptions { now, time_zone: TimeZone::UTC }) {
            let detail = error.to_string();
            problems.push(Problem { pointer: "/query".to_owned(), code: "query_syntax".into(), detail });
        }
        if !problems.is_empty() {
            return Err(Error::from_problems(problems));
        }
        self.tenant.as_deref().map_or(Ok(()), own::check_tenant)
    }
}

impl Settings {
    /// Every search that is saved now, oldest first.
    pub(crate) fn searches(&self) -> Vec<Arc<Search>> {
        self.folded().searches.0.iter().filter(|search| search.deleted_at.is_none()).cloned().collect()
    }

    /// Saves a search.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with pointers to what is wrong; [`ErrorKind::Conflict`] where there are too many; as
    /// [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn save_search(&self, new: NewSearch, author: &Author) -> Result<Arc<Search>> {
        new.check(self.now())?;
        let _changing = self.changing();
        self.refresh()?;
        if self.searches().len() >= SEARCHES_MAX {
            let message = format!("there are {SEARCHES_MAX} saved searches already; delete one first");
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let mut random = [0; 16];
        fill_random(&mut random);
        let id = Id::<Search>::from_random(random).to_string();
        let mut event = author.event(SAVED, Target { name: Some(new.name), ..Target::new("search", &id) });
        event.metadata.insert("query".to_owned(), new.query.into());
        event.metadata.extend(new.tenant.map(|tenant| ("tenant".to_owned(), tenant.into())));
        self.append(vec![event])?;
        let missing = || Error::new(ErrorKind::Corrupt, "the entry of the search cannot be read");
        self.search(&id).ok_or_else(missing)
    }

    /// Deletes a saved search. `None` where there is none with this id; nothing happens to one that is deleted.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn delete_search(&self, id: &str, author: &Author) -> Result<Option<Arc<Search>>> {
        let _changing = self.changing();
        self.refresh()?;
        let Some(search) = self.search(id) else { return Ok(None) };
        if search.deleted_at.is_none() {
            let target = Target { name: Some(search.name.clone()), ..Target::new("search", id) };
            self.append(vec![author.event(DELETED, target)])?;
        }
        Ok(self.search(id))
    }

    fn search(&self, id: &str) -> Option<Arc<Search>> {
        self.folded().searches.0.iter().find(|search| search.id == id).cloned()
    }
}
