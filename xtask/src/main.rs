//! Everything a contributor runs that cargo does not know: `cargo xtask COMMAND`.
//!
//! This file reads the arguments and opens one door; it checks nothing itself. A new command is one file and one line
//! in [`COMMANDS`].

mod api;
mod arrows;
mod build_cost;
mod command;
mod counts;
mod fuzz;
mod npm;
mod pages;
mod skipped;
mod sources;
mod steps;
mod tools;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

/// The result of a task; the error is a message for the person at the terminal.
type Result<T> = std::result::Result<T, String>;

struct TaskCommand {
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    run: fn(&Workspace, &[String]) -> Result<ExitCode>,
}

const COMMANDS: &[TaskCommand] = &[
    TaskCommand {
        name: "test",
        usage: "test [--fast]",
        about: "runs every check and every test; --fast: formatting, clippy and tests",
        run: steps::test,
    },
    TaskCommand {
        name: "fuzz",
        usage: "fuzz [TARGET [SECONDS]]",
        about: "fuzzes one parser, for 60 seconds unless told; lists the targets without one",
        run: fuzz::fuzz,
    },
    TaskCommand {
        name: "build-cost",
        usage: "build-cost",
        about: "measures a clean debug build and the stripped release binary against their limits",
        run: build_cost::build_cost,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode> {
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", help());
        return Ok(ExitCode::SUCCESS);
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", help());
        return Ok(ExitCode::SUCCESS);
    }
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.run)(&Workspace::locate()?, rest),
        None => Err(format!("there is no command `{name}`\n\n{}", help())),
    }
}

fn help() -> String {
    let mut text = String::from("Everything a contributor to Deedbook runs that cargo does not know.\n\n");
    for command in COMMANDS {
        text.push_str(&format!("  cargo xtask {:<26} {}\n", command.usage, command.about));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_command() {
        let help = help();
        assert!(COMMANDS.iter().all(|command| help.contains(command.usage)), "{help}");
    }

    #[test]
    fn an_unknown_command_is_refused_with_the_help() {
        let error = dispatch(&["tset".to_owned()]).expect_err("`tset` is no command");
        assert!(error.contains("`tset`") && error.contains("cargo xtask test"), "{error}");
    }
}
