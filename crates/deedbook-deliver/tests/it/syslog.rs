//! Messages of syslog at a real rsyslog; without one the tests say SKIPPED.

use std::collections::HashSet;
use std::path::Path;

use deedbook_core::serde_json::{Value, from_str, json};
use deedbook_core::{Actor, Entry, Event};
use deedbook_deliver::{Failure, Format, Settings, Sink};

use crate::rsyslog::{Halt, Listening, Rsyslog};
use crate::samples::{accepted, entries, record};

fn sink(format: &str, syslog: Value) -> Box<dyn Sink> {
    let table = json!({ "name": "siem", "format": format, "syslog": syslog });
    Settings::read(table, Path::new("/")).unwrap().sink
}

fn in_the_clear(server: &Rsyslog) -> Value {
    json!({ "address": format!("127.0.0.1:{}", server.port()), "transport": "tcp", "hostname": "books.example" })
}

fn by_tls(server: &Rsyslog) -> Value {
    json!({ "address": format!("127.0.0.1:{}", server.port()), "ca_file": server.file("ca.pem") })
}

/// Every character that could end a message, begin one, or break its parts.
const HOSTILE: &str = "a\r\nb\0c\u{2028}<34>1 - - - - - -\n118 <34>1 ]\"\\ [x@1 y=\"z\"]\u{1b}[31m\u{feff}é日";

fn hostile() -> Entry {
    let mut event = Event::new("invoice.approved", Actor::new("user", HOSTILE).named(HOSTILE));
    event.reason = Some(HOSTILE.to_owned());
    event.description = Some(HOSTILE.to_owned());
    accepted(1, event)
}

/// As long as an entry becomes.
fn long() -> Entry {
    let mut event = Event::new("invoice.approved", Actor::new("user", "ada"));
    event.metadata.insert("text".to_owned(), "x".repeat(250_000).into());
    accepted(2, event)
}

#[test]
fn a_message_has_the_parts_of_the_rfc() {
    let Some(server) = Rsyslog::start("messages of syslog", Listening::Tcp) else { return };
    let entry = &entries()[0];
    sink("json", in_the_clear(&server)).deliver(std::slice::from_ref(entry)).unwrap();
    let message = &server.messages(1)[0];
    let data =
        "[deedbook@32473 tenant=\"acme\" id=\"evt_AZN7bo8qfDGdXmpLHwwtPg\" actor=\"agent:agt_1\" outcome=\"denied\"]";
    let expected = json!({
        "pri": "108", "timereported": "2026-09-20T14:03:27.481512Z", "hostname": "books.example",
        "app-name": "deedbook", "procid": "-", "msgid": "document.shared", "structured-data": data,
        "msg": record(&Format::Json, entry),
    });
    assert_eq!(message, &expected);
}

#[test]
fn whatever_is_in_an_entry_it_is_one_message() {
    for framing in ["octet-counting", "newline"] {
        for (listening, settings) in [(Listening::Tcp, in_the_clear as fn(&Rsyslog) -> Value), (Listening::Tls, by_tls)]
        {
            let Some(server) = Rsyslog::start("hostile messages of syslog", listening) else { return };
            let mut settings = settings(&server);
            settings["framing"] = framing.into();
            settings["message_kib_max"] = 512.into();
            let mut all = entries();
            all.extend([hostile(), long()]);
            let formats = ["json", "cef", "leef", "template:{reason}"];
            for format in formats {
                sink(format, settings.clone()).deliver(&all).unwrap();
            }
            let messages = server.messages(all.len() * formats.len());
            let mut messages = messages.iter();
            for format in formats {
                for entry in &all {
                    let message = messages.next().unwrap();
                    let expected = record(&format.parse().unwrap(), entry);
                    assert_eq!(message["msg"].as_str().unwrap(), expected, "{format} {framing}");
                    assert!(message["structured-data"].as_str().unwrap().contains(&entry.receipt.id));
                }
            }
            assert_eq!(messages.next(), None);
        }
    }
}

