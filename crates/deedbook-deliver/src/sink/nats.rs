//! Messages of a stream of NATS JetStream, one for each entry.

mod subject;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{ConnectOptions, ServerAddr};
use deedbook_core::{Entry, Result};
use serde::Deserialize;
use serde_json::Value;

use self::subject::Subject;
use super::{ClientRuntime, Failure, Sink, Writer, chain};
use crate::secret::{Secret, SecretPlace};
use crate::settings::{Place, bounded, own_certificate, parse, wrong};

/// How long a server may take to let in and to acknowledge a message, in seconds, where nothing else is said.
const TIMEOUT_S: u64 = 10;

/// The longest time that may be said.
const TIMEOUT_S_MAX: u64 = 300;

/// How many such times a batch may take.
const TIMEOUTS_MAX: u32 = 6;

/// A connection that was not used for so long is made anew: nobody answered the server's pings meanwhile, for the client
/// runs only while it delivers. The server waits for minutes.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// Messages that wait for their acknowledgements at once, well below what the client allows.
const UNACKNOWLEDGED_MAX: usize = 1_000;

/// `nats = { servers = ["nats://one.example:4222"], subject = "audit.{tenant}.{action}" }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    servers: Vec<String>,
    subject: Option<String>,
    credentials_file: Option<PathBuf>,
    token: Option<SecretPlace>,
    user: Option<String>,
    password: Option<SecretPlace>,
    ca_file: Option<PathBuf>,
    certificate_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    timeout_s: Option<u64>,
}

pub(crate) fn make(settings: Value, place: &Place<'_>) -> Result<Box<dyn Sink>> {
    let settings: Settings = parse(settings)?;
    let subject = settings.subject.as_deref().unwrap_or("audit.{tenant}.{action}").parse()?;
    let servers = settings.servers.iter().map(|server| address(server)).collect::<Result<Vec<_>>>()?;
    if servers.is_empty() {
        return Err(wrong("servers is empty: name at least one, such as \"nats://one.example:4222\""));
    }
    let timeout = Duration::from_secs(bounded("timeout_s", settings.timeout_s.unwrap_or(TIMEOUT_S), TIMEOUT_S_MAX)?);
    let (login, tls) = (settings.login(place.folder)?, settings.tls(place.folder)?);
    let cluster = Cluster { servers, login, tls, timeout };
    let stream = Stream { cluster, subject, write: place.format().writer(), connection: None };
    Ok(Box::new(NatsSink { stream, runtime: ClientRuntime::default() }))
}

fn address(server: &str) -> Result<ServerAddr> {
    let address: ServerAddr = server.parse().map_err(|_| {
        // It is not repeated: a password may be in it.
        wrong("a server cannot be read: write nats://HOST:PORT, or tls://HOST:PORT")
    })?;
    if address.has_user_pass() {
        return Err(wrong("a server has a password in its address: give user and password, or a token"));
    }
    Ok(address)
}

impl Settings {
    fn login(&self, folder: &Path) -> Result<Login> {
        match (&self.credentials_file, &self.token, &self.user, &self.password) {
            (None, None, None, None) => Ok(Login::Nobody),
            (Some(file), None, None, None) => Ok(Login::Credentials(folder.join(file))),
            (None, Some(token), None, None) => Ok(Login::Token(token.read(folder)?)),
            (None, None, Some(user), Some(password)) => Ok(Login::Password(user.clone(), password.read(folder)?)),
            _ => Err(wrong("take one of credentials_file, token, or user with password")),
        }
    }

    fn tls(&self, folder: &Path) -> Result<Tls> {
        let own = own_certificate(self.certificate_file.as_deref(), self.key_file.as_deref(), folder)?;
        Ok(Tls { authority: self.ca_file.as_ref().map(|file| folder.join(file)), own })
    }
}

struct NatsSink {
    stream: Stream,
    runtime: ClientRuntime,
}

struct Stream {
    cluster: Cluster,
    subject: Subject,
    write: Writer,
    connection: Option<Connection>,
}

/// Where the servers are, and as whom they are asked.
struct Cluster {
    servers: Vec<ServerAddr>,
    login: Login,
    tls: Tls,
    timeout: Duration,
}

