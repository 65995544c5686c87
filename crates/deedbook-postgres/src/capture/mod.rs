//! Row capture: generated triggers write what changed in captured tables into the outbox; here it becomes events.

mod definition;
mod events;
mod size;
mod value;

pub use definition::Definition;
pub use events::events;
