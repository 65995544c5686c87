//! The key of cursors. It stands in the log so that cursors outlive a restart and hold at every server of one log.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deedbook_core::{Actor, Entry, Error, ErrorKind, Event, Result};

use super::Settings;
use crate::secret::fill_random;

pub(super) const CREATED: &str = "audit.cursor_key.created";

/// The actions of this setting.
pub(super) const ACTIONS: [&str; 1] = [CREATED];

/// The id of the one entry with the key: who enters a second one gets a conflict, and uses the first.
const ID: &str = "audit.cursor_key";

/// The first key that was entered.
#[derive(Default)]
pub(super) struct CursorKey(Option<[u8; 32]>);

impl CursorKey {
    pub(super) fn enter(&mut self, entry: &Entry) {
        self.0 = self.0.or_else(|| key(entry));
    }
}

fn key(entry: &Entry) -> Option<[u8; 32]> {
    let key = entry.event.metadata.get("key")?.as_str()?;
    URL_SAFE_NO_PAD.decode(key).ok()?.try_into().ok()
}

impl Settings {
    /// The key under which cursors are written, which is made where there is none yet.
    ///
    /// # Errors
    /// As [`Store::submit`](deedbook_core::Store::submit).
    pub(crate) fn ensure_cursor_key(&self) -> Result<[u8; 32]> {
        let _changing = self.changing();
        if let Some(key) = self.folded().cursor_key.0 {
            return Ok(key);
        }
        let mut key = [0; 32];
        fill_random(&mut key);
        let mut event = Event::new(CREATED, Actor::without_id("system"));
        event.id = Some(ID.to_owned());
        event.metadata.insert("key".to_owned(), URL_SAFE_NO_PAD.encode(key).into());
        match self.append(vec![event]) {
            // Another server of the same log was faster.
            Err(error) if error.kind() == ErrorKind::Conflict => self.refresh()?,
            other => other?,
        }
        let missing = || Error::new(ErrorKind::Corrupt, "the entry with the key of cursors cannot be read");
        self.folded().cursor_key.0.ok_or_else(missing)
    }
}
