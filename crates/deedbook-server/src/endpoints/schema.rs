//! The shapes of requests and answers, for the description of the API. Nothing is read or written through them: events
//! and entries are bytes, and what is refused is decided by the core.

#![expect(dead_code, reason = "the shapes are described, not made")]

mod governing;
mod settings;
mod sinks;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, IntoResponses, ToSchema};

pub(super) use governing::*;
pub(super) use settings::{
    Code, Exchange, NewToken, NewViewerSession, Renewal, Rotation, Token, Tokens, ViewerSession, ViewerSessions,
};
pub(super) use sinks::*;

/// Which entries, and in whose log.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct QuestionParameters {
    /// A query; all entries match where it is absent or empty.
    q: Option<String>,
    /// The time zone in which days of the query begin; UTC.
    #[param(example = "Europe/Berlin")]
    tz: Option<String>,
    /// The tenant; the token's, else all but the log's own.
    tenant: Option<String>,
}

/// Which page.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PagingParameters {
    /// A cursor: entries further in the order of the page.
    after: Option<String>,
    /// A cursor: entries back in the order of the page.
    before: Option<String>,
    /// At most so many entries; 50.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Newest first, or oldest first.
    #[param(inline)]
    order: Option<Order>,
}

/// Which thing.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ThingParameters {
    /// TYPE:ID; TYPE ends at the first colon.
    #[param(example = "invoice:7")]
    target: String,
    /// The time zone in which days begin; UTC.
    #[param(example = "Europe/Berlin")]
    tz: Option<String>,
    /// In whose log; the token's, else `default`.
    tenant: Option<String>,
}

/// By position.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Newest first.
    Desc,
    /// Oldest first.
    Asc,
}

