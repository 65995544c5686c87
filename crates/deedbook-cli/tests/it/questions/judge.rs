//! What must be in the log after each question has been asked, and what must not.

use serde_json::{Value, json};

use crate::support::Room;

/// Everything that arrived.
pub(super) struct Log(Vec<Value>);

impl Log {
    pub(super) fn of(entries: Vec<Value>) -> Self {
        Self(entries)
    }

    /// The whole log in the directory of `room`, oldest first.
    pub(super) fn read(room: &Room) -> Self {
        room.run(&["export", "ndjson", "--output", "exported"]).exits(0);
        Self(room.read("exported").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
    }

    /// Entries whose first target is this, oldest first.
    fn about(&self, kind: &str, id: &str) -> Vec<&Value> {
        let is_it = |entry: &&Value| entry["targets"][0]["type"] == kind && entry["targets"][0]["id"] == id;
        self.0.iter().filter(is_it).collect()
    }
}

/// One question of one side.
struct Asked<'l> {
    log: &'l Log,
    first: i32,
}

type Verdict = Result<(), String>;

/// Whether `question`, asked with the invoices that begin at `base`, is answered with yes.
pub(super) fn judge(question: usize, base: i32, log: &Log) -> Verdict {
    let number = i32::try_from(question).expect("one of twenty");
    let asked = Asked { log, first: base + number * 1000 };
    match question {
        1 => asked.is_silent().and_then(|()| asked.nothing_was_imported()),
        2 => asked.has(0, &["updated by grace"]).and_then(|()| asked.has(1, &[])),
        3 | 4 | 16 => asked.is_silent(),
        5 => (0..100).try_for_each(|number| {
            asked.changed(number, "created", "/title", &json!(null), &json!(format!("new {number}")))
        }),
        6 => (0..100).try_for_each(|number| {
            asked.changed(number, "updated", "/cents", &json!(4200), &json!(asked.first + number))
        }),
        7 => {
            (0..1000).try_for_each(|number| asked.changed(number, "updated", "/state", &json!("draft"), &json!("sent")))
        }
        8 | 14 => asked.has(0, &["updated by grace"]),
        9 => {
            (0..10).try_for_each(|number| asked.changed(number, "deleted", "/title", &json!("as it was"), &json!(null)))
        }
        10 => asked.only_the_title(),
        11 => asked.changed(0, "updated", "/cents", &json!(4200), &json!(4205)),
        12 => asked.one_request(),
        13 => {
            let expected = ["updated by grace", "updated by sam", "updated by grace"];
            (0..).zip(expected).try_for_each(|(number, expected)| asked.has(number, &[expected]))
        }
        15 => asked.has(0, &["updated by ada"; 10]).and_then(|()| asked.has(1, &["updated by sam"; 10])),
        17 => asked.has(0, &["updated by grace", "checked by grace"]),
        // Whether the database refused is all there is to it.
        18 => Ok(()),
        19 => asked.passer(base),
        20 => asked.has(0, &["updated by grace", "deleted by grace"]),
        _ => Err("there is no such question".to_owned()),
    }
}

impl Asked<'_> {
    fn invoice(&self, number: i32) -> Vec<&Value> {
        self.log.about("invoice", &(self.first + number).to_string())
    }

    /// Exactly these entries are about the invoice.
    fn has(&self, number: i32, expected: &[&str]) -> Verdict {
        let found: Vec<String> = self.invoice(number).iter().map(|entry| told(entry)).collect();
        if found == expected { Ok(()) } else { Err(format!("invoice {number}: {found:?}, not {expected:?}")) }
    }

    /// Nothing is about any invoice of the question.
    fn is_silent(&self) -> Verdict {
        (0..10).try_for_each(|number| self.has(number, &[]))
    }

    /// The import of question 1 was rolled back, and its event with it.
    fn nothing_was_imported(&self) -> Verdict {
        let is_it = |entry: &&Value| entry["description"] == "Grace imported 2 prices";
        self.log.0.iter().find(is_it).map_or(Ok(()), |entry| Err(format!("{entry}")))
    }

    /// The invoice has one entry, of Grace, with this change in it.
    fn changed(&self, number: i32, verb: &str, path: &str, from: &Value, to: &Value) -> Verdict {
        self.has(number, &[&format!("{verb} by grace")])?;
        let entry = self.invoice(number)[0];
        let changes = entry["changes"].as_array().ok_or("no changes")?;
        let found = changes.iter().find(|change| change["path"] == path).ok_or(format!("no {path}: {entry}"))?;
        if found["from"] == *from && found["to"] == *to { Ok(()) } else { Err(format!("{found}, not {from} → {to}")) }
    }

    fn only_the_title(&self) -> Verdict {
        self.changed(0, "updated", "/title", &json!("as it was"), &json!("changed"))?;
        let entry = self.invoice(0)[0];
        if entry["changes"].as_array().map(Vec::len) == Some(1) { Ok(()) } else { Err(format!("{entry}")) }
    }

    /// Everything that the request did tells the actor, the address and the request, and is one transaction.
    fn one_request(&self) -> Verdict {
        let entries = self.invoice(0);
        let first = entries.first().ok_or("nothing")?;
        let is_whole = |entry: &&&Value| {
            entry["actor"] == json!({ "type": "user", "id": "ada", "name": "Ada" })
                && entry["context"]["ip"] == "127.0.0.1"
                && entry["context"]["request_id"] == "request-12"
                && entry["transaction_id"].is_string()
                && entry["transaction_id"] == first["transaction_id"]
        };
        let is_captured = entries.iter().any(|entry| entry["action"] == "invoice.updated");
        let is_all = is_captured && entries.iter().all(|entry| is_whole(&entry));
        if is_all { Ok(()) } else { Err(format!("{entries:?}")) }
    }

    /// Who is gone still stands in what they did; that they went is there too.
    fn passer(&self, base: i32) -> Verdict {
        let id = format!("passer{base}");
        self.has(0, &[&format!("updated by {id}")])?;
        let name = &self.invoice(0)[0]["actor"]["name"];
        let lived: Vec<String> = self.log.about("user", &id).iter().map(|entry| told(entry)).collect();
        if *name == json!(format!("Passer{base}")) && lived == ["created by grace", "deleted by grace"] {
            Ok(())
        } else {
            Err(format!("{name}, {lived:?}"))
        }
    }
}

/// `updated by grace`
fn told(entry: &Value) -> String {
    let action = entry["action"].as_str().unwrap_or_default();
    let verb = action.split_once('.').map_or(action, |(_, verb)| verb);
    format!("{verb} by {}", entry["actor"]["id"].as_str().unwrap_or("nobody"))
}
