//! The parameters of a query string: each is known, given once and of its type, or the request is refused.
//!
//! A parameter that is not known is refused rather than passed over: `?atmoic=true` would otherwise record half of a
//! batch.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;

use crate::problem::{Answer, Problem};

/// What stands after the question mark. Take what the endpoint knows, then call [`Parameters::finish`].
#[derive(Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<Arc<S>> for Parameters
where
    S: Send,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<S>) -> Answer<Self> {
        Self::of(&parts.uri)
    }
}

/// What stands after the question mark where an endpoint has no parameters: nothing, or the request is refused.
pub(crate) struct NoParameters;

impl<S: Send + Sync> FromRequestParts<Arc<S>> for NoParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<S>) -> Answer<Self> {
        Parameters::of(&parts.uri)?.finish(&[]).map(|()| Self)
    }
}

impl Parameters {
    /// Those of a URL.
    ///
    /// # Errors
    /// 400 where they cannot be read.
    pub(crate) fn of(uri: &Uri) -> Answer<Self> {
        Self::parse(uri.query().unwrap_or_default())
    }

    fn parse(query: &str) -> Answer<Self> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        });
        pairs.collect::<Answer<Vec<_>>>().map(Self)
    }

    /// The text of a parameter.
    ///
    /// # Errors
    /// 400 where it is given twice.
    pub(crate) fn text(&mut self, name: &str) -> Answer<Option<String>> {
        let Some(place) = self.0.iter().position(|(known, _)| known == name) else { return Ok(None) };
        let (_, value) = self.0.swap_remove(place);
        if self.0.iter().any(|(known, _)| known == name) {
            return Err(bad(format!("the parameter {name:?} is given twice")));
        }
        Ok(Some(value))
    }

    /// A whole number from 1 to `max`.
    ///
    /// # Errors
    /// 400 where it is anything else.
    pub(crate) fn count(&mut self, name: &str, max: usize) -> Answer<Option<usize>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|number| (1..=max).contains(number));
        number.map(Some).ok_or_else(|| bad(format!("the parameter {name:?} is a whole number from 1 to {max}")))
    }

    /// One of some words.
    ///
    /// # Errors
    /// 400 where it is anything else.
    pub(crate) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Answer<Option<T>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        one_of(name, &text, words).map(Some)
    }

    /// Several of some words, between commas, each once.
    ///
    /// # Errors
    /// 400 where it is anything else.
    pub(crate) fn words<T: Copy + PartialEq>(&mut self, name: &str, words: &[(&str, T)]) -> Answer<Option<Vec<T>>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let mut found = Vec::new();
        for word in text.split(',') {
            let value = one_of(name, word, words)?;
            if found.contains(&value) {
                return Err(bad(format!("the parameter {name:?} names something twice")));
            }
            found.push(value);
        }
        Ok(Some(found))
    }

    /// Refuses what nobody took.
    ///
    /// # Errors
    /// 400 with the name of the first one; `known` is listed.
    pub(crate) fn finish(self, known: &[&str]) -> Answer<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let detail = match known {
            [] => "this endpoint has no parameters".to_owned(),
            known => format!("there is a parameter that this endpoint does not have; it has {}", known.join(", ")),
        };
        Err(Problem::malformed("unknown_parameter", detail))
    }
}

/// 400 for a parameter of which the value is wrong.
pub(crate) fn bad(detail: impl Into<String>) -> Problem {
    Problem::malformed("bad_parameter", detail)
}

fn one_of<T: Copy>(name: &str, text: &str, words: &[(&str, T)]) -> Answer<T> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        bad(format!("the parameter {name:?} takes {}", known.join(", ")))
    })
}

/// Undoes `+` and `%20`.
///
/// Source: the WHATWG URL standard, "application/x-www-form-urlencoded parsing", but for escapes that are broken, which
/// are refused.
fn decoded(text: &str) -> Answer<String> {
    let spaced = text.replace('+', " ");
    percent_decoded(&spaced).map(Cow::into_owned)
}

/// Undoes `%20`.
///
/// # Errors
/// 400 where an escape is broken or the bytes are no text.
pub(crate) fn percent_decoded(text: &str) -> Answer<Cow<'_, str>> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let broken = || Problem::malformed("bad_escape", "the URL has a % that is not followed by two hexadecimal digits");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or_else(broken);
        bytes.push((digit()? * 16 + digit()?) as u8);
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| Problem::malformed("bad_escape", "the URL is not UTF-8"))
}

/// Escapes a text for the query of a URL.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_made() {
        let mut parameters = Parameters::parse("q=a%3Ab+%2B%C3%A4&limit=7&x").unwrap();
        assert_eq!(parameters.text("q").unwrap().as_deref(), Some("a:b +ä"));
        assert_eq!(parameters.count("limit", 10).unwrap(), Some(7));
        assert_eq!(parameters.text("x").unwrap().as_deref(), Some(""));
        assert!(parameters.finish(&[]).is_ok());
        let text = "a b:ä+&=%/?";
        assert_eq!(percent_decoded(&percent_encoded(text)).unwrap(), text);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for query in ["q=%", "q=%4", "q=%zz", "q=%ff"] {
            assert!(Parameters::parse(query).is_err(), "{query}");
        }
        assert!(Parameters::parse("q=a&q=b").unwrap().text("q").is_err());
        for limit in ["0", "11", "-1", "x", "", "1.0"] {
            assert!(Parameters::parse(&format!("limit={limit}")).unwrap().count("limit", 10).is_err(), "{limit}");
        }
        assert!(Parameters::parse("by=a,a").unwrap().words("by", &[("a", 1)]).is_err());
        assert!(Parameters::parse("by=a,").unwrap().words("by", &[("a", 1)]).is_err());
        assert!(Parameters::parse("nmae=1").unwrap().finish(&["name"]).is_err());
    }
}
