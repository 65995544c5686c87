//! `capture postgres install`: tables of a database are captured from now on.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use deedbook_postgres::capture::{self, CapturedTable, ColumnName, Entity, Pattern, Plan, TableName};
use deedbook_postgres::schema;

use super::Address;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;
use crate::output::log::HEADING;
use crate::output::safe::safe;

/// The arguments of `capture postgres install`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each captured table gets four triggers, which write what a statement changed into deedbook.outbox, in its transaction; \
`run` brings that into the log. It may be run again with other options at any time. Columns whose names sound like \
secrets (*password*, *token*, *secret*) are masked. It needs the rights of the tables' owner, and no superuser; where \
the role is one, changes of the schema are followed by themselves, elsewhere `sync` is to be run after them.

Tables are written schema.table, and table alone in public; * stands for any characters.

Example:
  deedbook capture postgres install --database postgresql://owner@localhost/app
  deedbook capture postgres install --tables 'public.*' --exclude 'public.tmp_*' --mask users.note \\
      --entity public.invoices=invoice,id=public_id,label=number,targets=customer_id
  deedbook capture postgres install --dry-run > migration.sql")]
pub(crate) struct Install {
    #[command(flatten)]
    address: Address,

    /// Tables to capture; public.* when absent
    #[arg(long, value_name = "TABLE")]
    tables: Vec<Pattern>,

    /// Tables to leave out, or to release
    #[arg(long, value_name = "TABLE")]
    exclude: Vec<Pattern>,

    /// A column to leave out wholly
    #[arg(long, value_name = "TABLE.COLUMN")]
    omit: Vec<ColumnName>,

    /// A column of which only is written that it changed
    #[arg(long, value_name = "TABLE.COLUMN")]
    mask: Vec<ColumnName>,

    /// A column to write though its name sounds like a secret
    #[arg(long, value_name = "TABLE.COLUMN")]
    plain: Vec<ColumnName>,

    /// A column whose values can be erased from the log one by one
    #[arg(long, value_name = "TABLE.COLUMN")]
    personal: Vec<ColumnName>,

    /// What the rows of a table are called: TABLE=ENTITY[,id=COLUMN+…][,label=COLUMN][,tenant=COLUMN]
    /// [,audience=LABEL+…][,category=WORD][,targets=COLUMN+…]
    #[arg(long, value_name = "MAPPING", value_parser = capture::entity)]
    entity: Vec<(TableName, Entity)>,

    /// The same in a file of TOML, to which these options are added
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,

    /// Print the SQL instead of running it
    #[arg(long)]
    dry_run: bool,
}

impl Install {
    /// Captures, or prints how.
    pub(crate) fn run(self) -> Outcome<Exit> {
        let (database, is_dry) = (self.address.read()?, self.dry_run);
        let plan = self.plan()?;
        super::block_on(async {
            let mut client = database.connect().await?;
            if is_dry {
                return print(&plan, &capture::tables(&client).await?);
            }
            capture::install(&mut client, &plan).await?;
            let status = capture::status(&client).await?;
            let mut out = anstream::stdout().lock();
            status
                .captured
                .iter()
                .try_for_each(|table| writeln!(out, "{}", line(table)))
                .map_err(output::unwritable)?;
            if status.captured.is_empty() {
                writeln!(out, "No table is captured.").map_err(output::unwritable)?;
            }
            if !status.is_following {
                let sync = "Run `deedbook capture postgres sync` after changes of the schema: this role may not create an event trigger.";
                writeln!(out, "{sync}").map_err(output::unwritable)?;
            }
            Ok(Exit::Done)
        })
    }

    fn plan(self) -> Outcome<Plan> {
        let mut plan = self.mapping.map_or_else(|| Ok(Plan::default()), read)?;
        plan.tables.extend(self.tables);
        plan.exclude.extend(self.exclude);
        plan.omit.extend(self.omit);
        plan.mask.extend(self.mask);
        plan.plain.extend(self.plain);
        plan.personal.extend(self.personal);
        plan.entity.extend(self.entity);
        Ok(plan)
    }
}

fn read(path: PathBuf) -> Outcome<Plan> {
    let text = fs::read_to_string(&path).map_err(|error| Failure::io(format!("read {}", path.display()), error))?;
    toml::from_str(&text)
        .map_err(|error| Failure::invalid(format!("{} is no mapping", path.display())).caused_by(error))
}

/// Above what is printed.
const HOW_TO_RUN: &str = "\
-- Row capture by Deedbook, as a migration: to be run in one transaction (psql --single-transaction), as the owner of the
-- tables. The functions of the triggers are made in the database by deedbook.capture, at the end.
";

fn print(plan: &Plan, found: &[TableName]) -> Outcome<Exit> {
    let statements = capture::statements(plan, found)?;
    let mut out = anstream::stdout().lock();
    // No BEGIN and no COMMIT: a migration has its own.
    let parts = [HOW_TO_RUN, schema::SQL, capture::SQL];
    let lines = parts.into_iter().chain(statements.iter().map(String::as_str));
    lines.into_iter().try_for_each(|line| writeln!(out, "{line}")).map_err(output::unwritable)?;
    Ok(Exit::Done)
}

/// What a table is called, and what one should know of it.
pub(super) fn line(captured: &CapturedTable) -> String {
    let mut line = format!("{} {HEADING}→{HEADING:#} {}", safe(&captured.table.to_string()), safe(&captured.entity));
    if captured.is_keyless {
        line.push_str(", without a key: changes of all its rows are found under one target, ");
        line.push_str(&format!("{}:*", safe(&captured.entity)));
    }
    if !captured.masked.is_empty() {
        let masked: Vec<_> = captured.masked.iter().map(|column| safe(column)).collect();
        line.push_str(&format!(", masked: {}", masked.join(", ")));
    }
    line
}
