//! An enum and a struct whose fields have no names.

#[derive(deedbook::Event)]
#[event(action = "a.b")]
enum Many {
    One,
}

#[derive(deedbook::Event)]
#[event(action = "a.b")]
struct Pair(u8, u8);

fn main() {}
