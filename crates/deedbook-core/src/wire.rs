//! The event and the entry as JSON on the wire: events in here, entries and receipts out in `out`.
//!
//! Reading goes straight from bytes to the typed event. Rules about content (lengths, patterns) belong to
//! [`crate::prepare`]; here is only what JSON must look like to be an event at all.

use std::net::IpAddr;

use crate::event::{Actor, Auth, Change, Context, Credential, Event, Failure, Http, Outcome, Source, Target};
use crate::json::{DEPTH_MAX, Halting, Reader, member_names};
use crate::{Error, ErrorKind, Result, Timestamp, commitment, time};

mod out;

pub use out::rfc3339;

/// Bytes of JSON that are read as one event: eight times the 256 KiB of canonical bytes, for escapes grow them
/// sixfold and white space by as much as one likes.
const JSON_BYTES_MAX: usize = 2 * 1024 * 1024;

impl Event {
    /// Reads one event from JSON of at most 2 MiB, as the API describes it; null stands for an absent member.
    ///
    /// Nothing but the shape is checked here: lengths, patterns and counts are checked by [`crate::prepare`].
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] with all places that could be found: members that are unknown, missing, of a wrong type
    /// or the log's to give; whatever [`crate::parse_json`] refuses. [`ErrorKind::TooLarge`] over 2 MiB.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        if json.len() > JSON_BYTES_MAX {
            let message = format!(
                "the JSON of the event has {} bytes, the limit is {JSON_BYTES_MAX}; keep large content elsewhere and record a link and a hash",
                json.len()
            );
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        let mut reader = Reader::new(json, DEPTH_MAX)?;
        let event = whole(&mut reader);
        reader.finish(event)
    }

    /// Reads an event back from canonical bytes that were accepted before.
    ///
    /// Rules are not checked again, and unknown members (of a newer version) are passed over. An erased value reads
    /// as absent, in free values as null, and as the empty string where a string is required.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] where the bytes cannot be those of an event.
    pub fn from_canonical(canonical: &[u8]) -> Result<Self> {
        let read = || {
            let filled = commitment::without_erased(canonical)?;
            let mut reader = Reader::stored(&filled, DEPTH_MAX)?;
            let event = whole(&mut reader);
            reader.finish(event)
        };
        read().map_err(|cause: Error| {
            Error::new(ErrorKind::Corrupt, "the canonical bytes of an event cannot be read").with_source(cause)
        })
    }
}

member_names!(EventMember {
    Action = "action",
    Actor = "actor",
    Audience = "audience",
    Category = "category",
    Changes = "changes",
    Context = "context",
    CorrelationId = "correlation_id",
    Description = "description",
    Error = "error",
    Id = "id",
    Metadata = "metadata",
    OccurredAt = "occurred_at",
    Outcome = "outcome",
    Personal = "personal",
    Reason = "reason",
    Schema = "schema",
    Source = "source",
    Targets = "targets",
    Tenant = "tenant",
    TransactionId = "transaction_id",
} advice event_advice);

member_names!(ActorMember {
    Email = "email",
    Id = "id",
    Metadata = "metadata",
    Name = "name",
    OnBehalfOf = "on_behalf_of",
    Type = "type",
} advice kind_advice);

member_names!(TargetMember {
    Email = "email",
    Href = "href",
    Id = "id",
    Metadata = "metadata",
    Name = "name",
    Role = "role",
    Type = "type",
} advice kind_advice);

member_names!(ChangeMember { From = "from", Path = "path", Redacted = "redacted", To = "to" } advice change_advice);

member_names!(ContextMember {
    Auth = "auth",
    Http = "http",
    Ip = "ip",
    RequestId = "request_id",
    SessionId = "session_id",
    TraceId = "trace_id",
    UserAgent = "user_agent",
});

