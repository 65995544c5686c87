//! The plain part of a string: what is copied or passed over eight bytes at a time.

/// One in every byte.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The high bit of every byte.
const HIGHS: u64 = ONES << 7;

/// How many bytes come before the first quote, backslash or control character; all of them where there is none.
#[inline]
pub(crate) fn plain_length(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let special = specials(u64::from_le_bytes(*word));
        if special != 0 {
            return index * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let tail = rest.iter().position(|byte| !is_plain(*byte)).unwrap_or(rest.len());
    words.len() * 8 + tail
}

/// Whether a byte of a string needs more than copying.
#[inline]
pub(crate) const fn is_plain(byte: u8) -> bool {
    !matches!(byte, 0..0x20 | b'"' | b'\\')
}

/// The high bit of each byte that is not plain. Bytes above the lowest one marked may be marked in error: a borrow
/// runs upwards.
///
/// Source: "Bit Twiddling Hacks", "Determine if a word has a byte less than n".
#[inline]
const fn specials(word: u64) -> u64 {
    let quotes = word ^ (ONES * b'"' as u64);
    let backslashes = word ^ (ONES * b'\\' as u64);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = quotes.wrapping_sub(ONES) & !quotes;
    let backslash = backslashes.wrapping_sub(ONES) & !backslashes;
    (control | quote | backslash) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_look_at_each_byte() {
        for byte in 0..=255 {
            for other in [0x00, 0x1f, 0x20, 0x21, b'"', b'#', b'[', b'\\', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
                for at in 0..20 {
                    let mut bytes = [b'x'; 21];
                    bytes[at] = byte;
                    bytes[at + 1] = other;
                    let expected = bytes.iter().position(|byte| !is_plain(*byte)).unwrap_or(bytes.len());
                    assert_eq!(plain_length(&bytes), expected, "{bytes:?}");
                }
            }
        }
    }
}
