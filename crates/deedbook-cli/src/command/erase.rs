//! `erase`: a person is taken out of the log, at the word of two administrators.

use std::fmt::Write;

use clap::{Args, Subcommand};
use deedbook_core::retention::Age;
use deedbook_server::{Approval, Author, Governance, Mentions, NewErasure, Policy, Search};
use serde_json::{Value, json};

use super::governing::{By, Format, Governed, Why, found, text, watched};
use crate::exit::{Exit, Failure, Outcome};
use crate::place::Place;
use crate::progress::counted;

/// The arguments of `erase`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Names, addresses and whatever else is personal of the person goes from every entry; ids are pseudonyms and stay. Entries \
that name the person in text that cannot be erased alone are shown, and must be decided upon: --mentions, --erase-entry, \
--keep-entry. Begin with --dry-run.

Behind a server another administrator approves it. On a directory, --approved-by names who did; what was erased is printed \
as a certificate. What a hold covers is not erased (exit code 13). Backups and exports are not reached.

Example:
  deedbook erase --principal user:user_7 --tenant acme --basis 'GDPR Art. 17, ticket T-5' --dry-run
  deedbook erase --principal user:user_7 --tenant acme --basis 'GDPR Art. 17, ticket T-5' --mentions erase
  deedbook erase approve era_8hWAb-kHmq5nmfE-xPggAA"
)]
pub(crate) struct Erase {
    #[command(subcommand)]
    action: Option<Action>,

    #[command(flatten)]
    request: Request,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Approve an erasure that another administrator asked for
    Approve(One),
    /// Withdraw an erasure that nobody approved
    Withdraw(One),
    /// Show an erasure, and its certificate once it is done
    Show(One),
    /// Show every erasure
    List(List),
}

#[derive(Debug, Args)]
struct One {
    /// Its id, as `list` shows it
    id: String,

    /// How it is shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    #[command(flatten)]
    by: By,

    #[command(flatten)]
    why: Why,

    #[command(flatten)]
    backups: Backups,
}

impl One {
    fn author(&self) -> Author {
        self.by.author().because(self.why.reason.clone())
    }
}

#[derive(Debug, Args)]
struct List {
    /// How erasures are shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
struct Backups {
    /// How long backups are kept, such as 35d; the certificate tells from it when the last one is gone
    #[arg(long, value_name = "TIME", value_parser = age)]
    backups_kept: Option<Age>,
}

#[derive(Debug, Args)]
struct Request {
    /// Whom: an id, or TYPE:ID
    #[arg(long, value_name = "TYPE:ID")]
    principal: Option<String>,

    /// In whose log
    #[arg(long, default_value = "default")]
    tenant: String,

    /// Why: the request, the law. It stays in the log: do not name the person
    #[arg(long)]
    basis: Option<String>,

    /// A further name or address by which free text may call the person; may be given several times
    #[arg(long, value_name = "NAME")]
    also: Vec<String>,

    /// What becomes of entries that name the person in text that cannot be erased alone: erase or keep, all of them
    #[arg(long, value_name = "erase|keep", value_parser = ["erase", "keep"], hide_possible_values = true)]
    mentions: Option<String>,

    /// Erase the content of this entry, which names the person; may be given several times
    #[arg(long, value_name = "ID", conflicts_with = "mentions")]
    erase_entry: Vec<String>,

    /// Keep this entry, which names the person; may be given several times
    #[arg(long, value_name = "ID", conflicts_with = "mentions")]
    keep_entry: Vec<String>,

    /// Seek the names in every text of every entry, reasons and errors too; this reads the whole log of the tenant
    #[arg(long)]
    thorough: bool,

    /// Only show what would be erased
    #[arg(long)]
    dry_run: bool,

    /// On a directory: the second administrator, who agreed
    #[arg(long, value_name = "NAME", conflicts_with = "sole_administrator")]
    approved_by: Option<String>,

    /// On a directory: do it without a second administrator
    #[arg(long)]
    sole_administrator: bool,

    /// How it is shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    #[command(flatten)]
    by: By,

