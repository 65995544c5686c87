//! Which call of a simulated disk goes wrong, and how.

use std::io;

/// What goes wrong in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The device reports an error (`EIO`). A write may have been done in part; after a sync, bytes that were not
    /// durable before may be lost, and syncing again does not bring them back.
    Error,
    /// No space is left (`ENOSPC`).
    Full,
    /// A signal came first (`EINTR`); nothing was done.
    Interrupted,
    /// A read or a write does half of what was asked for; other calls succeed.
    Short,
}

/// How long a fault goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// One call.
    Once,
    /// Every call from that one on.
    Forever,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Error, Self::Full, Self::Interrupted, Self::Short];

    /// The error of the operating system, if it is one.
    pub(super) fn error(self) -> Option<io::Error> {
        match self {
            Self::Error => Some(io::Error::other("the simulated device failed")),
            Self::Full => Some(io::ErrorKind::StorageFull.into()),
            Self::Interrupted => Some(io::ErrorKind::Interrupted.into()),
            Self::Short => None,
        }
    }
}

/// The fault that a disk was told to have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) call: u64,
    pub(super) fault: Fault,
    pub(super) lasting: Lasting,
}

impl Plan {
    pub(super) fn at(&self, call: u64) -> Option<Fault> {
        let hit = match self.lasting {
            Lasting::Once => call == self.call,
            Lasting::Forever => call >= self.call,
        };
        hit.then_some(self.fault)
    }
}
