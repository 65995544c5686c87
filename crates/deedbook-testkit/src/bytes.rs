//! Looking for something in the bytes of a file, however they are compressed.

use std::io::Read;

/// With what a frame of zstd begins.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Whether `needle` is in `file`: as it is, or in what any frame of zstd in it holds, by itself or decompressed against
/// what another frame of the file holds.
pub fn holds(file: &[u8], needle: &[u8]) -> bool {
    if contains(file, needle) {
        return true;
    }
    let frames = file.windows(ZSTD.len()).enumerate().filter(|(_, window)| *window == ZSTD);
    let frames: Vec<&[u8]> = frames.map(|(at, _)| &file[at..]).collect();
    let (alone, others): (Vec<_>, Vec<_>) =
        frames.iter().map(|frame| (*frame, content(frame, &[]))).partition(|(_, content)| content.is_ok());
    let alone: Vec<Vec<u8>> = alone.into_iter().filter_map(|(_, content)| content.ok()).collect();
    alone.iter().any(|content| contains(content, needle))
        || others.iter().any(|(frame, before)| {
            before.as_ref().is_err_and(|before| contains(before, needle))
                || alone.iter().any(|sample| content(frame, sample).is_ok_and(|content| contains(&content, needle)))
        })
}

/// What a frame holds, decompressed against `sample`; where that fails, what came before.
fn content(frame: &[u8], sample: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    let mut content = Vec::new();
    let decoder = zstd::stream::read::Decoder::with_dictionary(frame, sample);
    match decoder.and_then(|decoder| decoder.single_frame().read_to_end(&mut content)) {
        Ok(_) => Ok(content),
        Err(_) => Err(content),
    }
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
        let mut against =
            zstd::bulk::Compressor::with_dictionary(1, &b"one needle in a stack of hay".repeat(2)).unwrap();
        let sample = zstd::bulk::compress(&b"one needle in a stack of hay".repeat(2), 1).unwrap();
        let file_with_sample =
            [sample, b"between".to_vec(), against.compress(b"a needle in a stack of hay, Ada").unwrap()].concat();
        assert!(holds(&file_with_sample, b"a needle in a stack of hay, Ada"));
        assert!(!holds(&file, b"another needle") && !contains(&file, b"hay, hay, hay, hayone"));
    }
}
