//! The output of `git log -z --raw --numstat` with [`FORMAT`] → commits. Paths, names and subjects may be any bytes.
//!
//! With `-z` everything is a token that ends in NUL. A commit is a head of eight tokens, then one raw line per file
//! (`:modes and hashes status`, path, for a rename the new path too), then one line of counts per file.

use std::collections::HashMap;
use std::io::{self, BufRead};

/// The head of a commit. No other token begins with its first byte: raw lines begin with a colon (once with a line
/// feed before it), counts with a digit or a dash, and paths are taken by number.
pub(crate) const FORMAT: &str = "--format=%x02%H%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%s";

const HEAD_MARK: u8 = 0x02;

/// The longest token that is believed: a path, or the subject of a commit.
const TOKEN_BYTES_MAX: usize = 1024 * 1024;

/// A commit and what it did to each file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    /// Full name, 40 or 64 hexadecimal digits.
    pub(crate) id: String,
    /// Who wrote it.
    pub(crate) author: Signature,
    /// Who entered it.
    pub(crate) committer: Signature,
    /// First line of its message.
    pub(crate) subject: Vec<u8>,
    /// In the order of git.
    pub(crate) files: Vec<FileChange>,
}

/// A person and a time, as the commit claims them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Signature {
    /// May be empty.
    pub(crate) name: Vec<u8>,
    /// May be empty.
    pub(crate) email: Vec<u8>,
    /// Seconds since 1970 in digits, or whatever git makes of a broken date.
    pub(crate) at: Vec<u8>,
}

/// What a commit did to one file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileChange {
    /// `A`, `M`, `D`, `R`, `C`, `T` …
    pub(crate) status: u8,
    /// Six octal digits, `000000` where the file was not there.
    pub(crate) old_mode: String,
    /// Six octal digits, `000000` where it is not there any more.
    pub(crate) new_mode: String,
    /// Where it was before, of a rename or a copy.
    pub(crate) old_path: Option<Vec<u8>>,
    /// Where it is, or was before it was deleted.
    pub(crate) path: Vec<u8>,
    /// How much changed.
    pub(crate) lines: Counted,
}

/// Lines added and removed; `None` for a binary file.
type Counted = Option<(u64, u64)>;

/// The commits in an output of git.
pub(crate) struct Commits<R> {
    reader: R,
    next_head: Option<Vec<u8>>,
}

impl<R: BufRead> Commits<R> {
    /// Commits from where `reader` stands.
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, next_head: None }
    }

    fn read_commit(&mut self) -> io::Result<Option<Commit>> {
        let head = match self.next_head.take() {
            Some(head) => head,
            None => match self.token()? {
                Some(token) => token,
                None => return Ok(None),
            },
        };
        let Some((&HEAD_MARK, id)) = head.split_first() else { return Err(unexpected(&head)) };
        let mut commit = self.read_head(id)?;
        let mut lines = HashMap::new();
        while let Some(token) = self.token()? {
            match token.strip_prefix(b"\n").unwrap_or(&token) {
                [] => {}
                [b':', raw @ ..] => commit.files.push(self.read_file(raw)?),
                [HEAD_MARK, ..] => {
                    self.next_head = Some(token);
                    break;
                }
                counts => {
                    let (path, counted) = self.read_counts(counts)?;
                    lines.insert(path, counted);
                }
            }
        }
        for file in &mut commit.files {
            file.lines = lines.get(&file.path).copied().flatten();
        }
        Ok(Some(commit))
    }

    fn read_head(&mut self, id: &[u8]) -> io::Result<Commit> {
        Ok(Commit {
            id: ascii(id)?,
            author: self.read_signature()?,
            committer: self.read_signature()?,
            subject: self.required_token()?,
            files: Vec::new(),
        })
    }

    fn read_signature(&mut self) -> io::Result<Signature> {
        Ok(Signature { name: self.required_token()?, email: self.required_token()?, at: self.required_token()? })
    }

    /// `100644 100755 <hash> <hash> M`, then one path or two.
    fn read_file(&mut self, raw: &[u8]) -> io::Result<FileChange> {
        let text = ascii(raw)?;
        let mut fields = text.split(' ');
        let (Some(old_mode), Some(new_mode), Some(status)) = (fields.next(), fields.next(), fields.nth(2)) else {
            return Err(unexpected(raw));
        };
        let status = *status.as_bytes().first().ok_or_else(|| unexpected(raw))?;
        let first = self.required_token()?;
        let (old_path, path) = match status {
            b'R' | b'C' => (Some(first), self.required_token()?),
            _ => (None, first),
        };
        Ok(FileChange { status, old_mode: old_mode.into(), new_mode: new_mode.into(), old_path, path, lines: None })
    }

    /// `3<tab>1<tab>path`, or without the path and then two paths of a rename.
    fn read_counts(&mut self, counts: &[u8]) -> io::Result<(Vec<u8>, Counted)> {
        let mut fields = counts.splitn(3, |byte| *byte == b'\t');
        let (Some(added), Some(removed), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(unexpected(counts));
        };
        let counted = match (added, removed) {
            (b"-", b"-") => None,
            _ => Some((number(added)?, number(removed)?)),
        };
        if !path.is_empty() {
            return Ok((path.to_vec(), counted));
        }
        self.required_token()?;
        Ok((self.required_token()?, counted))
    }

    fn required_token(&mut self) -> io::Result<Vec<u8>> {
        self.token()?.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the output of git ends too early"))
    }

    fn token(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut token = Vec::new();
        self.reader.by_ref_take(TOKEN_BYTES_MAX, &mut token)?;
        match token.pop() {
            None => Ok(None),
            Some(0) => Ok(Some(token)),
            Some(_) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the output of git ends within a value")),
        }
    }
}

