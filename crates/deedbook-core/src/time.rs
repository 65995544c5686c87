//! Instants on the wire: RFC 3339 in, UTC with six digits of a second out.

use crate::Timestamp;

const DAY_SECONDS: i64 = 86_400;

/// Microseconds since 1970, rounded down, so that truncation never reorders two instants.
pub(crate) fn microseconds(instant: Timestamp) -> i64 {
    let floor = instant.as_nanosecond().div_euclid(1_000);
    // Cannot be out of range: a timestamp lies within 9,999 years of year 0.
    i64::try_from(floor).unwrap_or(i64::MAX)
}

/// `instant` without anything below a microsecond.
pub(crate) fn truncated(instant: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(microseconds(instant)).unwrap_or(instant)
}

/// Whether RFC 3339 can express it: years 0 to 9999.
pub(crate) fn is_expressible(instant: Timestamp) -> bool {
    instant.as_second() >= -719_528 * DAY_SECONDS
}

/// Appends `2026-09-20T14:03:27.481512Z`: always UTC, always six digits.
pub(crate) fn write(instant: Timestamp, out: &mut Vec<u8>) {
    let microseconds = microseconds(instant);
    let seconds = microseconds.div_euclid(1_000_000);
    let fraction = microseconds.rem_euclid(1_000_000);
    let (year, month, day) = civil(seconds.div_euclid(DAY_SECONDS));
    let second = seconds.rem_euclid(DAY_SECONDS);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    put(&mut text[0..4], year);
    put(&mut text[5..7], month);
    put(&mut text[8..10], day);
    put(&mut text[11..13], second / 3_600);
    put(&mut text[14..16], second / 60 % 60);
    put(&mut text[17..19], second % 60);
    put(&mut text[20..26], fraction);
    out.extend_from_slice(&text);
}

/// The instant of an RFC 3339 text with any offset and at most six digits of a second.
///
/// # Errors
/// What was expected, for people.
pub(crate) fn parse(text: &str) -> Result<Timestamp, &'static str> {
    const SHAPE: &str = "expected a time such as \"2026-09-20T14:03:27.481512Z\" (RFC 3339)";
    let bytes = text.as_bytes();
    let (date_time, rest) = bytes.split_at_checked(19).ok_or(SHAPE)?;
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, byte)| date_time[*at] != *byte) || !matches!(date_time[10], b'T' | b't') {
        return Err(SHAPE);
    }
    let field = |from: usize, to: usize| take(&date_time[from..to]).ok_or(SHAPE);
    let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return Err("the day does not exist in the calendar; expected a date such as 2026-09-20");
    }
    if hour > 23 || minute > 59 || second > 59 {
        return Err(
            "expected hours up to 23, minutes and seconds up to 59 (a leap second is sent as the second after it)",
        );
    }
    let (fraction, rest) = fraction(rest)?;
    let seconds = days(year, month, day) * DAY_SECONDS + hour * 3_600 + minute * 60 + second - offset(rest)?;
    let instant = Timestamp::from_microsecond(seconds * 1_000_000 + fraction);
    instant.ok().filter(|instant| is_expressible(*instant)).ok_or("the time lies outside of the years 0000 to 9999")
}

/// Microseconds of `.481512`, and what follows.
fn fraction(rest: &[u8]) -> Result<(i64, &[u8]), &'static str> {
    let Some(digits) = rest.strip_prefix(b".") else { return Ok((0, rest)) };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=6).contains(&count) {
        return Err(
            "expected one to six digits of a second; times are kept to the microsecond, so cut further digits off",
        );
    }
    let (digits, rest) = digits.split_at(count);
    let scale = 10_i64.pow(6 - count as u32);
    Ok((take(digits).unwrap_or(0) * scale, rest))
}

/// Seconds east of UTC.
fn offset(rest: &[u8]) -> Result<i64, &'static str> {
    const SHAPE: &str = "expected \"Z\" or an offset such as \"+02:00\" at the end of the time";
    match rest {
        [b'Z' | b'z'] => Ok(0),
        [sign @ (b'+' | b'-'), hour @ .., b':', a, b] if hour.len() == 2 => {
            let (hours, minutes) = (take(hour).ok_or(SHAPE)?, take(&[*a, *b]).ok_or(SHAPE)?);
            if hours > 23 || minutes > 59 {
                return Err(SHAPE);
            }
            let seconds = hours * 3_600 + minutes * 60;
            Ok(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => Err(SHAPE),
    }
}

fn take(digits: &[u8]) -> Option<i64> {
    let all_digits = digits.iter().all(u8::is_ascii_digit);
    all_digits.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

fn put(place: &mut [u8], mut number: i64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalised(text: &str) -> Result<String, &'static str> {
        let mut out = Vec::new();
        write(parse(text)?, &mut out);
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn any_offset_becomes_utc_with_six_digits() {
        for (text, expected) in [
            ("2026-09-20T14:03:27.481512Z", "2026-09-20T14:03:27.481512Z"),
            ("2026-09-20t14:03:27z", "2026-09-20T14:03:27.000000Z"),
            ("2026-09-20T14:03:27.5+02:00", "2026-09-20T12:03:27.500000Z"),
            ("2026-12-31T23:30:00-01:30", "2027-01-01T01:00:00.000000Z"),
            ("2024-02-29T00:00:00-00:00", "2024-02-29T00:00:00.000000Z"),
            ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(normalised(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "2026-09-20",
            "2026-09-20 14:03:27Z",
            "2026-09-20T14:03:27",
            "2026-09-20T14:03:27.Z",
            "2026-09-20T14:03:27.1234567Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-09-00T00:00:00Z",
            "2026-09-20T24:00:00Z",
            "2026-09-20T14:03:60Z",
            "2026-09-20T14:03:27+2:00",
            "2026-09-20T14:03:27+24:00",
            "2026-09-20T14:03:27ZZ",
            "+026-09-20T14:03:27Z",
            "2026-09-20T14:03:2ÄZ",
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-23:59",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn agrees_with_jiff() {
        for second in (-62_167_219_200..253_370_000_000_i64).step_by(86_400 * 97 + 12_345) {
            let instant = Timestamp::from_second(second).unwrap();
            let mut out = Vec::new();
            write(instant, &mut out);
            let text = String::from_utf8(out).unwrap();
            assert_eq!(text.parse::<Timestamp>().unwrap(), instant);
            assert_eq!(parse(&text), Ok(instant));
        }
    }

    #[test]
    fn truncation_rounds_down_on_both_sides_of_1970() {
        for (nanosecond, microsecond) in [(1_999, 1), (-1, -1), (-1_000, -1), (-1_001, -2)] {
            let instant = Timestamp::from_nanosecond(nanosecond).unwrap();
            assert_eq!(microseconds(instant), microsecond);
        }
    }
}
