//! The history of one thing: its entries → versions, its state at a moment, who set what, differences, the way back.
//!
//! Nothing is stored for this: state is folded from the `changes` of the entries about the thing. What the log cannot
//! know is told as unknown and never guessed; docs/history.md has the rules, in the order of these files:
//!
//! * `effect`: what an entry does to a thing; `claim`: what its changes say.
//! * `node`: a document of which some places are unknown, each with the entry that set it.
//! * `fold`: entries up to a moment, forwards; `backward`: later entries, whose `from` tells what had been before.
//! * `bound`: how much memory that may take.
//! * `listing`: what is known, read out; `state`: the answer; `difference` and `words`: two of them compared; `restore`: the JSON Patch that leads back.
//! * `reader`: all of this over a [`Store`](crate::Store) within a [`Scope`](crate::Scope).

mod backward;
mod bound;
mod claim;
mod difference;
mod effect;
mod fold;
mod listing;
mod mark;
mod moment;
mod node;
mod reader;
mod restore;
mod state;
mod target;
mod words;

pub use bound::STATE_BYTES_MAX;
pub use difference::{Diff, Difference, ItemChange};
pub use effect::Effect;
pub use fold::CONTRADICTIONS_MAX;
pub use mark::Mark;
pub use moment::Moment;
pub use reader::{Around, History, Version, VersionPage};
pub use restore::{Operation, Restoration};
pub use state::{Contradiction, Existence, Field, FieldValue, Sight, State, Unknown};
pub use target::TargetId;
pub use words::{Piece, WORK_MAX};
