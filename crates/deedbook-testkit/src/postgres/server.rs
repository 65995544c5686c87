//! A PostgreSQL server in a temporary directory, or one of someone else's that is known by its address.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What a run could not do, for people.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// How long a server may take to start, recovery after a crash included.
const START_MAX: Duration = Duration::from_secs(60);
/// The variable that names the directory of another version's `initdb` and `postgres`.
const PROGRAMS: &str = "DEEDBOOK_POSTGRES_BIN";
/// Starts the server as its own child and sends it the signal that is written to its standard input; SIGQUIT, which is
/// `pg_ctl stop -m immediate`, where that ends without one because whoever started it is gone.
const KEEPER: &str = r#""$@" & server=$!; read -r signal; kill -"${signal:-QUIT}" $server; wait $server"#;

/// A server that can be connected to.
pub struct Server {
    place: Place,
}

enum Place {
    Elsewhere(String),
    Own(Own),
}

/// A server that was started for this run; it is stopped when this is dropped.
struct Own {
    programs: PathBuf,
    user: Option<User>,
    arguments: Vec<String>,
    running: Mutex<Option<Child>>,
    directory: TempDir,
}

/// Whom the server runs as, since it refuses to run as root.
#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

/// How a server stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// Sessions are ended, what was committed is written out.
    Fast,
    /// As if it had crashed: the next start recovers.
    Immediate,
}

impl Server {
    /// Whether the programs of a server are on this machine.
    pub fn is_installed() -> bool {
        programs().is_some()
    }

    /// The server at `url`. Its processes belong to someone else, so their CPU time is not known.
    pub fn at(url: impl Into<String>) -> Self {
        Self { place: Place::Elsewhere(url.into()) }
    }

    /// Makes a cluster in a temporary directory under `parent` and starts a server on it that listens on a socket in
    /// that directory alone, with `settings` over those that `initdb` gives.
    ///
    /// # Errors
    /// When the programs are missing, or there is no user but root to run them, or they fail.
    pub fn start(parent: &Path, settings: &[(&str, &str)]) -> Result<Self, Error> {
        let programs = programs().ok_or("no initdb on PATH or in /usr/lib/postgresql: install postgresql")?;
        let user = if rustix::process::geteuid().is_root() { Some(user("postgres")?) } else { None };
        let directory = tempfile::Builder::new().prefix("deedbook-pg-").tempdir_in(parent)?;
        if let Some(user) = user {
            chown(directory.path(), Some(user.uid), Some(user.gid))?;
        }
        initdb(&programs, user, directory.path())?;
        let path = |path: &Path| path.display().to_string();
        let mut arguments = vec!["-D".to_owned(), path(&directory.path().join("data"))];
        arguments.extend(["-k".to_owned(), path(directory.path()), "-c".to_owned(), "listen_addresses=".to_owned()]);
        for (name, value) in settings {
            arguments.extend(["-c".to_owned(), format!("{name}={value}")]);
        }
        let own = Own { programs, user, arguments, running: Mutex::new(None), directory };
        own.start()?;
        Ok(Self { place: Place::Own(own) })
    }

    /// For clients of `database`; the address of a server of someone else's names its own database.
    pub fn url(&self, database: &str) -> String {
        self.url_as(database, "deedbook")
    }

    /// For clients of `database` who log in as `role`, without a password.
    pub fn url_as(&self, database: &str, role: &str) -> String {
        match &self.place {
            Place::Elsewhere(url) => url.clone(),
            Place::Own(own) => {
                format!("postgresql:///{database}?host={}&user={role}", own.directory.path().display())
            }
        }
    }

    /// Stops a server of our own; it stays stopped until [`Server::restart`].
    ///
    /// # Errors
    /// When it does not run, or is not ours.
    pub fn stop(&self, halt: Halt) -> Result<(), Error> {
        self.own()?.stop(halt)
    }

    /// Starts a server of our own that was stopped, and waits until it takes connections.
    ///
    /// # Errors
    /// When it does not start, or is not ours.
    pub fn restart(&self) -> Result<(), Error> {
        self.own()?.start()
    }

    /// CPU time of all processes of the server, ended ones too; zero for a server of someone else's.
    ///
    /// # Errors
    /// When the tables of processes cannot be read.
    pub fn cpu(&self) -> Result<Duration, Error> {
        match &self.place {
            Place::Elsewhere(_) => Ok(Duration::ZERO),
            Place::Own(own) => family_cpu(own.postmaster()?),
        }
    }