member_names!(AuthMember { Credential = "credential", Issuer = "issuer", Method = "method", Mfa = "mfa" });
member_names!(CredentialMember { Id = "id", Name = "name", Type = "type" } advice kind_advice);
member_names!(HttpMember { DurationMs = "duration_ms", Method = "method", Route = "route", Status = "status" });
member_names!(FailureMember { Code = "code", Message = "message" });
member_names!(SourceMember { Environment = "environment", Service = "service", Version = "version" });

fn event_advice(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "seq" | "position" | "leaf_hash" => {
            ("server_member", "the log gives it when it accepts the event; leave it out")
        }
        "recorded_at" => {
            ("server_member", "the log gives it when it accepts the event; say when it happened in \"occurred_at\"")
        }
        "time" | "timestamp" | "date" | "created_at" | "occurred" => {
            ("unknown_member", "did you mean \"occurred_at\"?")
        }
        "event" | "event_type" | "type" | "name" => ("unknown_member", "did you mean \"action\"?"),
        "user" | "principal" | "user_id" | "actor_id" => ("unknown_member", "did you mean \"actor\"?"),
        "subject" | "object" | "resource" | "entity" | "target" => {
            ("unknown_member", "did you mean \"targets\", which is a list?")
        }
        "data" | "details" | "payload" | "properties" | "attributes" | "extra" => {
            ("unknown_member", "did you mean \"metadata\"?")
        }
        "message" | "summary" => ("unknown_member", "did you mean \"description\"?"),
        "ip" | "ip_address" | "user_agent" | "request_id" | "session_id" | "trace_id" => {
            ("unknown_member", "it belongs into \"context\"")
        }
        _ => return None,
    })
}

fn kind_advice(name: &str) -> Option<(&'static str, &'static str)> {
    matches!(name, "kind").then_some(("unknown_member", "did you mean \"type\"?"))
}

fn change_advice(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "old" | "before" | "old_value" => ("unknown_member", "did you mean \"from\"?"),
        "new" | "after" | "new_value" | "value" => ("unknown_member", "did you mean \"to\"?"),
        "field" | "key" => ("unknown_member", "did you mean \"path\", a JSON Pointer such as \"/role\"?"),
        _ => return None,
    })
}

fn whole(reader: &mut Reader<'_>) -> Halting<Event> {
    if reader.peek() == Some(b'n') {
        reader.note(0, "wrong_type", "found null; expected an object with \"action\" and \"actor\"");
    }
    let event = event(reader)?;
    reader.end()?;
    Ok(event)
}

fn event(reader: &mut Reader<'_>) -> Halting<Event> {
    use EventMember as M;
    let mut event = Event::new(String::new(), Actor::without_id(String::new()));
    let (mut has_action, mut has_actor) = (false, false);
    let read = reader.named(|reader, member| {
        match member {
            M::Action => has_action = keep(&mut event.action, reader.owned()?),
            M::Actor => has_actor = keep(&mut event.actor, actor(reader)?),
            M::Audience => event.audience = reader.list(Reader::owned)?,
            M::Category => event.category = reader.owned()?,
            M::Changes => event.changes = reader.list(change)?.unwrap_or_default(),
            M::Context => event.context = context(reader)?.unwrap_or_default(),
            M::CorrelationId => event.correlation_id = reader.owned()?,
            M::Description => event.description = reader.owned()?,
            M::Error => event.error = failure(reader)?,
            M::Id => event.id = reader.owned()?,
            M::Metadata => event.metadata = reader.free()?.unwrap_or_default(),
            M::OccurredAt => event.occurred_at = instant(reader)?,
            M::Outcome => event.outcome = outcome(reader)?,
            M::Personal => event.personal = reader.list(Reader::owned)?.unwrap_or_default(),
            M::Reason => event.reason = reader.owned()?,
            M::Schema => event.schema = reader.owned()?,
            M::Source => event.source = source(reader)?,
            M::Targets => event.targets = reader.list(target)?.unwrap_or_default(),
            M::Tenant => event.tenant = reader.owned()?,
            M::TransactionId => event.transaction_id = reader.owned()?,
        }
        Ok(())
    })?;
    if read.is_some() && !has_action {
        reader.missing("action", "one such as \"document.shared\"");
    }
    if read.is_some() && !has_actor {
        reader.missing("actor", "one such as {\"type\":\"user\",\"id\":\"user_1\"}");
    }
    Ok(event)
}

