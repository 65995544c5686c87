//! Canonical bytes → event root: salted commitments of members and personal leaves.
//!
//! Each personal leaf is replaced by `0x00 ‖ c(leaf)` before its member is committed. A raw zero byte cannot occur in
//! JSON, so bytes in which a value was erased, which hold just that, have the same root. Nothing here checks that bytes
//! are canonical ([`crate::check_canonical`] does); bytes that cannot be followed are an error, never a panic.

mod scan;
mod walk;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use hmac::{Hmac, KeyInit, Mac};
use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};

use crate::{Digest, Error, ErrorKind, Result};

use scan::{ERASED_LENGTH, Member, corrupt};
pub(crate) use scan::{members, without_erased, without_member};
use walk::Layout;

const FIELD_DOMAIN: &[u8] = b"deedbook/field/v1\0";
const EVENT_DOMAIN: &[u8] = b"deedbook/event/v1\0";
const SALT_DOMAIN: &[u8] = b"deedbook/salt/v1\0";
const SEED_DOMAIN: &[u8] = b"deedbook/seed/v1\0";

/// Secret of one generation of a write-ahead log (K), or of a store: 32 random bytes from which seeds are derived.
///
/// Never printed.
#[derive(Clone)]
pub struct Key(pub [u8; 32]);

/// Secret of one event, from which the salts of its fields are derived.
///
/// Never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 16]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

impl Key {
    /// The seed of an event: `HMAC-SHA256(K, "deedbook/seed/v1\0" ‖ u16 len(tenant) ‖ tenant ‖ u16 len(id) ‖ id)[..16]`.
    ///
    /// Both texts are those of a [`Draft`](crate::Draft), far below 65,536 bytes.
    ///
    /// Source: RFC 2104.
    pub fn seed(&self, tenant: &str, id: &str) -> Seed {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(SEED_DOMAIN);
        for text in [tenant, id] {
            mac.update(&length_u16(text.len()));
            mac.update(text.as_bytes());
        }
        Seed(half(&mac.finalize().into_bytes()))
    }
}

impl Seed {
    /// The salt of the field at `path`: `SHA-256("deedbook/salt/v1\0" ‖ seed ‖ path)[..16]`.
    pub fn salt(&self, path: &str) -> [u8; 16] {
        half(&joined([SALT_DOMAIN, &self.0, path.as_bytes()]).0)
    }
}

/// The commitment of the field at `path` (a JSON Pointer of at most 65,535 bytes) to `value`:
/// `c = SHA-256("deedbook/field/v1\0" ‖ salt ‖ u16 len(path) ‖ path ‖ u32 len(value) ‖ value)`.
pub fn commit(salt: &[u8; 16], path: &str, value: &[u8]) -> Digest {
    let value_length = u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes();
    joined([FIELD_DOMAIN, salt, &length_u16(path.len()), path.as_bytes(), &value_length, value])
}

/// The event root of canonical bytes, with or without erased values, from the seed of the event:
/// `SHA-256("deedbook/event/v1\0" ‖ u16 n ‖ n × (u8 len(name) ‖ name ‖ c))`, names in byte order.
///
/// # Errors
/// [`ErrorKind::Corrupt`] where the bytes cannot be those of an event.
pub fn event_root(canonical: &[u8], seed: &Seed) -> Result<Digest> {
    event_root_with(canonical, |path| Some(seed.salt(path)))
}

/// As [`event_root`], from the salts themselves, as a verifier has them.
///
/// `salt_of` is asked for what [`salted_paths`] lists: every member and every personal value that is still there. Where a
/// value was erased, its commitment stands in its place and its salt is gone; where it was a whole member, the commitment
/// of the member does.
///
/// # Errors
/// [`ErrorKind::Corrupt`] where the bytes cannot be those of an event, or where `salt_of` has no answer.
pub fn event_root_with(canonical: &[u8], mut salt_of: impl FnMut(&str) -> Option<[u8; 16]>) -> Result<Digest> {
    let mut layout = Layout::of(canonical)?;
    // Canonical order is that of UTF-16; roots take byte order. They are one for the names that events have.
    layout.members.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let members = &layout.members;
    if members.windows(2).any(|pair| pair[0].0.name == pair[1].0.name) {
        return Err(corrupt("a member occurs twice"));
    }
    let mut rooted = Vec::with_capacity(32 + members.len() * 56);
    rooted.extend_from_slice(EVENT_DOMAIN);
    rooted.extend_from_slice(&length_u16_checked(members.len())?);
    let mut replaced = Vec::new();
    let mut path = String::with_capacity(64);
    for (member, leaves) in members {
        let name_length = u8::try_from(member.name.len()).map_err(|_| corrupt("a name has more than 255 bytes"))?;
        rooted.push(name_length);
        rooted.extend_from_slice(&member.name);
        if let Some(committed) = erased_member(canonical, member) {
            rooted.extend_from_slice(committed);
            continue;
        }
        let value = cut(canonical, member, layout.leaves(leaves.clone()), &mut replaced, &mut salt_of)?;
        walk::member_path(&mut path, member)?;
        let salt = salt_of(&path).ok_or_else(|| no_salt(&path))?;
        rooted.extend_from_slice(&commit(&salt, &path, value).0);
    }
    Ok(Digest(Sha256::digest(&rooted).into()))
}

