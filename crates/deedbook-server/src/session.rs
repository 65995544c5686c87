//! Who is signed in at the page: a cookie that names a token, for some hours. The secret of the token is not in it.

use deedbook_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::seal::Seal;

/// How long somebody stays signed in who came with a token.
pub(crate) const TOKEN_SESSION_SECONDS: i64 = 8 * 3600;

/// Makes and reads sessions. A session is worth what its token is: it ends when that is revoked or expires.
pub(crate) struct Sessions(Seal);

#[derive(Serialize, Deserialize)]
struct Session {
    /// Id of the token.
    token: String,
    /// Seconds since 1970.
    expires: i64,
}

impl Sessions {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(Seal::new(key, "session"))
    }

    /// The value of the cookie of who holds this token, until `expires`.
    pub(crate) fn begin(&self, token_id: &str, expires: Timestamp) -> String {
        self.0.close(&Session { token: token_id.to_owned(), expires: expires.as_second() })
    }

    /// The id of the token, if the session is not over.
    pub(crate) fn token_id(&self, cookie: &str, now: Timestamp) -> Option<String> {
        let session: Session = self.0.open(cookie)?;
        (now.as_second() < session.expires).then_some(session.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_names_its_token_until_it_is_over() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let sessions = Sessions::new([7; 32]);
        let cookie = sessions.begin("tok_1", at(100));
        assert_eq!(sessions.token_id(&cookie, at(99)).as_deref(), Some("tok_1"));
        assert_eq!(sessions.token_id(&cookie, at(100)), None);
        assert_eq!(Sessions::new([8; 32]).token_id(&cookie, at(99)), None);
    }
}
