//! The meaning of a [`Query`]: whether an [`Entry`] matches. Every index answers as this does.
//!
//! * Characters are compared as they are; only names and free words are normalised as [`words()`] does.
//! * Actors and targets go by id or `TYPE:ID`, TYPE ending at the first colon; an id that contains colons is also
//!   found as it is. An actor without an id goes by its type: `actor:system`.
//! * A prefix without a colon is one of the id; `user:ada*` is a type and the beginning of an id.
//! * An absent outcome is `success`, an absent `occurred_at` is `recorded_at`.

use std::net::IpAddr;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::words::any_text;
use super::{
    Bounds, Condition, Expression, HasField, Inclusive, IpNetwork, LastWord, MetaTest, Pattern, Query, TextField,
    WordsTest, number, words,
};
use crate::{Actor, Entry, Error, Event, Outcome, Target};

impl Query {
    /// Whether `entry` matches.
    pub fn matches(&self, entry: &Entry) -> bool {
        self.expression.matches(entry)
    }
}

impl Expression {
    /// Whether `entry` matches.
    pub fn matches(&self, entry: &Entry) -> bool {
        match self {
            Self::And(all) => all.iter().all(|each| each.matches(entry)),
            Self::Or(any) => any.iter().any(|each| each.matches(entry)),
            Self::Not(inner) => !inner.matches(entry),
            Self::Is(condition) => condition.matches(entry),
        }
    }
}

impl Condition {
    /// Whether `entry` meets this condition.
    pub fn matches(&self, entry: &Entry) -> bool {
        let event = &entry.event;
        match self {
            Self::Text(field, pattern) => text_matches(*field, pattern, entry),
            Self::Ip(network) => event.context.ip.is_some_and(|ip| network.contains(ip)),
            Self::Seq(bounds) => bounds.contains(&entry.receipt.seq),
            Self::Occurred(bounds) => bounds.contains(&entry.occurred_at()),
            Self::Recorded(bounds) => bounds.contains(&entry.receipt.recorded_at),
            Self::Meta(path, test) => any_at(&event.metadata, path, &mut |value| test.matches(value)),
            Self::Has(field) => has(field, entry),
            Self::Words(phrase) => any_text(event, &mut |text| phrase.occurs_in(text)),
        }
    }
}

/// Whether `who` (id or `TYPE:ID`) is actor, behind the actor, or a target of `event`.
///
/// Unlike `principal:`, which also takes the type of an actor without an id: a reader is never "the system".
pub(crate) fn is_principal(event: &Event, who: &str) -> bool {
    let is_actor = |actor: &Actor| actor.id.as_deref().is_some_and(|id| is_named(&actor.kind, id, who));
    event.actor.chain().any(is_actor) || event.targets.iter().any(|target| is_named(&target.kind, &target.id, who))
}

/// Whether `who` is this id, or this type, a colon and this id.
fn is_named(kind: &str, id: &str, who: &str) -> bool {
    id == who || who.split_once(':').is_some_and(|(who_kind, who_id)| who_kind == kind && who_id == id)
}

fn text_matches(field: TextField, pattern: &Pattern, entry: &Entry) -> bool {
    let (event, receipt) = (&entry.event, &entry.receipt);
    let is = |text: &str| pattern.matches(text);
    let some = |text: &Option<String>| text.as_deref().is_some_and(is);
    let is_behind = || event.actor.chain().skip(1).any(|actor| pattern.matches_actor(actor));
    match field {
        TextField::Action => is(&event.action),
        TextField::Actor => pattern.matches_actor(&event.actor),
        TextField::ActorType => is(&event.actor.kind),
        TextField::ActorName => pattern.matches_name(event.actor.name.as_deref().into_iter()),
        TextField::OnBehalfOf => is_behind(),
        TextField::Principal => {
            pattern.matches_actor(&event.actor) || is_behind() || pattern.matches_any_target(&event.targets)
        }
        TextField::Target => pattern.matches_any_target(&event.targets),
        TextField::TargetType => event.targets.iter().any(|target| is(&target.kind)),
        TextField::TargetName => pattern.matches_name(event.targets.iter().filter_map(|target| target.name.as_deref())),
        TextField::Outcome => is(event.outcome.unwrap_or(Outcome::Success).as_str()),
        TextField::Service => event.source.as_ref().is_some_and(|source| some(&source.service)),
        TextField::Id => is(&receipt.id),
        TextField::RequestId => some(&event.context.request_id),
        TextField::CorrelationId => some(&event.correlation_id),
        TextField::TransactionId => some(&event.transaction_id),
        TextField::Audience => event.audience.iter().flatten().any(|label| is(label)),
        TextField::Category => some(&event.category),
        TextField::Change => event.changes.iter().any(|change| pattern.matches_path(&change.path)),
    }
}

