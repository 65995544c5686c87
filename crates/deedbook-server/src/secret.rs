//! Secrets that do not print themselves, and the text of a token.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::token::TokenKind;

/// A text that must not reach a log: `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text into custody.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for whoever it is meant for.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A fresh token `deed_<kind>_<random>_<checksum>`: 256 random bits and a CRC-32C of all before it, in base 32.
    ///
    /// The prefix lets scanners of repositories find it, the checksum lets them be sure without asking anyone.
    pub(crate) fn generate(kind: TokenKind) -> Self {
        let mut random = [0; 32];
        fill_random(&mut random);
        let head = format!("{PREFIX}{}_{}", kind.as_str(), base32(&random));
        let checksum = checksum(&head);
        Self(format!("{head}_{checksum}"))
    }

    /// What is kept of it.
    ///
    /// One round of SHA-256 is right here, and a slow hash for passwords is not: a token has 256 random bits, so nobody
    /// can try them all, and every request pays for the hash.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// Whether it has the form of a token of ours and not its checksum: a part of it is missing or mistyped.
    pub(crate) fn is_damaged(&self) -> bool {
        self.0.starts_with(PREFIX) && self.0.rsplit_once('_').is_none_or(|(head, sum)| checksum(head) != sum)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Random bytes of the operating system.
pub(crate) fn fill_random(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the operating system gives random bytes");
}

const PREFIX: &str = "deed_";

fn checksum(head: &str) -> String {
    base32(&crc32c::crc32c(head.as_bytes()).to_be_bytes())
}

/// Base 32 in lower case without padding: letters and digits alone, so that a double click selects all of a token.
///
/// Source: RFC 4648, section 6.
pub(crate) fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut buffer, mut bits) = (0_u32, 0);
    for byte in bytes {
        buffer = (buffer << 8 | u32::from(*byte)) & 0xfff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(buffer >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(buffer << (5 - bits) & 31) as usize]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_the_rfc() {
        for (bytes, text) in [("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foobar", "mzxw6ytboi")] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_token_has_its_parts_and_notices_a_lost_letter() {
        let token = Secret::generate(TokenKind::Write);
        let parts: Vec<&str> = token.expose().split('_').collect();
        assert_eq!((parts[0], parts[1], parts[2].len(), parts[3].len()), ("deed", "write", 52, 7));
        assert!(!token.is_damaged());
        assert!(Secret::new(&token.expose()[..70 - 9]).is_damaged());
        assert!(Secret::new(token.expose().replacen("write", "admin", 1)).is_damaged());
        assert!(!Secret::new("a token of the administrator's own").is_damaged());
        assert_ne!(token, Secret::generate(TokenKind::Write));
        assert_eq!(format!("{token:?}"), "Secret(…)");
    }
}
