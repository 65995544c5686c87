//! `cargo xtask build-cost`: what a clean build of the workspace costs, and how large the program is, each against the
//! limit that the project set itself.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use crate::Result;
use crate::command::{cargo, run};
use crate::workspace::Workspace;

/// Six CPU-minutes: a contributor on two cores waits three minutes once.
const DEBUG_BUILD_CPU_SECONDS_MAX: f64 = 360.0;
const BINARY_BYTES_MAX: u64 = 20_000_000;
/// Linux reports times to programs in hundredths of a second on every architecture (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// `cargo xtask build-cost`.
pub(crate) fn build_cost(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    if !arguments.is_empty() {
        return Err("usage: cargo xtask build-cost".to_owned());
    }
    let directory = workspace.target.join("build-cost");
    remove(&directory)?;
    // Downloads are no part of the figure.
    run(&mut cargo(workspace, ["fetch"]))?;
    let debug = debug_build(workspace, &directory)?;
    let bytes = release_binary(workspace, &directory)?;
    remove(&directory)?;
    println!(
        "clean debug build: {:.0} CPU-seconds in {:.0} s (limit {DEBUG_BUILD_CPU_SECONDS_MAX:.0} CPU-seconds)",
        debug.cpu_seconds, debug.wall_seconds
    );
    println!("stripped release binary: {bytes} bytes (limit {BINARY_BYTES_MAX} bytes)");
    let within = debug.cpu_seconds <= DEBUG_BUILD_CPU_SECONDS_MAX && bytes <= BINARY_BYTES_MAX;
    Ok(if within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Cost {
    cpu_seconds: f64,
    wall_seconds: f64,
}

fn debug_build(workspace: &Workspace, directory: &Path) -> Result<Cost> {
    let (begun, cpu_before) = (Instant::now(), children_cpu_seconds()?);
    run(cargo(workspace, ["build", "--workspace"]).env("CARGO_TARGET_DIR", directory))?;
    Ok(Cost { cpu_seconds: children_cpu_seconds()? - cpu_before, wall_seconds: begun.elapsed().as_secs_f64() })
}

fn release_binary(workspace: &Workspace, directory: &Path) -> Result<u64> {
    // A profile's `strip` is lost on a package that has an `opt-level` of its own.
    let build = ["rustc", "--release", "--package=deedbook-cli", "--bin=deedbook", "--", "-Cstrip=symbols"];
    run(cargo(workspace, build).env("CARGO_TARGET_DIR", directory))?;
    let binary = directory.join("release/deedbook");
    std::fs::metadata(&binary).map(|found| found.len()).map_err(|error| format!("{}: {error}", binary.display()))
}

fn remove(directory: &Path) -> Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(format!("{}: {error}", directory.display())),
        _ => Ok(()),
    }
}

/// User and system time of all children that have ended, and of theirs.
fn children_cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")
        .map_err(|error| format!("CPU time is read from /proc/self/stat, which Linux alone has: {error}"))?;
    children_ticks(&stat).map(|ticks| ticks as f64 / TICKS_PER_SECOND).ok_or("/proc/self/stat is malformed".to_owned())
}

/// `cutime` and `cstime`, fields 16 and 17 of proc(5); the name in field 2 may hold anything but ends at the last `)`.
fn children_ticks(stat: &str) -> Option<u64> {
    let mut after_name = stat.rsplit_once(')')?.1.split_whitespace().skip(13);
    let user: u64 = after_name.next()?.parse().ok()?;
    let system: u64 = after_name.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_children_are_fields_16_and_17() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 10 20 0 0 11 12 300 45 20 0 1 0 99 0 0";
        assert_eq!(children_ticks(stat), Some(345));
        assert_eq!(children_ticks("7 (x) S 1 2"), None);
    }

    #[test]
    fn this_machine_reports_them() {
        assert!(children_cpu_seconds().is_ok_and(|seconds| seconds >= 0.0));
    }
}
