//! The questions in Django: `examples/invoices-postgres/django/questions.py`, in an environment of Python that is kept.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use deedbook_testkit::postgres::Database;
use deedbook_testkit::skipped;

use super::{DJANGO, Failures, TAMPERING, example};

/// Asks; `None`, said aloud, where there is no Python, or Django cannot be had.
pub(super) async fn ask(database: &Database) -> Option<Failures> {
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            skipped("deedbook-cli twenty questions of Django", &why);
            assert!(std::env::var_os("CI").is_none(), "{why}");
            return None;
        }
    };
    let url = database.url();
    let host = url.split_once("host=").and_then(|(_, rest)| rest.split('&').next()).expect("a directory of sockets");
    let mut command = Command::new(python);
    command.arg("questions.py").arg(DJANGO.to_string()).arg(&url).current_dir(example().join("django"));
    command.env("PGHOST", host).env("PGDATABASE", database.name()).env("PGUSER", "invoices_app");
    command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("Python runs");
    let tampering = serde_json::to_vec(&TAMPERING).expect("JSON");
    child.stdin.take().expect("a pipe").write_all(&tampering).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

/// The interpreter of an environment with what `requirements.txt` says.
fn python() -> Result<PathBuf, String> {
    let requirements = example().join("django/requirements.txt");
    let pinned = std::fs::read_to_string(&requirements).expect("the requirements");
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("django");
    let (python, installed) = (environment.join("bin/python3"), environment.join("installed.txt"));
    if std::fs::read_to_string(&installed).is_ok_and(|installed| installed == pinned) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries=1", "--requirement"];
    run(Command::new(&python).args(options).arg(&requirements))?;
    std::fs::write(&installed, pinned).map_err(|error| error.to_string())?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    let advice = "install python3-venv, and let pip reach its registry";
    let failed = |why: String| format!("{command:?} failed ({advice}): {why}", command = "python3");
    match command.stdin(Stdio::null()).output() {
        Ok(Output { status, .. }) if status.success() => Ok(()),
        Ok(output) => Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        Err(error) => Err(failed(error.to_string())),
    }
}
