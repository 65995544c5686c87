//! `/v1/storage`: what the log takes on the disk, and how much was recorded lately.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use deedbook_core::query::{Bounds, Condition, Expression};
use deedbook_core::{PageRequest, Query, Scope, Store, Timestamp, rfc3339};
use jiff::SignedDuration;
use serde_json::json;

use super::count::total;
use super::record::json as answer;
use super::schema;
use crate::access::Overseer;
use crate::app::App;
use crate::parameters::NoParameters;
use crate::problem::{Answer, Problem};

/// Over how long it is counted what was recorded lately.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Show what the log takes on the disk.
///
/// Figures of all tenants together: for administrators and auditors whose token is bound to none. 501 where the log is
/// not in files.
#[utoipa::path(
    get, path = "/storage", tag = "settings", operation_id = "get_storage",
    responses((status = 200, description = "The figures", body = schema::Storage), schema::Refusals),
)]
pub(crate) async fn show(State(app): State<Arc<App>>, _: Overseer, _: NoParameters) -> Answer {
    let usage = app.disk_usage.clone().ok_or_else(Problem::not_implemented)?;
    let now = app.now();
    let work = {
        let app = app.clone();
        move || Ok::<_, deedbook_core::Error>((usage()?, recent(&*app.store, now)?))
    };
    let (usage, (since, entries)) = app.compute(work).await??;
    let figures = json!({
        "bytes": usage.bytes,
        "entries": app.store.visible_count(),
        "sealed": { "bytes": usage.sealed_bytes, "entries": usage.sealed_entries },
        "archived": { "bytes": usage.archived_bytes },
        "recent": { "since": rfc3339(since), "entries": entries },
    });
    Ok(answer(StatusCode::OK, figures.to_string()))
}

/// How many entries were recorded in the last days, or since the first one where that is later.
fn recent(store: &dyn Store, now: Timestamp) -> deedbook_core::Result<(Timestamp, u64)> {
    let scope = Scope::unrestricted("figures of all tenants, for whoever oversees them");
    let since = now.checked_sub(RECENT).unwrap_or(Timestamp::MIN);
    let within = Expression::Is(Condition::Recorded(Bounds { from: Some(since), until: None }));
    let entries = total(store, &Query::from_expression(within), &scope)?;
    if entries < store.visible_count() {
        return Ok((since, entries));
    }
    // Everything is of these days. Otherwise the first entry is not looked at, for it may lie in an archive that is away.
    let first = store.page(&Query::all(), &scope, &PageRequest::oldest(1))?.entries;
    Ok((first.first().map_or(now, |entry| entry.receipt.recorded_at), entries))
}
