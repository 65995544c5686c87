//! Times in the text of a query. A written time names the whole unit to which it is written.
//!
//! `2026`, `2026-09`, `2026-09-20`, `2026-09-20T14:03`, `…:27` and `…:27.481` name a year, a month, a day, a minute, a
//! second and a millisecond; `today` and `yesterday` name days. With six digits of a second (more are cut off) it is one
//! microsecond, the unit of the log. A clock time without `Z` or an offset is in the zone of the options, as are years,
//! months and days. `now` and `-7d`, `-24h`, `-15m`, `-30s`, `-2w` name an instant; days and weeks back are those of the
//! calendar: the same clock time in the zone.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use super::{Bounds, ParseOptions};

/// What a time written in a query names: `from` ≤ t < `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NamedTime {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    pub(super) kind: NamedKind,
}

/// Whether a written time is meaningful on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedKind {
    /// A unit of the calendar or clock: events happen in it.
    Unit,
    /// `now`, `-7d`: only a bound of something.
    Instant,
}

/// The expectation that a malformed time misses.
pub(super) const EXPECTED: &str =
    "a time such as 2026, 2026-09, 2026-09-20, 2026-09-20T14:03Z, today, yesterday, now, -7d, -24h or -15m";

impl NamedTime {
    /// What `text` names, or `None` where it is no time or out of the years 1 to 9998.
    pub(super) fn parse(text: &str, options: &ParseOptions) -> Option<Self> {
        let now = Timestamp::from_microsecond(options.now.as_microsecond()).ok()?;
        let named = match text {
            "now" => Self::instant(now),
            "today" => Self::day(now.to_zoned(options.time_zone.clone()).date(), &options.time_zone),
            "yesterday" => {
                Self::day(now.to_zoned(options.time_zone.clone()).date().yesterday().ok()?, &options.time_zone)
            }
            _ => match text.strip_prefix('-') {
                Some(back) => Self::instant(before(now, back, &options.time_zone)?),
                None => Self::absolute(text, &options.time_zone),
            },
        }?;
        let earliest: Timestamp = "0001-01-01T00:00:00Z".parse().ok()?;
        (named.from >= earliest).then_some(named)
    }

    /// Everything in what this names.
    pub(super) fn bounds(self) -> Bounds<Timestamp> {
        Bounds { from: Some(self.from), until: Some(self.until) }
    }

    fn instant(at: Timestamp) -> Option<Self> {
        Some(Self { from: at, until: at.checked_add(1.microsecond()).ok()?, kind: NamedKind::Instant })
    }

    fn day(date: Date, zone: &TimeZone) -> Option<Self> {
        Self::calendar(date, 1.day(), zone)
    }

    fn calendar(first: Date, length: Span, zone: &TimeZone) -> Option<Self> {
        let midnight = |date: Date| Some(date.to_zoned(zone.clone()).ok()?.timestamp());
        let until = midnight(first.checked_add(length).ok()?)?;
        Some(Self { from: midnight(first)?, until, kind: NamedKind::Unit })
    }

    fn absolute(text: &str, zone: &TimeZone) -> Option<Self> {
        if !text.is_ascii() {
            return None;
        }
        match text.len() {
            4 => Self::calendar(date(&format!("{text}-01-01"))?, 1.year(), zone),
            7 => Self::calendar(date(&format!("{text}-01"))?, 1.month(), zone),
            10 => Self::day(date(text)?, zone),
            16.. => Self::clock(text, zone),
            _ => None,
        }
    }

    /// `2026-09-20T14:03:27.481+02:00`, seconds, fraction and offset being optional.
    fn clock(text: &str, zone: &TimeZone) -> Option<Self> {
        let date = date(&text[..10])?;
        let rest = text[10..].strip_prefix(['T', 't', ' '])?;
        let (clock, offset) = rest.split_at(rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len()));
        let (clock, length) = whole_clock(clock)?;
        let civil: DateTime = format!("{date}T{clock}").parse().ok()?;
        let from = match offset {
            "" => civil.to_zoned(zone.clone()).ok()?.timestamp(),
            _ => format!("{date}T{clock}{offset}").parse().ok()?,
        };
        Some(Self { from, until: from.checked_add(length).ok()?, kind: NamedKind::Unit })
    }
}

/// Of the forms that a date library takes, only `YYYY-MM-DD`.
fn date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    let plain = bytes.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    (bytes.len() == 10 && plain).then(|| text.parse().ok())?
}

/// A clock time with its seconds and at most six digits of fraction, and the length of the unit it names.
fn whole_clock(text: &str) -> Option<(String, Span)> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let shaped =
        clock.bytes().enumerate().all(|(at, byte)| if at % 3 == 2 { byte == b':' } else { byte.is_ascii_digit() });
    if !shaped || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.len().min(6);
    match (clock.len(), fraction.len(), text.len() - clock.len()) {
        (5, 0, 0) => Some((format!("{clock}:00"), 1.minute())),
        (8, 0, 0) => Some((clock.to_owned(), 1.second())),
        (8, 1..=9, _) => {
            let length = 10_i64.pow(6 - digits as u32).microseconds();
            Some((format!("{clock}.{}", &fraction[..digits]), length))
        }
        _ => None,
    }
}

/// `7d` before `now`.
fn before(now: Timestamp, text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let unit = text.chars().next_back()?;
    let digits = text.strip_suffix(unit)?;
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: i64 = digits.parse().ok()?;
    let span = match unit {
        's' => count.seconds(),
        'm' => count.minutes(),
        'h' => count.hours(),
        'd' => count.days(),
        'w' => count.weeks(),
        _ => return None,
    };
    Some(now.to_zoned(zone.clone()).checked_sub(span).ok()?.timestamp())
}