    fn own(&self) -> Result<&Own, Error> {
        match &self.place {
            Place::Elsewhere(_) => Err("the server was not started here".into()),
            Place::Own(own) => Ok(own),
        }
    }
}

impl Own {
    fn start(&self) -> Result<(), Error> {
        let log = fs::File::options().append(true).create(true).open(self.directory.path().join("log"))?;
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh"]).arg(self.programs.join("postgres")).args(&self.arguments);
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        command.process_group(0);
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            return Err("the server runs already".into());
        }
        let child = running.insert(command.spawn()?);
        let begun = Instant::now();
        while !self.is_ready() {
            if child.try_wait()?.is_some() || begun.elapsed() > START_MAX {
                return Err(format!("PostgreSQL did not start: {}", self.log_tail()).into());
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn stop(&self, halt: Halt) -> Result<(), Error> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut child = running.take().ok_or("the server does not run")?;
        let signal = match halt {
            Halt::Fast => "INT\n",
            Halt::Immediate => "QUIT\n",
        };
        child.stdin.take().ok_or("the server has no keeper")?.write_all(signal.as_bytes())?;
        child.wait()?;
        Ok(())
    }

    /// Whether the file by which `pg_ctl` knows it too says so: its first line is the id of the process, its eighth the
    /// state. The server removes it when it ends.
    fn is_ready(&self) -> bool {
        let file = fs::read_to_string(self.directory.path().join("data/postmaster.pid"));
        file.is_ok_and(|file| file.lines().nth(7).is_some_and(|state| state.trim() == "ready"))
    }

    fn postmaster(&self) -> Result<u32, Error> {
        let file = fs::read_to_string(self.directory.path().join("data/postmaster.pid"))?;
        Ok(file.lines().next().ok_or("postmaster.pid is empty")?.trim().parse()?)
    }

    fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        let from = log.len().saturating_sub(2000);
        log.get(from..).unwrap_or(&log).to_owned()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // What it holds goes with its directory, so there is nothing to write out.
        drop(self.stop(Halt::Immediate));
    }
}

/// The directory of `initdb`: the one that [`PROGRAMS`] names, whatever is in it, else that of PATH, else that of the
/// newest version where Debian puts them.
fn programs() -> Option<PathBuf> {
    if let Some(directory) = std::env::var_os(PROGRAMS) {
        return Some(directory.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find(|directory| directory.join("initdb").is_file());
    on_path.or_else(|| {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
        let found = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").is_file());
        found.max_by_key(|bin| {
            bin.parent()
                .and_then(Path::file_name)
                .and_then(OsStr::to_str)
                .and_then(|version| version.parse::<u32>().ok())
        })
    })
}

fn user(name: &str) -> Result<User, Error> {
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find(|line| line.split(':').next() == Some(name));
    let fields: Vec<&str> =
        line.ok_or_else(|| format!("there is no user {name}, and root must not run it"))?.split(':').collect();
    match fields[..] {
        [_, _, uid, gid, ..] => Ok(User { uid: uid.parse()?, gid: gid.parse()? }),
        _ => Err("/etc/passwd is malformed".into()),
    }
}

fn initdb(programs: &Path, user: Option<User>, directory: &Path) -> Result<(), Error> {
    let mut command = Command::new(programs.join("initdb"));
    command.arg("-D").arg(directory.join("data"));
    command.args(["-A", "trust", "-U", "deedbook", "-E", "UTF8", "--locale=C", "--no-sync"]);
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    let output = command.current_dir("/").stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{}: {error}", programs.join("initdb").display()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim()).into()),
    }
}

/// CPU time of a process, of its children, and of children that it has waited for.
fn family_cpu(parent: u32) -> Result<Duration, Error> {
    let mut ticks = 0;
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process that ended meanwhile is counted among those its parent waited for.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let fields: Vec<u64> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .skip(1)
            .map(|field| field.parse().unwrap_or(0))
            .collect();
        // After the name and the state: the parent's id, and at 10 to 13 the times (proc(5), fields 4, 14 to 17).
        match (fields.first(), fields.get(10..14)) {
            (_, Some(times)) if pid == parent => ticks += times.iter().sum::<u64>(),
            (Some(&of), Some(times)) if of == u64::from(parent) => ticks += times.iter().sum::<u64>(),
            _ => {}
        }
    }
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}
