//! Messages of syslog over TCP and TLS, for collectors such as rsyslog, syslog-ng and those of SIEMs.
//!
//! Nobody acknowledges a message of syslog. What was written last may be lost with the connection, so it is kept for a
//! while and written again where the connection broke.
//!
//! Source: RFC 5424 (messages), RFC 5425 (TLS), RFC 6587 (TCP).

mod connection;
mod message;
mod unsure;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use deedbook_core::{Entry, Result};
use serde::Deserialize;
use serde_json::Value;

use self::connection::{Connection, Peer, Transport};
use self::message::Header;
use self::unsure::Unsure;
use super::{Failure, Sink, Writer};
use crate::settings::{Place, bounded, host_and_port, own_certificate, parse, wrong};

/// The number of an enterprise that stands for none (RFC 5612).
const NO_ENTERPRISE: u32 = 32_473;

/// The longest message where nothing else is said. Beyond 200,000 bytes rsyslog takes the length before a message for a
/// part of it, and no longer knows where it ends.
const MESSAGE_KIB_MAX: u64 = 192;

/// `syslog = { address = "logs.example:6514", facility = "audit" }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    address: String,
    #[serde(default)]
    transport: TransportWord,
    #[serde(default)]
    framing: Framing,
    facility: Option<String>,
    hostname: Option<String>,
    app_name: Option<String>,
    enterprise_number: Option<u32>,
    #[serde(default)]
    bom: ByteOrderMark,
    message_kib_max: Option<u64>,
    server_name: Option<String>,
    ca_file: Option<PathBuf>,
    certificate_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TransportWord {
    #[default]
    Tls,
    Tcp,
}

/// Where a message ends.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Framing {
    /// Its length stands before it.
    #[default]
    OctetCounting,
    /// A line feed stands behind it.
    Newline,
}

/// Whether the text of a message begins with U+FEFF.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "bool")]
enum ByteOrderMark {
    #[default]
    Absent,
    Present,
}

impl From<bool> for ByteOrderMark {
    fn from(is_present: bool) -> Self {
        if is_present { Self::Present } else { Self::Absent }
    }
}

pub(crate) fn make(settings: Value, place: &Place<'_>) -> Result<Box<dyn Sink>> {
    Ok(Box::new(SyslogSink::read(settings, place)?))
}
impl Settings {
    fn peer(self, folder: &Path) -> Result<Peer> {
        let (host, port) = host_and_port("address", &self.address)?;
        let transport = match self.transport {
            TransportWord::Tls => Transport::Tls {
                server_name: self.server_name.unwrap_or_else(|| host.clone()),
                authority: self.ca_file.map(|file| folder.join(file)),
                own: own_certificate(self.certificate_file.as_deref(), self.key_file.as_deref(), folder)?,
            },
            TransportWord::Tcp => {
                let secured = [
                    ("server_name", self.server_name.is_some()),
                    ("ca_file", self.ca_file.is_some()),
                    ("certificate_file", self.certificate_file.is_some()),
                    ("key_file", self.key_file.is_some()),
                ];
                if let Some((name, _)) = secured.into_iter().find(|(_, is_there)| *is_there) {
                    return Err(wrong(format!("{name} has no use with transport = \"tcp\", which is not encrypted")));
                }
                Transport::Tcp
            }
        };
        Peer::new(host, port, transport)
    }
}

struct SyslogSink {
    header: Header,
    framing: Framing,
    message_bytes_max: usize,
    write: Writer,
    peer: Peer,
    open: Option<Connection>,
    unsure: Unsure,
}

impl SyslogSink {
    fn read(settings: Value, place: &Place<'_>) -> Result<Self> {
        let settings: Settings = parse(settings)?;
        let header = Header::new(
            settings.facility.as_deref().unwrap_or("audit"),
            settings.hostname.clone(),
            settings.app_name.as_deref().unwrap_or("deedbook"),
            settings.enterprise_number.unwrap_or(NO_ENTERPRISE),
            settings.bom,
        )?;
        let message_kib_max =
            bounded("message_kib_max", settings.message_kib_max.unwrap_or(MESSAGE_KIB_MAX), 64 << 10)?;
        Ok(Self {
            header,
            framing: settings.framing,
            message_bytes_max: (message_kib_max as usize) << 10,
            write: place.format().writer(),
            peer: settings.peer(place.folder)?,
            open: None,
            unsure: Unsure::default(),
        })
    }

    /// The messages of a batch, framed.
    fn frames(&self, entries: &[Entry]) -> std::result::Result<Vec<u8>, Failure> {
        let (mut frames, mut message) = (Vec::new(), Vec::new());
        for entry in entries {
            message.clear();
            self.header.write(entry, &mut message);
            (self.write)(entry, &mut message);
            if message.len() > self.message_bytes_max {
                let why = format!("a message of {} bytes is more than message_kib_max allows", message.len());
                return Err(Failure::Refused { why });
            }
            match self.framing {
                Framing::OctetCounting => {
                    frames.extend_from_slice(format!("{} ", message.len()).as_bytes());
                    frames.append(&mut message);
                }
                Framing::Newline => {
                    frames.append(&mut message);
                    frames.push(b'\n');
                }
            }
        }
        Ok(frames)
    }

    fn send(&mut self, frames: Vec<u8>) -> io::Result<()> {
        let mut connection = self.connection()?;
        connection.send(&frames)?;
        // What breaks at once is told at once: a connection that was refused, a certificate that was not liked.
        connection.look()?;
        self.unsure.sent(frames, Instant::now());
        self.open = Some(connection);
        Ok(())
    }

    /// The connection, where it is still there, else a new one, over which what may be lost was sent again.
    fn connection(&mut self) -> io::Result<Connection> {
        if let Some(mut open) = self.open.take()
            && open.look().is_ok()
        {
            self.unsure.survived(Instant::now());
            return Ok(open);
        }
        let mut connection = self.peer.connect()?;
        for batch in self.unsure.batches() {
            connection.send(batch)?;
        }
        self.unsure.sent_again(Instant::now());
        Ok(connection)
    }
}

impl Sink for SyslogSink {
    fn deliver(&mut self, entries: &[Entry]) -> std::result::Result<(), Failure> {
        let frames = self.frames(entries)?;
        self.send(frames).map_err(|error| Failure::later(self.peer.told(&error)))
    }
}

#[cfg(test)]
mod tests;
