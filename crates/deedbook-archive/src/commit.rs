//! What the archive holds: a chain of commits, each of which names the files of a range of positions.
//!
//! A commit has the name of its first position, and that is where the one before ended. Who makes one that is there
//! already has lost to another writer. So the last commit is the cursor of the archive, and there is no other.

use bytes::Bytes;
use deedbook_core::{Digest, Error, ErrorKind, Receipt, Result, Timestamp, rfc3339};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Version of the archive as a whole.
pub(crate) const VERSION: u32 = 1;
/// The folder of commits.
pub(crate) const FOLDER: &str = "commits";
/// The folder of files that no commit names yet, or whose commit is new: no reader looks there.
pub(crate) const PENDING: &str = "pending";
/// The folder that readers see as a table.
pub(crate) const ENTRIES: &str = "entries";

/// Positions of the log that are in the archive, and the files that hold them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// Version of the archive.
    pub(crate) version: u32,
    /// The first position that it covers.
    pub first: u64,
    /// The position after the last that it covers.
    pub next: u64,
    /// The SHA-256 of the commit before; `None` for the first.
    pub previous: Option<String>,
    /// The last entry of it.
    pub last: Last,
    /// Its files, by tenant and day.
    pub files: Vec<Listed>,
}

/// An entry by which the log is known again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Last {
    /// Whose it is.
    pub tenant: String,
    /// Its id.
    pub id: String,
    /// Where it stands in the log.
    pub position: u64,
    /// When it was recorded, by RFC 3339.
    pub recorded_at: String,
    /// The hash of its leaf.
    pub leaf_hash: String,
}

/// A file of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Where it is.
    pub path: String,
    /// Whose entries it holds.
    pub tenant: String,
    /// The day on which they were recorded, in UTC.
    pub day: String,
    /// How many.
    pub rows: u64,
    /// The position of the first of them.
    pub first: u64,
    /// The position of the last.
    pub last: u64,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// The root of an RFC 6962 tree over the leaf hashes of its entries, in their order.
    pub leaves: String,
}

impl Last {
    pub(crate) fn of(receipt: &Receipt) -> Self {
        Self {
            tenant: receipt.tenant.clone(),
            id: receipt.id.clone(),
            position: receipt.position,
            recorded_at: rfc3339(receipt.recorded_at),
            leaf_hash: receipt.leaf_hash.to_string(),
        }
    }

    /// When it was recorded.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] where the text is no time.
    pub(crate) fn recorded_at(&self) -> Result<Timestamp> {
        self.recorded_at.parse().map_err(|error| {
            Error::new(ErrorKind::Corrupt, format!("a commit says a time that is none: {:?}", self.recorded_at))
                .with_source(error)
        })
    }
}

impl Listed {
    /// Where it is until its commit is done with.
    pub(crate) fn pending(&self) -> String {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        format!("{PENDING}/{name}")
    }
}

impl Commit {
    /// The object of the commit that begins at this position.
    pub(crate) fn path(first: u64) -> String {
        format!("{FOLDER}/{first:020}.json")
    }

    pub(crate) fn to_bytes(&self) -> Result<Bytes> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::new(ErrorKind::Io, "a commit cannot be written").with_source(error))?;
        bytes.push(b'\n');
        Ok(bytes.into())
    }

    /// Reads the commit at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::NewerFormat`], [`ErrorKind::Corrupt`].
    pub(crate) fn read(path: &str, bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let corrupt =
            |error| Error::new(ErrorKind::Corrupt, format!("{path} is no commit of an archive")).with_source(error);
        let Versioned { version } = serde_json::from_slice(bytes).map_err(corrupt)?;
        if version > VERSION {
            return Err(Error::new(
                ErrorKind::NewerFormat,
                format!("{path} has version {version}, and {VERSION} is known"),
            ));
        }
        let commit: Self = serde_json::from_slice(bytes).map_err(corrupt)?;
        if Self::path(commit.first) != path || commit.next <= commit.first {
            let message = format!("{path} does not say the positions of its name");
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        Ok(commit)
    }
}

/// The SHA-256 of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

/// The folder of a tenant and day below [`ENTRIES`]. What may steer a path, or those who read it, is percent-encoded.
pub(crate) fn folder(tenant: &str, day: &str) -> String {
    format!("{ENTRIES}/tenant={}/day={day}", escaped(tenant))
}

fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tenants_cannot_leave_their_folder() {
        for (tenant, expected) in
            [("acme", "acme"), ("a/../b", "a%2F..%2Fb"), ("день 1=%", "%D0%B4%D0%B5%D0%BD%D1%8C%201%3D%25")]
        {
            assert_eq!(folder(tenant, "2026-09-20"), format!("entries/tenant={expected}/day=2026-09-20"));
        }
    }

    #[test]
    fn a_commit_is_read_as_it_was_written() {
        let last = Last {
            tenant: "acme".into(),
            id: "e-1".into(),
            position: 8,
            recorded_at: "2026-09-20T14:00:00.000000Z".into(),
            leaf_hash: "00".into(),
        };
        let commit = Commit { version: VERSION, first: 7, next: 9, previous: None, last, files: Vec::new() };
        let bytes = commit.to_bytes().expect("written");
        assert_eq!(Commit::read(&Commit::path(7), &bytes).expect("a commit"), commit);
        assert_eq!(Commit::read(&Commit::path(8), &bytes).expect_err("another name").kind(), ErrorKind::Corrupt);
        let newer = br#"{"version":2,"unknown":true}"#;
        assert_eq!(Commit::read(&Commit::path(7), newer).expect_err("newer").kind(), ErrorKind::NewerFormat);
    }
}
