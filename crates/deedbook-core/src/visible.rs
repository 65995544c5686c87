//! Text of strangers made harmless for whoever shows it: no escape sequence, no line break and no reordering is left.
//!
//! Names and descriptions are claims of whoever called; without this an entry could move the cursor of a terminal,
//! begin a line of its own in a collector, or make `evil.exe` read `exe.live` (bidirectional controls).

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character ends lines, reorders or hides text, or steers a terminal: controls of C0 and C1, line
/// separators, bidirectional controls, byte order marks, annotations and tags. What joins emoji is none of them.
pub fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `text` with every dangerous character as [`push_visible`] shows it.
pub fn visible(text: &str) -> Cow<'_, str> {
    replaced(text, push_visible)
}

/// `json` with every dangerous character as `\uXXXX`: the same document.
pub fn visible_json(json: &str) -> Cow<'_, str> {
    replaced(json, push_escaped)
}

/// Appends a character: the picture of a control character (U+2400), `<U+XXXX>` for others that are dangerous.
pub fn push_visible(out: &mut String, character: char) {
    match character {
        '\0'..='\x1f' => out.extend(char::from_u32(0x2400 + u32::from(character))),
        '\x7f' => out.push('\u{2421}'),
        // Writing to a String cannot fail.
        dangerous if is_dangerous(dangerous) => drop(write!(out, "<U+{:04X}>", u32::from(dangerous))),
        harmless => out.push(harmless),
    }
}

fn push_escaped(out: &mut String, character: char) {
    if !is_dangerous(character) {
        return out.push(character);
    }
    for unit in character.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\u{unit:04x}");
    }
}

fn replaced(text: &str, push: fn(&mut String, char)) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    text.chars().for_each(|character| push(&mut out, character));
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_is_left() {
        for (text, shown) in [
            ("plain – naïve 日本", "plain – naïve 日本"),
            ("plain – naïve 日本 👩\u{200d}🚀", "plain – naïve 日本 👩\u{200d}🚀"),
            ("\u{1b}[31mred", "␛[31mred"),
            ("a\r\nb\tc\0\x07\x7f", "a␍␊b␉c␀␇␡"),
            ("a\r\nb\tc\0\u{7f}", "a␍␊b␉c␀␡"),
            ("\u{9b}31m", "<U+009B>31m"),
            ("a\u{202e}exe.live", "a<U+202E>exe.live"),
            ("\u{2066}\u{feff}\u{e0041}", "<U+2066><U+FEFF><U+E0041>"),
            ("\u{9b}31m\u{202e}\u{2028}\u{e0041}", "<U+009B>31m<U+202E><U+2028><U+E0041>"),
            ("👩\u{200d}🚀", "👩\u{200d}🚀"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn json_stays_the_same_document() {
        let text = "\u{9b}x\u{202e}\u{7f}\u{e0041}";
        let json = serde_json::to_string(text).expect("a string");
        let shown = visible_json(&json);
        assert!(shown.is_ascii());
        assert_eq!(serde_json::from_str::<String>(&shown).expect("still JSON"), text);
    }
}
