//! A server in a process of its own, and a client that keeps its connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

/// The administrator's token of every test.
pub(crate) const ADMIN: &str = "an-administrators-token-of-32-or-more-characters";

/// `deedbook serve` on a directory; killed when it is dropped.
pub(crate) struct Served {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
    /// What it printed up to its address.
    pub(crate) greeting: String,
}

impl Served {
    /// Starts it and waits until it listens; `arguments` come after the program.
    pub(crate) fn start(mut command: Command, arguments: &[&str]) -> Self {
        command.args(arguments).args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut greeting = String::new();
        let address = loop {
            let before = greeting.len();
            assert!(stdout.read_line(&mut greeting).expect("text") > 0, "it ended: {greeting}");
            if let Some((_, address)) = greeting[before..].split_once(" at http://") {
                break address.trim().parse().expect("an address");
            }
        };
        Self { child, stdout, address, greeting }
    }

    /// Starts it on `directory` with the token of every test.
    pub(crate) fn on(directory: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deedbook"));
        command.env("DEEDBOOK_ADMIN_TOKEN", ADMIN).arg("--data").arg(directory);
        Self::start(command, &["serve"])
    }

    /// The line that comes next.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("text");
        line
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it without warning.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Tells it to end and waits for it.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
        self.child.wait().expect("it ends")
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address).expect("it listens")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection that is kept.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request and reads the answer: its status and body. An answer that has no length is read to its end.
    pub(crate) fn send(&mut self, method: &str, path: &str, token: &str, body: &str) -> std::io::Result<(u16, String)> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: log.example\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.and_then(|length| length.parse().ok()).expect("a length")];
        self.0.read_exact(&mut body)?;
        Ok((status, String::from_utf8(body).expect("text")))
    }

    /// Sends a request of the administrator that must succeed.
    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Value {
        let (status, body) = self.send("GET", path, ADMIN, "").expect("an answer");
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).expect("JSON")
    }
}
