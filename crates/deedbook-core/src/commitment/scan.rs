//! A scanner over canonical bytes: where members and values begin and end, without a tree of values.

use std::borrow::Cow;
use std::ops::Range;

use crate::plain::plain_length;
use crate::{Error, ErrorKind, Result, json};

/// Bytes of an erased value: a zero byte and a commitment.
pub(super) const ERASED_LENGTH: usize = 33;

/// One member of the event.
pub(crate) struct Member<'a> {
    /// Where the quote before its name stands.
    pub(crate) start: usize,
    /// Its name, unescaped.
    pub(crate) name: Cow<'a, [u8]>,
    /// Where its value stands.
    pub(crate) value: Range<usize>,
}

#[cold]
pub(super) fn corrupt(what: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("these are not the canonical bytes of an event: {what}"))
}

/// The members of the event, in the order in which they stand.
pub(crate) fn members(canonical: &[u8]) -> Result<Vec<Member<'_>>> {
    let mut members = Vec::with_capacity(20);
    let end = each_member(canonical, 0, |key, at| {
        let end = value_end(canonical, at)?;
        let start = at - key.len() - 3;
        members.push(Member { start, name: unescaped(key)?, value: at..end });
        Ok(end)
    })?;
    if end != canonical.len() {
        return Err(corrupt("there are bytes after the end"));
    }
    Ok(members)
}

/// The bytes without the member `name`, which is not the first; bytes that do not scan are left as they are.
pub(crate) fn without_member(canonical: &[u8], name: &[u8]) -> Vec<u8> {
    let mut bytes = canonical.to_vec();
    let members = members(canonical).unwrap_or_default();
    if let Some(member) = members.iter().skip(1).find(|member| member.name.as_ref() == name) {
        // The comma before it goes too.
        bytes.drain(member.start - 1..member.value.end);
    }
    bytes
}

/// The bytes with null in place of each erased value.
pub(crate) fn without_erased(canonical: &[u8]) -> Result<Cow<'_, [u8]>> {
    if !canonical.contains(&0) {
        return Ok(Cow::Borrowed(canonical));
    }
    let mut filled = Vec::with_capacity(canonical.len());
    let mut rest = canonical;
    while let Some(zero) = rest.iter().position(|byte| *byte == 0) {
        filled.extend_from_slice(&rest[..zero]);
        filled.extend_from_slice(b"null");
        rest = rest.get(zero + ERASED_LENGTH..).ok_or_else(|| corrupt("an erased value is cut short"))?;
    }
    filled.extend_from_slice(rest);
    Ok(Cow::Owned(filled))
}

/// Calls `each` with the raw name of every member of the object at `at` and the place of its value; `each` gives the
/// end of the value. Gives the end of the object.
pub(super) fn each_member<'a>(
    bytes: &'a [u8],
    at: usize,
    mut each: impl FnMut(&'a [u8], usize) -> Result<usize>,
) -> Result<usize> {
    let mut at = expect(bytes, at, b'{')?;
    if bytes.get(at) == Some(&b'}') {
        return Ok(at + 1);
    }
    loop {
        if bytes.get(at) != Some(&b'"') {
            return Err(corrupt("the name of a member is missing"));
        }
        let key_end = string_end(bytes, at)?;
        let key = &bytes[at + 1..key_end - 1];
        at = each(key, expect(bytes, key_end, b':')?)?;
        match bytes.get(at) {
            Some(b',') => at += 1,
            Some(b'}') => return Ok(at + 1),
            _ => return Err(corrupt("an object is not closed")),
        }
    }
}

/// As [`each_member`], for the elements of the array at `at`.
pub(super) fn each_element(
    bytes: &[u8],
    at: usize,
    mut each: impl FnMut(usize, usize) -> Result<usize>,
) -> Result<usize> {
    let mut at = expect(bytes, at, b'[')?;
    if bytes.get(at) == Some(&b']') {
        return Ok(at + 1);
    }
    let mut index = 0;
    loop {
        at = each(index, at)?;
        index += 1;
        match bytes.get(at) {
            Some(b',') => at += 1,
            Some(b']') => return Ok(at + 1),
            _ => return Err(corrupt("a list is not closed")),
        }
    }
}

fn expect(bytes: &[u8], at: usize, byte: u8) -> Result<usize> {
    if bytes.get(at) == Some(&byte) { Ok(at + 1) } else { Err(corrupt("a bracket or colon is missing")) }
}

/// The end of the value at `at`, which may be an erased one.
pub(super) fn value_end(bytes: &[u8], at: usize) -> Result<usize> {
    match bytes.get(at) {
        Some(b'"') => string_end(bytes, at),
        Some(b'{' | b'[') => nested_end(bytes, at),
        Some(0) if bytes.len() - at >= ERASED_LENGTH => Ok(at + ERASED_LENGTH),
        Some(b'n' | b't') if is_word(bytes, at, b"null") || is_word(bytes, at, b"true") => Ok(at + 4),
        Some(b'f') if is_word(bytes, at, b"false") => Ok(at + 5),
        Some(b'-' | b'0'..=b'9') => {
            let length = bytes[at..].iter().position(|byte| matches!(byte, b',' | b'}' | b']'));
            Ok(length.map_or(bytes.len(), |length| at + length))
        }
        _ => Err(corrupt("a value is missing or cut short")),
    }
}

/// The end of the value at `at`, which must not be an erased one.
pub(super) fn plain_end(bytes: &[u8], at: usize) -> Result<usize> {
    if bytes.get(at) == Some(&0) { Err(misplaced()) } else { value_end(bytes, at) }
}

fn is_word(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    bytes[at..].starts_with(word)
}

/// The end of an object or list of which only the end matters.
fn nested_end(bytes: &[u8], at: usize) -> Result<usize> {
    let mut depth = 0_usize;
    let mut at = at;
    loop {
        match bytes.get(at) {
            Some(b'"') => {
                at = string_end(bytes, at)?;
                continue;
            }
            Some(b'{' | b'[') => depth += 1,
            Some(b'}' | b']') => depth -= 1,
            Some(0) => {
                // Which values may be erased is judged by whoever walks them; here they are only passed over.
                at = value_end(bytes, at)?;
                continue;
            }
            Some(_) => {}
            None => return Err(corrupt("a value is not closed")),
        }
        at += 1;
        if depth == 0 {
            return Ok(at);
        }
    }
}

/// The end of the string whose quote is at `at`.
pub(super) fn string_end(bytes: &[u8], at: usize) -> Result<usize> {
    let mut at = at + 1;
    loop {
        at += plain_length(bytes.get(at..).unwrap_or_default());
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at += 2,
            Some(_) => return Err(corrupt("a string holds a raw control character")),
            None => return Err(corrupt("a string is not closed")),
        }
    }
}

#[cold]
fn misplaced() -> Error {
    corrupt("a value is erased that is not personal")
}

/// The characters of a string, given without its quotes.
pub(super) fn unescaped(raw: &[u8]) -> Result<Cow<'_, [u8]>> {
    if !raw.contains(&b'\\') {
        return Ok(Cow::Borrowed(raw));
    }
    let quoted = [b"\"", raw, b"\""].concat();
    match json::parse(&quoted, 1) {
        Ok(serde_json::Value::String(string)) => Ok(Cow::Owned(string.into_bytes())),
        _ => Err(corrupt("a string holds an escape that is none")),
    }
}
