//! A target of a type that the log knows nothing about.

struct Money(u32);

#[derive(deedbook::Event)]
#[event(action = "invoice.approved")]
struct InvoiceApproved {
    #[event(target)]
    amount: Money,
}

fn main() {}