/// Puts what was read into its place; tells whether there was anything.
fn keep<T>(place: &mut T, read: Option<T>) -> bool {
    let is_read = read.is_some();
    if let Some(value) = read {
        *place = value;
    }
    is_read
}

fn actor(reader: &mut Reader<'_>) -> Halting<Option<Actor>> {
    use ActorMember as M;
    let mut actor = Actor::without_id(String::new());
    let mut has_type = false;
    let read = reader.named(|reader, member| {
        match member {
            M::Email => actor.email = reader.owned()?,
            M::Id => actor.id = reader.owned()?,
            M::Metadata => actor.metadata = reader.free()?.unwrap_or_default(),
            M::Name => actor.name = reader.owned()?,
            M::OnBehalfOf => actor.on_behalf_of = self::actor(reader)?.map(Box::new),
            M::Type => has_type = keep(&mut actor.kind, reader.owned()?),
        }
        Ok(())
    })?;
    if read.is_some() && !has_type {
        reader.missing("type", "one of \"user\", \"service\", \"agent\", \"system\", \"anonymous\"");
    }
    Ok(read.map(|()| actor))
}

fn target(reader: &mut Reader<'_>) -> Halting<Option<Target>> {
    use TargetMember as M;
    let mut target = Target::new(String::new(), String::new());
    let (mut has_type, mut has_id) = (false, false);
    let read = reader.named(|reader, member| {
        match member {
            M::Email => target.email = reader.owned()?,
            M::Href => target.href = reader.owned()?,
            M::Id => has_id = keep(&mut target.id, reader.owned()?),
            M::Metadata => target.metadata = reader.free()?.unwrap_or_default(),
            M::Name => target.name = reader.owned()?,
            M::Role => target.role = reader.owned()?,
            M::Type => has_type = keep(&mut target.kind, reader.owned()?),
        }
        Ok(())
    })?;
    if read.is_some() && !has_type {
        reader.missing("type", "what it is, such as \"document\"");
    }
    if read.is_some() && !has_id {
        reader.missing("id", "the id by which its history will be found");
    }
    Ok(read.map(|()| target))
}

fn change(reader: &mut Reader<'_>) -> Halting<Option<Change>> {
    use ChangeMember as M;
    let mut change = Change { path: String::new(), from: None, to: None, redacted: false };
    let mut has_path = false;
    let read = reader.named(|reader, member| {
        match member {
            M::From => change.from = Some(reader.value()?),
            M::Path => has_path = keep(&mut change.path, reader.owned()?),
            M::Redacted => change.redacted = reader.flag()?.unwrap_or_default(),
            M::To => change.to = Some(reader.value()?),
        }
        Ok(())
    })?;
    if read.is_some() && !has_path {
        reader.missing("path", "a JSON Pointer to the field, such as \"/role\"");
    }
    Ok(read.map(|()| change))
}

fn context(reader: &mut Reader<'_>) -> Halting<Option<Context>> {
    use ContextMember as M;
    let mut context = Context::default();
    let read = reader.named(|reader, member| {
        match member {
            M::Auth => context.auth = auth(reader)?,
            M::Http => context.http = http(reader)?,
            M::Ip => context.ip = ip(reader)?,
            M::RequestId => context.request_id = reader.owned()?,
            M::SessionId => context.session_id = reader.owned()?,
            M::TraceId => context.trace_id = reader.owned()?,
            M::UserAgent => context.user_agent = reader.owned()?,
        }
        Ok(())
    })?;
    Ok(read.map(|()| context))
}

