//! The text of a query, character by character: words, quoted values, keywords, paths.

use super::error::ParseError;

/// A place in the text, moving forward.
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// Without quotes, escapes and the star of a prefix.
    pub(super) text: String,
    pub(super) is_quoted: bool,
    /// A star followed.
    pub(super) is_prefix: bool,
}

/// Where a value stands, which decides what ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Up to a space or parenthesis.
    Alone,
    /// Up to a comma, too.
    List,
}

/// What stands between the colon and the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    AtLeast,
    AtMost,
    Greater,
    Less,
}

impl Operator {
    /// Longer ones first, as they are tried.
    pub(super) const ORDERED: [Self; 4] = [Self::AtLeast, Self::AtMost, Self::Greater, Self::Less];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "",
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::Less => "<",
        }
    }

    pub(super) fn is_ordered(self) -> bool {
        self != Self::Equal
    }
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Back to an offset where the scanner was, or one in an ASCII word that it passed.
    pub(super) fn rewind(&mut self, offset: usize) {
        self.at = offset;
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn eat(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        self.at += if is_next { wanted.len_utf8() } else { 0 };
        is_next
    }

    pub(super) fn skip_space(&mut self) {
        self.take_while(char::is_whitespace);
    }

    pub(super) fn at_keyword(&self, keyword: &str) -> bool {
        let after = self.rest().strip_prefix(keyword).map(|rest| rest.chars().next());
        after.is_some_and(|next| next.is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"')))
    }

    pub(super) fn eat_keyword(&mut self, keyword: &str) -> bool {
        let is_next = self.at_keyword(keyword);
        self.at += if is_next { keyword.len() } else { 0 };
        is_next
    }

    /// What may be the name of a field: up to a colon, quote, parenthesis or space.
    pub(super) fn head(&mut self) -> &'t str {
        self.take_while(|c| !c.is_whitespace() && !matches!(c, ':' | '"' | '(' | ')'))
    }

    pub(super) fn operator(&mut self) -> Operator {
        let found = Operator::ORDERED.into_iter().find(|operator| self.rest().starts_with(operator.as_str()));
        let operator = found.unwrap_or(Operator::Equal);
        self.at += operator.as_str().len();
        operator
    }

    /// Names of `metadata`, outermost first: plain or quoted, with dots between them.
    pub(super) fn path(&mut self) -> Result<Vec<String>, ParseError> {
        let mut path = Vec::new();
        loop {
            path.push(if self.peek() == Some('"') { self.quoted()? } else { self.plain_name()? });
            if !self.eat('.') {
                return Ok(path);
            }
        }
    }

    fn plain_name(&mut self) -> Result<String, ParseError> {
        match self.take_while(|c| !c.is_whitespace() && !matches!(c, ':' | '"' | '(' | ')' | '.')) {
            "" => Err(self.fail("expected a name in the path of meta")),
            name => Ok(name.to_owned()),
        }
    }

    /// A word or quoted text, with the star of a prefix. `expected` describes it where it is missing.
    pub(super) fn value(&mut self, place: Place, expected: &str) -> Result<Value, ParseError> {
        let value = if self.peek() == Some('"') {
            let text = self.quoted()?;
            Value { text, is_quoted: true, is_prefix: self.eat('*') }
        } else {
            self.bare(place, expected)?
        };
        self.expect_boundary(place)?;
        Ok(value)
    }

    fn bare(&mut self, place: Place, expected: &str) -> Result<Value, ParseError> {
        let start = self.at;
        let is_part = |c: char| !c.is_whitespace() && !matches!(c, '(' | ')' | '"');
        let written = self.take_while(|c| is_part(c) && (c != ',' || place == Place::Alone));
        if written.is_empty() {
            return Err(self.fail(format!("expected {expected}")));
        }
        let text = written.strip_suffix('*').unwrap_or(written);
        match text.find('*') {
            Some(star) => Err(self.fail_at(start + star, STAR_WITHIN)),
            None => Ok(Value { text: text.to_owned(), is_quoted: false, is_prefix: text.len() < written.len() }),
        }
    }

    fn quoted(&mut self) -> Result<String, ParseError> {
        let start = self.at;
        self.eat('"');
        let mut text = String::new();
        loop {
            text.push_str(self.take_while(|c| c != '"' && c != '\\'));
            if self.eat('"') {
                return Ok(text);
            }
            if !self.eat('\\') {
                return Err(self.fail_at(start, "expected a closing quote, found the end of the query"));
            }
            match self.peek() {
                Some(c @ ('"' | '\\')) => text.push(c),
                _ => return Err(self.fail("expected \"\\\\\" or a quote after \"\\\" in quotes")),
            }
            self.at += 1;
        }
    }

    /// What follows a value must end it.
    pub(super) fn expect_boundary(&self, place: Place) -> Result<(), ParseError> {
        match self.peek() {
            None | Some(')') => Ok(()),
            Some(',') if place == Place::List => Ok(()),
            Some(c) if c.is_whitespace() => Ok(()),
            Some(c) => Err(self.refuse(format!("expected a space, found {c:?}; put text that contains it in quotes"))),
        }
    }

    /// An error at this place, to which is added what was found there.
    pub(super) fn fail(&self, expected: impl Into<String>) -> ParseError {
        let found = self.peek().map_or("the end of the query".to_owned(), |c| format!("{c:?}"));
        self.refuse(format!("{}, found {found}", expected.into()))
    }

    /// An error at this place, whose message is complete.
    pub(super) fn refuse(&self, message: impl Into<String>) -> ParseError {
        self.fail_at(self.at, message)
    }

    /// An error at another place, whose message is complete.
    pub(super) fn fail_at(&self, offset: usize, message: impl Into<String>) -> ParseError {
        ParseError::new(self.text, offset, message)
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }
}

const STAR_WITHIN: &str = "\"*\" stands only at the end of a value; quote the value to mean the character";
