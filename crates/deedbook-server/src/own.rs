//! The log's own entries: how they are made, in the tenant `_deedbook`, for administrators alone.

use deedbook_core::{Actor, Draft, Event, Limits, OWN_TENANT, Result, prepare, prepare_own};

use crate::secret::fill_random;

/// Makes a draft of an entry of the log's own: in its own tenant, for administrators.
///
/// # Errors
/// As [`prepare_own`].
pub fn draft(event: Event) -> Result<Draft> {
    draft_in(OWN_TENANT, event)
}

/// Makes a draft of an entry of the log's own in `tenant`.
///
/// # Errors
/// As [`prepare_own`].
pub(crate) fn draft_in(tenant: &str, event: Event) -> Result<Draft> {
    let event = Event {
        tenant: Some(tenant.to_owned()),
        category: Some("admin".to_owned()),
        audience: Some(Vec::new()),
        ..event
    };
    prepare_own(event, &Limits::default(), random)
}

/// Makes a draft of an entry about a read, in the tenant that was read: for administrators, and by nobody's audience.
///
/// # Errors
/// As [`prepare_own`].
pub(crate) fn access_draft(tenant: &str, event: Event) -> Result<Draft> {
    let event = Event { tenant: Some(tenant.to_owned()), category: Some("access".to_owned()), audience: None, ..event };
    prepare_own(event, &Limits::default(), random)
}

/// Makes a draft of what a caller claims.
///
/// # Errors
/// As [`prepare`].
pub(crate) fn caller_draft(event: Event) -> Result<Draft> {
    prepare(event, &Limits::default(), random)
}

/// Checks the name of a tenant by the rule that events obey.
///
/// # Errors
/// [`deedbook_core::ErrorKind::Invalid`] with one problem at `/tenant`.
pub(crate) fn check_tenant(tenant: &str) -> Result<()> {
    let event = Event { tenant: Some(tenant.to_owned()), ..Event::new("tenant.named", Actor::without_id("system")) };
    caller_draft(event).map(drop)
}

fn random() -> [u8; 16] {
    let mut random = [0; 16];
    fill_random(&mut random);
    random
}
