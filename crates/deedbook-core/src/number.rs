//! Numbers: which ones canonical bytes can hold, and how they are written there (RFC 8785, section 3.2.2.3).
//!
//! Readers of JSON disagree about numbers that a double cannot hold. A log must not, so they are refused at the door.

use std::fmt::Write;

use serde_json::Number;

/// The largest integer that every reader of JSON holds exactly: 2^53 − 1. From there on all doubles are integers, so
/// it bounds every number, however it is spelled.
pub(crate) const INTEGER_MAX: i64 = (1 << 53) - 1;

/// Why a number is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberFault {
    /// Its magnitude is over [`INTEGER_MAX`].
    OutOfRange,
    /// Its decimal value is not that of the shortest form of the nearest double.
    NotExact,
}

impl NumberFault {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::OutOfRange => "number_out_of_range",
            Self::NotExact => "number_not_exact",
        }
    }

    pub(crate) fn detail(self) -> &'static str {
        match self {
            Self::OutOfRange => {
                "found a number beyond ±9007199254740991 (2^53 − 1), which readers of JSON do not hold exactly; send it as a string"
            }
            Self::NotExact => {
                "found a number with more digits than a double holds; round it to 15 significant digits, or send it as a string"
            }
        }
    }
}

/// The number that a JSON token stands for; −0 becomes 0 and 1.0 becomes 1. Judges the token, not its double.
pub(crate) fn from_token(token: &str) -> Result<Number, NumberFault> {
    if let Some(integer) = short_integer(token) {
        return Ok(integer.into());
    }
    let double: f64 = token.parse().map_err(|_| NumberFault::NotExact)?;
    if double.abs() > INTEGER_MAX as f64 {
        return Err(NumberFault::OutOfRange);
    }
    if !same_decimal(token, double) {
        return Err(NumberFault::NotExact);
    }
    Ok(from_double(double))
}

/// Brings a number of a typed value to the form that [`from_token`] gives it.
pub(crate) fn settle(number: &mut Number) -> Result<(), NumberFault> {
    if let Some(integer) = number.as_i64() {
        return in_range(integer.unsigned_abs());
    }
    if let Some(integer) = number.as_u64() {
        return in_range(integer);
    }
    let double = number.as_f64().unwrap_or(f64::INFINITY);
    if !double.is_finite() || double.abs() > INTEGER_MAX as f64 {
        return Err(NumberFault::OutOfRange);
    }
    *number = from_double(double);
    Ok(())
}

/// Appends `number` as ECMAScript writes it.
pub(crate) fn write(number: &Number, out: &mut Vec<u8>) {
    match number.as_i64() {
        Some(integer) if integer.unsigned_abs() <= INTEGER_MAX as u64 => write_integer(integer, out),
        _ => write_double(number.as_f64().unwrap_or(0.0), out),
    }
}

/// Appends `integer` in decimal.
pub(crate) fn write_integer(integer: i64, out: &mut Vec<u8>) {
    if integer < 0 {
        out.push(b'-');
    }
    let mut buffer = [0; 20];
    let mut start = buffer.len();
    let mut rest = integer.unsigned_abs();
    loop {
        start -= 1;
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&buffer[start..]);
}

/// Appends a finite double as `Number.prototype.toString` of ECMAScript does.
fn write_double(double: f64, out: &mut Vec<u8>) {
    if double == 0.0 {
        return out.push(b'0');
    }
    if double < 0.0 {
        out.push(b'-');
    }
    let shortest = Shortest::of(double.abs());
    let digits = shortest.digits();
    let count = digits.len() as i32;
    // The value is 0.DIGITS × 10^point.
    let point = shortest.exponent + 1;
    if count <= point && point <= 21 {
        out.extend_from_slice(digits);
        out.extend(std::iter::repeat_n(b'0', (point - count) as usize));
    } else if 0 < point && point <= 21 {
        let (whole, fraction) = digits.split_at(point as usize);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    } else if -6 < point && point <= 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', -point as usize));
        out.extend_from_slice(digits);
    } else {
        out.push(digits[0]);
        if count > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.push(b'e');
        out.push(if shortest.exponent < 0 { b'-' } else { b'+' });
        write_integer(i64::from(shortest.exponent.abs()), out);
    }
}

fn in_range(magnitude: u64) -> Result<(), NumberFault> {
    if magnitude <= INTEGER_MAX as u64 { Ok(()) } else { Err(NumberFault::OutOfRange) }
}

fn from_double(double: f64) -> Number {
    if double.fract() == 0.0 {
        return (double as i64).into();
    }
    Number::from_f64(double).unwrap_or_else(|| 0.into())
}

