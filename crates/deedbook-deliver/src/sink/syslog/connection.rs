//! A connection to a collector, in the clear or by TLS, which bounds how long it waits and tells when it is gone.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deedbook_core::Result;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use socket2::{SockRef, TcpKeepalive};

use crate::settings::wrong;

/// How long a connection may take, and the handshake of TLS as long again.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How long the other side may take nothing, and how long what was sent may stay without an acknowledgement of TCP.
const STALL_MAX: Duration = Duration::from_secs(30);

/// How long a batch may take, however steadily it trickles.
const SEND_MAX: Duration = Duration::from_secs(120);

/// How long a new connection by TLS listens whether it is liked: a server judges a client after the client has finished.
const SETTLE: Duration = Duration::from_millis(200);

/// How long an orderly end may take.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// Bytes that wait in the kernel at most (it doubles them): what waits there may be lost.
const SEND_BUFFER_BYTES: usize = 256 << 10;

/// Bytes that are handed over at once.
const PIECE_BYTES: usize = 64 << 10;

/// Where messages go.
pub(super) struct Peer {
    host: String,
    port: u16,
    transport: Transport,
    /// [`STALL_MAX`], which tests shorten.
    pub(super) stall_max: Duration,
}

/// How they go there.
pub(super) enum Transport {
    Tcp,
    Tls {
        /// Whose certificate is expected.
        server_name: String,
        /// The file of the authorities that are trusted; those of the platform where there is none.
        authority: Option<PathBuf>,
        /// The files of our own certificate and its key.
        own: Option<(PathBuf, PathBuf)>,
    },
}

impl Peer {
    /// # Errors
    /// Certificates that cannot be used.
    pub(super) fn new(host: String, port: u16, transport: Transport) -> Result<Self> {
        let peer = Self { host, port, transport, stall_max: STALL_MAX };
        peer.tls().map_err(|error| wrong(error.to_string()))?;
        Ok(peer)
    }

    /// A new connection, which was not refused.
    ///
    /// # Errors
    /// What the operating system and TLS say.
    pub(super) fn connect(&self) -> io::Result<Connection> {
        let socket = self.reach()?;
        let options = SockRef::from(&socket);
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(15)).with_interval(Duration::from_secs(5));
        options.set_tcp_keepalive(&keepalive.with_retries(3))?;
        #[cfg(target_os = "linux")]
        options.set_tcp_user_timeout(Some(self.stall_max))?;
        options.set_send_buffer_size(SEND_BUFFER_BYTES)?;
        socket.set_nodelay(true)?;
        socket.set_write_timeout(Some(self.stall_max))?;
        let mut connection = Connection { socket, tls: self.tls()? };
        connection.shake_hands()?;
        Ok(connection)
    }

    fn reach(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_MAX) {
                Ok(socket) => return Ok(socket),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// TLS that has not begun. Files are read each time, so that renewed certificates are used.
    fn tls(&self) -> io::Result<Option<Box<ClientConnection>>> {
        let Transport::Tls { server_name, authority, own } = &self.transport else { return Ok(None) };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(io::Error::other)?.with_root_certificates(roots(authority.as_deref())?);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key_read = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
                builder
                    .with_client_auth_cert(certificates(certificate)?, key_read)
                    .map_err(|error| unusable(certificate, &error))?
            }
        };
        let name = ServerName::try_from(server_name.clone())
            .map_err(|_| io::Error::other(format!("{server_name:?} is not a name that a certificate can be for")))?;
        let tls = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        Ok(Some(Box::new(tls)))
    }

    /// What went wrong, for people.
    pub(super) fn told(&self, error: &io::Error) -> String {
        let Self { host, port, .. } = self;
        let text = error.to_string();
        if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
            return format!("{host}:{port} does not answer or does not take what is sent ({text})");
        }
        let advice = match text.contains("invalid peer certificate") {
            true => {
                ": its certificate must be for server_name, and of an authority in ca_file or that this machine trusts"
            }
            false => "",
        };
        format!("{host}:{port}: {text}{advice}")
    }
}

