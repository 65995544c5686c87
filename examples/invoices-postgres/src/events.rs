//! What happens in business terms. Which fields changed is not said here: row capture knows, and both have the
//! transaction in common.

use deedbook::{Entity, Event};
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

/// An invoice. Its type and id are those that the mapping of row capture gives, so that it has one history.
#[derive(Entity, Serialize)]
pub(crate) struct Invoice {
    #[entity(id)]
    pub(crate) id: i32,
    #[entity(name)]
    pub(crate) title: String,
    pub(crate) state: String,
    pub(crate) cents: i32,
}

impl FromRow<'_, PgRow> for Invoice {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            title: row.try_get("title")?,
            state: row.try_get("state")?,
            cents: row.try_get("cents")?,
        })
    }
}

#[derive(Event)]
#[event(action = "invoice.written", describe = "{actor} wrote {invoice}")]
pub(crate) struct InvoiceWritten<'a> {
    #[event(target)]
    pub(crate) invoice: &'a Invoice,
}

#[derive(Event)]
#[event(action = "invoice.approved", describe = "{actor} approved {invoice}")]
pub(crate) struct InvoiceApproved<'a> {
    #[event(target)]
    pub(crate) invoice: &'a Invoice,
    #[event(personal)]
    pub(crate) note: Option<&'a str>,
}

#[derive(Event)]
#[event(action = "prices.imported", describe = "{actor} imported {rows} prices")]
pub(crate) struct PricesImported {
    pub(crate) rows: usize,
}