/// What a caller claims.
#[derive(ToSchema, Serialize)]
pub(super) struct Event {
    /// Names the event for ever within its tenant; given where absent.
    #[schema(pattern = "^[A-Za-z0-9_.:-]{1,128}$")]
    id: Option<String>,
    /// The token's, else `default`.
    #[schema(pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")]
    tenant: Option<String>,
    /// Singular object and past verb.
    #[schema(pattern = r"^[a-z0-9_]+(\.[a-z0-9_]+){1,5}$", max_length = 128, example = "document.shared")]
    action: String,
    schema: Option<String>,
    category: Option<String>,
    /// `success`, `failure`, `denied` or `unknown`.
    outcome: Option<String>,
    /// RFC 3339.
    occurred_at: Option<String>,
    actor: Actor,
    targets: Option<Vec<Target>>,
    changes: Option<Vec<Change>>,
    context: Option<Value>,
    reason: Option<String>,
    error: Option<Value>,
    correlation_id: Option<String>,
    transaction_id: Option<String>,
    source: Option<Value>,
    audience: Option<Vec<String>>,
    personal: Option<Vec<String>>,
    description: Option<String>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// Who acted.
#[derive(ToSchema, Serialize)]
pub(super) struct Actor {
    /// `user`, `service`, `agent`, `system`, `anonymous`, or another word.
    #[schema(example = "user")]
    r#type: String,
    /// Required but for `system` and `anonymous`.
    id: Option<String>,
    name: Option<String>,
    email: Option<String>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// Whose authority was used; the same shape.
    #[schema(value_type = Option<Object>)]
    on_behalf_of: Option<Value>,
}

/// What was acted upon.
#[derive(ToSchema, Serialize)]
pub(super) struct Target {
    #[schema(example = "document")]
    r#type: String,
    id: String,
    name: Option<String>,
    email: Option<String>,
    href: Option<String>,
    role: Option<String>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// One field that changed.
#[derive(ToSchema, Serialize)]
pub(super) struct Change {
    /// A JSON Pointer.
    path: String,
    from: Option<Value>,
    to: Option<Value>,
    redacted: Option<bool>,
}

/// One event or an array of them.
#[derive(ToSchema, Serialize)]
#[serde(untagged)]
pub(super) enum OneOrMoreEvents {
    One(Box<Event>),
    More(Vec<Event>),
}

/// One event a line.
#[derive(ToSchema, Serialize)]
pub(super) struct Lines(String);

/// What the log added.
#[derive(ToSchema, Serialize)]
pub(super) struct Receipt {
    id: String,
    tenant: String,
    seq: u64,
    /// Only for tokens that are bound to no tenant.
    position: Option<u64>,
    recorded_at: String,
    leaf_hash: String,
}

/// A receipt, or the fates of a batch.
#[derive(ToSchema, Serialize)]
#[serde(untagged)]
pub(super) enum Recorded {
    One(Receipt),
    Batch(Results),
}

/// The fate of each event of a batch.
#[derive(ToSchema, Serialize)]
pub(super) struct Results {
    results: Vec<ItemResult>,
}

/// The fate of one event.
#[derive(ToSchema, Serialize)]
pub(super) struct ItemResult {
    index: usize,
    /// 201, 200, 403, 409, 413 or 422.
    status: u16,
    receipt: Option<Receipt>,
    problem: Option<Value>,
}

/// The event and what the log added.
#[derive(ToSchema, Serialize)]
pub(super) struct Entry {
    id: String,
    tenant: String,
    action: String,
    seq: u64,
    /// Only for tokens that are bound to no tenant.
    position: Option<u64>,
    recorded_at: String,
    leaf_hash: String,
}

/// Some entries.
#[derive(ToSchema, Serialize)]
pub(super) struct Page {
    data: Vec<Entry>,
    /// The URL of the page further in this order.
    next: Option<String>,
    /// The URL of the page back in this order.
    prev: Option<String>,
    has_more: bool,
    /// The highest position visible when the page was read; only for tokens that are bound to no tenant.
    watermark: Option<u64>,
    /// Where some of the entries were read in an archive.
    archived: Option<bool>,
}

/// An entry about a thing.
#[derive(ToSchema, Serialize)]
pub(super) struct Version {
    effect: Effect,
    #[serde(flatten)]
    entry: Entry,
}

/// What an entry did to a thing.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Effect {
    Created,
    Changed,
    Deleted,
    Uncertain,
    Attempted,
    Mentioned,
}

/// Some entries about a thing.
#[derive(ToSchema, Serialize)]
pub(super) struct VersionPage {
    data: Vec<Version>,
    /// The URL of the page further in this order.
    next: Option<String>,
    /// The URL of the page back in this order.
    prev: Option<String>,
    has_more: bool,
    /// The highest position visible when the page was read; only for tokens that are bound to no tenant.
    watermark: Option<u64>,
    /// Where some of the entries were read in an archive.
    archived: Option<bool>,
}

/// An entry about a thing and those beside it.
#[derive(ToSchema, Serialize)]
pub(super) struct Neighbours {
    data: Version,
    previous: Option<Version>,
    next: Option<Version>,
}

/// A thing as it was.
#[derive(ToSchema, Serialize)]
pub(super) struct State {
    target: String,
    /// `"latest"`, `{"time": …}` or `{"event": …}`.
    at: Value,
    existence: Existence,
    created_by: Option<Mark>,
    deleted_by: Option<Mark>,
    /// `whole`, or `part` where the token sees some of the entries alone.
    sight: String,
    /// What is known, as one document.
    document: Option<Value>,
    fields: Vec<Field>,
    /// Places in which there may be more than is listed.
    incomplete: Vec<String>,
    /// Where entries contradict each other.
    contradictions: Vec<Value>,
}

/// Whether a thing was there.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Existence {
    Exists,
    Deleted,
    NotCreated,
    Unknown,
}

/// One field: exactly one of `value`, `absent` and `unknown` is there.
#[derive(ToSchema, Serialize)]
pub(super) struct Field {
    /// A JSON Pointer.
    path: String,
    value: Option<Value>,
    absent: Option<bool>,
    /// `not_recorded`, `redacted`, `erased`, `uncertain` or `ambiguous`.
    unknown: Option<String>,
    set_by: Option<Mark>,
    learnt_from: Option<Mark>,
}

/// The entry that set a field.
#[derive(ToSchema, Serialize)]
pub(super) struct Mark {
    id: String,
    action: String,
    actor: Actor,
    occurred_at: String,
    recorded_at: String,
}

/// What differs between two states.
#[derive(ToSchema, Serialize)]
pub(super) struct Diff {
    target: String,
    from: Value,
    to: Value,
    existence_from: Existence,
    existence_to: Existence,
    differences: Vec<Difference>,
    incomplete: Vec<String>,
}

/// One place that differs.
#[derive(ToSchema, Serialize)]
pub(super) struct Difference {
    /// A JSON Pointer.
    path: String,
    /// One of `value`, `absent` and `unknown`, as for a field.
    from: Value,
    /// As `from`.
    to: Value,
    set_by: Option<Mark>,
    /// Of two texts, pieces: `same`, `removed` or `added`.
    text: Option<Vec<Value>>,
    /// Of two lists, what happened to their elements.
    items: Option<Vec<Value>>,
}

