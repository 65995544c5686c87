//! Walks through the README: runs its commands against the program, and looks for its answers.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

const README: &str = include_str!("../README.md");

/// The contents of the README's blocks in this language, in order.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    README.split(begin.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// The service with a log of its own, on a port that the system chose; killed at the end.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start(directory: &std::path::Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_invoices"))
            .current_dir(directory)
            .env("LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it tells its address");
        let address = line.split([' ', ',']).nth(2).expect("the third word is the address").to_owned();
        Self { child, address }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says aloud that this machine cannot run the walk.
fn skip(why: &str) {
    let line = format!("SKIPPED the walk through the README of invoices: {why}");
    println!("{line}");
    if let Ok(path) = std::env::var("DEEDBOOK_SKIPPED_LOG") {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(path);
        writeln!(log.expect("the log of skipped tests opens"), "{line}").expect("it is written");
    }
}

#[test]
fn the_readme_leads_to_its_answers() {
    if Command::new("curl").arg("--version").output().is_err() {
        return skip("there is no curl");
    }
    let directory = tempfile::tempdir().expect("a directory is made");
    let service = Service::start(directory.path());
    let script = blocks("sh").join("\n").replace("http://127.0.0.1:8080", &service.address);
    assert!(script.contains(&service.address), "the README names another address than 127.0.0.1:8080");
    let ran = Command::new("bash").args(["-e", "-c", &script]).output().expect("bash runs");
    let (out, error) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}\n{error}");
    let mut rest = &*out;
    let answers = blocks("text");
    assert!(answers.len() >= 2, "the README shows its answers");
    for line in answers.iter().flat_map(|answer| answer.lines()) {
        let found = rest.find(&format!("  {line}\n"));
        let found = found.unwrap_or_else(|| panic!("{line:?} is not, or not at its place, in:\n{out}\n{error}"));
        rest = &rest[found + line.len()..];
    }
    // Whom nobody asked for approval is not in the answer.
    let first = out.lines().filter(|line| line.contains("approved Invoice")).count();
    assert_eq!(first, 2, "once for each of the two questions:\n{out}");
}
