//! The rules, each with the words that tell a person how to keep it.

use serde_json::{Map, Value};

use super::{DEPTH_MAX, Door, Limits, OWN_TENANT, Problem, number, push_segment};
use crate::event::{Actor, Auth, Change, Context, Event, Http, Target};
use crate::number::{INTEGER_MAX, NumberFault};
use crate::{Error, Result, time};

/// Parts of an action: an object, up to four qualifications, a verb.
const ACTION_PARTS_MAX: usize = 6;
/// Characters of an action.
const ACTION_LENGTH_MAX: usize = 128;
/// Characters of an event's id.
const ID_LENGTH_MAX: usize = 128;
/// Characters of a tenant.
const TENANT_LENGTH_MAX: usize = 64;
/// Characters of the type of an actor, target or credential.
const KIND_LENGTH_MAX: usize = 64;
/// Problems that are listed: enough to mend an event, too few to flood an answer.
const PROBLEMS_MAX: usize = 50;

/// Members by which the log finds, orders, keeps and shows an event; an erased value could do none of it.
const NEVER_PERSONAL: [&str; 9] =
    ["action", "audience", "category", "id", "occurred_at", "outcome", "personal", "schema", "tenant"];

/// Every rule that `event` breaks. Numbers of free values are brought to their one form on the way.
pub(super) fn event(event: &mut Event, limits: &Limits, door: Door) -> Vec<Problem> {
    let mut check = Check { limits, problems: Vec::new() };
    check.event(event, door);
    check.problems
}

/// Brings the numbers of a single value to their one form, or tells what canonical bytes cannot hold of it.
pub(super) fn settle_value(value: &mut Value) -> Result<()> {
    let mut check = Check { limits: &Limits::default(), problems: Vec::new() };
    check.value(&Place::Event, value, 0);
    if check.problems.is_empty() { Ok(()) } else { Err(Error::from_problems(check.problems)) }
}

/// A place in the event, as a chain of frames: it costs nothing unless it must be printed.
enum Place<'a> {
    Event,
    Member(&'a Place<'a>, &'a str),
    Element(&'a Place<'a>, usize),
}

impl<'a> Place<'a> {
    fn member(&'a self, name: &'a str) -> Place<'a> {
        Place::Member(self, name)
    }

    fn pointer(&self) -> String {
        match self {
            Self::Event => String::new(),
            Self::Member(outer, name) => {
                let mut pointer = outer.pointer();
                push_segment(&mut pointer, name);
                pointer
            }
            Self::Element(outer, index) => format!("{}/{index}", outer.pointer()),
        }
    }
}

struct Check<'l> {
    limits: &'l Limits,
    problems: Vec<Problem>,
}

