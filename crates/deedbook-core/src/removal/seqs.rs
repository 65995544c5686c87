//! Numbers of entries as text: `0-4,7,9-12`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::{Error, Result};

/// A set of the numbers (`seq`) of a tenant's entries: rising ranges that neither touch nor overlap.
///
/// Its text is the ranges in order, joined by commas; a range of one number is that number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seqs(Vec<RangeInclusive<u64>>);

impl Seqs {
    /// The ranges, rising.
    pub fn ranges(&self) -> &[RangeInclusive<u64>] {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|range| (range.end() - range.start()).saturating_add(1)).fold(0, u64::saturating_add)
    }

    /// Whether `seq` is among them.
    pub fn contains(&self, seq: u64) -> bool {
        let after = self.0.partition_point(|range| *range.start() <= seq);
        after.checked_sub(1).is_some_and(|at| seq <= *self.0[at].end())
    }

    /// Adds a number; cheapest in rising order.
    pub fn insert(&mut self, seq: u64) {
        self.insert_range(seq..=seq);
    }

    /// Adds a range; an empty one adds nothing.
    pub fn insert_range(&mut self, range: RangeInclusive<u64>) {
        let (mut start, mut end) = range.into_inner();
        if start > end {
            return;
        }
        // Those that touch the new range become one with it.
        let first = self.0.partition_point(|other| other.end().saturating_add(1) < start);
        let last = first + self.0[first..].partition_point(|other| *other.start() <= end.saturating_add(1));
        if let (Some(lowest), Some(highest)) = (self.0[first..last].first(), self.0[first..last].last()) {
            start = start.min(*lowest.start());
            end = end.max(*highest.end());
        }
        self.0.splice(first..last, [start..=end]);
    }

    /// Adds all of `others`.
    pub fn extend(&mut self, others: &Self) {
        others.0.iter().for_each(|range| self.insert_range(range.clone()));
    }

    /// Those that are not among `others`.
    pub fn without(&self, others: &Self) -> Self {
        let mut rest = Vec::new();
        for range in &self.0 {
            let mut start = Some(*range.start());
            let from = others.0.partition_point(|other| other.end() < range.start());
            for other in others.0[from..].iter().take_while(|other| other.start() <= range.end()) {
                if let Some(begin) = start.filter(|begin| begin < other.start()) {
                    rest.push(begin..=other.start() - 1);
                }
                start = other.end().checked_add(1);
            }
            rest.extend(start.filter(|begin| begin <= range.end()).map(|begin| begin..=*range.end()));
        }
        Self(rest)
    }

    /// The same numbers in sets whose text has at most so many bytes each, but for a range that is longer alone.
    pub fn pieces(&self, text_bytes_max: usize) -> Vec<Self> {
        let mut pieces: Vec<Self> = Vec::new();
        let mut bytes = usize::MAX;
        for range in &self.0 {
            let its_bytes = text_of(range).len() + 1;
            if bytes.saturating_add(its_bytes) > text_bytes_max {
                pieces.push(Self::default());
                bytes = 0;
            }
            bytes += its_bytes;
            pieces.last_mut().expect("a piece was just begun").0.push(range.clone());
        }
        pieces
    }
}

impl FromIterator<u64> for Seqs {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut seqs = Self::default();
        numbers.into_iter().for_each(|seq| seqs.insert(seq));
        seqs
    }
}

fn text_of(range: &RangeInclusive<u64>) -> String {
    match range.clone().into_inner() {
        (start, end) if start == end => start.to_string(),
        (start, end) => format!("{start}-{end}"),
    }
}

impl fmt::Display for Seqs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator}{}", text_of(range))?;
        }
        Ok(())
    }
}

impl FromStr for Seqs {
    type Err = Error;

    /// Reads what [`Display`](fmt::Display) writes, and nothing else.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with `bad_seqs`.
    fn from_str(text: &str) -> Result<Self> {
        let mut seqs = Self::default();
        for part in text.split(',').filter(|_| !text.is_empty()) {
            let (start, end) = part.split_once('-').unwrap_or((part, part));
            let range = number(start)?..=number(end)?;
            if range.is_empty() || seqs.0.last().is_some_and(|last| last.end().saturating_add(1) >= *range.start()) {
                return Err(bad(text));
            }
            seqs.0.push(range);
        }
        if seqs.to_string() == text { Ok(seqs) } else { Err(bad(text)) }
    }
}

fn number(digits: &str) -> Result<u64> {
    digits.parse().map_err(|_| bad(digits))
}

fn bad(text: &str) -> Error {
    let shown: String = text.chars().take(60).collect();
    let detail = format!("expected rising numbers and ranges of them such as \"0-4,7,9-12\", found {shown:?}");
    Error::invalid("/seqs", "bad_seqs", detail)
}
