//! The meaning of an event, through the public API.

mod canonical;
mod commitment;
mod hostile;
mod id;
mod json;
mod prepare;
mod samples;
mod tree;
mod wire;