impl<R: BufRead> Iterator for Commits<R> {
    type Item = io::Result<Commit>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_commit().transpose()
    }
}

trait ReadToken {
    /// Reads up to and including a NUL, at most `bytes_max`.
    fn by_ref_take(&mut self, bytes_max: usize, token: &mut Vec<u8>) -> io::Result<usize>;
}

impl<R: BufRead> ReadToken for R {
    fn by_ref_take(&mut self, bytes_max: usize, token: &mut Vec<u8>) -> io::Result<usize> {
        io::Read::take(&mut *self, bytes_max as u64).read_until(0, token)
    }
}

fn ascii(bytes: &[u8]) -> io::Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| unexpected(bytes))
}

fn number(bytes: &[u8]) -> io::Result<u64> {
    std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or_else(|| unexpected(bytes))
}

fn unexpected(token: &[u8]) -> io::Error {
    let shown = String::from_utf8_lossy(&token[..token.len().min(80)]).into_owned();
    io::Error::new(io::ErrorKind::InvalidData, format!("git wrote {shown:?}, which is not understood"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(id: &str) -> String {
        format!("\u{2}{id}\0Ada\0ada@x\x001\0Bob\0bob@x\x002\0subject\0")
    }

    fn check(output: &[u8]) -> Vec<Commit> {
        Commits::new(output).collect::<io::Result<_>>().expect("an output of git")
    }

    #[test]
    fn commits_with_all_kinds_of_changes() {
        let zero = "0".repeat(40);
        let output = [
            head("aa").as_bytes(),
            format!("\n:000000 100644 {zero} {zero} A\0caf").as_bytes(),
            b"\xe9\0",
            format!(":100644 100755 {zero} {zero} R066\0old\0new\tname\0").as_bytes(),
            format!(":100644 000000 {zero} {zero} D\0:\x02odd\0").as_bytes(),
            b"2\t0\tcaf\xe9\x001\t3\t\0old\0new\tname\0-\t-\t:\x02odd\0",
            head("bb").as_bytes(),
            head("cc").as_bytes(),
            format!("\n:120000 100644 {zero} {zero} T\0l\0").as_bytes(),
            b"1\t1\tl\0",
        ]
        .concat();
        let commits = check(&output);
        assert_eq!(commits.iter().map(|commit| commit.files.len()).collect::<Vec<_>>(), [3, 0, 1]);
        let first = &commits[0];
        assert_eq!((first.author.email.as_slice(), first.committer.name.as_slice()), (&b"ada@x"[..], &b"Bob"[..]));
        assert_eq!((first.files[0].path.as_slice(), first.files[0].lines), (&b"caf\xe9"[..], Some((2, 0))));
        assert_eq!(first.files[1].old_path.as_deref(), Some(&b"old"[..]));
        assert_eq!((first.files[1].path.as_slice(), first.files[1].lines), (&b"new\tname"[..], Some((1, 3))));
        assert_eq!((first.files[2].status, first.files[2].lines), (b'D', None));
        assert_eq!(commits[2].files[0].status, b'T');
    }

    #[test]
    fn nonsense_is_an_error_and_never_a_panic() {
        for output in [&b"x\0"[..], b"\x02aa\0Ada\0", b"\x02aa", &[head("aa").as_bytes(), b":1\0"].concat()] {
            assert!(Commits::new(output).any(|commit| commit.is_err()), "{output:?}");
        }
        assert!(check(b"").is_empty());
    }
}
