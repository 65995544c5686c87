//! The door: what a server holds, how it begins and how it ends.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deedbook_core::retention::Rules;
use deedbook_core::{DiskUsage, Error, ErrorKind, Result, Scope, Store, Timestamp};
use deedbook_deliver::{Couriers, Guard};
use tokio::net::TcpListener;

use crate::app::{App, Phase};
use crate::archive::ArchiveStatus;
use crate::clock::Clock;
use crate::codes::PERSON_LIFE;
use crate::governance::{Governance, Policy, Worker};
use crate::limits::Limits;
use crate::oidc::OidcSettings;
use crate::readings::Enterer;
use crate::secret::Secret;
use crate::settings::{AdminToken, DEMO, Settings};
use crate::sinks::Sinks;
use crate::{api, connection};

/// Measures the files of a store.
pub type MeasureDisk = Arc<dyn Fn() -> Result<DiskUsage> + Send + Sync>;

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
    /// Origins of other pages that may ask this server, such as `https://app.example`; each page brings the token of a
    /// viewer session, or one of kind `read`.
    pub origins: Vec<String>,
    /// The provider with which staff sign in; [`Options::public_url`] must be there too.
    pub oidc: Option<OidcSettings>,
    /// What the log's owner decides about erasures.
    pub governance: Policy,
    /// Where entries go besides. Whoever gives them ends them after [`Server::serve`].
    pub couriers: Option<Arc<Couriers>>,
    /// Where webhooks that are made through the API may lead.
    pub webhook_guard: Guard,
    /// What the files of the store take on the disk, where it has any.
    pub disk_usage: Option<MeasureDisk>,
    /// How the archive gets on that is kept beside the server.
    pub archive: Option<ArchiveStatus>,
    /// By what tokens expire and relative times of queries are meant.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            admin_token: None,
            public_url: None,
            origins: Vec::new(),
            oidc: None,
            governance: Policy::default(),
            couriers: None,
            webhook_guard: Guard::public(),
            disk_usage: None,
            archive: None,
            clock: Arc::new(Timestamp::now),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("limits", &self.limits)
            .field("public_url", &self.public_url)
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}

/// The HTTP API over a store.
pub struct Server {
    app: Arc<App>,
    has_new_rules: bool,
}

impl Server {
    /// A server over `store`. Reads the settings from it, and enters what is missing among them: the administrator's
    /// token, the key of cursors, and the rules of retention.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the administrator's token of `options` is too short, or an origin is none; as [`Store::submit`] and
    /// [`Store::page`].
    pub fn new(store: Arc<dyn Store>, options: Options) -> Result<(Self, AdminToken)> {
        let Options { limits, admin_token, public_url, origins, oidc, governance, disk_usage, clock, .. } = options;
        let settings = Arc::new(Settings::load(store.clone(), clock.clone())?);
        let admin = settings.ensure_admin(admin_token.as_ref())?;
        let has_new_rules = settings.ensure_rules()?;
        let governance = Governance::new(store.clone(), settings.clone(), clock.clone(), governance);
        let mut app = App::new(store, (settings, Arc::new(governance)), limits, (public_url, origins), oidc, clock)?;
        app.disk_usage = disk_usage;
        app.archive = options.archive;
        let sinks = |couriers| Sinks::new(couriers, options.webhook_guard, app.store.clone(), app.settings.clone());
        app.sinks = options.couriers.map(sinks).map(Arc::new);
        Ok((Self { app: Arc::new(app), has_new_rules }, admin))
    }

    /// The rules of retention, where this is the first start and nobody has set others: whoever starts the server is to
    /// read them before the first run, a day later.
    pub fn new_rules(&self) -> Option<Rules> {
        self.has_new_rules.then(|| self.app.settings.rules())
    }

    /// The path of a link by which whoever starts this server comes in as an administrator, from this machine: good
    /// for an hour and for one use.
    pub fn entrance(&self) -> Option<String> {
        let (code, _) = self.app.entrances.give(DEMO, self.app.now(), PERSON_LIFE)?;
        Some(format!("/auth/enter?code={code}"))
    }

    /// Answers on `listener` until `shutdown` is ready; then finishes the requests that were begun, ends the tails, and
    /// lets go of the store.
    ///
    /// # Errors
    /// [`ErrorKind::Poisoned`] when a failed write has made the log refuse every append: the server ends, for nothing
    /// more can be acknowledged until the log is opened anew. [`ErrorKind::Io`] when a thread cannot be started.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<()> {
        let follower = Follower::start(self.app.clone())?;
        let worker = Worker::start(self.app.governance.clone(), self.app.orders.clone())?;
        let enterer = Enterer::start(self.app.clone())?;
        self.app.sinks.iter().for_each(|sinks| sinks.begin());
        let router = api::router(&self.app);
        connection::serve(&self.app, router, listener, shutdown).await;
        worker.stop().await;
        enterer.stop().await;
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
