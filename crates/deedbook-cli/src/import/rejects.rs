//! What could not be entered: the first few are shown, all are kept in a file from which they can be mended.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Place;
use crate::exit::{Failure, Outcome};
use crate::output::safe::safe;
use crate::progress::Progress;

/// How many are shown; the others are only counted.
const SHOWN_MAX: u64 = 10;

/// The rejected pieces of one import. The file is made when the first of them comes.
pub(crate) struct Rejects {
    input: String,
    /// Where they go if the caller said so.
    path: Option<PathBuf>,
    base_name: String,
    file: Option<(PathBuf, BufWriter<File>)>,
    count: u64,
    progress: Progress,
}

impl Rejects {
    /// Rejects of `input`, to be kept at `path`, or else in the current directory as `<input>.rejected.ndjson`,
    /// with a number where such a file is there already: it may hold what nobody has looked at yet.
    pub(crate) fn new(input: &Path, path: Option<PathBuf>, progress: &Progress) -> Self {
        let (input, base_name) = (input.display().to_string(), base_name(input));
        Self { input, path, base_name, file: None, count: 0, progress: progress.clone() }
    }

    /// Takes one in.
    pub(crate) fn add(&mut self, place: &Place, reason: &str, raw: &[u8]) -> Outcome<()> {
        self.count += 1;
        if self.count <= SHOWN_MAX {
            self.progress.say(format_args!("{}: {place}: {}", safe(&self.input), safe(reason)));
        } else if self.count == SHOWN_MAX + 1 {
            self.progress.say(format_args!("… more like these are only counted and kept"));
        }
        let line = line(&self.input, place, reason, raw);
        let (path, file) = self.file()?;
        writeln!(file, "{line}").map_err(|error| unwritable(path, error))
    }

    /// Makes the file complete; tells where it is, if there is one.
    pub(crate) fn finish(&mut self) -> Outcome<Option<&Path>> {
        let Some((path, file)) = &mut self.file else { return Ok(None) };
        file.flush().map_err(|error| unwritable(path, error))?;
        Ok(Some(path))
    }

    fn file(&mut self) -> Outcome<&mut (PathBuf, BufWriter<File>)> {
        if self.file.is_none() {
            let (path, file) = match &self.path {
                Some(path) => (path.clone(), File::create(path).map_err(|error| unwritable(path, error))?),
                None => create_beside(&self.base_name)?,
            };
            self.file = Some((path, BufWriter::new(file)));
        }
        Ok(self.file.as_mut().expect("it was opened above"))
    }
}

/// Makes the first of `NAME.rejected.ndjson`, `NAME.rejected-2.ndjson` … that is not there.
fn create_beside(base_name: &str) -> Outcome<(PathBuf, File)> {
    let mut number = 1_u32;
    loop {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let path = PathBuf::from(format!("{base_name}.rejected{suffix}.ndjson"));
        match File::create_new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(unwritable(&path, error)),
        }
    }
}

fn unwritable(path: &Path, error: io::Error) -> Failure {
    Failure::io(format_args!("write the reject file {}", path.display()), error)
        .advise("Name another with --rejects FILE.")
}

fn base_name(input: &Path) -> String {
    match input.canonicalize() {
        Ok(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        Err(_) => "stdin".to_owned(),
    }
}

fn line(input: &str, place: &Place, reason: &str, raw: &[u8]) -> Value {
    let mut line = json!({ "file": input, "reason": reason });
    match place {
        Place::Line(number) => line["line"] = (*number).into(),
        Place::Record { line: number, number: record } => {
            line["line"] = (*number).into();
            line["record"] = (*record).into();
        }
        Place::Commit(id) => line["commit"] = id.as_str().into(),
    }
    match std::str::from_utf8(raw) {
        Ok(text) => line["raw"] = text.into(),
        Err(_) => line["raw_base64"] = STANDARD.encode(raw).into(),
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_file_place_reason_and_bytes() {
        let first = line("a.ndjson", &Place::Line(7), "bad", b"{");
        assert_eq!(first, json!({ "file": "a.ndjson", "line": 7, "reason": "bad", "raw": "{" }));
        let second = line("a", &Place::Record { line: 1, number: 3 }, "bad", b"\xff");
        assert_eq!(second, json!({ "file": "a", "line": 1, "record": 3, "reason": "bad", "raw_base64": "/w==" }));
    }
}
