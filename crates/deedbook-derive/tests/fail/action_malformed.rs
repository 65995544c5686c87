//! Actions that the log would refuse.

#[derive(deedbook::Event)]
#[event(action = "InvoiceApproved")]
struct One;

#[derive(deedbook::Event)]
#[event(action = "audit.viewed")]
struct Other;

fn main() {}
