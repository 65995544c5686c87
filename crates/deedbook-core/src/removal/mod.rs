//! Taking away: what is removed from accepted entries, and the entries of the log that authorise it.
//!
//! A store only carries a removal out ([`Store::retire`](crate::Store::retire), [`Store::erase`](crate::Store::erase)).
//! Whoever decides on it has an authorising entry ([`Authority`]) durable in the same tenant first; a hole without one
//! is refused by whoever checks the log.

mod authority;
mod seqs;

use crate::commitment::{FieldKind, erase, fields};
use crate::{Error, Event, OWN_TENANT, Problem, Result};

pub use authority::{Authority, ERASED, Erasing, Place, RETIRED, Retirement, TEXT_BYTES_MAX};
pub use seqs::Seqs;

/// What is taken from one entry for a person's sake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Position of the entry in the log.
    pub position: u64,
    /// What goes.
    pub what: Erased,
}

/// What is erased from an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Erased {
    /// The personal values at these JSON Pointers; what was erased before stays erased.
    Values(Vec<String>),
    /// Everything but tenant, id, `recorded_at` and event root.
    Content,
}

/// The positions are in the log, which ends at `end`, and each is greater than the one before.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with `not_rising` or `no_such_position`.
pub fn check_positions(positions: impl IntoIterator<Item = u64>, end: u64) -> Result<()> {
    let mut next = 0;
    for position in positions {
        if position < next {
            let detail = format!("position {position} comes after {}; give each once, the smallest first", next - 1);
            return Err(Error::invalid("", "not_rising", detail));
        }
        if position >= end {
            let detail = format!("there is no entry at position {position}: the log holds {end}");
            return Err(Error::invalid("", "no_such_position", detail));
        }
        next = position + 1;
    }
    Ok(())
}

/// Whether an entry with this action may never be taken away: the log's own tenant holds its settings, and without the
/// entries that authorise removals the holes of a log would be unexplained.
pub fn is_kept_for_good(tenant: &str, action: &str) -> bool {
    tenant == OWN_TENANT || action == RETIRED || action == ERASED
}

/// The refusal to take away an entry that is kept for good.
pub fn kept_for_good(position: u64) -> Error {
    let detail = format!(
        "the entry at position {position} is kept for good: it is a setting of the log or authorises a removal; \
         leave it out"
    );
    Error::invalid("", "kept_for_good", detail)
}

/// The canonical bytes without the values at `paths`, and the event that is left; the event root stays. `salt_of` is
/// asked for each value that goes.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with `not_personal` for a path that is not that of a personal value,
/// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) where the bytes cannot be those of an event.
pub fn without_values(
    canonical: &[u8],
    paths: &[String],
    position: u64,
    salt_of: impl FnMut(&str) -> Option<[u8; 16]>,
) -> Result<(Vec<u8>, Event)> {
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let erased = erase(canonical, &paths, salt_of).map_err(|error| at(position, error))?;
    let event = Event::from_canonical(&erased)?;
    Ok((erased, event))
}

fn at(position: u64, error: Error) -> Error {
    if error.problems().is_empty() {
        return error;
    }
    let named = |problem: &Problem| Problem {
        detail: format!("the entry at position {position}: {}", problem.detail),
        ..problem.clone()
    };
    let problems = error.problems().iter().map(named).collect();
    error.with_problems(problems)
}

/// Whether values were erased from these canonical bytes: a raw zero byte cannot occur in JSON.
pub fn has_erased_values(canonical: &[u8]) -> bool {
    canonical.contains(&0)
}

/// The paths of the values that were erased from these canonical bytes.
///
/// # Errors
/// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) where the bytes cannot be those of an event.
pub fn erased_paths(canonical: &[u8]) -> Result<Vec<String>> {
    let erased = fields(canonical)?.into_iter().filter(|field| field.kind == FieldKind::Erased);
    Ok(erased.map(|field| field.path).collect())
}
