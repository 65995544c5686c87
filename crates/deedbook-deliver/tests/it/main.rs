//! Records of every format, through the public API.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod cloudevents;
mod conformance;
mod ecs;
mod golden;
mod hostile;
mod http;
mod names;
mod ocsf;
mod samples;
mod schema;
mod template;
