//! JSON of strangers, read without losing anything: duplicate keys are an error, and a number that is not exactly a
//! double becomes a string with its digits.

use std::borrow::Cow;
use std::fmt;

use deedbook_core::parse_json;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The integers up to which every one is a double of its own: 2⁵³ − 1.
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Reads one document.
pub(crate) fn read(json: &[u8]) -> Result<Value, String> {
    let exact = quote_inexact_numbers(json);
    parse_json(&exact).map_err(|error| error.to_string())
}

/// The members of an object in their order, repeated ones too, with values as they were written.
pub(crate) struct Members(pub(crate) Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

fn quote_inexact_numbers(json: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Vec::new();
    let (mut copied, mut at) = (0, 0);
    while at < json.len() {
        match json[at] {
            b'"' => at = end_of_string(json, at),
            b'-' | b'0'..=b'9' => {
                let end = at + json[at..].iter().take_while(|byte| is_number_byte(**byte)).count();
                if !is_exact(&json[at..end]) {
                    out.extend_from_slice(&json[copied..at]);
                    out.push(b'"');
                    out.extend_from_slice(&json[at..end]);
                    out.push(b'"');
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    out.extend_from_slice(&json[copied..]);
    Cow::Owned(out)
}

fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < json.len() {
        match json[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    json.len()
}

fn is_number_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || b"+-.eE".contains(&byte)
}

/// Whether a number token has the value of the shortest form of its nearest double. What is no number at all counts
/// as exact, so that the parser may complain about it.
fn is_exact(token: &[u8]) -> bool {
    let Ok(token) = std::str::from_utf8(token) else { return true };
    if serde_json::from_str::<serde::de::IgnoredAny>(token).is_err() {
        return true;
    }
    if !token.contains(['.', 'e', 'E']) {
        return token.trim_start_matches('-').parse().is_ok_and(|integer: u64| integer <= INTEGER_MAX);
    }
    let Ok(double) = token.parse::<f64>() else { return true };
    double.is_finite() && decimal(token) == decimal(&format!("{double:e}"))
}

/// The significant digits of a number token and the power of ten of the last of them; `None` where that overflows.
fn decimal(token: &str) -> Option<(String, i64)> {
    let token = token.trim_start_matches('-');
    let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let exponent: i64 = exponent.parse().ok()?;
    let last = exponent.checked_sub(fraction.len() as i64)?.checked_add((digits.len() - significant.len()) as i64)?;
    let significant = significant.trim_start_matches('0');
    Some(if significant.is_empty() { (String::new(), 0) } else { (significant.to_owned(), last) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_numbers_stay_and_others_become_text() {
        for (json, expected) in [
            ("[1,-5,0.1,19.90,1e3,0,-0.0,1E+2]", "[1,-5,0.1,19.90,1e3,0,-0.0,1E+2]"),
            ("9007199254740991", "9007199254740991"),
            ("9007199254740992", "\"9007199254740992\""),
            ("{\"a\": -9007199254740993}", "{\"a\": \"-9007199254740993\"}"),
            ("[123456789012345678901234567890,1]", "[\"123456789012345678901234567890\",1]"),
            ("0.1000000000000000055511151231257827", "\"0.1000000000000000055511151231257827\""),
            ("1e400", "\"1e400\""),
            ("\"12345678901234567890 \\\" 1e400\"", "\"12345678901234567890 \\\" 1e400\""),
            ("1e99999999999999999999", "\"1e99999999999999999999\""),
        ] {
            assert_eq!(String::from_utf8_lossy(&quote_inexact_numbers(json.as_bytes())), expected);
        }
    }

    #[test]
    fn bad_documents_say_what_is_wrong() {
        for (json, expected) in [
            ("{\"a\":1,\"b\":{\"c\":1,\"c\":2}}", "c"),
            ("{\"a\":", "end"),
            ("{\"a\":01}", "leading zero"),
            ("\"\\ud800\"", "surrogate"),
            ("1 2", ""),
        ] {
            let error = read(json.as_bytes()).expect_err(json);
            assert!(error.contains(expected), "{json}: {error}");
        }
    }
}
