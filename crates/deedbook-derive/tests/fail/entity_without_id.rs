//! An entity that cannot be found again, and one whose secret would be written into every event.

#[derive(deedbook::Entity)]
struct Invoice {
    number: u32,
}

#[derive(deedbook::Entity)]
struct Key {
    #[entity(id, secret)]
    key: String,
}

fn main() {}
