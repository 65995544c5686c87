//! `import git`, on repositories made by `git fast-import`, which takes names and paths of any bytes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::Room;

/// A bare repository.
pub(crate) struct Repository(PathBuf);

impl Repository {
    /// One without any commit.
    pub(crate) fn empty(path: &Path) -> Self {
        let repository = Self(path.to_owned());
        fs::create_dir_all(path).expect("a directory");
        repository.git(&["init", "--quiet", "--bare", "--initial-branch=main"], b"");
        repository
    }

    /// One with all that can happen to a file.
    pub(crate) fn with_history(path: &Path) -> Self {
        let repository = Self::empty(path);
        repository.git(&["fast-import", "--quiet"], &history());
        repository
    }

    fn git(&self, arguments: &[&str], input: &[u8]) {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.0).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null());
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(variable);
        }
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        let mut child = command.spawn().expect("git runs");
        child.stdin.take().expect("a pipe").write_all(input).expect("git reads");
        assert!(child.wait().expect("git ends").success(), "git {arguments:?}");
    }
}

/// A history as `git fast-import` reads it.
fn history() -> Vec<u8> {
    let mut stream = Stream { bytes: Vec::new(), marks: 0 };
    let text = (0..20).map(|n| format!("line {n}\n")).collect::<String>();
    stream.commit("Ada <ada@x.example> 1600000000 +0200", "First words", None);
    stream.file("100644", "README.md", text.as_bytes());
    stream.file("100644", "\"caf\\351 %\"", b"latin\n");
    stream.file("100644", "\"tab\\there\\n\"", b"odd\n");
    stream.file("100644", "\"日本 \\\"語\\\"\"", b"utf-8\n");
    stream.file("100644", "logo.bin", b"\0\x01\x02");
    stream.commit("Ada <ada@x.example> 1600000100 +0200", "Move and mend", None);
    stream.line("R README.md docs/readme.md");
    stream.file("100755", "docs/readme.md", format!("{text}more\n").as_bytes());
    stream.file("100644", "logo.bin", b"\0\x01\x03");
    stream.line("M 160000 0123456789012345678901234567890123456789 module");
    stream.commit_raw(b"Jos\xe9 <> 1600000200 +0000", b"Latin-1 \xe9");
    stream.line("D \"tab\\there\\n\"");
    stream.file("120000", "\"日本 \\\"語\\\"\"", b"docs/readme.md");
    stream.line("commit refs/heads/side");
    stream.signatures("Bob <bob@x.example> 1600000150 +0000", "On the side");
    stream.line("from :2");
    stream.file("100644", "side.txt", b"side\n");
    stream.commit("Ada <ada@x.example> 1600000300 +0200", "Merge side", Some("refs/heads/side"));
    stream.commit("Ada <ada@x.example> 1600000400 +0200", "Nothing at all", None);
    stream.bytes
}

struct Stream {
    bytes: Vec<u8>,
    /// Commits on the main branch are marked 1, 2, 3 …
    marks: u32,
}

impl Stream {
    fn line(&mut self, line: &str) {
        self.bytes.extend_from_slice(line.as_bytes());
        self.bytes.push(b'\n');
    }

    fn data(&mut self, data: &[u8]) {
        self.line(&format!("data {}", data.len()));
        self.bytes.extend_from_slice(data);
        self.bytes.push(b'\n');
    }

    fn signatures(&mut self, author: &str, subject: &str) {
        self.line(&format!("author {author}"));
        self.line("committer Carol <carol@x.example> 1600009999 +0000");
        self.data(subject.as_bytes());
    }

    fn commit(&mut self, author: &str, subject: &str, merge: Option<&str>) {
        self.line("commit refs/heads/main");
        self.marks += 1;
        self.line(&format!("mark :{}", self.marks));
        self.signatures(author, subject);
        if let Some(merge) = merge {
            self.line(&format!("merge {merge}"));
        }
    }

    fn commit_raw(&mut self, author: &[u8], subject: &[u8]) {
        self.line("commit refs/heads/main");
        self.bytes.extend_from_slice(b"author ");
        self.bytes.extend_from_slice(author);
        self.line("\ncommitter Carol <carol@x.example> 1600009999 +0000");
        self.data(subject);
    }

    fn file(&mut self, mode: &str, path: &str, content: &[u8]) {
        self.line(&format!("M {mode} inline {path}"));
        self.data(content);
    }
}

fn imported() -> (Room, Vec<Value>) {
    let room = Room::new();
    Repository::with_history(&room.path().join("repo.git"));
    let run = room.run(&["import", "git", "repo.git"]).exits(0);
    assert_eq!(run.stdout, "11 new, 0 already there, 0 rejected\n");
    let entries = room.run(&["export", "ndjson", "-o", "-"]).exits(0).ndjson();
    (room, entries)
}

#[track_caller]
fn find<'a>(entries: &'a [Value], action: &str, target: &str) -> &'a Value {
    let matches = |entry: &&Value| entry["action"] == action && entry["targets"][0]["id"] == target;
    entries.iter().find(matches).unwrap_or_else(|| panic!("no {action} of {target} in {entries:#?}"))
}

#[test]
fn one_entry_per_file_and_commit() {
    let (_room, entries) = imported();
    let added = find(&entries, "file.added", "README.md");
    assert_eq!(added["actor"], json!({ "type": "user", "id": "ada@x.example", "name": "Ada" }));
    assert_eq!(added["occurred_at"], "2020-09-13T12:26:40.000000Z");
    assert_eq!(added["description"], "First words");
    assert_eq!(added["personal"], json!(["/actor/id", "/metadata/committer"]));
    let committer = json!({ "name": "Carol", "email": "carol@x.example", "at": "2020-09-13T15:13:19.000000Z" });
    assert_eq!(added["metadata"], json!({ "committer": committer }));
    let counts = json!([{ "path": "/lines_added", "to": 20 }, { "path": "/lines_removed", "to": 0 }]);
    assert_eq!(added["changes"], counts);
    let (id, commit) = (added["id"].as_str().expect("an id"), added["transaction_id"].as_str().expect("a commit"));
    assert!(commit.len() == 40 && id.starts_with(&format!("git:{commit}:")), "{id}");
}

