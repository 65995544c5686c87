//! Row capture: generated triggers write what changed in captured tables into the outbox; here it becomes events.
//!
//! The triggers are made by functions of the schema `deedbook` ([`SQL`]), so that a change of a table can renew them in
//! its own transaction. A [`Plan`] says which tables, [`install`] has them captured, [`events`] reads what they write.

mod definition;
mod events;
mod field;
mod install;
mod names;
mod plan;
mod shapes;
mod size;
mod value;

pub use definition::Definition;
pub use events::events;
pub use install::{
    CapturedTable, Problem, Status, Undelivered, captured, install, statements, status, sync, tables, uninstall,
};
pub use names::{ColumnName, Pattern, TableName};
pub use plan::{Captured, Entity, Plan, entity};
pub(crate) use shapes::Shapes;

/// What belongs to row capture in the schema `deedbook`, as SQL: run after [`schema::SQL`](crate::schema::SQL), in the
/// same transaction and by the same role; it may be run again at any time.
pub const SQL: &str =
    concat!(include_str!("describe.sql"), "\n", include_str!("generate.sql"), "\n", include_str!("install.sql"));
