//! `archive` in S3, as moto plays it: run, killed, run by two at once, locked, and refused; without moto the tests say
//! SKIPPED.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::archive::{by_id, logged};
use crate::support::{Room, Run};

/// The variable that names the program, which `cargo xtask test` installs.
const PROGRAM: &str = "DEEDBOOK_MOTO_SERVER";

/// Starts the server, and ends it where the process is gone that holds its standard input.
const KEEPER: &str = r#""$@" & server=$!; read -r _; kill -KILL $server; wait $server"#;

/// What must never be printed.
pub(crate) const SECRET: &str = "sesame-sesame-sesame";

/// What moto takes for a signature where it does not look closely.
pub(crate) const SIGNED: &str = "Authorization: AWS4-HMAC-SHA256 Credential=a/20260920/us-east-1/s3/aws4_request, \
                      SignedHeaders=host, Signature=0\r\n";

/// Where nobody listens.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:1";

/// A bucket's default: everything in it is locked.
pub(crate) const RETENTION: &str = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>\
                         <DefaultRetention><Mode>GOVERNANCE</Mode><Years>3</Years></DefaultRetention></Rule>\
                         </ObjectLockConfiguration>";

/// A log, and buckets beside it.
pub(crate) struct Moto {
    pub(crate) room: Room,
    pub(crate) port: u16,
    server: Child,
}

impl Moto {
    pub(crate) fn start(test: &str, room: Room) -> Option<Self> {
        let Some(program) = std::env::var_os(PROGRAM) else {
            let why = "DEEDBOOK_MOTO_SERVER does not name a moto_server (`pip install moto[server]`)";
            deedbook_testkit::skipped(test, why);
            assert!(std::env::var_os("CI").is_none(), "SKIPPED {test}: {why}");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = std::fs::File::create(room.path().join("moto.log")).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh"]).arg(program).args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let server = command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not start: {}", room.read("moto.log"));
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self { room, port, server })
    }

    /// Asks moto as who sets it up.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Connection: close\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, answer)
    }

    #[track_caller]
    pub(crate) fn bucket(&self, name: &str, headers: &str) {
        let (status, answer) = self.ask("PUT", &format!("/{name}"), headers, "");
        assert_eq!(status, 200, "{answer}");
    }

    /// The binary, which knows its keys from the environment alone.
    pub(crate) fn command(&self, port: u16) -> Command {
        let mut command = self.room.command();
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command.env("AWS_ACCESS_KEY_ID", "someone").env("AWS_SECRET_ACCESS_KEY", SECRET);
        command.env("AWS_ENDPOINT", format!("http://127.0.0.1:{port}")).env("AWS_ALLOW_HTTP", "true");
        // Which the library would take for one of its own.
        command.env("TOKEN", "of something else").env("BUCKET", "another");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        told_nothing(Run::of(self.command(self.port).args(arguments).output().unwrap()))
    }

    /// The archive holds what the log does, each entry once, and nothing lies about.
    fn holds_all(&self, place: &str) {
        let log = self.room.run(&["export", "ndjson", "-o", "-", "--data", "log"]).exits(0).stdout;
        let archived = self.run(&["archive", "restore", "--to", place, "-o", "-"]).exits(0).stdout;
        assert!(by_id(&log) == by_id(&archived), "the archive and the log differ");
        let verify = ["archive", "verify", "--to", place, "--with-log", "--data", "log"];
        let verified = self.run(&verify).exits(0).prints(&["nothing is wrong"]);
        assert!(!verified.stdout.contains("note:"), "{}", verified.stdout);
    }

    /// Keys and versions of everything that is or was below a prefix.
    pub(crate) fn versions(&self, bucket: &str, prefix: &str) -> Vec<(String, String)> {
        let (status, answer) = self.ask("GET", &format!("/{bucket}?versions&prefix={prefix}"), "", "");
        assert_eq!(status, 200, "{answer}");
        let versions = answer.split("<Version>").skip(1);
        versions.map(|version| (between(version, "Key"), between(version, "VersionId"))).collect()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        drop(self.server.wait());
    }
}

/// What stands in the first element of this name.
fn between(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).expect(name);
    rest.split_once('<').expect("an end").0.to_owned()
}

pub(crate) fn told_nothing(run: Run) -> Run {
    assert!(!run.stdout.contains(SECRET) && !run.stderr.contains(SECRET), "a secret was printed: {}", run.stderr);
    run
}

fn run_to(place: &str) -> [&str; 8] {
    ["archive", "run", "--to", place, "--batch-mib", "1", "--data", "log"]
}

fn without_keys(run: &mut Command) -> &mut Command {
    run.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env("AWS_METADATA_ENDPOINT", NOWHERE)
}