/// An integer of so few digits that no rule can be broken.
fn short_integer(token: &str) -> Option<i64> {
    let digits = token.strip_prefix('-').unwrap_or(token).as_bytes();
    if digits.len() > 15 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some(if token.starts_with('-') { -magnitude } else { magnitude })
}

/// Whether the decimal value of `token` is that of the shortest form of `double`, signs aside.
fn same_decimal(token: &str, double: f64) -> bool {
    let token = token.strip_prefix('-').unwrap_or(token);
    let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = whole.bytes().chain(fraction.bytes());
    let Some(leading_zeros) = digits.clone().position(|digit| digit != b'0') else { return double == 0.0 };
    if double == 0.0 {
        return false;
    }
    let Ok(exponent) = exponent.parse::<i64>() else { return false };
    let scientific = (whole.len() as i64 - 1 - leading_zeros as i64).saturating_add(exponent);
    let shortest = Shortest::of(double.abs());
    let mut significant = digits.by_ref().skip(leading_zeros);
    scientific == i64::from(shortest.exponent)
        && shortest.digits().iter().all(|expected| significant.next().unwrap_or(b'0') == *expected)
        && significant.all(|digit| digit == b'0')
}

/// The fewest digits that lead back to a double and no other, of those the closest, of two as close the even one:
/// d.ddd × 10^exponent, without trailing zeros.
///
/// Source: ECMA-262, `Number::toString`, and the note that RFC 8785, section 3.2.2.3, makes a rule.
struct Shortest {
    buffer: [u8; 24],
    len: usize,
    exponent: i32,
}

impl Shortest {
    /// Of a positive, finite double. The standard library prints the shortest digits, and of those the closest, but of
    /// two as close the greater.
    fn of(double: f64) -> Self {
        let mut printed = Printed { buffer: [0; 32], len: 0 };
        // Cannot fail: at most 17 digits, a point, `e` and a sign with three digits.
        let _ = write!(printed, "{double:e}");
        let mut shortest = Self { buffer: [0; 24], len: 0, exponent: 0 };
        let mut bytes = printed.buffer[..printed.len].iter();
        for byte in bytes.by_ref().take_while(|byte| **byte != b'e').filter(|byte| byte.is_ascii_digit()) {
            shortest.buffer[shortest.len] = *byte;
            shortest.len += 1;
        }
        let exponent = bytes.as_slice();
        let digits = exponent.strip_prefix(b"-").unwrap_or(exponent);
        let magnitude = digits.iter().fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
        shortest.exponent = if digits.len() < exponent.len() { -magnitude } else { magnitude };
        shortest.settle_tie(double);
        shortest
    }

    /// Goes down to the even neighbour where the double lies exactly between the two.
    fn settle_tie(&mut self, double: f64) {
        let last = self.buffer[self.len - 1];
        if last & 1 == 0 || !self.is_half_above_neighbour(double) {
            return;
        }
        self.buffer[self.len - 1] = last - 1;
        let mut printed = Printed { buffer: [0; 32], len: 0 };
        let digits = std::str::from_utf8(self.digits()).unwrap_or_default();
        // Cannot fail: at most 17 digits and an exponent of four characters.
        let _ = write!(printed, "{digits}e{}", self.exponent + 1 - self.len as i32);
        let neighbour = std::str::from_utf8(&printed.buffer[..printed.len]).ok().and_then(|text| text.parse().ok());
        if neighbour != Some(double) {
            self.buffer[self.len - 1] = last;
        }
    }

    /// Whether the double is exactly half a unit of the last digit below these digits.
    fn is_half_above_neighbour(&self, double: f64) -> bool {
        let digits = self.digits().iter().fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'));
        // The middle is `middle` × 10^power, the double `significand` × 2^exponent; both are compared as an odd number
        // times a power of two. A power of five over 25 cannot divide either of them.
        let middle = digits * 10 - 5;
        let power = self.exponent - self.len as i32;
        let bits = double.to_bits();
        let (fraction, biased) = (bits & ((1 << 52) - 1), (bits >> 52) as i32);
        let significand = u128::from(if biased == 0 { fraction } else { fraction | 1 << 52 });
        let exponent = biased.max(1) - 1075;
        let Some(five) = 5_u128.checked_pow(power.unsigned_abs()).filter(|_| power.abs() <= 25) else { return false };
        let (middle, significand) = if power < 0 { (middle, significand * five) } else { (middle * five, significand) };
        odd(middle, power) == odd(significand, exponent)
    }

