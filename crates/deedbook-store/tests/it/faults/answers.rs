//! Everything a reader can ask of a small log, and whether what is left of a damaged one answers the same.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use deedbook_core::query::ParseOptions;
use deedbook_core::{Atomicity, Error, ErrorKind, GroupBy, PageRequest, Query, Scope, Store, Timestamp};
use deedbook_store::{FileStore, Options, check_on};
use deedbook_testkit::disk::SimulatedDisk;

use super::script::{Act, Client, archive_on};
use super::taken::Taking;

const QUERIES: [&str; 8] = [
    "actor:user_1",
    "action:document.*",
    "-action:document.shared",
    "outcome:failure",
    "plan",
    "\"annual plan\"",
    "target:document:doc_42",
    "occurred:>=2026-09-01",
];
const GROUPS: [&[GroupBy]; 4] =
    [&[], &[GroupBy::Action, GroupBy::Day], &[GroupBy::Actor], &[GroupBy::Outcome, GroupBy::Target]];

/// A directory as a killed process leaves it: several segments, some with holes, a file of the log with frames and an
/// empty one.
pub(super) fn left_by_a_killed_process() -> SimulatedDisk {
    let found = (0..1000).find_map(|seed| {
        let mut client = Client::after_acts(seed, 12);
        // Some holes of each kind, and then what the process was killed over.
        let first = seed * 10_000;
        for (number, taking) in [(1, Taking::Name), (2, Taking::Content), (3, Taking::Retire)] {
            client.act(&Act::Take(vec![first + number, first + number + 3], taking));
        }
        client.act(&Act::Append(vec![first + 5_001], Atomicity::PerEvent));
        let disk = client.disk.kill_at(client.disk.steps()).copy();
        let names = disk.names();
        let segments = names.iter().filter(|name| name.starts_with("segment-")).count();
        // One that was being made may still be shorter than its header.
        let frames = |bytes: &Vec<u8>| bytes.get(4096..).is_some_and(|frames| frames.starts_with(b"DEEDFRM1"));
        let framed = |name: &&String| disk.read(name).as_ref().is_some_and(frames);
        let logs: Vec<&String> = names.iter().filter(|name| name.starts_with("wal-")).collect();
        let with_frames = logs.iter().filter(|name| framed(name)).count();
        // A file that was being made when the process was killed is nobody's: what happens to it is harmless.
        let manifest = String::from_utf8(disk.read("MANIFEST").unwrap_or_default()).unwrap_or_default();
        let ours = names.iter().filter(|name| name.contains('-'));
        let is_whole = ours.into_iter().all(|name| manifest.contains(&format!("\"{name}\"")));
        (is_whole && segments >= 2 && with_frames > 0 && with_frames < logs.len()).then_some(disk)
    });
    found.expect("one of these scripts leaves such a directory")
}

/// What became of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The log is refused.
    FoundByOpening,
    /// Some questions are refused, the others answered rightly.
    FoundByReading,
    /// All answers are right, and `deedbook doctor` reports it.
    FoundByDoctor,
    /// All answers are right, and there is nothing to report.
    Harmless,
}

/// The answers of a sound log.
pub(super) struct Answers(Vec<String>);

impl Answers {
    pub(super) fn of(disk: &SimulatedDisk) -> Self {
        let store = open(disk).unwrap();
        Self(questions(&store).iter().map(|question| ask(&store, question).unwrap()).collect())
    }

    /// What became of damage to a disk that gave these answers; an error where an answer is wrong or something panics.
    pub(super) fn judge(&self, damaged: &SimulatedDisk) -> Result<Fate, String> {
        catch_unwind(AssertUnwindSafe(|| self.fate(damaged))).unwrap_or_else(|_| Err("it panics".into()))
    }