/// The authorities in a file, else those of the platform.
fn roots(authority: Option<&Path>) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match authority {
        Some(file) => {
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|error| unusable(file, &error))?;
            }
        }
        // A platform has a few that cannot be used; none at all is an error.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() {
        let advice = "this machine has no certificates of authorities: install them (ca-certificates), or give ca_file";
        return Err(io::Error::other(advice));
    }
    Ok(roots)
}

fn certificates(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| unusable(file, &error))?;
    if certificates.is_empty() {
        return Err(unusable(file, &"there is no certificate in it"));
    }
    Ok(certificates)
}

fn unusable(file: &Path, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", file.display()))
}

/// An open connection, which ends in order when it is dropped.
pub(super) struct Connection {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Connection {
    /// Agrees on keys, and listens for a moment whether it is liked.
    fn shake_hands(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        self.socket.set_read_timeout(Some(CONNECT_MAX))?;
        let begun = Instant::now();
        while tls.is_handshaking() || tls.wants_write() {
            if begun.elapsed() > CONNECT_MAX {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if tls.wants_write() {
                tls.write_tls(&mut self.socket)?;
            } else {
                receive(tls, &mut self.socket)?;
            }
        }
        self.socket.set_read_timeout(Some(SETTLE))?;
        match receive(tls, &mut self.socket) {
            Err(error) if is_silence(&error) => Ok(()),
            heard => heard.map(drop),
        }
    }

    /// Writes all of it. That it arrives, nobody says.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let begun = Instant::now();
        for piece in bytes.chunks(PIECE_BYTES) {
            if begun.elapsed() > SEND_MAX {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match &mut self.tls {
                None => self.socket.write_all(piece)?,
                Some(tls) => {
                    tls.set_buffer_limit(None);
                    tls.writer().write_all(piece)?;
                    while tls.wants_write() {
                        tls.write_tls(&mut self.socket)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads what has come without waiting for more. A collector has nothing to say: this is how its end is seen.
    ///
    /// # Errors
    /// The other side has closed, or the connection is broken.
    pub(super) fn look(&mut self) -> io::Result<()> {
        self.socket.set_nonblocking(true)?;
        let seen = self.drain();
        self.socket.set_nonblocking(false)?;
        seen
    }

    fn drain(&mut self) -> io::Result<()> {
        // Somebody who sends without end is told like somebody who has closed.
        for _ in 0..64 {
            let read = match &mut self.tls {
                Some(tls) => receive(tls, &mut self.socket),
                None => heard(self.socket.read(&mut [0; 4096])),
            };
            match read {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_silence(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("it sends data, which a collector of syslog does not"))
    }

    /// Says that nothing more comes and waits a moment for the other side to have read all of it: whoever closes with
    /// something unread takes back what is on its way.
    fn close(&mut self) -> io::Result<()> {
        self.socket.set_write_timeout(Some(CLOSE_MAX))?;
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            while tls.wants_write() {
                tls.write_tls(&mut self.socket)?;
            }
        }
        self.socket.shutdown(std::net::Shutdown::Write)?;
        self.socket.set_read_timeout(Some(CLOSE_MAX))?;
        let begun = Instant::now();
        while begun.elapsed() < CLOSE_MAX && self.socket.read(&mut [0; 4096])? > 0 {}
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // What is not known to have arrived is sent again by whoever dropped it.
        let _ = self.close();
    }
}

/// Reads once and takes in what was read.
fn receive(tls: &mut ClientConnection, socket: &mut TcpStream) -> io::Result<()> {
    heard(tls.read_tls(socket))?;
    let state = match tls.process_new_packets() {
        Ok(state) => state,
        Err(error) => {
            // The other side is told why, where it still listens.
            let _ = tls.write_tls(socket);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
    };
    io::copy(&mut tls.reader().take(state.plaintext_bytes_to_read() as u64), &mut io::sink())?;
    if state.peer_has_closed() { Err(closed()) } else { Ok(()) }
}

/// That something was read, or that it was the end.
fn heard(read: io::Result<usize>) -> io::Result<()> {
    if read? == 0 { Err(closed()) } else { Ok(()) }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "it has closed the connection")
}

/// Whether there was nothing to read. That the other side has vanished is `TimedOut`, and something else.
fn is_silence(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
