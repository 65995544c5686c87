//! Lines on a stream, such as standard output.

use std::io::Write;

use deedbook_core::{Entry, Result};
use serde::Deserialize;
use serde_json::Value;

use super::{Failure, Sink, Writer};
use crate::settings::{Place, parse};

/// `stdout = {}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {}

pub(crate) fn make(settings: Value, place: &Place<'_>) -> Result<Box<dyn Sink>> {
    let Settings {} = parse(settings)?;
    Ok(Box::new(StreamSink::new(std::io::stdout(), place.format().writer())))
}

/// Writes a line for each entry to a stream and flushes it. That is all that can be said of where they are then: what
/// reads the stream may still lose them.
pub struct StreamSink<W> {
    stream: W,
    write: Writer,
}

impl<W: Write + Send> StreamSink<W> {
    /// Writes to `stream`.
    pub fn new(stream: W, write: Writer) -> Self {
        Self { stream, write }
    }
}

impl<W: Write + Send> Sink for StreamSink<W> {
    fn deliver(&mut self, entries: &[Entry]) -> std::result::Result<(), Failure> {
        let mut lines = Vec::new();
        for entry in entries {
            (self.write)(entry, &mut lines);
            lines.push(b'\n');
        }
        let written = self.stream.write_all(&lines).and_then(|()| self.stream.flush());
        written.map_err(|error| Failure::later(format!("the stream: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{entries, positions};

    #[test]
    fn each_entry_is_a_line() {
        let mut sink = StreamSink::new(Vec::new(), positions());
        sink.deliver(&entries(0..2)).expect("delivered");
        sink.deliver(&entries(2..3)).expect("delivered");
        assert_eq!(sink.stream, b"0\n1\n2\n");
    }

    #[test]
    fn a_stream_that_is_closed_is_tried_again() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let failure = StreamSink::new(Closed, positions()).deliver(&entries(0..1));
        assert!(matches!(failure, Err(Failure::Later { .. })));
    }
}