fn has(field: &HasField, entry: &Entry) -> bool {
    let event = &entry.event;
    match field {
        HasField::Text(field) => has_text(*field, event),
        HasField::Ip => event.context.ip.is_some(),
        HasField::Occurred => event.occurred_at.is_some(),
        HasField::Meta(path) => any_at(&event.metadata, path, &mut |value| !value.is_null()),
        HasField::Error => event.error.is_some(),
        HasField::Reason => event.reason.is_some(),
    }
}

fn has_text(field: TextField, event: &Event) -> bool {
    match field {
        TextField::Action | TextField::Id | TextField::Outcome => true,
        // Every actor goes by its id or its type.
        TextField::Actor | TextField::ActorType | TextField::Principal => true,
        TextField::ActorName => event.actor.name.is_some(),
        TextField::OnBehalfOf => event.actor.on_behalf_of.is_some(),
        TextField::Target | TextField::TargetType => !event.targets.is_empty(),
        TextField::TargetName => event.targets.iter().any(|target| target.name.is_some()),
        TextField::Service => event.source.as_ref().is_some_and(|source| source.service.is_some()),
        TextField::RequestId => event.context.request_id.is_some(),
        TextField::CorrelationId => event.correlation_id.is_some(),
        TextField::TransactionId => event.transaction_id.is_some(),
        TextField::Audience => event.audience.as_ref().is_some_and(|labels| !labels.is_empty()),
        TextField::Category => event.category.is_some(),
        TextField::Change => !event.changes.is_empty(),
    }
}

impl Pattern {
    /// Whether `text` equals it or begins with it, character by character.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => text == exact,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
        }
    }

    /// The text that is compared.
    pub fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Prefix(text) => text,
        }
    }

    /// The phrase that a name must contain: what this pattern means for [`TextField::ActorName`] and
    /// [`TextField::TargetName`]. Without any word, a prefix is met by every name and an exact pattern by none.
    pub fn phrase(&self) -> WordsTest {
        let mut found = Vec::new();
        words(self.text(), &mut |word| found.push(word.to_owned()));
        let last = if matches!(self, Self::Prefix(_)) { LastWord::Prefix } else { LastWord::Whole };
        WordsTest { words: found, last }
    }

    fn matches_actor(&self, actor: &Actor) -> bool {
        match &actor.id {
            Some(id) => self.matches_id(&actor.kind, id),
            None => self.matches(&actor.kind),
        }
    }

    fn matches_any_target(&self, targets: &[Target]) -> bool {
        targets.iter().any(|target| self.matches_id(&target.kind, &target.id))
    }

    fn matches_id(&self, kind: &str, id: &str) -> bool {
        match self {
            Self::Exact(who) => is_named(kind, id, who),
            Self::Prefix(prefix) => {
                let typed = prefix.split_once(':');
                id.starts_with(prefix.as_str()) || typed.is_some_and(|(k, rest)| k == kind && id.starts_with(rest))
            }
        }
    }

    fn matches_path(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => {
                path.strip_prefix(exact.as_str()).is_some_and(|below| below.is_empty() || below.starts_with('/'))
            }
            Self::Prefix(prefix) => path.starts_with(prefix.as_str()),
        }
    }

    fn matches_name<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> bool {
        let Some(first) = names.next() else { return false };
        let phrase = self.phrase();
        let any_name = phrase.words.is_empty() && phrase.last == LastWord::Prefix;
        any_name || phrase.occurs_in(first) || names.any(|name| phrase.occurs_in(name))
    }
}

impl WordsTest {
    /// Whether these words stand in `text` in this order with nothing between them; no words stand nowhere.
    pub fn occurs_in(&self, text: &str) -> bool {
        let Some(last) = self.words.len().checked_sub(1) else { return false };
        let mut found = false;
        // How many words of the phrase each attempt that is still alive has met; allocates only once one has begun.
        let mut begun: Vec<usize> = Vec::new();
        words(text, &mut |word| {
            if found {
                return;
            }
            begun.retain_mut(|met| {
                let fits = self.fits(*met, word);
                found |= fits && *met == last;
                *met += 1;
                fits
            });
            match self.fits(0, word) {
                true if last == 0 => found = true,
                true => begun.push(1),
                false => {}
            }
        });
        found
    }