    fn fate(&self, damaged: &SimulatedDisk) -> Result<Fate, String> {
        let store = match open(damaged) {
            Ok(store) => store,
            Err(error) => return refused(&error).map(|()| Fate::FoundByOpening),
        };
        let mut found = false;
        for (question, answer) in self.questions().iter().zip(&self.0) {
            match ask(&store, question) {
                Ok(given) if given == *answer => {}
                Ok(given) => return Err(format!("{question:?} is answered with {given}, right is {answer}")),
                Err(error) => {
                    refused(&error)?;
                    found = true;
                }
            }
        }
        drop(store);
        let report = check_on(damaged, "the simulated disk", archive_on(damaged), &mut |_, _| ())
            .map_err(|error| format!("{error:?}"))?;
        match (found, super::problems_but_authority(report).is_empty()) {
            (true, true) => Err("reading finds it, and the doctor does not".into()),
            (true, false) => Ok(Fate::FoundByReading),
            (false, false) => Ok(Fate::FoundByDoctor),
            (false, true) => Ok(Fate::Harmless),
        }
    }

    /// The first answer lists all entries, so that the others need not be asked for from a damaged log.
    fn questions(&self) -> Vec<Question> {
        let ids = self.0[0].lines().map(|line| {
            let (tenant, rest) = line.split_once(' ').expect("a line begins with the tenant");
            Question::Get(tenant.to_owned(), rest.split(' ').next().unwrap_or_default().to_owned())
        });
        fixed_questions().into_iter().chain(ids).collect()
    }
}

fn refused(error: &Error) -> Result<(), String> {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::Corrupt | ErrorKind::NewerFormat if text.len() > 30 => Ok(()),
        // An archive may be away, and come back.
        ErrorKind::Io if text.contains("of the archive") => Ok(()),
        _ => Err(format!("it is refused with {error:?}")),
    }
}

fn open(disk: &SimulatedDisk) -> Result<FileStore, Error> {
    let mut options = Options::default();
    options.cache_bytes = 1 << 20;
    options.archive = archive_on(disk);
    FileStore::open_read_only_on(Arc::new(disk.clone()), "the simulated disk", options)
}

#[derive(Clone, Debug)]
enum Question {
    List(&'static str),
    Count(&'static str, usize),
    Get(String, String),
}

fn fixed_questions() -> Vec<Question> {
    let lists = std::iter::once("").chain(QUERIES).map(Question::List);
    let counts = ["", "actor:user_1"].into_iter();
    lists.chain(counts.flat_map(|query| (0..GROUPS.len()).map(move |groups| Question::Count(query, groups)))).collect()
}

fn questions(store: &FileStore) -> Vec<Question> {
    let all = ask(store, &Question::List("")).unwrap();
    Answers(vec![all]).questions()
}

fn ask(store: &FileStore, question: &Question) -> Result<String, Error> {
    let scope = Scope::unrestricted("a test reads all");
    let line = |entry: &deedbook_core::Entry| {
        let deedbook_core::Receipt { tenant, id, seq, position, recorded_at, leaf_hash } = &entry.receipt;
        // Quoted, for what was erased leaves bytes that may be anything, the end of a line too.
        let canonical = String::from_utf8_lossy(&entry.canonical);
        format!("{tenant} {id} {seq} {position} {recorded_at} {leaf_hash} {canonical:?}\n")
    };
    match question {
        Question::List(query) => {
            let page = store.page(&parse(query), &scope, &PageRequest::oldest(10_000))?;
            Ok(page.entries.iter().map(line).collect())
        }
        Question::Count(query, groups) => Ok(format!("{:?}", store.count(&parse(query), &scope, GROUPS[*groups])?)),
        Question::Get(tenant, id) => Ok(store.get(tenant, id, &scope)?.as_ref().map(line).unwrap_or_default()),
    }
}

fn parse(text: &str) -> Query {
    let options = ParseOptions { now: Timestamp::UNIX_EPOCH, time_zone: jiff::tz::TimeZone::UTC };
    Query::parse(text, &options).unwrap()
}
