//! The shapes of sinks.

use serde::Serialize;
use utoipa::ToSchema;

/// A sink, and how it gets on.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Sink {
    name: String,
    /// Of which kind it is, such as `file`.
    kind: String,
    /// Scheme and host that a webhook of the API leads to; the rest of its address is a secret.
    to: Option<String>,
    /// Which entries it gets; all where absent.
    query: Option<String>,
    /// Whose entries it gets; those of every tenant but the log's own where absent.
    tenant: Option<String>,
    /// In which format; its kind's own where absent.
    format: Option<String>,
    origin: SinkOrigin,
    /// Whether its thread works. Where it does not, the server's log says why.
    running: bool,
    paused: bool,
    /// The position that comes next: everything before it was delivered, parked, or is not for this sink.
    next: u64,
    lag: SinkLag,
    /// Entries delivered since the server began, those that were delivered again too.
    delivered: u64,
    /// How many entries the other side refused for good.
    parked: u64,
    /// What went wrong last; it may have been mended since.
    last_error: Option<SinkError>,
    /// Since when nothing went through, where the last try failed.
    failing_since: Option<String>,
    /// Id of the entry of the latest change, in the tenant `_deedbook`; null where there was none.
    entry: Option<String>,
}

/// Where a sink was configured.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::endpoints) enum SinkOrigin {
    /// In the operator's file.
    File,
    /// Through the API.
    Api,
}

/// How far a sink is behind.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct SinkLag {
    /// Positions of the log that it has not passed, those that are not for it included.
    entries: u64,
    /// For how long the oldest entry for it waits; 0 where none does.
    seconds: u64,
}

/// What went wrong.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct SinkError {
    at: String,
    why: String,
}

/// An entry that the other side refused for good.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct SinkParked {
    position: u64,
    tenant: String,
    id: String,
    /// What the other side said.
    why: String,
    at: String,
}

/// A sink with what is parked.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct SinkWithParked {
    #[serde(flatten)]
    sink: Sink,
    /// The first hundred, by position.
    #[schema(max_items = 100)]
    parked_entries: Vec<SinkParked>,
}

/// Every sink.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Sinks {
    data: Vec<Sink>,
}

/// A webhook that is to be made.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct NewSink {
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    name: String,
    /// All entries where absent; relative times are those of the start of the server.
    query: Option<String>,
    /// Every tenant but the log's own where absent.
    #[schema(pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")]
    tenant: Option<String>,
    /// `json` where absent.
    #[schema(example = "ecs")]
    format: Option<String>,
    /// `beginning` (of the log), or `now`.
    #[schema(example = "now")]
    start: Option<String>,
    batch: Option<SinkBatch>,
    webhook: NewWebhook,
    #[schema(max_length = 1024)]
    reason: Option<String>,
}

/// How much goes at once.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct SinkBatch {
    #[schema(minimum = 1, maximum = 10_000)]
    entries: Option<u64>,
    #[schema(minimum = 1, maximum = 65_536)]
    kib: Option<u64>,
    /// How long more is gathered where a batch is not full.
    #[schema(minimum = 1, maximum = 60_000)]
    linger_ms: Option<u64>,
}

/// Where a webhook leads. Both are shown to nobody.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct NewWebhook {
    #[schema(example = "https://siem.example/hook")]
    url: String,
    /// `whsec_` and 24 to 64 bytes in base 64; made where absent.
    secret: Option<String>,
}

/// A webhook that was made.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct CreatedSink {
    #[serde(flatten)]
    sink: Sink,
    /// What signs its messages, where it was made here: it is shown once.
    secret: Option<String>,
}

/// A webhook that was deleted.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct DeletedSink {
    name: String,
    /// Id of the entry of its end, in the tenant `_deedbook`.
    entry: String,
}

/// What is to be delivered again: one of `from`, `position` and `parked`.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct SinkReplay {
    /// What was recorded at this time or later (RFC 3339).
    from: Option<String>,
    /// What stands at this position or later.
    position: Option<u64>,
    /// What is parked.
    parked: Option<bool>,
    #[schema(max_length = 1024)]
    reason: Option<String>,
}

/// How a test went.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct SinkTest {
    name: String,
    delivered: bool,
    /// Why it was not delivered.
    why: Option<String>,
    /// Id of the entry that was sent, in the tenant `_deedbook`.
    entry: String,
}
