//! Everything that can happen, declared: the action, who may see it, which rule keeps it, and a sentence for people.
//!
//! What happens to an account names no audience: the person sees it by being its actor or target, and administrators do.
//! What happens to a project is for the holders of labels: `owners`, or also `maintainers`. Where an act concerns both
//! and each side may learn something else, it is two events with one `correlation_id`.

pub(crate) mod account;
pub(crate) mod organization;
pub(crate) mod project;