/// Passes on to `port` without the condition of each request, as some do that call themselves S3; gives its own port.
fn careless(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for near in listener.incoming() {
            // Who breaks off is gone.
            std::thread::spawn(move || drop(near.and_then(|near| pass_on(near, port))));
        }
    });
    address.port()
}

fn pass_on(mut near: TcpStream, port: u16) -> std::io::Result<()> {
    let mut reader = BufReader::new(near.try_clone()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let (name, value) =
            line.split_once(':').map_or((line.trim().to_lowercase(), ""), |(n, v)| (n.to_lowercase(), v));
        match &name[..] {
            "" => break,
            "content-length" => length = value.trim().parse().unwrap(),
            "if-none-match" => continue,
            _ => {}
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut far = TcpStream::connect(("127.0.0.1", port))?;
    far.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
    far.write_all(&body)?;
    std::io::copy(&mut far, &mut near).map(drop)
}

#[test]
fn a_log_goes_into_a_bucket_and_back() {
    let Some(moto) = Moto::start("a_log_goes_into_a_bucket_and_back", logged(300)) else { return };
    moto.bucket("book", "");
    let place = "s3://book/a/place";
    moto.run(&run_to(place)).exits(0).says(&["300 entries archived in 3 files"]);
    moto.run(&run_to(place)).exits(0).says(&["0 entries archived"]);
    moto.holds_all(place);
    moto.room.enter_into("log", &(300..350).map(|number| crate::archive::event(number) + "\n").collect::<String>());
    moto.run(&run_to(place)).exits(0).says(&["50 entries archived", "up to position 350"]);
    moto.holds_all(place);
    let status =
        moto.run(&["archive", "status", "--to", place]).exits(0).prints(&["350 entries in 6 files of 2 commits"]);
    assert!(!status.stdout.contains("locked"), "{}", status.stdout);
    let chosen = ["archive", "restore", "--to", place, "--tenant", "acme", "-o", "acme.ndjson"];
    moto.run(&chosen).exits(0).says(&["117 entries written"]);
    // What is changed behind its back is told, as in a directory.
    let (key, _) = moto.versions("book", "a/place/entries/").remove(0);
    let (status, answer) = moto.ask("PUT", &format!("/book/{key}"), SIGNED, "something else");
    assert_eq!(status, 200, "{answer}");
    moto.run(&["archive", "verify", "--to", place]).exits(1).prints(&["its SHA-256 is another one"]);
}

#[test]
fn what_is_set_wrong_is_named() {
    let Some(moto) = Moto::start("what_is_set_wrong_is_named", logged(20)) else { return };
    moto.bucket("book", "");
    moto.run(&run_to("s3://cook/a")).exits(8).says(&["there is no such bucket", "the URL", "AWS_ENDPOINT"]);
    let asked = |change: &dyn Fn(&mut Command) -> &mut Command| {
        let mut command = moto.command(moto.port);
        change(command.args(run_to("s3://book/a")));
        told_nothing(Run::of(command.output().unwrap()))
    };
    asked(&|run| run.env("AWS_ENDPOINT", NOWHERE)).exits(8).says(&["AWS_ENDPOINT", "refused"]);
    asked(&|run| run.env_remove("AWS_ALLOW_HTTP")).exits(8).says(&["AWS_ALLOW_HTTP=true"]);
    asked(&|run| run.env_remove("AWS_SECRET_ACCESS_KEY")).exits(4).says(&["Missing SecretAccessKey", "AWS_"]);
    asked(&without_keys).exits(8).says(&["AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"]);
    // From now on moto looks at keys, and knows none.
    let (status, answer) = moto.ask("POST", "/moto-api/reset-auth", "", "0");
    assert_eq!(status, 200, "{answer}");
    let refused = ["the store refuses the keys", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    moto.run(&run_to("s3://book/a")).exits(11).says(&refused);
}

#[test]
fn killed_or_run_by_two_at_once_nothing_is_lost_or_doubled() {
    let Some(moto) = Moto::start("killed_or_run_by_two_at_once_nothing_is_lost_or_doubled", logged(6_000)) else {
        return;
    };
    moto.bucket("book", "");
    let spawn = |place: &str| {
        let mut command = moto.command(moto.port);
        command.args(run_to(place)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let begun = Instant::now();
    let mut writers = [spawn("s3://book/two"), spawn("s3://book/two"), spawn("s3://book/two")];
    writers.iter_mut().for_each(|writer| assert!(writer.wait().unwrap().success()));
    let whole = begun.elapsed();
    moto.holds_all("s3://book/two");
    assert_eq!(moto.versions("book", "two/pending/"), []);
    let (mut interrupted, mut left_aside, mut kills) = (0, 0, 0_u32);
    // How many it takes until enough came amid a run is up to what else the machine does.
    while kills < 8 || (kills < 40 && (interrupted < 3 || left_aside == 0)) {
        kills += 1;
        let place = format!("s3://book/killed-{}", kills / 3);
        let mut child = spawn(&place);
        // The time of the kill is what the test is about; it waits for nothing.
        std::thread::sleep(whole.mul_f64(f64::from(kills * 5 % 13 + 1) / 20.0));
        interrupted += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        left_aside += u32::from(!moto.versions("book", &format!("killed-{}/pending/", kills / 3)).is_empty());
        moto.run(&["archive", "verify", "--to", &place]).exits(0).prints(&["nothing is wrong"]);
    }
    for place in 0..=kills / 3 {
        moto.run(&run_to(&format!("s3://book/killed-{place}"))).exits(0);
        moto.holds_all(&format!("s3://book/killed-{place}"));
        assert_eq!(moto.versions("book", &format!("killed-{place}/pending/")), []);
    }
    println!("{interrupted} of {kills} runs were killed, {left_aside} left files aside");
    assert!(interrupted >= 3 && left_aside > 0, "the kills came too early or too late to prove anything");
}

#[test]
fn a_store_that_ignores_conditions_is_refused() {
    let Some(moto) = Moto::start("a_store_that_ignores_conditions_is_refused", logged(20)) else { return };
    moto.bucket("book", "");
    let port = careless(moto.port);
    let run = || Run::of(moto.command(port).args(run_to("s3://book/a")).output().unwrap());
    run().exits(4).says(&["the store ignores `If-None-Match`"]);
    assert_eq!(moto.versions("book", "a/"), [], "nothing was written, and the probe is gone");
    moto.run(&run_to("s3://book/a")).exits(0);
    run().exits(4).says(&["the store ignores `If-None-Match`"]);
    moto.holds_all("s3://book/a");
}

#[test]
fn what_is_locked_stays() {
    let Some(moto) = Moto::start("what_is_locked_stays", logged(30)) else { return };
    let with_lock = "x-amz-bucket-object-lock-enabled: true\r\n";
    moto.bucket("plain", "");
    moto.bucket("locks", with_lock);
    moto.bucket("default", with_lock);
    let (status, answer) = moto.ask("PUT", "/default?object-lock", "", RETENTION);
    assert_eq!(status, 200, "{answer}");
    let locked = |place: &'static str| [&run_to(place)[..], &["--lock", "7y"]].concat();
    moto.run(&locked("s3://plain/a")).exits(8).says(&["the bucket has no object lock"]);
    assert_eq!(moto.versions("plain", "a/"), [], "nothing was written before that was known");
    moto.run(&[&run_to("s3://locks/a")[..], &["--lock", "seven"]].concat()).exits(2).says(&["90d, 6m or 7y"]);
    moto.run(&locked("s3://locks/a")).exits(0);
    // A second run in a bucket that locks; its probe is refused, and leaves nothing behind.
    moto.room.enter_into("log", &(crate::archive::event(30) + "\n"));
    moto.run(&locked("s3://locks/a")).exits(0).says(&["1 entry archived"]);
    let year = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).year();
    let status = ["archive", "status", "--to", "s3://locks/a"];
    moto.run(&status).exits(0).prints(&[&format!("locked until {}-", year + 7), "(COMPLIANCE)"]);
    moto.run(&run_to("s3://default/a")).exits(0);
    let status = ["archive", "status", "--to", "s3://default/a"];
    moto.run(&status).exits(0).prints(&["(GOVERNANCE)"]);
    for (bucket, kept) in [("locks", 2 + 4), ("default", 1 + 3)] {
        moto.holds_all(&format!("s3://{bucket}/a"));
        let stays = [moto.versions(bucket, "a/commits/"), moto.versions(bucket, "a/entries/")].concat();
        assert_eq!(stays.len(), kept, "each once: {stays:?}");
        for (key, version) in stays {
            let path = format!("/{bucket}/{key}?versionId={version}");
            let (status, answer) = moto.ask("DELETE", &path, SIGNED, "");
            assert_eq!(status, 403, "{key}: {answer}");
        }
        moto.holds_all(&format!("s3://{bucket}/a"));
    }
    // What is put aside is not locked where only the setting asks for it.
    let (aside, version) = moto.versions("locks", "a/pending/").remove(0);
    assert_eq!(moto.ask("DELETE", &format!("/locks/{aside}?versionId={version}"), SIGNED, "").0, 204);
}
