//! A second target that does not say what its part in the act is.

#[derive(deedbook::Event)]
#[event(action = "document.shared")]
struct DocumentShared {
    #[event(target)]
    document: deedbook::Target,
    #[event(target)]
    recipient: deedbook::Target,
}

fn main() {}
