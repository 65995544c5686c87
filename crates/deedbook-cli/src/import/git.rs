//! The history of a git repository → one event per file and commit, parents before children, oldest first.
//!
//! The `git` program is asked, with every setting that could change its answer fixed, so that a second import gives
//! the same events. What HEAD can reach is read; merges are skipped, since each change stands in a commit of its own.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deedbook_core::{Actor, Change, Event, Target, Timestamp, rfc3339};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::git_log::{Commit, Commits, FORMAT, FileChange, Signature};
use super::{ID_BYTES_MAX, Item, Items, NAME_BYTES_MAX, Place, bounded_id, cut};
use crate::exit::{Exit, Failure, Outcome};
use crate::progress::Progress;

/// How much of a subject is kept; git advises fifty characters.
const DESCRIPTION_BYTES_MAX: usize = 1024;

/// Variables by which a caller (a git hook, for one) would make git look elsewhere than at the path.
const MISLEADING_VARIABLES: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_EXTERNAL_DIFF",
];

/// The history of the repository that `path` is in.
pub(crate) fn open(path: &Path, progress: &Progress) -> Outcome<Items> {
    if path.as_os_str() == "-" {
        return Err(Failure::new(Exit::Usage, "a git repository cannot be read from standard input")
            .advise("Name its directory, as in `deedbook import git .`"));
    }
    let object_format = ask(path, ["rev-parse", "--show-object-format"])?;
    let Ok(head) = ask(path, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]) else {
        // A repository without any commit has a history, an empty one.
        return Ok(Box::new(std::iter::empty()));
    };
    let count = ask(path, ["rev-list", "--count", "--no-merges", &head])?;
    progress.begin_count(count.parse().unwrap_or(0), "commits");
    let history = History {
        commits: Running::start(log(path, &head, &object_format))?,
        shallow: shallow_commits(path)?,
        progress: progress.clone(),
        waiting: Vec::new(),
        ended: false,
    };
    Ok(Box::new(history))
}

/// Whether `path` is inside a git repository.
pub(crate) fn is_repository(path: &Path) -> bool {
    ask(path, ["rev-parse", "--git-dir"]).is_ok()
}

fn git(path: &Path) -> Command {
    let mut command = Command::new("git");
    MISLEADING_VARIABLES.iter().for_each(|variable| {
        command.env_remove(variable);
    });
    command.env("LC_ALL", "C").env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_TERMINAL_PROMPT", "0");
    command.arg("-C").arg(path).arg("--no-pager").stdin(Stdio::null());
    command
}

fn log(path: &Path, head: &str, object_format: &str) -> Command {
    let mut command = git(path);
    // Attributes decide what is binary; those of today's working tree must not rewrite what was counted before.
    command.env("GIT_ATTR_SOURCE", empty_tree(object_format)).env("GIT_ATTR_NOSYSTEM", "1");
    command.args(["-c", "core.attributesFile=", "-c", "log.showRoot=true", "-c", "diff.renameLimit=1000"]);
    command.args(["log", "--reverse", "--date-order", "--no-merges", "-z", "--raw", "--numstat", "-M50%"]);
    command.args(["--no-abbrev", "--no-color", "--no-ext-diff", "--no-textconv", "--no-show-signature"]);
    command.args(["--no-relative", "--diff-algorithm=myers", "--ignore-submodules=none", "--encoding=UTF-8"]);
    command.args([FORMAT, head, "--"]);
    command
}

fn empty_tree(object_format: &str) -> &'static str {
    match object_format {
        "sha256" => "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
        _ => "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    }
}

/// Commits of which a shallow clone knows the files, but neither the parents nor what changed.
fn shallow_commits(path: &Path) -> Outcome<HashSet<String>> {
    let list = path.join(ask(path, ["rev-parse", "--git-path", "shallow"])?);
    match std::fs::read_to_string(&list) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HashSet::new()),
        Err(error) => Err(Failure::io(format_args!("read {}", list.display()), error)),
    }
}

