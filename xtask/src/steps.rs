//! `cargo xtask test`: every check in order, then one line of counts. A failed step does not stop the next.
//!
//! A new check is one function and one line in [`STEPS`].

use std::io::Write;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::command::{cargo, output, run, run_with_lines};
use crate::counts::{Counts, Runner};
use crate::skipped::{self, SkippedLog};
use crate::tools::{self, CARGO_DENY, CARGO_SHEAR, DUCKDB, KAFKA_BROKER, MOTO, NATS_SERVER, SCHEMATHESIS, Tool};
use crate::workspace::Workspace;
use crate::{Result, api, arrows, npm, pages, sources};

/// The variable in which tests of archives look for DuckDB.
const DUCKDB_VARIABLE: &str = "DEEDBOOK_DUCKDB";

/// One check with a title.
struct Step {
    title: &'static str,
    pace: Pace,
    run: fn(&Run<'_>) -> Result<Counts>,
}

/// Whether `--fast` runs a step too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Fast,
    Thorough,
}

/// What a step works on.
struct Run<'a> {
    workspace: &'a Workspace,
    skipped: &'a SkippedLog,
}

/// In the order in which they run: what answers soonest comes first.
const STEPS: &[Step] = &[
    Step { title: "formatting", pace: Pace::Fast, run: formatting },
    Step { title: "lock files", pace: Pace::Thorough, run: lock_files },
    Step { title: "direction of dependencies", pace: Pace::Thorough, run: direction },
    Step { title: "openings and unfinished work", pace: Pace::Thorough, run: openings },
    Step { title: "licences, bans and sources", pace: Pace::Thorough, run: licences },
    Step { title: "advisories", pace: Pace::Thorough, run: advisories },
    Step { title: "unused dependencies", pace: Pace::Thorough, run: unused },
    Step { title: "types of the pages", pace: Pace::Thorough, run: page_types },
    Step { title: "clippy", pace: Pace::Fast, run: clippy },
    Step { title: "fuzz targets compile", pace: Pace::Thorough, run: fuzz_targets },
    Step { title: "documentation", pace: Pace::Thorough, run: documentation },
    Step { title: "tests", pace: Pace::Fast, run: tests },
    Step { title: "the API as it is described", pace: Pace::Thorough, run: described_api },
    Step { title: "the pages in a browser", pace: Pace::Thorough, run: pages_in_browser },
    Step { title: "integrations with other crates", pace: Pace::Thorough, run: integrations },
    Step { title: "archives, in directories and in the cloud", pace: Pace::Thorough, run: archives },
    Step { title: "sinks behind features", pace: Pace::Thorough, run: sinks },
    Step { title: "examples in the documentation", pace: Pace::Thorough, run: doctests },
];

