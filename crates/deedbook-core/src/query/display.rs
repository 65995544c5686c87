//! [`Query`] → canonical text: what parses to the same query again, without relative times.

use std::fmt::{self, Display, Formatter, Write};

use jiff::{Timestamp, ToSpan};

use super::{
    Bounds, Condition, Expression, HasField, Inclusive, IpNetwork, LastWord, MetaTest, Pattern, Query, WordsTest,
    number,
};

impl Display for Query {
    /// Text that [`Query::parse`] reads back: to an equal query where it came from text, else to one that matches the
    /// same entries of the years 1 to 9998. `a b OR c` and `-a` are written with as few parentheses as possible.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.expression {
            Expression::And(all) if all.is_empty() => Ok(()),
            expression => write_either(expression, f),
        }
    }
}

impl Display for Expression {
    /// As the [`Query`] of this tree.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_either(self, f)
    }
}

fn write_either(expression: &Expression, f: &mut Formatter<'_>) -> fmt::Result {
    match expression {
        Expression::Or(any) if any.len() > 1 => separated(f, any, " OR ", write_all),
        other => write_all(other, f),
    }
}

fn write_all(expression: &Expression, f: &mut Formatter<'_>) -> fmt::Result {
    match expression {
        Expression::And(all) if all.len() > 1 => separated(f, all, " ", write_term),
        other => write_term(other, f),
    }
}

fn write_term(expression: &Expression, f: &mut Formatter<'_>) -> fmt::Result {
    match expression {
        Expression::And(none) if none.is_empty() => f.write_str("()"),
        Expression::Or(none) if none.is_empty() => f.write_str("-()"),
        Expression::And(list) | Expression::Or(list) if list.len() == 1 => write_term(&list[0], f),
        Expression::And(_) | Expression::Or(_) => {
            f.write_char('(')?;
            write_either(expression, f)?;
            f.write_char(')')
        }
        Expression::Not(inner) => {
            f.write_char('-')?;
            write_term(inner, f)
        }
        Expression::Is(condition) => condition.fmt(f),
    }
}

fn separated<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    separator: &str,
    write_item: fn(&T, &mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { separator })?;
        write_item(item, f)?;
    }
    Ok(())
}

impl Display for Condition {
    /// One term of a query.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(field, pattern) => {
                write!(f, "{}:", field.as_str())?;
                pattern.fmt(f)
            }
            Self::Ip(network) => write!(f, "ip:{network}"),
            Self::Seq(bounds) => write_seq(*bounds, f),
            Self::Occurred(bounds) => write_times("occurred", *bounds, f),
            Self::Recorded(bounds) => write_times("recorded", *bounds, f),
            Self::Meta(path, test) => write_meta(path, test, f),
            Self::Has(field) => write_has(field, f),
            Self::Words(words) => words.fmt(f),
        }
    }
}

impl Display for Pattern {
    /// A value of a query: bare where it can be, else quoted; a star after a prefix.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_value(self.text(), f)?;
        f.write_str(if matches!(self, Self::Prefix(_)) { "*" } else { "" })
    }
}

fn write_value(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/' | '@' | '+');
    let starts_plain = text.starts_with(|c: char| c.is_alphanumeric() || c == '/' || c == '_');
    if starts_plain && text.chars().all(is_plain) && !text.contains("..") {
        return f.write_str(text);
    }
    write_quoted(text, f)
}

fn write_quoted(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}

impl Display for IpNetwork {
    /// An address, or a network in CIDR form.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let all_bits = if self.address.is_ipv4() { 32 } else { 128 };
        match self.prefix_bits {
            bits if bits == all_bits => write!(f, "{}", self.address),
            bits => write!(f, "{}/{bits}", self.address),
        }
    }
}

impl Display for WordsTest {
    /// A word or a quoted phrase; a star where the last word is a prefix.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.words.as_slice() {
            [] => return f.write_str("-()"),
            [word] if word.chars().all(char::is_alphanumeric) => f.write_str(word)?,
            words => write_quoted(&words.join(" "), f)?,
        }
        f.write_str(if self.last == LastWord::Prefix { "*" } else { "" })
    }
}

