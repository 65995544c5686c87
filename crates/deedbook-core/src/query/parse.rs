//! Text → [`Query`]: recursive descent over a scanner, and errors that say where and what was expected.
//!
//! `AND` binds closer than `OR`; neighbours are joined by `AND`; the three operators are capitals. A query holds at most
//! [`QUERY_BYTES_MAX`] bytes and nests at most [`QUERY_DEPTH_MAX`] deep, so that neither parsing nor matching can
//! exhaust the stack. What `docs/query.md` tells people is decided here.

use jiff::Timestamp;

use super::error::ParseError;
use super::fields::{self, FieldName};
use super::scanner::{Operator, Place, Scanner, Value};
use super::{Condition, Expression, HasField, LastWord, Query, WordsTest, words};
use crate::Result;

/// Bytes of the longest query: a list of some two hundred ids.
pub const QUERY_BYTES_MAX: usize = 8 * 1024;

/// How deep parentheses and negations nest.
pub const QUERY_DEPTH_MAX: usize = 64;

/// What the meaning of relative times depends on.
#[derive(Clone, Debug)]
pub struct ParseOptions {
    /// The instant that `today` and `-7d` are relative to.
    pub now: Timestamp,
    /// The zone in which days begin.
    pub time_zone: jiff::tz::TimeZone,
}

impl ParseOptions {
    /// Days of UTC, relative to `now`.
    pub fn utc(now: Timestamp) -> Self {
        Self { now, time_zone: jiff::tz::TimeZone::UTC }
    }
}

impl Query {
    /// Parses the text of a query; the empty text matches every entry. Relative times are resolved now.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] with one problem: code `query_syntax`, pointer empty, and a detail that begins with
    /// `at N: `, N counting characters from 1. [`Query::parse_located`] gives the place to programs.
    pub fn parse(text: &str, options: &ParseOptions) -> Result<Self> {
        Ok(Self::parse_located(text, options)?)
    }

    /// As [`Query::parse`], with the place of an error for programs that underline it.
    ///
    /// # Errors
    /// [`ParseError`] where the text breaks the grammar.
    pub fn parse_located(text: &str, options: &ParseOptions) -> Result<Self, ParseError> {
        if text.len() > QUERY_BYTES_MAX {
            let message = format!("the query has {} bytes, at most {QUERY_BYTES_MAX} are allowed", text.len());
            return Err(ParseError::new(text, 0, message));
        }
        let mut parser = Parser { scanner: Scanner::new(text), options, depth: 0 };
        let expression = parser.either()?;
        match parser.scanner.peek() {
            None => Ok(Self { expression }),
            Some(_) => Err(parser.scanner.refuse("found \")\" without a \"(\" before it")),
        }
    }
}

type Parsed<T> = Result<T, ParseError>;

struct Parser<'t> {
    scanner: Scanner<'t>,
    options: &'t ParseOptions,
    depth: usize,
}

