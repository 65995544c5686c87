//! Numbers as text: the shortest digits that give the number back, in the form of ECMAScript and RFC 8785.

use serde_json::Number;

/// The canonical text of a number of an event.
pub(super) fn text(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() => float_text(value),
        _ => number.to_string(),
    }
}

/// `Number::toString` of ECMA-262 for finite numbers: `1e21` as `1e+21`, `0.000001` as it is, `-0` as `0`.
pub(super) fn float_text(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let scientific = format!("{:e}", value.abs());
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let digits = mantissa.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or_default();
    format!("{sign}{}", place_point(&digits, exponent + 1))
}

/// `point` is where the decimal point stands, counted from the first digit.
fn place_point(digits: &str, point: i32) -> String {
    let count = digits.len() as i32;
    let zeros = |n: i32| "0".repeat(n.max(0) as usize);
    match point {
        _ if count <= point && point <= 21 => format!("{digits}{}", zeros(point - count)),
        1..=21 => format!("{}.{}", &digits[..point as usize], &digits[point as usize..]),
        -5..=0 => format!("0.{}{digits}", zeros(-point)),
        _ => {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            format!("{first}{dot}{rest}e{:+}", point - 1)
        }
    }
}

/// The number that `text` writes in JSON's manner, if it does and it is finite.
pub(super) fn parse(text: &str) -> Option<f64> {
    let begins = text.strip_prefix('-').unwrap_or(text).starts_with(|c: char| c.is_ascii_digit());
    let value: f64 = if begins { text.parse().ok()? } else { return None };
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float_texts() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (1000.0, "1000"),
            (19.90, "19.9"),
            (-0.5, "-0.5"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (0.000001, "0.000001"),
            (0.00000123, "0.00000123"),
            (1e-7, "1e-7"),
            (1.25e-9, "1.25e-9"),
            (9007199254740993.0, "9007199254740992"),
        ];
        for (value, expected) in cases {
            assert_eq!(float_text(value), expected);
            assert_eq!(parse(expected), Some(value));
        }
    }

    #[test]
    fn what_is_no_number() {
        for text in ["", "-", "inf", "nan", "-inf", "+1", ".5", "1e999", "0x10", "1_000", "5 "] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
