//! Typed ids: a prefix that says what it is and 16 random bytes.

#[cfg(any(feature = "postgres-types", feature = "sqlx"))]
mod columns;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Event, Result};

/// Characters of 16 bytes in base64 without padding: ⌈16 × 8 ÷ 6⌉.
const RANDOM_CHARACTERS: usize = 22;

/// What an [`Id`] names.
pub trait IdKind {
    /// Lower-case letters and digits before the underscore, such as `user`.
    const PREFIX: &'static str;
}

/// The id of a `T`: its prefix, an underscore and 16 random bytes in URL-safe base64 without padding, such as
/// `user_8hWAb-kHmq5nmfE-xPggAA`.
///
/// One id names an object everywhere and gives away neither order nor volume. Ids sort by their bytes, not their text.
///
/// ```
/// use deedbook_core::{Id, IdKind};
///
/// struct User;
/// impl IdKind for User {
///     const PREFIX: &'static str = "user";
/// }
///
/// let id: Id<User> = "user_8hWAb-kHmq5nmfE-xPggAA".parse()?;
/// assert_eq!(id.to_string(), "user_8hWAb-kHmq5nmfE-xPggAA");
/// assert!("team_8hWAb-kHmq5nmfE-xPggAA".parse::<Id<User>>().is_err());
/// # Ok::<(), deedbook_core::Error>(())
/// ```
///
/// Source of the encoding: RFC 4648, section 5.
pub struct Id<T: IdKind> {
    bytes: [u8; 16],
    kind: PhantomData<fn() -> T>,
}

/// The id that the log gives an event which has none: `evt_` and 16 random bytes.
pub type EventId = Id<Event>;

impl IdKind for Event {
    const PREFIX: &'static str = "evt";
}

impl<T: IdKind> Id<T> {
    /// An id of these random bytes.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self { bytes, kind: PhantomData }
    }

    /// The random bytes, as a database keeps them.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }
}

/// The same 16 bytes; a UUID that was not made of random bytes gives an id that tells what it was made of.
#[cfg(feature = "uuid")]
impl<T: IdKind> From<uuid::Uuid> for Id<T> {
    fn from(uuid: uuid::Uuid) -> Self {
        Self::from_random(uuid.into_bytes())
    }
}

/// The same 16 bytes.
#[cfg(feature = "uuid")]
impl<T: IdKind> From<Id<T>> for uuid::Uuid {
    fn from(id: Id<T>) -> Self {
        Self::from_bytes(id.bytes)
    }
}

impl<T: IdKind> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut encoded = [0; RANDOM_CHARACTERS];
        let length = URL_SAFE_NO_PAD.encode_slice(self.bytes, &mut encoded).map_err(|_| fmt::Error)?;
        let encoded = std::str::from_utf8(&encoded[..length]).map_err(|_| fmt::Error)?;
        write!(f, "{}_{encoded}", T::PREFIX)
    }
}

impl<T: IdKind> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T: IdKind> FromStr for Id<T> {
    type Err = Error;

    /// Reads the one text that [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with `wrong_prefix` or `bad_id`.
    fn from_str(text: &str) -> Result<Self> {
        let prefix = T::PREFIX;
        let Some((found, encoded)) = text.split_once('_') else {
            return Err(Error::invalid(
                "",
                "bad_id",
                format!("found no underscore; expected an id such as {prefix}_…"),
            ));
        };
        if found != prefix {
            let found: String = found.chars().take(32).flat_map(char::escape_debug).collect();
            let detail =
                format!("found an id that starts with \"{found}_\"; expected one that starts with \"{prefix}_\"");
            return Err(Error::invalid("", "wrong_prefix", detail));
        }
        let mut bytes = [0; 16];
        // The engine refuses padding and trailing bits, so that one id has one text.
        match URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes) {
            Ok(16) if encoded.len() == RANDOM_CHARACTERS => Ok(Self::from_random(bytes)),
            _ => {
                let length = encoded.chars().count();
                let detail = format!(
                    "found {length} characters after \"{prefix}_\" that are not 16 bytes in URL-safe base64; \
                     expected the {RANDOM_CHARACTERS} characters of an id, copied whole"
                );
                Err(Error::invalid("", "bad_id", detail))
            }
        }
    }
}

impl<T: IdKind> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: IdKind> Copy for Id<T> {}

impl<T: IdKind> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<T: IdKind> Eq for Id<T> {}

impl<T: IdKind> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: IdKind> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes.cmp(&other.bytes)
    }
}

impl<T: IdKind> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl<T: IdKind> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, T: IdKind> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<T>(PhantomData<fn() -> T>);

        impl<T: IdKind> serde::de::Visitor<'_> for Text<T> {
            type Value = Id<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an id that starts with \"{}_\"", T::PREFIX)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Id<T>, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text(PhantomData))
    }
}
