//! The tokens of JSON: strings and numbers, and where they stand.

use std::borrow::Cow;

use super::reader::{Halt, Halting, Reader};
use crate::plain::{is_plain, plain_length};

impl<'a> Reader<'a> {
    /// Takes white space and looks at what follows it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Takes `byte`, if it comes next.
    #[inline]
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes a string, of which the quote is next.
    pub(super) fn string(&mut self) -> Halting<Cow<'a, str>> {
        let start = self.at + 1;
        let end = start + plain_length(&self.text.as_bytes()[start..]);
        self.at = end;
        if self.text.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(Cow::Borrowed(&self.text[start..end]));
        }
        self.escaped_string(self.text[start..end].to_owned()).map(Cow::Owned)
    }

    /// The rest of a string after what needed no attention.
    #[cold]
    fn escaped_string(&mut self, mut string: String) -> Halting<String> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => {
                    let character = self.escape()?;
                    string.push(character);
                }
                Some(byte) if is_plain(*byte) => {
                    let start = self.at;
                    self.at += plain_length(&self.text.as_bytes()[start..]);
                    string.push_str(&self.text[start..self.at]);
                }
                Some(_) => {
                    return Err(self.halt(
                        "control_character",
                        "found a raw control character in a string; write it as an escape such as \\n or \\u001f",
                    ));
                }
                None => return Err(self.halt("syntax", "the text ends within a string; the closing quote is missing")),
            }
        }
    }

    /// Takes one escape, of which the backslash is next; a lone surrogate is noted and replaced.
    fn escape(&mut self) -> Halting<char> {
        let start = self.at;
        let letter = self.text.as_bytes().get(start + 1).copied();
        self.at = start + 2;
        let character = match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(start),
            _ => {
                self.at = start;
                return Err(self.halt("syntax", "expected one of \" \\ / b f n r t u after a backslash"));
            }
        };
        Ok(character)
    }

    fn unicode_escape(&mut self, start: usize) -> Halting<char> {
        let first = self.four_digits()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        let is_high = first < 0xdc00;
        if is_high && self.text.as_bytes()[self.at..].starts_with(b"\\u") {
            let after_first = self.at;
            self.at += 2;
            let second = self.four_digits()?;
            if (0xdc00..0xe000).contains(&second) {
                let code_point = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code_point).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = after_first;
        }
        self.note(
            start,
            "lone_surrogate",
            "found half of a surrogate pair, which is no character; send both halves, or the character itself in UTF-8",
        );
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn four_digits(&mut self) -> Halting<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let value = digits
            .and_then(|digits| digits.iter().try_fold(0, |sum, byte| Some(sum * 16 + char::from(*byte).to_digit(16)?)));
        let Some(value) = value else {
            return Err(self.halt("syntax", "expected four hexadecimal digits after \\u"));
        };
        self.at += 4;
        Ok(value)
    }

    /// Takes the token of a number, of which the minus or the first digit is next.
    pub(super) fn number_token(&mut self) -> Halting<&'a str> {
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        let whole = self.digits("expected a digit after the minus")?;
        if whole > 1 && self.text.as_bytes()[self.at - whole] == b'0' {
            self.at -= whole - 1;
            return Err(self.halt("syntax", "found a number with a leading zero; leave the zero out"));
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits("expected a digit after the decimal point")?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits("expected a digit in the exponent")?;
        }
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self, expected: &'static str) -> Halting<usize> {
        let bytes = &self.text.as_bytes()[self.at..];
        let count = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
        if count == 0 {
            return Err(self.halt("syntax", expected));
        }
        self.at += count;
        Ok(count)
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes `word`: `null`, `true` or `false`, of which the first letter is next.
    pub(super) fn word(&mut self, word: &'static str) -> Halting<()> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.unexpected("a value"))
    }

    /// A halt at what stands here in place of `expected`.
    #[cold]
    pub(super) fn unexpected(&mut self, expected: &str) -> Halt {
        let found = match self.peek() {
            None => "the text ends here",
            Some(b'\'') => "found a single quote (strings take double quotes)",
            Some(b'/' | b'#') => "found what looks like a comment (JSON has none)",
            Some(b']' | b'}') => "found a closing bracket (is there a comma before it?)",
            Some(b'"') => "found a string (is a comma or colon missing before it?)",
            Some(byte) if byte.is_ascii_alphanumeric() => "found a bare word or number",
            Some(_) => "found another character",
        };
        self.halt("syntax", format!("{found}; expected {expected}"))
    }
}
