//! Typed ids: a prefix that says what it is and 16 random bytes.

use std::marker::PhantomData;

/// What an [`Id`] names.
pub trait IdKind {
    /// Lower-case letters and digits before the underscore, such as `user`.
    const PREFIX: &'static str;
}

/// The id of a `T`.
pub struct Id<T: IdKind> {
    bytes: [u8; 16],
    kind: PhantomData<fn() -> T>,
}

impl<T: IdKind> Id<T> {
    /// An id of these random bytes.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self { bytes, kind: PhantomData }
    }
}
