//! The shapes of retention, holds and erasures.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// One rule: it is about entries of this tenant, category and action, where they are given.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct RetentionRule {
    tenant: Option<String>,
    category: Option<String>,
    /// An action, or how it begins: `user.*`.
    action: Option<String>,
    /// `forever`, a time such as `90d` (h, d, w, m, y), or `last 100` of each target.
    #[schema(example = "90d")]
    keep: String,
}

/// For how long entries are kept.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Retention {
    /// The first that matches counts; what none matches is kept for ever.
    rules: Vec<RetentionRule>,
    /// The same, a line each.
    text: String,
    /// RFC 3339; null where nobody set any and the default rules hold.
    set_at: Option<String>,
    set_by: Option<String>,
    reason: Option<String>,
    /// Id of the entry that says so, in the tenant `_deedbook`.
    entry: Option<String>,
    /// The latest run, with what it did once it has finished.
    #[schema(value_type = Option<Object>)]
    run: Option<Value>,
    /// When the next one begins by itself.
    next_run_at: Option<String>,
}

/// New rules, and why.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct NewRetention {
    rules: Vec<RetentionRule>,
    #[schema(max_length = 1024)]
    reason: String,
}

/// Rules to be tried; those that hold where they are absent.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct TriedRetention {
    rules: Option<Vec<RetentionRule>>,
}

/// What would go.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct RetentionPlan {
    made_at: String,
    /// How many entries in all.
    count: u64,
    rules: Vec<RulePlan>,
}

/// What would go by one rule.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct RulePlan {
    rule: RetentionRule,
    text: String,
    goes: Tally,
    /// What would go if no hold covered it.
    held: Tally,
    tenants: Vec<TenantPlan>,
    /// Why the rule is passed over.
    skipped: Option<String>,
}

/// What would go of one tenant by one rule.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct TenantPlan {
    tenant: String,
    goes: Tally,
    held: Tally,
}

/// How many entries, and when the first and the last of them was recorded.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Tally {
    count: u64,
    oldest: Option<String>,
    newest: Option<String>,
}

/// A run that was begun.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct RunBegun {
    id: String,
}

/// A hold.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Hold {
    id: String,
    tenant: Option<String>,
    /// Without relative times.
    query: Option<String>,
    target: Option<String>,
    actor: Option<String>,
    reason: String,
    placed_at: String,
    placed_by: String,
    released_at: Option<String>,
    released_by: Option<String>,
    released_reason: Option<String>,
    /// Id of the entry of the latest change, in the tenant `_deedbook`.
    entry: String,
}

/// Every hold.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Holds {
    data: Vec<Hold>,
}

/// What a new hold is to cover: entries that fit all that is given.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct NewHold {
    tenant: Option<String>,
    query: Option<String>,
    /// Id or TYPE:ID of a target.
    target: Option<String>,
    /// Id or TYPE:ID of who acted, or stood behind who acted.
    actor: Option<String>,
    #[schema(max_length = 1024)]
    reason: String,
}

/// Why.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Reason {
    #[schema(max_length = 1024)]
    reason: String,
}

/// Why, where somebody says so; it becomes the reason of the entry.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Because {
    #[schema(max_length = 1024)]
    reason: Option<String>,
}

/// A saved search.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Search {
    id: String,
    /// For whose log; for every tenant's where absent.
    tenant: Option<String>,
    name: String,
    query: String,
    saved_at: String,
    saved_by: String,
    deleted_at: Option<String>,
    /// Id of the entry of the latest change, in the tenant `_deedbook`.
    entry: String,
}

/// Every saved search.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Searches {
    data: Vec<Search>,
}

/// What is to be saved.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct NewSearch {
    #[schema(max_length = 256)]
    name: String,
    /// Relative times stay relative.
    query: String,
    tenant: Option<String>,
    #[schema(max_length = 1024)]
    reason: Option<String>,
}

/// Who is to be erased.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct NewErasure {
    /// `default` where absent.
    tenant: Option<String>,
    /// Id or TYPE:ID of the person.
    #[schema(example = "user:user_7")]
    principal: String,
    /// Why, without the person's name: it stays in the log.
    #[schema(max_length = 1024)]
    basis: String,
    /// Further names and addresses by which free text may call the person.
    also: Option<Vec<String>>,
    /// What becomes of entries that name the person in text that cannot be erased alone: `erase` or `keep` all, or ids
    /// under each.
    mentions: Option<Mentions>,
    /// Whether names are sought in every text of every entry, rather than by the index of words.
    thorough: Option<bool>,
    /// Whether only to tell what it would do.
    dry_run: Option<bool>,
}

/// A decision for all, or for each.
#[derive(ToSchema, Serialize)]
#[serde(untagged)]
pub(in crate::endpoints) enum Mentions {
    All(String),
    Each { erase: Option<Vec<String>>, keep: Option<Vec<String>> },
}

/// What an erasure would do.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct ErasurePlan {
    tenant: String,
    /// Entries of which values would go.
    entries: u64,
    values: u64,
    /// How many values, by their places.
    paths: BTreeMap<String, u64>,
    /// The names that are sought.
    names: Vec<String>,
    /// Entries that name the person in other text, the first thousand of them.
    #[schema(value_type = Object)]
    mentions: Value,
    /// Holds that forbid it.
    held: Vec<Hold>,
    /// Exports that went out since the oldest of the entries.
    #[schema(value_type = Object)]
    exports: Value,
    oldest: Option<String>,
}

/// An erasure.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Erasure {
    id: String,
    /// `requested`, `approved`, `done` or `withdrawn`.
    state: String,
    tenant: String,
    /// Until it has ended.
    principal: Option<String>,
    basis: String,
    mentions: Mentions,
    thorough: bool,
    requested_at: String,
    requested_by: String,
    approved_at: Option<String>,
    approved_by: Option<String>,
    ended_at: Option<String>,
    /// What was done, once it is.
    #[schema(value_type = Option<Object>)]
    certificate: Option<Value>,
    /// Id of the entry of the latest change, in the tenant `_deedbook`.
    entry: String,
}

/// Every erasure.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Erasures {
    data: Vec<Erasure>,
}
