//! HTTP as peers speak it, by hand, and the dialect of every sink that posts bodies.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use std::net::SocketAddr;
use std::path::Path;

use deedbook_core::serde_json::{Value, json};
use deedbook_deliver::{Settings, Sink};
use flate2::read::GzDecoder;

use super::{BUSY, Connection, Dialect, Id, Message, Says, TIMEOUT};

/// Where the secrets of the sinks are.
pub(crate) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// A request, whole.
pub(crate) struct Request {
    /// `POST /path HTTP/1.1`.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// Decompressed.
    pub(crate) body: Vec<u8>,
}

/// Reads a request; `None` where the connection ends before one.
pub(crate) fn read(connection: &mut Connection) -> io::Result<Option<Request>> {
    let line = line(connection)?;
    if line.is_empty() {
        return Ok(None);
    }
    let mut headers = BTreeMap::new();
    loop {
        let header = self::line(connection)?;
        let Some((name, value)) = header.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
    connection.reader.read_exact(&mut body)?;
    if headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        let mut decompressed = Vec::new();
        GzDecoder::new(&body[..]).read_to_end(&mut decompressed)?;
        body = decompressed;
    }
    Ok(Some(Request { line, headers, body }))
}

fn line(connection: &mut Connection) -> io::Result<String> {
    let mut line = String::new();
    connection.reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// An answer.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Answered\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into()
}

/// The id of an entry in JSON.
pub(crate) fn id(entry: &Value) -> Id {
    let text = |name: &str| entry[name].as_str().unwrap().to_owned();
    (text("tenant"), text("id"))
}

/// What a sink that posts bodies must tell of its peers.
pub(crate) trait Post: Send + Sync + 'static {
    /// The name of its kind, and its own settings but `url` and `timeout_s`.
    fn kind(&self) -> (&'static str, Value);

    /// The entries of a request, which must be as the peer wants it.
    fn entries(&self, request: &Request) -> Vec<Id>;

    /// The status and the body of an answer, where it is not the status alone.
    fn says(&self, says: &Says, message: &Message) -> Option<(u16, String)>;

    /// As [`Dialect::takes_the_rest`].
    fn takes_the_rest(&self) -> bool {
        false
    }
}

/// A sink of this kind, made as an operator makes it.
pub(crate) fn sink(post: &impl Post, address: SocketAddr) -> Box<dyn Sink> {
    let (kind, mut own) = post.kind();
    own["url"] = format!("http://{address}/").into();
    own["timeout_s"] = TIMEOUT.as_secs().into();
    let table = json!({ "name": "sink", kind: own });
    Settings::read(table, Path::new(FOLDER)).unwrap().sink
}

/// The dialect of a sink that posts bodies.
pub(crate) struct Http<P>(pub(crate) P);

impl<P: Post> Dialect for Http<P> {
    fn sink(&self, address: SocketAddr) -> Box<dyn Sink> {
        sink(&self.0, address)
    }

    fn read(&self, connection: &mut Connection) -> io::Result<Option<Message>> {
        let Some(request) = read(connection)? else { return Ok(None) };
        Ok(Some(Message { entries: self.0.entries(&request) }))
    }

    fn answer(&self, says: &Says, message: &Message) -> Option<Vec<u8>> {
        let usual = match says {
            Says::Taken => 200,
            Says::Refused(_) => 400,
            Says::TooLarge => 413,
            Says::Busy => 429,
            Says::Failed => 500,
            Says::Unavailable => 503,
        };
        let headers = match says {
            Says::Busy => format!("Retry-After: {}\r\n", BUSY.as_secs()),
            _ => String::new(),
        };
        let (status, body) = self.0.says(says, message).unwrap_or((usual, String::new()));
        Some(answer(status, &headers, &body))
    }

    fn takes_the_rest(&self) -> bool {
        self.0.takes_the_rest()
    }
}
