//! A description of one outcome and none of the others.

#[derive(deedbook::Event)]
#[event(action = "a.b", describe_denied = "{actor} may not")]
struct One;

fn main() {}
