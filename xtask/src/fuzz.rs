//! `cargo xtask fuzz`: runs one target of `fuzz/` for some seconds, from its corpus in the repository.
//!
//! New inputs go to the target directory, not to the corpus: what is worth keeping is put there by hand, under a name
//! that says what it is, and the tests replay it.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use crate::Result;
use crate::command::run;
use crate::tools::CARGO_FUZZ;
use crate::workspace::Workspace;

const SECONDS_DEFAULT: u64 = 60;
/// Inputs beyond this find nothing new in a parser and slow it down.
const INPUT_BYTES_MAX: u64 = 16 * 1024;

/// `cargo xtask fuzz [TARGET [SECONDS]]`.
pub(crate) fn fuzz(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let targets = targets(&workspace.root)?;
    let Some((target, rest)) = arguments.split_first() else {
        println!("{}", targets.join("\n"));
        return Ok(ExitCode::SUCCESS);
    };
    if !targets.contains(target) {
        return Err(format!("there is no fuzz target `{target}`; there are: {}", targets.join(", ")));
    }
    run(&mut fuzzer(workspace, target, seconds(rest)?)?)?;
    Ok(ExitCode::SUCCESS)
}

fn seconds(rest: &[String]) -> Result<u64> {
    match rest {
        [] => Ok(SECONDS_DEFAULT),
        [text] => text.parse().map_err(|_| format!("`{text}` is not a number of seconds")),
        _ => Err("usage: cargo xtask fuzz [TARGET [SECONDS]]".to_owned()),
    }
}

/// The names of the files in `fuzz/fuzz_targets`.
fn targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("fuzz/fuzz_targets");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Without a sanitizer: the workspace forbids `unsafe`, and a sanitizer needs a nightly toolchain.
fn fuzzer(workspace: &Workspace, target: &str, seconds: u64) -> Result<Command> {
    let found = workspace.target.join("fuzz-corpus").join(target);
    std::fs::create_dir_all(&found).map_err(|error| format!("{}: {error}", found.display()))?;
    let seeds = workspace.root.join("fuzz/corpus").join(target);
    let mut command = Command::new(CARGO_FUZZ.locate(workspace)?);
    command.args(["run", "--sanitizer=none", target]).arg(found).arg(seeds).arg("--");
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={INPUT_BYTES_MAX}")).arg("-timeout=10");
    // The flags of coverage are unstable by name only; the variable lets a stable toolchain accept them.
    command.env("RUSTC_BOOTSTRAP", "1").current_dir(&workspace.root).stdin(Stdio::null());
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_optional() {
        assert_eq!(seconds(&[]), Ok(SECONDS_DEFAULT));
        assert_eq!(seconds(&["5".to_owned()]), Ok(5));
        assert!(seconds(&["soon".to_owned()]).is_err());
    }

    #[test]
    fn every_target_has_seeds() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is inside of the repository");
        for target in targets(root).expect("the targets can be listed") {
            let seeds = std::fs::read_dir(root.join("fuzz/corpus").join(&target)).map(Iterator::count);
            assert!(seeds.is_ok_and(|count| count >= 1), "fuzz/corpus/{target} has no seeds");
        }
    }
}
