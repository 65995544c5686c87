//! Legal holds: what they cover is not retired, erased or dropped until they are released.

use std::collections::HashMap;
use std::sync::Arc;

use deedbook_core::query::{Condition, Expression, ParseOptions, Pattern, TextField};
use deedbook_core::{Entry, Error, ErrorKind, Id, IdKind, Problem, Query, Result, Scope, Target, Timestamp, rfc3339};
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::{Author, REASON_BYTES_MAX, Settings, check_reason, reason_of, who};
use crate::own;
use crate::secret::fill_random;

const PLACED: &str = "audit.hold.placed";
const RELEASED: &str = "audit.hold.released";

/// The actions of this setting.
pub(super) const ACTIONS: [&str; 2] = [PLACED, RELEASED];

/// What a new hold is to cover: all that fits what is given, and one of them must be.
#[derive(Clone, Debug, Default)]
pub struct NewHold {
    /// The one tenant; every one where absent.
    pub tenant: Option<String>,
    /// A query; relative times are those of the moment at which it is placed.
    pub query: Option<String>,
    /// Id or `TYPE:ID` of a target.
    pub target: Option<String>,
    /// Id or `TYPE:ID` of who acted, or stood behind who acted.
    pub actor: Option<String>,
    /// Why; at most 1,024 bytes.
    pub reason: String,
}

/// A legal hold.
#[derive(Clone, Debug)]
pub struct Hold {
    /// Names it for ever.
    pub id: String,
    /// The one tenant; every one where absent.
    pub tenant: Option<String>,
    /// The query, without relative times.
    pub query: Option<String>,
    /// Id or `TYPE:ID` of a target.
    pub target: Option<String>,
    /// Id or `TYPE:ID` of who acted, or stood behind who acted.
    pub actor: Option<String>,
    /// Why.
    pub reason: String,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// Who placed it, as `TYPE:ID`.
    pub placed_by: String,
    /// Id of the entry that placed it, in the tenant `_deedbook`.
    pub entry: String,
    /// When it was released, by whom, and why.
    pub released: Option<Released>,
    covered: Query,
}

/// How a hold ended.
#[derive(Clone, Debug)]
pub struct Released {
    /// When.
    pub at: Timestamp,
    /// By whom, as `TYPE:ID`.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Id of the entry that says so, in the tenant `_deedbook`.
    pub entry: String,
}

impl IdKind for Hold {
    const PREFIX: &'static str = "hold";
}

impl Hold {
    /// Whether it covers `entry`.
    pub fn covers(&self, entry: &Entry) -> bool {
        self.tenant.as_ref().is_none_or(|tenant| *tenant == entry.receipt.tenant) && self.covered.matches(entry)
    }

    /// What it covers, as a question to a store.
    pub(crate) fn question(&self) -> (&Query, Scope) {
        (&self.covered, self.tenant.as_ref().map_or_else(Scope::all_tenants, Scope::tenant))
    }

    /// `{id, tenant, query, target, actor, reason, placed_at, placed_by, released_at, released_by, released_reason,
    /// entry}`, the last being the entry of the latest change.
    pub fn to_json(&self) -> Value {
        let released = self.released.as_ref();
        json!({
            "id": self.id,
            "tenant": self.tenant,
            "query": self.query,
            "target": self.target,
            "actor": self.actor,
            "reason": self.reason,
            "placed_at": rfc3339(self.placed_at),
            "placed_by": self.placed_by,
            "released_at": released.map(|released| rfc3339(released.at)),
            "released_by": released.map(|released| &released.by),
            "released_reason": released.map(|released| &released.reason),
            "entry": released.map_or(&self.entry, |released| &released.entry),
        })
    }

    /// The refusal of what it forbids.
    pub(crate) fn refusal(&self) -> Error {
        let message = format!(
            "the hold {} covers it: placed by {} at {}, because: {}",
            self.id,
            self.placed_by,
            rfc3339(self.placed_at),
            self.reason
        );
        Error::new(ErrorKind::Held, message)
    }
}

/// Every hold there ever was.
#[derive(Default)]
pub(super) struct Holds {
    all: Vec<Arc<Hold>>,
    /// Places in `all`.
    ids: HashMap<String, usize>,
}

impl Holds {
    pub(super) fn enter(&mut self, entry: &Entry) {
        let Some(target) = entry.event.targets.first() else { return };
        if entry.event.action == PLACED {
            self.ids.insert(target.id.clone(), self.all.len());
            self.all.push(Arc::new(placed(entry, &target.id)));
        } else if let Some(&place) = self.ids.get(&target.id) {
            let (at, by, reason, entry) =
                (entry.receipt.recorded_at, who(entry), reason_of(entry), entry.receipt.id.clone());
            let released = Released { at, by, reason, entry };
            Arc::make_mut(&mut self.all[place]).released.get_or_insert(released);
        }
    }

    fn by_id(&self, id: &str) -> Option<Arc<Hold>> {
        self.ids.get(id).map(|&place| self.all[place].clone())
    }
}

