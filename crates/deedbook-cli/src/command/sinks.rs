//! `sinks`: where the entries of a server go besides, how that gets on, and what is done about it.

use clap::{Args, Subcommand};
use deedbook::client::Client;
use deedbook_core::{Result, Timestamp, rfc3339};
use serde_json::{Map, Value, json};

use super::governing::{Format, Why, found, text};
use crate::book;
use crate::exit::{Exit, Outcome};
use crate::output::Destination;
use crate::output::log::HEADING;
use crate::output::table::{Align, Cell, Width, line, terminal_width, widths};
use crate::place::Place;

/// The arguments of `sinks`.
#[derive(Debug, Args)]
#[command(after_help = "\
Sinks are set up in the operator's file of the server (docs/operating.md). They are looked after through it, with an \
administrator's token; an auditor's lists them. Each change is an entry of the tenant `_deedbook`.

Example:
  deedbook sinks list
  deedbook sinks test siem
  deedbook sinks pause siem --reason 'the SIEM is being moved'
  deedbook sinks resume siem
  deedbook sinks replay siem --from 2026-09-20T14:00:00Z")]
pub(crate) struct Sinks {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show every sink, how far it is behind, and what went wrong last
    List(List),
    /// Send nothing more to a sink until it is resumed, across restarts
    Pause(Change),
    /// Let a sink go on where it was paused
    Resume(Change),
    /// Deliver entries again, with the same ids
    Replay(Replay),
    /// Send a sink one entry, which says that it is tested, and tell whether it went through
    Test(Change),
}

#[derive(Debug, Args)]
struct List {
    /// How sinks are shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
struct Change {
    /// What the sink is called
    name: String,

    #[command(flatten)]
    why: Why,

    /// How the answer is shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
struct Replay {
    #[command(flatten)]
    what: What,

    #[command(flatten)]
    change: Change,
}

/// What is delivered again.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// What was recorded at this time or later, such as 2026-09-20T14:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,

    /// What stands at this position of the log or later
    #[arg(long, value_name = "N")]
    position: Option<u64>,

    /// What the other side refused for good
    #[arg(long)]
    parked: bool,
}

impl Sinks {
    /// Does it with the server at `place`.
    pub(crate) fn run(self, place: &Place) -> Outcome<Exit> {
        let remote = book::connect(place.server("sinks")?)?;
        let (client, runtime) = remote.parts();
        match self.action {
            Action::List(list) => {
                let sinks = runtime.block_on(client.sinks())?;
                list.format.print(&sinks["data"], |sinks| table(sinks, Destination::of_stdout()))?;
                Ok(Exit::Done)
            }
            Action::Pause(change) => {
                change.show(sentence, |it, name, why| runtime.block_on(it.pause_sink(name, why)), client)
            }
            Action::Resume(change) => {
                change.show(sentence, |it, name, why| runtime.block_on(it.resume_sink(name, why)), client)
            }
            Action::Replay(Replay { what, change }) => {
                let what = what.members();
                change.show(sentence, |it, name, why| runtime.block_on(it.replay_sink(name, what, why)), client)
            }
            Action::Test(change) => {
                change.show(went, |it, name, why| runtime.block_on(it.test_sink(name, why)), client)
            }
        }
    }
}

impl Change {
    /// Does it and shows the answer as `shown` says. [`Exit::No`] where it is a test that did not go through.
    fn show(
        self,
        shown: fn(&Value) -> String,
        ask: impl FnOnce(&Client, &str, Option<&str>) -> Result<Value>,
        client: &Client,
    ) -> Outcome<Exit> {
        let answer = ask(client, &self.name, self.why.reason.as_deref());
        let answer = found(answer.map(Some).map_err(Into::into), "sink", &self.name, "deedbook sinks list")?;
        self.format.print(&answer, shown)?;
        Ok(if answer["delivered"] == json!(false) { Exit::No } else { Exit::Done })
    }
}

impl What {
    fn members(&self) -> Map<String, Value> {
        let members = [
            ("from", self.from.map(|from| rfc3339(from).into())),
            ("position", self.position.map(Value::from)),
            ("parked", self.parked.then_some(Value::Bool(true))),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// The words above the columns.
const COLUMNS: [&str; 8] = ["NAME", "KIND", "STATE", "BEHIND", "SECONDS", "DELIVERED", "PARKED", "LAST ERROR"];

/// A line for each sink: in columns below their names for people, between tabs for programs.
fn table(sinks: &Value, destination: Destination) -> String {
    let rows: Vec<[String; 8]> = sinks.as_array().into_iter().flatten().map(row).collect();
    if destination != Destination::Terminal {
        return rows.iter().map(|row| row.join("\t") + "\n").collect();
    }
    let mut cells = vec![COLUMNS.map(|name| Cell::styled(name, HEADING)).to_vec()];
    cells.extend(rows.into_iter().map(|row| row.map(Cell::prose).to_vec()));
    let shapes = [&[Width::Whole; 7][..], &[Width::Fair]].concat();
    let widths = widths(&cells, &shapes, terminal_width());
    let mut align = [Align::Left; 8];
    align[3..7].fill(Align::Right);
    cells.iter().map(|row| line(row, &widths, &align) + "\n").collect()
}

fn row(sink: &Value) -> [String; 8] {
    let error = &sink["last_error"];
    let error = if error.is_null() { String::new() } else { format!("{} {}", text(&error["at"]), text(&error["why"])) };
    [
        text(&sink["name"]),
        text(&sink["kind"]),
        state(sink).to_owned(),
        sink["lag"]["entries"].to_string(),
        sink["lag"]["seconds"].to_string(),
        sink["delivered"].to_string(),
        sink["parked"].to_string(),
        error,
    ]
}

fn state(sink: &Value) -> &'static str {
    if sink["running"] == json!(false) {
        "stopped"
    } else if sink["paused"] == json!(true) {
        "paused"
    } else if !sink["failing_since"].is_null() {
        "failing"
    } else {
        "working"
    }
}

/// A sink that was changed: its name, state and place.
fn sentence(sink: &Value) -> String {
    format!("{}\t{}\tnext position {}", text(&sink["name"]), state(sink), sink["next"])
}

/// How a test went.
fn went(test: &Value) -> String {
    match test["why"].as_str() {
        None => format!("delivered: {}", text(&test["entry"])),
        Some(_) => format!("not delivered: {}", text(&test["why"])),
    }
}
