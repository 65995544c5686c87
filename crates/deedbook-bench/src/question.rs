//! The questions that people ask a log, and what an answer must have in common whoever gives it.

use deedbook_core::Event;
use jiff::civil::Date;

use crate::random::Random;
use crate::workload::{DAY_US, Workload};

/// How many entries a page has.
pub const PAGE: usize = 50;

/// The kinds of questions, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The newest page of one target.
    TargetNewest,
    /// The newest page of one actor on one day.
    ActorDay,
    /// The newest page of a tenant.
    TenantFeed,
    /// One entry by its id.
    ById,
    /// The newest page of one action within two hours to two days.
    ActionRange,
    /// The newest page of the entries of a tenant with a word.
    Word,
    /// Entries of a tenant per action and day.
    CountPerActionAndDay,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::TargetNewest,
        Self::ActorDay,
        Self::TenantFeed,
        Self::ById,
        Self::ActionRange,
        Self::Word,
        Self::CountPerActionAndDay,
    ];

    /// As in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::TargetNewest => "newest 50 of a target",
            Self::ActorDay => "an actor's day",
            Self::TenantFeed => "a tenant's feed",
            Self::ById => "get by id",
            Self::ActionRange => "action, time range",
            Self::Word => "word search",
            Self::CountPerActionAndDay => "count per action, day",
        }
    }
}

/// One question to one tenant's log.
#[derive(Clone, Debug)]
pub struct Question {
    /// Whose log.
    pub tenant: String,
    /// What is asked.
    pub about: About,
}

/// What is asked; times are microseconds since 1970, the end excluded.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the members say what Kind documents")]
pub enum About {
    TargetNewest { kind: String, id: String },
    ActorDay { kind: String, id: String, from_us: i64, until_us: i64 },
    TenantFeed,
    ById { id: String },
    ActionRange { action: String, from_us: i64, until_us: i64 },
    Word { word: String },
    CountPerActionAndDay,
}

impl Question {
    /// A question of this kind about a random event among the first `loaded`, so that what is asked for often is what
    /// happens often.
    pub fn random(kind: Kind, workload: &Workload, loaded: u64, random: &mut Random) -> Self {
        loop {
            let event = workload.event(random.below(loaded));
            if let Some(question) = Self::about(kind, event, workload, random) {
                return question;
            }
        }
    }

    /// `None` where the event has no such thing to ask about.
    fn about(kind: Kind, event: Event, workload: &Workload, random: &mut Random) -> Option<Self> {
        let at_us = event.occurred_at?.as_microsecond();
        let about = match kind {
            Kind::TargetNewest => {
                let target = event.targets.into_iter().next()?;
                About::TargetNewest { kind: target.kind, id: target.id }
            }
            Kind::ActorDay => {
                let from_us = at_us - at_us.rem_euclid(DAY_US);
                About::ActorDay { kind: event.actor.kind, id: event.actor.id?, from_us, until_us: from_us + DAY_US }
            }
            Kind::TenantFeed => About::TenantFeed,
            Kind::ById => About::ById { id: event.id? },
            Kind::ActionRange => {
                let width_us = DAY_US / 12 + random.below(2 * DAY_US as u64) as i64;
                About::ActionRange {
                    action: event.action,
                    from_us: at_us - width_us / 2,
                    until_us: at_us + width_us / 2,
                }
            }
            Kind::Word => About::Word { word: workload.vocabulary().search_word(random).to_owned() },
            Kind::CountPerActionAndDay => About::CountPerActionAndDay,
        };
        Some(Self { tenant: event.tenant?, about })
    }
}

/// What a contestant found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The ids of the entries; each body was read too.
    Entries(Vec<String>),
    /// Action, day and count.
    Counts(Vec<(String, Day, u64)>),
}

/// A day as it was answered: told apart from the same day in another form only once the clock has stopped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Day {
    /// Days since 1970-01-01.
    Since1970(i64),
    /// As `2026-09-15`.
    Text(String),
}

impl Day {
    /// In the one form that is compared.
    fn settled(self) -> Self {
        let Self::Text(text) = &self else { return self };
        let date = text.parse::<Date>();
        date.map_or(self, |date| Self::Since1970(date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24))
    }
}

impl Answer {
    /// What every contestant must agree on. A full page depends on the order in which concurrent clients entered their
    /// batches, so only its length is compared; a page that holds all there is, and counts, are compared as sets.
    pub fn settled(self) -> Self {
        match self {
            Self::Entries(mut ids) if ids.len() < PAGE => {
                ids.sort_unstable();
                Self::Entries(ids)
            }
            Self::Entries(ids) => Self::Entries(vec![String::new(); ids.len()]),
            Self::Counts(counts) => {
                let settled = counts.into_iter().map(|(action, day, count)| (action, day.settled(), count));
                let mut counts: Vec<_> = settled.collect();
                counts.sort_unstable();
                Self::Counts(counts)
            }
        }
    }

    /// Entries found, or lines of a count.
    pub fn rows(&self) -> usize {
        match self {
            Self::Entries(ids) => ids.len(),
            Self::Counts(counts) => counts.len(),
        }
    }
}