impl Parser<'_> {
    /// `and { "OR" and }`, or nothing.
    fn either(&mut self) -> Parsed<Expression> {
        let first = self.all()?;
        if first.is_empty() && self.scanner.at_keyword("OR") {
            return Err(self.scanner.fail("expected a term before \"OR\""));
        }
        let mut branches = vec![Expression::all_of(first)];
        while self.scanner.eat_keyword("OR") {
            let branch = self.all()?;
            if branch.is_empty() {
                return Err(self.scanner.fail("expected a term after \"OR\""));
            }
            branches.push(Expression::all_of(branch));
        }
        Ok(Expression::any_of(branches))
    }

    /// `term { [ "AND" ] term }`, or nothing.
    fn all(&mut self) -> Parsed<Vec<Expression>> {
        let mut terms = Vec::new();
        loop {
            self.scanner.skip_space();
            if self.scanner.at_keyword("AND") {
                if terms.is_empty() {
                    return Err(self.scanner.fail("expected a term before \"AND\""));
                }
                self.scanner.eat_keyword("AND");
                self.expect_term("AND")?;
            } else if self.at_term_end() {
                return Ok(terms);
            }
            terms.push(self.term()?);
        }
    }

    fn at_term_end(&self) -> bool {
        matches!(self.scanner.peek(), None | Some(')')) || self.scanner.at_keyword("OR")
    }

    fn expect_term(&mut self, after: &str) -> Parsed<()> {
        self.scanner.skip_space();
        if self.at_term_end() || self.scanner.at_keyword("AND") {
            return Err(self.scanner.fail(format!("expected a term after \"{after}\"")));
        }
        Ok(())
    }

    fn term(&mut self) -> Parsed<Expression> {
        if self.depth == QUERY_DEPTH_MAX {
            let message = format!("parentheses and negations nest more than {QUERY_DEPTH_MAX} deep");
            return Err(self.scanner.refuse(message));
        }
        self.depth += 1;
        let term = self.term_within()?;
        self.depth -= 1;
        Ok(term)
    }

    fn term_within(&mut self) -> Parsed<Expression> {
        if self.scanner.eat_keyword("NOT") {
            self.expect_term("NOT")?;
            return Ok(self.term()?.negated());
        }
        match self.scanner.peek() {
            Some('-') => self.negation(),
            Some('(') => self.group(),
            Some('"') => {
                let at = self.scanner.offset();
                let value = self.scanner.value(Place::Alone, "a phrase")?;
                self.words(at, &value)
            }
            _ => self.word_or_field(),
        }
    }

    fn negation(&mut self) -> Parsed<Expression> {
        self.scanner.eat('-');
        match self.scanner.peek() {
            Some(c) if !c.is_whitespace() && c != ')' => Ok(self.term()?.negated()),
            _ => Err(self.scanner.fail("expected a term directly after \"-\"")),
        }
    }

    fn group(&mut self) -> Parsed<Expression> {
        let opened_at = self.scanner.offset();
        self.scanner.eat('(');
        let expression = self.either()?;
        if self.scanner.eat(')') {
            return Ok(expression);
        }
        let opened = ParseError::new(self.scanner.text(), opened_at, "").position;
        Err(self.scanner.fail(format!("expected \")\" to close the \"(\" at {opened}")))
    }

    fn word_or_field(&mut self) -> Parsed<Expression> {
        let at = self.scanner.offset();
        let head = self.scanner.head();
        let next = self.scanner.peek();
        if head == "meta" && next == Some(':') {
            return Err(self.scanner.fail("expected a path: meta.<name>:value"));
        }
        if head.starts_with("meta.") && matches!(next, Some(':' | '"')) {
            self.scanner.rewind(at + "meta.".len());
            return self.meta();
        }
        match next {
            Some(':') if head.is_empty() => Err(self.scanner.fail("expected a field before \":\"")),
            Some(':') => self.field(at, head),
            _ => {
                self.scanner.rewind(at);
                let value = self.scanner.value(Place::Alone, "a term")?;
                self.words(at, &value)
            }
        }
    }

    fn words(&mut self, at: usize, value: &Value) -> Parsed<Expression> {
        let mut found = Vec::new();
        words(&value.text, &mut |word| found.push(word.to_owned()));
        if found.is_empty() {
            return Err(self
                .scanner
                .fail_at(at, format!("expected a word, found {:?} without a letter or digit", value.text)));
        }
        let last = if value.is_prefix { LastWord::Prefix } else { LastWord::Whole };
        Ok(Expression::Is(Condition::Words(WordsTest { words: found, last })))
    }

    fn field(&mut self, at: usize, name: &str) -> Parsed<Expression> {
        if name == "has" {
            self.scanner.eat(':');
            return self.has();
        }
        let Some(field) = FieldName::from_name(name) else {
            let hint = "; put text that contains a colon in quotes";
            return Err(self.scanner.fail_at(at, unknown_field(name, fields::names()) + hint));
        };
        self.scanner.eat(':');
        let options = self.options;
        self.values(name, &mut |operator, value| field.condition(operator, value, options))
    }

    fn meta(&mut self) -> Parsed<Expression> {
        let path = self.scanner.path()?;
        if !self.scanner.eat(':') {
            return Err(self.scanner.fail("expected \":\" after the path of meta"));
        }
        self.values("meta.<path>", &mut |operator, value| super::values::meta(&path, operator, value))
    }

    fn has(&mut self) -> Parsed<Expression> {
        let at = self.scanner.offset();
        let name = self.scanner.head();
        let field = if name.starts_with("meta.") {
            self.scanner.rewind(at + "meta.".len());
            HasField::Meta(self.scanner.path()?)
        } else if name.is_empty() {
            return Err(self.scanner.fail("expected a field after \"has:\""));
        } else if let Some(field) = HasField::from_name(name) {
            field
        } else if matches!(name, "seq" | "recorded") {
            return Err(self.scanner.fail_at(at, format!("every entry has {name:?}")));
        } else {
            return Err(self.scanner.fail_at(at, unknown_field(name, fields::has_names())));
        };
        self.scanner.expect_boundary(Place::Alone)?;
        Ok(Expression::Is(Condition::Has(field)))
    }

    /// `[op] value` or `(a,b,c)`, each value made a condition.
    fn values(
        &mut self,
        name: &str,
        condition: &mut dyn FnMut(Operator, &Value) -> Result<Condition, String>,
    ) -> Parsed<Expression> {
        let at = self.scanner.offset();
        let operator = self.scanner.operator();
        if self.scanner.peek() == Some('(') {
            return match operator {
                Operator::Equal => self.list(condition),
                _ => Err(self.scanner.fail("expected one value: a list has no order")),
            };
        }
        let expected = format!("a value after \"{name}:{}\"", operator.as_str());
        let value = self.scanner.value(Place::Alone, &expected)?;
        condition(operator, &value).map(Expression::Is).map_err(|message| self.scanner.fail_at(at, message))
    }

    fn list(&mut self, condition: &mut dyn FnMut(Operator, &Value) -> Result<Condition, String>) -> Parsed<Expression> {
        self.scanner.eat('(');
        let mut choices = Vec::new();
        loop {
            self.scanner.skip_space();
            let at = self.scanner.offset();
            let value = self.scanner.value(Place::List, "a value in the list")?;
            let choice = condition(Operator::Equal, &value).map_err(|message| self.scanner.fail_at(at, message))?;
            choices.push(Expression::Is(choice));
            self.scanner.skip_space();
            if self.scanner.eat(')') {
                return Ok(Expression::any_of(choices));
            }
            if !self.scanner.eat(',') {
                return Err(self.scanner.fail("expected \",\" or \")\" in the list"));
            }
        }
    }
}