/// The first line of what git answers.
fn ask<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(path: &Path, arguments: I) -> Outcome<String> {
    let output = git(path).args(arguments).output().map_err(no_git)?;
    if !output.status.success() {
        return Err(refused(path, &output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

fn no_git(error: io::Error) -> Failure {
    let missing = error.kind() == io::ErrorKind::NotFound;
    let failure = Failure::io("run git", error);
    if missing { failure.advise("The git importer needs the program `git` on the PATH; install git.") } else { failure }
}

fn refused(path: &Path, stderr: &[u8]) -> Failure {
    let message = String::from_utf8_lossy(stderr);
    let message = message.trim();
    let failure = Failure::invalid(format!("git cannot read {}: {message}", path.display()));
    if message.contains("not a git repository") {
        return failure.advise("Name a directory inside a git repository, or a bare repository.");
    }
    failure
}

/// A git process whose commits are being read.
struct Running {
    child: Child,
    commits: Commits<BufReader<ChildStdout>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

impl Running {
    fn start(mut command: Command) -> Outcome<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(no_git)?;
        let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(Failure::new(Exit::Io, "git was started without its pipes"));
        };
        // Read aside, or a talkative git would fill its pipe and wait for ever.
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.by_ref().take(64 * 1024).read_to_end(&mut text);
            let _ = io::copy(&mut stderr, &mut io::sink());
            text
        });
        let commits = Commits::new(BufReader::with_capacity(128 * 1024, stdout));
        Ok(Self { child, commits, stderr: Some(stderr) })
    }

    /// Waits for git and turns its complaint into an error.
    fn finish(&mut self) -> Outcome<()> {
        let status = self.child.wait().map_err(|error| Failure::io("wait for git", error))?;
        let stderr = self.stderr.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        Err(Failure::invalid(format!("git ended before the history did: {}", String::from_utf8_lossy(&stderr).trim())))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An import that stops early must not leave git behind; one that has ended is not there to be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct History {
    commits: Running,
    shallow: HashSet<String>,
    progress: Progress,
    /// The rest of the current commit, last first.
    waiting: Vec<Item>,
    ended: bool,
}

impl Iterator for History {
    type Item = Outcome<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.waiting.pop() {
                return Some(Ok(item));
            }
            if self.ended {
                return None;
            }
            match self.commits.commits.next() {
                Some(Ok(commit)) => {
                    self.progress.advance(1);
                    let known = if self.shallow.contains(&commit.id) { Parents::CutOff } else { Parents::Known };
                    self.waiting = items_of(&commit, known);
                    self.waiting.reverse();
                }
                Some(Err(error)) => {
                    self.ended = true;
                    let failure = Failure::io("read the output of git", error);
                    return Some(Err(self.commits.finish().err().unwrap_or(failure)));
                }
                None => {
                    self.ended = true;
                    return self.commits.finish().err().map(Err);
                }
            }
        }
    }
}

/// Whether the files of a commit could be compared with those before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parents {
    Known,
    /// A shallow clone ends here: all files look as if they had been added.
    CutOff,
}

fn items_of(commit: &Commit, parents: Parents) -> Vec<Item> {
    let item = |file: &FileChange| Item {
        place: Place::Commit(commit.id.clone()),
        raw: format!("{}:{}", commit.id, Name::of_path(&file.path).text).into_bytes(),
        event: Ok(event_of(commit, file, parents)),
    };
    commit.files.iter().map(item).collect()
}

fn event_of(commit: &Commit, file: &FileChange, parents: Parents) -> Event {
    let renamed_from = file.old_path.as_deref().filter(|_| file.status == b'R');
    let path = Name::of_path(&file.path);
    let mut metadata = path.metadata("path");
    let mut targets = vec![Target::new("file", path.id())];
    if let Some(old_path) = renamed_from.map(Name::of_path) {
        metadata.append(&mut old_path.metadata("previous_path"));
        targets.push(Target { role: Some("previous".to_owned()), ..Target::new("file", old_path.id()) });
    }
    metadata.insert("committer".to_owned(), committer(&commit.committer));
    if parents == Parents::CutOff {
        metadata.insert("shallow".to_owned(), true.into());
    }
    let occurred_at = instant(&commit.author.at);
    if occurred_at.is_none() {
        metadata.insert("author_time".to_owned(), text(&commit.author.at).into());
    }
    Event {
        id: Some(event_id(commit, file, parents)),
        occurred_at,
        targets,
        changes: changes(file, renamed_from),
        transaction_id: Some(commit.id.clone()),
        personal: vec!["/actor/id".to_owned(), "/metadata/committer".to_owned()],
        description: short_text(&commit.subject, DESCRIPTION_BYTES_MAX),
        metadata,
        ..Event::new(action(file.status), author(&commit.author))
    }
}