/// The way back to a past state.
#[derive(ToSchema, Serialize)]
pub(super) struct Restoration {
    target: String,
    to: Value,
    /// RFC 6902.
    patch: Vec<Value>,
    /// Places that the patch leaves as they are, for the log does not know the way back.
    unknown: Vec<String>,
}

/// A number of entries.
#[derive(ToSchema, Serialize)]
pub(super) struct Count {
    count: u64,
    /// Each with its values and its `count`, where `by` was given.
    groups: Option<Vec<Value>>,
    has_more: Option<bool>,
}

/// The most frequent values of fields.
#[derive(ToSchema, Serialize)]
pub(super) struct Facets {
    facets: BTreeMap<String, Facet>,
}

/// The most frequent values of one field.
#[derive(ToSchema, Serialize)]
pub(super) struct Facet {
    values: Vec<FacetValue>,
    has_more: bool,
}

/// One value.
#[derive(ToSchema, Serialize)]
pub(super) struct FacetValue {
    value: String,
    count: u64,
}

/// What the log takes on the disk, all tenants together.
#[derive(ToSchema, Serialize)]
pub(super) struct Storage {
    /// Bytes of all files, room that is kept for what comes next included.
    bytes: u64,
    /// Every entry, those that were removed included.
    entries: u64,
    sealed: Sealed,
    archived: Archived,
    recent: Recent,
}

/// Entries that were moved to an archive, which are not in the other figures.
#[derive(ToSchema, Serialize)]
pub(super) struct Archived {
    bytes: u64,
}

/// Entries in their final files.
#[derive(ToSchema, Serialize)]
pub(super) struct Sealed {
    /// Indexes included.
    bytes: u64,
    entries: u64,
}

/// What was recorded in the last seven days, or since the first entry.
#[derive(ToSchema, Serialize)]
pub(super) struct Recent {
    /// RFC 3339.
    since: String,
    entries: u64,
}

/// Entries by day.
#[derive(ToSchema, Serialize)]
pub(super) struct Histogram {
    buckets: Vec<Bucket>,
}

/// One bucket, named by its beginning in the member of its interval.
#[derive(ToSchema, Serialize)]
pub(super) struct Bucket {
    /// Such as `2026-09-20T14:00:00+02:00`.
    hour: Option<String>,
    /// Such as `2026-09-20`.
    day: Option<String>,
    /// The Monday.
    week: Option<String>,
    /// Such as `2026-09`.
    month: Option<String>,
    count: u64,
}

/// Alive.
#[derive(ToSchema, Serialize)]
pub(super) struct Health {
    status: String,
    /// `fsync`: an event is acknowledged once it is on disk.
    durability: String,
}

/// Ready.
#[derive(ToSchema, Serialize)]
pub(super) struct Readiness {
    status: String,
}

/// A refusal after RFC 9457.
#[derive(ToSchema, Serialize)]
pub(super) struct Problem {
    r#type: String,
    title: String,
    status: u16,
    /// Stable, for programs.
    code: String,
    detail: String,
    request_id: String,
    /// The place in a query, in characters from 1.
    position: Option<usize>,
    errors: Option<Vec<ProblemPlace>>,
}

/// One place of the body.
#[derive(ToSchema, Serialize)]
pub(super) struct ProblemPlace {
    /// A JSON Pointer.
    pointer: String,
    code: String,
    detail: String,
}

/// How a request is refused.
#[derive(IntoResponses)]
pub(super) enum Refusals {
    /// The request cannot be read.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(#[to_schema] Problem),
    /// There is no token, or it is not accepted.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(#[to_schema] Problem),
    /// The token is not for this.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(#[to_schema] Problem),
    /// There is no such thing for this token.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(#[to_schema] Problem),
    /// It did not arrive in time.
    #[response(status = 408, content_type = "application/problem+json")]
    TooSlow(#[to_schema] Problem),
    /// The id is taken by an event with other content.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(#[to_schema] Problem),
    /// More than a limit allows.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(#[to_schema] Problem),
    /// A type or compression that is not understood.
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(#[to_schema] Problem),
    /// The body breaks a rule.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(#[to_schema] Problem),
    /// There is no room at this moment; see Retry-After.
    #[response(status = 503, content_type = "application/problem+json")]
    Overloaded(#[to_schema] Problem),
    /// The disk is full.
    #[response(status = 507, content_type = "application/problem+json")]
    DiskFull(#[to_schema] Problem),
}
