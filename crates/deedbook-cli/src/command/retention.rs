//! `retention`: for how long entries are kept, what would go now, and runs.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use deedbook_core::parse_json;
use deedbook_core::retention::Rules;
use deedbook_server::Policy;
use serde_json::Value;

use super::governing::{By, Format, Governed, Why, text, watched};
use crate::exit::{Exit, Failure, Outcome};
use crate::place::Place;
use crate::progress::counted;

/// The arguments of `retention`.
#[derive(Debug, Args)]
#[command(after_help = "\
The first rule that matches an entry counts; an entry that none matches is kept for ever. A rule is a line: any of \
tenant:T, category:C and action:A (or how it begins, user.*), then keep, and forever, a time such as 90d (h, d, w, m, \
y), or last 100 (of each target). Settings, entries that authorise a removal and what a hold covers never go.

Example:
  deedbook retention show
  deedbook retention plan --rules new-rules.txt
  deedbook retention set new-rules.txt --reason 'decided on 2026-09-20'
  deedbook retention run")]
pub(crate) struct Retention {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the rules and the latest run
    Show(Show),
    /// Replace the rules
    Set(Set),
    /// Show what would go now, how many and by which rule; nothing is changed
    Plan(Plan),
    /// Take away what the rules let go of
    Run(Run),
}

#[derive(Debug, Args)]
struct Show {
    /// How it is shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
struct Set {
    /// A file with the rules, as text or JSON; `-` is standard input
    file: PathBuf,

    /// Why
    #[arg(long)]
    reason: String,

    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
struct Plan {
    /// Other rules than those that hold, to be tried; `-` is standard input
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,

    /// How it is shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
struct Run {
    /// How it is shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    #[command(flatten)]
    by: By,

    #[command(flatten)]
    why: Why,
}

impl Retention {
    /// Does it with the log at `place`.
    pub(crate) fn run(self, place: &Place) -> Outcome<Exit> {
        match self.action {
            Action::Show(show) => {
                let shown = Governed::look(place)?.ask(|it| Ok(it.retention(None)), async |it| it.retention().await)?;
                show.format.print(&shown, rules_and_run)?;
            }
            Action::Set(set) => {
                let rules = read_rules(&set.file)?;
                let shown = Governed::open(place, Policy::default())?.ask(
                    |it| {
                        it.set_rules(&rules, &set.reason, &set.by.author())?;
                        Ok(it.retention(None))
                    },
                    async |it| it.set_retention(&rules, &set.reason).await,
                )?;
                Format::Text.print(&shown, rules_and_run)?;
            }
            Action::Plan(plan) => {
                let rules = plan.rules.as_deref().map(read_rules).transpose()?;
                let shown = Governed::look(place)?.ask(
                    |it| Ok(watched(|watch| it.plan(rules.clone(), watch))?.to_json()),
                    async |it| it.plan_retention(rules.as_ref()).await,
                )?;
                plan.format.print(&shown, planned)?;
            }
            Action::Run(run) => {
                let reason = run.why.reason.clone();
                let author = run.by.author().because(reason.clone());
                let shown = Governed::open(place, Policy::default())?.ask(
                    |it| Ok(watched(|watch| it.retain(None, &author, watch))?),
                    async |it| it.run_retention(reason.as_deref()).await,
                )?;
                run.format.print(&shown, ran)?;
            }
        }
        Ok(Exit::Done)
    }
}

/// Rules of a file, as JSON where it begins so.
fn read_rules(file: &std::path::Path) -> Outcome<Rules> {
    let name = file.display();
    let content =
        if file.as_os_str() == "-" { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    let content = content.map_err(|error| Failure::io(format_args!("read {name}"), error))?;
    if !content.trim_start().starts_with(['[', '{']) {
        return Ok(Rules::parse(&content)?);
    }
    let value = parse_json(content.as_bytes())?;
    Ok(Rules::from_json(value.get("rules").unwrap_or(&value))?)
}

fn rules_and_run(shown: &Value) -> String {
    let mut out = text_of_rules(shown);
    match shown["set_at"].as_str() {
        Some(at) => drop(writeln!(out, "# set at {at} by {}: {}", text(&shown["set_by"]), text(&shown["reason"]))),
        None => out.push_str("# nobody set these; they are the rules of a first start\n"),
    }
    if !shown["run"].is_null() {
        out.push_str(&format!("# {}\n", ran(&shown["run"])));
    }
    out
}

/// The rules as they are written: their line breaks are ours.
fn text_of_rules(shown: &Value) -> String {
    let lines = shown["text"].as_str().unwrap_or_default().lines();
    let rules: String = lines.map(|line| format!("{}\n", crate::output::safe::safe(line))).collect();
    if rules.is_empty() { "# no rule: everything is kept for ever\n".to_owned() } else { rules }
}

fn ran(run: &Value) -> String {
    let id = text(&run["id"]);
    match (run["finished_at"].as_str(), run["count"].as_u64()) {
        (Some(at), Some(count)) => {
            let held = run["held"].as_u64().unwrap_or_default();
            format!("{id} ended at {at}: {} went, {held} held", counted(count, "entry", "entries"))
        }
        (Some(at), None) => format!("{id} ended at {at}"),
        (None, _) => format!("{id} goes on; `deedbook retention show` tells how it ended"),
    }
}

fn planned(plan: &Value) -> String {
    let count = |tally: &Value| tally["count"].as_u64().unwrap_or_default();
    let mut out = format!("{} would go\n", counted(count(plan), "entry", "entries"));
    for rule in plan["rules"].as_array().into_iter().flatten() {
        let (goes, held) = (count(&rule["goes"]), count(&rule["held"]));
        let _ = writeln!(out, "\n{}\n  goes {goes}, held {held}", text(&rule["text"]));
        if let Some(why) = rule["skipped"].as_str() {
            let _ = writeln!(out, "  passed over: {}", crate::output::safe::safe(why));
        }
        for tenant in rule["tenants"].as_array().into_iter().flatten() {
            let goes = &tenant["goes"];
            let _ = writeln!(
                out,
                "  {}: {} from {} to {}, held {}",
                text(&tenant["tenant"]),
                count(goes),
                goes["oldest"].as_str().unwrap_or("-"),
                goes["newest"].as_str().unwrap_or("-"),
                count(&tenant["held"])
            );
        }
    }
    out
}
