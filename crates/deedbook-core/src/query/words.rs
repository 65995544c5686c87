//! Text → words, and which texts of an event are searched. The same words serve the index and the query.
//!
//! What happens to a text, in this order:
//!
//! 1. Invisible characters (soft hyphen, zero-width joiners, direction marks, variation selectors) are dropped, so
//!    that nobody hides a name behind them; the typographic apostrophe `’` becomes `'`.
//! 2. NFKC, full case folding (`Straße` is `STRASSE`, `ΟΔΟΣ` is `οδος`), NFKC again. Cherokee folds to small
//!    letters, where Unicode folds to capitals.
//! 3. Words of UAX #29. A segment without a letter or digit is no word.
//! 4. A word of more than 64 bytes is cut to the first word of its first 64 bytes.
//!
//! Nothing is stemmed, no accent is removed, no word is too common. Scripts without spaces fall apart into single
//! characters (Han, Thai) or runs (Katakana); a phrase finds them again.

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use super::number;
use crate::Event;

/// Bytes of the longest word.
pub const WORD_BYTES_MAX: usize = 64;

/// Calls `sink` with each word of `text` in order, normalised and of at most [`WORD_BYTES_MAX`] bytes.
///
/// Words are UAX #29 segments of the text after NFKC and full case folding. Words of a word are that word: what this
/// gave can be given to it again. ASCII text is not copied but for words with capitals.
pub fn words(text: &str, sink: &mut dyn FnMut(&str)) {
    if text.is_ascii() {
        return ascii_words(text, sink);
    }
    // No word reaches over a space, so that one foreign letter makes only its own surroundings slow.
    for piece in text.split(' ') {
        if piece.is_ascii() { ascii_words(piece, sink) } else { unicode_words(piece, sink) }
    }
}

/// Calls `sink` with each text of `event` in which words are sought.
///
/// These are the names of the actor, of those behind it and of the targets, the description, and strings and numbers
/// (canonical, [RFC 8785]) at any depth of `metadata` and of `from` and `to` of changes; neither keys nor booleans. A
/// phrase never reaches from one text into the next.
///
/// [RFC 8785]: https://www.rfc-editor.org/rfc/rfc8785
pub fn texts(event: &Event, sink: &mut dyn FnMut(&str)) {
    any_text(event, &mut |text| {
        sink(text);
        false
    });
}

/// Whether `test` holds for one of the texts of [`texts`]; stops at the first.
pub(super) fn any_text(event: &Event, test: &mut dyn FnMut(&str) -> bool) -> bool {
    event.actor.chain().filter_map(|actor| actor.name.as_deref()).any(&mut *test)
        || event.targets.iter().filter_map(|target| target.name.as_deref()).any(&mut *test)
        || event.description.as_deref().is_some_and(&mut *test)
        || event.changes.iter().flat_map(|change| [&change.from, &change.to]).flatten().any(|v| any_leaf(v, test))
        || event.metadata.values().any(|value| any_leaf(value, test))
}

fn any_leaf(value: &Value, test: &mut dyn FnMut(&str) -> bool) -> bool {
    match value {
        Value::String(text) => test(text),
        Value::Number(number) => test(&number::text(number)),
        Value::Array(items) => items.iter().any(|item| any_leaf(item, test)),
        Value::Object(members) => members.values().any(|member| any_leaf(member, test)),
        Value::Null | Value::Bool(_) => false,
    }
}

fn unicode_words(text: &str, sink: &mut dyn FnMut(&str)) {
    for segment in fold(text).unicode_words() {
        let word = without_leading_marks(segment);
        if word.len() == segment.len() {
            put(word, sink);
        } else {
            // What held the rest together is gone.
            word.unicode_words().for_each(|word| put(word, sink));
        }
    }
}

/// Gives a word to `sink`, cut to its first [`WORD_BYTES_MAX`] bytes.
fn put(word: &str, sink: &mut dyn FnMut(&str)) {
    if word.len() <= WORD_BYTES_MAX {
        sink(word);
    } else if let Some(first) = word[..word.floor_char_boundary(WORD_BYTES_MAX)].unicode_words().next() {
        sink(first);
    }
}

/// A segment begins with a space where a combining letter follows it (WB4), or with a mark such as `՚` that counts as
/// a letter between letters; the word begins after it.
fn without_leading_marks(segment: &str) -> &str {
    segment.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '_')
}

