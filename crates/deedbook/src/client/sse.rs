//! Server-sent events: bytes as they come → messages.
//!
//! Source: the WHATWG HTML standard, "Server-sent events", section "Interpreting an event stream".

use std::time::Duration;

use deedbook_core::Result;

use super::answer::strange;

/// Bytes of one message: an entry of the largest size with every character escaped six bytes long, and what surrounds it.
const MESSAGE_BYTES_MAX: usize = 2 << 20;

/// One message of the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// What kind; the empty text where it is not said.
    pub(super) event: String,
    /// The data, lines joined by line breaks.
    pub(super) data: String,
    /// Where to resume after it, where it says so.
    pub(super) id: Option<String>,
}

/// Reads messages from pieces of a stream.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    message: Message,
    has_data: HasData,
    /// The id of the last message that had one; goes back to the server when the stream is resumed.
    last_id: Option<String>,
    retry: Option<Duration>,
    last_byte: LastByte,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum HasData {
    #[default]
    No,
    Yes,
}

/// A line feed after a carriage return belongs to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LastByte {
    #[default]
    Other,
    CarriageReturn,
}

impl Parser {
    /// Goes on in a new stream: what was begun is forgotten, the last id is kept.
    pub(super) fn restart(&mut self) {
        *self = Self { last_id: self.last_id.take(), retry: self.retry, ..Self::default() };
    }

    /// The id to resume at.
    pub(super) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// How long the server wants a caller to wait before it resumes.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Hands over the messages that `bytes` complete; the stream is to be resumed behind them.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) where a message grows without an end.
    pub(super) fn push(&mut self, bytes: &[u8], messages: &mut impl Extend<Message>) -> Result<()> {
        for &byte in bytes {
            let after_return = std::mem::take(&mut self.last_byte) == LastByte::CarriageReturn;
            match byte {
                b'\n' if after_return => {}
                b'\n' => messages.extend(self.end_line()),
                b'\r' => {
                    self.last_byte = LastByte::CarriageReturn;
                    messages.extend(self.end_line());
                }
                _ => self.line.push(byte),
            }
            if self.line.len() + self.message.data.len() > MESSAGE_BYTES_MAX {
                return Err(strange("a message of the stream does not end"));
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> Option<Message> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.end_message();
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.strip_prefix('\u{feff}').unwrap_or(&line);
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.message.event = value.to_owned(),
            "data" => {
                if self.has_data == HasData::Yes {
                    self.message.data.push('\n');
                }
                self.has_data = HasData::Yes;
                self.message.data.push_str(value);
            }
            "id" if !value.contains('\0') => self.message.id = Some(value.to_owned()),
            "retry" => self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry),
            // A comment, which keeps the connection alive, or a field of another time.
            _ => {}
        }
        None
    }

    /// An id counts once its message is whole; one without data, as of a heartbeat, counts too.
    fn end_message(&mut self) -> Option<Message> {
        let message = std::mem::take(&mut self.message);
        if message.id.is_some() {
            self.last_id.clone_from(&message.id);
        }
        (std::mem::take(&mut self.has_data) == HasData::Yes).then_some(message)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str = "\u{feff}: hello\nretry: 1500\n\nid: 7\nevent: entry\ndata: {\"a\":\ndata: 1}\n\n\
                          data\n\n: beat\n\r\nid:9\rdata:x\r\revent: none\n\nid: 10\n\ndata: begun";

    fn read(pieces: &[&[u8]]) -> (Vec<Message>, Parser) {
        let (mut parser, mut messages) = (Parser::default(), Vec::new());
        for piece in pieces {
            parser.push(piece, &mut messages).expect("short messages");
        }
        (messages, parser)
    }

    fn message(event: &str, data: &str, id: Option<&str>) -> Message {
        Message { event: event.into(), data: data.into(), id: id.map(str::to_owned) }
    }

    #[test]
    fn messages_as_the_standard_has_them() {
        let (messages, parser) = read(&[STREAM.as_bytes()]);
        let expected = [message("entry", "{\"a\":\n1}", Some("7")), message("", "", None), message("", "x", Some("9"))];
        assert_eq!(messages, expected);
        assert_eq!(parser.last_id(), Some("10"));
        assert_eq!(parser.retry(), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn a_message_without_an_end_is_refused() {
        let (mut parser, mut messages) = (Parser::default(), Vec::new());
        let line = [b"data: ", &[b'x'; 1024][..], b"\n"].concat();
        let refused = (0..4096).any(|_| parser.push(&line, &mut messages).is_err());
        assert!(refused && messages.is_empty());
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(cuts in proptest::collection::vec(0..STREAM.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &STREAM.as_bytes()[cut[0]..cut[1]]).collect();
            prop_assert_eq!(read(&pieces).0, read(&[STREAM.as_bytes()]).0);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            read(&[&bytes]);
        }
    }
}