    #[command(flatten)]
    backups: Backups,
}

impl Erase {
    /// Does it with the log at `place`.
    pub(crate) fn run(self, place: &Place) -> Outcome<Exit> {
        match self.action {
            Some(action) => action.run(place),
            None => self.request.run(place),
        }
    }
}

impl Request {
    fn run(self, place: &Place) -> Outcome<Exit> {
        let wanted = self.wanted()?;
        let json = self.json(&wanted);
        if self.dry_run {
            let plan = Governed::look(place)?.ask(
                |it| Ok(watched(|watch| it.plan_erasure(&wanted, watch))?.to_json()),
                async |it| it.request_erasure(&json).await,
            )?;
            self.format.print(&plan, planned)?;
            return Ok(Exit::Done);
        }
        let erasure = Governed::open(place, self.policy())?
            .ask(|it| self.carry_out(it, &wanted), async |it| it.request_erasure(&json).await)?;
        self.format.print(&erasure, shown)?;
        Ok(Exit::Done)
    }

    fn policy(&self) -> Policy {
        let approval = if self.sole_administrator { Approval::Own } else { Approval::Second };
        Policy { approval, backups_kept: self.backups.backups_kept }
    }

    fn carry_out(&self, governance: &Governance, wanted: &NewErasure) -> Outcome<Value> {
        if self.approved_by.is_none() && !self.sole_administrator {
            let failure = Failure::new(Exit::Usage, "an erasure takes a second administrator");
            return Err(failure.advise("Name who agreed with --approved-by NAME, or say --sole-administrator."));
        }
        let asked = watched(|watch| governance.request_erasure(wanted, &self.by.author(), watch))?;
        if let Some(name) = &self.approved_by {
            let approved = watched(|watch| governance.approve_erasure(&asked.id, &Author::operator(name), watch));
            if let Err(error) = approved {
                // What nobody approved must not stay behind with the name of the person.
                watched(|watch| governance.withdraw_erasure(&asked.id, &self.by.author(), watch))?;
                return Err(error.into());
            }
        }
        let done = watched(|watch| governance.carry_out_erasure(&asked.id, watch))?;
        Ok(done.map_or(Value::Null, |done| done.to_json()))
    }

    fn decision(&self) -> Option<Value> {
        match &self.mentions {
            Some(word) => Some(json!(word)),
            None if self.erase_entry.is_empty() && self.keep_entry.is_empty() => None,
            None => Some(json!({"erase": self.erase_entry, "keep": self.keep_entry})),
        }
    }

    /// What is asked for. That something is missing cannot be left to the parser: the subcommands need none of it.
    fn wanted(&self) -> Outcome<NewErasure> {
        let (Some(principal), Some(basis)) = (self.principal.clone(), self.basis.clone()) else {
            let failure = Failure::new(Exit::Usage, "say whom to erase, and why: --principal TYPE:ID and --basis TEXT");
            return Err(failure.advise("`deedbook erase --help` tells more."));
        };
        Ok(NewErasure {
            tenant: self.tenant.clone(),
            principal,
            basis,
            also: self.also.clone(),
            mentions: self.decision().as_ref().and_then(Mentions::from_json),
            search: if self.thorough { Search::Everything } else { Search::Index },
        })
    }

