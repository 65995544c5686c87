//! What every endpoint shares: the store, the settings, and what is given out and comes back.

use std::sync::Arc;

use deedbook_core::commitment::Key;
use deedbook_core::{Error, Result, Store, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::admission::Budget;
use crate::archive::ArchiveStatus;
use crate::clock::Clock;
use crate::codes::Codes;
use crate::cursor::{Cursors, mac};
use crate::figures::Figures;
use crate::governance::{Governance, Orders};
use crate::limits::Limits;
use crate::oidc::{OidcSettings, SignIn};
use crate::origins::Origins;
use crate::problem::{Answer, Problem};
use crate::readings::Readings;
use crate::server::MeasureDisk;
use crate::session::Sessions;
use crate::settings::Settings;
use crate::sinks::Sinks;

/// What every endpoint shares. Endpoints reach the store through `recording` and `reading` alone.
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) governance: Arc<Governance>,
    /// What the worker of the governance is told.
    pub(crate) orders: Arc<Orders>,
    pub(crate) limits: Limits,
    pub(crate) cursors: Cursors,
    pub(crate) sessions: Sessions,
    pub(crate) origins: Origins,
    pub(crate) sign_in: Option<SignIn>,
    pub(crate) readings: Readings,
    /// Codes of viewer sessions.
    pub(crate) codes: Codes,
    /// Codes by which somebody comes in who starts this server.
    pub(crate) entrances: Codes,
    pub(crate) figures: Figures,
    pub(crate) public_url: Option<String>,
    /// Where entries go besides, where this server looks after that.
    pub(crate) sinks: Option<Arc<Sinks>>,
    pub(crate) disk_usage: Option<MeasureDisk>,
    /// How the archive gets on, where there is one beside this server.
    pub(crate) archive: Option<ArchiveStatus>,
    pub(crate) bodies: Budget,
    pub(crate) appends: Budget,
    pub(crate) computing: Arc<Semaphore>,
    pub(crate) reads: Arc<Semaphore>,
    pub(crate) requests: Semaphore,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) phase: watch::Sender<Phase>,
    /// How many entries are visible, told by the follower.
    pub(crate) visible: watch::Sender<u64>,
    fields_key: [u8; 32],
    clock: Clock,
}

/// Where a server stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It answers.
    Serving,
    /// It finishes what was begun.
    Ending,
    /// The log refuses every append, and the server ends because of it.
    Poisoned,
}

impl App {
    /// Over a store and its settings.
    ///
    /// # Errors
    /// As [`Settings::ensure_cursor_key`]; [`deedbook_core::ErrorKind::Invalid`] where the settings of the provider or an
    /// origin cannot be.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        (settings, governance): (Arc<Settings>, Arc<Governance>),
        limits: Limits,
        (public_url, origins): (Option<String>, Vec<String>),
        oidc: Option<OidcSettings>,
        clock: Clock,
    ) -> Result<Self> {
        let key = settings.ensure_cursor_key()?;
        let figures = Figures::new();
        let sign_in = oidc.map(|oidc| {
            let missing = || {
                let detail = "signing in needs the address at which browsers reach this server: give --public-url";
                Error::invalid("/public_url", "missing_member", detail)
            };
            SignIn::new(oidc, public_url.as_ref().ok_or_else(missing)?, key)
        });
        Ok(Self {
            cursors: Cursors::new(&key),
            readings: Readings::new(&figures, clock.clone()),
            codes: Codes::default(),
            entrances: Codes::default(),
            fields_key: mac(&key, b"deedbook/fields/v1", b""),
            sessions: Sessions::new(key),
            sign_in: sign_in.transpose()?,
            origins: Origins::new(origins, public_url.as_deref())?,
            figures,
            public_url: public_url.map(|url| url.trim_end_matches('/').to_owned()),
            bodies: Budget::new(limits.bodies_bytes_max),
            appends: Budget::new(limits.append_bytes_max),
            computing: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from))),
            reads: Arc::new(Semaphore::new(limits.reads_max)),
            requests: Semaphore::new(limits.requests_max),
            streams: Arc::new(Semaphore::new(limits.streams_max)),
            phase: watch::Sender::new(Phase::Serving),
            visible: watch::Sender::new(store.visible_count()),
            sinks: None,
            disk_usage: None,
            archive: None,
            settings,
            governance,
            orders: Arc::default(),
            limits,
            store,
            clock,
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The key under which values are hashed for whoever may read `tenant`, or all where absent: what two of them see
    /// looks equal, what somebody of another tenant sees does not.
    pub(crate) fn fields_key(&self, tenant: Option<&str>) -> Key {
        Key(mac(&self.fields_key, b"tenant", tenant.unwrap_or_default().as_bytes()))
    }

    /// The position of the next entry.
    pub(crate) fn store_end(&self) -> u64 {
        self.store.visible_count()
    }

    /// A turn for an answer that goes on for long.
    ///
    /// # Errors
    /// 503 where there are too many of them.
    pub(crate) fn stream_turn(self: &Arc<Self>) -> Answer<StreamTurn> {
        let too_many =
            || Problem::overloaded("there are more tails and exports than the server takes; try again later");
        let permit = self.streams.clone().try_acquire_owned().map_err(|_| too_many())?;
        self.figures.streams.increment(1.0);
        Ok(StreamTurn { app: self.clone(), _permit: permit })
    }

    /// Notes that the log takes nothing more; `serve` ends because of it.
    pub(crate) fn note_poisoned(&self) {
        self.phase.send_replace(Phase::Poisoned);
    }
}

/// A turn that is given back when the answer has ended.
pub(crate) struct StreamTurn {
    app: Arc<App>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for StreamTurn {
    fn drop(&mut self) {
        self.app.figures.streams.decrement(1.0);
    }
}
