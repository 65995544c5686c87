//! The reader: values, objects and lists, the path to where it stands, and the problems met on the way.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::members::{Members, find, unknown};
use crate::number;
use crate::{Error, Problem, Result};

/// Problems that are listed before the rest is only counted: enough to mend an input, too few to flood an answer.
const PROBLEMS_MAX: usize = 50;

/// Elements of one list of named objects: an event of 256 KiB holds fewer than 20,000 of the smallest.
const LIST_MAX: usize = 20_000;

/// Reading cannot go on; the reason is the last problem noted.
#[derive(Debug)]
pub(crate) struct Halt;

/// The result of reading one thing.
pub(crate) type Halting<T> = std::result::Result<T, Halt>;

/// Reads JSON from front to back.
pub(crate) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    depth: usize,
    depth_max: usize,
    path: Vec<Step<'a>>,
    problems: Vec<Problem>,
    unlisted: usize,
    seen: Location,
    is_stored: bool,
}

enum Step<'a> {
    Member(Cow<'a, str>),
    Index(usize),
}

#[derive(Clone, Copy)]
struct Location {
    at: usize,
    line: usize,
    column: usize,
}

impl<'a> Reader<'a> {
    /// A reader of what a caller claims.
    pub(crate) fn new(bytes: &'a [u8], depth_max: usize) -> Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to()))?;
        Ok(Self {
            text,
            at: 0,
            depth: 0,
            depth_max,
            path: Vec::with_capacity(8),
            problems: Vec::new(),
            unlisted: 0,
            seen: Location { at: 0, line: 1, column: 1 },
            is_stored: false,
        })
    }

    /// A reader of what was accepted before: unknown members are passed over, erased values read as absent.
    pub(crate) fn stored(bytes: &'a [u8], depth_max: usize) -> Result<Self> {
        Ok(Self { is_stored: true, ..Self::new(bytes, depth_max)? })
    }

    /// The value, unless a problem was noted.
    pub(crate) fn finish<T>(mut self, value: Halting<T>) -> Result<T> {
        if self.unlisted > 0 {
            let detail = format!("and {} more problems, which are not listed", self.unlisted);
            self.problems.push(Problem { pointer: String::new(), code: "more_problems".into(), detail });
        }
        match value {
            Ok(value) if self.problems.is_empty() => Ok(value),
            _ => Err(Error::from_problems(self.problems)),
        }
    }

