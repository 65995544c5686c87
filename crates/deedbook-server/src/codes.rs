//! One-time codes: what may stand in a URL in place of a token, for a short time and for one use.
//!
//! They are kept in memory alone: whoever holds one when the server starts anew asks for another one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use deedbook_core::Timestamp;
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use crate::secret::{base32, fill_random};

/// How long a code is good for that a page hands to another: 60 s, the time to load it.
pub(crate) const PAGE_LIFE: SignedDuration = SignedDuration::from_secs(60);
/// How long a code is good for that a person reads in a terminal.
pub(crate) const PERSON_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// Codes at one time: 100,000, each some 100 bytes.
const CODES_MAX: usize = 100_000;

/// The codes that were given out and not brought back.
#[derive(Default)]
pub(crate) struct Codes(Mutex<HashMap<[u8; 32], Given>>);

struct Given {
    what: String,
    until: Timestamp,
}

impl Codes {
    /// A code for what has this id, and until when it is good; `None` where there are too many.
    pub(crate) fn give(&self, what: &str, now: Timestamp, life: SignedDuration) -> Option<(String, Timestamp)> {
        let mut random = [0; 32];
        fill_random(&mut random);
        let code = base32(&random);
        let until = now.checked_add(life).ok()?;
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if codes.len() >= CODES_MAX {
            codes.retain(|_, given| now < given.until);
        }
        if codes.len() >= CODES_MAX {
            return None;
        }
        codes.insert(hash(&code), Given { what: what.to_owned(), until });
        Some((code, until))
    }

    /// The id of a code, which is good for nothing after that.
    pub(crate) fn take(&self, code: &str, now: Timestamp) -> Option<String> {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let given = codes.remove(&hash(code))?;
        (now < given.until).then_some(given.what)
    }
}

fn hash(code: &str) -> [u8; 32] {
    Sha256::digest(code.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once_and_for_a_minute() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let codes = Codes::default();
        let (code, until) = codes.give("ses_1", at(100), PAGE_LIFE).unwrap();
        assert_eq!((code.len(), until), (52, at(160)));
        assert_eq!(codes.take("x", at(100)), None);
        assert_eq!(codes.take(&code, at(159)).as_deref(), Some("ses_1"));
        assert_eq!(codes.take(&code, at(159)), None);
        let (late, _) = codes.give("ses_1", at(100), PAGE_LIFE).unwrap();
        assert_eq!(codes.take(&late, at(160)), None);
    }
}
