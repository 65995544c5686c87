//! Erasures of persons: what was asked for, who agreed, and what was done. When one has ended, who the person was is
//! taken from its entry, so that the erasure itself does not keep them.

use std::collections::HashMap;
use std::sync::Arc;

use deedbook_core::{Entry, Error, ErrorKind, Id, IdKind, Problem, Result, Target, Timestamp, rfc3339};
use serde_json::{Map, Value, json};

use super::{Author, Settings, who};
use crate::own;
use crate::secret::fill_random;

const REQUESTED: &str = "audit.erasure.requested";
const APPROVED: &str = "audit.erasure.approved";
const WITHDRAWN: &str = "audit.erasure.withdrawn";
const FINISHED: &str = "audit.erasure.finished";

/// The actions of this setting.
pub(super) const ACTIONS: [&str; 4] = [REQUESTED, APPROVED, WITHDRAWN, FINISHED];

/// What of a request for an erasure says who the person is.
pub(crate) const PERSONAL: [&str; 2] = ["/metadata/principal", "/metadata/also"];

/// The most ids that a request may decide on one by one: a thousand of 128 bytes, half of what an event may have.
const DECISIONS_MAX: usize = 1_000;
/// The most names that a request may add.
const ALSO_MAX: usize = 100;
/// Bytes of the basis, and of each name.
const TEXT_BYTES_MAX: usize = 1_024;

/// Who is to be erased, where, and on what basis.
#[derive(Clone, Debug)]
pub struct NewErasure {
    /// In whose log.
    pub tenant: String,
    /// Id or `TYPE:ID` of the person.
    pub principal: String,
    /// Why: the request, the law. Without the person's name: it stays.
    pub basis: String,
    /// Further names and addresses by which free text may call the person.
    pub also: Vec<String>,
    /// What becomes of entries in whose free text the person is named.
    pub mentions: Option<Mentions>,
    /// Where names are sought.
    pub search: Search,
}

/// What becomes of entries that name the person in text that cannot be erased alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mentions {
    /// All of their content is erased.
    Erase,
    /// They stay.
    Keep,
    /// As was decided for each, by id.
    Each {
        /// The content of these is erased.
        erase: Vec<String>,
        /// These stay.
        keep: Vec<String>,
    },
}

/// Where the names of a person are sought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// By the index of words: names, descriptions, changes and metadata.
    Index,
    /// In every text of every entry of the tenant, reasons and errors among them; this reads all of it.
    Everything,
}

/// An erasure that was asked for.
#[derive(Clone, Debug)]
pub struct Erasure {
    /// Names it for ever.
    pub id: String,
    /// In whose log.
    pub tenant: String,
    /// Id or `TYPE:ID` of the person; gone once it has ended.
    pub principal: Option<String>,
    /// Further names; gone once it has ended.
    pub also: Vec<String>,
    /// Why.
    pub basis: String,
    /// What becomes of mentions.
    pub mentions: Mentions,
    /// Where names are sought.
    pub search: Search,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// By whom, as `TYPE:ID`.
    pub requested_by: String,
    /// When and by whom it was approved.
    pub approved: Option<(Timestamp, String)>,
    /// When and how it ended.
    pub ended: Option<Ended>,
    /// Id of the entry that asked for it.
    pub(crate) entry_id: String,
    /// Id of the entry of the latest change.
    pub(crate) latest_entry: String,
    /// Whether that entry still said who the person is when it was read.
    pub(crate) names_person: bool,
}

/// How an erasure ended.
#[derive(Clone, Debug)]
pub enum Ended {
    /// It was done: when, and what.
    Done(Timestamp, Map<String, Value>),
    /// It was withdrawn before: when, and by whom.
    Withdrawn(Timestamp, String),
}

impl IdKind for Erasure {
    const PREFIX: &'static str = "era";
}

impl Mentions {
    /// `"erase"`, `"keep"`, or `{"erase":[…],"keep":[…]}`; `None` for anything else.
    pub fn from_json(value: &Value) -> Option<Self> {
        let ids = |value: Option<&Value>| -> Option<Vec<String>> {
            let Some(value) = value.filter(|value| !value.is_null()) else { return Some(Vec::new()) };
            value.as_array()?.iter().map(|id| id.as_str().map(str::to_owned)).collect()
        };
        match value {
            Value::String(word) if word == "erase" => Some(Self::Erase),
            Value::String(word) if word == "keep" => Some(Self::Keep),
            Value::Object(members) if members.keys().all(|name| name == "erase" || name == "keep") => {
                Some(Self::Each { erase: ids(members.get("erase"))?, keep: ids(members.get("keep"))? })
            }
            _ => None,
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Erase => "erase".into(),
            Self::Keep => "keep".into(),
            Self::Each { erase, keep } => json!({"erase": erase, "keep": keep}),
        }
    }

