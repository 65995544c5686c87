//! A small invoice service: sessions, roles and a background job, each act of which is in an audit log.
//!
//! * `events` declares what can happen: this is all that an application writes for its log.
//! * `people` has the users, their roles and sessions; signing in names the actor of everything that follows.
//! * `routes` does the work and records it; `reminders` is the job that runs aside and acts by itself.
//!
//! The invoices are in memory: this shows the log, not a database.

mod events;
mod people;
mod reminders;
mod routes;

pub use routes::router;
