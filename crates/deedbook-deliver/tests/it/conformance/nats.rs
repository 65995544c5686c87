//! A server of NATS with a stream, whose protocol is lines.

use std::collections::HashMap;
use std::io::{self, BufRead, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use deedbook_core::serde_json::{Value, json};
use deedbook_deliver::{Settings, Sink};

use super::{Connection, Dialect, Id, Message, Says, TIMEOUT, run};

/// After what silence a batch is taken for whole: each entry of it is a message of its own.
const SILENCE: Duration = Duration::from_millis(50);

#[derive(Default)]
struct Nats {
    /// The numbers of subscriptions, by their subjects without the last token.
    subscriptions: Mutex<HashMap<String, String>>,
    /// Where the acknowledgement of an entry is expected.
    replies: Mutex<HashMap<Id, String>>,
}

impl Nats {
    /// Answers a line; the entry, where it is one that publishes.
    fn line(&self, connection: &mut Connection, line: &str) -> io::Result<Option<Id>> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["PING"] => connection.writer.write_all(b"PONG\r\n")?,
            ["SUB", subject, number] => {
                let prefix = subject.trim_end_matches('*').to_owned();
                self.subscriptions.lock().unwrap().insert(prefix, number.to_owned());
            }
            ["HPUB", subject, reply, headers, all] => {
                let mut content = vec![0; all.parse::<usize>().unwrap() + 2];
                connection.reader.read_exact(&mut content)?;
                let headers = String::from_utf8_lossy(&content[..headers.parse().unwrap()]).into_owned();
                let id = headers.lines().find_map(|line| line.strip_prefix("Nats-Msg-Id: ")).unwrap();
                let (tenant, id) = id.split_once('/').unwrap();
                assert_eq!(subject, format!("audit.{tenant}.thing.made"));
                let id = (tenant.to_owned(), id.to_owned());
                self.replies.lock().unwrap().insert(id.clone(), reply.to_owned());
                return Ok(Some(id));
            }
            _ => assert!(line.starts_with("CONNECT "), "{line}"),
        }
        Ok(None)
    }

    fn acknowledgement(&self, entry: &Id, said: &Value) -> Vec<u8> {
        let replies = self.replies.lock().unwrap();
        let reply = replies.get(entry).map_or("", String::as_str);
        let subscriptions = self.subscriptions.lock().unwrap();
        let number =
            subscriptions.iter().find(|(prefix, _)| reply.starts_with(*prefix)).map_or("", |(_, number)| number);
        let said = said.to_string();
        format!("MSG {reply} {number} {}\r\n{said}\r\n", said.len()).into()
    }
}

/// Whether more comes before the silence.
fn goes_on(connection: &mut Connection) -> io::Result<bool> {
    connection.writer.set_read_timeout(Some(SILENCE))?;
    let more = match connection.reader.fill_buf() {
        Ok(bytes) => !bytes.is_empty(),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
        Err(error) => return Err(error),
    };
    connection.writer.set_read_timeout(None)?;
    Ok(more)
}

impl Dialect for Nats {
    fn sink(&self, address: SocketAddr) -> Box<dyn Sink> {
        let nats = json!({ "servers": [address.to_string()], "timeout_s": TIMEOUT.as_secs() });
        Settings::read(json!({ "name": "sink", "nats": nats }), Path::new("/")).unwrap().sink
    }

    fn greeting(&self) -> Vec<u8> {
        let info = json!({
            "server_id": "peer", "server_name": "peer", "version": "2.15.0", "go": "", "host": "127.0.0.1", "port": 4222,
            "headers": true, "max_payload": 1 << 20, "proto": 1, "client_id": 1, "jetstream": true,
        });
        format!("INFO {info}\r\n").into()
    }

    fn read(&self, connection: &mut Connection) -> io::Result<Option<Message>> {
        let mut entries = Vec::new();
        while entries.is_empty() || goes_on(connection)? {
            let mut line = String::new();
            if connection.reader.read_line(&mut line)? == 0 {
                break;
            }
            entries.extend(self.line(connection, line.trim_end())?);
        }
        Ok((!entries.is_empty()).then_some(Message { entries }))
    }

    fn answer(&self, says: &Says, message: &Message) -> Option<Vec<u8>> {
        let error =
            |code: u16, number: u16| json!({ "error": { "code": code, "err_code": number, "description": "no" } });
        let taken = json!({ "stream": "audit", "seq": 1 });
        let said = |entry: &Id| match says {
            Says::Taken => Some(taken.clone()),
            Says::Refused(refused) => Some(if refused.contains(entry) { error(400, 10_054) } else { taken.clone() }),
            Says::Failed => Some(error(500, 10_077)),
            Says::Unavailable => Some(error(503, 10_008)),
            Says::TooLarge | Says::Busy => None,
        };
        let answers = message.entries.iter().map(|entry| Some(self.acknowledgement(entry, &said(entry)?)));
        answers.collect::<Option<Vec<_>>>().map(|answers| answers.concat())
    }

    fn takes_the_rest(&self) -> bool {
        true
    }
}

#[test]
fn messages() {
    run(Nats::default());
}
