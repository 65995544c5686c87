//! For how long, and whose: what goes by the rules of retention, what a hold keeps, and the erasure of a person.
//!
//! ```text
//! rules, holds, erasures (settings) → plan → authorising entries in the tenant → Store::retire, Store::erase
//! ```
//!
//! * `walk` pages through a store at a pace; `plan` says what would go by the rules, `run` lets it go.
//! * `hold` places holds: an answer is given when nothing that began before can take anything away any more.
//! * `person` and `mention` say which values of an entry are a person's; `erase` takes them away, `certificate` says so.
//! * `worker` is the thread of a server that does what is due.
//!
//! Whatever is taken away has an authorising entry first, durable in the same tenant, so that what was interrupted is
//! found there and finished.

mod certificate;
mod erase;
mod hold;
mod mention;
mod person;
mod plan;
mod run;
mod walk;
mod worker;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deedbook_core::retention::{Age, Rules};
use deedbook_core::{Atomicity, Error, ErrorKind, Event, Result, Store, StoreExt, Timestamp, rfc3339};
use serde_json::{Value, json};

use crate::app::App;
use crate::clock::Clock;
use crate::own;
use crate::problem::{Answer, Problem};
use crate::settings::{Approval, Author, RulesSet, Settings, check_reason};

pub use erase::ErasurePlan;
pub use mention::Mention;
pub use plan::{Plan, RulePlan, Tally, TenantPlan};
pub(crate) use worker::{Orders, Worker};

/// Retention, holds and erasures of one log.
pub struct Governance {
    store: Arc<dyn Store>,
    settings: Arc<Settings>,
    clock: Clock,
    policy: Policy,
    /// Held by the one run or erasure that goes on.
    working: Mutex<()>,
    /// Held while entries are taken away, from the last look at the holds on.
    removing: Mutex<()>,
}

/// What a log's owner decides about erasures.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// How many administrators an erasure takes.
    pub approval: Approval,
    /// How long backups are kept; not known where absent.
    pub backups_kept: Option<Age>,
}

/// How long work is watched: told how far it came, slowed down, ended.
pub struct Watch<'a> {
    /// Called with how many more entries were read.
    pub read: &'a dyn Fn(u64),
    /// Set when the work is to end where it is.
    pub stop: &'a AtomicBool,
    /// How much of the machine it may take.
    pub pace: Pace,
}

/// How much of the machine work may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// All that one thread can.
    Full,
    /// Half of that: it rests as long as it reads.
    Background,
}

impl Watch<'_> {
    fn read(&self, count: u64) -> Result<()> {
        (self.read)(count);
        if self.stop.load(Ordering::Relaxed) {
            let message = "the work was interrupted; what it had begun is finished the next time";
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        Ok(())
    }

    fn rest(&self, after: Duration) {
        if self.pace == Pace::Background {
            std::thread::sleep(after);
        }
    }
}

impl Governance {
    /// Over a store and its settings.
    pub fn new(store: Arc<dyn Store>, settings: Arc<Settings>, clock: Clock, policy: Policy) -> Self {
        Self { store, settings, clock, policy, working: Mutex::default(), removing: Mutex::default() }
    }

    /// The rules that somebody set; those of [`Rules::default`] hold where nobody did.
    pub fn rules(&self) -> Option<Arc<RulesSet>> {
        self.settings.retention()
    }

    /// Sets the rules of retention.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] without a reason; as [`Store::submit`].
    pub fn set_rules(&self, rules: &Rules, reason: &str, author: &Author) -> Result<()> {
        let problems = check_reason(reason);
        if !problems.is_empty() {
            return Err(Error::from_problems(problems));
        }
        self.settings.set_rules(rules, reason, author)
    }

    /// The rules as the API shows them, with the latest run and when the next one begins by itself:
    /// `{rules, text, set_at, set_by, reason, entry, run, next_run_at}`. For one tenant the rules that are about it, and no run.
    pub fn retention(&self, tenant: Option<&str>) -> Value {
        let mut rules = self.settings.rules();
        if let Some(tenant) = tenant {
            rules.keep_tenant(tenant);
        }
        let set = self.settings.retention();
        json!({
            "rules": rules.to_json(),
            "text": rules.to_string(),
            "set_at": set.as_ref().map(|set| rfc3339(set.set_at)),
            "set_by": set.as_ref().map(|set| &set.set_by),
            "reason": set.as_ref().map(|set| &set.reason),
            "entry": set.as_ref().map(|set| &set.entry),
            "run": self.settings.latest_run().filter(|_| tenant.is_none()).map(|run| run.to_json()),
            "next_run_at": self.next_run_at().map(rfc3339),
        })
    }

    /// The settings that all of this rests on.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The one run or erasure at a time.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] while another goes on.
    fn work(&self) -> Result<MutexGuard<'_, ()>> {
        match self.working.try_lock() {
            Ok(working) => Ok(working),
            Err(std::sync::TryLockError::Poisoned(working)) => Ok(working.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => {
                let message = "a run of retention or an erasure goes on; wait until it has ended";
                Err(Error::new(ErrorKind::Conflict, message))
            }
        }
    }

    fn removing(&self) -> MutexGuard<'_, ()> {
        self.removing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters what authorises a removal in the tenants of `events`; durable when it returns.
    fn authorise(&self, events: Vec<(&str, Event)>) -> Result<()> {
        let drafts =
            events.into_iter().map(|(tenant, event)| own::draft_in(tenant, event)).collect::<Result<Vec<_>>>()?;
        let mut rest = drafts.into_iter().peekable();
        while rest.peek().is_some() {
            let fates = self.store.append(rest.by_ref().take(AUTHORITIES_MAX).collect(), Atomicity::PerEvent)?;
            fates.into_iter().collect::<Result<Vec<_>>>()?;
        }
        Ok(())
    }
}

/// Authorising entries that are entered at once: 32 of some 70 KiB, 2 MiB.
const AUTHORITIES_MAX: usize = 32;

impl fmt::Debug for Governance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Governance").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl App {
    /// Plans and changes on a thread of its own, in turn with reads. What is still planned when whoever asked has gone is
    /// given up. `conflict` is the code of what is not possible as things stand.
    ///
    /// # Errors
    /// 503 where too many read, 500 where it panics; as [`App::refusal`].
    pub(crate) async fn govern<T: Send + 'static>(
        self: &Arc<Self>,
        conflict: &'static str,
        work: impl FnOnce(&Governance, &Watch<'_>) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        let turn = self.read_turn().await?;
        let asked = Asked(Arc::new(AtomicBool::new(false)));
        let (app, stop) = (self.clone(), asked.0.clone());
        let worked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let watch = Watch { read: &|_| {}, stop: &stop, pace: Pace::Full };
            work(&app.governance, &watch).map_err(|error| app.refusal(error, conflict))
        });
        let worked = worked.await;
        drop(asked);
        worked.map_err(|error| {
            tracing::error!(%error, "a plan ended without a result");
            Problem::internal()
        })?
    }
}

/// Whoever waits for an answer.
struct Asked(Arc<AtomicBool>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
