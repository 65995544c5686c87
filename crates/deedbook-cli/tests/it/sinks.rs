//! Sinks of the operator's file, beside a server.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::server::{ADMIN, Client, Served};
use crate::support::{Room, Run};

fn serve(room: &Room) -> Served {
    let mut command = room.command();
    command.env("DEEDBOOK_ADMIN_TOKEN", ADMIN);
    Served::start(command, &["serve", "--data", "log", "--config", "deedbook.toml", "--log", "error"])
}

fn event(id: &str, category: &str) -> String {
    format!(r#"{{"id":"{id}","action":"user.signed_in","category":"{category}","actor":{{"type":"user","id":"ada"}}}}"#)
}

fn record(client: &mut Client, id: &str, category: &str) -> std::io::Result<()> {
    let (status, body) = client.send("POST", "/v1/events", ADMIN, &event(id, category))?;
    assert_eq!(status, 201, "{body}");
    Ok(())
}

/// The whole lines of a file, once `done` is content with them.
fn lines(room: &Room, name: &str, done: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    for _ in 0..600 {
        let text = fs::read_to_string(room.path().join(name)).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines: Vec<Value> = whole.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        if done(&lines) {
            return lines;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{name} did not get what it should within half a minute");
}

fn ids(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["id"].as_str().expect("an id")).collect()
}

#[test]
fn entries_go_into_files_by_their_queries() {
    let room = Room::new();
    room.file(
        "deedbook.toml",
        "[[sinks]]\nname = \"sign-ins\"\nquery = \"category:account\"\nfile = { path = \"sign-ins.ndjson\" }\n\
         [[sinks]]\nname = \"all\"\ntenant = \"default\"\nfile = { path = \"all.ndjson\", rotate_mib = 1, keep = 2 }\n",
    );
    let served = serve(&room);
    let mut client = served.client();
    for (id, category) in [("a", "account"), ("b", "project"), ("c", "account")] {
        record(&mut client, id, category).expect("recorded");
    }
    assert_eq!(ids(&lines(&room, "sign-ins.ndjson", |lines| lines.len() >= 2)), ["a", "c"]);
    let all = lines(&room, "all.ndjson", |lines| lines.len() >= 3);
    assert_eq!(ids(&all), ["a", "b", "c"]);
    assert_eq!(all[0], client.get("/v1/events/a?tenant=default"), "a line is the entry as the API shows it");
    assert!(served.terminate().success());
    // What is recorded meanwhile comes with the next start, and nothing comes twice.
    room.enter_into("log", &event("d", "account"));
    let served = serve(&room);
    assert_eq!(ids(&lines(&room, "sign-ins.ndjson", |lines| lines.len() >= 3)), ["a", "c", "d"]);
    assert!(served.terminate().success());
    room.run(&["doctor", "--data", "log"]).exits(0);
}

#[test]
fn a_server_that_is_killed_delivers_everything_and_twice_only_with_the_same_id() {
    let room = Room::new();
    room.file("deedbook.toml", "[[sinks]]\nname = \"all\"\nfile = { path = \"all.ndjson\" }\n");
    let mut acknowledged = Vec::new();
    for kill in 0..6_u64 {
        let served = serve(&room);
        let mut client = served.client();
        std::thread::scope(|scope| {
            let recording = scope.spawn(|| {
                let ids = (0..).map(|number| format!("evt_{kill}_{number}"));
                ids.map_while(|id| record(&mut client, &id, "account").ok().map(|()| id)).collect::<Vec<_>>()
            });
            // The time of the kill is what the test is about; it waits for nothing.
            std::thread::sleep(Duration::from_millis(80 + kill * 97 % 400));
            served.kill();
            acknowledged.extend(recording.join().expect("no panic"));
        });
    }
    let served = serve(&room);
    record(&mut served.client(), "last", "account").expect("recorded");
    let lines = lines(&room, "all.ndjson", |lines| lines.last().is_some_and(|line| line["id"] == "last"));
    let mut by_position = BTreeMap::new();
    let mut twice = 0;
    for line in &lines {
        let position = line["position"].as_u64().expect("a position");
        match by_position.insert(position, line) {
            Some(before) => {
                assert_eq!(before, line, "the same entry");
                twice += 1;
            }
            None => assert_eq!(by_position.keys().last(), Some(&position), "in order"),
        }
    }
    let places: HashMap<&str, u64> =
        by_position.iter().map(|(&position, line)| (line["id"].as_str().expect("an id"), position)).collect();
    let lost: Vec<&String> = acknowledged.iter().filter(|id| !places.contains_key(id.as_str())).collect();
    assert!(lost.is_empty(), "{lost:?}");
    println!("{} acknowledged, {} lines, {twice} of them twice", acknowledged.len(), lines.len());
    assert!(acknowledged.len() > 20, "the test records something");
}

#[test]
fn another_deedbook_gets_the_same_events_and_refuses_what_it_has_otherwise() {
    let (room, other) = (Room::new(), Room::new());
    let copy = Served::on(&other.path().join("log"));
    record(&mut copy.client(), "b", "other").expect("recorded");
    room.file("token", ADMIN);
    let address = copy.address;
    room.file(
        "deedbook.toml",
        format!(
            "[[sinks]]\nname = \"copy\"\nbatch = {{ entries = 1000 }}\n\
             deedbook = {{ url = \"http://{address}\", token = {{ file = \"token\" }}, gzip = true }}\n"
        ),
    );
    room.enter_into("log", &["a", "b", "c", "d"].map(|id| event(id, "account")).join("\n"));
    let served = serve(&room);
    // It is parked after it was tried again for some seconds.
    let state = "log/sinks/copy.json";
    wait(|| fs::read_to_string(room.path().join(state)).is_ok_and(|state| state.contains("409")));
    record(&mut served.client(), "e", "account").expect("recorded");
    let mut copied = copy.client();
    // The reads themselves are entries too.
    wait(|| {
        copied.get("/v1/events?tenant=default&q=-action:audit.viewed")["data"]
            .as_array()
            .is_some_and(|entries| entries.len() == 5)
    });
    for id in ["a", "c", "d", "e"] {
        let (here, there) = (
            served.client().get(&format!("/v1/events/{id}?tenant=default")),
            copied.get(&format!("/v1/events/{id}?tenant=default")),
        );
        assert_eq!(there["occurred_at"], here["recorded_at"], "{id}");
        assert_eq!((&there["action"], &there["actor"]), (&here["action"], &here["actor"]), "{id}");
    }
    assert_eq!(copied.get("/v1/events/b?tenant=default")["category"], "other");
    let state: Value = serde_json::from_str(&room.read(state)).expect("a state");
    let parked = state["parked"].as_array().expect("a list");
    assert_eq!(parked.len(), 1, "{state}");
    assert_eq!(parked[0]["id"], "b");
    let why = parked[0]["why"].as_str().expect("a text");
    assert!(why.contains("409 conflict") && !why.contains(ADMIN), "{why}");
    assert!(served.terminate().success());
}

/// Waits until it is so, for half a minute at most.
fn wait(mut is_so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it did not come about within half a minute");
}

#[test]
fn what_is_wrong_with_a_sink() {
    let room = Room::new();
    for (config, says) in [
        ("[[sinks]]\nname = \"a b\"\nstdout = {}", &["\"a b\"", "letters, digits"][..]),
        ("[[sinks]]\nname = \"a\"", &["\"a\"", "exactly one of", "file"]),
        ("[[sinks]]\nname = \"a\"\nstdout = {}\nfile = { path = \"x\" }", &["exactly one of"]),
        ("[[sinks]]\nname = \"a\"\nstdout = {}\n[[sinks]]\nname = \"a\"\nstdout = {}", &["two sinks", "\"a\""]),
        ("[[sinks]]\nname = \"a\"\nfile = { path = \"x\", rotate_mib = 0 }", &["rotate_mib = 0"]),
        ("[[sinks]]\nname = \"a\"\nstdout = {}\nquery = \"(\"", &["the query does not parse"]),
        ("[[sinks]]\nname = \"a\"\nstdout = {}\ncolour = 1", &["unknown field", "colour", "file, stdout"]),
        ("[[sinks]]\nname = \"a\"\nstdout = {}\nbatch = { entries = 0 }", &["\"a\"", "entries = 0", "1 to"]),
        ("[[sinks]]\nname = \"a\"\nstdout = {}\nstart = \"later\"", &["unknown variant", "beginning"]),
        ("[[sinks]]\nname = \"a\"\nstdout = {}\nformat = \"xml\"", &["xml", "ocsf", "cloudevents"]),
        (
            "[[sinks]]\nname = \"a\"\nsplunk = { url = \"https://s\", token = \"hunter2\" }",
            &["\"a\"", "{ env = \"NAME\" }"],
        ),
        (
            "[[sinks]]\nname = \"a\"\nwebhook = { url = \"https://s\", secret = { file = \"no\" } }",
            &["\"a\"", "the file no: "],
        ),
    ] {
        room.file("deedbook.toml", config);
        let serve = ["serve", "--listen", "127.0.0.1:0", "--config", "deedbook.toml", "--data", "log"];
        room.run(&serve).exits(4).says(says);
    }
}

#[test]
fn lines_may_go_to_standard_output() {
    let room = Room::new();
    room.file("deedbook.toml", "[[sinks]]\nname = \"out\"\nformat = \"cloudevents\"\nstdout = {}\n");
    let mut served = serve(&room);
    record(&mut served.client(), "a", "account").expect("recorded");
    let line = std::iter::repeat_with(|| served.line()).find(|line| line.starts_with('{')).expect("a line");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((&line["specversion"], &line["id"]), (&"1.0".into(), &"a".into()));
}

/// Runs `sinks` with these arguments against the server, by a token of its own.
fn sinks(room: &Room, served: &Served, arguments: &[&str]) -> Run {
    let (_, made) = served.client().send("POST", "/v1/tokens", ADMIN, r#"{"kind":"admin"}"#).expect("an answer");
    let made: Value = serde_json::from_str(&made).expect("JSON");
    let (url, token) = (format!("http://{}", served.address), made["token"].as_str().expect("a token"));
    room.run(&[&["sinks"], arguments, &["--server", &url, "--token", token]].concat())
}

#[test]
fn a_sink_is_looked_after_through_the_server() {
    let room = Room::new();
    room.file("deedbook.toml", "[[sinks]]\nname = \"all\"\ntenant = \"default\"\nfile = { path = \"all.ndjson\" }\n");
    let served = serve(&room);
    record(&mut served.client(), "a", "account").expect("recorded");
    assert_eq!(ids(&lines(&room, "all.ndjson", |lines| !lines.is_empty())), ["a"]);
    sinks(&room, &served, &["pause", "all", "--reason", "the disk is changed"]).exits(0).prints(&["all\tpaused"]);
    record(&mut served.client(), "b", "account").expect("recorded");
    assert!(served.terminate().success());
    // The pause outlives the server.
    let served = serve(&room);
    let shown = std::iter::repeat_with(|| sinks(&room, &served, &["list", "--format", "json"]).exits(0).json());
    let shown = shown.take(200).find(|shown| shown[0]["lag"]["seconds"].as_u64() >= Some(1)).expect("one that waits");
    assert_eq!(
        (&shown[0]["name"], &shown[0]["paused"], &shown[0]["origin"]),
        (&"all".into(), &true.into(), &"file".into())
    );
    assert!(shown[0]["lag"]["entries"].as_u64() >= Some(1), "{shown}");
    assert_eq!(ids(&lines(&room, "all.ndjson", |_| true)), ["a"]);
    let listed = sinks(&room, &served, &["list"]).exits(0).stdout;
    assert!(listed.starts_with("all\tfile\tpaused\t"), "{listed}");
    // A test goes through all the same, and is no part of what is delivered.
    let test = sinks(&room, &served, &["test", "all", "--format", "json"]).exits(0).json();
    let tested = lines(&room, "all.ndjson", |lines| lines.len() >= 2);
    assert_eq!((&tested[1]["id"], &tested[1]["action"]), (&test["entry"], &"audit.sink.tested".into()));
    sinks(&room, &served, &["resume", "all"]).exits(0).prints(&["all\tworking"]);
    let all = lines(&room, "all.ndjson", |lines| lines.len() >= 3);
    assert_eq!(all[2]["id"], "b");
    // Delivered again from the time of the second on, as it was.
    let from = all[2]["recorded_at"].as_str().expect("a time");
    sinks(&room, &served, &["replay", "all", "--from", from]).exits(0).prints(&["all\tworking"]);
    let again = lines(&room, "all.ndjson", |lines| lines.len() >= 4);
    assert_eq!(again[3], all[2]);
    let entries = served.client().get("/v1/events?tenant=_deedbook&q=target:sink:all&order=asc");
    let actions: Vec<&str> =
        entries["data"].as_array().expect("a list").iter().filter_map(|it| it["action"].as_str()).collect();
    let expected = ["audit.sink.paused", "audit.sink.tested", "audit.sink.resumed", "audit.sink.replayed"];
    assert_eq!(actions, expected);
    assert_eq!(entries["data"][0]["reason"], "the disk is changed");
}

#[test]
fn what_cannot_be_done_with_sinks_is_said() {
    let room = Room::new();
    let gone = room.path().join("gone");
    std::fs::create_dir(&gone).expect("a folder");
    room.file("deedbook.toml", "[[sinks]]\nname = \"all\"\nfile = { path = \"gone/all.ndjson\" }\n");
    let served = serve(&room);
    sinks(&room, &served, &["pause", "none"]).exits(1).says(&["there is no sink none", "deedbook sinks list"]);
    sinks(&room, &served, &["replay", "all"]).exits(2).says(&["--from", "--position", "--parked"]);
    sinks(&room, &served, &["replay", "all", "--position", "1000"]).exits(4).says(&["has come to position"]);
    sinks(&room, &served, &["replay", "all", "--from", "soon"]).exits(2);
    room.run(&["sinks", "list"]).exits(2).says(&["works on a server"]);
    // The folder goes: the sink fails, and everybody can see why.
    std::fs::remove_dir_all(&gone).expect("removed");
    std::fs::write(&gone, "no folder").expect("a file");
    sinks(&room, &served, &["test", "all"]).exits(1).prints(&["not delivered: ", "all.ndjson"]);
    record(&mut served.client(), "a", "account").expect("recorded");
    let listed = std::iter::repeat_with(|| sinks(&room, &served, &["list"]).exits(0).stdout);
    listed
        .take(200)
        .find(|listed| listed.starts_with("all\tfile\tfailing\t") && listed.contains("all.ndjson"))
        .expect("it fails");
}

#[test]
fn the_secrets_of_the_server_reach_no_sink() {
    let room = Room::new();
    room.file("deedbook.toml", "[[sinks]]\nname = \"own\"\ntenant = \"_deedbook\"\nfile = { path = \"own.ndjson\" }\n");
    let served = serve(&room);
    let (status, body) =
        served.client().send("POST", "/v1/tokens", ADMIN, r#"{"kind":"read","name":"last"}"#).expect("an answer");
    assert_eq!(status, 201, "{body}");
    let is_last = |line: &Value| line["targets"][0]["name"] == "last";
    let own = lines(&room, "own.ndjson", |lines| lines.iter().any(is_last));
    let secret = |line: &&Value| {
        ["audit.token_hash.created", "audit.cursor_key.created"].iter().any(|it| line["action"] == **it)
    };
    assert_eq!(own.iter().filter(secret).count(), 0);
    // They stand before those that came, in the log itself.
    assert!(own.iter().any(|line| line["action"] == "audit.token.created"));
}

#[test]
fn webhooks_that_are_made_through_a_server_last() {
    let room = Room::new();
    room.file("deedbook.toml", "");
    let served = serve(&room);
    let ask = |served: &Served, method: &str, path: &str, body: &str| {
        let (status, body) = served.client().send(method, path, ADMIN, body).expect("an answer");
        (status, serde_json::from_str::<Value>(&body).expect("JSON"))
    };
    let file = r#"{"name":"hook","file":{"path":"/tmp/deedbook-must-not-be"}}"#;
    let (status, refused) = ask(&served, "POST", "/v1/sinks", file);
    assert_eq!((status, &refused["errors"][0]["code"]), (422, &"operator_only".into()), "{refused}");
    let own = r#"{"name":"hook","webhook":{"url":"https://localhost:1/"}}"#;
    // No name of this kind leads anywhere, so that nothing leaves the machine.
    let (status, made) = ask(&served, "POST", "/v1/sinks", &own.replace("localhost:1", "hooks.invalid"));
    assert_eq!(status, 201, "{made}");
    assert!(made["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")));
    // A name that leads to this machine is found out where it would be connected to.
    assert_eq!(ask(&served, "POST", "/v1/sinks", &own.replace("\"hook\"", "\"own\"")).0, 201);
    record(&mut served.client(), "a", "account").expect("recorded");
    let listed = || sinks(&room, &served, &["list"]).exits(0).stdout;
    let shown = std::iter::repeat_with(listed).take(200);
    let fails = |listed: &String| {
        let lines: Vec<&str> = listed.lines().collect();
        lines[0].starts_with("hook\twebhook\tfailing")
            && lines[1].starts_with("own\twebhook\tfailing")
            && listed.contains("public network")
    };
    shown.into_iter().find(fails).expect("both fail, and the second for where it leads");
    assert!(served.terminate().success());
    let served = serve(&room);
    let again = sinks(&room, &served, &["list", "--format", "json"]).exits(0).json();
    assert_eq!((&again[0]["to"], &again[0]["origin"]), (&"https://hooks.invalid".into(), &"api".into()));
    let kept = room.path().join("log/sinks/hook.json");
    assert!(kept.exists());
    assert_eq!(ask(&served, "DELETE", "/v1/sinks/hook", "").0, 200);
    assert!(!kept.exists(), "how far it was is forgotten");
    assert_eq!(sinks(&room, &served, &["list", "--format", "json"]).exits(0).json().as_array().map(Vec::len), Some(1));
}