    fn json(&self, wanted: &NewErasure) -> Value {
        json!({
            "tenant": wanted.tenant, "principal": wanted.principal, "basis": wanted.basis, "also": wanted.also,
            "mentions": self.decision(), "thorough": self.thorough, "dry_run": self.dry_run,
        })
    }
}

impl Action {
    fn run(self, place: &Place) -> Outcome<Exit> {
        let policy = |one: &One| Policy { backups_kept: one.backups.backups_kept, ..Policy::default() };
        let (one, answer) = match self {
            Self::List(list) => return list.run(place),
            Self::Approve(one) => {
                let answer = Governed::open(place, policy(&one))?.ask(
                    |it| approve(it, &one),
                    async |it| it.approve_erasure(&one.id, one.why.reason.as_deref()).await.map(Some),
                );
                (one, answer)
            }
            Self::Withdraw(one) => {
                let answer = Governed::open(place, policy(&one))?.ask(
                    |it| {
                        let withdrawn = watched(|watch| it.withdraw_erasure(&one.id, &one.author(), watch))?;
                        Ok(withdrawn.map(|erasure| erasure.to_json()))
                    },
                    async |it| it.withdraw_erasure(&one.id, one.why.reason.as_deref()).await.map(Some),
                );
                (one, answer)
            }
            Self::Show(one) => {
                let answer = Governed::look(place)?.ask(
                    |it| {
                        let erasures = it.settings().erasures();
                        Ok(erasures.iter().find(|erasure| erasure.id == one.id).map(|erasure| erasure.to_json()))
                    },
                    async |it| it.erasure(&one.id).await.map(Some),
                );
                (one, answer)
            }
        };
        one.format.print(&found(answer, "erasure", &one.id, "deedbook erase list")?, shown)?;
        Ok(Exit::Done)
    }
}

fn approve(governance: &Governance, one: &One) -> Outcome<Option<Value>> {
    let approved = watched(|watch| governance.approve_erasure(&one.id, &one.author(), watch))?;
    let Some(erasure) = approved else { return Ok(None) };
    let done = watched(|watch| governance.carry_out_erasure(&erasure.id, watch))?;
    Ok(done.map(|done| done.to_json()))
}

impl List {
    fn run(self, place: &Place) -> Outcome<Exit> {
        let listed = Governed::look(place)?.ask(
            |it| {
                let all: Vec<Value> = it.settings().erasures().iter().map(|erasure| erasure.to_json()).collect();
                Ok(json!({ "data": all }))
            },
            async |it| it.erasures().await,
        )?;
        self.format.print(&listed["data"], |all| {
            all.as_array().into_iter().flatten().map(|erasure| sentence(erasure) + "\n").collect()
        })?;
        Ok(Exit::Done)
    }
}

fn age(text: &str) -> Result<Age, String> {
    Age::parse(text).ok_or_else(|| "expected a time such as 35d, 6m or 1y".to_owned())
}

/// An erasure on one line, the words between tabs.
fn sentence(erasure: &Value) -> String {
    let words = ["id", "state", "tenant", "requested_at", "requested_by", "basis"];
    words.map(|name| text(&erasure[name])).join("\t")
}

fn shown(erasure: &Value) -> String {
    let (id, state) = (text(&erasure["id"]), text(&erasure["state"]));
    let mut out = format!("{id} is {state}\n");
    if state == "requested" {
        let _ = writeln!(out, "Another administrator approves it: deedbook erase approve {id}");
    }
    if let Some(certificate) = erasure["certificate"].as_object() {
        out.push_str("\nCertificate\n");
        for (name, value) in certificate {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = writeln!(out, "  {name}: {}", crate::output::safe::safe(&value));
        }
        if !certificate.contains_key("backups") {
            out.push_str("  Nobody said how long backups are kept: what they hold of the person stays there.\n");
        }
    }
    out
}

fn planned(plan: &Value) -> String {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let entries = counted(number(&plan["entries"]), "entry", "entries");
    let mut out = format!("{} of {entries} would go\n", counted(number(&plan["values"]), "value", "values"));
    for (path, count) in plan["paths"].as_object().into_iter().flatten() {
        let _ = writeln!(out, "  {}: {count}", crate::output::safe::safe(path));
    }
    let names: Vec<String> = plan["names"].as_array().into_iter().flatten().map(text).collect();
    let _ = writeln!(out, "Names that are sought: {}", names.join(", "));
    let count = number(&plan["mentions"]["count"]);
    let _ = writeln!(
        out,
        "{} the person in text that cannot be erased alone",
        counted(count, "entry names", "entries name")
    );
    for mention in plan["mentions"]["entries"].as_array().into_iter().flatten() {
        let _ =
            writeln!(out, "  {} {} {}", text(&mention["id"]), text(&mention["recorded_at"]), text(&mention["action"]));
        for place in mention["texts"].as_array().into_iter().flatten() {
            let _ = writeln!(out, "    {}: {}", text(&place["pointer"]), text(&place["text"]));
        }
    }
    for hold in plan["held"].as_array().into_iter().flatten() {
        let who = [text(&hold["id"]), text(&hold["placed_by"]), text(&hold["reason"])];
        let _ = writeln!(out, "Held by {}, placed by {}: {}", who[0], who[1], who[2]);
    }
    let exports = number(&plan["exports"]["count"]);
    let _ = writeln!(out, "{} went out since the oldest of them", counted(exports, "export", "exports"));
    out
}
