//! Bytes → pieces: lines, or the elements of an array in a document; both bounded in memory.

use std::io::{self, BufRead};

use super::Place;

/// The longest piece that is looked at. An event of 256 KiB in canonical form may be six times as long on the wire
/// where every character is written as `\uXXXX`, and have white space besides.
pub(crate) const PIECE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How much of a longer piece is kept to show what it was.
const KEPT_BYTES: usize = 4 * 1024;

/// A line without its end, or an element of an array.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where it began.
    pub(crate) place: Place,
    /// Its bytes; only the first of them where `fault` says that it is too long.
    pub(crate) raw: Vec<u8>,
    /// What is wrong with it already as a piece.
    pub(crate) fault: Option<String>,
}

/// The lines of an input that are not blank.
pub(crate) struct Lines<R> {
    reader: R,
    line: u64,
}

impl<R: BufRead> Lines<R> {
    /// Lines from where `reader` stands.
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, line: 0 }
    }

    fn read_line(&mut self) -> io::Result<Option<Piece>> {
        let mut gathered = Gathered::default();
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() && gathered.total == 0 {
                return Ok(None);
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            gathered.push(&chunk[..end.unwrap_or(chunk.len())]);
            let (consumed, at_end) = (end.map_or(chunk.len(), |end| end + 1), end.is_some() || chunk.is_empty());
            self.reader.consume(consumed);
            if at_end {
                self.line += 1;
                return Ok(Some(gathered.finish(Place::Line(self.line))));
            }
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Piece>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read_line() {
                Ok(None) => return None,
                Ok(Some(mut piece)) => {
                    strip_ends(&mut piece);
                    if !piece.raw.is_empty() {
                        return Some(Ok(piece));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Removes white space around a line, and the byte order mark that some programs put before the first one.
fn strip_ends(piece: &mut Piece) {
    let mut text: &[u8] = &piece.raw;
    if piece.place == Place::Line(1) {
        text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    }
    let text = text.trim_ascii();
    if text.len() != piece.raw.len() {
        piece.raw = text.to_vec();
    }
}

/// The records of an input: the elements of each document `{"Records":[…]}` or `[…]`, and the lines of whatever else.
pub(crate) struct Records<R> {
    bytes: Bytes<R>,
    number: u64,
    within: Within,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    TopLevel,
    /// Between elements of an array, to be closed by `]` and these bytes.
    Array {
        closing: &'static [u8],
    },
}

impl<R: BufRead> Records<R> {
    /// Records from where `reader` stands.
    pub(crate) fn new(reader: R) -> Self {
        Self { bytes: Bytes { reader, put_back: Vec::new(), line: 1 }, number: 0, within: Within::TopLevel }
    }

    fn read_record(&mut self) -> io::Result<Option<Piece>> {
        loop {
            self.bytes.skip_white_space()?;
            match self.within {
                Within::TopLevel if self.bytes.peek()?.is_none() => return Ok(None),
                Within::TopLevel => {
                    if !self.enter_array()? {
                        return self.bytes.read_line().map(Some);
                    }
                }
                Within::Array { closing } => match self.bytes.peek()? {
                    None => return self.cut_off().map(Some),
                    Some(b',') => self.bytes.skip()?,
                    Some(b']') => self.leave_array(closing)?,
                    Some(_) => {
                        self.number += 1;
                        return self.bytes.read_element(self.number).map(Some);
                    }
                },
            }
        }
    }

    fn enter_array(&mut self) -> io::Result<bool> {
        if self.bytes.accept(&[b"["])? {
            self.within = Within::Array { closing: b"" };
        } else if self.bytes.accept(&[b"{", b"\"Records\"", b":", b"["])? {
            self.within = Within::Array { closing: b"}" };
        }
        Ok(self.within != Within::TopLevel)
    }

    fn leave_array(&mut self, closing: &'static [u8]) -> io::Result<()> {
        self.bytes.skip()?;
        self.within = Within::TopLevel;
        self.bytes.skip_white_space()?;
        if !closing.is_empty() {
            // Anything else than the closing brace is met again as a line, and refused there.
            self.bytes.accept(&[closing])?;
        }
        Ok(())
    }

    fn cut_off(&mut self) -> io::Result<Piece> {
        self.within = Within::TopLevel;
        let place = Place::Record { line: self.bytes.line, number: self.number + 1 };
        Ok(Piece { place, raw: Vec::new(), fault: Some("the document ends in the middle of its records".to_owned()) })
    }
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = io::Result<Piece>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_record().transpose()
    }
}

/// Single bytes of a reader, some of which may be put back.
struct Bytes<R> {
    reader: R,
    put_back: Vec<u8>,
    line: u64,
}

impl<R: BufRead> Bytes<R> {
    fn peek(&mut self) -> io::Result<Option<u8>> {
        if let Some(byte) = self.put_back.last() {
            return Ok(Some(*byte));
        }
        loop {
            match self.reader.fill_buf() {
                Ok(chunk) => return Ok(chunk.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn next(&mut self) -> io::Result<Option<u8>> {
        let byte = self.peek()?;
        if byte.is_some() && self.put_back.pop().is_none() {
            self.reader.consume(1);
        }
        self.line += u64::from(byte == Some(b'\n'));
        Ok(byte)
    }

    fn skip(&mut self) -> io::Result<()> {
        self.next().map(drop)
    }

    fn skip_white_space(&mut self) -> io::Result<()> {
        // The bytes of a byte order mark count as white space: they begin no JSON.
        while self.peek()?.is_some_and(|byte| byte.is_ascii_whitespace() || b"\xef\xbb\xbf".contains(&byte)) {
            self.skip()?;
        }
        Ok(())
    }

    /// Consumes these tokens, with white space between them, or nothing.
    fn accept(&mut self, tokens: &[&[u8]]) -> io::Result<bool> {
        let (line, mut taken) = (self.line, Vec::new());
        for token in tokens {
            while self.peek()?.is_some_and(|byte| byte.is_ascii_whitespace()) && taken.len() < KEPT_BYTES {
                taken.extend(self.next()?);
            }
            for expected in *token {
                if self.peek()? != Some(*expected) {
                    self.line = line;
                    self.put_back.extend(taken.iter().rev());
                    return Ok(false);
                }
                taken.extend(self.next()?);
            }
        }
        Ok(true)
    }

    fn read_line(&mut self) -> io::Result<Piece> {
        let (place, mut gathered) = (Place::Line(self.line), Gathered::default());
        while let Some(byte) = self.next()? {
            if byte == b'\n' {
                break;
            }
            gathered.push(&[byte]);
        }
        let mut piece = gathered.finish(place);
        strip_ends(&mut piece);
        Ok(piece)
    }

    /// An element of an array, up to the comma or bracket that ends it, which is left.
    fn read_element(&mut self, number: u64) -> io::Result<Piece> {
        let (place, mut gathered) = (Place::Record { line: self.line, number }, Gathered::default());
        let (mut depth, mut in_string, mut escaped) = (0_u64, false, false);
        while let Some(byte) = self.peek()? {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                _ if in_string => {}
                b'{' | b'[' => depth += 1,
                b',' | b']' if depth == 0 => break,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.skip()?;
            gathered.push(&[byte]);
        }
        Ok(gathered.finish(place))
    }
}

/// The bytes of a piece as they come in, of which no more than a piece may have is held.
#[derive(Default)]
struct Gathered {
    raw: Vec<u8>,
    total: u64,
}

impl Gathered {
    fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = (PIECE_BYTES_MAX + 1).saturating_sub(self.raw.len());
        self.raw.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn finish(mut self, place: Place) -> Piece {
        if self.raw.len() <= PIECE_BYTES_MAX {
            return Piece { place, raw: self.raw, fault: None };
        }
        self.raw.truncate(KEPT_BYTES);
        let fault = format!("{} bytes are more than a piece of input may have ({PIECE_BYTES_MAX})", self.total);
        Piece { place, raw: self.raw, fault: Some(fault) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(u64, String)> {
        // A tiny buffer makes every border of a chunk occur.
        Lines::new(io::BufReader::with_capacity(3, text))
            .map(|piece| piece.expect("in memory"))
            .map(|piece| match piece.place {
                Place::Line(line) => (line, String::from_utf8(piece.raw).expect("text")),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn lines_end_in_any_usual_way_and_blank_ones_only_count() {
        let expected = |pairs: &[(u64, &str)]| pairs.iter().map(|(n, t)| (*n, (*t).to_owned())).collect::<Vec<_>>();
        assert_eq!(lines(b""), expected(&[]));
        assert_eq!(lines(b"one\r\n\n  \ntwo"), expected(&[(1, "one"), (4, "two")]));
        assert_eq!(lines(b"\xef\xbb\xbf{}\n"), expected(&[(1, "{}")]));
    }

    #[test]
    fn an_overlong_line_costs_no_memory_and_the_next_is_read() {
        let text = [vec![b'x'; PIECE_BYTES_MAX + 7], b"\nshort\n".to_vec()].concat();
        let pieces: Vec<_> = Lines::new(&text[..]).map(|piece| piece.expect("in memory")).collect();
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces[0].raw.len(), KEPT_BYTES);
        assert!(pieces[0].fault.as_deref().is_some_and(|fault| fault.starts_with("8388615 bytes")));
        assert_eq!(pieces[1].raw, b"short");
    }

    fn records(text: &str) -> Vec<String> {
        Records::new(io::BufReader::with_capacity(3, text.as_bytes()))
            .map(|piece| piece.expect("in memory"))
            .map(|piece| match piece.fault {
                Some(fault) => format!("{}: {fault}", piece.place),
                None => format!("{}: {}", piece.place, String::from_utf8_lossy(&piece.raw).trim()),
            })
            .collect()
    }

    #[test]
    fn records_of_documents_and_of_lines() {
        for (text, expected) in [
            ("", vec![]),
            ("{\"a\":1}\n{\"b\":2}", vec!["line 1: {\"a\":1}", "line 2: {\"b\":2}"]),
            ("{\"Records\":[]}", vec![]),
            (
                "{ \"Records\" : [ {\"a\":\"],}\\\"\"} ,\n[1,2] ] }",
                vec!["line 1, record 1: {\"a\":\"],}\\\"\"}", "line 2, record 2: [1,2]"],
            ),
            ("[1,2]\n", vec!["line 1, record 1: 1", "line 1, record 2: 2"]),
            (
                "{\"Records\":[1]}{\"Records\":[2]}\n{\"a\":3}",
                vec!["line 1, record 1: 1", "line 1, record 2: 2", "line 2: {\"a\":3}"],
            ),
            ("{\"Record\":[1]}", vec!["line 1: {\"Record\":[1]}"]),
            (
                "{\"Records\":[1,",
                vec!["line 1, record 1: 1", "line 1, record 2: the document ends in the middle of its records"],
            ),
            ("{\"Records\":[1],\"x\":2}", vec!["line 1, record 1: 1", "line 1: ,\"x\":2}"]),
        ] {
            assert_eq!(records(text), expected, "{text}");
        }
    }
}
