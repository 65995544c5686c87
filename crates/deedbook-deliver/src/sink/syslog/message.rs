//! What stands before the record of an entry in a message of syslog, without IO.
//!
//! Source: RFC 5424, section 6.

use std::fmt::Write;

use deedbook_core::visible::push_visible;
use deedbook_core::{Entry, Outcome, Result, rfc3339};

use super::ByteOrderMark;
use crate::format::line::cut;
use crate::format::type_and_id;
use crate::settings::wrong;

/// The names of the facilities, each at its number (RFC 5424, table 1).
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

/// Characters of HOSTNAME, APP-NAME and MSGID.
const HOSTNAME_MAX: usize = 255;
const APP_NAME_MAX: usize = 48;
const MSGID_MAX: usize = 32;

/// Bytes of a parameter before it is escaped. The record has the whole value.
const PARAMETER_BYTES_MAX: usize = 255;

/// What is the same for every message of a sink.
pub(super) struct Header {
    facility: u8,
    hostname: String,
    app_name: String,
    enterprise_number: u32,
    bom: ByteOrderMark,
}

impl Header {
    /// # Errors
    /// An unknown facility; a name that cannot be one.
    pub(super) fn new(
        facility: &str,
        hostname: Option<String>,
        app_name: &str,
        enterprise_number: u32,
        bom: ByteOrderMark,
    ) -> Result<Self> {
        let number = FACILITIES.iter().position(|name| *name == facility);
        let number =
            number.ok_or_else(|| wrong(format!("facility = {facility:?}: take one of {}", FACILITIES.join(", "))))?;
        if let Some(hostname) = &hostname {
            check("hostname", hostname, HOSTNAME_MAX)?;
        }
        check("app_name", app_name, APP_NAME_MAX)?;
        let hostname = hostname.unwrap_or_else(|| printable(rustix::system::uname().nodename().to_str().ok()));
        Ok(Self { facility: number as u8, hostname, app_name: app_name.to_owned(), enterprise_number, bom })
    }

    /// Appends everything before the record.
    pub(super) fn write(&self, entry: &Entry, out: &mut Vec<u8>) {
        let mut text = format!(
            "<{}>1 {} {} {} - {} ",
            self.facility * 8 + severity(entry),
            rfc3339(entry.occurred_at()),
            self.hostname,
            self.app_name,
            &entry.event.action[..entry.event.action.floor_char_boundary(MSGID_MAX)],
        );
        self.write_data(entry, &mut text);
        text.push_str(if self.bom == ByteOrderMark::Present { " \u{feff}" } else { " " });
        out.extend_from_slice(text.as_bytes());
    }

    /// The structured data: what rules of a collector go by without reading the record.
    fn write_data(&self, entry: &Entry, text: &mut String) {
        let actor = type_and_id(&entry.event.actor);
        let parameters = [
            ("tenant", entry.receipt.tenant.as_str()),
            ("id", &entry.receipt.id),
            ("actor", &actor),
            ("outcome", entry.event.outcome.unwrap_or(Outcome::Success).as_str()),
        ];
        // Writing to a String cannot fail.
        let _ = write!(text, "[deedbook@{}", self.enterprise_number);
        for (name, value) in parameters {
            let _ = write!(text, " {name}=\"");
            for character in cut(value, PARAMETER_BYTES_MAX).chars() {
                if matches!(character, '"' | '\\' | ']') {
                    text.push('\\');
                }
                push_visible(text, character);
            }
            text.push('"');
        }
        text.push(']');
    }
}

/// Informational for what went well, notice where nobody knows, warning for a failure or a denial.
fn severity(entry: &Entry) -> u8 {
    match entry.event.outcome.unwrap_or(Outcome::Success) {
        Outcome::Success => 6,
        Outcome::Unknown => 5,
        Outcome::Failure | Outcome::Denied => 4,
    }
}

fn check(what: &str, name: &str, characters_max: usize) -> Result<()> {
    if name.is_empty() || name.len() > characters_max || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        let rule = format!("take 1 to {characters_max} characters of ASCII without spaces");
        return Err(wrong(format!("{what} = {name:?}: {rule}")));
    }
    Ok(())
}

/// The name of this machine as a HOSTNAME; `-` where it has none that can be one.
fn printable(name: Option<&str>) -> String {
    name.filter(|name| check("hostname", name, HOSTNAME_MAX).is_ok()).unwrap_or("-").to_owned()
}

#[cfg(test)]
mod tests {
    use deedbook_core::{Actor, Timestamp};

    use super::*;
    use crate::trial::entries;

    fn header(bom: ByteOrderMark) -> Header {
        Header::new("local3", Some("host.example".into()), "books", 32_473, bom).expect("a header")
    }

    fn written(header: &Header, change: impl FnOnce(&mut Entry)) -> String {
        let mut entry = entries(7..8).remove(0);
        change(&mut entry);
        let mut out = Vec::new();
        header.write(&entry, &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_header_is_that_of_the_rfc() {
        assert_eq!(
            written(&header(ByteOrderMark::Absent), |_| ()),
            "<158>1 1970-01-01T00:00:00.000000Z host.example books - thing.made \
             [deedbook@32473 tenant=\"acme\" id=\"evt_7\" actor=\"user:ada\" outcome=\"success\"] "
        );
        assert!(written(&header(ByteOrderMark::Present), |_| ()).ends_with("] \u{feff}"));
    }

    #[test]
    fn outcomes_are_severities() {
        for (outcome, priority) in
            [(Outcome::Success, 158), (Outcome::Unknown, 157), (Outcome::Failure, 156), (Outcome::Denied, 156)]
        {
            let text = written(&header(ByteOrderMark::Absent), |entry| entry.event.outcome = Some(outcome));
            assert!(text.starts_with(&format!("<{priority}>1 ")), "{text}");
            assert!(text.contains(&format!("outcome=\"{}\"", outcome.as_str())), "{text}");
        }
    }

    #[test]
    fn the_time_is_that_of_the_act() {
        let at = Timestamp::from_microsecond(1_790_000_000_000_001).expect("an instant");
        let text = written(&header(ByteOrderMark::Absent), |entry| entry.event.occurred_at = Some(at));
        assert!(text.starts_with("<158>1 2026-09-21T14:13:20.000001Z "), "{text}");
    }

    #[test]
    fn text_of_strangers_stays_within_its_parameter() {
        let hostile = "a\" x=\"]\\\n<1>1 \u{202e}é";
        let text = written(&header(ByteOrderMark::Absent), |entry| entry.event.actor = Actor::new("user", hostile));
        assert!(text.contains(r#" actor="user:a\" x=\"\]\\␊<1>1 <U+202E>é" outcome="#), "{text}");
        let text = written(&header(ByteOrderMark::Absent), |entry| {
            entry.event.actor = Actor::new("user", "é".repeat(500));
            entry.event.action = "a".repeat(20) + "." + &"b".repeat(20);
        });
        assert!(text.contains(&format!(" actor=\"user:{}…\" ", "é".repeat(123))), "{text}");
        assert!(text.contains(&format!(" - {}.{} [", "a".repeat(20), "b".repeat(11))), "{text}");
        let nobody = |entry: &mut Entry| entry.event.actor = Actor::without_id("system");
        assert!(written(&header(ByteOrderMark::Absent), nobody).contains(" actor=\"system\" "));
    }

    #[test]
    fn a_machine_without_a_usable_name_has_none() {
        assert_eq!(printable(Some("db-1.example")), "db-1.example");
        for unusable in [None, Some(""), Some("a b"), Some("é")] {
            assert_eq!(printable(unusable), "-");
        }
    }
}