    /// What was decided about the entry with this id; `None` where nothing was.
    pub(crate) fn decide(&self, id: &str) -> Option<Decision> {
        match self {
            Self::Erase => Some(Decision::Erase),
            Self::Keep => Some(Decision::Keep),
            Self::Each { erase, .. } if erase.iter().any(|other| other == id) => Some(Decision::Erase),
            Self::Each { keep, .. } if keep.iter().any(|other| other == id) => Some(Decision::Keep),
            Self::Each { .. } => None,
        }
    }
}

/// What becomes of one mention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Erase,
    Keep,
}

impl Erasure {
    /// Where it stands: `requested`, `approved`, `done` or `withdrawn`.
    pub fn state(&self) -> &'static str {
        match (&self.ended, &self.approved) {
            (Some(Ended::Done(..)), _) => "done",
            (Some(Ended::Withdrawn(..)), _) => "withdrawn",
            (None, Some(_)) => "approved",
            (None, None) => "requested",
        }
    }

    /// Who agreed, where that is another than who asked.
    pub(crate) fn approver(&self) -> Option<&str> {
        self.approved.as_ref().map(|(_, by)| by.as_str()).filter(|by| *by != self.requested_by)
    }

    /// What the API shows of it. The person is in it until it has ended; `certificate` is there from then on.
    pub fn to_json(&self) -> Value {
        let (ended_at, certificate) = match &self.ended {
            Some(Ended::Done(at, certificate)) => (Some(*at), Some(certificate)),
            Some(Ended::Withdrawn(at, _)) => (Some(*at), None),
            None => (None, None),
        };
        json!({
            "id": self.id,
            "state": self.state(),
            "tenant": self.tenant,
            "principal": self.principal,
            "basis": self.basis,
            "mentions": self.mentions.to_json(),
            "thorough": self.search == Search::Everything,
            "requested_at": rfc3339(self.requested_at),
            "requested_by": self.requested_by,
            "approved_at": self.approved.as_ref().map(|(at, _)| rfc3339(*at)),
            "approved_by": self.approver(),
            "ended_at": ended_at.map(rfc3339),
            "certificate": certificate,
            "entry": self.latest_entry,
        })
    }
}

/// Every erasure there ever was.
#[derive(Default)]
pub(super) struct Erasures {
    all: Vec<Arc<Erasure>>,
    /// Places in `all`.
    ids: HashMap<String, usize>,
}

impl Erasures {
    pub(super) fn enter(&mut self, entry: &Entry) {
        let Some(target) = entry.event.targets.first() else { return };
        if entry.event.action == REQUESTED {
            match requested(entry, &target.id) {
                Some(erasure) => {
                    self.ids.insert(erasure.id.clone(), self.all.len());
                    self.all.push(Arc::new(erasure));
                }
                None => tracing::error!(position = entry.receipt.position, "an erasure cannot be read; it is not done"),
            }
        } else if let Some(&place) = self.ids.get(&target.id) {
            Arc::make_mut(&mut self.all[place]).change(entry);
        }
    }

    fn by_id(&self, id: &str) -> Option<Arc<Erasure>> {
        self.ids.get(id).map(|&place| self.all[place].clone())
    }
}

impl Erasure {
    fn change(&mut self, entry: &Entry) {
        let at = entry.receipt.recorded_at;
        self.latest_entry.clone_from(&entry.receipt.id);
        match entry.event.action.as_str() {
            APPROVED => drop(self.approved.get_or_insert((at, who(entry)))),
            WITHDRAWN => self.end(Ended::Withdrawn(at, who(entry))),
            FINISHED => self.end(Ended::Done(at, entry.event.metadata.clone())),
            _ => {}
        }
    }

    /// Also in memory, nothing of the person stays.
    fn end(&mut self, ended: Ended) {
        self.ended.get_or_insert(ended);
        self.principal = None;
        self.also = Vec::new();
    }
}

fn requested(entry: &Entry, id: &str) -> Option<Erasure> {
    let metadata = &entry.event.metadata;
    let text = |name: &str| metadata.get(name).and_then(Value::as_str).map(str::to_owned);
    let also = metadata.get("also").and_then(Value::as_array);
    let principal = text("principal");
    Some(Erasure {
        id: id.to_owned(),
        tenant: text("tenant")?,
        names_person: principal.is_some(),
        principal,
        also: also.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        basis: text("basis")?,
        mentions: Mentions::from_json(metadata.get("mentions")?)?,
        search: if metadata.get("thorough")?.as_bool()? { Search::Everything } else { Search::Index },
        requested_at: entry.receipt.recorded_at,
        requested_by: who(entry),
        approved: None,
        ended: None,
        entry_id: entry.receipt.id.clone(),
        latest_entry: entry.receipt.id.clone(),
    })
}

