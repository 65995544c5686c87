//! `GET /v1/events/count`, `/facets`: numbers of entries within the caller's scope.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use deedbook_core::{Group, GroupBy, Query, Result, Scope, Store};
use serde_json::{Map, Value, json};

use super::question::Question;
use super::schema;
use crate::app::App;
use crate::parameters::Parameters;
use crate::problem::Answer;
use crate::reading::{ReadKind, Reader};

const GROUPS: [(&str, GroupBy); 6] = [
    ("action", GroupBy::Action),
    ("actor", GroupBy::Actor),
    ("target", GroupBy::Target),
    ("outcome", GroupBy::Outcome),
    ("day", GroupBy::Day),
    ("tenant", GroupBy::Tenant),
];

/// Lines of a count where nobody says how many.
const GROUPS_LIMIT: usize = 100;
/// Lines of a facet where nobody says how many.
const FACET_LIMIT: usize = 10;

/// Count entries.
///
/// With `by`, one line for each combination of values, the most frequent first. An entry with several targets counts
/// once under each.
#[utoipa::path(
    get, path = "/events/count", tag = "events", operation_id = "count_events",
    params(
        schema::QuestionParameters,
        ("by" = Option<String>, Query, description = "Some of action, actor, target, outcome, day, tenant, between commas"),
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 10000, description = "At most so many groups; 100"),
    ),
    responses((status = 200, description = "The number", body = schema::Count), schema::Refusals),
)]
pub(crate) async fn count(State(app): State<Arc<App>>, reader: Reader, mut parameters: Parameters) -> Answer {
    let question = Question::take(&mut parameters, &reader.0)?;
    let by = parameters.words("by", &GROUPS)?.unwrap_or_default();
    let limit = parameters.count("limit", app.limits.groups_max)?.unwrap_or(GROUPS_LIMIT);
    parameters.finish(&["q", "tz", "tenant", "by", "limit"])?;
    let (query, scope) = (question.query(app.now())?, question.scope);
    let (groups, within) = (by.clone(), scope.clone());
    let work = move |store: &dyn Store| {
        let lines = if groups.is_empty() { None } else { Some(store.count(&query, &scope, &groups)?) };
        Ok((total(store, &query, &scope)?, lines))
    };
    let (total, lines) = app.read(&reader, ReadKind::Count, &within, work).await?;
    let mut body = Map::from_iter([("count".to_owned(), json!(total))]);
    if let Some(lines) = lines {
        body.insert("has_more".to_owned(), json!(lines.len() > limit));
        body.insert("groups".to_owned(), lines.iter().take(limit).map(|line| group(line, &by)).collect());
    }
    Ok(answer(Value::Object(body)))
}

/// Count entries by each of several fields.
#[utoipa::path(
    get, path = "/events/facets", tag = "events", operation_id = "facet_events",
    params(
        schema::QuestionParameters,
        ("by" = Option<String>, Query, description = "Some of action, actor, target, outcome, day, tenant, between \
            commas; the first four"),
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 10000, description = "At most so many values; 10"),
    ),
    responses((status = 200, description = "The most frequent values", body = schema::Facets), schema::Refusals),
)]
pub(crate) async fn facets(State(app): State<Arc<App>>, reader: Reader, mut parameters: Parameters) -> Answer {
    let question = Question::take(&mut parameters, &reader.0)?;
    let first_four = || GROUPS[..4].iter().map(|(_, group)| *group).collect();
    let by = parameters.words("by", &GROUPS)?.unwrap_or_else(first_four);
    let limit = parameters.count("limit", app.limits.groups_max)?.unwrap_or(FACET_LIMIT);
    parameters.finish(&["q", "tz", "tenant", "by", "limit"])?;
    let (query, scope) = (question.query(app.now())?, question.scope);
    let (groups, within) = (by.clone(), scope.clone());
    let work = move |store: &dyn Store| {
        groups.iter().map(|group| store.count(&query, &scope, &[*group])).collect::<Result<Vec<_>>>()
    };
    let counted = app.read(&reader, ReadKind::Count, &within, work).await?;
    let facets = by.iter().zip(&counted).map(|(group, lines)| (name_of(*group).to_owned(), facet(lines, limit)));
    Ok(answer(json!({ "facets": Map::from_iter(facets) })))
}

/// How many entries of the scope match.
pub(super) fn total(store: &dyn Store, query: &Query, scope: &Scope) -> Result<u64> {
    Ok(store.count(query, scope, &[])?.first().map_or(0, |total| total.count))
}

fn group(line: &Group, by: &[GroupBy]) -> Value {
    let mut members: Map<String, Value> =
        by.iter().zip(&line.key).map(|(group, value)| (name_of(*group).to_owned(), json!(value))).collect();
    members.insert("count".to_owned(), json!(line.count));
    Value::Object(members)
}

fn facet(lines: &[Group], limit: usize) -> Value {
    let value = |line: &Group| json!({ "value": line.key.first(), "count": line.count });
    json!({ "values": lines.iter().take(limit).map(value).collect::<Value>(), "has_more": lines.len() > limit })
}

fn name_of(group: GroupBy) -> &'static str {
    GROUPS.iter().find(|(_, known)| *known == group).map_or("", |(name, _)| name)
}

fn answer(body: Value) -> Response {
    super::record::json(StatusCode::OK, body.to_string())
}
