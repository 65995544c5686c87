//! Prefixes that ids cannot have.

#[derive(deedbook::Id)]
struct One;

#[derive(deedbook::Id)]
#[id(prefix = "Inv_")]
struct Two;

#[derive(deedbook::Id)]
#[id(prefix = "evt")]
struct Three;

fn main() {}
