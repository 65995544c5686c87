//! Braces that do not match.

#[derive(deedbook::Event)]
#[event(action = "a.b", describe = "{actor did it")]
struct Open;

#[derive(deedbook::Event)]
#[event(action = "a.b", describe = "{} did it")]
struct Empty;

fn main() {}