fn auth(reader: &mut Reader<'_>) -> Halting<Option<Auth>> {
    use AuthMember as M;
    let mut auth = Auth::default();
    let read = reader.named(|reader, member| {
        match member {
            M::Credential => auth.credential = credential(reader)?,
            M::Issuer => auth.issuer = reader.owned()?,
            M::Method => auth.method = reader.owned()?,
            M::Mfa => auth.mfa = reader.owned()?,
        }
        Ok(())
    })?;
    Ok(read.map(|()| auth))
}

fn credential(reader: &mut Reader<'_>) -> Halting<Option<Credential>> {
    use CredentialMember as M;
    let mut credential = Credential { kind: String::new(), id: String::new(), name: None };
    let (mut has_type, mut has_id) = (false, false);
    let read = reader.named(|reader, member| {
        match member {
            M::Id => has_id = keep(&mut credential.id, reader.owned()?),
            M::Name => credential.name = reader.owned()?,
            M::Type => has_type = keep(&mut credential.kind, reader.owned()?),
        }
        Ok(())
    })?;
    if read.is_some() && !has_type {
        reader.missing("type", "what it is, such as \"api_token\"");
    }
    if read.is_some() && !has_id {
        reader.missing("id", "its public id, never its secret");
    }
    Ok(read.map(|()| credential))
}

fn http(reader: &mut Reader<'_>) -> Halting<Option<Http>> {
    use HttpMember as M;
    let mut http = Http::default();
    let read = reader.named(|reader, member| {
        match member {
            M::DurationMs => http.duration_ms = reader.whole()?,
            M::Method => http.method = reader.owned()?,
            M::Route => http.route = reader.owned()?,
            // A status beyond u16 is beyond 599 too and is refused by `prepare` for it.
            M::Status => http.status = reader.whole()?.map(|status| u16::try_from(status).unwrap_or(u16::MAX)),
        }
        Ok(())
    })?;
    Ok(read.map(|()| http))
}

fn failure(reader: &mut Reader<'_>) -> Halting<Option<Failure>> {
    use FailureMember as M;
    let mut failure = Failure::default();
    let read = reader.named(|reader, member| {
        match member {
            M::Code => failure.code = reader.owned()?,
            M::Message => failure.message = reader.owned()?,
        }
        Ok(())
    })?;
    Ok(read.map(|()| failure))
}

fn source(reader: &mut Reader<'_>) -> Halting<Option<Source>> {
    use SourceMember as M;
    let mut source = Source::default();
    let read = reader.named(|reader, member| {
        match member {
            M::Environment => source.environment = reader.owned()?,
            M::Service => source.service = reader.owned()?,
            M::Version => source.version = reader.owned()?,
        }
        Ok(())
    })?;
    Ok(read.map(|()| source))
}

fn instant(reader: &mut Reader<'_>) -> Halting<Option<Timestamp>> {
    let at = reader.position();
    let Some(text) = reader.text()? else { return Ok(None) };
    Ok(time::parse(&text).map_err(|expected| reader.note(at, "bad_time", expected)).ok())
}

fn outcome(reader: &mut Reader<'_>) -> Halting<Option<Outcome>> {
    let at = reader.position();
    let Some(word) = reader.text()? else { return Ok(None) };
    let outcome = Outcome::from_word(&word);
    if outcome.is_none() {
        reader.note(at, "unknown_value", "expected one of \"success\", \"failure\", \"denied\", \"unknown\"");
    }
    Ok(outcome)
}

fn ip(reader: &mut Reader<'_>) -> Halting<Option<IpAddr>> {
    let at = reader.position();
    let Some(text) = reader.text()? else { return Ok(None) };
    let ip = text.parse().ok();
    if ip.is_none() {
        let expected = "expected an address such as \"203.0.113.9\" or \"2001:db8::7\", without port or zone";
        reader.note(at, "bad_ip", expected);
    }
    Ok(ip)
}
