//! Sorted keys with payloads: compressed leaves of front-coded keys, and in memory the first key of each leaf.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use deedbook_core::Result;

use super::compression::{Compressor, decompressed};
use super::file::{CHECKSUM, SegmentFile, SegmentSink};
use crate::bytes::{Malformed, Reader, put_bytes, put_varint};
use crate::cache::Block;
use crate::index::Queue;

/// A leaf is ended when it has this many bytes before compression.
const LEAF: usize = 8192;
/// A leaf has at most so many bytes: one key of an event, which is bounded, may stand at its end.
const LEAF_MAX: usize = 16 << 20;

/// Writes keys in rising order.
#[derive(Default)]
pub(crate) struct DictionaryWriter {
    leaf: Vec<u8>,
    first_key: Vec<u8>,
    last_key: Vec<u8>,
    index: Vec<u8>,
    leaves: u64,
    keys: u64,
    compressor: Option<Compressor>,
    compressed: Vec<u8>,
}

impl DictionaryWriter {
    pub(crate) fn put(&mut self, sink: &mut SegmentSink, key: &[u8], payload: &[u8]) -> Result<()> {
        debug_assert!(self.keys == 0 || self.last_key[..] < *key, "keys rise");
        if self.leaf.is_empty() {
            self.first_key = key.to_vec();
            self.last_key.clear();
        }
        put_pair(&mut self.leaf, &self.last_key, key, payload);
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        self.keys += 1;
        if self.leaf.len() >= LEAF { self.end_leaf(sink) } else { Ok(()) }
    }

    fn end_leaf(&mut self, sink: &mut SegmentSink) -> Result<()> {
        if self.leaf.is_empty() {
            return Ok(());
        }
        let compressor = self.compressor.get_or_insert_with(|| Compressor::new(None));
        compressor.compress(&self.leaf, &mut self.compressed)?;
        let offset = sink.put_block(&self.compressed)?;
        put_bytes(&mut self.index, &self.first_key);
        for number in [offset, self.compressed.len() as u64, self.leaf.len() as u64] {
            put_varint(&mut self.index, number);
        }
        self.leaves += 1;
        self.leaf.clear();
        Ok(())
    }

    pub(crate) fn finish(mut self, sink: &mut SegmentSink) -> Result<DictionaryPlace> {
        self.end_leaf(sink)?;
        let offset = sink.put_block(&self.index)?;
        Ok(DictionaryPlace { offset, bytes: self.index.len() as u64, leaves: self.leaves, keys: self.keys })
    }
}

/// Where the index of a dictionary stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DictionaryPlace {
    offset: u64,
    bytes: u64,
    leaves: u64,
    pub(crate) keys: u64,
}

impl DictionaryPlace {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for number in [self.offset, self.bytes, self.leaves, self.keys] {
            put_varint(out, number);
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { offset: reader.varint()?, bytes: reader.varint()?, leaves: reader.varint()?, keys: reader.varint()? })
    }
}

struct Leaf {
    first_key: Box<[u8]>,
    offset: u64,
    compressed: usize,
    bytes: usize,
}

/// Finds keys.
pub(crate) struct Dictionary {
    file: Arc<SegmentFile>,
    leaves: Vec<Leaf>,
    index_bytes: u64,
    pub(crate) keys: u64,
}

impl Dictionary {
    pub(crate) fn open(file: Arc<SegmentFile>, place: DictionaryPlace) -> Result<Self> {
        let bytes = usize::try_from(place.bytes).unwrap_or(usize::MAX - 8);
        let index = file.block_uncached(place.offset, bytes)?;
        let leaves = file.shaped(read_index(&index), "the index of a dictionary")?;
        if leaves.iter().any(|leaf| !file.holds(leaf.offset, leaf.compressed as u64)) {
            return Err(file.corrupt("a leaf of a dictionary lies outside of the file"));
        }
        if leaves.len() as u64 != place.leaves {
            return Err(file.corrupt("the index of a dictionary has another number of leaves"));
        }
        Ok(Self { file, leaves, index_bytes: place.bytes, keys: place.keys })
    }

    /// The payload of `key`.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut cursor = self.seek(key)?;
        Ok(cursor.next()?.filter(|(found, _)| *found == key).map(|(_, payload)| payload.to_vec()))
    }

    /// Calls `visit` with each key from `from` on, and its payload, until it returns `false`.
    pub(crate) fn visit(&self, from: &[u8], mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool>) -> Result<()> {
        let mut cursor = self.seek(from)?;
        while let Some((key, payload)) = cursor.next()? {
            if !visit(key, payload)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Calls `visit` with each key that begins with `prefix`, and its payload.
    pub(crate) fn visit_prefix(&self, prefix: &[u8], mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
        self.visit(prefix, |key, payload| {
            let within = key.starts_with(prefix);
            if within {
                visit(key, payload)?;
            }
            Ok(within)
        })
    }

    fn seek(&self, key: &[u8]) -> Result<DictionaryCursor<'_>> {
        let leaf = self.leaves.partition_point(|leaf| leaf.first_key[..] <= *key).saturating_sub(1);
        let mut cursor = DictionaryCursor::at(self, leaf, Access::Cached);
        cursor.skip_to(key)?;
        Ok(cursor)
    }

    /// All keys in order, reading each leaf once and past the cache.
    pub(crate) fn scan(&self) -> DictionaryCursor<'_> {
        DictionaryCursor::at(self, 0, Access::Once)
    }

    /// Bytes of the dictionary in the file, checksums included.
    pub(crate) fn bytes_in_file(&self) -> u64 {
        let leaves: u64 = self.leaves.iter().map(|leaf| leaf.compressed as u64 + CHECKSUM).sum();
        leaves + self.index_bytes + CHECKSUM
    }
}

