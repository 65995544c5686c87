//! How old an entry may become: a number of hours, days, weeks, months or years of the calendar, in UTC.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

/// A time such as `90d`; at least one of its unit, at most a thousand years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    count: u32,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Hours,
    Days,
    Weeks,
    Months,
    Years,
}

impl Unit {
    const ALL: [Self; 5] = [Self::Hours, Self::Days, Self::Weeks, Self::Months, Self::Years];

    fn letter(self) -> char {
        match self {
            Self::Hours => 'h',
            Self::Days => 'd',
            Self::Weeks => 'w',
            Self::Months => 'm',
            Self::Years => 'y',
        }
    }

    /// A thousand years.
    fn count_max(self) -> u32 {
        match self {
            Self::Hours => 8_766_000,
            Self::Days => 365_250,
            Self::Weeks => 52_178,
            Self::Months => 12_000,
            Self::Years => 1_000,
        }
    }

    fn span(self, count: i64) -> Span {
        match self {
            Self::Hours => count.hours(),
            Self::Days => count.days(),
            Self::Weeks => count.weeks(),
            Self::Months => count.months(),
            Self::Years => count.years(),
        }
    }
}

impl Age {
    /// So many days, at least one.
    pub(super) const fn days(count: u32) -> Self {
        Self { count, unit: Unit::Days }
    }

    /// What `90d`, `12h`, `2w`, `6m` or `7y` says; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let letter = text.chars().next_back()?;
        let unit = Unit::ALL.into_iter().find(|unit| unit.letter() == letter)?;
        let digits = text.strip_suffix(letter)?;
        if digits.starts_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let count: u32 = digits.parse().ok()?;
        (1..=unit.count_max()).contains(&count).then_some(Self { count, unit })
    }

    /// The instant that lies this long before `now`, by the calendar of UTC; `None` where the calendar has none.
    pub fn before(self, now: Timestamp) -> Option<Timestamp> {
        let then = now.to_zoned(TimeZone::UTC).checked_sub(self.unit.span(i64::from(self.count)));
        Some(then.ok()?.timestamp())
    }

    /// The instant that lies this long after `at`, by the calendar of UTC; `None` where the calendar has none.
    pub fn after(self, at: Timestamp) -> Option<Timestamp> {
        let then = at.to_zoned(TimeZone::UTC).checked_add(self.unit.span(i64::from(self.count)));
        Some(then.ok()?.timestamp())
    }
}

impl fmt::Display for Age {
    /// What [`Age::parse`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, self.unit.letter())
    }
}