fn write_seq(bounds: Bounds<u64>, f: &mut Formatter<'_>) -> fmt::Result {
    match (bounds.from, bounds.until) {
        (None, None) => f.write_str("seq:>=0"),
        (Some(from), None) => write!(f, "seq:>={from}"),
        (None, Some(until)) => write!(f, "seq:<{until}"),
        (Some(from), Some(until)) if until <= from => write!(f, "(seq:>={from} seq:<{until})"),
        (Some(from), Some(until)) if until - from == 1 => write!(f, "seq:{from}"),
        (Some(from), Some(until)) => write!(f, "seq:{from}..{}", until - 1),
    }
}

fn write_times(name: &str, bounds: Bounds<Timestamp>, f: &mut Formatter<'_>) -> fmt::Result {
    match (bounds.from.map(whole_microsecond), bounds.until.map(whole_microsecond)) {
        (None, None) => f.write_str("()"),
        (Some(from), None) => write!(f, "{name}:>={from}"),
        (None, Some(until)) => write!(f, "{name}:<{until}"),
        (Some(from), Some(until)) => match until.checked_sub(1.microsecond()) {
            Ok(last) if from <= last => write!(f, "{name}:{from}..{last:.6}"),
            _ => write!(f, "({name}:>={from} {name}:<{until})"),
        },
    }
}

/// The first whole microsecond that is not earlier: entries have no finer times.
fn whole_microsecond(time: Timestamp) -> Timestamp {
    let floor = Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time);
    if floor < time { floor.checked_add(1.microsecond()).unwrap_or(time) } else { floor }
}

fn write_meta(path: &[String], test: &MetaTest, f: &mut Formatter<'_>) -> fmt::Result {
    match test {
        MetaTest::Text(pattern) => {
            write_path(path, f)?;
            f.write_char(':')?;
            pattern.fmt(f)
        }
        MetaTest::Number { from: None, to: None } => {
            f.write_char('(')?;
            write_bound(path, ">=", 0.0, f)?;
            f.write_str(" OR ")?;
            write_bound(path, "<", 0.0, f)?;
            f.write_char(')')
        }
        MetaTest::Number { from: Some((from, inclusive)), to: None } => {
            write_bound(path, if *inclusive == Inclusive::Yes { ">=" } else { ">" }, *from, f)
        }
        MetaTest::Number { from: None, to: Some((to, inclusive)) } => {
            write_bound(path, if *inclusive == Inclusive::Yes { "<=" } else { "<" }, *to, f)
        }
        MetaTest::Number { from: Some(from), to: Some(to) } => {
            write_number_range(path, at_least(*from), at_most(*to), f)
        }
    }
}

/// One value must be within both bounds, so that two conditions could not say it of a list.
fn write_number_range(path: &[String], from: f64, to: f64, f: &mut Formatter<'_>) -> fmt::Result {
    if to < from {
        return f.write_str("-()");
    }
    write_path(path, f)?;
    write!(f, ":{}..{}", number::float_text(from), number::float_text(to))
}

fn write_bound(path: &[String], operator: &str, bound: f64, f: &mut Formatter<'_>) -> fmt::Result {
    write_path(path, f)?;
    write!(f, ":{operator}{}", number::float_text(bound))
}

fn at_least((bound, inclusive): (f64, Inclusive)) -> f64 {
    if inclusive == Inclusive::Yes { bound } else { bound.next_up() }
}

fn at_most((bound, inclusive): (f64, Inclusive)) -> f64 {
    if inclusive == Inclusive::Yes { bound } else { bound.next_down() }
}

fn write_has(field: &HasField, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("has:")?;
    match field {
        HasField::Text(field) => f.write_str(field.as_str()),
        HasField::Ip => f.write_str("ip"),
        HasField::Occurred => f.write_str("occurred"),
        HasField::Meta(path) => write_path(path, f),
        HasField::Error => f.write_str("error"),
        HasField::Reason => f.write_str("reason"),
    }
}

fn write_path(path: &[String], f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("meta.")?;
    separated(f, path, ".", |name, f| {
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        if !name.is_empty() && name.chars().all(is_plain) { f.write_str(name) } else { write_quoted(name, f) }
    })
}
