//! An event as a row of a hand-made audit table: the columns that are searched, and the body.

use deedbook_core::{Draft, Event, Limits, Timestamp};

/// Ready values, so that making them is no part of what the other contestants are measured by.
pub struct Row {
    /// Place in the whole table; rises by one.
    pub seq: i64,
    /// Id of the event.
    pub id: String,
    /// Its tenant.
    pub tenant: String,
    /// Microseconds since 1970.
    pub occurred_at_us: i64,
    /// Microseconds since 1970.
    pub recorded_at_us: i64,
    /// The action.
    pub action: String,
    /// Type of the actor.
    pub actor_type: String,
    /// Id of the actor, where there is one.
    pub actor_id: Option<String>,
    /// The outcome.
    pub outcome: &'static str,
    /// Type and id of each target, without repetitions.
    pub targets: Vec<(String, String)>,
    /// The canonical JSON, the very bytes that Deedbook stores.
    pub body: String,
}

/// Checks an event of the workload, with the default limits.
///
/// # Errors
/// When the event breaks a rule, which is a fault of the workload.
pub fn draft(event: Event) -> deedbook_core::Result<Draft> {
    deedbook_core::prepare(event, &Limits::default(), || unreachable!("events of the workload have ids"))
}

impl Row {
    /// The row of a checked event.
    ///
    /// # Errors
    /// When the canonical bytes are no UTF-8, which would be a fault of Deedbook.
    pub fn new(seq: u64, draft: Draft) -> crate::Result<Self> {
        let (event, canonical) = draft.into_parts();
        let recorded_at_us = Timestamp::now().as_microsecond();
        let mut targets: Vec<_> = event.targets.into_iter().map(|target| (target.kind, target.id)).collect();
        targets.sort_unstable();
        targets.dedup();
        Ok(Self {
            seq: i64::try_from(seq)?,
            id: event.id.unwrap_or_default(),
            tenant: event.tenant.unwrap_or_default(),
            occurred_at_us: event.occurred_at.map_or(recorded_at_us, |at| at.as_microsecond()),
            recorded_at_us,
            action: event.action,
            actor_type: event.actor.kind,
            actor_id: event.actor.id,
            outcome: event.outcome.map_or("success", |outcome| outcome.as_str()),
            targets,
            body: String::from_utf8(canonical)?,
        })
    }
}
