//! Cursors: a position in the log that only this log can read, and only for the query and scope it was given for.
//!
//! A cursor is a synthetic initialisation vector and sixteen bytes encrypted under it: whoever holds it learns nothing
//! of the position, and a cursor that was changed, or brought to another query, is refused. It does not expire and
//! outlives a restart, for its key stands in the log.
//!
//! Source: the construction is that of RFC 5297 (SIV) with HMAC-SHA-256 in place of CMAC and CTR; one block suffices.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deedbook_core::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::problem::{Answer, Problem};

/// Writes and reads the cursors of one log.
pub(crate) struct Cursors {
    tag_key: [u8; 32],
    cipher_key: [u8; 32],
}

/// What a cursor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The entry beyond which the page begins.
    pub(crate) position: u64,
    /// What relative times of the query are relative to, so that all pages answer one question.
    pub(crate) now: Timestamp,
}

/// What a cursor belongs to: the texts that decide which entries there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Binding(Vec<u8>);

impl Binding {
    /// The same, with a further text.
    pub(crate) fn with(mut self, text: Option<&str>) -> Self {
        // The length and the mark of absence keep neighbouring texts apart.
        let text = text.map(str::as_bytes);
        self.0.extend_from_slice(&text.map_or(u64::MAX, |text| text.len() as u64).to_be_bytes());
        self.0.extend_from_slice(text.unwrap_or_default());
        self
    }
}

const TAG_BYTES: usize = 16;
const PLAIN_BYTES: usize = 16;

impl Cursors {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self {
            tag_key: mac(key, b"deedbook/cursor/tag/v1", b""),
            cipher_key: mac(key, b"deedbook/cursor/cipher/v1", b""),
        }
    }

    pub(crate) fn write(&self, binding: &Binding, place: Place) -> String {
        let plain = place.to_bytes();
        let tag = self.tag(binding, &plain);
        let cipher = self.crypt(&tag, plain);
        URL_SAFE_NO_PAD.encode([tag, cipher].concat())
    }

    /// # Errors
    /// 400 where the text is no cursor of this log, query and scope.
    pub(crate) fn read(&self, binding: &Binding, text: &str) -> Answer<Place> {
        let refused = || {
            let detail = "the cursor is not one of this query, scope and log; take `next` or `prev` of a page as it is";
            Problem::malformed("bad_cursor", detail)
        };
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
        let bytes: [u8; TAG_BYTES + PLAIN_BYTES] = bytes.try_into().map_err(|_| refused())?;
        let (tag, cipher) = bytes.split_at(TAG_BYTES);
        let tag: [u8; TAG_BYTES] = tag.try_into().map_err(|_| refused())?;
        let plain = self.crypt(&tag, cipher.try_into().map_err(|_| refused())?);
        if self.tag(binding, &plain) != tag {
            return Err(refused());
        }
        Place::from_bytes(plain).ok_or_else(refused)
    }

    fn tag(&self, binding: &Binding, plain: &[u8; PLAIN_BYTES]) -> [u8; TAG_BYTES] {
        first_half(mac(&self.tag_key, &binding.0, plain))
    }

    /// Encrypts and decrypts alike.
    fn crypt(&self, tag: &[u8; TAG_BYTES], mut bytes: [u8; PLAIN_BYTES]) -> [u8; PLAIN_BYTES] {
        let stream: [u8; PLAIN_BYTES] = first_half(mac(&self.cipher_key, tag, b""));
        bytes.iter_mut().zip(stream).for_each(|(byte, key)| *byte ^= key);
        bytes
    }
}

impl Place {
    fn to_bytes(self) -> [u8; PLAIN_BYTES] {
        let mut bytes = [0; PLAIN_BYTES];
        bytes[..8].copy_from_slice(&self.position.to_be_bytes());
        bytes[8..].copy_from_slice(&self.now.as_microsecond().to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; PLAIN_BYTES]) -> Option<Self> {
        let (position, now) = bytes.split_at(8);
        let position = u64::from_be_bytes(position.try_into().ok()?);
        let now = Timestamp::from_microsecond(i64::from_be_bytes(now.try_into().ok()?)).ok()?;
        Some(Self { position, now })
    }
}

/// HMAC-SHA-256 of two texts, the first of which must have a length of its own for each purpose.
pub(crate) fn mac(key: &[u8; 32], first: &[u8], second: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(first);
    mac.update(second);
    mac.finalize().into_bytes().into()
}

fn first_half(digest: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(position: u64) -> Place {
        Place { position, now: Timestamp::from_microsecond(1_790_000_000_123_456).unwrap() }
    }

    #[test]
    fn a_cursor_reads_back_for_its_own_query_and_log_alone() {
        let cursors = Cursors::new(&[7; 32]);
        let binding = Binding::default().with(Some("action:a.b")).with(None);
        let text = cursors.write(&binding, place(42));
        assert_eq!(cursors.read(&binding, &text).unwrap(), place(42));
        let others = [Binding::default().with(Some("action:a.b")).with(Some("")), Binding::default().with(None)];
        assert!(others.iter().all(|other| cursors.read(other, &text).is_err()));
        assert!(Cursors::new(&[8; 32]).read(&binding, &text).is_err());
    }

    #[test]
    fn no_changed_cursor_is_read() {
        let cursors = Cursors::new(&[7; 32]);
        let binding = Binding::default();
        let bytes = URL_SAFE_NO_PAD.decode(cursors.write(&binding, place(42))).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(cursors.read(&binding, &URL_SAFE_NO_PAD.encode(changed)).is_err(), "bit {bit}");
        }
        for text in ["", "x", "42", "////", &URL_SAFE_NO_PAD.encode(&bytes[1..])] {
            assert!(cursors.read(&binding, text).is_err(), "{text}");
        }
    }

    #[test]
    fn neighbouring_positions_have_nothing_in_common() {
        let cursors = Cursors::new(&[7; 32]);
        let bits = |position| URL_SAFE_NO_PAD.decode(cursors.write(&Binding::default(), place(position))).unwrap();
        let (one, two) = (bits(1), bits(2));
        let differing: u32 = one.iter().zip(&two).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert!((80..176).contains(&differing), "{differing} of 256 bits differ");
    }
}
