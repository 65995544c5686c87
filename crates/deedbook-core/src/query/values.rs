//! A field, an operator and a written value → [`Condition`].

use std::net::IpAddr;

use jiff::Timestamp;

use super::fields::FieldName;
use super::scanner::{Operator, Value};
use super::times::{self, NamedKind, NamedTime};
use super::{Bounds, Condition, Inclusive, IpNetwork, MetaTest, ParseOptions, Pattern, TextField, number, words};
use crate::Outcome;

/// The message of a value that cannot be; its place is the value's.
type Checked<T> = Result<T, String>;

impl FieldName {
    /// The condition that `field op value` writes.
    pub(super) fn condition(self, operator: Operator, value: &Value, options: &ParseOptions) -> Checked<Condition> {
        match self {
            Self::Text(_) | Self::Ip if operator.is_ordered() => Err(format!(
                "\"{}\" works only on seq, occurred, recorded and meta.<path>; put a value that begins with it in quotes",
                operator.as_str()
            )),
            Self::Text(field) => text(field, value),
            Self::Ip => ip(value),
            Self::Seq => seq(operator, value),
            Self::Occurred => time(operator, value, options).map(Condition::Occurred),
            Self::Recorded => time(operator, value, options).map(Condition::Recorded),
        }
    }
}

fn text(field: TextField, value: &Value) -> Checked<Condition> {
    let outcomes = || Outcome::ALL.map(Outcome::as_str).join(", ");
    let written = match field {
        TextField::Outcome if value.is_prefix || Outcome::from_word(&value.text).is_none() => {
            return Err(format!("expected one of {}, found {}", outcomes(), shown(value)));
        }
        TextField::Change if !value.text.starts_with('/') && !value.text.is_empty() => {
            return Err(format!("expected a path that begins with \"/\", such as /role, found {}", shown(value)));
        }
        _ if field.is_name() && !(value.is_prefix && value.text.is_empty()) => name_words(value)?,
        _ => value.text.clone(),
    };
    let pattern = if value.is_prefix { Pattern::Prefix(written) } else { Pattern::Exact(written) };
    Ok(Condition::Text(field, pattern))
}

/// The words of a name with one space between them.
fn name_words(value: &Value) -> Checked<String> {
    let mut found = Vec::new();
    words(&value.text, &mut |word| found.push(word.to_owned()));
    match found.is_empty() {
        true => Err(format!("expected a word, found {} without a letter or digit", shown(value))),
        false => Ok(found.join(" ")),
    }
}

fn ip(value: &Value) -> Checked<Condition> {
    let expected = || format!("expected an address or a network such as 10.0.0.0/8, found {}", shown(value));
    let (address, bits) = match value.text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (value.text.as_str(), None),
    };
    let address: IpAddr = address.parse().map_err(|_| expected())?;
    let all_bits = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) => whole_number(bits).and_then(|bits| u8::try_from(bits).ok()).ok_or_else(expected)?,
        None => all_bits,
    };
    let network = if value.is_prefix { None } else { IpNetwork::new(address, bits) };
    network.map(Condition::Ip).ok_or_else(expected)
}

fn seq(operator: Operator, value: &Value) -> Checked<Condition> {
    let expected = || format!("expected a number or a range such as 10..20, found {}", shown(value));
    let number = |text: &str| whole_number(text).ok_or_else(expected);
    if value.is_prefix {
        return Err(expected());
    }
    let Some((from, to)) = range(operator, value) else {
        let seq = number(&value.text)?;
        return match (operator, seq.checked_add(1)) {
            (Operator::Greater, None) => Err(expected()),
            (_, next) => Ok(Condition::Seq(operator.bounds(seq, next))),
        };
    };
    let from = if from.is_empty() { None } else { Some(number(from)?) };
    let to = if to.is_empty() { None } else { Some(number(to)?) };
    match (from, to) {
        (None, None) => Err(expected()),
        (Some(from), Some(to)) if to < from => Err(backwards(value)),
        _ => Ok(Condition::Seq(Bounds { from, until: to.and_then(|to| to.checked_add(1)) })),
    }
}

