//! The PostgreSQL server of a run: one that was named by its address, or one that is started for it alone.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::Result;

/// A server that can be connected to.
pub struct Server {
    url: String,
    own: Option<Own>,
}

/// A server that was started for this run; it is stopped when this is dropped.
struct Own {
    programs: PathBuf,
    user: Option<User>,
    postmaster: u32,
    directory: TempDir,
}

/// Whom the server runs as, since it refuses to run as root.
#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

impl Server {
    /// The server at `url`. Its processes belong to someone else, so their CPU time is not known.
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), own: None }
    }

    /// Makes a cluster in a temporary directory under `parent` and starts a server on it that listens on a socket in
    /// that directory alone, with the settings that `initdb` gives.
    ///
    /// # Errors
    /// When the programs are missing, or there is no user but root to run them, or they fail.
    pub fn start(parent: &Path) -> Result<Self> {
        let programs = programs().ok_or("no initdb on PATH or in /usr/lib/postgresql: install postgresql")?;
        let user = if rustix::process::geteuid().is_root() { Some(user("postgres")?) } else { None };
        let directory = tempfile::Builder::new().prefix("deedbook-pg-").tempdir_in(parent)?;
        if let Some(user) = user {
            chown(directory.path(), Some(user.uid), Some(user.gid))?;
        }
        let data = directory.path().join("data");
        run(&programs, "initdb", user, &[&data], &["-A", "trust", "-U", "deedbook", "-E", "UTF8", "--locale=C"])?;
        let options = format!("-c listen_addresses='' -k '{}'", directory.path().display());
        let log = directory.path().join("log");
        run(&programs, "pg_ctl", user, &[&data], &["-w", "-l", &log.to_string_lossy(), "-o", &options, "start"])?;
        let postmaster = fs::read_to_string(data.join("postmaster.pid"))?;
        let postmaster = postmaster.lines().next().ok_or("postmaster.pid is empty")?.trim().parse()?;
        let url = format!("host={} user=deedbook dbname=postgres", directory.path().display());
        Ok(Self { url, own: Some(Own { programs, user, postmaster, directory }) })
    }

    /// For clients.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// CPU time of all processes of the server, ended ones too; zero for a server of someone else's.
    ///
    /// # Errors
    /// When the tables of processes cannot be read.
    pub fn cpu(&self) -> Result<Duration> {
        self.own.as_ref().map_or(Ok(Duration::ZERO), |own| family_cpu(own.postmaster))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let data = self.directory.path().join("data");
        if let Err(error) = run(&self.programs, "pg_ctl", self.user, &[&data], &["-w", "-m", "fast", "stop"]) {
            eprintln!("PostgreSQL was not stopped: {error}");
        }
    }
}

/// The directory of `initdb`: of PATH, else the newest version where Debian puts them.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find(|directory| directory.join("initdb").is_file());
    on_path.or_else(|| {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(std::result::Result::ok);
        let found = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").is_file());
        found.max_by_key(|bin| {
            bin.parent()
                .and_then(Path::file_name)
                .and_then(OsStr::to_str)
                .and_then(|version| version.parse::<u32>().ok())
        })
    })
}

fn user(name: &str) -> Result<User> {
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find(|line| line.split(':').next() == Some(name));
    let fields: Vec<&str> =
        line.ok_or_else(|| format!("there is no user {name}, and root must not run it"))?.split(':').collect();
    match fields[..] {
        [_, _, uid, gid, ..] => Ok(User { uid: uid.parse()?, gid: gid.parse()? }),
        _ => Err("/etc/passwd is malformed".into()),
    }
}

/// Runs one of the server's programs with `-D data`; what it says is told only when it fails.
fn run(programs: &Path, program: &str, user: Option<User>, data: &[&Path], arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(programs.join(program));
    command.arg("-D").args(data).args(arguments).current_dir("/").stdin(Stdio::null());
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    if program == "pg_ctl" {
        // The server would inherit a pipe and keep it open; its own log is in the directory.
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        return if status.success() { Ok(()) } else { Err(format!("{program} {arguments:?} failed: {status}").into()) };
    }
    let output = command.output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim()).into()),
    }
}

/// CPU time of a process, of its children, and of children that it has waited for.
fn family_cpu(parent: u32) -> Result<Duration> {
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