#[test]
fn renames_modes_types_binaries_and_submodules() {
    let (_room, entries) = imported();
    let renamed = find(&entries, "file.renamed", "docs/readme.md");
    assert_eq!(renamed["targets"][1], json!({ "type": "file", "id": "README.md", "role": "previous" }));
    let paths = json!({ "path": "/path", "from": "README.md", "to": "docs/readme.md" });
    assert_eq!(renamed["changes"][0], paths);
    assert_eq!(renamed["changes"][1], json!({ "path": "/mode", "from": "100644", "to": "100755" }));
    assert_eq!(renamed["changes"][2], json!({ "path": "/lines_added", "to": 1 }));
    assert_eq!(find(&entries, "file.added", "logo.bin")["changes"], Value::Null);
    assert_eq!(find(&entries, "file.modified", "logo.bin")["changes"], Value::Null);
    find(&entries, "file.added", "module");
    let typed = find(&entries, "file.modified", "日本 \"語\"");
    assert_eq!(typed["changes"][0], json!({ "path": "/mode", "from": "100644", "to": "120000" }));
}

#[test]
fn odd_paths_and_people() {
    let (_room, entries) = imported();
    let latin = find(&entries, "file.added", "caf%E9 %25");
    assert_eq!(latin["metadata"]["path_hex"], "636166e92025");
    let deleted = find(&entries, "file.deleted", "tab\there\n");
    assert_eq!(deleted["actor"], json!({ "type": "user", "id": "unknown", "name": "José" }));
    assert_eq!(deleted["description"], "Latin-1 é");
}

#[test]
fn parents_come_before_children_and_merges_not_at_all() {
    let (room, entries) = imported();
    let subjects: Vec<_> = entries.iter().filter_map(|entry| entry["description"].as_str()).collect();
    let first = |subject: &str| subjects.iter().position(|other| *other == subject);
    assert!(first("First words") < first("Move and mend") && first("Move and mend") < first("On the side"));
    assert!(first("On the side").is_some() && first("Merge side").is_none() && first("Nothing at all").is_none());
    assert_eq!(room.count("actor:user:bob@x.example"), 1);
    assert_eq!(room.count("target:file:README.md"), 2);
}

#[test]
fn settings_do_not_change_what_is_imported() {
    let room = Room::new();
    let repository = Repository::with_history(&room.path().join("repo.git"));
    room.run(&["import", "git", "repo.git"]).exits(0);
    for (name, value) in [
        ("diff.renames", "false"),
        ("log.showRoot", "false"),
        ("core.quotePath", "true"),
        ("diff.algorithm", "patience"),
        ("log.showSignature", "true"),
        ("color.ui", "always"),
        ("log.decorate", "full"),
    ] {
        repository.git(&["config", name, value], b"");
    }
    let again = room.run(&["import", "git", "repo.git"]).exits(0).stdout;
    assert_eq!(again, "0 new, 11 already there, 0 rejected\n");
}

#[test]
fn attributes_of_today_do_not_change_what_was_counted_before() {
    let room = Room::new();
    let repository = Repository::with_history(&room.path().join("repo.git"));
    room.run(&["import", "git", "repo.git"]).exits(0);
    let mut stream = Stream { bytes: Vec::new(), marks: 0 };
    stream.commit("Ada <ada@x.example> 1600000500 +0200", "Everything is binary", None);
    stream.line("from refs/heads/main^0");
    stream.file("100644", ".gitattributes", b"* -diff\n");
    repository.git(&["fast-import", "--quiet"], &stream.bytes);
    repository.git(&["config", "attr.tree", "HEAD"], b"");
    let again = room.run(&["import", "git", "repo.git"]).exits(0).stdout;
    assert_eq!(again, "1 new, 11 already there, 0 rejected\n");
}

#[test]
fn a_shallow_clone_says_that_it_is_one() {
    let room = Room::new();
    Repository::with_history(&room.path().join("repo.git"));
    let url = format!("file://{}", room.path().join("repo.git").display());
    let clone = room.path().join("shallow.git");
    let mut git = Command::new("git");
    git.args(["clone", "--quiet", "--bare", "--depth", "3", &url]).arg(&clone).env_remove("GIT_DIR");
    assert!(git.status().expect("git runs").success());
    room.run(&["import", "git", "shallow.git"]).exits(0);
    assert!(room.count("has:meta.shallow") > 0);
    // The whole history comes beside it, in conflict with nothing.
    room.run(&["import", "git", "repo.git"]).exits(0);
}

#[test]
fn what_is_no_repository_and_what_has_no_git() {
    let room = Room::new();
    room.run(&["import", "git", "."]).exits(4).says(&["not a git repository"]);
    room.run(&["import", "git", "none"]).exits(4).says(&["none"]);
    let mut command = room.command();
    command.args(["import", "git", "."]).env("PATH", room.path());
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(8));
    assert!(String::from_utf8_lossy(&output.stderr).contains("install git"));
}

#[test]
fn an_empty_repository_has_an_empty_history() {
    let room = Room::new();
    Repository::empty(&room.path().join("repo.git"));
    assert_eq!(room.run(&["import", "git", "repo.git"]).exits(0).stdout, "0 new, 0 already there, 0 rejected\n");
}
