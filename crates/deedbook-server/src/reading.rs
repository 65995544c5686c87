//! The only way out of the log: every read of every endpoint passes [`App::read`], with whoever reads, how, and what is
//! asked; and every read is entered.
//!
//! Reads block on files, so each runs on a thread of its own, a bounded number at a time.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use deedbook_core::{Cancellation, Result, Scope, Store, Tenants};
use tokio::sync::OwnedSemaphorePermit;

use crate::access::Caller;
use crate::app::App;
use crate::problem::{Answer, Problem};
use crate::readings::Asked;
use crate::token::TokenKind;

/// A caller who may read, and what is asked.
pub(crate) struct Reader(pub(crate) Caller, pub(crate) Asked);

impl FromRequestParts<Arc<App>> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<Self> {
        let caller = Caller::allowed(parts, app, TokenKind::may_read, "read").await?;
        Ok(Self(caller, Asked::from_parts(&parts.uri, &parts.extensions)))
    }
}

/// How the log is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadKind {
    /// A page of entries.
    List,
    /// One entry.
    Entry,
    /// Numbers of entries.
    Count,
    /// Entries as a file.
    Export,
    /// Entries as they come.
    Tail,
    /// The entries about one thing, and what is folded from them.
    History,
}

impl ReadKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Entry => "entry",
            Self::Count => "count",
            Self::Export => "export",
            Self::Tail => "tail",
            Self::History => "history",
        }
    }
}

impl App {
    /// A turn among those who read.
    ///
    /// # Errors
    /// 503 where too many read.
    pub(crate) async fn read_turn(&self) -> Answer<OwnedSemaphorePermit> {
        let turn = tokio::time::timeout(self.limits.read_wait_max, self.reads.clone().acquire_owned()).await;
        turn.ok().and_then(std::result::Result::ok).ok_or_else(no_turn)
    }

    /// Reads the log for `reader` within `scope`, and enters that it was read.
    ///
    /// # Errors
    /// 503 where too many read, 500 where the log cannot be read.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        reader: &Reader,
        kind: ReadKind,
        scope: &Scope,
        work: impl FnOnce(&dyn Store) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        self.note_read(reader, kind, scope);
        self.look(kind, work).await
    }

    /// Enters that `reader` reads the log.
    pub(crate) fn note_read(&self, reader: &Reader, kind: ReadKind, scope: &Scope) {
        let tenant = match scope.tenants() {
            Tenants::One(tenant) => Some(tenant.as_str()),
            Tenants::All | Tenants::AllAndOwn => None,
        };
        self.readings.viewed(&reader.0, kind.as_str(), tenant, &reader.1);
    }

    /// Reads the log once more for somebody whose reading was entered before, or is by what comes of it.
    ///
    /// # Errors
    /// As [`App::read`].
    pub(crate) async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        kind: ReadKind,
        work: impl FnOnce(&dyn Store) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        let turn = self.read_turn().await?;
        self.figures.read(kind.as_str());
        let app = self.clone();
        let wanted = Wanted::default();
        let cancellation = wanted.0.clone();
        let read = tokio::task::spawn_blocking(move || {
            // The turn belongs to the work: whoever asked may have gone or been given up, and the work ends later.
            let _turn = turn;
            cancellation.watch(|| work(&*app.store))
        });
        let read = read.await;
        let read = read.map_err(|error| {
            tracing::error!(%error, "a read ended without a result");
            Problem::internal()
        })?;
        read.map_err(Problem::from)
    }
}

/// A read that somebody waits for. Dropped with the request, also where that was given up.
#[derive(Default)]
struct Wanted(Cancellation);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn no_turn() -> Problem {
    Problem::overloaded("more requests read the log than it answers at this moment; try again later")
}
