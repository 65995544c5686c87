//! What the log knows of this service: its things, and what can happen to them.

use deedbook::{Changes, Entity, Event};
use serde::Serialize;

/// An invoice. What the log copies of it are its type, its id and its title.
#[derive(Entity, Clone, Serialize)]
pub(crate) struct Invoice {
    #[entity(id)]
    pub(crate) id: u32,
    #[entity(name)]
    pub(crate) title: String,
    pub(crate) cents: i64,
    pub(crate) state: State,
}

/// Where an invoice is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Draft,
    Approved,
}

#[derive(Event)]
#[event(action = "invoice.created", category = "project", audience = ["staff"], describe = "{actor} wrote {invoice}")]
pub(crate) struct InvoiceCreated<'a> {
    #[event(target)]
    pub(crate) invoice: &'a Invoice,
    #[event(changes)]
    pub(crate) changes: Changes,
}

#[derive(Event)]
#[event(
    action = "invoice.approved",
    category = "project",
    audience = ["staff"],
    describe = "{actor} approved {invoice}",
    describe_denied = "{actor} may not approve {invoice}"
)]
pub(crate) struct InvoiceApproved<'a> {
    #[event(target)]
    pub(crate) invoice: &'a Invoice,
    #[event(outcome)]
    pub(crate) outcome: deedbook::Outcome,
    #[event(changes)]
    pub(crate) changes: Changes,
    #[event(personal)]
    pub(crate) note: Option<&'a str>,
}

#[derive(Event)]
#[event(action = "reminder.sent", category = "project", describe = "{actor} reminded {approver} of {invoice}")]
pub(crate) struct ReminderSent<'a> {
    #[event(target)]
    pub(crate) invoice: &'a Invoice,
    #[event(target(role = "approver"))]
    pub(crate) approver: &'a crate::people::User,
}
