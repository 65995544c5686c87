//! The commands on a server, which is the binary itself.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::{Room, Run};

/// The administrator's token of these tests.
pub(crate) const ADMIN: &str = "an-administrators-token-of-this-test-canary";

/// `deedbook serve` in a directory of its own; ended when it is dropped.
pub(crate) struct Served {
    process: Child,
    pub(crate) url: String,
    /// It writes more than its address, and must find a reader.
    _stdout: BufReader<ChildStdout>,
}

/// A process that is ended when it is dropped, whatever becomes of the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Served {
    pub(crate) fn on(room: &Room, listen: &str) -> Self {
        let mut process = room
            .command()
            .args(["serve", "--data", "book", "--listen", listen, "--log", "off"])
            .env("DEEDBOOK_ADMIN_TOKEN", ADMIN)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().expect("a pipe"));
        stdout.read_line(&mut line).expect("it tells its address");
        let url = line.trim().rsplit(' ').next().expect("an address").to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        Self { process, url, _stdout: stdout }
    }

    /// The binary as a client of it.
    fn command(&self, room: &Room, token: &str) -> Command {
        let mut command = room.command();
        command.env("DEEDBOOK_SERVER", &self.url).env("DEEDBOOK_TOKEN", token);
        command
    }

    fn run(&self, room: &Room, token: &str, arguments: &[&str]) -> Run {
        Run::of(self.command(room, token).args(arguments).output().expect("it runs"))
    }

    pub(crate) fn admin(&self, room: &Room, arguments: &[&str]) -> Run {
        self.run(room, ADMIN, arguments)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has ended already where a test ended it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A thousand and some events, in the order of their numbers.
fn many() -> String {
    let event = |number: usize| {
        format!(
            "{{\"id\":\"e{number}\",\"action\":\"invoice.changed\",\"actor\":{{\"type\":\"user\",\"id\":\"ada\"}},\
             \"targets\":[{{\"type\":\"invoice\",\"id\":\"{}\"}}],\"changes\":[{{\"path\":\"/total\",\"to\":{number}}}],\
             \"occurred_at\":\"2026-09-20T14:{:02}:{:02}Z\"}}\n",
            number % 7,
            number / 60,
            number % 60
        )
    };
    (0..1_200).map(event).collect()
}

/// What callers recorded; reading through a server adds entries of the log's own.
const CALLERS: &str = "NOT action:audit.*";

#[test]
fn a_server_answers_as_its_directory_does() {
    let room = Room::new();
    let input = room.file("many.ndjson", many());
    let served = Served::on(&room, "127.0.0.1:0");
    let imported = served.admin(&room, &["import", "ndjson", input.to_str().expect("text")]).exits(0);
    assert_eq!(imported.stdout, "1200 new, 0 already there, 0 rejected\n");
    let again = served.admin(&room, &["import", "ndjson", input.to_str().expect("text")]).exits(0);
    assert_eq!(again.stdout, "0 new, 1200 already there, 0 rejected\n");
    let record = ["record", "invoice.approved", "--actor", "user:ada=Ada", "--target", "invoice:3", "--id", "x"];
    served.admin(&room, &record).exits(0);

    let questions: &[&[&str]] = &[
        &["get", "x", "--format", "json"],
        &["get", "x", "--format", "table"],
        &["log", "--count", "target:invoice:3"],
        &["log", "--limit", "0", "--format", "ndjson", CALLERS],
        &["log", "--limit", "7", "target:invoice:3 change:/total", "--format", "csv"],
        &["log", "--tenant", "default", "--limit", "3", CALLERS],
        &["export", "ndjson", CALLERS, "-o", "-"],
        &["export", "csv", "actor:user:ada -target:invoice:1", "-o", "-"],
        &["history", "invoice:3", "--limit", "0"],
        &["history", "invoice:3", "--around", "e696"],
        &["as-of", "invoice:3", "2026-09-20T14:05:00Z"],
        &["diff", "invoice:3", "e10", "x"],
        &["restore", "invoice:3", "e10"],
    ];
    let answers: Vec<String> = questions.iter().map(|question| served.admin(&room, question).exits(0).stdout).collect();
    served.admin(&room, &["get", "nothing"]).exits(1);
    drop(served);
    for (question, answer) in questions.iter().zip(answers) {
        let arguments = [&["--data", "book"][..], question].concat();
        let expected = room.run(&arguments).exits(0).stdout;
        assert!(answer == expected, "{question:?}\n{answer}\n{expected}");
    }
}

#[test]
fn tokens_bound_to_a_tenant_see_it_without_positions() {
    let room = Room::new();
    let served = Served::on(&room, "127.0.0.1:0");
    let token = |kind| {
        let created = served.admin(&room, &["token", "create", "--kind", kind, "--tenant", "acme"]).exits(0);
        created.stdout.trim().to_owned()
    };
    let (write, read) = (token("write"), token("read"));
    let record = ["record", "a.b", "--actor", "system", "--id", "x", "--format", "json"];
    let receipt = served.run(&room, &write, &record).exits(0).json();
    assert_eq!((&receipt["tenant"], receipt.get("position")), (&"acme".into(), None), "{receipt}");
    assert_eq!(served.run(&room, &write, &record).exits(0).json(), receipt);
    let entry = served.run(&room, &read, &["get", "x", "--tenant", "acme"]).exits(0).json();
    assert_eq!((&entry["seq"], entry.get("position")), (&0.into(), None), "{entry}");
    let card = served.run(&room, &read, &["get", "x", "--tenant", "acme", "--format", "table"]).exits(0).stdout;
    assert!(card.contains("seq") && !card.contains("position"), "{card}");
    for number in 0..7 {
        served.run(&room, &write, &["record", "a.b", "--actor", "system", "--id", &format!("y{number}")]).exits(0);
    }
    assert_eq!(
        served.run(&room, &read, &["log", "--limit", "0", "--format", "ndjson", CALLERS]).exits(0).ndjson().len(),
        8
    );

    served.run(&room, &read, &record).exits(11).says(&["error:"]);
    served.run(&room, &write, &["log"]).exits(11);
    served.run(&room, "deed_read_nobodys", &["log"]).exits(11);
    let tokens = served.admin(&room, &["token", "list", "--format", "json"]).exits(0).json();
    let id =
        tokens.as_array().expect("tokens").iter().find(|token| token["kind"] == "read").expect("one")["id"].clone();
    served.admin(&room, &["token", "revoke", id.as_str().expect("text"), "--reason", "it leaked"]).exits(0);
    served.run(&room, &read, &["log"]).exits(11);
    served.admin(&room, &["token", "revoke", "tok_none"]).exits(1);
}

#[test]
fn a_tail_goes_on_where_it_stopped_when_the_server_comes_back() {
    let room = Room::new();
    let served = Served::on(&room, "127.0.0.1:0");
    let record = |served: &Served, id: &str| {
        served.admin(&room, &["record", "a.b", "--actor", "system", "--id", id]).exits(0);
    };
    let arguments = ["tail", "action:a.b", "--format", "ndjson", "--limit", "4"];
    let mut tail = served.command(&room, ADMIN).args(arguments).stdout(Stdio::piped()).spawn().expect("it starts");
    let stdout = tail.stdout.take();
    let mut tail = Ended(tail);
    let mut lines = BufReader::new(stdout.expect("a pipe")).lines();
    let mut next = || {
        let line = lines.next().expect("a line").expect("text");
        serde_json::from_str::<serde_json::Value>(&line).expect("JSON")["id"].clone()
    };
    // When the tail has begun is not told; what comes first of these begins it.
    let mut number = 0;
    let first = {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| sender.send(next()).expect("it is awaited"));
            loop {
                record(&served, &format!("before{number}"));
                number += 1;
                if let Ok(first) = receiver.recv_timeout(std::time::Duration::from_millis(50)) {
                    break first;
                }
            }
        })
    };
    let seen: usize =
        first.as_str().and_then(|id| id.strip_prefix("before")).expect("one of these").parse().expect("a number");
    let mut expected: Vec<String> = (seen + 1..number).map(|number| format!("before{number}")).collect();
    let listen = served.url.strip_prefix("http://").expect("http").to_owned();
    drop(served);
    let served = Served::on(&room, &listen);
    for id in ["after0", "after1", "after2"] {
        record(&served, id);
        expected.push(id.to_owned());
    }
    for id in expected.iter().take(3) {
        assert_eq!(next(), **id);
    }
    assert_eq!(tail.0.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_place_is_a_directory_or_a_server() {
    let room = Room::new();
    let served = Served::on(&room, "127.0.0.1:0");
    for command in [&["doctor"][..], &["serve"], &["demo"]] {
        served.admin(&room, command).exits(2).says(&["works on a directory", "--data DIR", &served.url]);
    }
    room.run(&["tail"]).exits(2).says(&["works on a server", "--server URL"]);
    served.admin(&room, &["log", "--data", "d", "--server", &served.url]).exits(2).says(&["two places"]);
    // What is typed comes before the environment.
    served.admin(&room, &["record", "a.b", "--actor", "system", "--data", "here"]).exits(0);
    assert_eq!(room.run(&["log", "--count", "--data", "here"]).exits(0).stdout, "1\n");
    room.run(&["log", "--server", &served.url]).exits(2).says(&["a server wants a token", "DEEDBOOK_TOKEN"]);
    room.run(&["log", "--server", "audit.example", "--token", "t"]).exits(4).says(&["expected one such as"]);
    let refused = room.run(&["log", "--server", &served.url, "--token", "spaced canary"]).exits(4);
    assert!(!refused.stderr.contains("canary"), "{}", refused.stderr);
    let url = served.url.clone();
    drop(served);
    let gone = room.run(&["record", "a.b", "--actor", "system", "--server", &url, "--token", ADMIN]);
    assert!(!gone.stderr.contains("canary"), "{}", gone.stderr);
    gone.exits(12).says(&["the server was not reached"]);
}
