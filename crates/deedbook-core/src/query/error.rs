//! Where a text is not a query, and why.

use std::fmt;

use crate::Error;

/// Where the text of a query breaks the grammar, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Byte offset into the text, on the boundary of a character; the length of the text at its end.
    pub offset: usize,
    /// The same place counted in characters from 1, as the message gives it.
    pub position: usize,
    /// What was expected and found, such as `expected a value after "action:"`.
    pub message: String,
}

impl ParseError {
    pub(super) fn new(text: &str, offset: usize, message: impl Into<String>) -> Self {
        Self { offset, position: text[..offset].chars().count() + 1, message: message.into() }
    }
}

impl fmt::Display for ParseError {
    /// `at 8: expected a value after "action:"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}: {}", self.position, self.message)
    }
}

impl std::error::Error for ParseError {}

impl From<ParseError> for Error {
    /// One problem with the code `query_syntax` and an empty pointer, whose detail begins with the position.
    fn from(error: ParseError) -> Self {
        Self::invalid("", "query_syntax", error.to_string())
    }
}