    fn digits(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

/// `number` × 2^`exponent` as an odd number and its power of two.
fn odd(number: u128, exponent: i32) -> (u128, i32) {
    let zeros = number.trailing_zeros();
    (number >> zeros, exponent + zeros as i32)
}

struct Printed {
    buffer: [u8; 32],
    len: usize,
}

impl Write for Printed {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        self.buffer.get_mut(self.len..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(double: f64) -> String {
        let mut out = Vec::new();
        write_double(double, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn doubles_are_written_as_rfc_8785_appendix_b_has_them() {
        for (bits, expected) in [
            (0x0000000000000000, "0"),
            (0x8000000000000000, "0"),
            (0x0000000000000001, "5e-324"),
            (0x8000000000000001, "-5e-324"),
            (0x7fefffffffffffff, "1.7976931348623157e+308"),
            (0xffefffffffffffff, "-1.7976931348623157e+308"),
            (0x4340000000000000, "9007199254740992"),
            (0xc340000000000000, "-9007199254740992"),
            (0x4430000000000000, "295147905179352830000"),
            (0x44b52d02c7e14af5, "9.999999999999997e+22"),
            (0x44b52d02c7e14af6, "1e+23"),
            (0x44b52d02c7e14af7, "1.0000000000000001e+23"),
            (0x444b1ae4d6e2ef4e, "999999999999999700000"),
            (0x444b1ae4d6e2ef4f, "999999999999999900000"),
            (0x444b1ae4d6e2ef50, "1e+21"),
            (0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"),
            (0x3eb0c6f7a0b5ed8d, "0.000001"),
            (0x41b3de4355555553, "333333333.3333332"),
            (0x41b3de4355555554, "333333333.33333325"),
            (0x41b3de4355555555, "333333333.3333333"),
            (0x41b3de4355555556, "333333333.3333334"),
            (0x41b3de4355555557, "333333333.33333343"),
            (0xbecbf647612f3696, "-0.0000033333333333333333"),
            (0x43143ff3c1cb0959, "1424953923781206.2"),
        ] {
            assert_eq!(written(f64::from_bits(bits)), expected, "{bits:016x}");
        }
    }

    #[test]
    fn any_double_is_written_as_the_oracle_writes_it() {
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        for _ in 0..200_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let double = f64::from_bits(state);
            if double.is_finite() {
                assert_eq!(written(double), serde_json_canonicalizer::to_string(&double).unwrap());
            }
        }
    }

    #[test]
    fn tokens_are_judged_as_they_stand() {
        for (token, expected) in [
            ("0", Ok("0")),
            ("-0", Ok("0")),
            ("-0.0e5", Ok("0")),
            ("0e99999999999999999999", Ok("0")),
            ("0.1", Ok("0.1")),
            ("19.90", Ok("19.9")),
            ("1e3", Ok("1000")),
            ("1E+3", Ok("1000")),
            ("1.0", Ok("1")),
            ("100e-2", Ok("1")),
            ("0.00001e5", Ok("1")),
            ("9007199254740991", Ok("9007199254740991")),
            ("-9007199254740991", Ok("-9007199254740991")),
            ("9007199254740991.000", Ok("9007199254740991")),
            ("9007199254740992", Err(NumberFault::OutOfRange)),
            ("-9007199254740992", Err(NumberFault::OutOfRange)),
            ("9007199254740991.4", Err(NumberFault::NotExact)),
            ("18446744073709551615", Err(NumberFault::OutOfRange)),
            ("1e300", Err(NumberFault::OutOfRange)),
            ("1e400", Err(NumberFault::OutOfRange)),
            ("1e99999999999999999999", Err(NumberFault::OutOfRange)),
            ("1e-400", Err(NumberFault::NotExact)),
            ("1e-99999999999999999999", Err(NumberFault::NotExact)),
            ("5e-324", Ok("5e-324")),
            ("4e-324", Err(NumberFault::NotExact)),
            ("0.1000000000000000055", Err(NumberFault::NotExact)),
            ("0.1000000000000000000", Ok("0.1")),
            ("333333333.3333333", Ok("333333333.3333333")),
            ("333333333.33333333", Err(NumberFault::NotExact)),
        ] {
            let found = from_token(token).map(|number| {
                let mut out = Vec::new();
                write(&number, &mut out);
                String::from_utf8(out).unwrap()
            });
            assert_eq!(found.as_deref(), expected.as_ref().map(|text| *text), "{token}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut state: u64 = 7;
        for _ in 0..50_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let double = (state as i64) as f64 / 1024.0_f64.powi((state % 30) as i32);
            if double.abs() <= INTEGER_MAX as f64 {
                let mut out = Vec::new();
                write_double(double, &mut out);
                let number = from_token(std::str::from_utf8(&out).unwrap()).unwrap();
                assert_eq!(number.as_f64(), Some(double));
            }
        }
    }
}