fn fold(text: &str) -> String {
    if text.chars().all(is_plain) {
        return text.chars().flat_map(char::to_lowercase).collect();
    }
    fold_any(text)
}

/// Letters of the common alphabets that are normalised already, combine with nothing and have one small letter: the
/// rest of [`fold`] would do nothing but take time. A test compares.
fn is_plain(c: char) -> bool {
    c.is_ascii()
        || matches!(c,
            'À'..='Ö' | 'Ø'..='Þ' | 'à'..='ö' | 'ø'..='ÿ' | 'А'..='я' | 'Ё' | 'ё' | 'א'..='ת' | 'ء'..='غ' | 'ف'..='ي'
            | 'ก'..='ะ' | 'ぁ'..='ゖ' | 'ァ'..='ヺ' | '一'..='\u{9fff}' | '가'..='힣')
}

fn fold_any(text: &str) -> String {
    let visible = text.chars().filter(|&c| !is_invisible(c)).map(|c| if c == '’' { '\'' } else { c });
    visible.nfkc().flat_map(fold_char).nfkc().collect()
}

/// Full case folding of one character, by way of its capital: `ß` → `ss`, `ς` → `σ`. The dotless `ı` is a letter of
/// its own, though its capital is `I`.
fn fold_char(c: char) -> impl Iterator<Item = char> {
    let dotless = (c == 'ı').then_some(c);
    let folded = (c != 'ı')
        .then(|| c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase))
        .into_iter()
        .flatten();
    dotless.into_iter().chain(folded)
}

/// Characters that Unicode calls default ignorable, as far as they occur within words.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const UNDERSCORE: u8 = 4;
const CAPITAL: u8 = 8;
const CORE: u8 = LETTER | DIGIT | UNDERSCORE;
/// Shifts [`LETTER`] or [`DIGIT`] to the bit that says: joins two of them (MidLetter, MidNum, MidNumLet of UAX #29).
const JOINS: u8 = 4;

const CLASS: [u8; 128] = {
    let mut class = [0; 128];
    let mut byte = 0_u8;
    while byte < 128 {
        class[byte as usize] = match byte {
            b'a'..=b'z' => LETTER,
            b'A'..=b'Z' => LETTER | CAPITAL,
            b'0'..=b'9' => DIGIT,
            b'_' => UNDERSCORE,
            b'.' | b'\'' => (LETTER | DIGIT) << JOINS,
            b':' => LETTER << JOINS,
            b',' | b';' => DIGIT << JOINS,
            _ => 0,
        };
        byte += 1;
    }
    class
};

fn class(byte: u8) -> u8 {
    CLASS[usize::from(byte & 127)]
}

/// The same as [`unicode_words`] for ASCII text, some twenty times faster: this runs for every event on ingest.
fn ascii_words(text: &str, sink: &mut dyn FnMut(&str)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if class(bytes[at]) & CORE == 0 {
            at += 1;
            continue;
        }
        let (end, seen) = ascii_word_end(bytes, at);
        if seen & (LETTER | DIGIT) != 0 {
            emit_ascii(&text[at..end], seen, sink);
        }
        at = end;
    }
}

/// Where the word that begins at `start` ends, and the classes of its bytes.
fn ascii_word_end(bytes: &[u8], start: usize) -> (usize, u8) {
    let (mut at, mut seen) = (start, 0);
    while let Some(&byte) = bytes.get(at) {
        let here = class(byte);
        if here & CORE == 0 {
            let Some(&next) = bytes.get(at + 1) else { break };
            if (here >> JOINS) & class(bytes[at - 1]) & class(next) == 0 {
                break;
            }
        }
        seen |= here;
        at += 1;
    }
    (at, seen)
}

