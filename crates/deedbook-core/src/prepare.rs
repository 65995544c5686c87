//! [`Event`] → [`Draft`]: check, bound, redact, canonicalise.
//!
//! Nothing else sees an event before this has passed, and no problem repeats a value: it names the place and the rule.
//! Names and texts may hold any character: whoever chooses them must not be able to make an act unrecordable, so
//! escaping them is the business of whoever shows them.

mod check;

use std::borrow::Cow;

use serde_json::Value;

use crate::json::{DEPTH_MAX, push_segment};
use crate::{
    Error, ErrorKind, Event, EventId, OWN_TENANT, Outcome, Problem, Result, canonical, commitment, number, time,
};

/// What an event may measure. The depth of nesting is not among it: 32 is part of the format.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of the canonical form: 256 KiB, some 370 times the typical event of 700 bytes.
    pub canonical_bytes_max: usize,
    /// Bytes of names and addresses (`name`, `email`): 256, as e-mail addresses end at 254.
    pub name_bytes_max: usize,
    /// Bytes of the ids of actors, targets and credentials: 1,024, enough for the ARNs and URLs that serve as ids.
    pub entity_id_bytes_max: usize,
    /// Bytes of short words: `schema`, `category`, `role`, labels, ids of the context, `auth`, `source`, `error.code`.
    pub word_bytes_max: usize,
    /// Bytes of `href` and `http.route`: 2,048, what browsers and proxies agree on.
    pub link_bytes_max: usize,
    /// Bytes of `context.user_agent`: 1,024, four times what browsers send.
    pub user_agent_bytes_max: usize,
    /// Targets of one event: 32; with names of 256 bytes and ids of 1,024 they take 41 KiB of 256.
    pub targets_max: usize,
    /// Levels of `on_behalf_of` behind the actor: 3, an agent for an engineer for a customer and one to spare.
    pub on_behalf_of_max: usize,
    /// Pointers in `personal`: 32, each with a commitment of about 0.2 µs.
    pub personal_max: usize,
    /// Bytes of a JSON Pointer in `personal` or `changes`: 1,024, 32 levels of names of 31 bytes.
    pub pointer_bytes_max: usize,
    /// Labels in `audience`: 32.
    pub audience_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            canonical_bytes_max: 256 * 1024,
            name_bytes_max: 256,
            entity_id_bytes_max: 1024,
            word_bytes_max: 256,
            link_bytes_max: 2048,
            user_agent_bytes_max: 1024,
            targets_max: 32,
            on_behalf_of_max: 3,
            personal_max: 32,
            pointer_bytes_max: 1024,
            audience_max: 32,
        }
    }
}

/// A checked event in canonical form, ready to be appended.
#[derive(Clone, Debug)]
pub struct Draft {
    event: Event,
    canonical: Vec<u8>,
    id_origin: IdOrigin,
    tenant_origin: TenantOrigin,
}

/// Who chose the id of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdOrigin {
    /// The caller: the event may be a repetition.
    Given,
    /// [`prepare`], from fresh random bytes: no other event has it.
    Generated,
}

/// Who chose the tenant of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TenantOrigin {
    Given,
    Default,
}

impl Draft {
    /// The event after defaults and redaction; `id` and `tenant` are present.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Its canonical bytes.
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.event.id.as_deref().expect("prepare sets the id")
    }

    /// Its tenant.
    pub fn tenant(&self) -> &str {
        self.event.tenant.as_deref().expect("prepare sets the tenant")
    }

    /// Who chose the id.
    pub fn id_origin(&self) -> IdOrigin {
        self.id_origin
    }

    /// The canonical bytes as another log is to be sent them: without the tenant where the caller named none, so that
    /// the log that accepts the event decides.
    pub fn claim(&self) -> Cow<'_, [u8]> {
        match self.tenant_origin {
            TenantOrigin::Given => Cow::Borrowed(&self.canonical),
            TenantOrigin::Default => Cow::Owned(commitment::without_member(&self.canonical, b"tenant")),
        }
    }

    /// Takes it apart into event and canonical bytes.
    pub fn into_parts(self) -> (Event, Vec<u8>) {
        (self.event, self.canonical)
    }
}

/// Checks `event` and makes a draft of it. `fresh_id` gives 16 random bytes and is called only where `event.id` is
/// absent and nothing is wrong.
///
/// Defaults: tenant `default`, outcome `success`. Redacted changes lose their values, times what is below a microsecond,
/// and empty objects become absent, so that the event of a draft is what its canonical bytes read back as.
///
/// # Errors
/// [`ErrorKind::Invalid`] with every rule that is broken; [`ErrorKind::TooLarge`] where the canonical form is over the
/// limit; nothing is ever trimmed.
pub fn prepare(event: Event, limits: &Limits, fresh_id: impl FnOnce() -> [u8; 16]) -> Result<Draft> {
    draft(event, limits, fresh_id, Door::Callers)
}

/// As [`prepare`], for the log's own entries: actions under `audit.` and the tenant `_deedbook` pass.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_own(event: Event, limits: &Limits, fresh_id: impl FnOnce() -> [u8; 16]) -> Result<Draft> {
    draft(event, limits, fresh_id, Door::Own)
}

/// By which door an event comes in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    Callers,
    Own,
}

fn draft(mut event: Event, limits: &Limits, fresh_id: impl FnOnce() -> [u8; 16], door: Door) -> Result<Draft> {
    settle(&mut event);
    let problems = check::event(&mut event, limits, door);
    if !problems.is_empty() {
        return Err(Error::from_problems(problems));
    }
    let id_origin = if event.id.is_some() { IdOrigin::Given } else { IdOrigin::Generated };
    let tenant_origin = if event.tenant.is_some() { TenantOrigin::Given } else { TenantOrigin::Default };
    event.id.get_or_insert_with(|| EventId::from_random(fresh_id()).to_string());
    event.tenant.get_or_insert_with(|| "default".to_owned());
    event.outcome.get_or_insert(Outcome::Success);
    let mut canonical = Vec::with_capacity(1024);
    canonical::write_event(&event, &mut canonical);
    if canonical.len() > limits.canonical_bytes_max {
        let message = format!(
            "the canonical form of the event has {} bytes, the limit is {}; keep large content elsewhere and record a link and a hash",
            canonical.len(),
            limits.canonical_bytes_max
        );
        return Err(Error::new(ErrorKind::TooLarge, message));
    }
    Ok(Draft { event, canonical, id_origin, tenant_origin })
}

/// Redacts, and gives everything the one form in which it is compared.
pub(crate) fn settle(event: &mut Event) {
    event.occurred_at = event.occurred_at.map(time::truncated);
    for change in event.changes.iter_mut().filter(|change| change.redacted) {
        change.from = None;
        change.to = None;
    }
    drop_empty(&mut event.error);
    drop_empty(&mut event.source);
    drop_empty(&mut event.context.auth);
    drop_empty(&mut event.context.http);
}

fn drop_empty<T: Default + PartialEq>(part: &mut Option<T>) {
    if part.as_ref().is_some_and(|part| *part == T::default()) {
        *part = None;
    }
}

/// The canonical bytes of a JSON value: names sorted by UTF-16 code units, no white space, numbers as ECMAScript.
///
/// Source: RFC 8785.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for what canonical bytes of an event cannot hold: nesting over 32
/// deep, numbers beyond ±(2^53 − 1).
pub fn canonical_json(value: &Value) -> Result<Vec<u8>> {
    let mut settled = value.clone();
    check::settle_value(&mut settled)?;
    let mut out = Vec::new();
    canonical::write_value(&settled, &mut out);
    Ok(out)
}
