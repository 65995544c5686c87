//! Two fields for one place, and two places for one field.

#[derive(deedbook::Event)]
#[event(action = "a.b")]
struct One {
    #[event(reason)]
    reason: String,
    #[event(reason)]
    why: String,
}

#[derive(deedbook::Event)]
#[event(action = "a.b")]
struct Other {
    #[event(personal, secret)]
    note: String,
}

fn main() {}
