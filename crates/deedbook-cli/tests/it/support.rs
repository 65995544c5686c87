//! A temporary directory in which the binary is run.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// What a run of the binary left behind.
pub(crate) struct Run {
    /// Exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Run {
    /// What `output` tells.
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("not killed"),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// This run, which must have ended with `code`.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// This run, whose standard error must contain each of `parts`.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is missing in: {}", self.stderr);
        }
        self
    }

    /// This run, whose standard output must contain each of `parts`.
    #[track_caller]
    pub(crate) fn prints(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stdout.contains(part), "{part:?} is missing in: {}", self.stdout);
        }
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).expect("one JSON document")
    }

    /// Standard output as one JSON document a line.
    #[track_caller]
    pub(crate) fn ndjson(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// A directory of its own for one test.
pub(crate) struct Room(TempDir);

impl Room {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file into it.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).expect("a file");
        path
    }

    /// Reads a file of it.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).expect("a file")
    }

    /// Names of everything in it.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("a directory");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    /// The binary, to be run in it, without the settings of whoever runs the tests.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deedbook"));
        command.current_dir(self.path()).env("TZ", "UTC").stdin(Stdio::null());
        for variable in [
            "DEEDBOOK_DATA",
            "DEEDBOOK_ARCHIVE",
            "DEEDBOOK_ADMIN_TOKEN",
            "DEEDBOOK_LOG",
            "DEEDBOOK_SERVER",
            "DEEDBOOK_TOKEN",
            "DEEDBOOK_PUBLIC_URL",
            "DEEDBOOK_SOLE_ADMINISTRATOR",
            "DEEDBOOK_BACKUPS_KEPT",
            "NO_COLOR",
            "CLICOLOR_FORCE",
            "CLICOLOR",
        ] {
            command.env_remove(variable);
        }
        // A repository around the temporary directory must not be found.
        command.env("GIT_CEILING_DIRECTORIES", self.path().parent().expect("a parent"));
        command
    }

    /// A shell in it that stops at the first command that fails, in which `deedbook` is the binary.
    pub(crate) fn shell(&self, script: &str) -> Command {
        let binary = self.command();
        let folder = Path::new(binary.get_program()).parent().expect("a folder").to_owned();
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(folder).chain(std::env::split_paths(&inherited));
        let mut shell = Command::new("bash");
        for (name, value) in binary.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.env("PATH", std::env::join_paths(path).expect("a PATH")).current_dir(self.path());
        shell.args(["-e", "-c", script]).stdin(Stdio::null());
        shell
    }

    /// Runs the binary.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command().args(arguments).output().expect("the binary runs"))
    }

    /// Runs the binary with this standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Run {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        // The binary may have ended before it has read all.
        let _ = stdin.write_all(input.as_ref());
        drop(stdin);
        Run::of(child.wait_with_output().expect("it ends"))
    }

    /// Imports these lines, all of which must be good.
    #[track_caller]
    pub(crate) fn enter(&self, lines: &str) {
        self.run_with_input(&["import", "ndjson", "-"], lines).exits(0);
    }

    /// As [`Room::enter`], into this directory.
    #[track_caller]
    pub(crate) fn enter_into(&self, directory: &str, lines: &str) {
        self.run_with_input(&["import", "ndjson", "-", "--data", directory], lines).exits(0);
    }

    /// What `log --count` says.
    #[track_caller]
    pub(crate) fn count(&self, query: &str) -> u64 {
        let run = self.run(&["log", "--count", "--", query]).exits(0);
        run.stdout.trim().parse().expect("a bare number")
    }
}

/// Compresses with gzip.
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).and_then(|()| encoder.finish()).expect("in memory")
}
