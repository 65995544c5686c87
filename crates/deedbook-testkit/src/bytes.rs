//! Looking for something in the bytes of a file, however they are compressed.

use std::io::Read;

/// With what a frame of zstd begins.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Whether `needle` is in `file`: as it is, or in what any frame of zstd in it holds.
pub fn holds(file: &[u8], needle: &[u8]) -> bool {
    contains(file, needle)
        || file.windows(ZSTD.len()).enumerate().any(|(at, window)| window == ZSTD && frame_holds(&file[at..], needle))
}

fn frame_holds(frame: &[u8], needle: &[u8]) -> bool {
    let Ok(decoder) = zstd::stream::read::Decoder::with_buffer(frame) else { return false };
    let mut content = Vec::new();
    // What cannot be decompressed is no frame; what came before is looked at all the same.
    let _ = decoder.single_frame().read_to_end(&mut content);
    contains(&content, needle)
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_compressed() {
        let compressed = zstd::bulk::compress(&b"one needle in a stack of hay, hay, hay, hay".repeat(9), 1).unwrap();
        let file = [&b"something"[..], &compressed, b"something else"].concat();
        assert!(holds(&file, b"needle in a stack") && holds(&file, b"thing else"));
        assert!(!holds(&file, b"another needle") && !contains(&file, b"hay, hay, hay, hayone"));
    }
}