    fn fits(&self, index: usize, word: &str) -> bool {
        let wanted = self.words[index].as_str();
        let may_go_on = self.last == LastWord::Prefix && index + 1 == self.words.len();
        if may_go_on { word.starts_with(wanted) } else { word == wanted }
    }
}

impl<T: PartialOrd> Bounds<T> {
    /// Whether `value` is within: at least `from` and less than `until`.
    pub fn contains(&self, value: &T) -> bool {
        self.from.as_ref().is_none_or(|from| value >= from) && self.until.as_ref().is_none_or(|until| value < until)
    }
}

impl IpNetwork {
    /// The network of `address` with `prefix_bits` leading bits; the other bits are cleared, and IPv4-mapped
    /// addresses with at least 96 bits become IPv4. `None` where the address has fewer bits.
    pub fn new(address: IpAddr, prefix_bits: u8) -> Option<Self> {
        let (address, bits) = match (address, address.to_canonical()) {
            (IpAddr::V6(_), IpAddr::V4(mapped)) if prefix_bits >= 96 => (IpAddr::V4(mapped), prefix_bits - 96),
            _ => (address, prefix_bits),
        };
        let address = match address {
            IpAddr::V4(v4) if bits <= 32 => IpAddr::V4((u32::from(v4) & mask(bits, 32) as u32).into()),
            IpAddr::V6(v6) if bits <= 128 => IpAddr::V6((u128::from(v6) & mask(bits, 128)).into()),
            _ => return None,
        };
        Some(Self { address, prefix_bits: bits })
    }

    /// Whether `ip` belongs to this network; IPv4-mapped IPv6 addresses count as IPv4 on both sides.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let Some(network) = Self::new(self.address, self.prefix_bits) else { return false };
        let same = Self::new(ip.to_canonical(), network.prefix_bits);
        same.is_some_and(|same| same.address == network.address)
    }
}

impl FromStr for IpNetwork {
    type Err = Error;

    /// Reads an address, or a network in CIDR form: `10.0.0.0/8`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with `bad_network`.
    fn from_str(text: &str) -> crate::Result<Self> {
        let bad = || {
            let detail = "expected an address such as \"203.0.113.9\" or a network such as \"10.0.0.0/8\"";
            Error::invalid("", "bad_network", detail)
        };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().map_err(|_| bad())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let all_bits = if address.is_ipv4() { 32 } else { 128 };
        Self::new(address, bits.unwrap_or(all_bits)).ok_or_else(bad)
    }
}

/// `bits` leading ones in the lowest `width` bits.
fn mask(bits: u8, width: u8) -> u128 {
    let ones = u128::MAX >> (128 - width);
    ones & u128::MAX.checked_shl(u32::from(width - bits)).unwrap_or(0)
}

impl MetaTest {
    /// Whether one value of `metadata` meets this; of a list, one of its elements.
    pub fn matches(&self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::Array(items)) => items.iter().any(|item| self.matches(item)),
            (Self::Text(pattern), Value::String(text)) => pattern.matches(text),
            (Self::Text(pattern), Value::Bool(truth)) => pattern.matches(if *truth { "true" } else { "false" }),
            (Self::Text(Pattern::Exact(text)), Value::Number(number)) => {
                number::parse(text).is_some_and(|wanted| number.as_f64() == Some(wanted))
            }
            (Self::Text(pattern), Value::Number(number)) => pattern.matches(&number::text(number)),
            (Self::Number { from, to }, Value::Number(number)) => {
                number.as_f64().is_some_and(|value| is_from(from, value) && is_to(to, value))
            }
            _ => false,
        }
    }
}

fn is_from(from: &Option<(f64, Inclusive)>, value: f64) -> bool {
    from.is_none_or(|(bound, inclusive)| value > bound || inclusive == Inclusive::Yes && value == bound)
}

fn is_to(to: &Option<(f64, Inclusive)>, value: f64) -> bool {
    to.is_none_or(|(bound, inclusive)| value < bound || inclusive == Inclusive::Yes && value == bound)
}

/// Whether `test` holds for the value at `path`; a path leads through each element of a list.
fn any_at(members: &Map<String, Value>, path: &[String], test: &mut dyn FnMut(&Value) -> bool) -> bool {
    let Some((name, rest)) = path.split_first() else { return false };
    members.get(name).is_some_and(|value| any_below(value, rest, test))
}

fn any_below(value: &Value, path: &[String], test: &mut dyn FnMut(&Value) -> bool) -> bool {
    match value {
        _ if path.is_empty() => test(value),
        Value::Object(members) => any_at(members, path, test),
        Value::Array(items) => items.iter().any(|item| any_below(item, path, test)),
        _ => false,
    }
}
