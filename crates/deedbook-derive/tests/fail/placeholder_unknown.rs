//! A description that names what is not there.

#[derive(deedbook::Event)]
#[event(action = "invoice.approved", describe = "{actor} approved {invoce}")]
struct InvoiceApproved {
    #[event(target)]
    invoice: deedbook::Target,
    amount: u32,
}

fn main() {}
