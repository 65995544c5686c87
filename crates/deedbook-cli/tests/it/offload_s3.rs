//! Old entries in S3, as moto plays it: moved, asked, taken away, brought back, away, and killed amid it; without moto
//! the tests say SKIPPED.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deedbook_testkit::Random;

use crate::archive::{event, logged, logged_long_ago, moves_old_entries};
use crate::archive_s3::{Moto, NOWHERE, RETENTION, SECRET, SIGNED, told_nothing};
use crate::server::{ADMIN, Served};
use crate::support::{Room, Run};

const PLACE: &str = "s3://cold/a";
const OFFLOAD: [&str; 6] = ["archive", "offload", "--to", PLACE, "--data", "log"];
const RECALL: [&str; 4] = ["archive", "recall", "--data", "log"];
const ALL: [&str; 7] = ["log", "--limit", "0", "--format", "ndjson", "--data", "log"];
const VERSIONED: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
const WITH_LOCK: &str = "x-amz-bucket-object-lock-enabled: true\r\n";

impl Moto {
    /// What of the log lies in the bucket, old versions too: keys and versions.
    fn cold(&self) -> Vec<(String, String)> {
        self.versions("cold", "a/segments/")
    }

    /// The bytes of a version.
    fn bytes_of(&self, (key, version): &(String, String)) -> Vec<u8> {
        let output = Command::new("curl")
            .args([
                "-sSf",
                "-H",
                SIGNED.trim(),
                &format!("http://127.0.0.1:{}/cold/{key}?versionId={version}", self.port),
            ])
            .output()
            .expect("curl runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn with(&self, change: &dyn Fn(&mut Command) -> &mut Command, arguments: &[&str]) -> Run {
        let mut command = self.command(self.port);
        change(command.args(arguments));
        told_nothing(Run::of(command.output().expect("the binary runs")))
    }
}

/// An event of which compression leaves two thirds.
fn bulky(number: usize) -> String {
    let mut random = Random::new(number as u64);
    let text: String = (0..4_000)
        .map(|_| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[random.below(64)]))
        .collect();
    format!(
        r#"{{"id":"{number:06}","tenant":"acme","action":"thing.touched","actor":{{"type":"user","id":"user_{}"}},"metadata":{{"text":"{text}"}}}}"#,
        number % 50
    )
}

