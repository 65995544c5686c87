//! The command line of the benchmark.

use clap::{Parser, Subcommand};
use deedbook_bench::{capture, compare, deliver, drain, history, http, load, offload, retire, stages, tenants};

/// Measures Deedbook, and others on the same data.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Deedbook, SQLite, PostgreSQL and the limit side by side.
    Compare(compare::Options),
    /// Deedbook alone: speed, memory, time to open, questions.
    Load(load::Options),
    /// Questions to a Deedbook that `load --data` left.
    Queries(load::QueriesOptions),
    /// Where the microseconds of one event go, stage by stage on one thread.
    Stages(stages::Options),
    /// Recording over HTTP against the library, and against answering alone.
    Http(http::Options),
    /// The history of one thing among many other events, over HTTP.
    History(history::Options),
    /// The oldest part of a log is retired while others read and append.
    Retire(retire::Options),
    /// The outbox of a PostgreSQL database into a directory.
    Drain(drain::Options),
    /// Entries to a sink, and what a sink costs those who record.
    Deliver(deliver::Options),
    /// What a log takes as an archive, beside DuckDB and ClickHouse.
    #[cfg(feature = "archive")]
    Archive(deedbook_bench::archive::Options),
    /// A log whose entries lie in an archive: what stays of it, and how long questions take.
    Offload(offload::Options),
    /// Very many small tenants, and what a busy one costs its neighbours.
    Tenants(tenants::Options),
    /// What row capture and record_in cost a PostgreSQL database, beside others in their shape.
    Capture(capture::Options),
}

/// Events are many small values, made on one thread and let go on another: the system's allocator spends a quarter of
/// all time on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> deedbook_bench::Result<()> {
    match Arguments::parse().command {
        Command::Compare(options) => compare::run(&options),
        Command::Load(options) => load::run(&options),
        Command::Queries(options) => load::run_queries(&options),
        Command::Stages(options) => stages::run(&options),
        Command::Http(options) => http::run(&options),
        Command::History(options) => history::run(&options),
        Command::Retire(options) => retire::run(&options),
        Command::Drain(options) => drain::run(&options),
        Command::Deliver(options) => deliver::run(&options),
        #[cfg(feature = "archive")]
        Command::Archive(options) => deedbook_bench::archive::run(&options),
        Command::Offload(options) => offload::run(&options),
        Command::Tenants(options) => tenants::run(&options),
        Command::Capture(options) => capture::run(&options),
    }
}
