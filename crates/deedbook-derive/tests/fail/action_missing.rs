//! An event without an action.

#[derive(deedbook::Event)]
struct InvoiceApproved {
    amount: u32,
}

fn main() {}