impl Leaf {
    fn read(&self, file: &SegmentFile) -> Result<Block> {
        decompressed(file, self.offset, self.compressed, self.bytes, &[])
    }
}

fn read_index(index: &[u8]) -> Result<Vec<Leaf>, Malformed> {
    let mut reader = Reader::new(index);
    let mut leaves: Vec<Leaf> = Vec::new();
    while !reader.is_empty() {
        let leaf = Leaf {
            first_key: reader.bytes()?.into(),
            offset: reader.varint()?,
            compressed: reader.count()?,
            bytes: reader.count()?,
        };
        if leaf.bytes > LEAF_MAX || leaves.last().is_some_and(|last| last.first_key >= leaf.first_key) {
            return Err(Malformed);
        }
        leaves.push(leaf);
    }
    Ok(leaves)
}

#[derive(Clone, Copy)]
enum Access {
    Cached,
    Once,
}

/// Goes through the keys of a dictionary in order.
pub(crate) struct DictionaryCursor<'a> {
    dictionary: &'a Dictionary,
    access: Access,
    next_leaf: usize,
    leaf: Option<Block>,
    at: usize,
    key: Vec<u8>,
    payload: Range<usize>,
    /// The present key was reached by a seek and is still to be given.
    pending: bool,
}

impl<'a> DictionaryCursor<'a> {
    fn at(dictionary: &'a Dictionary, leaf: usize, access: Access) -> Self {
        let key = Vec::new();
        Self { dictionary, access, next_leaf: leaf, leaf: None, at: 0, key, payload: 0..0, pending: false }
    }

    /// Moves to the first key of the next leaf that is not before `key`, or behind that leaf.
    fn skip_to(&mut self, key: &[u8]) -> Result<()> {
        if !self.load_leaf()? {
            return Ok(());
        }
        let leaf = self.leaf.as_deref().map_or(&[][..], |leaf| &leaf[..]);
        let found = self.dictionary.file.shaped(first_from(leaf, key), "a leaf of a dictionary")?;
        self.at = leaf.len();
        if let Some(pair) = found {
            self.key.extend_from_slice(&key[..pair.shared]);
            self.key.extend_from_slice(&leaf[pair.suffix]);
            (self.payload, self.at, self.pending) = (pair.payload, pair.end, true);
        }
        Ok(())
    }

    /// The next key and its payload.
    pub(crate) fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        if !std::mem::take(&mut self.pending) && !self.step()? {
            return Ok(None);
        }
        let leaf = self.leaf.as_deref().map_or(&[][..], |leaf| &leaf[..]);
        Ok(Some((&self.key, &leaf[self.payload.clone()])))
    }

    /// Moves to the next key, if there is one.
    fn step(&mut self) -> Result<bool> {
        if self.leaf.as_ref().is_none_or(|leaf| self.at >= leaf.len()) && !self.load_leaf()? {
            return Ok(false);
        }
        let leaf = self.leaf.as_deref().map_or(&[][..], |leaf| &leaf[..]);
        let pair = self.dictionary.file.shaped(Pair::read(leaf, self.at, self.key.len()), "a leaf of a dictionary")?;
        self.key.truncate(pair.shared);
        self.key.extend_from_slice(&leaf[pair.suffix]);
        (self.payload, self.at) = (pair.payload, pair.end);
        Ok(true)
    }

    fn load_leaf(&mut self) -> Result<bool> {
        let dictionary = self.dictionary;
        let Some(leaf) = dictionary.leaves.get(self.next_leaf) else { return Ok(false) };
        let file = &dictionary.file;
        self.leaf = Some(match self.access {
            Access::Cached => {
                let block = file.cached(leaf.offset, || leaf.read(file))?;
                file.of_length(block, leaf.bytes)?
            }
            Access::Once => leaf.read(file)?,
        });
        self.next_leaf += 1;
        self.at = 0;
        self.key.clear();
        Ok(leaf.bytes > 0)
    }
}

/// Adds a pair behind the one with `last_key`; at the beginning of a leaf that is empty.
fn put_pair(leaf: &mut Vec<u8>, last_key: &[u8], key: &[u8], payload: &[u8]) {
    let shared = common(last_key, key);
    put_varint(leaf, shared as u64);
    put_bytes(leaf, &key[shared..]);
    put_bytes(leaf, payload);
}

