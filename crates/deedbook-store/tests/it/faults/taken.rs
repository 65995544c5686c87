//! What a client had taken away, as far as it knows.

use std::collections::BTreeMap;

use deedbook_core::removal::{Erased, Erasure, erased_paths, without_values};
use deedbook_core::{Draft, Entry, OWN_TENANT, Receipt};

/// Tenant and id.
pub(super) type Identity = (String, String);

/// What goes, each more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Taking {
    Name,
    Content,
    Retire,
}

/// The personal value that every event has of which a name is taken.
const NAME: &str = "/actor/name";

impl Taking {
    /// Whether this can be taken from an event.
    pub(super) fn fits(self, draft: &Draft) -> bool {
        draft.tenant() != OWN_TENANT && (self != Self::Name || draft.event().actor.name.is_some())
    }

    pub(super) fn erasure(self, position: u64) -> Erasure {
        let what = match self {
            Self::Name => Erased::Values(vec![NAME.to_owned()]),
            Self::Content | Self::Retire => Erased::Content,
        };
        Erasure { position, what }
    }

    /// Whether `entry` is what is left of `draft` when this was taken: whole, where nothing was.
    pub(super) fn leaves(taken: Option<Self>, draft: &Draft, entry: &Entry) -> bool {
        if taken.is_none() {
            return entry.canonical == draft.canonical();
        }
        let left = without_values(draft.canonical(), &[NAME.to_owned()], 0, |_| Some([0; 16]));
        taken == Some(Self::Name)
            && left.is_ok_and(|(_, event)| event == entry.event)
            && erased_paths(&entry.canonical).is_ok_and(|paths| paths == [NAME])
    }
}

/// When the log was asked to take something, and when it said that it was done: steps of the disk.
struct Asked {
    taking: Taking,
    begun: usize,
    done: Option<usize>,
}

/// Everything that a client had taken away.
#[derive(Default)]
pub(super) struct TakenAway(BTreeMap<Identity, Vec<Asked>>);

impl TakenAway {
    pub(super) fn begin(&mut self, receipts: &[Receipt], taking: Taking, step: usize) {
        for receipt in receipts {
            let identity = (receipt.tenant.clone(), receipt.id.clone());
            self.0.entry(identity).or_default().push(Asked { taking, begun: step, done: None });
        }
    }

    /// What was begun last is done.
    pub(super) fn end(&mut self, receipts: &[Receipt], step: usize) {
        for receipt in receipts {
            let asked = self.0.get_mut(&(receipt.tenant.clone(), receipt.id.clone()));
            asked.and_then(|asked| asked.last_mut()).expect("it was begun").done = Some(step);
        }
    }

    /// The most that may be gone after so many steps.
    pub(super) fn may(&self, identity: &Identity, step: usize) -> Option<Taking> {
        self.most(identity, |asked| asked.begun <= step)
    }

    /// The most that must be gone after so many steps.
    pub(super) fn must(&self, identity: &Identity, step: usize) -> Option<Taking> {
        self.most(identity, |asked| asked.done.is_some_and(|done| done <= step))
    }

    fn most(&self, identity: &Identity, counts: impl Fn(&Asked) -> bool) -> Option<Taking> {
        let asked = self.0.get(identity)?.iter();
        asked.filter(|asked| counts(asked)).map(|asked| asked.taking).max()
    }

    /// Whether an entry is as it may be after so many steps: what must be gone is, and nothing else.
    pub(super) fn allows(&self, draft: &Draft, entry: &Entry, step: usize) -> bool {
        let identity = (entry.receipt.tenant.clone(), entry.receipt.id.clone());
        let (must, may) = (self.must(&identity, step), self.may(&identity, step));
        let is_whole = must.is_none() && Taking::leaves(None, draft, entry);
        let is_blanked =
            must <= Some(Taking::Name) && may.is_some() && Taking::leaves(Some(Taking::Name), draft, entry);
        is_whole || is_blanked
    }

    /// Those that must be retired after so many steps.
    pub(super) fn retired(&self, step: usize) -> impl Iterator<Item = &Identity> {
        self.0.keys().filter(move |identity| self.must(identity, step) == Some(Taking::Retire))
    }
}
