//! A collector of syslog, which says nothing.

use std::io::{self, BufRead, Read};
use std::net::SocketAddr;
use std::path::Path;

use deedbook_core::serde_json::{from_str, json};
use deedbook_deliver::{Settings, Sink};

use super::http::id;
use super::{Connection, Dialect, Message, Says, run};

struct Syslog;

impl Dialect for Syslog {
    fn sink(&self, address: SocketAddr) -> Box<dyn Sink> {
        let syslog = json!({ "address": address.to_string(), "transport": "tcp" });
        Settings::read(json!({ "name": "sink", "syslog": syslog }), Path::new("/")).unwrap().sink
    }

    fn read(&self, connection: &mut Connection) -> io::Result<Option<Message>> {
        let mut length = Vec::new();
        if connection.reader.read_until(b' ', &mut length)? == 0 {
            return Ok(None);
        }
        let length = String::from_utf8(length).unwrap().trim_end().parse().unwrap();
        let mut message = vec![0; length];
        connection.reader.read_exact(&mut message)?;
        let message = String::from_utf8(message).unwrap();
        let (_, record) = message.split_once("] ").unwrap();
        Ok(Some(Message { entries: vec![id(&from_str(record).unwrap())] }))
    }

    fn answer(&self, says: &Says, _: &Message) -> Option<Vec<u8>> {
        (*says == Says::Taken).then(Vec::new)
    }

    fn confirms(&self) -> bool {
        false
    }
}

#[test]
fn messages() {
    run(Syslog);
}
