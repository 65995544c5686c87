//! A field that has no text.

#[derive(serde::Serialize)]
struct Money(u32);

#[derive(deedbook::Event)]
#[event(action = "invoice.approved", describe = "{actor} approved {amount}")]
struct InvoiceApproved {
    amount: Money,
}

fn main() {}
