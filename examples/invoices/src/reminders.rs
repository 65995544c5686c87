//! The job that reminds the manager of invoices that wait. Nobody asked for it, so it acts as itself.

use deedbook::{Actor, Context, Deedbook, Result, context};

use crate::events::{Invoice, ReminderSent, State};
use crate::people;

/// Reminds of each invoice that waits; tells of how many.
///
/// # Errors
/// Where a reminder could not be recorded; it counts as not sent.
pub(crate) async fn send(book: &Deedbook, invoices: Vec<Invoice>) -> Result<usize> {
    let job = Context::new().actor(Actor::new("service", "reminders").named("the reminder job"));
    context::scope(job, async {
        let waiting: Vec<&Invoice> = invoices.iter().filter(|invoice| invoice.state == State::Draft).collect();
        for invoice in &waiting {
            book.record(ReminderSent { invoice, approver: people::manager() }).await?;
        }
        Ok(waiting.len())
    })
    .await
}
