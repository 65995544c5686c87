//! Row capture: generated triggers write what changed in captured tables into the outbox; here it becomes events.

mod definition;
mod events;
mod install;
mod plan;
mod shapes;
mod size;
mod value;

pub use definition::Definition;
pub use events::events;
pub use install::{
    CapturedTable, Problem, Status, Undelivered, captured, install, statements, status, sync, tables, uninstall,
};
pub use plan::{Captured, ColumnName, Entity, Pattern, Plan, TableName, entity};
pub(crate) use shapes::Shapes;

/// What belongs to row capture in the schema `deedbook`, as SQL: run after [`schema::SQL`](crate::schema::SQL), in the
/// same transaction and by the same role; it may be run again at any time.
pub const SQL: &str = include_str!("capture.sql");
