//! What stands where in an event, as far as hiding it goes.

/// What kind of value stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Event,
    Actor,
    Targets,
    Target,
    Changes,
    Change,
    Context,
    Auth,
    Credential,
    Http,
    Failure,
    Source,
    /// An object whose names are the caller's.
    Free,
    /// Any value: it is treated as a whole, unless a rule leads into it.
    Value,
    /// A text that may be absent.
    Text,
    /// A text that must be there.
    Required,
    /// The address of a machine.
    Address,
    /// A number that has a meaning: it is there or not.
    Number,
    /// What is never hidden.
    Kept,
}

impl Shape {
    /// The shape of a member, or of an element of a list. What this version does not know is taken for a value.
    pub(super) fn of(self, name: &str) -> Self {
        self.known(name).unwrap_or(Self::Value)
    }

    /// The shape to which a name in the path of a rule leads.
    pub(super) fn of_rule(self, name: &str) -> Option<Self> {
        match self {
            // Below a change are fields, named by their path.
            Self::Changes => (name == "*" || name.is_empty() || name.starts_with('/')).then_some(Self::Change),
            Self::Change => matches!(name, "from" | "to").then_some(Self::Text),
            Self::Targets => (name == "*").then_some(Self::Target),
            _ => self.known(name),
        }
    }

    fn known(self, name: &str) -> Option<Self> {
        Some(match (self, name) {
            (Self::Event, "actor") => Self::Actor,
            (Self::Event, "targets") => Self::Targets,
            (Self::Event, "changes") => Self::Changes,
            (Self::Event, "context") => Self::Context,
            (Self::Event, "error") => Self::Failure,
            (Self::Event, "source") => Self::Source,
            (Self::Event | Self::Actor | Self::Target, "metadata") => Self::Free,
            (Self::Event, "reason" | "correlation_id" | "transaction_id" | "schema" | "description") => Self::Text,
            (
                Self::Event,
                "id" | "tenant" | "action" | "outcome" | "occurred_at" | "category" | "audience" | "personal",
            ) => Self::Kept,
            (Self::Actor, "on_behalf_of") => Self::Actor,
            (Self::Actor, "id" | "name" | "email") => Self::Text,
            (Self::Actor | Self::Target | Self::Credential, "type") => Self::Kept,
            (Self::Targets, _) => Self::Target,
            (Self::Target, "name" | "email" | "href" | "role") => Self::Text,
            (Self::Target | Self::Credential, "id") => Self::Required,
            (Self::Credential, "name") => Self::Text,
            (Self::Changes, _) => Self::Change,
            (Self::Context, "ip") => Self::Address,
            (Self::Context, "user_agent" | "request_id" | "session_id" | "trace_id") => Self::Text,
            (Self::Context, "auth") => Self::Auth,
            (Self::Context, "http") => Self::Http,
            (Self::Auth, "method" | "mfa" | "issuer") => Self::Text,
            (Self::Auth, "credential") => Self::Credential,
            (Self::Http, "method" | "route") => Self::Text,
            (Self::Http, "status" | "duration_ms") => Self::Number,
            (Self::Failure, "code" | "message") => Self::Text,
            (Self::Source, "service" | "version" | "environment") => Self::Text,
            (Self::Free | Self::Value, _) => Self::Value,
            _ => return None,
        })
    }

    /// Whether its members are treated one by one.
    pub(super) fn is_structure(self) -> bool {
        !matches!(self, Self::Value | Self::Text | Self::Required | Self::Address | Self::Number | Self::Kept)
    }
}