/// From commit and path, in at most 128 characters of those that an id may have.
fn event_id(commit: &Commit, file: &FileChange, parents: Parents) -> String {
    let path = URL_SAFE_NO_PAD.encode(&Sha256::digest(&file.path)[..12]);
    // Once the clone is complete, the same file of the same commit is a different event.
    let kind = if parents == Parents::CutOff { "git-shallow" } else { "git" };
    format!("{kind}:{}:{path}", commit.id)
}

fn action(status: u8) -> &'static str {
    match status {
        b'A' | b'C' => "file.added",
        b'D' => "file.deleted",
        b'R' => "file.renamed",
        _ => "file.modified",
    }
}

fn author(author: &Signature) -> Actor {
    let email = text(&author.email);
    let id = match email.trim() {
        "" => "unknown".to_owned(),
        email => bounded_id(email),
    };
    Actor { name: short_text(&author.name, NAME_BYTES_MAX), ..Actor::new("user", id) }
}

fn committer(committer: &Signature) -> Value {
    let at = instant(&committer.at).map_or_else(|| text(&committer.at), rfc3339);
    json!({ "name": text(&committer.name), "email": text(&committer.email), "at": at })
}

fn changes(file: &FileChange, renamed_from: Option<&[u8]>) -> Vec<Change> {
    let mut changes = Vec::new();
    if let Some(old_path) = renamed_from {
        let shown = |path| Some(Value::from(Name::of_path(path).text));
        changes.push(Change {
            path: "/path".to_owned(),
            from: shown(old_path),
            to: shown(&file.path),
            redacted: false,
        });
    }
    if file.old_mode != file.new_mode && !matches!(file.status, b'A' | b'C' | b'D') {
        let (from, to) = (Some(file.old_mode.clone().into()), Some(file.new_mode.clone().into()));
        changes.push(Change { path: "/mode".to_owned(), from, to, redacted: false });
    }
    if let Some((added, removed)) = file.lines {
        for (path, count) in [("/lines_added", added), ("/lines_removed", removed)] {
            changes.push(Change { path: path.to_owned(), from: None, to: Some(count.into()), redacted: false });
        }
    }
    changes
}

fn instant(seconds: &[u8]) -> Option<Timestamp> {
    let seconds = std::str::from_utf8(seconds).ok()?.parse().ok()?;
    let instant = Timestamp::from_second(seconds).ok()?;
    // RFC 3339 has years of four digits.
    let written = ("0001-01-01T00:00:00Z".parse().ok()?, "9999-12-30T00:00:00Z".parse().ok()?);
    (written.0..=written.1).contains(&instant).then_some(instant)
}

fn short_text(bytes: &[u8], bytes_max: usize) -> Option<String> {
    let text = text(bytes);
    let (short, _) = cut(text.trim(), bytes_max);
    (!short.is_empty()).then(|| short.to_owned())
}

/// Text as UTF-8, or, where it is none, as Latin-1, which gives every byte a character and loses nothing.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// A path as text, and as it was where the text is not the whole truth.
struct Name<'a> {
    text: String,
    raw: &'a [u8],
}

impl<'a> Name<'a> {
    /// UTF-8 as it is; otherwise each byte that is not printable ASCII, and the percent sign, as `%XX`.
    fn of_path(raw: &'a [u8]) -> Self {
        let text = match std::str::from_utf8(raw) {
            Ok(text) => text.to_owned(),
            Err(_) => raw.iter().map(|byte| percent_encoded(*byte)).collect(),
        };
        Self { text, raw }
    }

    fn id(&self) -> String {
        bounded_id(&self.text)
    }

