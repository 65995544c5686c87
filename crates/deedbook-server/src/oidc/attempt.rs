//! One attempt to sign in, from the way to the provider to the way back. It is kept by the browser, in a cookie that
//! nobody else can make: the server holds nothing for those who never come back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deedbook_core::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::seal::Seal;
use crate::secret::fill_random;

/// How long somebody may take at the provider.
pub(crate) const ATTEMPT_SECONDS: i64 = 600;

/// What is remembered until the browser comes back.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// Ties the answer of the provider to this browser.
    pub(crate) state: String,
    /// Ties the ID token to this attempt.
    pub(crate) nonce: String,
    /// Proves to the provider that who comes for the token is who began.
    pub(crate) verifier: String,
    /// Where the browser goes when all is done: a path of this server.
    pub(crate) return_to: String,
    /// Seconds since 1970.
    expires: i64,
}

/// Makes and reads the cookies of attempts.
pub(crate) struct Attempts(Seal);

impl Attempts {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(Seal::new(key, "sign-in"))
    }

    /// The text of a cookie with the attempt in it.
    pub(crate) fn seal(&self, attempt: &Attempt) -> String {
        self.0.close(attempt)
    }

    /// The attempt of a cookie, if it is not over.
    pub(crate) fn open(&self, cookie: &str, now: Timestamp) -> Option<Attempt> {
        self.0.open(cookie).filter(|attempt: &Attempt| now.as_second() < attempt.expires)
    }
}

impl Attempt {
    /// A new one that ends at `return_to`, or at the first page where that is no path of this server.
    pub(crate) fn begin(return_to: Option<&str>, now: Timestamp) -> Self {
        Self {
            state: random_text(),
            nonce: random_text(),
            verifier: random_text(),
            return_to: return_to.filter(|path| is_local(path)).unwrap_or("/").to_owned(),
            expires: now.as_second() + ATTEMPT_SECONDS,
        }
    }

    /// What the provider is given of the verifier.
    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()))
    }
}

/// Whether a browser stays on this server when it is sent there: `//host` and `/\host` lead elsewhere.
fn is_local(path: &str) -> bool {
    let mut characters = path.chars();
    let begins_here = characters.next() == Some('/') && !matches!(characters.next(), Some('/' | '\\'));
    begins_here && path.len() <= 2048 && path.chars().all(|character| character.is_ascii_graphic())
}

/// 256 random bits.
fn random_text() -> String {
    let mut random = [0; 32];
    fill_random(&mut random);
    URL_SAFE_NO_PAD.encode(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn an_attempt_comes_back_from_its_cookie_until_it_is_over() {
        let attempts = Attempts::new([7; 32]);
        let attempt = Attempt::begin(Some("/log?q=actor:a"), at(1000));
        let cookie = attempts.seal(&attempt);
        let back = attempts.open(&cookie, at(999 + ATTEMPT_SECONDS)).expect("the attempt");
        assert_eq!((&back.state, &back.return_to), (&attempt.state, &attempt.return_to));
        assert!(attempts.open(&cookie, at(1000 + ATTEMPT_SECONDS)).is_none(), "it is over");
    }

    #[test]
    fn the_browser_is_never_sent_elsewhere() {
        for (wanted, gets) in [
            ("/log", "/log"),
            ("/", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("", "/"),
        ] {
            assert_eq!(Attempt::begin(Some(wanted), at(0)).return_to, gets, "{wanted:?}");
        }
    }

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636, appendix B.
        let mut attempt = Attempt::begin(None, at(0));
        attempt.verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        assert_eq!(attempt.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
