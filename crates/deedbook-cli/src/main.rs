//! The command line of Deedbook: record, find, bring in and take out entries, and check a directory.
//!
//! ```console
//! $ deedbook record invoice.approved --actor user:ada=Ada --target invoice:7 --change /state=open..approved
//! $ deedbook log 'actor:user:ada occurred:>=-7d'
//! ```
//!
//! Each command is a file in `command`; what it reads comes through `import`, what it shows goes through `output`, and
//! only `book` names a store, and `bucket` where old entries of one may lie. Every error is printed here, once, with its
//! causes, and becomes an exit code.

mod arguments;
mod book;
#[cfg(feature = "archive")]
mod bucket;
mod command;
mod exit;
mod import;
mod output;
mod place;
mod progress;
mod query;
mod remote;
mod thing;

use std::error::Error as _;
use std::io::Write;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use crate::arguments::Placed;
use crate::exit::{Exit, Failure};
use crate::output::safe::safe;

const ERROR: Style = AnsiColor::Red.on_default().bold();

/// Events are many small values, made on one thread and let go on another: the system's allocator spends a quarter of
/// all time on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Placed::parse();
    arguments.color.write_global();
    let exit = match arguments.place.and_then(|place| arguments.command.run(&place)) {
        Ok(exit) => exit,
        // Whoever read our output has enough, as `head` has.
        Err(failure) if failure.is_broken_pipe() => Exit::Done,
        Err(failure) => report(&failure),
    };
    ExitCode::from(exit as u8)
}

fn report(failure: &Failure) -> Exit {
    let mut text = format!("{ERROR}error:{ERROR:#} {}\n", safe_lines(&failure.to_string()));
    let mut cause = failure.source();
    while let Some(error) = cause {
        text.push_str(&format!("  because: {}\n", safe(&error.to_string())));
        cause = error.source();
    }
    if let Some(advice) = failure.advice() {
        text.push_str(&format!("{}\n", safe_lines(advice)));
    }
    // Whoever closed our standard error still gets the exit code.
    drop(anstream::stderr().write_all(text.as_bytes()));
    failure.exit()
}

/// Our own line breaks stay; the rest may quote a stranger.
fn safe_lines(text: &str) -> String {
    text.lines().map(|line| safe(line).into_owned()).collect::<Vec<_>>().join("\n")
}