#[test]
fn a_byte_order_mark_stands_before_the_text_where_it_is_wanted() {
    let Some(server) = Rsyslog::start("the byte order mark of syslog", Listening::Tcp) else { return };
    let mut settings = in_the_clear(&server);
    settings["bom"] = true.into();
    sink("template:{action}", settings).deliver(&[hostile()]).unwrap();
    assert_eq!(server.messages(1)[0]["msg"], "\u{feff}invoice.approved");
}

#[test]
fn a_collector_is_trusted_by_its_authority_and_name_alone() {
    let Some(server) = Rsyslog::start("certificates of collectors", Listening::Tls) else { return };
    let refused = |settings: Value| match sink("json", settings).deliver(&entries()) {
        Err(Failure::Later { why, .. }) => assert!(why.contains("invalid peer certificate"), "{why}"),
        other => panic!("{other:?}"),
    };
    let mut other_name = by_tls(&server);
    other_name["server_name"] = "logs.example".into();
    refused(other_name);
    let mut other_authority = by_tls(&server);
    other_authority["ca_file"] = server.file("client.pem").display().to_string().into();
    refused(other_authority);
    sink("json", by_tls(&server)).deliver(&entries()).unwrap();
    server.messages(entries().len());
}

#[test]
fn a_collector_may_want_a_certificate() {
    let Some(server) = Rsyslog::start("certificates for collectors", Listening::MutualTls) else { return };
    let failure = sink("json", by_tls(&server)).deliver(&entries()).unwrap_err();
    assert!(matches!(&failure, Failure::Later { why, .. } if why.contains("127.0.0.1")), "{failure:?}");
    let mut settings = by_tls(&server);
    settings["certificate_file"] = server.file("client.pem").display().to_string().into();
    settings["key_file"] = server.file("client.key").display().to_string().into();
    sink("json", settings).deliver(&entries()).unwrap();
    assert_eq!(server.messages(entries().len()).len(), entries().len());
}

#[test]
fn a_collector_that_starts_anew_misses_nothing() {
    for (halt, listening) in
        [(Halt::Orderly, Listening::Tcp), (Halt::Killed, Listening::Tcp), (Halt::Killed, Listening::Tls)]
    {
        let Some(mut server) = Rsyslog::start("rsyslog starting anew", listening) else { return };
        let settings = if listening == Listening::Tcp { in_the_clear(&server) } else { by_tls(&server) };
        let mut sink = sink("json", settings);
        let all: Vec<Entry> = (0..3_000).map(|number| accepted(number, numbered(number))).collect();
        for (number, batch) in all.chunks(100).enumerate() {
            if number % 10 == 5 {
                server.stop(halt);
                let failure = sink.deliver(batch).unwrap_err();
                assert!(matches!(failure, Failure::Later { .. }), "{failure:?}");
                server.restart();
            }
            sink.deliver(batch).unwrap();
        }
        drop(sink);
        let last = &all[all.len() - 1].receipt.id;
        let arrived = server.until(|messages| ids(messages).contains(last));
        let arrived = ids(&arrived);
        let missing = all.iter().filter(|entry| !arrived.contains(&entry.receipt.id)).count();
        assert_eq!(missing, 0, "of {}", all.len());
    }
}

/// Of whole messages: the one that was on its way when a collector ended may be there in part.
fn ids(messages: &[Value]) -> HashSet<String> {
    let entries = messages.iter().filter_map(|message| from_str::<Value>(message["msg"].as_str()?).ok());
    entries.map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

fn numbered(number: u64) -> Event {
    let mut event = Event::new("invoice.approved", Actor::new("user", "ada"));
    event.id = Some(format!("evt_{number}"));
    event.metadata.insert("text".to_owned(), "x".repeat(300).into());
    event
}
