//! The shapes of settings: tokens and viewer sessions.

use serde::Serialize;
use utoipa::ToSchema;

/// A token without its secret.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Token {
    id: String,
    kind: TokenKind,
    tenant: Option<String>,
    name: Option<String>,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    /// To the minute.
    last_used_at: Option<String>,
    /// Until when the text it had before the last rotation is accepted.
    old_accepted_until: Option<String>,
    /// `first_start`, `environment`, `request` or `sign_in`.
    origin: String,
    /// Id of the person who signed in.
    person: Option<String>,
    /// Id of the entry of the latest change, in the tenant `_deedbook`.
    entry: String,
    scope: Option<TokenScope>,
    fields: Option<Vec<FieldRule>>,
    addresses: Option<Vec<String>>,
    capabilities: Option<Vec<Capability>>,
    /// The text of the token, once, in the answer that made it.
    token: Option<String>,
}

/// What a token may do.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::endpoints) enum TokenKind {
    Admin,
    Write,
    Read,
    Auditor,
    Viewer,
}

/// Which entries of its tenant a token sees: a union of `audience` and `self`, which everything else narrows further.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct TokenScope {
    /// Labels: entries with one of them in their audience.
    audience: Option<Vec<String>>,
    /// `TYPE:ID`: entries of which this is the actor, behind the actor, or a target, but those with an empty audience.
    #[serde(rename = "self")]
    own: Option<String>,
    /// `TYPE:ID`: entries about one of these things.
    targets: Option<Vec<String>>,
    /// Actions, whole or the beginning of one: `project.*`.
    actions: Option<Vec<String>>,
    /// Entries recorded at this time or later (RFC 3339).
    from: Option<String>,
    /// Entries recorded before this time (RFC 3339).
    until: Option<String>,
}

/// What becomes of the values at a place and below it; the first rule that covers a value decides.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct FieldRule {
    /// JSON Pointer into the event, `*` for any one name; below `/changes` the path of a field, `~1` for `/`.
    path: String,
    r#as: Treatment,
}

/// What becomes of a value.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::endpoints) enum Treatment {
    Show,
    Mask,
    Hash,
    Truncate,
    Drop,
}

/// What may be done with what is seen.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::endpoints) enum Capability {
    View,
    Export,
}

/// How the old text of a token ends.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Rotation {
    /// How long the old text is accepted, such as `24h`; an hour where absent, at most 90 days.
    overlap: Option<String>,
    #[schema(max_length = 1024)]
    reason: Option<String>,
}

/// What a new viewer session is to be, within what the token may see by which it is made.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct NewViewerSession {
    /// A template: what must be said, and what may not be.
    preset: Option<Preset>,
    /// The token's where absent.
    tenant: Option<String>,
    #[schema(max_length = 256)]
    name: Option<String>,
    scope: Option<TokenScope>,
    fields: Option<Vec<FieldRule>>,
    addresses: Option<Vec<String>>,
    /// `["view"]` where absent.
    capabilities: Option<Vec<Capability>>,
    /// At most `24h`; `15m` where absent.
    expires_in: Option<String>,
    /// A language tag such as `de-CH`, for the page.
    locale: Option<String>,
    /// A word that the page knows.
    theme: Option<String>,
}

/// The shape of a viewer session.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::endpoints) enum Preset {
    /// A person's own history: `scope.self` and nothing of others.
    #[serde(rename = "self")]
    Own,
    /// The history of things, for holders of labels: `scope.targets` and `scope.audience`.
    Target,
    /// All of a tenant, for those who administer it.
    Tenant,
}

/// A viewer session.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct ViewerSession {
    id: String,
    kind: TokenKind,
    tenant: String,
    name: Option<String>,
    /// The id of the token by which it was made.
    parent: String,
    created_at: String,
    expires_at: String,
    scope: Option<TokenScope>,
    fields: Option<Vec<FieldRule>>,
    addresses: Option<Vec<String>>,
    capabilities: Vec<Capability>,
    locale: Option<String>,
    theme: Option<String>,
    /// The text of its token, once, in the answer that made it.
    token: Option<String>,
}

/// Viewer sessions.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct ViewerSessions {
    data: Vec<ViewerSession>,
}

/// For how long a viewer session goes on.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Renewal {
    /// From now; `15m` where absent. No session lives longer than 24 hours in all.
    expires_in: Option<String>,
}

/// What may stand in a URL, for one use.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Code {
    code: String,
    expires_at: String,
}

/// A code that is brought back.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Exchange {
    code: String,
}

/// What a new token is to be.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct NewToken {
    kind: TokenKind,
    #[schema(pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")]
    tenant: Option<String>,
    #[schema(max_length = 256)]
    name: Option<String>,
    /// RFC 3339.
    expires_at: Option<String>,
    scope: Option<TokenScope>,
    fields: Option<Vec<FieldRule>>,
    /// Addresses and networks in CIDR form, from which alone the token is accepted.
    addresses: Option<Vec<String>>,
    /// `["view","export"]` where absent.
    capabilities: Option<Vec<Capability>>,
    /// Why it is made; it becomes the reason of the entry.
    #[schema(max_length = 1024)]
    reason: Option<String>,
}

/// Every token.
#[derive(ToSchema, Serialize)]
pub(in crate::endpoints) struct Tokens {
    data: Vec<Token>,
}
