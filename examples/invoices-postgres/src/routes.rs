//! The service over HTTP. Each act is one transaction, begun with the context of its request: the rows that change, and
//! the business event, are in the log when it has committed, and never were when it was rolled back.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{patch, post};
use axum::{Json, Router};
use deedbook::postgres::{begin, record_in};
use serde::Deserialize;
use sqlx::{PgPool, Postgres, Transaction};

use crate::events::{Invoice, InvoiceApproved, InvoiceWritten, PricesImported};
use crate::refusal::Refusal;
use crate::requests::in_context;

type Answer<T> = Result<Json<T>, Refusal>;

/// The routes of the service.
pub(crate) fn router(pool: PgPool) -> Router {
    Router::new()
        .route("/invoices", post(write))
        .route("/invoices/{id}", patch(change).delete(delete))
        .route("/invoices/{id}/approve", post(approve))
        .route("/prices", post(import))
        .layer(middleware::from_fn_with_state(pool.clone(), in_context))
        .with_state(pool)
}

#[derive(Deserialize)]
struct Written {
    customer: i32,
    title: String,
    #[serde(default)]
    lines: Vec<Line>,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Deserialize)]
struct Line {
    text: String,
    cents: i32,
}

/// Writes an invoice with its lines and tags.
async fn write(State(pool): State<PgPool>, Json(body): Json<Written>) -> Result<(StatusCode, Json<Invoice>), Refusal> {
    let mut transaction = begin(&pool).await?;
    let cents: i32 = body.lines.iter().try_fold(0i32, |sum, line| sum.checked_add(line.cents)).ok_or(TOO_DEAR)?;
    let invoice: Invoice =
        sqlx::query_as("INSERT INTO invoices (customer_id, title, cents) VALUES ($1, $2, $3) RETURNING *")
            .bind(body.customer)
            .bind(&body.title)
            .bind(cents)
            .fetch_one(&mut *transaction)
            .await?;
    let (texts, amounts): (Vec<String>, Vec<i32>) = body.lines.into_iter().map(|line| (line.text, line.cents)).unzip();
    sqlx::query("INSERT INTO lines (invoice_id, text, cents) SELECT $1, * FROM unnest($2::text[], $3::int[])")
        .bind(invoice.id)
        .bind(texts)
        .bind(amounts)
        .execute(&mut *transaction)
        .await?;
    tag(&mut transaction, invoice.id, &body.tags).await?;
    record_in(&mut transaction, InvoiceWritten { invoice: &invoice }).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Json(invoice)))
}

const TOO_DEAR: Refusal = Refusal::Wrong("the sum is too large");

/// Gives the invoice these tags besides those that it has.
async fn tag(transaction: &mut Transaction<'_, Postgres>, invoice: i32, names: &[String]) -> Result<(), Refusal> {
    sqlx::query("INSERT INTO tags (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING")
        .bind(names)
        .execute(&mut **transaction)
        .await?;
    sqlx::query("INSERT INTO invoice_tags (invoice_id, tag_id) SELECT $1, id FROM tags WHERE name = ANY ($2) ON CONFLICT DO NOTHING")
        .bind(invoice)
        .bind(names)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

#[derive(Deserialize)]
struct Change {
    title: Option<String>,
    cents: Option<i32>,
    #[serde(default)]
    tags: Vec<String>,
}

/// Sets every column, to what it was where nothing else is asked for.
async fn change(State(pool): State<PgPool>, Path(id): Path<i32>, Json(body): Json<Change>) -> Answer<Invoice> {
    let mut transaction = begin(&pool).await?;
    let sql = "UPDATE invoices SET title = coalesce($2, title), cents = coalesce($3, cents), state = state WHERE id = $1 RETURNING *";
    let invoice = sqlx::query_as(sql).bind(id).bind(body.title).bind(body.cents).fetch_one(&mut *transaction).await?;
    tag(&mut transaction, id, &body.tags).await?;
    transaction.commit().await?;
    Ok(Json(invoice))
}

async fn delete(State(pool): State<PgPool>, Path(id): Path<i32>) -> Result<StatusCode, Refusal> {
    let mut transaction = begin(&pool).await?;
    let deleted = sqlx::query("DELETE FROM invoices WHERE id = $1").bind(id).execute(&mut *transaction).await?;
    transaction.commit().await?;
    if deleted.rows_affected() == 0 { Err(Refusal::NotFound) } else { Ok(StatusCode::NO_CONTENT) }
}

#[derive(Deserialize)]
struct Approval {
    note: Option<String>,
}

async fn approve(State(pool): State<PgPool>, Path(id): Path<i32>, Json(body): Json<Approval>) -> Answer<Invoice> {
    let mut transaction = begin(&pool).await?;
    let sql = "UPDATE invoices SET state = 'approved' WHERE id = $1 RETURNING *";
    let invoice: Invoice = sqlx::query_as(sql).bind(id).fetch_one(&mut *transaction).await?;
    record_in(&mut transaction, InvoiceApproved { invoice: &invoice, note: body.note.as_deref() }).await?;
    transaction.commit().await?;
    Ok(Json(invoice))
}

#[derive(Deserialize)]
struct Price {
    invoice: i32,
    cents: i32,
}

/// Imports prices, all in one statement, ten thousand of them as well as one. Where one names no invoice, everything is
/// rolled back, the event too: then nothing was imported.
async fn import(State(pool): State<PgPool>, Json(prices): Json<Vec<Price>>) -> Answer<usize> {
    let rows = prices.len();
    let mut transaction = begin(&pool).await?;
    record_in(&mut transaction, PricesImported { rows }).await?;
    let (invoices, cents): (Vec<i32>, Vec<i32>) = prices.into_iter().map(|price| (price.invoice, price.cents)).unzip();
    let sql =
        "UPDATE invoices SET cents = p.cents FROM unnest($1::int[], $2::int[]) p (id, cents) WHERE invoices.id = p.id";
    let updated = sqlx::query(sql).bind(invoices).bind(cents).execute(&mut *transaction).await?;
    if usize::try_from(updated.rows_affected()) != Ok(rows) {
        transaction.rollback().await?;
        return Err(Refusal::Wrong("a price names no invoice, or one twice: nothing was imported"));
    }
    transaction.commit().await?;
    Ok(Json(rows))
}