/// A hold that cannot be read is of a newer version, or its words were erased: it covers everything of its tenant.
fn placed(entry: &Entry, id: &str) -> Hold {
    let text = |name: &str| entry.event.metadata.get(name).and_then(Value::as_str).map(str::to_owned);
    let is_whole = entry.event.metadata.values().all(Value::is_string);
    let new = NewHold {
        tenant: text("tenant"),
        query: text("query"),
        target: text("target"),
        actor: text("actor"),
        reason: reason_of(entry),
    };
    let covered = new.covered(entry.receipt.recorded_at).ok().filter(|_| is_whole);
    let covered = covered.unwrap_or_else(|| {
        tracing::error!(position = entry.receipt.position, "a hold cannot be read; it covers everything");
        Query::all()
    });
    let NewHold { tenant, query, target, actor, reason } = new;
    let (placed_at, placed_by) = (entry.receipt.recorded_at, who(entry));
    Hold {
        id: id.to_owned(),
        tenant,
        query,
        target,
        actor,
        reason,
        placed_at,
        placed_by,
        entry: entry.receipt.id.clone(),
        released: None,
        covered,
    }
}

impl NewHold {
    /// What it covers, its relative times being those of `now`.
    fn covered(&self, now: Timestamp) -> Result<Query> {
        let mut all = Vec::new();
        if let Some(query) = &self.query {
            let options = ParseOptions { now, time_zone: TimeZone::UTC };
            let query = Query::parse_located(query, &options)
                .map_err(|error| Error::invalid("/query", "query_syntax", error.to_string()))?;
            all.push(query.expression().clone());
        }
        let is = |field, id: &String| Expression::Is(Condition::Text(field, Pattern::Exact(id.clone())));
        all.extend(self.target.as_ref().map(|id| is(TextField::Target, id)));
        let acted = |id| Expression::Or(vec![is(TextField::Actor, id), is(TextField::OnBehalfOf, id)]);
        all.extend(self.actor.as_ref().map(acted));
        Ok(Query::from_expression(Expression::And(all)))
    }

    /// The same without relative times.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with pointers to what is wrong.
    fn resolved(mut self, now: Timestamp) -> Result<Self> {
        let mut problems = Vec::new();
        if self.tenant.is_none() && self.query.is_none() && self.target.is_none() && self.actor.is_none() {
            let detail = "say what it covers: a tenant, a query, a target, an actor, or several of them".to_owned();
            problems.push(Problem { pointer: String::new(), code: "missing_member".into(), detail });
        }
        for (pointer, id) in [("/target", &self.target), ("/actor", &self.actor)] {
            if id.as_ref().is_some_and(|id| id.is_empty() || id.len() > ID_BYTES_MAX) {
                let detail = format!("expected an id or TYPE:ID of at most {ID_BYTES_MAX} bytes");
                problems.push(Problem { pointer: pointer.to_owned(), code: "bad_id".into(), detail });
            }
        }
        problems.extend(check_reason(&self.reason));
        if !problems.is_empty() {
            return Err(Error::from_problems(problems));
        }
        self.tenant.as_deref().map_or(Ok(()), own::check_tenant)?;
        if self.query.is_some() {
            let options = ParseOptions { now, time_zone: TimeZone::UTC };
            let query = Query::parse_located(self.query.as_deref().unwrap_or_default(), &options);
            let query = query.map_err(|error| Error::invalid("/query", "query_syntax", error.to_string()))?;
            self.query = Some(query.to_string());
        }
        Ok(self)
    }

    fn metadata(&self) -> Map<String, Value> {
        let members =
            [("tenant", &self.tenant), ("query", &self.query), ("target", &self.target), ("actor", &self.actor)];
        let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into())));
        given.collect()
    }
}

/// Bytes of an id or TYPE:ID in an event.
const ID_BYTES_MAX: usize = REASON_BYTES_MAX + 65;

impl Settings {
    /// Every hold there ever was, oldest first.
    pub fn holds(&self) -> Vec<Arc<Hold>> {
        self.folded().holds.all.clone()
    }

    /// The holds that are in force.
    pub(crate) fn holds_in_force(&self) -> Vec<Arc<Hold>> {
        self.folded().holds.all.iter().filter(|hold| hold.released.is_none()).cloned().collect()
    }

    /// Enters a hold. What was begun before may still be going on when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with pointers to what is wrong; as [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn enter_hold(&self, new: NewHold, author: &Author) -> Result<Arc<Hold>> {
        let new = new.resolved(self.now())?;
        let _changing = self.changing();
        let mut random = [0; 16];
        fill_random(&mut random);
        let id = Id::<Hold>::from_random(random).to_string();
        let mut event = author.event(PLACED, Target::new("hold", &id));
        event.metadata = new.metadata();
        event.reason = Some(new.reason);
        self.append(vec![event])?;
        let missing = || Error::new(ErrorKind::Corrupt, "the entry of the hold cannot be read");
        self.folded().holds.by_id(&id).ok_or_else(missing)
    }

    /// Releases a hold. `None` where there is no such hold; nothing happens to one that is released.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] without a reason; as [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn release_hold(&self, id: &str, reason: &str, author: &Author) -> Result<Option<Arc<Hold>>> {
        let problems = check_reason(reason);
        if !problems.is_empty() {
            return Err(Error::from_problems(problems));
        }
        let _changing = self.changing();
        self.refresh()?;
        let Some(hold) = self.folded().holds.by_id(id) else { return Ok(None) };
        if hold.released.is_none() {
            let mut event = author.event(RELEASED, Target::new("hold", id));
            event.reason = Some(reason.to_owned());
            self.append(vec![event])?;
        }
        Ok(self.folded().holds.by_id(id))
    }
}