fn time(operator: Operator, value: &Value, options: &ParseOptions) -> Checked<Bounds<Timestamp>> {
    let expected = || format!("expected {}, found {}", times::EXPECTED, shown(value));
    let named = |text: &str| NamedTime::parse(text, options).ok_or_else(expected);
    if value.is_prefix {
        return Err(expected());
    }
    let Some((from, to)) = range(operator, value) else {
        let named = named(&value.text)?;
        return match (operator, named.kind) {
            (Operator::Equal, NamedKind::Instant) => {
                Err(format!("{:?} names an instant; write \">={}\" for all since then", value.text, value.text))
            }
            (Operator::Equal, NamedKind::Unit) => Ok(named.bounds()),
            _ => Ok(operator.bounds(named.from, Some(named.until))),
        };
    };
    let from = if from.is_empty() { None } else { Some(named(from)?.from) };
    let until = if to.is_empty() { None } else { Some(named(to)?.until) };
    match (from, until) {
        (None, None) => Err(expected()),
        (Some(from), Some(until)) if until <= from => Err(backwards(value)),
        _ => Ok(Bounds { from, until }),
    }
}

/// The condition that `meta.<path> op value` writes.
pub(super) fn meta(path: &[String], operator: Operator, value: &Value) -> Checked<Condition> {
    let number = || number::parse(&value.text).filter(|_| !value.is_prefix);
    let expected = || format!("expected a number after \"{}\", found {}", operator.as_str(), shown(value));
    let test = match operator {
        Operator::Equal => number_range(value)?.unwrap_or_else(|| MetaTest::Text(value.pattern())),
        Operator::AtLeast => from(number().ok_or_else(expected)?, Inclusive::Yes),
        Operator::Greater => from(number().ok_or_else(expected)?, Inclusive::No),
        Operator::AtMost => to(number().ok_or_else(expected)?, Inclusive::Yes),
        Operator::Less => to(number().ok_or_else(expected)?, Inclusive::No),
    };
    Ok(Condition::Meta(path.to_vec(), test))
}

fn from(bound: f64, inclusive: Inclusive) -> MetaTest {
    MetaTest::Number { from: Some((bound, inclusive)), to: None }
}

fn to(bound: f64, inclusive: Inclusive) -> MetaTest {
    MetaTest::Number { from: None, to: Some((bound, inclusive)) }
}

/// `1..5`, `1..` or `..5`, where both sides are numbers; anything else with dots in it is text.
fn number_range(value: &Value) -> Checked<Option<MetaTest>> {
    let Some((from, to)) = range(Operator::Equal, value).filter(|_| !value.is_prefix) else { return Ok(None) };
    let bound = |text: &str| number::parse(text).map(|bound| (bound, Inclusive::Yes));
    match (bound(from), bound(to)) {
        (Some((from, _)), Some((to, _))) if to < from => Err(backwards(value)),
        (Some(from), Some(to)) => Ok(Some(MetaTest::Number { from: Some(from), to: Some(to) })),
        (Some(_), None) if to.is_empty() => Ok(Some(MetaTest::Number { from: bound(from), to: None })),
        (None, Some(_)) if from.is_empty() => Ok(Some(MetaTest::Number { from: None, to: bound(to) })),
        _ => Ok(None),
    }
}

/// The two sides of `a..b`, which is a range only without an operator and without quotes.
fn range(operator: Operator, value: &Value) -> Option<(&str, &str)> {
    if operator.is_ordered() || value.is_quoted {
        return None;
    }
    value.text.split_once("..")
}

fn whole_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn backwards(value: &Value) -> String {
    format!("the range {:?} ends before it begins", value.text)
}

fn shown(value: &Value) -> String {
    format!("{:?}", format!("{}{}", value.text, if value.is_prefix { "*" } else { "" }))
}

impl Operator {
    /// The values to one side of a value that begins at `from` and ends before `until`.
    fn bounds<T>(self, from: T, until: Option<T>) -> Bounds<T> {
        match self {
            Self::Equal => Bounds { from: Some(from), until },
            Self::AtLeast => Bounds { from: Some(from), until: None },
            Self::AtMost => Bounds { from: None, until },
            Self::Greater => Bounds { from: until, until: None },
            Self::Less => Bounds { from: None, until: Some(from) },
        }
    }
}

impl Value {
    fn pattern(&self) -> Pattern {
        if self.is_prefix { Pattern::Prefix(self.text.clone()) } else { Pattern::Exact(self.text.clone()) }
    }
}
