//! Text of strangers within one line: made visible where it would steer, and cut where it is long.

use std::borrow::Cow;
use std::fmt::Write;

/// What is put at the end of a text that was cut.
pub(super) const CUT: char = '…';

/// Whether a character ends lines, reorders or hides text, or steers a terminal.
pub(super) fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Appends a character: the picture of a control character (U+2400), `<U+XXXX>` for others that are dangerous.
pub(crate) fn push_visible(out: &mut String, character: char) {
    match character {
        '\0'..='\x1f' => out.extend(char::from_u32(0x2400 + u32::from(character))),
        '\x7f' => out.push('\u{2421}'),
        // Writing to a String cannot fail.
        dangerous if is_dangerous(dangerous) => drop(write!(out, "<U+{:04X}>", u32::from(dangerous))),
        harmless => out.push(harmless),
    }
}

/// `text` with every dangerous character made visible.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    text.chars().for_each(|character| push_visible(&mut out, character));
    Cow::Owned(out)
}

/// At most `bytes_max` bytes of `text`; what was cut ends in [`CUT`], which counts among them.
pub(crate) fn cut(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(bytes_max.saturating_sub(CUT.len_utf8()));
    Cow::Owned(format!("{}{CUT}", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_made_visible() {
        for (text, shown) in [
            ("plain – naïve 日本 👩\u{200d}🚀", "plain – naïve 日本 👩\u{200d}🚀"),
            ("a\r\nb\tc\0\u{7f}", "a␍␊b␉c␀␡"),
            ("\u{9b}31m\u{202e}\u{2028}\u{e0041}", "<U+009B>31m<U+202E><U+2028><U+E0041>"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn cuts_are_marked_and_between_characters() {
        for (text, bytes_max, expected) in
            [("abcdef", 6, "abcdef"), ("abcdef", 5, "ab…"), ("aéééé", 5, "a…"), ("aéééé", 6, "aé…"), ("abcdef", 0, "…")]
        {
            assert_eq!(cut(text, bytes_max), expected);
        }
    }
}