impl Check<'_> {
    #[cold]
    fn problem(&mut self, place: &Place<'_>, code: &'static str, detail: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { pointer: place.pointer(), code: code.into(), detail: detail.into() });
        } else if self.problems.len() == PROBLEMS_MAX {
            let detail = "and further problems, which are not listed".to_owned();
            self.problems.push(Problem { pointer: String::new(), code: "more_problems".into(), detail });
        }
    }

    fn event(&mut self, event: &mut Event, door: Door) {
        let limits = self.limits;
        let root = Place::Event;
        self.id(&root.member("id"), event.id.as_deref());
        self.tenant(&root.member("tenant"), event.tenant.as_deref(), door);
        self.action(&root.member("action"), &event.action, door);
        self.label(&root.member("schema"), event.schema.as_deref());
        self.label(&root.member("category"), event.category.as_deref());
        if event.occurred_at.is_some_and(|instant| !time::is_expressible(instant)) {
            self.problem(
                &root.member("occurred_at"),
                "bad_time",
                "found a time before the year 0000; expected 0000 to 9999",
            );
        }
        self.actor(&root.member("actor"), &mut event.actor, 0);
        self.targets(&root.member("targets"), &mut event.targets);
        let place = root.member("changes");
        for (index, change) in event.changes.iter_mut().enumerate() {
            self.change(&Place::Element(&place, index), change);
        }
        self.context(&root.member("context"), &event.context);
        if let Some(error) = &event.error {
            self.word(&root.member("error").member("code"), error.code.as_deref());
        }
        self.word(&root.member("correlation_id"), event.correlation_id.as_deref());
        self.word(&root.member("transaction_id"), event.transaction_id.as_deref());
        if let Some(source) = &event.source {
            let place = root.member("source");
            self.word(&place.member("service"), source.service.as_deref());
            self.word(&place.member("version"), source.version.as_deref());
            self.word(&place.member("environment"), source.environment.as_deref());
        }
        let place = root.member("audience");
        let labels = event.audience.as_deref().unwrap_or_default();
        self.count(&place, labels.len(), limits.audience_max, "labels; gather them under fewer");
        for (index, label) in labels.iter().take(limits.audience_max).enumerate() {
            self.label(&Place::Element(&place, index), Some(label));
        }
        self.personal(&root.member("personal"), &event.personal);
        self.free(&root.member("metadata"), &mut event.metadata, 2);
    }

    fn id(&mut self, place: &Place<'_>, id: Option<&str>) {
        let Some(id) = id else { return };
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
        if id.is_empty() || id.len() > ID_LENGTH_MAX || !id.bytes().all(is_allowed) {
            let detail = format!(
                "found {}; expected 1 to {ID_LENGTH_MAX} of A-Z a-z 0-9 _ . : - (leave the id out to have one generated)",
                shape(id, is_allowed)
            );
            self.problem(place, "bad_id", detail);
        }
    }

    fn tenant(&mut self, place: &Place<'_>, tenant: Option<&str>, door: Door) {
        let Some(tenant) = tenant else { return };
        if tenant == OWN_TENANT {
            if door == Door::Callers {
                let detail = "this tenant is the log's own; record under the tenant of your organisation";
                self.problem(place, "reserved_tenant", detail);
            }
            return;
        }
        let is_first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_allowed = |byte: u8| is_first(byte) || matches!(byte, b'.' | b'_' | b'-');
        let starts_well = tenant.bytes().next().is_some_and(is_first);
        if !starts_well || tenant.len() > TENANT_LENGTH_MAX || !tenant.bytes().all(is_allowed) {
            let detail = format!(
                "found {}; expected 1 to {TENANT_LENGTH_MAX} of a-z 0-9 . _ - with a letter or digit first",
                shape(tenant, is_allowed)
            );
            self.problem(place, "bad_tenant", detail);
        }
    }

    fn action(&mut self, place: &Place<'_>, action: &str, door: Door) {
        let parts = action.split('.').count();
        let is_well_formed = action.len() <= ACTION_LENGTH_MAX
            && (2..=ACTION_PARTS_MAX).contains(&parts)
            && action.split('.').all(|part| !part.is_empty() && part.bytes().all(is_kind_byte));
        if !is_well_formed {
            let detail = format!(
                "found {} and {} dots; expected 2 to {ACTION_PARTS_MAX} parts of a-z 0-9 _ joined by dots, at \
                 most {ACTION_LENGTH_MAX} characters, such as \"document.shared\"",
                shape(action, |byte| byte == b'.' || is_kind_byte(byte)),
                parts - 1
            );
            self.problem(place, "bad_action", detail);
        } else if door == Door::Callers && action.starts_with("audit.") {
            let detail = "actions under \"audit.\" are the log's own; choose another first part";
            self.problem(place, "reserved_action", detail);
        }
    }

    fn actor(&mut self, place: &Place<'_>, actor: &mut Actor, depth: usize) {
        self.kind(&place.member("type"), &actor.kind);
        match &actor.id {
            Some(id) => self.entity_id(&place.member("id"), id),
            None if !matches!(actor.kind.as_str(), "system" | "anonymous") => self.problem(
                &place.member("id"),
                "missing_member",
                "an actor of this type has an id; add it, or use the type \"system\" or \"anonymous\"",
            ),
            None => {}
        }
        self.name(&place.member("name"), actor.name.as_deref());
        self.name(&place.member("email"), actor.email.as_deref());
        // The event is 1 deep, its actor 2, whoever stands behind one deeper each.
        self.free(&place.member("metadata"), &mut actor.metadata, 3 + depth);
        let Some(behind) = actor.on_behalf_of.as_deref_mut() else { return };
        let place = place.member("on_behalf_of");
        if depth == self.limits.on_behalf_of_max {
            let max = self.limits.on_behalf_of_max;
            let detail = format!("found more than {max} levels of \"on_behalf_of\"; leave out those in between");
            return self.problem(&place, "too_deep", detail);
        }
        self.actor(&place, behind, depth + 1);
    }

    fn targets(&mut self, place: &Place<'_>, targets: &mut [Target]) {
        let max = self.limits.targets_max;
        let advice = "targets; record one event with a count, and one for each with the same \"correlation_id\"";
        self.count(place, targets.len(), max, advice);
        for (index, target) in targets.iter_mut().take(max).enumerate() {
            let place = Place::Element(place, index);
            self.kind(&place.member("type"), &target.kind);
            self.entity_id(&place.member("id"), &target.id);
            self.name(&place.member("name"), target.name.as_deref());
            self.name(&place.member("email"), target.email.as_deref());
            self.length(&place.member("href"), target.href.as_deref(), self.limits.link_bytes_max);
            self.word(&place.member("role"), target.role.as_deref());
            self.free(&place.member("metadata"), &mut target.metadata, 4);
        }
    }

    fn change(&mut self, place: &Place<'_>, change: &mut Change) {
        self.pointer(&place.member("path"), &change.path);
        if let Some(from) = &mut change.from {
            self.value(&place.member("from"), from, 3);
        }
        if let Some(to) = &mut change.to {
            self.value(&place.member("to"), to, 3);
        }
    }

    fn context(&mut self, place: &Place<'_>, context: &Context) {
        self.length(&place.member("user_agent"), context.user_agent.as_deref(), self.limits.user_agent_bytes_max);
        self.word(&place.member("request_id"), context.request_id.as_deref());
        self.word(&place.member("session_id"), context.session_id.as_deref());
        self.word(&place.member("trace_id"), context.trace_id.as_deref());
        if let Some(auth) = &context.auth {
            self.auth(&place.member("auth"), auth);
        }
        if let Some(http) = &context.http {
            self.http(&place.member("http"), http);
        }
    }

    fn auth(&mut self, place: &Place<'_>, auth: &Auth) {
        self.word(&place.member("method"), auth.method.as_deref());
        self.word(&place.member("mfa"), auth.mfa.as_deref());
        self.word(&place.member("issuer"), auth.issuer.as_deref());
        if let Some(credential) = &auth.credential {
            let place = place.member("credential");
            self.kind(&place.member("type"), &credential.kind);
            self.entity_id(&place.member("id"), &credential.id);
            self.name(&place.member("name"), credential.name.as_deref());
        }
    }

    fn http(&mut self, place: &Place<'_>, http: &Http) {
        self.word(&place.member("method"), http.method.as_deref());
        self.length(&place.member("route"), http.route.as_deref(), self.limits.link_bytes_max);
        if http.status.is_some_and(|status| !(100..=599).contains(&status)) {
            self.problem(&place.member("status"), "out_of_range", "expected a status of HTTP, 100 to 599");
        }
        if http.duration_ms.is_some_and(|duration| duration > INTEGER_MAX as u64) {
            let fault = NumberFault::OutOfRange;
            self.problem(&place.member("duration_ms"), fault.code(), fault.detail());
        }
    }

    fn personal(&mut self, place: &Place<'_>, pointers: &[String]) {
        let max = self.limits.personal_max;
        self.count(place, pointers.len(), max, "pointers; point to whole objects instead of each value in them");
        for (index, pointer) in pointers.iter().take(max).enumerate() {
            let place = Place::Element(place, index);
            self.pointer(&place, pointer);
            let member = pointer.get(1..).and_then(|path| path.split('/').next());
            if member.is_some_and(|member| NEVER_PERSONAL.contains(&member)) {
                let detail = "this member can never be erased, for the log finds, orders or shows the event by it; \
                              keep personal data out of it and leave the pointer out";
                self.problem(&place, "not_erasable", detail);
            }
        }
    }

    /// A JSON Pointer to a part of a document, so not the empty one.
    fn pointer(&mut self, place: &Place<'_>, pointer: &str) {
        self.length(place, Some(pointer), self.limits.pointer_bytes_max);
        let escapes_well = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if !pointer.starts_with('/') || !escapes_well {
            let detail = "expected a JSON Pointer such as \"/metadata/note\": it starts with a slash, ~ is written ~0 \
                          and a slash within a name ~1";
            self.problem(place, "bad_pointer", detail);
        }
    }

    fn kind(&mut self, place: &Place<'_>, kind: &str) {
        if kind.is_empty() || kind.len() > KIND_LENGTH_MAX || !kind.bytes().all(is_kind_byte) {
            let found = shape(kind, is_kind_byte);
            let detail = format!("found {found}; expected 1 to {KIND_LENGTH_MAX} of a-z 0-9 _, such as \"user\"");
            self.problem(place, "bad_type", detail);
        }
    }

    fn entity_id(&mut self, place: &Place<'_>, id: &str) {
        if id.is_empty() {
            self.problem(place, "empty", "found an empty id; expected the id by which the history will be found");
        }
        self.length(place, Some(id), self.limits.entity_id_bytes_max);
    }

    fn name(&mut self, place: &Place<'_>, name: Option<&str>) {
        self.length(place, name, self.limits.name_bytes_max);
    }

    fn word(&mut self, place: &Place<'_>, word: Option<&str>) {
        self.length(place, word, self.limits.word_bytes_max);
    }

    /// A word by which rules choose entries.
    fn label(&mut self, place: &Place<'_>, label: Option<&str>) {
        if label.is_some_and(str::is_empty) {
            self.problem(place, "empty", "found an empty text; give a value or leave it out");
        }
        self.word(place, label);
    }

    #[inline]
    fn length(&mut self, place: &Place<'_>, text: Option<&str>, max: usize) {
        if let Some(text) = text.filter(|text| text.len() > max) {
            let detail =
                format!("found {} bytes, the limit is {max}; shorten it, for nothing is cut off here", text.len());
            self.problem(place, "too_long", detail);
        }
    }

    fn count(&mut self, place: &Place<'_>, count: usize, max: usize, advice: &str) {
        if count > max {
            self.problem(place, "too_many", format!("found {count}, the limit is {max} {advice}"));
        }
    }

    /// Free members in an object at `depth`.
    fn free(&mut self, place: &Place<'_>, map: &mut Map<String, Value>, depth: usize) {
        if map.is_empty() {
            return;
        }
        if depth > DEPTH_MAX {
            return self.too_deep(place);
        }
        for (name, value) in map.iter_mut() {
            self.value(&place.member(name), value, depth);
        }
    }

    /// A free value in a container at `depth`.
    fn value(&mut self, place: &Place<'_>, value: &mut Value, depth: usize) {
        match value {
            Value::Number(number) => {
                if let Err(fault) = number::settle(number) {
                    self.problem(place, fault.code(), fault.detail());
                }
            }
            Value::Array(_) | Value::Object(_) if depth >= DEPTH_MAX => self.too_deep(place),
            Value::Array(list) => {
                for (index, element) in list.iter_mut().enumerate() {
                    self.value(&Place::Element(place, index), element, depth + 1);
                }
            }
            Value::Object(map) => self.free(place, map, depth + 1),
            Value::Null | Value::Bool(_) | Value::String(_) => {}
        }
    }

    fn too_deep(&mut self, place: &Place<'_>) {
        let detail =
            format!("objects and lists nest more than {DEPTH_MAX} deep here, the event counted; flatten the value");
        self.problem(place, "too_deep", detail);
    }
}

fn is_kind_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

/// What is seen of a text without repeating it.
#[cold]
fn shape(text: &str, is_allowed: impl Fn(u8) -> bool) -> String {
    let length = text.chars().count();
    match text.char_indices().position(|(at, _)| !is_allowed(text.as_bytes()[at])) {
        Some(index) => format!("{length} characters, of which number {} is not allowed", index + 1),
        None => format!("{length} characters"),
    }
}
