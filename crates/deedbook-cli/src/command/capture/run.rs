//! `capture postgres run`: the outbox of a database → the log, until it is told to end.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use deedbook_core::ErrorKind;
use deedbook_postgres::{Ended, Options, Sequencer, schema};
use tracing_subscriber::filter::LevelFilter;

use super::Address;
use crate::book::Writing;
use crate::command::serve::signals;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;
use crate::output::log::HEADING;
use crate::output::safe::safe;
use crate::place::Place;
use crate::progress::{counted, grouped};

/// How long what is on its way into the log is waited for at the end.
const THREADS_TIME_MAX: Duration = Duration::from_secs(5);

/// The arguments of `capture postgres run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Events of deedbook.record and changes of captured tables wait in deedbook.outbox, where the transaction put them, until \
this brings them into the log and deletes them. It may be ended, or killed, at any time: what was not deleted is \
delivered again, and an entry is never doubled. Of several on one database one works, the others take over. It wants a \
connection of its own, without a pooler that shares it between transactions.

SIGTERM and ctrl-c end it.

Example:
  deedbook capture postgres run --database postgresql://app@localhost/app --data ./deedbook-data
  deedbook capture postgres run --database postgresql://app@localhost/app --server https://audit.example")]
pub(crate) struct Run {
    #[command(flatten)]
    address: Address,

    /// The tenant of events that name none, and whose context names none
    #[arg(long)]
    tenant: Option<String>,

    /// What is written to standard error: off, error, warn, info or debug
    #[arg(long, value_name = "LEVEL", env = "DEEDBOOK_LOG", default_value = "info")]
    log: LevelFilter,
}

impl Run {
    /// Delivers into the log at `place`.
    pub(crate) fn run(self, place: &Place) -> Outcome<Exit> {
        let database = self.address.read()?;
        tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(self.log).with_ansi(false).init();
        let book = Writing::open(place)?;
        let mut options = Options::default();
        options.tenant = self.tenant;
        let sequencer = Sequencer::new(database, book.log(), options);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::io("start the threads of the sequencer", error))?;
        greet(place).map_err(output::unwritable)?;
        let ended = runtime.block_on(async {
            let signals = signals()?;
            tokio::select! {
                ended = sequencer.run() => Err(explain(ended)),
                () = signals => Ok(()),
            }
        });
        runtime.shutdown_timeout(THREADS_TIME_MAX);
        let counts = sequencer.counts();
        drop(sequencer);
        // A poisoned log cannot be closed in order; why the sequencer ended is the error to tell.
        let closed = book.close();
        ended.and(closed)?;
        let rows = counted(counts.rows, "row", "rows");
        let line = format!("Delivered {rows}, {} of them rejected.", grouped(counts.rejected));
        output::print_line(line)?;
        Ok(Exit::Done)
    }
}

fn greet(place: &Place) -> io::Result<()> {
    let place = match place {
        Place::Directory(directory) => directory.display().to_string(),
        Place::Server(address) => address.url.clone(),
    };
    let mut out = anstream::stdout().lock();
    writeln!(out, "{HEADING}Delivering{HEADING:#} into {}", safe(&place))?;
    out.flush()
}

fn explain(ended: Ended) -> Failure {
    let (error, advice) = match ended {
        Ended::Database(error) if error.kind() == ErrorKind::NotFound => {
            (error, "Install it: `deedbook capture postgres install --database URL`.".to_owned())
        }
        Ended::Database(error) if error.kind() == ErrorKind::Denied => {
            let advice =
                format!("The role needs these rights, given by the owner of the schema:\n{}", schema::SEQUENCER_GRANTS);
            (error, advice)
        }
        Ended::Database(error) | Ended::Log(error) => return error.into(),
    };
    Failure::from(error).advise(advice)
}
