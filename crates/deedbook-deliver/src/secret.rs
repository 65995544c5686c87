//! Secrets of sinks: they come from files and variables, and print as dots.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use deedbook_core::Result;
use serde::Deserialize;
use serde_json::Value;

use crate::settings::wrong;

/// The largest secret: the longest tokens have some thousand bytes.
const BYTES_MAX: u64 = 64 << 10;

/// What stands in errors in the place of a secret that somebody repeated.
const HIDDEN: &str = "[secret]";

/// What a table may say where it wants a secret.
const EXPECTED: &str = r#"a secret is { file = "path" } or { env = "NAME" }, and never stands in this file itself"#;

/// A text that must not reach a log: `Debug` shows dots.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text into custody.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for whoever it is meant for.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` without the secret, which the other side may have repeated.
    pub(crate) fn hidden_in(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, HIDDEN) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Where a secret is: `{ file = "path" }` or `{ env = "NAME" }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) enum SecretPlace {
    File(PathBuf),
    Env(String),
}

impl TryFrom<Value> for SecretPlace {
    type Error = &'static str;

    /// Errors repeat nothing of what was written: it may be the secret.
    fn try_from(value: Value) -> std::result::Result<Self, Self::Error> {
        let members = value.as_object().filter(|members| members.len() == 1);
        let member = members.and_then(|members| members.iter().next());
        match member.and_then(|(name, place)| Some((name.as_str(), place.as_str()?))) {
            Some(("file", path)) => Ok(Self::File(path.into())),
            Some(("env", name)) => Ok(Self::Env(name.to_owned())),
            _ => Err(EXPECTED),
        }
    }
}

impl SecretPlace {
    /// The secret, without the end of its line. Relative paths start from `folder`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid): it cannot be read, is empty, or is no line of text.
    pub(crate) fn read(&self, folder: &Path) -> Result<Secret> {
        let (place, text) = match self {
            Self::File(path) => {
                let path = folder.join(path);
                let text = read_file(&path).map_err(|why| wrong(format!("the file {}: {why}", path.display())))?;
                (format!("the file {}", path.display()), text)
            }
            Self::Env(name) => {
                let text = std::env::var(name).map_err(|_| wrong(format!("the variable {name} is not set")))?;
                (format!("the variable {name}"), text)
            }
        };
        let text = text.trim_end_matches(['\r', '\n']);
        match text {
            "" => Err(wrong(format!("{place} is empty, and should hold a secret"))),
            text if text.chars().any(char::is_control) => Err(wrong(format!("{place} holds more than a line of text"))),
            text => Ok(Secret::new(text)),
        }
    }
}

fn read_file(path: &Path) -> std::result::Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(format!("it holds more than {} KiB, and should hold a secret", BYTES_MAX >> 10));
    }
    String::from_utf8(bytes).map_err(|_| "it holds no text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(json: &str) -> Result<SecretPlace> {
        crate::settings::parse(serde_json::from_str(json).expect("JSON"))
    }

    #[test]
    fn a_secret_comes_from_a_file_or_a_variable() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("token"), "s3cret\r\n").expect("a file");
        let secret = place(r#"{"file": "token"}"#).and_then(|place| place.read(folder.path())).expect("a secret");
        assert_eq!((secret.expose(), format!("{secret:?}").as_str()), ("s3cret", "…"));
        let secret = place(r#"{"env": "CARGO_PKG_NAME"}"#).and_then(|place| place.read(folder.path()));
        assert_eq!(secret.expect("a secret").expose(), "deedbook-deliver");
    }

    #[test]
    fn what_is_no_secret_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, content) in
            [("empty", &b"\n"[..]), ("lines", b"one\ntwo\n"), ("bytes", b"\xff"), ("large", &[b'x'; 70_000])]
        {
            std::fs::write(folder.path().join(name), content).expect("a file");
        }
        for (json, expected) in [
            (r#"{"file": "absent"}"#, "absent: "),
            (r#"{"file": "empty"}"#, "empty is empty"),
            (r#"{"file": "lines"}"#, "more than a line"),
            (r#"{"file": "bytes"}"#, "no text"),
            (r#"{"file": "large"}"#, "more than 64 KiB"),
            (r#"{"env": "DEEDBOOK_NO_SUCH_VARIABLE"}"#, "DEEDBOOK_NO_SUCH_VARIABLE is not set"),
        ] {
            let error = place(json).and_then(|place| place.read(folder.path())).expect_err(json).to_string();
            assert!(error.contains(expected), "{json}: {error}");
        }
    }

    #[test]
    fn a_secret_in_the_settings_themselves_is_refused_and_not_repeated() {
        for json in [r#""hunter2""#, r#"{"value": "hunter2"}"#, r#"{"file": "a", "env": "hunter2"}"#, r#"{"file": 7}"#]
        {
            let error = place(json).expect_err(json).to_string();
            assert!(error.contains("{ env = ") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_secret_that_is_repeated_is_hidden() {
        assert_eq!(Secret::new("abc").hidden_in("no abc, no abc"), "no [secret], no [secret]");
        assert_eq!(Secret::new("").hidden_in("abc"), "abc");
    }
}
