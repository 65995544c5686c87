//! Numbers as text: the shortest digits that give the number back, in the form of ECMAScript and RFC 8785.

use serde_json::Number;

/// The canonical text of a number of an event.
pub(super) fn text(number: &Number) -> String {
    let mut out = Vec::with_capacity(24);
    crate::number::write(number, &mut out);
    String::from_utf8(out).expect("digits, signs, points and exponents are ASCII")
}

/// The same of a finite double; 0 for others.
pub(super) fn float_text(value: f64) -> String {
    Number::from_f64(value).map_or("0".to_owned(), |number| text(&number))
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
