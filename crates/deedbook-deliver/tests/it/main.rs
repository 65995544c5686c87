//! Records of every format, and sinks against real servers, through the public API.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod cloudevents;
mod conformance;
mod ecs;
mod golden;
mod hostile;
mod http;
#[cfg(feature = "kafka")]
mod kafka;
mod log;
mod names;
#[cfg(feature = "nats")]
mod nats;
mod ocsf;
mod postgres;
mod rsyslog;
mod samples;
mod schema;
mod syslog;
mod template;