    /// Members with the whole path where it is too long for an id, and with its bytes where they are no UTF-8.
    fn metadata(&self, name: &str) -> Map<String, Value> {
        let mut metadata = Map::new();
        if self.text.len() > ID_BYTES_MAX {
            metadata.insert(name.to_owned(), self.text.clone().into());
        }
        if self.text.as_bytes() != self.raw {
            let hex: String = self.raw.iter().map(|byte| format!("{byte:02x}")).collect();
            metadata.insert(format!("{name}_hex"), hex.into());
        }
        metadata
    }
}

fn percent_encoded(byte: u8) -> String {
    match byte {
        b'%' => "%25".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(file: FileChange) -> Commit {
        let ada = || Signature { name: b"Ada".to_vec(), email: b"ada@x".to_vec(), at: b"1600000000".to_vec() };
        Commit { id: "a".repeat(40), author: ada(), committer: ada(), subject: b"Mend it".to_vec(), files: vec![file] }
    }

    fn file(status: u8, path: &[u8]) -> FileChange {
        let mode = || "100644".to_owned();
        let path = path.to_vec();
        FileChange { status, old_mode: mode(), new_mode: mode(), old_path: None, path, lines: Some((3, 1)) }
    }

    fn event(commit: &Commit) -> Event {
        event_of(commit, &commit.files[0], Parents::Known)
    }

    #[test]
    fn an_ordinary_change() {
        let event = event(&commit(file(b'M', b"src/main.rs")));
        assert_eq!(event.action, "file.modified");
        assert_eq!(event.id.as_deref().map(str::len), Some(4 + 40 + 1 + 16));
        assert_eq!((event.actor.id.as_deref(), event.actor.name.as_deref()), (Some("ada@x"), Some("Ada")));
        assert_eq!(event.targets, [Target::new("file", "src/main.rs")]);
        assert_eq!(event.description.as_deref(), Some("Mend it"));
        assert_eq!(event.occurred_at.map(|at| at.as_second()), Some(1_600_000_000));
        assert_eq!(event.personal, ["/actor/id", "/metadata/committer"]);
        let changed: Vec<_> = event.changes.iter().map(|change| (change.path.as_str(), change.to.clone())).collect();
        assert_eq!(changed, [("/lines_added", Some(json!(3))), ("/lines_removed", Some(json!(1)))]);
    }

    #[test]
    fn a_rename_stands_in_the_history_of_both_paths() {
        let event = event(&commit(FileChange { old_path: Some(b"old".to_vec()), ..file(b'R', b"new") }));
        assert_eq!(event.action, "file.renamed");
        assert_eq!(event.targets.iter().map(|target| target.id.as_str()).collect::<Vec<_>>(), ["new", "old"]);
        assert_eq!(event.targets[1].role.as_deref(), Some("previous"));
        assert_eq!(
            (event.changes[0].from.clone(), event.changes[0].to.clone()),
            (Some(json!("old")), Some(json!("new")))
        );
    }

    #[test]
    fn odd_paths_and_people() {
        let mut odd = commit(FileChange { lines: None, ..file(b'A', b"50%/caf\xe9\n") });
        odd.author = Signature { name: b"Jos\xe9".to_vec(), email: b" ".to_vec(), at: b"99999999999999".to_vec() };
        let event = event(&odd);
        assert_eq!(event.targets[0].id, "50%25/caf%E9%0A");
        assert_eq!(event.metadata["path_hex"], "3530252f636166e90a");
        assert_eq!((event.actor.id.as_deref(), event.actor.name.as_deref()), (Some("unknown"), Some("José")));
        assert_eq!((event.occurred_at, &event.metadata["author_time"]), (None, &json!("99999999999999")));
        assert_eq!(event.changes, []);
    }

    #[test]
    fn a_long_path_is_shortened_and_kept() {
        let path = "é/".repeat(600);
        let event = event(&commit(file(b'D', path.as_bytes())));
        assert!(event.targets[0].id.len() <= ID_BYTES_MAX);
        assert_eq!(event.metadata["path"], Value::from(path));
    }

    #[test]
    fn ids_tell_commits_paths_and_cut_off_parents_apart() {
        let (one, other) = (commit(file(b'M', b"a")), commit(file(b'M', b"b")));
        assert_ne!(event(&one).id, event(&other).id);
        assert_ne!(event(&one).id, event_of(&one, &one.files[0], Parents::CutOff).id);
    }
}
