//! Attributes with a slip of the pen.

#[derive(deedbook::Event)]
#[event(action = "a.b", audiences = ["x"])]
struct One;

#[derive(deedbook::Event)]
#[event(action = "a.b")]
struct Other {
    #[event(privat)]
    note: String,
}

fn main() {}
