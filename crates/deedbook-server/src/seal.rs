//! Texts that a browser keeps for the server: what is in them can be read, and cannot be made or changed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

/// Seals values for one purpose. The key stands in the log, so that what was sealed outlives a restart.
pub(crate) struct Seal {
    key: [u8; 32],
    purpose: &'static str,
}

impl Seal {
    /// `purpose` keeps the seals of one key apart.
    pub(crate) fn new(key: [u8; 32], purpose: &'static str) -> Self {
        Self { key, purpose }
    }

    /// The value as text, of letters, digits, `-`, `_` and a dot.
    pub(crate) fn close(&self, value: &impl Serialize) -> String {
        let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).expect("what is sealed is plain data"));
        let tag = URL_SAFE_NO_PAD.encode(self.mac(&body).finalize().into_bytes());
        format!("{body}.{tag}")
    }

    /// The value of a text, if this seal made it.
    pub(crate) fn open<T: DeserializeOwned>(&self, text: &str) -> Option<T> {
        let (body, tag) = text.split_once('.')?;
        self.mac(body).verify_slice(&URL_SAFE_NO_PAD.decode(tag).ok()?).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
    }

    fn mac(&self, body: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        for part in ["deedbook/seal/v1/", self.purpose, "\0", body] {
            mac.update(part.as_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_for_its_key_and_purpose_alone() {
        let seal = Seal::new([7; 32], "a");
        let text = seal.close(&("x", 1));
        assert_eq!(seal.open::<(String, i64)>(&text), Some(("x".to_owned(), 1)));
        for other in [Seal::new([8; 32], "a"), Seal::new([7; 32], "b")] {
            assert_eq!(other.open::<(String, i64)>(&text), None);
        }
        let (body, tag) = text.split_once('.').expect("two parts");
        for forged in [format!("{body}A.{tag}"), format!("{body}."), format!(".{tag}"), body.to_owned(), String::new()]
        {
            assert_eq!(seal.open::<(String, i64)>(&forged), None, "{forged}");
        }
    }
}
