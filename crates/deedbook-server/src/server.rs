//! The door: what a server holds, how it begins and how it ends.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deedbook_core::{Error, ErrorKind, Result, Scope, Store, Timestamp};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::admission::Budget;
use crate::cursor::Cursors;
use crate::figures::Figures;
use crate::limits::Limits;
use crate::problem::{Answer, Problem};
use crate::secret::Secret;
use crate::settings::{AdminToken, Settings};
use crate::{api, connection};

/// Gives the present instant.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How a server is set up; `Options::default()` suits a first start.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// What a stranger can make grow.
    pub limits: Limits,
    /// The administrator's token that the environment names, at least 32 characters. It replaces the one named before.
    pub admin_token: Option<Secret>,
    /// How clients reach the server, such as `https://audit.example`; from the header `Host` where absent.
    pub public_url: Option<String>,
    /// By what tokens expire and relative times of queries are meant.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self { limits: Limits::default(), admin_token: None, public_url: None, clock: Arc::new(Timestamp::now) }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("limits", &self.limits)
            .field("public_url", &self.public_url)
            .finish_non_exhaustive()
    }
}

/// The HTTP API over a store.
pub struct Server {
    app: Arc<App>,
}

/// What every endpoint shares. Endpoints reach the store through `recording` and `reading` alone.
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(crate) cursors: Cursors,
    pub(crate) figures: Figures,
    pub(crate) public_url: Option<String>,
    pub(crate) bodies: Budget,
    pub(crate) appends: Budget,
    pub(crate) computing: Arc<Semaphore>,
    pub(crate) reads: Arc<Semaphore>,
    pub(crate) requests: Semaphore,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) phase: watch::Sender<Phase>,
    /// How many entries are visible, told by the follower.
    pub(crate) visible: watch::Sender<u64>,
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
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
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

impl Server {
    /// A server over `store`. Reads the settings from it, and enters what is missing among them: the administrator's
    /// token and the key of cursors.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the administrator's token of `options` is too short; as [`Store::submit`] and
    /// [`Store::page`].
    pub fn new(store: Arc<dyn Store>, options: Options) -> Result<(Self, AdminToken)> {
        let Options { limits, admin_token, public_url, clock } = options;
        let settings = Settings::load(store.clone(), clock.clone())?;
        let admin = settings.ensure_admin(admin_token.as_ref())?;
        let app = App {
            cursors: Cursors::new(&settings.ensure_cursor_key()?),
            figures: Figures::new(),
            public_url: public_url.map(|url| url.trim_end_matches('/').to_owned()),
            bodies: Budget::new(limits.bodies_bytes_max),
            appends: Budget::new(limits.append_bytes_max),
            computing: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from))),
            reads: Arc::new(Semaphore::new(limits.reads_max)),
            requests: Semaphore::new(limits.requests_max),
            streams: Arc::new(Semaphore::new(limits.streams_max)),
            phase: watch::Sender::new(Phase::Serving),
            visible: watch::Sender::new(store.visible_count()),
            settings,
            limits,
            store,
            clock,
        };
        Ok((Self { app: Arc::new(app) }, admin))
    }

    /// Answers on `listener` until `shutdown` is ready; then finishes the requests that were begun, ends the tails, and
    /// lets go of the store.
    ///
    /// # Errors
    /// [`ErrorKind::Poisoned`] when a failed write has made the log refuse every append: the server ends, for nothing
    /// more can be acknowledged until the log is opened anew. [`ErrorKind::Io`] when a thread cannot be started.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<()> {
        let follower = Follower::start(self.app.clone())?;
        let router = api::router(&self.app);
        connection::serve(&self.app, router, listener, shutdown).await;
        follower.stop().await;
        match *self.app.phase.borrow() {
            Phase::Poisoned => Err(Error::new(
                ErrorKind::Poisoned,
                "a write to the disk failed: nothing more can be recorded until the log is opened anew",
            )),
            _ => Ok(()),
        }
    }

    /// The description of the API as OpenAPI 3.1, in JSON.
    pub fn openapi() -> String {
        api::openapi_json()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("phase", &*self.app.phase.borrow()).finish_non_exhaustive()
    }
}

/// The thread that learns of new entries, whoever entered them, and tells the tails.
struct Follower {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

/// How long the follower waits for an entry before it looks whether it is to end.
const FOLLOW_WAIT_MAX: Duration = Duration::from_millis(250);
/// How long the follower rests after news: under load it wakes the tails fifty times a second, not for each entry.
const FOLLOW_REST: Duration = Duration::from_millis(20);

impl Follower {
    fn start(app: Arc<App>) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let follow = move || {
            while !stopped.load(Ordering::Relaxed) {
                follow_once(&app);
            }
        };
        let thread = std::thread::Builder::new().name("deedbook-follower".to_owned()).spawn(follow);
        let thread = thread.map_err(|error| Error::new(ErrorKind::Io, "cannot start a thread").with_source(error))?;
        Ok(Self { stop, thread })
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        // It ends within FOLLOW_WAIT_MAX; waiting for it must not hold a thread of the runtime.
        let _ = tokio::task::spawn_blocking(move || self.thread.join()).await;
    }
}

fn follow_once(app: &App) {
    let scope = Scope::unrestricted("the server tells tails and settings of every new entry");
    let known = *app.visible.borrow();
    let news = app.store.follow(known, 1, FOLLOW_WAIT_MAX, &scope);
    app.figures.upkeep();
    if news.as_ref().is_ok_and(Vec::is_empty) {
        return;
    }
    // Settings come first: whoever is woken by a revocation must find it.
    let visible = app.store.visible_count();
    if let Err(error) = news.and_then(|_| app.settings.refresh()) {
        tracing::error!(%error, "new entries cannot be read");
    } else {
        app.visible.send_replace(visible);
    }
    std::thread::sleep(FOLLOW_REST);
}
