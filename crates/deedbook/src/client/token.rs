//! The token of a client: a secret that shows itself to the server alone.

use std::fmt;

use deedbook_core::{Error, ErrorKind, Result};
use reqwest::header::HeaderValue;

/// Characters of a token at most; those of Deedbook have some 60.
const TOKEN_BYTES_MAX: usize = 1024;

/// Authorises a client, as `deed_write_…`. [`Debug`](fmt::Debug) does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token of 1 to 1,024 visible ASCII characters; white space around it, as files and environments add it, is
    /// left out.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], which does not repeat it.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        if !(1..=TOKEN_BYTES_MAX).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!(
                "found a token of {} bytes that cannot be one; expected 1 to {TOKEN_BYTES_MAX} visible ASCII characters",
                text.len()
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(Self(text.to_owned()))
    }

    /// The secret itself, to be shown to whoever made it, or kept where secrets are kept.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The value of the header `Authorization`; marked as sensitive, so that it is neither shown nor compressed.
    pub(super) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0)).expect("visible ASCII is a header's value");
        value.set_sensitive(true);
        value
    }

    /// `text` without the token, in case that a server or a proxy repeats what it was sent.
    pub(super) fn redacted(&self, text: &str) -> String {
        text.replace(&self.0, "[token]")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}
