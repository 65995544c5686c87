//! Rules as text, a line each: `tenant:acme category:account action:user.* keep 90d`.

use std::fmt;

use super::{Keep, Rule, Rules, action_pattern, action_text, wrong};
use crate::{Error, Problem, Result};

impl Rules {
    /// Reads a rule from each line: any of `tenant:`, `category:` and `action:`, then `keep` and `forever`, a time such
    /// as `90d`, or `last 100`. A value with spaces stands in quotes. Empty lines and lines that begin with `#` say
    /// nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with a problem for each line that is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let mut rules = Vec::new();
        let mut lines = Vec::new();
        let mut problems = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match rule(line) {
                Ok(rule) => {
                    rules.push(rule);
                    lines.push(index + 1);
                }
                Err(detail) => problems.push(at_line(index + 1, &detail)),
            }
        }
        if !problems.is_empty() {
            return Err(Error::from_problems(problems));
        }
        Self::new(rules).map_err(|error| with_lines(&error, &lines))
    }
}

/// Problems of rules, by the lines in which they stand rather than by their places in a list.
fn with_lines(error: &Error, lines: &[usize]) -> Error {
    let line_of = |problem: &Problem| {
        let index = problem.pointer.strip_prefix("/rules/")?.split('/').next()?;
        lines.get(index.parse::<usize>().ok()?).copied()
    };
    let placed = |problem: &Problem| match line_of(problem) {
        Some(line) => at_line(line, &problem.detail),
        None => problem.clone(),
    };
    Error::from_problems(error.problems().iter().map(placed).collect())
}

fn at_line(line: usize, detail: &str) -> Problem {
    wrong(String::new(), "bad_rule", format!("line {line}: {detail}"))
}

fn rule(line: &str) -> Result<Rule, String> {
    let mut rule = Rule::of_everything(Keep::Forever);
    let mut rest = line;
    loop {
        let word_end = rest.find([':', ' ']).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(word_end);
        let Some(value) = behind.strip_prefix(':') else {
            if name != "keep" {
                return Err(format!("found {name:?}, expected tenant:, category:, action:, or keep"));
            }
            let keep = behind.split_whitespace().collect::<Vec<_>>().join(" ");
            rule.keep = Keep::parse(&keep).map_err(|error| error.to_string())?;
            return Ok(rule);
        };
        let (value, after) = value_of(value)?;
        let place = match name {
            "tenant" => &mut rule.tenant,
            "category" => &mut rule.category,
            "action" => {
                if rule.action.replace(action_pattern(&value)).is_some() {
                    return Err("\"action\" is given twice".to_owned());
                }
                rest = after;
                continue;
            }
            _ => return Err(format!("found {name:?}, expected tenant:, category:, action:, or keep")),
        };
        if place.replace(value).is_some() {
            return Err(format!("{name:?} is given twice"));
        }
        rest = after;
    }
}

/// A word, or a text in quotes as in JSON, and what stands behind it.
fn value_of(text: &str) -> Result<(String, &str), String> {
    if !text.starts_with('"') {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        return Ok((text[..end].to_owned(), text[end..].trim_start()));
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
    match values.next() {
        Some(Ok(value)) => Ok((value, text[values.byte_offset()..].trim_start())),
        _ => Err("a quote is not closed".to_owned()),
    }
}

impl fmt::Display for Rules {
    /// What [`Rules::parse`] reads, a line for each rule.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().iter().try_for_each(|rule| writeln!(f, "{rule}"))
    }
}

impl fmt::Display for Rule {
    /// One line of [`Rules::parse`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = self.action.as_ref().map(action_text);
        for (name, value) in [("tenant", &self.tenant), ("category", &self.category), ("action", &action)] {
            if let Some(value) = value {
                write!(f, "{name}:{} ", Written(value))?;
            }
        }
        write!(f, "keep {}", self.keep)
    }
}

/// A value as it stands in a line: in quotes where it would not be read back without.
struct Written<'a>(&'a str);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = !self.0.starts_with('"') && !self.0.is_empty() && !self.0.contains(unsafe_in_a_line);
        if plain { f.write_str(self.0) } else { write!(f, "{}", serde_json::Value::from(self.0)) }
    }
}

fn unsafe_in_a_line(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}
