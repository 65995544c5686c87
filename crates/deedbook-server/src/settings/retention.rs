//! For how long entries are kept, and the runs of retention: what was set, which run is open, how the last one ended.

use std::sync::Arc;

use deedbook_core::retention::Rules;
use deedbook_core::{Entry, Id, IdKind, Result, Target, Timestamp, rfc3339};
use serde_json::{Map, Value, json};

use super::{Author, Settings, reason_of, who};
use crate::secret::fill_random;

const SET: &str = "audit.retention.set";
const STARTED: &str = "audit.retention.started";
const FINISHED: &str = "audit.retention.finished";

/// The actions of this setting.
pub(super) const ACTIONS: [&str; 3] = [SET, STARTED, FINISHED];

/// Rules, and who set them.
#[derive(Clone, Debug)]
pub struct RulesSet {
    /// The rules.
    pub rules: Rules,
    /// When they were set.
    pub set_at: Timestamp,
    /// Who set them, as `TYPE:ID`.
    pub set_by: String,
    /// Why.
    pub reason: String,
    /// Id of the entry that says so, in the tenant `_deedbook`.
    pub entry: String,
}

/// A run of retention that began, and how it ended.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) started_at: Timestamp,
    pub(crate) started_by: String,
    /// Id of the entry of its beginning, and once it has ended of its end.
    pub(crate) entry: String,
    /// When it ended, and what it did.
    pub(crate) finished: Option<(Timestamp, Map<String, Value>)>,
}

impl IdKind for Run {
    const PREFIX: &'static str = "run";
}

/// What holds of retention.
#[derive(Default)]
pub(super) struct Retention {
    set: Option<Arc<RulesSet>>,
    /// The latest run; it is open until it is finished.
    run: Option<Arc<Run>>,
}

impl Retention {
    pub(super) fn enter(&mut self, entry: &Entry) {
        match entry.event.action.as_str() {
            SET => self.set = Some(Arc::new(rules_set(entry))),
            STARTED => self.run = run(entry).map(Arc::new),
            _ => self.finished(entry),
        }
    }

    fn finished(&mut self, entry: &Entry) {
        let is_of = |run: &&mut Arc<Run>| entry.event.targets.first().is_some_and(|target| target.id == run.id);
        if let Some(run) = self.run.as_mut().filter(is_of) {
            let run = Arc::make_mut(run);
            run.finished = Some((entry.receipt.recorded_at, entry.event.metadata.clone()));
            run.entry.clone_from(&entry.receipt.id);
        }
    }
}

/// Rules that cannot be read are of a newer version: until that one is back, everything is kept.
fn rules_set(entry: &Entry) -> RulesSet {
    let rules = entry.event.metadata.get("rules").and_then(|rules| Rules::from_json(rules).ok());
    let rules = rules.unwrap_or_else(|| {
        tracing::error!(position = entry.receipt.position, "the rules of retention cannot be read; everything is kept");
        Rules::keep_everything()
    });
    let (set_at, entry_id) = (entry.receipt.recorded_at, entry.receipt.id.clone());
    RulesSet { rules, set_at, set_by: who(entry), reason: reason_of(entry), entry: entry_id }
}

fn run(entry: &Entry) -> Option<Run> {
    let id = entry.event.targets.first()?.id.clone();
    let (started_at, entry_id) = (entry.receipt.recorded_at, entry.receipt.id.clone());
    Some(Run { id, started_at, started_by: who(entry), entry: entry_id, finished: None })
}

impl Run {
    /// `{id, started_at, started_by, finished_at, entry}` and what the run did.
    pub(crate) fn to_json(&self) -> Value {
        let mut members = json!({
            "id": self.id,
            "started_at": rfc3339(self.started_at),
            "started_by": self.started_by,
            "finished_at": self.finished.as_ref().map(|(at, _)| rfc3339(*at)),
            "entry": self.entry,
        });
        for (name, value) in self.finished.iter().flat_map(|(_, did)| did) {
            members[name] = value.clone();
        }
        members
    }
}

impl Settings {
    /// The rules that hold; `None` where nobody set any, and those of [`Rules::default`] hold.
    pub fn retention(&self) -> Option<Arc<RulesSet>> {
        self.folded().retention.set.clone()
    }

    /// The rules that hold.
    pub(crate) fn rules(&self) -> Rules {
        self.retention().map(|set| set.rules.clone()).unwrap_or_default()
    }

    /// The latest run of retention.
    pub(crate) fn latest_run(&self) -> Option<Arc<Run>> {
        self.folded().retention.run.clone()
    }

    /// Sets the rules.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn set_rules(&self, rules: &Rules, reason: &str, author: &Author) -> Result<()> {
        let _changing = self.changing();
        self.enter_rules(rules, reason, author)
    }

    /// Sets the rules that hold without any, where nobody set others: from then on everybody can read since when they
    /// hold. Whether this was done.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn ensure_rules(&self) -> Result<bool> {
        let _changing = self.changing();
        self.refresh()?;
        if self.retention().is_some() {
            return Ok(false);
        }
        self.enter_rules(&Rules::default(), "the rules of a first start", &Author::system())?;
        Ok(true)
    }

    fn enter_rules(&self, rules: &Rules, reason: &str, author: &Author) -> Result<()> {
        let mut event = author.event(SET, Target::new("setting", "retention"));
        event.reason = Some(reason.to_owned());
        event.metadata.insert("rules".to_owned(), rules.to_json());
        self.append(vec![event])
    }

    /// A new name for a run.
    pub(crate) fn new_run_id() -> String {
        let mut random = [0; 16];
        fill_random(&mut random);
        Id::<Run>::from_random(random).to_string()
    }

    /// Notes that a run begins, by which rules.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn run_started(&self, run: &str, rules: &Rules, author: &Author) -> Result<()> {
        let mut event = author.event(STARTED, Target::new("run", run));
        event.metadata.insert("rules".to_owned(), rules.to_json());
        self.append(vec![event])
    }

    /// Notes how a run ended.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn run_finished(&self, run: &str, did: Map<String, Value>, author: &Author) -> Result<()> {
        let mut event = author.event(FINISHED, Target::new("run", run));
        event.metadata = did;
        self.append(vec![event])
    }
}