impl NewErasure {
    /// # Errors
    /// [`ErrorKind::Invalid`] with pointers to what is wrong.
    pub(crate) fn check(&self) -> Result<()> {
        let mut problems = Vec::new();
        let mut wrong = |pointer: &str, code: &'static str, detail: &str| {
            problems.push(Problem { pointer: pointer.to_owned(), code: code.into(), detail: detail.to_owned() });
        };
        let fits = |text: &str| !text.trim().is_empty() && text.len() <= TEXT_BYTES_MAX;
        if !fits(&self.principal) {
            wrong("/principal", "bad_id", "expected the id of the person, or TYPE:ID such as user:user_7");
        }
        if !fits(&self.basis) {
            wrong("/basis", "bad_basis", "say why, in at most 1,024 bytes: the request, the law; without the name");
        }
        if self.also.len() > ALSO_MAX || !self.also.iter().all(|name| fits(name)) {
            wrong("/also", "bad_name", "expected at most 100 names of at most 1,024 bytes");
        }
        if let Some(Mentions::Each { erase, keep }) = &self.mentions
            && erase.len() + keep.len() > DECISIONS_MAX
        {
            wrong("/mentions", "too_many", "expected at most 1,000 ids; say \"erase\" or \"keep\" for all");
        }
        if !problems.is_empty() {
            return Err(Error::from_problems(problems));
        }
        own::check_tenant(&self.tenant)
    }

    fn metadata(&self, mentions: &Mentions) -> Map<String, Value> {
        let mut metadata = Map::new();
        let mut put = |name: &str, value: Value| drop(metadata.insert(name.to_owned(), value));
        put("tenant", self.tenant.clone().into());
        put("principal", self.principal.clone().into());
        put("basis", self.basis.clone().into());
        put("mentions", mentions.to_json());
        put("thorough", (self.search == Search::Everything).into());
        if !self.also.is_empty() {
            put("also", self.also.clone().into());
        }
        metadata
    }
}

/// How many administrators an erasure takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Approval {
    /// Who asks for it, and another.
    #[default]
    Second,
    /// Who asks for it.
    Own,
}

impl Settings {
    /// Every erasure there ever was, oldest first.
    pub fn erasures(&self) -> Vec<Arc<Erasure>> {
        self.folded().erasures.all.clone()
    }

    /// The erasure with this id.
    pub(crate) fn erasure(&self, id: &str) -> Option<Arc<Erasure>> {
        self.folded().erasures.by_id(id)
    }

    /// Enters a request that was checked; it is approved at once where that takes nobody else.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn enter_erasure(
        &self,
        new: &NewErasure,
        mentions: &Mentions,
        approval: Approval,
        author: &Author,
    ) -> Result<Arc<Erasure>> {
        let _changing = self.changing();
        let mut random = [0; 16];
        fill_random(&mut random);
        let id = Id::<Erasure>::from_random(random).to_string();
        let mut event = author.event(REQUESTED, Target::new("erasure", &id));
        event.metadata = new.metadata(mentions);
        event.personal = PERSONAL[..if new.also.is_empty() { 1 } else { 2 }].iter().map(|&it| it.to_owned()).collect();
        let mut events = vec![event];
        if approval == Approval::Own {
            events.push(author.event(APPROVED, Target::new("erasure", &id)));
        }
        self.append(events)?;
        self.erasure(&id).ok_or_else(|| Error::new(ErrorKind::Corrupt, "the entry of the erasure cannot be read"))
    }

    /// Agrees to an erasure. `None` where there is none with this id; nothing happens to one that is approved or ended.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] for whoever asked for it; as [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn approve_erasure(&self, id: &str, author: &Author) -> Result<Option<Arc<Erasure>>> {
        let _changing = self.changing();
        self.refresh()?;
        let Some(erasure) = self.erasure(id) else { return Ok(None) };
        if erasure.state() != "requested" {
            return Ok(Some(erasure));
        }
        if erasure.requested_by == author.who() {
            let message = "who asks for an erasure cannot approve it; another administrator must";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        self.append(vec![author.event(APPROVED, Target::new("erasure", id))])?;
        Ok(self.erasure(id))
    }

    /// Withdraws an erasure that nobody approved. `None` where there is none with this id.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] where it was approved or has ended; as [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn withdraw_erasure(&self, id: &str, author: &Author) -> Result<Option<Arc<Erasure>>> {
        let _changing = self.changing();
        self.refresh()?;
        let Some(erasure) = self.erasure(id) else { return Ok(None) };
        if erasure.state() != "requested" {
            let message = format!("the erasure is {} and cannot be withdrawn", erasure.state());
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        self.append(vec![author.event(WITHDRAWN, Target::new("erasure", id))])?;
        Ok(self.erasure(id))
    }

    /// Notes what an erasure did.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn erasure_finished(&self, id: &str, certificate: Map<String, Value>) -> Result<()> {
        let mut event = Author::system().event(FINISHED, Target::new("erasure", id));
        event.metadata = certificate;
        self.append(vec![event])
    }
}
