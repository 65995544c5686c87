//! An rsyslog in a temporary directory, which writes what it gets into a file. It listens on loopback alone and ends
//! with the process that started it, even where that is killed.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use deedbook_core::serde_json::{Value, from_str};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

/// Where Debian puts the program, which is not on the PATH of everybody.
const PROGRAM: &str = "/usr/sbin/rsyslogd";

/// Starts the server and sends it the signal that is written to its standard input; SIGKILL where that ends without one.
const KEEPER: &str = r#""$@" & server=$!; read -r signal; kill -"${signal:-KILL}" $server; wait $server"#;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Rsyslog {
    directory: TempDir,
    listening: Listening,
    port: u16,
    running: Option<Child>,
}

/// How it listens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listening {
    Tcp,
    Tls,
    /// It wants a certificate of whoever comes.
    MutualTls,
}

/// How it is stopped.
#[derive(Clone, Copy)]
pub(crate) enum Halt {
    Orderly,
    Killed,
}

impl Rsyslog {
    /// A running one; `None`, said aloud, where rsyslog is not installed.
    pub(crate) fn start(test: &str, listening: Listening) -> Option<Self> {
        if !Path::new(PROGRAM).is_file() {
            let why = "there is no /usr/sbin/rsyslogd: install rsyslog and rsyslog-openssl";
            deedbook_testkit::skipped(test, why);
            assert!(std::env::var_os("CI").is_none(), "SKIPPED {test}: {why}");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        certificates(directory.path());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { directory, listening, port, running: None };
        server.restart();
        Some(server)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A file in its directory: `ca.pem`, `client.pem`, `client.key`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts it where it was stopped; on the same port.
    pub(crate) fn restart(&mut self) {
        fs::write(self.file("conf"), self.configuration()).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh", PROGRAM, "-n", "-iNONE", "-f"]).arg(self.file("conf"));
        let log = fs::File::options().append(true).create(true).open(self.file("log")).unwrap();
        command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        self.running = Some(command.spawn().unwrap());
        self.wait(|server| TcpStream::connect(("127.0.0.1", server.port)).ok());
    }

    pub(crate) fn stop(&mut self, halt: Halt) {
        let Some(mut child) = self.running.take() else { return };
        let signal = match halt {
            Halt::Orderly => "TERM\n",
            Halt::Killed => "KILL\n",
        };
        child.stdin.take().unwrap().write_all(signal.as_bytes()).unwrap();
        child.wait().unwrap();
    }

    /// The messages that arrived, once there are so many.
    pub(crate) fn messages(&self, count: usize) -> Vec<Value> {
        self.until(|messages| messages.len() >= count)
    }

    /// The messages that arrived, once `done` is content with them.
    pub(crate) fn until(&self, done: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        self.wait(|server| Some(server.arrived()).filter(|messages| done(messages)))
    }

    fn arrived(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.file("out")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        // A server that was killed may have written a part of a line.
        whole.lines().filter_map(|line| from_str(line).ok()).collect()
    }

    fn wait<T>(&self, found: impl Fn(&Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            let log = || fs::read_to_string(self.file("log")).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "rsyslog does not do what it should: {}", log());
            sleep(Duration::from_millis(20));
        }
    }

    fn configuration(&self) -> String {
        let at = |name: &str| self.file(name).display().to_string();
        let tls = match self.listening {
            Listening::Tcp => String::new(),
            Listening::Tls => {
                r#"streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon""#.to_owned()
            }
            Listening::MutualTls => {
                r#"streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid""#.to_owned()
            }
        };
        let properties = ["pri", "timereported", "hostname", "app-name", "procid", "msgid", "structured-data", "msg"];
        let properties = properties.map(|name| {
            let date = if name == "timereported" { r#" dateFormat="rfc3339""# } else { "" };
            format!(r#"property(outname="{name}" name="{name}" format="jsonf"{date})"#)
        });
        format!(
            r#"
global(workDirectory="{work}" maxMessageSize="1m" parser.escapeControlCharactersOnReceive="off"
       defaultNetstreamDriverCAFile="{authority}" defaultNetstreamDriverCertFile="{certificate}"
       defaultNetstreamDriverKeyFile="{key}")
main_queue(queue.type="Direct")
module(load="imtcp" maxFrameSize="1000000" {tls})
input(type="imtcp" address="127.0.0.1" port="{port}")
template(name="line" type="list" option.jsonf="on") {{ {properties} }}
action(type="omfile" file="{out}" template="line")
"#,
            work = self.directory.path().display(),
            authority = at("ca.pem"),
            certificate = at("server.pem"),
            key = at("server.key"),
            port = self.port,
            properties = properties.join("\n"),
            out = at("out"),
        )
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        self.stop(Halt::Killed);
    }
}

/// An authority, and what it says of a server on loopback and of a client.
fn certificates(directory: &Path) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(directory.join("ca.pem"), authority.pem()).unwrap();
    for (name, host) in [("server", "127.0.0.1"), ("client", "deedbook.example")] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &authority).unwrap();
        fs::write(directory.join(format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(directory.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}
