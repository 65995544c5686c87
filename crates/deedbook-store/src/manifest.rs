//! The manifest: the one list of the files that make up the log. What it does not name does not count.
//!
//! It is replaced as a whole: written beside, synced, renamed, directory synced. The first line holds the version of
//! the format and a SHA-256 of that and of the rest, which is JSON.

use deedbook_core::{Digest, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::disk::{Disk, read_exact_at, write_all_at};
use crate::failure::{corrupt, io_error};

pub(crate) const MANIFEST: &str = "MANIFEST";
const TEMPORARY: &str = "MANIFEST.tmp";
const MAGIC: &str = "deedbook-manifest";
/// What is written. 2 could say of a segment that its entries lie in an archive, 3 has samples in segments.
const FORMAT: u32 = 3;
const FORMAT_MIN: u32 = 1;
/// From here on the digest of the first line is of the version too.
const FORMAT_DIGESTED: u32 = 3;
/// Notes of recoveries that are kept; older ones go.
const RECOVERIES_MAX: usize = 100;

/// Which files make up the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Distinguishes this log from all others: 16 random bytes in hexadecimal.
    pub(crate) log_id: String,
    /// Key of the hashes of (tenant, id): 16 random bytes in hexadecimal.
    pub(crate) id_key: String,
    /// Number of the next file; numbers are never used again.
    pub(crate) next_file: u64,
    /// In the order of their positions.
    pub(crate) segments: Vec<SegmentName>,
    /// In the order in which they are filled; the last ones may still be empty.
    pub(crate) generations: Vec<GenerationName>,
    /// What was cut from the end of the log after a crash.
    pub(crate) recoveries: Vec<Recovery>,
    /// Objects in archives that no segment needs, perhaps not there at all: they are to be removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unneeded: Vec<Object>,
}

/// A segment and what identifies its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentName {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) first_position: u64,
    pub(crate) positions: u64,
    /// SHA-256 of the footer, which says where everything stands; every block has a checksum of its own.
    pub(crate) footer_sha256: String,
    /// Where its entries lie, if not in its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offloaded: Option<Offloaded>,
}

/// Where the entries of a segment lie whose file has a hole in their place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Offloaded {
    /// A file with them at the same offsets.
    pub(crate) object: Object,
    /// Its length: up to the end of the last of them.
    pub(crate) until: u64,
    /// How many bytes the segment's own file has not.
    pub(crate) bytes: u64,
}

/// A file in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Object {
    /// The archive: a directory, or a URL.
    pub(crate) archive: String,
    pub(crate) name: String,
}

/// A file of the write-ahead log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GenerationName {
    pub(crate) name: String,
    /// 16 bytes in hexadecimal, also in the file's header and in each frame.
    pub(crate) nonce: String,
}

/// A torn frame, none of it acknowledged, that was left out at start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recovery {
    pub(crate) file: String,
    pub(crate) at_unix_microseconds: i64,
    pub(crate) bytes_cut: u64,
}

/// SHA-256 of the first line without the digest, and of the rest.
fn digest_of(version: u32, body: &[u8]) -> String {
    sha256(&[format!("{MAGIC} {version}\n").as_bytes(), body].concat())
}

impl Manifest {
    pub(crate) fn new(log_id: [u8; 16], id_key: [u8; 16]) -> Self {
        Self {
            log_id: hexadecimal(&log_id),
            id_key: hexadecimal(&id_key),
            next_file: 1,
            segments: Vec::new(),
            generations: Vec::new(),
            recoveries: Vec::new(),
            unneeded: Vec::new(),
        }
    }

    /// The manifest of a directory, `None` where there is none.
    pub(crate) fn read(disk: &dyn Disk) -> Result<Option<Self>> {
        let failed = |error| io_error("read", MANIFEST, error);
        if !disk.list().map_err(failed)?.iter().any(|name| name == MANIFEST) {
            return Ok(None);
        }
        let file = disk.open(MANIFEST).map_err(failed)?;
        let length = file.length().map_err(failed)?;
        let mut bytes = vec![0; usize::try_from(length).expect("a manifest fits in memory")];
        read_exact_at(&*file, &mut bytes, 0).map_err(failed)?;
        Self::parse(&bytes).map(Some)
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let not_one = || corrupt(MANIFEST, "its first line is not that of a manifest");
        let end = bytes.iter().position(|&byte| byte == b'\n').ok_or_else(not_one)?;
        let (line, body) = (std::str::from_utf8(&bytes[..end]).map_err(|_| not_one())?, &bytes[end + 1..]);
        let words: Vec<&str> = line.split(' ').collect();
        let [MAGIC, version, digest] = words[..] else { return Err(not_one()) };
        let version: u32 = version.parse().map_err(|_| not_one())?;
        if version > FORMAT {
            let message = format!(
                "this directory has format {version}, and this program knows formats up to {FORMAT}: \
                 use a newer version of Deedbook"
            );
            return Err(Error::new(ErrorKind::NewerFormat, message));
        }
        let digest_of_all = if version < FORMAT_DIGESTED { sha256(body) } else { digest_of(version, body) };
        if version < FORMAT_MIN || digest != digest_of_all {
            return Err(corrupt(MANIFEST, "its content does not have the digest of its first line"));
        }
        serde_json::from_slice(body).map_err(|error| corrupt(MANIFEST, error))
    }

