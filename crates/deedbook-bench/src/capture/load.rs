//! What applications do: changes of one row, of many, and the transaction of pgbench; by several clients at once.

use std::ops::Range;

use deedbook_testkit::postgres::Server;
use serde::Serialize;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Statement};

use super::variant::{Variant, connect};
use crate::Result;
use crate::random::Random;

/// Invoices, as tables.sql makes them.
pub const INVOICES: u64 = 40_000;
/// Statements of a transaction that has many.
const STATEMENTS: u64 = 50;
/// Rows of the tables of pgbench.
const ACCOUNTS: u64 = 100_000;
const TELLERS: u64 = 100;
const BRANCHES: u64 = 10;

/// One kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// One invoice changes in one column.
    Update,
    /// The same again and again in one transaction; the figures are for one statement.
    Updates,
    /// One invoice is written.
    Insert,
    /// One statement changes a column of many invoices; the figures are for one row.
    BulkUpdate,
    /// The transaction of pgbench: three updates of one row, each captured, a query and an insert that is not.
    Pgbench,
}

impl Load {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Update, Self::Updates, Self::Insert, Self::BulkUpdate, Self::Pgbench];

    /// As the report calls it.
    pub fn name(self, bulk_rows: u64) -> String {
        match self {
            Self::Update => "UPDATE of one row, per transaction".to_owned(),
            Self::Updates => format!("UPDATE of one row, {STATEMENTS} in a transaction, per statement"),
            Self::Insert => "INSERT of one row, per transaction".to_owned(),
            Self::BulkUpdate => format!("UPDATE of {bulk_rows} rows in one statement, per row"),
            Self::Pgbench => "pgbench's transaction with three captured updates, per transaction".to_owned(),
        }
    }

    /// What one transaction is for the figures.
    pub fn units(self, bulk_rows: u64) -> u64 {
        match self {
            Self::Update | Self::Insert | Self::Pgbench => 1,
            Self::Updates => STATEMENTS,
            Self::BulkUpdate => bulk_rows,
        }
    }

    fn statements(self) -> &'static [(&'static str, &'static [Type])] {
        const UPDATE: &str = "UPDATE invoice SET cents = cents + 1 WHERE id = $1";
        const INSERT: &str = "INSERT INTO invoice (number, customer, state, cents, note, due)
            VALUES ('N-' || $1, 'Customer', 'open', $1, 'Agreed on the telephone.', '2026-11-01')";
        const BULK: &str = "UPDATE invoice SET cents = cents + 1 WHERE id BETWEEN $1 AND $2";
        match self {
            Self::Update | Self::Updates => &[(UPDATE, &[Type::INT4])],
            Self::Insert => &[(INSERT, &[Type::INT4])],
            Self::BulkUpdate => &[(BULK, &[Type::INT4, Type::INT4])],
            Self::Pgbench => &[
                ("UPDATE account SET balance = balance + $1 WHERE id = $2", &[Type::INT4, Type::INT4]),
                ("SELECT balance FROM account WHERE id = $1", &[Type::INT4]),
                ("UPDATE teller SET balance = balance + $1 WHERE id = $2", &[Type::INT4, Type::INT4]),
                ("UPDATE branch SET balance = balance + $1 WHERE id = $2", &[Type::INT4, Type::INT4]),
                (
                    "INSERT INTO movement (teller_id, branch_id, account_id, delta, at) VALUES ($1, $2, $3, $4, now())",
                    &[Type::INT4, Type::INT4, Type::INT4, Type::INT4],
                ),
            ],
        }
    }
}

/// How the work is divided.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Clients at the same time.
    pub clients: u64,
    /// Rows of a bulk update.
    pub bulk_rows: u64,
}

/// A client of one variant, with its statements prepared.
pub struct Worker {
    client: Client,
    variant: Variant,
    load: Load,
    /// How many rows it changes in bulk, and of which: no other worker has them, so that nobody waits for locks.
    bulk_rows: u64,
    own: Range<u64>,
    statements: Vec<Statement>,
    random: Random,
    done: u64,
}

impl Worker {
    /// Connects as one of `clients` workers; `number` tells it from the others.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn new(server: &Server, variant: Variant, load: Load, work: Work, number: u64) -> Result<Self> {
        let client = connect(server, variant.database()).await?;
        // What the disk takes is the same for everyone, and much more than all the rest.
        client.batch_execute("SET synchronous_commit = off").await?;
        let mut statements = Vec::new();
        for (sql, types) in load.statements() {
            statements.push(client.prepare_typed(sql, types).await?);
        }
        let share = INVOICES / work.clients;
        Ok(Self {
            client,
            variant,
            load,
            bulk_rows: work.bulk_rows,
            own: number * share..(number + 1) * share,
            statements,
            random: Random::new(7, number),
            done: number << 32,
        })
    }

    /// Does it that many times, each in a transaction of its own.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn run(&mut self, times: u64) -> Result<()> {
        for _ in 0..times {
            self.client.batch_execute(&self.variant.begin(self.done)).await?;
            self.work().await?;
            self.client.batch_execute("COMMIT").await?;
            self.done += 1;
        }
        Ok(())
    }

    async fn work(&mut self) -> Result<()> {
        match self.load {
            Load::Update => {
                let id = self.any(INVOICES);
                self.execute(0, &[&id]).await
            }
            Load::Updates => {
                for _ in 0..STATEMENTS {
                    let id = self.own.start as i32 + self.any(self.own.end - self.own.start);
                    self.execute(0, &[&id]).await?;
                }
                Ok(())
            }
            Load::Insert => self.execute(0, &[&1]).await,
            Load::BulkUpdate => {
                let last = self.own.end - self.bulk_rows;
                let from = self.own.start as i32 + self.any(last - self.own.start + 1);
                self.execute(0, &[&from, &(from + self.bulk_rows as i32 - 1)]).await
            }
            Load::Pgbench => {
                let (account, teller, branch) = (self.any(ACCOUNTS), self.any(TELLERS), self.any(BRANCHES));
                let delta = self.any(5_000);
                self.execute(0, &[&delta, &account]).await?;
                self.client.query_one(&self.statements[1], &[&account]).await?;
                self.execute(2, &[&delta, &teller]).await?;
                self.execute(3, &[&delta, &branch]).await?;
                self.execute(4, &[&teller, &branch, &account, &delta]).await
            }
        }
    }

    async fn execute(&self, statement: usize, values: &[&(dyn ToSql + Sync)]) -> Result<()> {
        self.client.execute(&self.statements[statement], values).await?;
        Ok(())
    }

    /// A number from 1 to `most`.
    fn any(&mut self, most: u64) -> i32 {
        self.random.below(most) as i32 + 1
    }
}
