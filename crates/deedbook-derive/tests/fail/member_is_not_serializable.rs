//! A field that cannot become metadata.

struct Money(u32);

#[derive(deedbook::Event)]
#[event(action = "invoice.approved")]
struct InvoiceApproved {
    amount: Money,
}

fn main() {}
