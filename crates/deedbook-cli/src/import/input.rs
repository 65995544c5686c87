//! A path → its bytes: standard input for `-`, gzip and zstd recognised by their first bytes, progress counted.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::exit::{Exit, Failure, Outcome};
use crate::progress::Progress;

const BUFFER_BYTES: usize = 128 * 1024;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Opens `path` and looks through its compression; the bytes as stored move `progress`.
pub(crate) fn open(path: &Path, progress: &Progress) -> Outcome<Box<dyn BufRead>> {
    let stored = open_stored(path, progress).map_err(|error| unreadable(path, error))?;
    decompress(stored).map_err(|error| unreadable(path, error))
}

/// The error for bytes of `path` that cannot be read, or that break their compression.
pub(crate) fn unreadable(path: &Path, error: io::Error) -> Failure {
    let failure = Failure::io(format_args!("read {}", path.display()), error);
    if is_damaged(&failure) { failure.with_exit(Exit::Invalid) } else { failure }
}

/// The last part of a path, for messages and for ids made from it; `-` for standard input.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn is_damaged(failure: &Failure) -> bool {
    let source = std::error::Error::source(failure).and_then(|source| source.downcast_ref::<io::Error>());
    // Decoders report damage as these; zstd's own messages arrive as `Other`.
    source.is_some_and(|error| {
        matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
            || matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::Other)
    })
}

fn open_stored(path: &Path, progress: &Progress) -> io::Result<Box<dyn BufRead>> {
    let progress = progress.clone();
    if path.as_os_str() == "-" {
        progress.begin_bytes(None);
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, Counted { inner: io::stdin(), progress })));
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    progress.begin_bytes(metadata.is_file().then_some(metadata.len()));
    Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, Counted { inner: file, progress })))
}

fn decompress(mut stored: Box<dyn BufRead>) -> io::Result<Box<dyn BufRead>> {
    let mut head = [0; 4];
    let length = read_head(&mut stored, &mut head)?;
    let stored = BufReader::with_capacity(BUFFER_BYTES, io::Cursor::new(head[..length].to_vec()).chain(stored));
    if head[..length].starts_with(&GZIP) {
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(stored))));
    }
    if head[..length].starts_with(&ZSTD) {
        let decoder = zstd::stream::read::Decoder::with_buffer(stored)?;
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder)));
    }
    Ok(Box::new(stored))
}

fn read_head(reader: &mut dyn BufRead, head: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < head.len() {
        match reader.read(&mut head[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

struct Counted<R> {
    inner: R,
    progress: Progress,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.progress.advance(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn check(stored: Vec<u8>, expected: &str) {
        let mut text = String::new();
        decompress(Box::new(io::Cursor::new(stored)))
            .and_then(|mut reader| reader.read_to_string(&mut text))
            .expect("decompresses");
        assert_eq!(text, expected);
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("in memory");
        encoder.finish().expect("in memory")
    }

    #[test]
    fn plain_gzip_and_zstd_of_one_or_several_members() {
        check(Vec::new(), "");
        check(b"{}".to_vec(), "{}");
        check(gzip("one\n"), "one\n");
        check([gzip("one\n"), gzip("two\n")].concat(), "one\ntwo\n");
        let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 1).expect("in memory");
        check([zstd("one\n"), zstd("two\n")].concat(), "one\ntwo\n");
    }

    #[test]
    fn damage_is_an_invalid_input_and_a_missing_file_is_not() {
        let mut stored = gzip(&"abc".repeat(1000));
        stored.truncate(20);
        let error = decompress(Box::new(io::Cursor::new(stored)))
            .and_then(|mut reader| reader.read_to_end(&mut Vec::new()))
            .expect_err("cut off");
        assert_eq!(unreadable(Path::new("x.gz"), error).exit(), Exit::Invalid);
        let missing = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(unreadable(Path::new("x.gz"), missing).exit(), Exit::Io);
    }
}
