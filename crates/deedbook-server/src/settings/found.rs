//! The text of a token → the token, and whether it is accepted at this moment.

use std::sync::Arc;

use deedbook_core::Timestamp;

use super::Settings;
use super::fold::Folded;
use crate::secret::Secret;
use crate::token::Token;

/// Where a hash leads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// The place among the tokens of its kind of setting.
    pub(super) place: usize,
    /// From when on a text that was replaced is refused.
    pub(super) until: Option<Timestamp>,
}

impl Known {
    /// From `until` on it is refused, or earlier if that was said before.
    pub(super) fn ends(&mut self, until: Timestamp) {
        self.until = Some(self.until.map_or(until, |before| before.min(until)));
    }
}

/// The token of a text.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) token: Arc<Token>,
    pub(crate) life: Life,
    pub(crate) proof: Proof,
    /// From when on it is refused, as far as that is known by now.
    pub(crate) until: Option<Timestamp>,
}

/// By what somebody is known as the holder of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The hash of its text.
    Text([u8; 32]),
    /// Its id, which a cookie of this server names.
    Id(String),
}

/// Whether a token is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Live,
    /// It is expired or revoked, or its text was replaced, or the token by which it was made is not live.
    Ended,
}

impl Settings {
    /// The token of which this is the text.
    pub(crate) fn find(&self, secret: &Secret) -> Option<Found> {
        self.prove(Proof::Text(secret.sha256()))
    }

    /// Whether this proves a token at this moment.
    pub(crate) fn is_live(&self, proof: &Proof) -> bool {
        self.prove(proof.clone()).is_some_and(|found| found.life == Life::Live)
    }

    /// The token that is proved by this.
    pub(crate) fn prove(&self, proof: Proof) -> Option<Found> {
        let folded = self.folded();
        let (token, until) = match &proof {
            Proof::Text(hash) => folded.tokens.by_hash(hash).or_else(|| folded.sessions.by_hash(hash))?,
            Proof::Id(id) => (folded.tokens.by_id(id)?.clone(), None),
        };
        let now = self.now();
        let is_live =
            token.is_live(now) && until.is_none_or(|until| now < until) && folded.has_live_parent(&token, now);
        let until = [until, token.expires_at].into_iter().flatten().min();
        Some(Found { token, life: if is_live { Life::Live } else { Life::Ended }, proof, until })
    }
}

impl Folded {
    fn has_live_parent(&self, token: &Token, now: Timestamp) -> bool {
        let Some(parent) = &token.parent else { return true };
        self.tokens.by_id(parent).is_some_and(|parent| parent.is_live(now))
    }
}
