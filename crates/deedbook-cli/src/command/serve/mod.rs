//! `serve`: a directory → the HTTP API, until it is told to end.

#[cfg(feature = "archive")]
mod archiving;
mod config;
mod sinks;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use deedbook_core::retention::{Age, Rules};
use deedbook_server::{AdminToken, Approval, Options, Secret, Server};
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;

#[cfg(feature = "archive")]
use self::archiving::Archiving;
use crate::book::Book;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;
use crate::output::log::{ASIDE, HEADING};
use crate::output::safe::safe;

/// How long threads that still read are waited for at the end, after the server has waited for its requests.
const THREADS_TIME_MAX: Duration = Duration::from_secs(5);

/// The arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
The first start makes an administrator's token and prints it, once. DEEDBOOK_ADMIN_TOKEN names one instead: any \
string of at least 32 characters; it replaces the one named before. With it make tokens for those who record and \
those who read: `deedbook token create --help`.

Traffic is not encrypted: listen on loopback, and put a proxy with TLS in front of it.

SIGTERM and ctrl-c end it in order: requests that were begun are answered, the log is sealed.

Example:
  deedbook serve --listen 127.0.0.1:7400")]
pub(crate) struct Serve {
    #[command(flatten)]
    door: Door,
}

/// Where and how a server answers.
#[derive(Debug, Args)]
pub(crate) struct Door {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7400")]
    listen: SocketAddr,

    /// How clients reach the server, where a proxy stands in front of it: https://audit.example
    #[arg(long, value_name = "URL", env = "DEEDBOOK_PUBLIC_URL")]
    public_url: Option<String>,

    /// The operator's file, in TOML: how staff sign in, which pages of others may ask, where entries go besides
    /// (docs/operating.md)
    #[arg(long, value_name = "FILE", env = "DEEDBOOK_CONFIG")]
    config: Option<PathBuf>,

    /// Let one administrator erase a person; two are needed otherwise
    #[arg(long, env = "DEEDBOOK_SOLE_ADMINISTRATOR")]
    sole_administrator: bool,

    /// How long backups are kept, such as 35d; certificates of erasures tell from it when the last one is gone
    #[arg(long, value_name = "TIME", env = "DEEDBOOK_BACKUPS_KEPT", value_parser = age)]
    backups_kept: Option<Age>,

    /// What the server writes to standard error: off, error, warn, info, or debug, which has a line for each request
    #[arg(long, value_name = "LEVEL", env = "DEEDBOOK_LOG", default_value = "info")]
    log: LevelFilter,
}

impl Serve {
    /// Serves the log in `directory`.
    pub(crate) fn run(self, directory: &Path) -> Outcome<Exit> {
        let book = Book::open(directory)?;
        self.door.serve(book, directory, Welcome::Token)
    }
}

/// How whoever starts a server comes into its pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Welcome {
    /// With a token.
    Token,
    /// By a link that lets in once, where the server listens on loopback.
    Link,
}