fn unknown_field(name: &str, known: impl Iterator<Item = &'static str> + Clone) -> String {
    match fields::nearest(name, known.clone()) {
        Some(near) => format!("unknown field {name:?}, did you mean {near:?}?"),
        None => format!("unknown field {name:?}, expected one of {}", known.collect::<Vec<_>>().join(", ")),
    }
}

impl Expression {
    /// All of `terms`, without needless nesting.
    pub(super) fn all_of(terms: Vec<Self>) -> Self {
        let flat = terms.into_iter().flat_map(|term| match term {
            Self::And(inner) => inner,
            other => vec![other],
        });
        sole(flat.collect()).unwrap_or_else(Self::And)
    }

    /// One of `branches`, without needless nesting.
    pub(super) fn any_of(branches: Vec<Self>) -> Self {
        let flat = branches.into_iter().flat_map(|branch| match branch {
            Self::Or(inner) => inner,
            other => vec![other],
        });
        sole(flat.collect()).unwrap_or_else(Self::Or)
    }

    pub(super) fn negated(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }
}

fn sole(mut list: Vec<Expression>) -> Result<Expression, Vec<Expression>> {
    match list.pop() {
        Some(only) if list.is_empty() => Ok(only),
        Some(last) => {
            list.push(last);
            Err(list)
        }
        None => Err(list),
    }
}