/// The commitment that stands in the place of a member that was erased as a whole.
fn erased_member<'v>(canonical: &'v [u8], member: &Member<'_>) -> Option<&'v [u8]> {
    canonical[member.value.clone()].strip_prefix(&[0])
}

/// The value of a member with its personal leaves replaced.
fn cut<'v>(
    canonical: &'v [u8],
    member: &Member<'_>,
    leaves: impl Iterator<Item = (&'v str, Range<usize>)>,
    replaced: &'v mut Vec<u8>,
    salt_of: &mut impl FnMut(&str) -> Option<[u8; 16]>,
) -> Result<&'v [u8]> {
    replaced.clear();
    let mut copied = member.value.start;
    for (path, leaf) in leaves {
        replaced.extend_from_slice(&canonical[copied..leaf.start]);
        copied = leaf.end;
        let value = &canonical[leaf];
        if value[0] == 0 {
            replaced.extend_from_slice(value);
            continue;
        }
        length_u16_checked(path.len())?;
        let salt = salt_of(path).ok_or_else(|| no_salt(path))?;
        replaced.push(0);
        replaced.extend_from_slice(&commit(&salt, path, value).0);
    }
    if copied == member.value.start {
        return Ok(&canonical[member.value.clone()]);
    }
    replaced.extend_from_slice(&canonical[copied..member.value.end]);
    Ok(replaced)
}

/// A field of an event to which its root commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// JSON Pointer to it.
    pub path: String,
    /// Where its value stands in the canonical bytes.
    pub range: Range<usize>,
    /// How the root commits to it.
    pub kind: FieldKind,
}

/// How the root of an event commits to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A member of the event: its commitment is in the root.
    Member,
    /// A personal value: its commitment stands in its place within the member.
    Personal,
    /// A personal value that was erased: `0x00` and its commitment are all that is left.
    Erased,
}

/// Every field of canonical bytes that has a salt or had one: each member, followed by its personal leaves in order.
///
/// A member that is personal as a whole is listed twice, as member and as leaf, under one path and with one salt.
///
/// # Errors
/// [`ErrorKind::Corrupt`] where the bytes cannot be those of an event.
pub fn fields(canonical: &[u8]) -> Result<Vec<Field>> {
    let layout = Layout::of(canonical)?;
    let mut fields = Vec::with_capacity(32);
    let mut path = String::new();
    for (member, leaves) in &layout.members {
        walk::member_path(&mut path, member)?;
        fields.push(Field { path: path.clone(), range: member.value.clone(), kind: FieldKind::Member });
        fields.extend(layout.leaves(leaves.clone()).map(|(path, range)| {
            let kind = if canonical[range.start] == 0 { FieldKind::Erased } else { FieldKind::Personal };
            Field { path: path.to_owned(), range, kind }
        }));
    }
    Ok(fields)
}

/// The paths of the fields of canonical bytes whose salts the event root is computed with: each member and each personal
/// leaf that is still there, in the order of [`fields`], each once.
///
/// # Errors
/// [`ErrorKind::Corrupt`] where the bytes cannot be those of an event.
pub fn salted_paths(canonical: &[u8]) -> Result<Vec<String>> {
    let mut paths: Vec<String> = Vec::new();
    for field in fields(canonical)? {
        let is_erased = canonical.get(field.range.start) == Some(&0);
        // A member that is personal as a whole is one with its leaf.
        if !is_erased && paths.last() != Some(&field.path) {
            paths.push(field.path);
        }
    }
    Ok(paths)
}