/// How many bytes two keys begin with alike.
fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// Where a pair of a leaf stands.
struct Pair {
    /// How much its key shares with the one before.
    shared: usize,
    /// The rest of its key.
    suffix: Range<usize>,
    payload: Range<usize>,
    end: usize,
}

impl Pair {
    /// The pair at `at`, behind one whose key has `length` bytes.
    fn read(leaf: &[u8], at: usize, length: usize) -> Result<Self, Malformed> {
        let mut reader = Reader::new(leaf.get(at..).ok_or(Malformed)?);
        let shared = reader.count()?;
        if shared > length {
            return Err(Malformed);
        }
        let suffix = reader.bytes()?.len();
        let suffix_end = leaf.len() - reader.remaining();
        let payload = reader.bytes()?.len();
        let end = leaf.len() - reader.remaining();
        Ok(Self { shared, suffix: suffix_end - suffix..suffix_end, payload: end - payload..end, end })
    }
}

/// The first pair of a leaf whose key is not before `key`; what it shares with the one before begins `key` too.
fn first_from(leaf: &[u8], key: &[u8]) -> Result<Option<Pair>, Malformed> {
    // How long the present key is, and how much of `key`, which is behind it, it begins with.
    let (mut at, mut length, mut agreed) = (0, 0, 0);
    while at < leaf.len() {
        let pair = Pair::read(leaf, at, length)?;
        // A key that shares more with the one before is before `key` for the same reason.
        if pair.shared <= agreed {
            let (suffix, sought) = (&leaf[pair.suffix.clone()], &key[pair.shared..]);
            let alike = common(suffix, sought);
            if suffix[alike..] >= sought[alike..] {
                return Ok(Some(pair));
            }
            agreed = pair.shared + alike;
        }
        (at, length) = (pair.end, pair.shared + pair.suffix.len());
    }
    Ok(None)
}

/// Several dictionaries read side by side.
pub(super) struct Dictionaries<'a> {
    cursors: Vec<DictionaryCursor<'a>>,
    queue: Queue,
    /// Payload of the key that each cursor stands at.
    payloads: BTreeMap<usize, Vec<u8>>,
}

impl<'a> Dictionaries<'a> {
    pub(super) fn new(dictionaries: Vec<&'a Dictionary>) -> Result<Self> {
        let cursors: Vec<_> = dictionaries.iter().map(|dictionary| dictionary.scan()).collect();
        let queue = Queue::new(cursors.len());
        let mut all = Self { cursors, queue, payloads: BTreeMap::new() };
        (0..all.cursors.len()).try_for_each(|source| all.advance(source))?;
        Ok(all)
    }

    fn advance(&mut self, source: usize) -> Result<()> {
        if let Some((key, payload)) = self.cursors[source].next()? {
            self.queue.push(key, source);
            let kept = self.payloads.entry(source).or_default();
            kept.clear();
            kept.extend_from_slice(payload);
        }
        Ok(())
    }

    /// Calls `sink` with each key in order, and with the payload of each source that has it.
    pub(super) fn for_each(mut self, mut sink: impl FnMut(&[u8], &[(usize, Vec<u8>)]) -> Result<()>) -> Result<()> {
        let mut key = Vec::new();
        while let Some(first) = self.queue.peek() {
            key.clear();
            key.extend_from_slice(first);
            let mut having = Vec::new();
            while let Some(source) = self.queue.pop_equal(&key) {
                having.push((source, std::mem::take(self.payloads.entry(source).or_default())));
                self.advance(source)?;
            }
            sink(&key, &having)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_leaf_is_searched_as_its_keys_are_in_order(
            keys in prop::collection::btree_set("[ab]{0,8}", 0..40),
            sought in prop::collection::vec("[abc]{0,9}", 1..20),
        ) {
            let leaf = leaf_of(&keys);
            for sought in sought.iter().chain(&keys) {
                let found = first_from(&leaf, sought.as_bytes()).unwrap();
                let found = found.map(|pair| {
                    let key = [&sought.as_bytes()[..pair.shared], &leaf[pair.suffix]].concat();
                    (String::from_utf8(key).unwrap(), leaf[pair.payload].len())
                });
                let expected = keys.range(sought.clone()..).next().map(|key| (key.clone(), key.len()));
                prop_assert_eq!(found, expected);
            }
        }
    }

    /// Each key with a payload of its length.
    fn leaf_of(keys: &BTreeSet<String>) -> Vec<u8> {
        let (mut leaf, mut last) = (Vec::new(), "");
        for key in keys {
            put_pair(&mut leaf, last.as_bytes(), key.as_bytes(), &vec![0; key.len()]);
            last = key;
        }
        leaf
    }

    #[test]
    fn a_key_cannot_share_more_than_there_is() {
        let mut leaf = leaf_of(&BTreeSet::from(["a".to_owned(), "ab".to_owned()]));
        let second = Pair::read(&leaf, 0, 0).unwrap().end;
        leaf[second] = 2;
        assert!(first_from(&leaf, b"zz").is_err());
        assert!(first_from(&leaf[..leaf.len() - 1], b"zz").is_err());
    }
}
