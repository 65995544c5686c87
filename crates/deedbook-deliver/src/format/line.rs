//! Text within one line, cut where it is long.

use std::borrow::Cow;

/// What is put at the end of a text that was cut.
pub(super) const CUT: char = '…';

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
    fn cuts_are_marked_and_between_characters() {
        for (text, bytes_max, expected) in
            [("abcdef", 6, "abcdef"), ("abcdef", 5, "ab…"), ("aéééé", 5, "a…"), ("aéééé", 6, "aé…"), ("abcdef", 0, "…")]
        {
            assert_eq!(cut(text, bytes_max), expected);
        }
    }
}
