//! The HTTP API against its own description: schemathesis sends what the description allows, and what it does not, to a
//! real server on loopback.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::Result;
use crate::command::{cargo, run};
use crate::workspace::Workspace;

/// The administrator's token of the server that is tested.
const TOKEN: &str = "the token of a server that lives for a minute";

/// What is held against each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_schema_conformance,missing_required_header";

/// Runs `schemathesis`, a command without arguments, against a server on an empty directory.
///
/// # Errors
/// What it found, on the terminal; or that the server does not start.
pub(crate) fn check(workspace: &Workspace, schemathesis: &mut Command) -> Result<()> {
    run(&mut cargo(workspace, ["build", "--package=deedbook-cli"]))?;
    let server = Server::start(workspace)?;
    let description = format!("http://{}/openapi.json", server.address);
    schemathesis.args(["run", &description, "--header", &format!("Authorization: Bearer {TOKEN}")]);
    // It leaves a folder of examples where it stands.
    schemathesis.current_dir(&workspace.target);
    // A tail has no end, so no answer of it is ever whole.
    schemathesis.args(["--exclude-path", "/v1/events/tail", "--checks", CHECKS, "--max-examples", "15"]);
    schemathesis.args(["--phases", "examples,coverage,fuzzing", "--no-color"]);
    run(schemathesis)
}

/// A server that is killed when it is dropped.
struct Server {
    child: Child,
    address: String,
    /// Where it tells its address; kept open, for a server whose output nobody takes would be ended by it.
    stdout: BufReader<ChildStdout>,
}

impl Server {
    fn start(workspace: &Workspace) -> Result<Self> {
        let directory = workspace.target.join("api-test");
        // What a former run left would only be more entries; that it cannot be removed shows when it is opened.
        let _ = std::fs::remove_dir_all(&directory);
        let mut command = Command::new(workspace.target.join("debug/deedbook"));
        command.args(["serve", "--listen=127.0.0.1:0"]).arg("--data").arg(&directory);
        command.env("DEEDBOOK_ADMIN_TOKEN", TOKEN).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("deedbook serve: {error}"))?;
        let stdout = child.stdout.take().ok_or("deedbook serve has no output")?;
        let mut server = Self { child, address: String::new(), stdout: BufReader::new(stdout) };
        let mut line = String::new();
        server.stdout.read_line(&mut line).map_err(|error| format!("deedbook serve: {error}"))?;
        let address = line.trim().rsplit_once("http://").map(|(_, address)| address.to_owned());
        server.address = address.ok_or_else(|| format!("deedbook serve tells no address: {line}"))?;
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
