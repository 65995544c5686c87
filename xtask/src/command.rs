//! Child processes: run one and judge it by its exit code, or read its output while it runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use crate::Result;
use crate::workspace::Workspace;

/// A `cargo` command in the root of the workspace.
pub(crate) fn cargo<const N: usize>(workspace: &Workspace, arguments: [&str; N]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(&workspace.root).stdin(Stdio::null());
    command
}

/// Runs it with its output on the terminal.
///
/// # Errors
/// When it cannot be started or its exit code is not 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", shown(command))) }
}

/// Runs it and returns its standard output.
///
/// # Errors
/// As [`run`]; what it wrote to standard error is part of the message.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().map_err(|error| cannot_start(command, &error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} ended with {}: {}", shown(command), output.status, complaint.trim()))
}

/// Runs it with its output on the terminal and gives each line of it to `sink`; lines of the two streams may come in
/// either order.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_with_lines(command: &mut Command, sink: &mut dyn FnMut(&str)) -> Result<()> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cannot_start(command, &error))?;
    let (sender, lines) = std::sync::mpsc::channel();
    let readers = [
        child.stdout.take().map(|stream| tee(stream, std::io::stdout(), sender.clone())),
        child.stderr.take().map(|stream| tee(stream, std::io::stderr(), sender)),
    ];
    for line in lines {
        sink(&line);
    }
    for reader in readers.into_iter().flatten() {
        reader.join().map_err(|_| format!("the output of {} could not be read", shown(command)))?;
    }
    let status = child.wait().map_err(|error| format!("{}: {error}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", shown(command))) }
}

fn tee(
    stream: impl Read + Send + 'static,
    mut terminal: impl Write + Send + 'static,
    lines: std::sync::mpsc::Sender<String>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(std::result::Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            // A terminal that went away does not change the verdict, so the run goes on without it.
            let _ = writeln!(terminal, "{line}");
            let _ = lines.send(line);
        }
    })
}

fn cannot_start(command: &Command, error: &std::io::Error) -> String {
    format!("{} could not be started: {error}", shown(command))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    format!("`{}`", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_streams_are_read_and_the_exit_code_counts() {
        let mut lines = Vec::new();
        run_with_lines(&mut shell("echo out; echo err >&2"), &mut |line| lines.push(line.to_owned()))
            .expect("the script ends with 0");
        lines.sort();
        assert_eq!(lines, ["err", "out"]);
        let error = run_with_lines(&mut shell("exit 3"), &mut |_| {}).expect_err("the script ends with 3");
        assert!(error.contains("exit status: 3"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("deedbook-no-such-program")).expect_err("it does not exist");
        assert!(error.contains("deedbook-no-such-program"), "{error}");
    }

    #[test]
    fn a_failed_command_tells_what_it_complained_about() {
        let error = output(&mut shell("echo because >&2; exit 1")).expect_err("the script ends with 1");
        assert!(error.ends_with(": because"), "{error}");
    }
}