/// The canonical bytes with `0x00 ‖ c` in place of each personal value at one of `paths`; the event root stays.
///
/// c is the commitment of the leaf, or that of the member where the leaf is a whole member: both have one salt, with
/// which an erased value could be guessed. What was erased before stays erased.
///
/// # Errors
/// [`ErrorKind::Invalid`] for a path that is not that of a personal value of this event; [`ErrorKind::Corrupt`] where
/// the bytes cannot be those of an event or a salt is missing.
pub fn erase(canonical: &[u8], paths: &[&str], mut salt_of: impl FnMut(&str) -> Option<[u8; 16]>) -> Result<Vec<u8>> {
    let fields = fields(canonical)?;
    let personal_fields = || fields.iter().filter(|field| field.kind != FieldKind::Member);
    for path in paths {
        if !personal_fields().any(|field| field.path == *path) {
            let detail = "the event has no personal value here; only values that are personal by default or listed in \
                          \"personal\" can be erased one by one";
            return Err(Error::invalid(*path, "not_personal", detail));
        }
    }
    let mut out = Vec::with_capacity(canonical.len() + paths.len() * ERASED_LENGTH);
    let mut copied = 0;
    for field in
        personal_fields().filter(|field| field.kind == FieldKind::Personal && paths.contains(&field.path.as_str()))
    {
        out.extend_from_slice(&canonical[copied..field.range.start]);
        let salt = salt_of(&field.path).ok_or_else(|| no_salt(&field.path))?;
        let committed = commit(&salt, &field.path, &canonical[field.range.clone()]);
        out.push(0);
        out.extend_from_slice(&if is_member(&fields, field) {
            commit(&salt, &field.path, &[&[0], &committed.0[..]].concat()).0
        } else {
            committed.0
        });
        copied = field.range.end;
    }
    out.extend_from_slice(&canonical[copied..]);
    Ok(out)
}

/// Whether a personal leaf is a member as a whole.
fn is_member(fields: &[Field], leaf: &Field) -> bool {
    fields.iter().any(|field| field.kind == FieldKind::Member && field.path == leaf.path)
}

/// The SHA-256 of `parts`, one after the other. Most fields fill one block or two: those are laid out here and
/// compressed at once, which costs half of what feeding a hasher piece by piece does.
#[inline]
fn joined<const PARTS: usize>(parts: [&[u8]; PARTS]) -> Digest {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    match (length + PADDING_MIN).div_ceil(64) {
        1 => compressed::<1, PARTS>(parts, length),
        2 => compressed::<2, PARTS>(parts, length),
        3 | 4 => compressed::<4, PARTS>(parts, length),
        _ => {
            let mut hasher = Sha256::new();
            parts.iter().for_each(|part| hasher.update(part));
            Digest(hasher.finalize().into())
        }
    }
}

/// The SHA-256 of `parts`, `length` bytes together, that fit into so many blocks with their padding.
#[inline]
fn compressed<const BLOCKS: usize, const PARTS: usize>(parts: [&[u8]; PARTS], length: usize) -> Digest {
    let mut blocks = [[0; 64]; BLOCKS];
    let bytes = blocks.as_flattened_mut();
    let mut at = 0;
    for part in parts {
        bytes[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    bytes[at] = 0x80;
    let end = (at + PADDING_MIN).next_multiple_of(64);
    bytes[end - 8..end].copy_from_slice(&(length as u64 * 8).to_be_bytes());
    let mut state = INITIAL_STATE;
    compress256(&mut state, &blocks[..end / 64]);
    let mut digest = [0; 32];
    for (word, place) in state.iter().zip(digest.as_chunks_mut::<4>().0) {
        *place = word.to_be_bytes();
    }
    Digest(digest)
}

/// A bit of one and the length.
const PADDING_MIN: usize = 9;
/// Source: FIPS 180-4, section 5.3.3.
const INITIAL_STATE: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

fn half(digest: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

fn length_u16(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

fn length_u16_checked(length: usize) -> Result<[u8; 2]> {
    u16::try_from(length).map(u16::to_be_bytes).map_err(|_| corrupt("a path or the number of members is over 65,535"))
}

#[cold]
fn no_salt(path: &str) -> Error {
    let path: Cow<'_, str> = if path.len() <= 256 { path.into() } else { "a long path".into() };
    Error::new(ErrorKind::Corrupt, format!("the salt of {path} is missing"))
}
