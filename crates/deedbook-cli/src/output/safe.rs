//! Text of strangers made fit for a terminal: no escape sequence, no line break, no reordering reaches it.
//!
//! Names and descriptions are claims of whoever called; without this an entry could move the cursor, recolour the
//! screen, or make `evil.exe` read `exe.live` (bidirectional controls).

use std::borrow::Cow;
use std::fmt::Write;

/// `text` with control characters replaced by visible ones: U+2400 pictures for C0 and DEL, `<U+XXXX>` for C1,
/// line separators, bidirectional controls, byte order marks and tags.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        push_visible(&mut out, character);
    }
    Cow::Owned(out)
}

/// `json` with dangerous characters as `\uXXXX`: the same document, fit for a terminal.
pub(crate) fn safe_json(json: &str) -> Cow<'_, str> {
    if !json.chars().any(is_dangerous) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        push_escaped(&mut out, character);
    }
    Cow::Owned(out)
}

fn push_visible(out: &mut String, character: char) {
    match character {
        '\0'..='\x1f' => out.extend(char::from_u32(0x2400 + u32::from(character))),
        '\x7f' => out.push('\u{2421}'),
        dangerous if is_dangerous(dangerous) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "<U+{:04X}>", u32::from(dangerous));
        }
        harmless => out.push(harmless),
    }
}

fn push_escaped(out: &mut String, character: char) {
    if !is_dangerous(character) {
        return out.push(character);
    }
    for unit in character.encode_utf16(&mut [0; 2]) {
        let _ = write!(out, "\\u{unit:04x}");
    }
}

fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        for (text, shown) in [
            ("plain – naïve 日本", "plain – naïve 日本"),
            ("\u{1b}[31mred", "␛[31mred"),
            ("a\r\nb\tc\0\x07\x7f", "a␍␊b␉c␀␇␡"),
            ("\u{9b}31m", "<U+009B>31m"),
            ("a\u{202e}exe.live", "a<U+202E>exe.live"),
            ("\u{2066}\u{feff}\u{e0041}", "<U+2066><U+FEFF><U+E0041>"),
            ("👩\u{200d}🚀", "👩\u{200d}🚀"),
        ] {
            assert_eq!(safe(text), shown);
        }
    }

    #[test]
    fn json_stays_the_same_document() {
        let text = "\u{9b}x\u{202e}\u{7f}\u{e0041}";
        let json = serde_json::to_string(text).expect("a string");
        let shown = safe_json(&json);
        assert!(shown.is_ascii());
        assert_eq!(serde_json::from_str::<String>(&shown).expect("still JSON"), text);
    }
}
