//! JSON lines, or the lines of another format, in files that are rotated.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use deedbook_core::Entry;
use serde::Deserialize;
use serde_json::Value;

use super::{Failure, Sink, Writer};
use crate::settings::{Place, bounded, parse};

/// `file = { path = "log.ndjson", rotate_mib = 100, keep = 7 }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    path: PathBuf,
    rotate_mib: Option<u64>,
    #[serde(default = "Settings::keep")]
    keep: u32,
}

impl Settings {
    fn keep() -> u32 {
        10
    }
}

pub(crate) fn make(settings: Value, place: &Place<'_>) -> deedbook_core::Result<Box<dyn Sink>> {
    let Settings { path, rotate_mib, keep } = parse(settings)?;
    let rotate_mib = rotate_mib.map(|mib| bounded("rotate_mib", mib, 1 << 20)).transpose()?;
    let rotation = rotate_mib.map(|mib| Rotation { bytes: mib << 20, keep });
    Ok(Box::new(FileSink::new(place.folder.join(path), rotation, place.format().writer())))
}

/// When a file is put aside, and how many of those are kept: `log.ndjson` becomes `log.ndjson.1`, that `log.ndjson.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The file is put aside before it would grow beyond this.
    pub bytes: u64,
    /// How many files are kept beside the present one; the oldest goes.
    pub keep: u32,
}

/// Appends a line for each entry to a file, and syncs it before it says that they are there.
pub struct FileSink {
    path: PathBuf,
    rotation: Option<Rotation>,
    write: Writer,
    open: Option<Open>,
    /// The room of the lines of a batch, for the next one.
    lines: Vec<u8>,
}

struct Open {
    file: File,
    bytes: u64,
}

impl FileSink {
    /// Appends to the file at `path`, which is made where it is not there.
    pub fn new(path: impl Into<PathBuf>, rotation: Option<Rotation>, write: Writer) -> Self {
        Self { path: path.into(), rotation, write, open: None, lines: Vec::new() }
    }

    fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.clear();
        for entry in entries {
            let before = lines.len();
            (self.write)(entry, &mut lines);
            lines.push(b'\n');
            if self.is_full((lines.len()) as u64) && before > 0 {
                let line = lines.split_off(before);
                self.write_lines(&lines)?;
                lines = line;
            }
        }
        self.write_lines(&lines)?;
        self.lines = lines;
        self.open()?.file.sync_data()
    }

    /// Whether so many more bytes are too many for the file.
    fn is_full(&self, more: u64) -> bool {
        let present = self.open.as_ref().map_or(0, |open| open.bytes);
        self.rotation.is_some_and(|rotation| present + more > rotation.bytes)
    }

    fn write_lines(&mut self, lines: &[u8]) -> io::Result<()> {
        let is_empty = self.open()?.bytes == 0;
        if self.is_full(lines.len() as u64) && !is_empty {
            self.rotate()?;
        }
        let open = self.open()?;
        open.file.write_all(lines)?;
        open.bytes += lines.len() as u64;
        Ok(())
    }

    fn open(&mut self) -> io::Result<&mut Open> {
        let open = match self.open.take() {
            Some(open) => open,
            None => Open::at(&self.path)?,
        };
        Ok(self.open.insert(open))
    }

    fn rotate(&mut self) -> io::Result<()> {
        if let Some(open) = self.open.take() {
            open.file.sync_data()?;
        }
        let keep = self.rotation.map_or(0, |rotation| rotation.keep);
        if keep == 0 {
            return fs::remove_file(&self.path);
        }
        for number in (1..keep).rev() {
            rename_if_there(&numbered(&self.path, number), &numbered(&self.path, number + 1))?;
        }
        fs::rename(&self.path, numbered(&self.path, 1))
    }
}

impl Open {
    /// Opens the file for appending. What an interrupted write left of a line is cut: those entries are sent again.
    fn at(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let mut bytes = file.metadata()?.len();
        let whole = end_of_last_line(&mut file, bytes)?;
        if whole < bytes {
            file.set_len(whole)?;
            bytes = whole;
        }
        Ok(Self { file, bytes })
    }
}

/// Where the last whole line ends.
fn end_of_last_line(file: &mut File, bytes: u64) -> io::Result<u64> {
    use std::io::{Read, Seek, SeekFrom};
    const STEP: u64 = 64 << 10;
    let mut end = bytes;
    while end > 0 {
        let begin = end.saturating_sub(STEP);
        let mut piece = vec![0; (end - begin) as usize];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(&mut piece)?;
        if let Some(at) = piece.iter().rposition(|&byte| byte == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}

impl Sink for FileSink {
    fn deliver(&mut self, entries: &[Entry]) -> Result<(), Failure> {
        self.append(entries).map_err(|error| {
            // What was written of a line is cut when the file is opened again.
            self.open = None;
            Failure::later(format!("{}: {error}", self.path.display()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{entries, positions};

    fn sink(path: &Path, rotation: Option<Rotation>) -> FileSink {
        FileSink::new(path, rotation, positions())
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).expect("a file")
    }

    #[test]
    fn each_entry_is_a_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        sink(&path, None).deliver(&entries(0..3)).expect("delivered");
        sink(&path, None).deliver(&entries(3..5)).expect("delivered");
        assert_eq!(read(&path), "0\n1\n2\n3\n4\n");
    }

    #[test]
    fn a_torn_line_is_cut_before_it_is_sent_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        for (torn, whole) in [("0\n1\n2", "0\n1\n2\n"), ("2", "2\n"), ("", "2\n")] {
            fs::write(&path, torn).expect("a file");
            sink(&path, None).deliver(&entries(2..3)).expect("delivered");
            assert_eq!(read(&path), whole);
        }
        fs::write(&path, "x".repeat(200_000)).expect("a file");
        sink(&path, None).deliver(&entries(2..3)).expect("delivered");
        assert_eq!(read(&path), "2\n");
    }

    #[test]
    fn files_are_put_aside_before_they_are_too_large() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let rotation = Rotation { bytes: 6, keep: 2 };
        let mut sink = sink(&path, Some(rotation));
        sink.deliver(&entries(0..7)).expect("delivered");
        assert_eq!(
            (read(&numbered(&path, 2)), read(&numbered(&path, 1)), read(&path)),
            ("0\n1\n2\n".into(), "3\n4\n5\n".into(), "6\n".into())
        );
        sink.deliver(&entries(7..10)).expect("delivered");
        assert_eq!(
            (read(&numbered(&path, 2)), read(&numbered(&path, 1)), read(&path)),
            ("3\n4\n5\n".into(), "6\n7\n8\n".into(), "9\n".into())
        );
        assert!(!numbered(&path, 3).exists());
    }

    #[test]
    fn a_line_that_is_larger_than_a_file_may_be_has_one_of_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut sink = sink(&path, Some(Rotation { bytes: 1, keep: 1 }));
        sink.deliver(&entries(10..12)).expect("delivered");
        assert_eq!((read(&numbered(&path, 1)), read(&path)), ("10\n".into(), "11\n".into()));
    }

    #[test]
    fn a_path_that_cannot_be_written_is_tried_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("absent/log");
        let mut sink = sink(&path, None);
        let failure = sink.deliver(&entries(0..1)).expect_err("the folder is absent");
        assert!(matches!(failure, Failure::Later { .. }) && failure.why().contains("absent"), "{failure:?}");
        fs::create_dir(folder.path().join("absent")).expect("a folder");
        sink.deliver(&entries(0..1)).expect("delivered");
        assert_eq!(read(&path), "0\n");
    }
}
