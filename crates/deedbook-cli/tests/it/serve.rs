//! `serve`, `token`, and the end of `demo`.

use crate::git::Repository;
use crate::server::{ADMIN, Served};
use crate::support::Room;

const EVENT: &str = r#"{"id":"a","action":"invoice.approved","actor":{"type":"user","id":"ada"}}"#;

#[test]
fn the_first_start_prints_a_token_once() {
    let room = Room::new();
    let mut served = Served::start(room.command(), &["serve"]);
    assert!(served.line().contains("not shown again"));
    let token = served.line().trim().to_owned();
    assert!(token.starts_with("deed_admin_"), "{token}");
    let mut client = served.client();
    assert_eq!(client.send("POST", "/v1/events", &token, EVENT).unwrap().0, 201);
    assert_eq!(client.send("POST", "/v1/events", "wrong", EVENT).unwrap().0, 401);
    assert!(served.terminate().success());
    assert_eq!(room.count(""), 1);
    let mut served = Served::start(room.command(), &["serve"]);
    assert!(served.line().contains("made before"));
    assert_eq!(served.client().send("GET", "/v1/events/a", &token, "").unwrap().0, 200);
    // While it runs, the directory is its own.
    room.run(&["token", "list"]).exits(6).says(&["Deedbook server"]);
    room.run(&["serve", "--listen", "127.0.0.1:0"]).exits(6);
}

#[test]
fn a_server_that_cannot_listen_makes_no_token() {
    let room = Room::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    room.run(&["serve", "--listen", &address]).exits(8).says(&["listen on", &address]);
    let short = room.command().args(["serve", "--listen", "127.0.0.1:0"]).env("DEEDBOOK_ADMIN_TOKEN", "short").output();
    let short = short.unwrap();
    assert_eq!(short.status.code(), Some(4));
    assert!(!String::from_utf8_lossy(&short.stderr).contains("short\n"));
    assert_eq!(room.run(&["token", "list", "--format", "json"]).exits(0).json(), serde_json::json!([]));
}

#[test]
fn a_file_that_cannot_be_used_is_told_before_anything_is_made() {
    let room = Room::new();
    let good = "[sign_in]\nissuer = \"https://login.example\"\nclient_id = \"deedbook\"\n";
    let role = "[[sign_in.roles]]\ngroup = \"staff\"\nkind = \"read\"\n";
    for (content, says) in [
        ("[sign_in", &["deedbook.toml cannot be used", "line 1"][..]),
        ("[signin]\n", &["unknown field `signin`"]),
        ("[sign_in]\nissuer = \"https://login.example\"\n", &["missing field `client_id`"]),
        (good, &["without a role nobody can sign in"]),
        (&format!("{good}{}", role.replace("read", "reader")), &["role 1 of [[sign_in.roles]]", "/kind"]),
        (&format!("{good}{role}size = 1\n"), &["/size", "not known"]),
        (&format!("{good}client_secret_file = \"absent\"\n{role}"), &["cannot read", "absent"]),
        (&format!("{good}{role}").replace("https:", "http:"), &["neither https nor on this machine"]),
        ("[cors]\n", &["missing field `origins`"]),
        ("[cors]\norigins = [\"*\"]\n", &["/cors/origins/0", "\"*\" is no origin", "https://app.example"]),
        ("[cors]\norigins = [\"https://app.example/\"]\n", &["write \"https://app.example\""]),
        ("[cors]\norigins = [\"https://a.example\", \"http://app.example\"]\n", &["/cors/origins/1", "neither https"]),
    ] {
        room.file("deedbook.toml", content);
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--config", "deedbook.toml", "--public-url", "http://a"];
        let failed = room.run(&arguments);
        assert!([4, 8].contains(&failed.code), "{content}: {}", failed.stderr);
        failed.says(says);
    }
    room.file("deedbook.toml", format!("{good}{role}"));
    room.run(&["serve", "--listen", "127.0.0.1:0", "--config", "deedbook.toml"]).exits(4).says(&["--public-url"]);
    room.file("secret", "s\n");
    let cors = "[cors]\norigins = [\"https://app.example\"]\n";
    room.file("deedbook.toml", format!("{good}client_secret_file = \"secret\"\n{role}tenant = \"acme\"\n{cors}"));
    let served =
        Served::start(room.command(), &["serve", "--config", "deedbook.toml", "--public-url", "https://audit.example"]);
    let (status, session) = served.client().send("GET", "/auth/session", "none", "").unwrap();
    assert!(status == 200 && session.contains(r#""ways":["token","oidc"]"#), "{session}");
    assert!(served.terminate().success());
}

#[test]
fn tokens_are_made_listed_and_revoked_on_a_directory() {
    let room = Room::new();
    let made = room.run(&["token", "create", "--kind", "write", "--tenant", "acme", "--expires", "90d"]).exits(0);
    let token = made.stdout.trim().to_owned();
    let id = made.stderr.split('\t').next().unwrap().to_owned();
    let listed = room.run(&["token", "list"]).exits(0).stdout;
    assert!(listed.contains(&id) && listed.contains("acme") && !listed.contains(&token), "{listed}");
    let served = Served::on(&room.path().join("deedbook-data"));
    let mut client = served.client();
    let (status, receipt) = client.send("POST", "/v1/events", &token, EVENT).unwrap();
    assert!(status == 201 && receipt.contains("\"tenant\":\"acme\""), "{receipt}");
    assert_eq!(client.send("GET", "/v1/events", &token, "").unwrap().0, 403);
    assert!(served.terminate().success());
    assert!(room.run(&["token", "revoke", &id, "--reason", "it leaked"]).exits(0).stdout.contains("revoked"));
    let log = room.run(&["log", "--tenant", "_deedbook", "action:audit.token.revoked", "--format", "ndjson"]);
    assert_eq!(log.exits(0).ndjson()[0]["reason"], "it leaked");
    let served = Served::on(&room.path().join("deedbook-data"));
    assert_eq!(served.client().send("POST", "/v1/events", &token, EVENT).unwrap().0, 401);
    drop(served);
    room.run(&["token", "revoke", "tok_none"]).exits(1).says(&["there is no token"]);
    room.run(&["token", "create", "--kind", "read", "--tenant", "Acme"]).exits(4).says(&["tenant"]);
    room.run(&["token", "create", "--kind", "read", "--expires", "soon"]).exits(2).says(&["90d"]);
}

#[test]
fn the_demo_ends_in_serving() {
    let room = Room::new();
    let _repository = Repository::with_history(&room.path().join("repo.git"));
    let mut command = room.command();
    command.env("DEEDBOOK_ADMIN_TOKEN", ADMIN);
    let mut served = Served::start(command, &["demo", "--git", "repo.git"]);
    let link = loop {
        let line = served.line();
        assert!(!line.is_empty(), "no link was printed");
        if line.contains("/auth/enter?code=") {
            break line.trim().to_owned();
        }
    };
    let path = link.strip_prefix(&format!("http://{}", served.address)).expect("a link to this server");
    assert_eq!(served.client().send("GET", path, "", "").unwrap().0, 303);
    assert_eq!(served.client().send("GET", path, "", "").unwrap().0, 410);
    assert!(served.greeting.contains("Busiest actors"), "{}", served.greeting);
    assert!(served.client().get("/v1/events/count")["count"].as_u64().unwrap() > 0);
    assert!(served.terminate().success());
}