/// `cargo xtask test [--fast]`.
pub(crate) fn test(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let pace = match arguments {
        [] => Pace::Thorough,
        [flag] if flag == "--fast" => Pace::Fast,
        _ => return Err("usage: cargo xtask test [--fast]".to_owned()),
    };
    let skipped = SkippedLog::begin(workspace)?;
    let run = Run { workspace, skipped: &skipped };
    let steps = STEPS.iter().filter(|step| pace == Pace::Thorough || step.pace == pace);
    let ended: Vec<Ended> = steps.map(|step| run_step(step, &run)).collect();
    let counts = summary(&ended, &run)?;
    Ok(if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How a step ended.
struct Ended {
    title: &'static str,
    time: Duration,
    counts: Counts,
    complaint: Option<String>,
}

fn run_step(step: &Step, run: &Run<'_>) -> Ended {
    heading(step.title);
    let begun = Instant::now();
    let (counts, complaint) = match (step.run)(run) {
        Ok(counts) if counts.failed == 0 => (counts, None),
        Ok(counts) => (counts, Some(format!("{} of {} failed", counts.failed, counts.failed + counts.passed))),
        Err(complaint) => (Counts::ONE_FAILED, Some(complaint)),
    };
    let ended = Ended { title: step.title, time: begun.elapsed(), counts, complaint };
    if let Some(complaint) = &ended.complaint {
        println!("{complaint}");
    }
    println!("{}", verdict(&ended));
    ended
}

fn heading(title: &str) {
    println!("\n== {title}");
    // The children write to the same terminal; without it their output would come first.
    let _ = std::io::stdout().flush();
}

fn verdict(ended: &Ended) -> String {
    let word = match ended.counts {
        Counts { failed: 1.., .. } => "FAILED",
        Counts { passed: 0, .. } => "none",
        _ => "ok",
    };
    format!("{word:<8}{:>7.1} s  {}", ended.time.as_secs_f64(), ended.title)
}

/// Prints how every step ended, what was skipped, and the line of counts.
fn summary(ended: &[Ended], run: &Run<'_>) -> Result<Counts> {
    heading("summary");
    let mut counts = Counts::default();
    for step in ended {
        println!("{}", verdict(step));
        counts += step.counts;
    }
    counts += run.skipped.judge(run.workspace.strictness)?;
    println!("\n{counts}");
    Ok(counts)
}

/// A check that is one command.
fn check(command: &mut Command) -> Result<Counts> {
    run(command).map(|()| Counts::ONE_PASSED)
}

fn formatting(step: &Run<'_>) -> Result<Counts> {
    require("cargo-fmt", "rustfmt", "rustfmt")?;
    run(&mut cargo(step.workspace, ["fmt", "--all", "--check"]))?;
    check(&mut cargo(step.workspace, ["fmt", "--manifest-path=fuzz/Cargo.toml", "--check"]))
}

/// The versions that were tested are those that others build. Reading the graph is enough to see whether a lock fits.
fn lock_files(step: &Run<'_>) -> Result<Counts> {
    for manifest in ["Cargo.toml", "fuzz/Cargo.toml"] {
        let option = format!("--manifest-path={manifest}");
        let read = ["metadata", "--locked", "--format-version=1", &option];
        output(&mut cargo(step.workspace, read)).map_err(|error| {
            format!("{error}\nif it is out of date: `cargo update --workspace {option}`, and commit the lock file")
        })?;
    }
    Ok(Counts::ONE_PASSED)
}

fn clippy(step: &Run<'_>) -> Result<Counts> {
    require("cargo-clippy", "clippy", "rust-clippy")?;
    check(&mut cargo(step.workspace, ["clippy", "--workspace", "--all-targets", "--keep-going", "--", "-Dwarnings"]))
}

/// Says what to install where a component of the toolchain is missing.
fn require(program: &str, component: &str, debian: &str) -> Result<()> {
    if tools::is_on_path(program) {
        return Ok(());
    }
    Err(format!("{program} is missing: `rustup component add {component}`, or the package `{debian}` of Debian"))
}

fn documentation(step: &Run<'_>) -> Result<Counts> {
    check(cargo(step.workspace, ["doc", "--workspace", "--no-deps", "--keep-going"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn direction(step: &Run<'_>) -> Result<Counts> {
    arrows::check(step.workspace).map(|()| Counts::ONE_PASSED)
}

fn openings(step: &Run<'_>) -> Result<Counts> {
    sources::check(step.workspace).map(|()| Counts::ONE_PASSED)
}

fn licences(step: &Run<'_>) -> Result<Counts> {
    with_tool(step, &CARGO_DENY, |deny| check(deny.args(["check", "licenses", "bans", "sources"])))
}

/// The database of advisories is fetched first, so that no network and a vulnerable dependency are told apart.
fn advisories(step: &Run<'_>) -> Result<Counts> {
    with_tool(step, &CARGO_DENY, |deny| {
        let mut fetch = Command::new(deny.get_program());
        fetch.current_dir(&step.workspace.root).args(["fetch", "db"]);
        if output(&mut fetch).is_err() {
            step.skipped.announce("advisories", "the database of advisories could not be fetched")?;
            return Ok(Counts::default());
        }
        check(deny.args(["check", "advisories"]))
    })
}

fn unused(step: &Run<'_>) -> Result<Counts> {
    with_tool(step, &CARGO_SHEAR, check)
}

fn described_api(step: &Run<'_>) -> Result<Counts> {
    with_tool(step, &SCHEMATHESIS, |tool| api::check(step.workspace, tool).map(|()| Counts::ONE_PASSED))
}

fn page_types(step: &Run<'_>) -> Result<Counts> {
    if let Err(why) = npm::node_modules(step.workspace) {
        step.skipped.announce("types of the pages", &why)?;
        return Ok(Counts::default());
    }
    pages::check_types(step.workspace).map(|()| Counts::ONE_PASSED)
}

fn pages_in_browser(step: &Run<'_>) -> Result<Counts> {
    match pages::Tools::locate(step.workspace) {
        Ok(tools) => counted(step, Runner::Node, tools.tests(step.workspace)?),
        Err(why) => {
            step.skipped.announce("the pages in a browser", &why)?;
            Ok(Counts::default())
        }
    }
}

/// Runs the check with the tool, or says aloud that the tool is not to be had.
fn with_tool(step: &Run<'_>, tool: &Tool, check: impl FnOnce(&mut Command) -> Result<Counts>) -> Result<Counts> {
    match tool.locate(step.workspace) {
        Ok(path) => check(Command::new(path).current_dir(&step.workspace.root)),
        Err(why) => {
            step.skipped.announce(tool.program, &why)?;
            Ok(Counts::default())
        }
    }
}

/// Without the fuzzing engine, whose C++ would take longer to build than all the rest of this.
fn fuzz_targets(step: &Run<'_>) -> Result<Counts> {
    check(&mut cargo(step.workspace, ["check", "--locked", "--manifest-path=fuzz/Cargo.toml", "--no-default-features"]))
}

fn tests(step: &Run<'_>) -> Result<Counts> {
    if tools::is_on_path("cargo-nextest") {
        let options = ["nextest", "run", "--workspace", "--no-fail-fast", "--color=never", "--status-level=skip"];
        return counted(step, Runner::Nextest, cargo(step.workspace, options));
    }
    let options = ["test", "--workspace", "--all-targets", "--no-fail-fast", "--", "--color=never"];
    counted(step, Runner::Libtest, cargo(step.workspace, options))
}

/// Features that no other package of the workspace asks for, sqlx among them, which the plain build need not pay for.
fn integrations(step: &Run<'_>) -> Result<Counts> {
    let packages = ["--package=deedbook-core", "--package=deedbook", "--all-features", "--no-fail-fast"];
    let mut command = cargo(step.workspace, ["test"]);
    let tests = ["columns::", "instants::", "postgres::", "sinks::"];
    command.args(packages).args(["--test=it", "--", "--color=never"]).args(tests);
    counted(step, Runner::Libtest, command)
}

/// Archives, of which the plain build knows nothing, in directories and in S3.
fn archives(step: &Run<'_>) -> Result<Counts> {
    let options = ["clippy", "--package=deedbook-cli", "--features=archive-cloud", "--all-targets", "--", "-Dwarnings"];
    run(&mut cargo(step.workspace, options))?;
    let packages = ["test", "--package=deedbook-cli", "--features=archive-cloud", "--no-fail-fast"];
    let mut command = cargo(step.workspace, packages);
    command.args(["--test=it", "--", "--color=never", "archive::", "archive_s3::", "offload_s3::"]);
    match MOTO.locate(step.workspace) {
        Ok(server) => drop(command.env("DEEDBOOK_MOTO_SERVER", server)),
        // The tests that need it say that they are skipped; this is why.
        Err(why) => println!("{why}"),
    }
    counted(step, Runner::Libtest, command)
}

/// Sinks whose clients the plain build need not pay for, and those of the library.
fn sinks(step: &Run<'_>) -> Result<Counts> {
    let options =
        ["clippy", "--package=deedbook-deliver", "--features=nats,kafka", "--all-targets", "--", "-Dwarnings"];
    run(&mut cargo(step.workspace, options))?;
    let options = ["test", "--package=deedbook-deliver", "--features=nats,kafka", "--no-fail-fast"];
    let mut command = cargo(step.workspace, options);
    command.args(["--lib", "--test=it", "--", "--color=never", "nats::", "kafka::"]);
    for (tool, variable) in [(NATS_SERVER, "DEEDBOOK_NATS_SERVER"), (KAFKA_BROKER, "DEEDBOOK_KAFKA_BROKER")] {
        match tool.locate(step.workspace) {
            Ok(server) => drop(command.env(variable, server)),
            // The tests that need it say that they are skipped; this is why.
            Err(why) => println!("{why}"),
        }
    }
    counted(step, Runner::Libtest, command)
}

fn doctests(step: &Run<'_>) -> Result<Counts> {
    counted(
        step,
        Runner::Libtest,
        cargo(step.workspace, ["test", "--workspace", "--doc", "--no-fail-fast", "--", "--color=never"]),
    )
}

/// Runs a test runner and reads its closing lines.
fn counted(step: &Run<'_>, runner: Runner, mut command: Command) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut ignored = Vec::new();
    command.env(skipped::VARIABLE, step.skipped.path());
    match npm::node_modules(step.workspace) {
        Ok(folder) => drop(command.env(npm::VARIABLE, folder)),
        // The tests that need them say that they are skipped; this is why.
        Err(why) => println!("{why}"),
    }
    match DUCKDB.locate(step.workspace) {
        Ok(program) => drop(command.env(DUCKDB_VARIABLE, program)),
        Err(why) => println!("{why}"),
    }
    let outcome = run_with_lines(&mut command, &mut |line| {
        counts += runner.closing_line(line).unwrap_or_default();
        ignored.extend(runner.ignored_test(line).map(str::to_owned));
    });
    for name in ignored {
        step.skipped.announce(&name, "it is marked as ignored")?;
    }
    match outcome {
        // The exit code outweighs what was printed: a crate that does not compile has no closing line.
        Err(complaint) if counts.failed == 0 => {
            println!("{complaint}");
            counts += Counts::ONE_FAILED;
        }
        _ => {}
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(passed: u64, failed: u64) -> Ended {
        let counts = Counts { passed, failed, skipped: 0 };
        Ended { title: "clippy", time: Duration::from_millis(1250), counts, complaint: None }
    }

    #[test]
    fn a_step_is_ok_failed_or_did_nothing() {
        assert_eq!(verdict(&ended(3, 0)), "ok          1.2 s  clippy");
        assert_eq!(verdict(&ended(3, 1)), "FAILED      1.2 s  clippy");
        assert_eq!(verdict(&ended(0, 0)), "none        1.2 s  clippy");
    }

    #[test]
    fn the_fast_pace_keeps_formatting_clippy_and_tests() {
        let fast: Vec<&str> = STEPS.iter().filter(|step| step.pace == Pace::Fast).map(|step| step.title).collect();
        assert_eq!(fast, ["formatting", "clippy", "tests"]);
    }
}
