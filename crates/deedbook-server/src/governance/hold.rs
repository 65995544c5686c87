//! Placing and releasing holds, and what they cover of a removal that is about to begin.

use std::collections::BTreeSet;
use std::sync::Arc;

use deedbook_core::{Order, Result};

use super::walk::each_page;
use super::{Governance, Watch};
use crate::settings::{Author, Hold, NewHold};

impl Governance {
    /// Places a hold. When this returns, nothing that it covers is taken away any more, whatever goes on meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid) with pointers to what is wrong; as
    /// [`Store::submit`](deedbook_core::Store::submit).
    pub fn place_hold(&self, new: NewHold, author: &Author) -> Result<Arc<Hold>> {
        let hold = self.settings.enter_hold(new, author)?;
        // Whoever takes entries away looks at the holds once more after taking this: who has it now may not have seen it.
        drop(self.removing());
        Ok(hold)
    }

    /// Releases a hold. `None` where there is no such hold; nothing happens to one that is released.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid) without a reason; as
    /// [`Store::submit`](deedbook_core::Store::submit).
    pub fn release_hold(&self, id: &str, reason: &str, author: &Author) -> Result<Option<Arc<Hold>>> {
        self.settings.release_hold(id, reason, author)
    }

    /// The ids of the holds that are in force.
    pub(super) fn known_holds(&self) -> BTreeSet<String> {
        self.settings.holds_in_force().iter().map(|hold| hold.id.clone()).collect()
    }

    /// Which of `positions`, which rise, are covered by holds that came after those `known`; with the first such hold.
    pub(super) fn newly_held(
        &self,
        positions: &[u64],
        known: &BTreeSet<String>,
        watch: &Watch<'_>,
    ) -> Result<(BTreeSet<u64>, Option<Arc<Hold>>)> {
        self.settings.refresh()?;
        let mut held = BTreeSet::new();
        let mut first = None;
        for hold in self.settings.holds_in_force().iter().filter(|hold| !known.contains(&hold.id)) {
            let (query, scope) = hold.question();
            each_page(&*self.store, (query, &scope), Order::Ascending, watch, |page| {
                let covered = page.iter().map(|entry| entry.receipt.position);
                let before = held.len();
                held.extend(covered.filter(|position| positions.binary_search(position).is_ok()));
                if held.len() > before && first.is_none() {
                    first = Some(hold.clone());
                }
                Ok(())
            })?;
        }
        Ok((held, first))
    }
}