    /// The byte at which the next token starts.
    pub(crate) fn position(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// Makes sure that nothing but white space is left.
    pub(crate) fn end(&mut self) -> Halting<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.halt("trailing_bytes", "found more text after the end of the document; remove it")),
        }
    }

    /// Notes a problem at byte `at` and goes on.
    #[cold]
    pub(crate) fn note(&mut self, at: usize, code: &'static str, detail: impl Into<String>) {
        if self.problems.len() >= PROBLEMS_MAX {
            self.unlisted += 1;
            return;
        }
        let location = self.locate(at);
        let detail = format!("{} (line {}, column {})", detail.into(), location.line, location.column);
        let pointer = self.pointer();
        self.problems.push(Problem { pointer, code: code.into(), detail });
    }

    /// Notes a problem at the place where the reader stands and stops.
    #[cold]
    pub(super) fn halt(&mut self, code: &'static str, detail: impl Into<String>) -> Halt {
        self.note(self.at, code, detail);
        Halt
    }

    /// Notes that the object just read lacks `name`, unless its value was wrong and that has been said.
    #[cold]
    pub(crate) fn missing(&mut self, name: &'static str, expected: &str) {
        if self.problems.len() >= PROBLEMS_MAX {
            self.unlisted += 1;
            return;
        }
        self.path.push(Step::Member(Cow::Borrowed(name)));
        let pointer = self.pointer();
        if !self.is_stored && self.problems.iter().all(|problem| problem.pointer != pointer) {
            self.note(self.at, "missing_member", format!("the member \"{name}\" is required; add {expected}"));
        }
        self.path.pop();
    }

    /// Any value.
    pub(crate) fn value(&mut self) -> Halting<Value> {
        match self.peek() {
            Some(b'"') => Ok(Value::String(self.string()?.into_owned())),
            Some(b'{') => {
                let mut map = Map::new();
                self.object(|reader, key| {
                    let at = reader.at;
                    let value = reader.value()?;
                    if map.insert(key.into_owned(), value).is_some() {
                        reader.note(at, "duplicate_key", DUPLICATE);
                    }
                    Ok(())
                })?;
                Ok(Value::Object(map))
            }
            Some(b'[') => {
                let mut list = Vec::new();
                self.array(|reader, _| {
                    list.push(reader.value()?);
                    Ok(())
                })?;
                Ok(Value::Array(list))
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.word("null").map(|()| Value::Null),
            Some(b't') => self.word("true").map(|()| Value::Bool(true)),
            Some(b'f') => self.word("false").map(|()| Value::Bool(false)),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn number(&mut self) -> Halting<Value> {
        let at = self.at;
        let token = self.number_token()?;
        Ok(number::from_token(token).map_or_else(
            |fault| {
                self.note(at, fault.code(), fault.detail());
                Value::Null
            },
            Value::Number,
        ))
    }

    /// A string; `None` for null and, noted as a problem, for anything else.
    pub(crate) fn text(&mut self) -> Halting<Option<Cow<'a, str>>> {
        match self.peek() {
            Some(b'"') => self.string().map(Some),
            _ => self.other_than("a string"),
        }
    }

    /// A string to keep, as [`Reader::text`].
    pub(crate) fn owned(&mut self) -> Halting<Option<String>> {
        Ok(self.text()?.map(Cow::into_owned))
    }

    /// A whole number from 0 on, as [`Reader::text`].
    pub(crate) fn whole(&mut self) -> Halting<Option<u64>> {
        let Some(b'-' | b'0'..=b'9') = self.peek() else { return self.other_than("a whole number") };
        let at = self.at;
        let value = self.number()?;
        if value.as_u64().is_none() && !value.is_null() {
            self.note(at, "wrong_type", "found a negative number or a fraction; expected a whole number from 0 on");
        }
        Ok(value.as_u64())
    }

    /// True or false, as [`Reader::text`].
    pub(crate) fn flag(&mut self) -> Halting<Option<bool>> {
        match self.peek() {
            Some(b't') => self.word("true").map(|()| Some(true)),
            Some(b'f') => self.word("false").map(|()| Some(false)),
            _ => self.other_than("true or false"),
        }
    }

    /// An object of free members, as [`Reader::text`].
    pub(crate) fn free(&mut self) -> Halting<Option<Map<String, Value>>> {
        match self.peek() {
            Some(b'{') => Ok(match self.value()? {
                Value::Object(map) => Some(map),
                _ => None,
            }),
            _ => self.other_than("an object"),
        }
    }

    /// A list whose elements `item` reads, as [`Reader::text`]; null is no element.
    pub(crate) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Halting<Option<T>>) -> Halting<Option<Vec<T>>> {
        if self.peek() != Some(b'[') {
            return self.other_than("a list");
        }
        let mut list = Vec::new();
        self.array(|reader, index| {
            if reader.peek() == Some(b'n') && !reader.is_stored {
                reader.note(reader.at, "wrong_type", "found null in a list; leave it out");
            }
            let element = item(reader)?;
            if index < LIST_MAX {
                list.extend(element);
            } else if index == LIST_MAX {
                reader.note(reader.at, "too_many", "found more than 20,000 elements; split the event");
            }
            Ok(())
        })?;
        Ok(Some(list))
    }

    /// An object of named members, each read by `each`, as [`Reader::text`].
    pub(crate) fn named<M: Members>(
        &mut self,
        mut each: impl FnMut(&mut Self, M) -> Halting<()>,
    ) -> Halting<Option<()>> {
        if self.peek() != Some(b'{') {
            return self.other_than("an object");
        }
        let mut taken = 0_u32;
        let mut hint = 0;
        self.object(|reader, key| match find::<M>(&key, hint) {
            Some(index) => {
                hint = index + 1;
                if taken & (1 << index) != 0 {
                    reader.note(reader.at, "duplicate_key", DUPLICATE);
                }
                taken |= 1 << index;
                each(reader, M::ALL[index].0)
            }
            None => {
                if !reader.is_stored {
                    let (code, detail) = unknown::<M>(&key);
                    reader.note(reader.at, code, detail);
                }
                reader.value().map(drop)
            }
        })?;
        Ok(Some(()))
    }

    /// Null is `None`; anything else is noted and passed over.
    #[cold]
    fn other_than<T>(&mut self, expected: &str) -> Halting<Option<T>> {
        let at = self.at;
        let found = match self.peek() {
            Some(b'n') => return self.word("null").map(|()| None),
            Some(b'"') => "a string",
            Some(b'{') => "an object",
            Some(b'[') => "a list",
            Some(b't' | b'f') => "true or false",
            _ => "a number",
        };
        self.value()?;
        self.note(at, "wrong_type", format!("found {found}; expected {expected}"));
        Ok(None)
    }

    /// Takes an object, of which the brace is next.
    #[inline]
    fn object(&mut self, mut each: impl FnMut(&mut Self, Cow<'a, str>) -> Halting<()>) -> Halting<()> {
        self.enter()?;
        let mut is_first = true;
        while !(is_first && self.eat(b'}')) {
            is_first = false;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("the name of a member in double quotes"));
            }
            let key = self.string()?;
            if !self.eat(b':') {
                return Err(self.unexpected("a colon after the name of a member"));
            }
            self.path.push(Step::Member(key.clone()));
            each(self, key)?;
            self.path.pop();
            if self.eat(b'}') {
                break;
            }
            if !self.eat(b',') {
                return Err(self.unexpected("a comma or a closing brace"));
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Takes an array, of which the bracket is next.
    fn array(&mut self, mut each: impl FnMut(&mut Self, usize) -> Halting<()>) -> Halting<()> {
        self.enter()?;
        let mut index = 0;
        while !(index == 0 && self.eat(b']')) {
            self.path.push(Step::Index(index));
            each(self, index)?;
            self.path.pop();
            index += 1;
            if self.eat(b']') {
                break;
            }
            if !self.eat(b',') {
                return Err(self.unexpected("a comma or a closing bracket"));
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Takes an opening bracket.
    fn enter(&mut self) -> Halting<()> {
        if self.depth == self.depth_max {
            let detail = format!("objects and lists nest more than {} deep here; flatten the value", self.depth_max);
            return Err(self.halt("too_deep", detail));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.path {
            match step {
                Step::Member(name) => super::push_segment(&mut pointer, name),
                Step::Index(index) => super::push_segment(&mut pointer, &index.to_string()),
            }
        }
        pointer
    }

    /// Line and column of byte `at`, counted on from the last one asked for: problems come mostly in order.
    fn locate(&mut self, at: usize) -> Location {
        let from = if at >= self.seen.at { self.seen } else { Location { at: 0, line: 1, column: 1 } };
        self.seen = advance(from, &self.text.as_bytes()[from.at..at.min(self.text.len())]);
        self.seen
    }
}

const DUPLICATE: &str = "this name occurs twice in one object; keep one of the two";

fn advance(from: Location, bytes: &[u8]) -> Location {
    let is_start = |byte: &&u8| **byte & 0xc0 != 0x80;
    let newlines = bytes.iter().filter(|byte| **byte == b'\n').count();
    let column = match bytes.iter().rposition(|byte| *byte == b'\n') {
        Some(newline) => 1 + bytes[newline + 1..].iter().filter(is_start).count(),
        None => from.column + bytes.iter().filter(is_start).count(),
    };
    Location { at: from.at + bytes.len(), line: from.line + newlines, column }
}

#[cold]
fn not_utf8(bytes: &[u8], valid_up_to: usize) -> Error {
    let location = advance(Location { at: 0, line: 1, column: 1 }, &bytes[..valid_up_to]);
    let detail = format!(
        "found bytes that are not UTF-8; encode the text as UTF-8 (line {}, column {})",
        location.line, location.column
    );
    Error::invalid("", "invalid_utf8", detail)
}