enum Login {
    Nobody,
    /// A file as `nsc` writes it, read at each connection.
    Credentials(PathBuf),
    Token(Secret),
    Password(String, Secret),
}

/// Which authority is trusted beside those of the platform, and what we show.
struct Tls {
    authority: Option<PathBuf>,
    own: Option<(PathBuf, PathBuf)>,
}

struct Connection {
    context: jetstream::Context,
    used_at: Instant,
}

impl Sink for NatsSink {
    fn deliver(&mut self, entries: &[Entry]) -> std::result::Result<(), Failure> {
        let delivery_max = self.stream.cluster.timeout * TIMEOUTS_MAX;
        let published = async { tokio::time::timeout(delivery_max, self.stream.publish(entries)).await };
        self.runtime.block_on(published)?.unwrap_or_else(|_| {
            Err(Failure::later(format!("the servers did not answer within {} seconds", delivery_max.as_secs())))
        })
    }
}

impl Stream {
    /// Publishes all of them, and waits until each is acknowledged.
    async fn publish(&mut self, entries: &[Entry]) -> std::result::Result<(), Failure> {
        let context = self.context().await?;
        for some in entries.chunks(UNACKNOWLEDGED_MAX) {
            let mut waiting = Vec::with_capacity(some.len());
            for entry in some {
                let subject = self.subject.of(entry);
                let sent = context.send_publish(subject.clone(), self.message(entry)).await;
                waiting.push((sent.map_err(|error| failure(&error, &subject))?, subject));
            }
            for (acknowledgement, subject) in waiting {
                acknowledgement.await.map_err(|error| failure(&error, &subject))?;
            }
        }
        // After a failure the connection is not kept.
        self.connection = Some(Connection { context, used_at: Instant::now() });
        Ok(())
    }

    async fn context(&mut self) -> std::result::Result<jetstream::Context, Failure> {
        match self.connection.take() {
            Some(connection) if connection.used_at.elapsed() < IDLE_MAX => Ok(connection.context),
            _ => self.cluster.connect().await,
        }
    }

    fn message(&self, entry: &Entry) -> PublishMessage {
        let mut record = Vec::new();
        (self.write)(entry, &mut record);
        let id = format!("{}/{}", entry.receipt.tenant, entry.receipt.id);
        PublishMessage::build().payload(record.into()).message_id(id)
    }
}

impl Cluster {
    async fn connect(&self) -> std::result::Result<jetstream::Context, Failure> {
        let options = self.options().map_err(Failure::later)?;
        let client = options.connect(&self.servers).await.map_err(|error| Failure::later(chain(&error)))?;
        let mut context = jetstream::new(client);
        context.set_timeout(self.timeout);
        Ok(context)
    }

    fn options(&self) -> std::result::Result<ConnectOptions, String> {
        let options = ConnectOptions::new().name("deedbook").connection_timeout(self.timeout);
        let mut options = match &self.login {
            Login::Nobody => options,
            Login::Credentials(file) => std::fs::read_to_string(file)
                .and_then(|text| options.credentials(&text))
                .map_err(|error| format!("{}: {error}", file.display()))?,
            Login::Token(token) => options.token(token.expose().to_owned()),
            Login::Password(user, password) => options.user_and_password(user.clone(), password.expose().to_owned()),
        };
        if let Some(file) = &self.tls.authority {
            options = options.add_root_certificates(file.clone()).require_tls(true);
        }
        if let Some((certificate, key)) = &self.tls.own {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        Ok(options)
    }
}

/// What a message that was not stored means for the batch.
fn failure(error: &PublishError, subject: &str) -> Failure {
    let refusal = std::error::Error::source(error).and_then(|source| source.downcast_ref::<jetstream::Error>());
    let is_too_large = refusal.is_some_and(|refusal| refusal.error_code() == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM);
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => Failure::Refused { why: chain(error) },
        PublishErrorKind::Other if is_too_large => Failure::Refused { why: chain(error) },
        PublishErrorKind::StreamNotFound => {
            let all = subject.split_once('.').map_or(subject, |(first, _)| first);
            let advice = format!("make one that does, such as `nats stream add audit --subjects '{all}.>'`");
            Failure::later(format!("no stream takes the subject {subject}: {advice}"))
        }
        _ => Failure::later(chain(error)),
    }
}
