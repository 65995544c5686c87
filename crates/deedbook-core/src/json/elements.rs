//! Where the elements of an array stand in its text, so that each can be read, and refused, on its own.
//!
//! Only strings and brackets are looked at: what is between two commas is judged by whoever reads it.

use std::ops::Range;

use crate::plain::plain_length;
use crate::{Error, ErrorKind, Result};

/// The places of the elements of the JSON array that `json` is, at most `elements_max` of them.
///
/// A place may hold anything, also nothing at all, as between the commas of `[1,,2]`: each must still be parsed.
///
/// # Errors
/// [`ErrorKind::Invalid`] with the code `syntax` where the text is no array, does not end, or goes on after its end;
/// [`ErrorKind::TooLarge`] where there are more elements.
pub fn array_elements(json: &[u8], elements_max: usize) -> Result<Vec<Range<usize>>> {
    let mut scan = Scan { json, at: 0 };
    scan.space();
    if !scan.eat(b'[') {
        return Err(syntax("expected an array, which begins with a bracket"));
    }
    let mut elements = Vec::new();
    scan.space();
    if scan.eat(b']') {
        return scan.end().map(|()| elements);
    }
    loop {
        if elements.len() == elements_max {
            let message = format!("the array has more than {elements_max} elements; send several smaller ones");
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        let start = scan.at;
        let ended_by = scan.element()?;
        elements.push(start..scan.at - 1);
        if ended_by == b']' {
            return scan.end().map(|()| elements);
        }
    }
}

struct Scan<'a> {
    json: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn space(&mut self) {
        let rest = &self.json[self.at..];
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.json.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    /// Passes one element and the comma or bracket after it, which is returned.
    fn element(&mut self) -> Result<u8> {
        let mut depth = 0_usize;
        while let Some(&byte) = self.json.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => self.string()?,
                b'[' | b'{' => depth += 1,
                b',' | b']' if depth == 0 => return Ok(byte),
                b']' | b'}' => {
                    depth = depth.checked_sub(1).ok_or_else(|| syntax("found a brace that closes nothing"))?
                }
                _ => {}
            }
        }
        Err(syntax("the text ends within the array; the closing bracket is missing"))
    }

    /// Passes a string of which the opening quote was taken.
    fn string(&mut self) -> Result<()> {
        loop {
            self.at += plain_length(&self.json[self.at..]);
            match self.json.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                // Whatever follows a backslash, a quote among it, belongs to the string.
                Some(b'\\') => self.at = (self.at + 2).min(self.json.len()),
                Some(_) => self.at += 1,
                None => return Err(syntax("the text ends within a string; the closing quote is missing")),
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        self.space();
        if self.at == self.json.len() { Ok(()) } else { Err(syntax("found more text after the end of the array")) }
    }
}

fn syntax(detail: &str) -> Error {
    Error::invalid("", "syntax", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<Vec<&str>> {
        Ok(array_elements(json.as_bytes(), 3)?.into_iter().map(|range| &json[range]).collect())
    }

    #[test]
    fn elements_are_found_whatever_is_in_them() {
        assert_eq!(check(" [ ] ").unwrap(), [""; 0]);
        assert_eq!(check("[1, {\"a\":[2,\"],\"]} ,3]").unwrap(), ["1", " {\"a\":[2,\"],\"]} ", "3"]);
        assert_eq!(check("[\"\\\\\",\"\\\"]\"]").unwrap(), ["\"\\\\\"", "\"\\\"]\""]);
        assert_eq!(check("[1,,]").unwrap(), ["1", "", ""]);
        assert_eq!(check("[\"a\nb\"]").unwrap(), ["\"a\nb\""]);
    }

    #[test]
    fn what_is_no_array_is_refused() {
        for json in ["", "{}", "[", "[1", "[1,", "[\"a", "[\"a\\", "[1]]", "[1] 2", "[}", "[[1]", "nul"] {
            assert_eq!(check(json).unwrap_err().problems()[0].code, "syntax", "{json}");
        }
        assert_eq!(check("[1,2,3,4]").unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(check("[1,2,3]").unwrap().len(), 3);
    }
}