/// A room with a log in which somebody has a name.
fn named_log() -> Room {
    let room = Room::new();
    let named = |number: usize| {
        let event = event(3 * number).replace(r#""id":"user_7"}"#, r#""id":"user_7","name":"Ada Lovelace"}"#);
        event.replace(r#""tenant":"acme","#, "") + "\n"
    };
    room.enter_into("log", &(0..3000).map(named).collect::<String>());
    room
}

/// A room whose log takes two parts of an upload.
fn bulky_log() -> Room {
    let room = Room::new();
    room.enter_into("log", &(0..4_000).map(|number| bulky(number) + "\n").collect::<String>());
    room
}

#[test]
fn entries_move_into_a_bucket_and_back() {
    let Some(moto) = Moto::start("entries_move_into_a_bucket_and_back", bulky_log()) else { return };
    moto.bucket("cold", "");
    let questions = [
        &ALL[..],
        &["get", "000007", "--tenant", "acme", "--data", "log"],
        &["log", "--count", "actor:user:user_7", "--data", "log"],
        &["log", "actor:user:user_7", "--data", "log", "--format", "ndjson"],
    ];
    let before: Vec<String> = questions.iter().map(|question| moto.run(question).exits(0).stdout).collect();
    moto.run(&[&OFFLOAD[..], &["--older-than", "90d"]].concat()).exits(0).says(&["0 entries moved to the archive"]);
    assert_eq!(moto.cold(), [], "what was written to try it is gone");
    moto.run(&OFFLOAD).exits(0).says(&["4,000 entries moved to the archive in 1 segment"]);
    moto.run(&["archive", "offload", "--to", "s3://cold/a/", "--data", "log"]).exits(0).says(&["0 entries moved"]);
    let cold = moto.cold();
    assert_eq!(cold.len(), 1);
    assert!(moto.bytes_of(&cold[0]).len() > 8 << 20, "it takes two parts");
    let manifest = moto.room.read("log/MANIFEST");
    assert!(manifest.contains(r#""s3://cold/a""#) && !manifest.contains(SECRET), "{manifest}");
    for (question, before) in questions.iter().zip(&before) {
        assert!(moto.run(question).exits(0).stdout == *before, "{question:?} is answered otherwise");
    }
    moto.run(&ALL).says(&["Some of these were read in the archive"]);
    moto.run(&["doctor", "--data", "log"]).exits(0);
    moto.run(&[&RECALL[..], &["--until", "2020-01-01"]].concat()).exits(0).says(&["0 entries moved back"]);
    moto.run(&RECALL).exits(0).says(&["4,000 entries moved back"]);
    assert_eq!(moto.cold(), []);
    let again = moto.room.run(&ALL).exits(0);
    assert!(again.stdout == before[0] && !again.stderr.contains("archive"), "they are here: {}", again.stderr);
    moto.room.run(&["doctor", "--data", "log"]).exits(0);
}

#[test]
fn what_was_changed_in_a_bucket_is_told() {
    let Some(moto) = Moto::start("what_was_changed_in_a_bucket_is_told", logged(3000)) else { return };
    moto.bucket("cold", "");
    moto.run(&OFFLOAD).exits(0);
    let key = moto.cold().remove(0).0;
    let (status, answer) = moto.ask("PUT", &format!("/cold/{key}"), SIGNED, "something else");
    assert_eq!(status, 200, "{answer}");
    moto.run(&["doctor", "--data", "log"]).exits(1).prints(&[&key.replace("a/segments/", "")]);
    assert_ne!(moto.run(&ALL).code, 0);
    let (status, answer) = moto.ask("DELETE", &format!("/cold/{key}"), SIGNED, "");
    assert_eq!(status, 204, "{answer}");
    moto.run(&["doctor", "--data", "log"]).exits(1);
    moto.run(&ALL).says(&[&key.replace("a/segments/", ""), "s3://cold/a", "there is no"]);
}

#[test]
fn what_is_taken_away_leaves_the_bucket_with_its_versions() {
    let test = "what_is_taken_away_leaves_the_bucket_with_its_versions";
    for versioned in [false, true] {
        let Some(moto) = Moto::start(test, named_log()) else { return };
        // With object lock, as who locks the table of Parquet in it has it, and without.
        moto.bucket("cold", if versioned { WITH_LOCK } else { "" });
        if versioned {
            let (status, answer) = moto.ask("PUT", "/cold?versioning", "", VERSIONED);
            assert_eq!(status, 200, "{answer}");
            moto.run(&["archive", "run", "--to", PLACE, "--lock", "1d", "--data", "log"]).exits(0);
        }
        moto.run(&OFFLOAD).exits(0).says(&["3,000 entries moved"]);
        let old = moto.cold();
        assert_eq!(old.len(), 1);
        let bytes = moto.bytes_of(&old[0]);
        let erase =
            ["erase", "--principal", "user:user_7", "--basis", "T-5", "--mentions", "erase", "--sole-administrator"];
        let erase = [&erase[..], &["--data", "log"]].concat();
        // Where the bucket is away, nothing is said to be gone.
        let away = moto.with(&|run| run.env("AWS_ENDPOINT", NOWHERE), &erase);
        assert_ne!(away.code, 0, "{}", away.stdout);
        assert_eq!(moto.cold(), old);
        let log = |query: &str| moto.run(&["log", "--count", query, "--data", "log"]).exits(0).stdout;
        assert_ne!(log("Lovelace").trim(), "0", "it is the control");
        moto.run(&erase).exits(0).prints(&["is done"]);
        assert_eq!(log("Lovelace").trim(), "0");
        let left = moto.cold();
        assert!(!left.iter().any(|(key, _)| *key == old[0].0), "{left:?}");
        assert!(!left.iter().any(|left| moto.bytes_of(left) == bytes));
        moto.run(&OFFLOAD).exits(0);
        moto.run(&["doctor", "--data", "log"]).exits(0);
        assert!(!moto.run(&ALL).exits(0).stdout.contains("Lovelace"));
        moto.run(&RECALL).exits(0);
        assert_eq!(moto.cold(), [], "no version stays");
    }
}

#[test]
fn buckets_that_cannot_be_are_refused_before_anything_is_there() {
    let Some(moto) = Moto::start("buckets_that_cannot_be_are_refused_before_anything_is_there", logged(3000)) else {
        return;
    };
    moto.bucket("cold", WITH_LOCK);
    let (status, answer) = moto.ask("PUT", "/cold?object-lock", "", RETENTION);
    assert_eq!(status, 200, "{answer}");
    moto.run(&OFFLOAD).exits(4).says(&["the bucket locks what is written", "GOVERNANCE"]);
    let cold = moto.cold();
    assert_eq!(cold.len(), 1);
    assert!(moto.bytes_of(&cold[0]).starts_with(b"whether files can be"), "no entry is there");
    for (place, code, why) in [
        ("s3://warm/a", 8, "there is no such bucket"),
        ("memory:///a", 4, "is no bucket"),
        ("file:///tmp", 4, "is no bucket"),
        ("http://127.0.0.1/a", 4, "is no bucket"),
        ("s3://someone:sesame-sesame-sesame@cold/a", 4, "no password"),
    ] {
        let offload = ["archive", "offload", "--to", place, "--data", "log"];
        moto.run(&offload).exits(code).says(&[why]);
    }
    // What is named there would have to be removed before anything else is.
    assert!(!moto.room.read("log/MANIFEST").contains("://"), "none of them is named");
}

#[test]
fn without_the_bucket_the_log_goes_on() {
    let Some(moto) = Moto::start("without_the_bucket_the_log_goes_on", logged(3000)) else { return };
    moto.bucket("cold", "");
    moto.run(&OFFLOAD).exits(0);
    let name = moto.cold()[0].0.replace("a/segments/", "");
    let away = |arguments: &[&str]| moto.with(&|run| run.env("AWS_ENDPOINT", NOWHERE), arguments);
    let record = ["record", "thing.seen", "--actor", "user:ada", "--tenant", "acme", "--data", "log"];
    away(&record).exits(0);
    assert_eq!(away(&["log", "--count", "outcome:success", "--data", "log"]).exits(0).stdout.trim(), "3001");
    away(&["log", "--limit", "1", "--data", "log"]).exits(0);
    let begun = Instant::now();
    away(&ALL).exits(8).says(&[&name, PLACE, "AWS_ENDPOINT", "refused"]);
    assert!(begun.elapsed() < Duration::from_secs(30), "it waits {:?}", begun.elapsed());
    // Another store, where nothing of it is, must not be taken for one where it was removed.
    let Some(other) = Moto::start("without_the_bucket_the_log_goes_on", Room::new()) else { return };
    let elsewhere = |arguments: &[&str]| {
        let address = format!("http://127.0.0.1:{}", other.port);
        moto.with(&|run| run.env("AWS_ENDPOINT", &address), arguments)
    };
    elsewhere(&RECALL).exits(8).says(&["there is no such bucket"]);
    other.bucket("cold", "");
    assert_ne!(elsewhere(&RECALL).code, 0);
    moto.run(&RECALL).exits(0).says(&["3,000 entries moved back"]);
    assert!(!moto.room.read("log/MANIFEST").contains("s3://"), "nothing names the bucket any more");
}

#[test]
fn killed_amid_an_upload_nothing_is_lost() {
    let Some(moto) = Moto::start("killed_amid_an_upload_nothing_is_lost", bulky_log()) else { return };
    moto.bucket("cold", "");
    let before = moto.run(&ALL).exits(0).stdout;
    let begun = Instant::now();
    moto.run(&OFFLOAD).exits(0);
    let whole = begun.elapsed();
    moto.run(&RECALL).exits(0);
    let mut amid = 0;
    for kill in 0..8_u32 {
        let mut command = moto.command(moto.port);
        let mut child = command.args(OFFLOAD).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
        // The time of the kill is what the test is about; it waits for nothing.
        std::thread::sleep(whole.mul_f64(f64::from(kill + 1) / 10.0));
        let was_running = child.try_wait().expect("a child").is_none();
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
        let named = moto.room.read("log/MANIFEST").contains(PLACE);
        amid += u32::from(was_running && named);
        let is_known = |(key, _): &(String, String)| named || key.ends_with("/trial");
        assert!(moto.cold().iter().all(is_known), "what is there is named");
        assert!(moto.run(&ALL).exits(0).stdout == before, "the log is another one");
        moto.run(&["doctor", "--data", "log"]).exits(0);
        if !was_running {
            moto.run(&RECALL).exits(0);
        }
    }
    moto.run(&OFFLOAD).exits(0);
    assert!(moto.run(&ALL).exits(0).stdout == before);
    let left = moto.cold();
    assert_eq!(left.len(), 1, "{left:?}");
    moto.run(&RECALL).exits(0);
    assert!(moto.room.run(&ALL).exits(0).stdout == before);
    let (_, uploads) = moto.ask("GET", "/cold?uploads", SIGNED, "");
    println!("{amid} of 8 kills came amid an upload, {} uploads are left over", uploads.matches("<UploadId>").count());
    assert!(amid > 0, "the kills came too early or too late to prove anything");
}

#[test]
fn a_server_moves_old_entries_into_a_bucket() {
    let Some(moto) = Moto::start("a_server_moves_old_entries_into_a_bucket", logged_long_ago(3000)) else { return };
    moto.bucket("cold", WITH_LOCK);
    // The table is locked, and what is the log's own is not.
    moves_old_entries(&moto.room, &|| moto.command(moto.port), &format!("url = \"{PLACE}\"\nlock = \"1d\""));
    assert_eq!(moto.cold(), [], "no version stays");
    assert!(!moto.versions("cold", "a/entries/").is_empty());
}

#[test]
fn a_server_reads_its_settings_in_a_bucket() {
    let Some(moto) = Moto::start("a_server_reads_its_settings_in_a_bucket", logged(3000)) else { return };
    moto.bucket("cold", "");
    let serve = |port: &str| {
        let mut command = moto.command(moto.port);
        command.env("DEEDBOOK_ADMIN_TOKEN", ADMIN).env("AWS_ENDPOINT", format!("http://127.0.0.1:{port}"));
        command
    };
    let port = moto.port.to_string();
    assert!(Served::start(serve(&port), &["serve", "--data", "log"]).terminate().success());
    // One segment of everything, the server's own entries included.
    moto.room.enter_into("log", &(3000..3010).map(|number| event(number) + "\n").collect::<String>());
    moto.run(&OFFLOAD).exits(0).says(&["moved to the archive"]);
    let served = Served::start(serve(&port), &["serve", "--data", "log"]);
    assert!(served.greeting.contains("Serving"), "{}", served.greeting);
    let mut client = served.client();
    assert_eq!(client.send("POST", "/v1/events", ADMIN, &event(5_000)).expect("an answer").0, 201);
    assert_eq!(client.get("/v1/events?tenant=acme&limit=3&order=asc")["archived"], true);
    assert!(served.terminate().success());
    let mut command = serve("1");
    let run = command.args(["serve", "--data", "log", "--listen", "127.0.0.1:0"]).output().expect("it ends");
    told_nothing(Run::of(run)).exits(8).says(&[PLACE, "AWS_ENDPOINT"]);
}
