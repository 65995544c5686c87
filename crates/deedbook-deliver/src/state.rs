//! How far each sink is: what must outlive the process.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use deedbook_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// How far a sink is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The position of the first entry that was neither delivered, parked, nor passed over by the sink's query.
    pub next: u64,
    /// Whether somebody paused it.
    #[serde(default)]
    pub paused: bool,
    /// What the other side refused for good, by rising position; the cursor has moved on.
    #[serde(default)]
    pub parked: Vec<Parked>,
}

/// An entry that the other side refused for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Where it stands in the log.
    pub position: u64,
    /// Whose it is.
    pub tenant: String,
    /// Its id.
    pub id: String,
    /// What the other side said.
    pub why: String,
    /// When it was given up, by RFC 3339.
    pub at: String,
}

/// Where states are kept.
pub trait States: Send + Sync {
    /// The state of the sink of this name; `None` where it never ran.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], and [`ErrorKind::Corrupt`] where it cannot be understood.
    fn load(&self, name: &str) -> Result<Option<State>>;

    /// Keeps it; durable when it returns.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]; then the state is the old one or this one.
    fn save(&self, name: &str, state: &State) -> Result<()>;

    /// Forgets it, where there is one: a sink of this name begins anew.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    fn remove(&self, name: &str) -> Result<()>;
}

/// A file `NAME.json` for each sink, in a folder of its own.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Keeps states in the folder at `path`, which is made with the first of them.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let temporary = self.0.join(format!("{name}.json.new"));
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&temporary, self.path(name))?;
        File::open(&self.0)?.sync_all()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.json"))
    }
}

impl States for Folder {
    fn load(&self, name: &str) -> Result<Option<State>> {
        let path = self.path(name);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| failed(&path.display(), error))?,
        };
        let state = serde_json::from_slice(&bytes).map_err(|error| {
            let message =
                format!("{} does not say how far the sink is: mend it, or remove it to begin anew", path.display());
            Error::new(ErrorKind::Corrupt, message).with_source(error)
        })?;
        Ok(Some(state))
    }

    fn save(&self, name: &str, state: &State) -> Result<()> {
        let bytes = serde_json::to_vec(state).map_err(|error| failed(&name, error.into()))?;
        self.write(name, &bytes).map_err(|error| failed(&self.path(name).display(), error))
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(|error| failed(&path.display(), error)),
        }
    }
}

fn failed(what: &dyn std::fmt::Display, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("{what}: {error}")).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_saved() {
        let place = tempfile::tempdir().expect("a folder");
        let states = Folder::at(place.path().join("sinks"));
        assert_eq!(states.load("siem").expect("nothing"), None);
        let parked = Parked {
            position: 3,
            tenant: "acme".into(),
            id: "evt_1".into(),
            why: "400 Bad Request".into(),
            at: "2026-09-20T14:00:00Z".into(),
        };
        for state in [State { next: 4, paused: true, parked: vec![parked] }, State::default()] {
            states.save("siem", &state).expect("saved");
            assert_eq!(states.load("siem").expect("a state"), Some(state));
        }
        assert_eq!(states.load("other").expect("nothing"), None);
        for _ in 0..2 {
            states.remove("siem").expect("removed");
            assert_eq!(states.load("siem").expect("nothing"), None);
        }
    }

    #[test]
    fn a_state_that_is_none_is_told_with_its_place() {
        let place = tempfile::tempdir().expect("a folder");
        let states = Folder::at(place.path());
        fs::write(place.path().join("siem.json"), "{\"next\":").expect("a file");
        let error = states.load("siem").expect_err("torn");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("siem.json"), "{error}");
    }
}
