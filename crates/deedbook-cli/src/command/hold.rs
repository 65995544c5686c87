//! `hold`: what is kept, whatever rules and requests say.

use clap::{Args, Subcommand};
use deedbook_server::{NewHold, Policy};
use serde_json::{Value, json};

use super::governing::{By, Format, Governed, found, text};
use crate::exit::{Exit, Outcome};
use crate::output::safe::safe;
use crate::place::Place;

/// The arguments of `hold`.
#[derive(Debug, Args)]
#[command(after_help = "\
A hold covers the entries that fit all of what it names. What it covers is neither retired nor erased (exit code 13).

Example:
  deedbook hold place --tenant acme --query 'action:invoice.* occurred:2026' --reason 'case 4711'
  deedbook hold list
  deedbook hold release hold_8hWAb-kHmq5nmfE-xPggAA --reason 'case 4711 is closed'")]
pub(crate) struct Hold {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Keep entries until the hold is released
    Place(PlaceHold),
    /// Show every hold, those that were released too
    List(List),
    /// Let go of what a hold covers
    Release(Release),
}

#[derive(Debug, Args)]
struct PlaceHold {
    /// The one tenant; every one when absent
    #[arg(long)]
    tenant: Option<String>,

    /// A query; relative times are those of this moment
    #[arg(long)]
    query: Option<String>,

    /// Id or TYPE:ID of a target
    #[arg(long)]
    target: Option<String>,

    /// Id or TYPE:ID of who acted, or stood behind who acted
    #[arg(long)]
    actor: Option<String>,

    /// Why
    #[arg(long)]
    reason: String,

    /// How it is shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
struct List {
    /// How holds are shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
struct Release {
    /// Its id, as `list` shows it
    id: String,

    /// Why
    #[arg(long)]
    reason: String,

    /// How it is shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    #[command(flatten)]
    by: By,
}

impl Hold {
    /// Does it with the log at `place`.
    pub(crate) fn run(self, place: &Place) -> Outcome<Exit> {
        match self.action {
            Action::Place(new) => {
                let shown = Governed::open(place, Policy::default())?.ask(
                    |it| Ok(it.place_hold(new.hold(), &new.by.author())?.to_json()),
                    async |it| it.place_hold(&new.json()).await,
                )?;
                new.format.print(&shown, sentence)?;
            }
            Action::List(list) => {
                let shown = Governed::look(place)?.ask(
                    |it| {
                        let holds: Vec<Value> = it.settings().holds().iter().map(|hold| hold.to_json()).collect();
                        Ok(json!({ "data": holds }))
                    },
                    async |it| it.holds().await,
                )?;
                list.format.print(&shown["data"], |holds| {
                    holds.as_array().into_iter().flatten().map(|hold| sentence(hold) + "\n").collect()
                })?;
            }
            Action::Release(release) => {
                let Release { id, reason, format, by } = release;
                let shown = Governed::open(place, Policy::default())?.ask(
                    |it| Ok(it.release_hold(&id, &reason, &by.author())?.map(|hold| hold.to_json())),
                    async |it| it.release_hold(&id, &reason).await.map(Some),
                );
                format.print(&found(shown, "hold", &id, "deedbook hold list")?, sentence)?;
            }
        }
        Ok(Exit::Done)
    }
}

impl PlaceHold {
    fn hold(&self) -> NewHold {
        NewHold {
            tenant: self.tenant.clone(),
            query: self.query.clone(),
            target: self.target.clone(),
            actor: self.actor.clone(),
            reason: self.reason.clone(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "tenant": self.tenant, "query": self.query, "target": self.target, "actor": self.actor,
            "reason": self.reason,
        })
    }
}

/// A hold on one line, the words between tabs: id, what it covers, who placed it and why, its end.
fn sentence(hold: &Value) -> String {
    let members = ["tenant", "query", "target", "actor"];
    let covers = members.iter().filter_map(|name| Some(format!("{name}={}", safe(hold[*name].as_str()?))));
    let covers: Vec<String> = covers.collect();
    let end = match hold["released_at"].as_str() {
        Some(at) => format!("released {at} by {}: {}", text(&hold["released_by"]), text(&hold["released_reason"])),
        None => "in force".to_owned(),
    };
    let placed = format!("{} by {}: {}", text(&hold["placed_at"]), text(&hold["placed_by"]), text(&hold["reason"]));
    [text(&hold["id"]), covers.join(" "), placed, end].join("\t")
}