fn emit_ascii(word: &str, seen: u8, sink: &mut dyn FnMut(&str)) {
    if word.len() > WORD_BYTES_MAX {
        return ascii_words(&word[..WORD_BYTES_MAX], sink);
    }
    if seen & CAPITAL == 0 {
        return sink(word);
    }
    let mut buffer = [0; WORD_BYTES_MAX];
    let small = &mut buffer[..word.len()];
    small.copy_from_slice(word.as_bytes());
    small.make_ascii_lowercase();
    sink(std::str::from_utf8(small).expect("ASCII stays ASCII"));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Split = fn(&str, &mut dyn FnMut(&str));

    fn collect(split: Split, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        split(text, &mut |word| found.push(word.to_owned()));
        found
    }

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(collect(words, text), expected, "{text:?}");
    }

    #[test]
    fn ascii() {
        check("", &[]);
        check(" - ... __ ", &[]);
        check("Ada Lovelace", &["ada", "lovelace"]);
        check("a.b 3.14 1,000;2 a,b a;b a:b 1:2", &["a.b", "3.14", "1,000;2", "a", "b", "a", "b", "a:b", "1", "2"]);
        check("O'Neil's 'quoted' 5'6", &["o'neil's", "quoted", "5'6"]);
        check("snake_case _x_ a_.b 3.a a..b", &["snake_case", "_x_", "a_", "b", "3", "a", "a", "b"]);
        check("foo-bar/baz@example.com", &["foo", "bar", "baz", "example.com"]);
        check("T-5\r\nnext\tline", &["t", "5", "next", "line"]);
    }

    #[test]
    fn unicode() {
        check("Straße STRASSE ẞ", &["strasse", "strasse", "ss"]);
        check("ΟΔΟΣ οδος ὀδός", &["οδοσ", "οδοσ", "ὀδόσ"]);
        check("Ａｄａ ﬁne ① ½", &["ada", "fine", "1", "1⁄2"]);
        check("e\u{301}te\u{301} ÉTÉ", &["été", "été"]);
        check("O’Neil", &["o'neil"]);
        check("\u{55a}\u{d4a}\u{b83} a\u{55a}b", &["\u{d4a}", "\u{b83}", "a\u{55a}b"]);
        check("İstanbul ısı IŞIK", &["i\u{307}stanbul", "ısı", "işik"]);
        check("日本語 テスト สวัสดี".split(' ').next().unwrap_or_default(), &["日", "本", "語"]);
        check("テスト", &["テスト"]);
        check("so\u{ad}ft pass\u{200b}word a\u{200d}b", &["soft", "pass", "word", "ab"]);
        check("\u{feff}Ада Лавлейс", &["ада", "лавлейс"]);
        check("🎉 party 👩‍🚀", &["party"]);
        check("שלום عليكم", &["שלום", "عليكم"]);
    }

    #[test]
    fn plain_letters_fold_alike_both_ways() {
        for c in ('\0'..=char::MAX).filter(|&c| is_plain(c)) {
            let pair = format!("a{c}{c}b");
            assert_eq!(fold(&pair), fold_any(&pair), "{c:?}");
        }
    }

    #[test]
    fn long_words_are_cut() {
        let long = "a".repeat(70);
        check(&long, &[&long[..64]]);
        check(&format!("{}.bc", "a".repeat(63)), &[&long[..63]]);
        check(&format!("{}a", "_".repeat(64)), &[]);
        check(&"ä".repeat(40), &[&"ä".repeat(32)]);
        check(&format!("a{}", "ä".repeat(40)), &[&format!("a{}", "ä".repeat(31))]);
        check("日".repeat(2).as_str(), &["日", "日"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn both_ways_agree_on_ascii(text in "[a-cA-C0-2_.,;:' \\-\n\"]{0,160}") {
            prop_assert_eq!(collect(ascii_words, &text), collect(unicode_words, &text));
            // One other letter makes the library take its general path.
            let mut general = collect(unicode_words, &format!("{text} é"));
            general.pop();
            prop_assert_eq!(collect(ascii_words, &text), general);
        }

        #[test]
        fn both_ways_agree_on_any_ascii(text in "[\\x00-\\x7f]{0,200}") {
            prop_assert_eq!(collect(ascii_words, &text), collect(unicode_words, &text));
        }

        #[test]
        fn no_word_reaches_over_a_space(text in "\\PC{0,60}|[a-zß’Σ\u{345}\u{301}\u{93e}\u{308}\u{ad}¨_.:'\u{200d}カ日 ]{0,60}") {
            prop_assert_eq!(collect(words, &text), collect(unicode_words, &text));
        }

        #[test]
        fn words_of_words_are_these_words(text in "\\PC{0,40}|[a-zß’ςΣİıᾳ\u{345}\u{301}\u{93e}_.:'\u{200d} ]{0,90}") {
            let once = collect(words, &text);
            prop_assert_eq!(&collect(words, &once.join(" ")), &once);
            prop_assert!(once.iter().all(|word| !word.is_empty() && word.len() <= WORD_BYTES_MAX));
        }
    }
}