impl Door {
    /// Serves `book` until a signal comes, then closes it.
    pub(crate) fn serve(self, book: Book, directory: &Path, welcome: Welcome) -> Outcome<Exit> {
        tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(self.log).with_ansi(false).init();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::io("start the threads of the server", error))?;
        let served = runtime.block_on(self.answer(&book, directory, welcome));
        runtime.shutdown_timeout(THREADS_TIME_MAX);
        // A poisoned log cannot be closed in order; the error of the server is the one to tell.
        let closed = book.close();
        served.and(closed)?;
        Ok(Exit::Done)
    }

    async fn answer(self, book: &Book, directory: &Path, welcome: Welcome) -> Outcome<()> {
        let mut options = Options::default();
        // It has no flag, for every user of the machine can read arguments.
        options.admin_token =
            std::env::var("DEEDBOOK_ADMIN_TOKEN").ok().filter(|token| !token.is_empty()).map(Secret::new);
        options.public_url = self.public_url;
        let config = self.config.as_deref().map(config::read).transpose()?.unwrap_or_default();
        options.oidc = config.oidc;
        options.origins = config.origins;
        options.disk_usage = Some(book.measure());
        options.governance.backups_kept = self.backups_kept;
        if self.sole_administrator {
            options.governance.approval = Approval::Own;
        }
        // Whoever cannot have the address must not be given a token first.
        let listener = TcpListener::bind(self.listen).await;
        let listener = listener.map_err(|error| Failure::io(format_args!("listen on {}", self.listen), error))?;
        let address = listener.local_addr().map_err(|error| Failure::io("learn the address", error))?;
        let shutdown = signals()?;
        let couriers = sinks::couriers(book.shared(), directory);
        options.couriers = Some(couriers.clone());
        #[cfg(feature = "archive")]
        let status = config.archive.as_ref().map(|_| archiving::status());
        #[cfg(feature = "archive")]
        options.archive.clone_from(&status);
        let (server, admin) = Server::new(book.shared(), options)?;
        greet(address, &admin, directory).map_err(output::unwritable)?;
        server.new_rules().map_or(Ok(()), |rules| tell(&rules)).map_err(output::unwritable)?;
        let entrance = (welcome == Welcome::Link && address.ip().is_loopback()).then(|| server.entrance()).flatten();
        entrance.map_or(Ok(()), |path| invite(address, &path)).map_err(output::unwritable)?;
        sinks::start(&couriers, config.sinks)?;
        #[cfg(feature = "archive")]
        let archiving = config.archive.zip(status).map(|(settings, status)| Archiving::start(&settings, book, status));
        #[cfg(feature = "archive")]
        let archiving = archiving.transpose()?;
        let served = server.serve(listener, shutdown).await;
        #[cfg(feature = "archive")]
        archiving.into_iter().for_each(Archiving::stop);
        couriers.stop();
        Ok(served?)
    }
}

/// Says where the pages are, for whoever started the server.
fn invite(address: SocketAddr, path: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{HEADING}The pages{HEADING:#}, already signed in; this link lets in once, within an hour:")?;
    writeln!(out, "  http://{address}{path}")?;
    out.flush()
}

/// Says for how long entries are kept where nobody set that yet.
fn tell(rules: &Rules) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "Entries are kept so, from tomorrow on (`deedbook retention --help` tells how to change it):")?;
    rules.as_slice().iter().try_for_each(|rule| writeln!(out, "  {rule}"))?;
    out.flush()
}

fn age(text: &str) -> Result<Age, String> {
    Age::parse(text).ok_or_else(|| "expected a time such as 35d, 6m or 1y".to_owned())
}

/// Ready when the process is told to end.
pub(super) fn signals() -> Outcome<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let unheard = |error| Failure::io("listen for signals", error);
    let mut terminate = signal(SignalKind::terminate()).map_err(unheard)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unheard)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Says where it answers, and how to sign in.
fn greet(address: SocketAddr, admin: &AdminToken, directory: &Path) -> io::Result<()> {
    let mut token = "…";
    let mut out = anstream::stdout().lock();
    writeln!(out, "{HEADING}Serving{HEADING:#} {} at http://{address}", safe(&directory.display().to_string()))?;
    match admin {
        AdminToken::Made(made) => {
            writeln!(out, "The administrator's token, which is not shown again:\n  {}", made.expose())?;
            token = made.expose();
        }
        AdminToken::Taken => {
            writeln!(out, "{ASIDE}The administrator's token is that of DEEDBOOK_ADMIN_TOKEN, which is new.{ASIDE:#}")?
        }
        AdminToken::Known => {
            writeln!(out, "{ASIDE}The administrator's token is the one that was made before.{ASIDE:#}")?
        }
    }
    writeln!(out, "For the commands of another terminal:")?;
    writeln!(out, "  export DEEDBOOK_SERVER=http://{address} DEEDBOOK_TOKEN={token}")?;
    out.flush()
}
