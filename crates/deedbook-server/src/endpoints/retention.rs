//! `/v1/retention`: for how long entries are kept, what would go now, and runs.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use deedbook_core::retention::Rules;
use serde_json::{Value, json};

use super::record::json as answer;
use super::request::{Because, CONFLICT, Members};
use super::schema;
use crate::access::{Administrator, Caller, Inspector};
use crate::app::App;
use crate::parameters::NoParameters;
use crate::problem::Answer;

/// Show for how long entries are kept, and the latest run.
///
/// A token that is bound to a tenant sees the rules that are about it, and no run.
#[utoipa::path(
    get, path = "/retention", tag = "settings", operation_id = "show_retention",
    responses((status = 200, description = "The rules", body = schema::Retention), schema::Refusals),
)]
pub(crate) async fn show(State(app): State<Arc<App>>, Inspector(caller): Inspector, _: NoParameters) -> Answer {
    Ok(answer(StatusCode::OK, app.governance.retention(caller.token.tenant.as_deref()).to_string()))
}

/// Set for how long entries are kept.
///
/// The rules replace all that held before. The first that matches an entry counts; an entry that none matches is kept for
/// ever.
#[utoipa::path(
    put, path = "/retention", tag = "settings", operation_id = "set_retention",
    request_body(content = schema::NewRetention, content_type = "application/json"),
    responses((status = 200, description = "The rules", body = schema::Retention), schema::Refusals),
)]
pub(crate) async fn set(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    mut members: Members,
) -> Answer {
    let rules = rules(&mut members);
    let reason = members.required("reason", "\"decided by the board on 2026-09-20\"");
    if rules.is_none() {
        members.missing("rules", "[{\"category\":\"account\",\"keep\":\"90d\"}]");
    }
    members.finish("rules and reason")?;
    let set = move |app: &App| app.governance.set_rules(&rules.unwrap_or_default(), &reason, &caller.author());
    app.change(CONFLICT, set).await?;
    Ok(answer(StatusCode::OK, app.governance.retention(None).to_string()))
}

/// Show what would go now.
#[utoipa::path(
    get, path = "/retention/plan", tag = "settings", operation_id = "plan_retention",
    responses((status = 200, description = "What would go, by rule and tenant", body = schema::RetentionPlan), schema::Refusals),
)]
pub(crate) async fn plan(State(app): State<Arc<App>>, Inspector(caller): Inspector, _: NoParameters) -> Answer {
    planned(&app, caller, None).await
}

/// Show what would go now if these were the rules.
///
/// Nothing is changed.
#[utoipa::path(
    post, path = "/retention/plan", tag = "settings", operation_id = "try_retention",
    request_body(content = schema::TriedRetention, content_type = "application/json"),
    responses((status = 200, description = "What would go, by rule and tenant", body = schema::RetentionPlan), schema::Refusals),
)]
pub(crate) async fn try_out(
    State(app): State<Arc<App>>,
    Inspector(caller): Inspector,
    _: NoParameters,
    mut members: Members,
) -> Answer {
    let rules = rules(&mut members);
    members.finish("rules")?;
    planned(&app, caller, rules).await
}

/// Begin a run.
///
/// It goes on after the answer; `GET /v1/retention` shows how it ended.
#[utoipa::path(
    post, path = "/retention/run", tag = "settings", operation_id = "run_retention",
    request_body(content = Option<schema::Because>, content_type = "application/json"),
    responses((status = 202, description = "The run", body = schema::RunBegun), schema::Refusals),
)]
pub(crate) async fn run(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    _: NoParameters,
    Because(reason): Because,
) -> Answer {
    let author = caller.author().because(reason);
    let id = app.orders.run(author).map_err(|error| app.refusal(error, CONFLICT))?;
    Ok(answer(StatusCode::ACCEPTED, json!({ "id": id }).to_string()))
}

async fn planned(app: &Arc<App>, caller: Caller, rules: Option<Rules>) -> Answer {
    let mut plan = app.govern(CONFLICT, move |governance, watch| governance.plan(rules, watch)).await?;
    if let Some(tenant) = &caller.token.tenant {
        plan.keep_tenant(tenant);
    }
    Ok(answer(StatusCode::OK, plan.to_json().to_string()))
}

fn rules(members: &mut Members) -> Option<Rules> {
    let value: Value = members.value("rules")?;
    match Rules::from_json(&value) {
        Ok(rules) => Some(rules),
        Err(error) => {
            members.note(error.problems());
            Some(Rules::keep_everything())
        }
    }
}