    /// Replaces the manifest of a directory, durably.
    pub(crate) fn write(&self, disk: &dyn Disk) -> Result<(), NotReplaced> {
        let failed = |error| io_error("replace", MANIFEST, error);
        self.write_temporary(disk).map_err(|error| NotReplaced::ForSure(failed(error)))?;
        let replaced = disk.rename(TEMPORARY, MANIFEST).and_then(|()| disk.sync_directory());
        replaced.map_err(|error| NotReplaced::Perhaps(failed(error)))
    }

    fn write_temporary(&self, disk: &dyn Disk) -> std::io::Result<()> {
        let body = serde_json::to_vec_pretty(self).expect("a manifest is plain data");
        let content = [format!("{MAGIC} {FORMAT} {}\n", digest_of(FORMAT, &body)).as_bytes(), &body].concat();
        remove_if_there(disk, TEMPORARY)?;
        let file = disk.create(TEMPORARY)?;
        write_all_at(&*file, &content, 0)?;
        file.sync()
    }

    /// Puts a segment in the place of those whose positions it covers, and notes the objects that nobody needs then.
    pub(crate) fn put_segment(&mut self, segment: SegmentName) {
        let range = segment.first_position..segment.first_position + segment.positions;
        let at = self.segments.partition_point(|other| other.first_position < range.start);
        let covered = self.segments[at..].iter().take_while(|other| range.contains(&other.first_position)).count();
        let added = segment.offloaded.clone();
        let replaced = self.segments.splice(at..at + covered, [segment]);
        self.unneeded.extend(replaced.filter_map(|segment| segment.offloaded).map(|offloaded| offloaded.object));
        self.unneeded.retain(|object| added.as_ref().is_none_or(|added| added.object != *object));
    }

    /// A name for a new file; the number is used up even if the file is never made.
    pub(crate) fn take_name(&mut self, prefix: &str) -> String {
        let number = self.next_file;
        self.next_file += 1;
        format!("{prefix}-{number:010}")
    }

    pub(crate) fn note_recovery(&mut self, recovery: Recovery) {
        self.recoveries.push(recovery);
        let surplus = self.recoveries.len().saturating_sub(RECOVERIES_MAX);
        self.recoveries.drain(..surplus);
    }

    /// Whether the manifest names this file.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.segments.iter().any(|segment| segment.name == name)
            || self.generations.iter().any(|generation| generation.name == name)
    }

    pub(crate) fn id_key(&self) -> Result<[u8; 16]> {
        parse_hexadecimal(&self.id_key).ok_or_else(|| corrupt(MANIFEST, "id_key is not 16 bytes in hexadecimal"))
    }
}

/// Why a manifest was not replaced.
pub(crate) enum NotReplaced {
    /// The old one is in force.
    ForSure(Error),
    /// The old or the new one is in force, and after a crash either may be: files that one of them names must stay.
    Perhaps(Error),
}

impl From<NotReplaced> for Error {
    fn from(not_replaced: NotReplaced) -> Self {
        match not_replaced {
            NotReplaced::ForSure(error) | NotReplaced::Perhaps(error) => error,
        }
    }
}

impl GenerationName {
    pub(crate) fn nonce(&self) -> Result<[u8; 16]> {
        parse_hexadecimal(&self.nonce).ok_or_else(|| corrupt(MANIFEST, "a nonce is not 16 bytes in hexadecimal"))
    }
}

fn remove_if_there(disk: &dyn Disk, name: &str) -> std::io::Result<()> {
    if disk.list()?.iter().any(|there| there == name) { disk.remove(name) } else { Ok(()) }
}

/// Whether a file of this name was made by this crate, named in the manifest or left over by a crash.
pub(crate) fn is_ours(name: &str) -> bool {
    name == TEMPORARY || name.starts_with("wal-") || name.starts_with("segment-")
}

/// Whether a file of this name is a segment.
pub(crate) fn is_segment(name: &str) -> bool {
    name.starts_with("segment-")
}

/// Whether this is a manifest that was not finished.
pub(crate) fn is_temporary(name: &str) -> bool {
    name == TEMPORARY
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Digest(Sha256::digest(bytes).into()).to_string()
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_hexadecimal(text: &str) -> Option<[u8; 16]> {
    let digits = text.as_bytes();
    if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
