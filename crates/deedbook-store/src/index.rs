//! The index in memory over entries that are not sealed yet: terms in order, and the entries that have them.

use std::hash::BuildHasher;
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::terms::read_terms;

/// Terms in rising order and, for each, the rising numbers of the entries that have it.
pub(crate) struct TermIndex {
    keys: Vec<u8>,
    terms: Vec<Term>,
    numbers: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Term {
    key_start: u32,
    key_length: u32,
    numbers_start: u32,
    numbers_length: u32,
}

impl Term {
    fn key(&self) -> Range<usize> {
        self.key_start as usize..(self.key_start + self.key_length) as usize
    }

    fn numbers(&self) -> Range<usize> {
        self.numbers_start as usize..(self.numbers_start + self.numbers_length) as usize
    }
}

impl TermIndex {
    /// An index over entries whose terms are given in order; the first has number 0.
    pub(crate) fn build<'a>(entries: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut collector = Collector::default();
        for (number, terms) in entries.enumerate() {
            read_terms(terms).for_each(|term| collector.add(term, number as u32));
        }
        collector.finish()
    }

    /// One index over consecutive indexes, each with the number of its first entry.
    pub(crate) fn merge(indexes: &[(&Self, u32)]) -> Self {
        let size = |part: fn(&Self) -> usize| indexes.iter().map(|(index, _)| part(index)).sum();
        let mut merged = Self {
            keys: Vec::with_capacity(size(|index| index.keys.len())),
            terms: Vec::with_capacity(size(|index| index.terms.len())),
            numbers: Vec::with_capacity(size(|index| index.numbers.len())),
        };
        merge_terms(indexes, |key, numbers| {
            merged.push(key, numbers);
            Ok::<(), std::convert::Infallible>(())
        })
        .unwrap_or_else(|never| match never {});
        merged
    }

    fn push(&mut self, key: &[u8], numbers: &[u32]) {
        self.terms.push(Term {
            key_start: self.keys.len() as u32,
            key_length: key.len() as u32,
            numbers_start: self.numbers.len() as u32,
            numbers_length: numbers.len() as u32,
        });
        self.keys.extend_from_slice(key);
        self.numbers.extend_from_slice(numbers);
    }

    /// The numbers of the entries that have this term.
    pub(crate) fn get(&self, key: &[u8]) -> &[u32] {
        let at = self.terms.partition_point(|term| self.keys[term.key()] < *key);
        match self.terms.get(at) {
            Some(term) if self.keys[term.key()] == *key => &self.numbers[term.numbers()],
            _ => &[],
        }
    }

    /// The terms from `from` on, in order.
    pub(crate) fn range<'a>(&'a self, from: &[u8]) -> impl Iterator<Item = (&'a [u8], &'a [u32])> + use<'a> {
        let at = self.terms.partition_point(|term| self.keys[term.key()] < *from);
        self.terms[at..].iter().map(|term| (&self.keys[term.key()], &self.numbers[term.numbers()]))
    }
}

/// Calls `sink` with each term of `indexes` in order, its numbers counted from the beginning of the first index.
pub(crate) fn merge_terms<E>(
    indexes: &[(&TermIndex, u32)],
    mut sink: impl FnMut(&[u8], &[u32]) -> Result<(), E>,
) -> Result<(), E> {
    let mut heads = vec![0; indexes.len()];
    let mut queue = Queue::new(indexes.len());
    for (source, (index, _)) in indexes.iter().enumerate() {
        if let Some(term) = index.terms.first() {
            queue.push(&index.keys[term.key()], source);
        }
    }
    let mut key = Vec::new();
    let mut numbers = Vec::new();
    while let Some(first) = queue.peek() {
        key.clear();
        key.extend_from_slice(first);
        numbers.clear();
        while let Some(source) = queue.pop_equal(&key) {
            let (index, shift) = indexes[source];
            numbers.extend(index.numbers[index.terms[heads[source]].numbers()].iter().map(|number| number + shift));
            heads[source] += 1;
            if let Some(term) = index.terms.get(heads[source]) {
                queue.push(&index.keys[term.key()], source);
            }
        }
        sink(&key, &numbers)?;
    }
    Ok(())
}

/// The next keys of several sorted sources; among equal keys the earlier source comes first.
pub(crate) struct Queue {
    heap: Vec<(u64, Vec<u8>, usize)>,
    spare: Vec<Vec<u8>>,
}

impl Queue {
    pub(crate) fn new(sources: usize) -> Self {
        Self { heap: Vec::with_capacity(sources), spare: Vec::new() }
    }

    pub(crate) fn push(&mut self, key: &[u8], source: usize) {
        let mut owned = self.spare.pop().unwrap_or_default();
        owned.clear();
        owned.extend_from_slice(key);
        self.heap.push((leading(key), owned, source));
        let mut at = self.heap.len() - 1;
        while at > 0 && self.heap[at] < self.heap[(at - 1) / 2] {
            self.heap.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    pub(crate) fn peek(&self) -> Option<&[u8]> {
        self.heap.first().map(|(_, key, _)| &key[..])
    }

    /// The next source, if its key is `key`.
    pub(crate) fn pop_equal(&mut self, key: &[u8]) -> Option<usize> {
        if self.peek()? != key {
            return None;
        }
        let (_, owned, source) = self.heap.swap_remove(0);
        self.spare.push(owned);
        let mut at = 0;
        while let Some(child) = (2 * at + 1..(2 * at + 3).min(self.heap.len())).min_by_key(|&child| &self.heap[child]) {
            if self.heap[at] <= self.heap[child] {
                break;
            }
            self.heap.swap(at, child);
            at = child;
        }
        Some(source)
    }
}

/// The first eight bytes of a key: most comparisons are decided by them.
fn leading(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let count = key.len().min(8);
    bytes[..count].copy_from_slice(&key[..count]);
    u64::from_be_bytes(bytes)
}

/// Builds indexes from terms as they come, one after the other in the same memory.
#[derive(Default)]
pub(crate) struct Collector {
    keys: Vec<u8>,
    seen: Vec<Seen>,
    hasher: DefaultHashBuilder,
    by_key: HashTable<u32>,
    /// (term, entry) in the order of entries.
    occurrences: Vec<(u32, u32)>,
}

struct Seen {
    hash: u64,
    key_start: u32,
    key_length: u32,
    last: u32,
    count: u32,
}

impl Seen {
    fn key(&self) -> Range<usize> {
        self.key_start as usize..(self.key_start + self.key_length) as usize
    }
}

impl Collector {
    /// Entry `number`, not less than those before, has the term.
    pub(crate) fn add(&mut self, key: &[u8], number: u32) {
        let hash = self.hasher.hash_one(key);
        let (keys, seen) = (&self.keys, &self.seen);
        let found = self.by_key.find(hash, |&term| keys[seen[term as usize].key()] == *key).copied();
        let term = found.unwrap_or_else(|| self.insert(hash, key));
        let seen = &mut self.seen[term as usize];
        if seen.count == 0 || seen.last != number {
            (seen.last, seen.count) = (number, seen.count + 1);
            self.occurrences.push((term, number));
        }
    }

    fn insert(&mut self, hash: u64, key: &[u8]) -> u32 {
        let term = self.seen.len() as u32;
        let (key_start, key_length) = (self.keys.len() as u32, key.len() as u32);
        self.seen.push(Seen { hash, key_start, key_length, last: 0, count: 0 });
        self.keys.extend_from_slice(key);
        let seen = &self.seen;
        self.by_key.insert_unique(hash, term, |&term| seen[term as usize].hash);
        term
    }

    /// The index of what was added since the last one.
    pub(crate) fn finish(&mut self) -> TermIndex {
        let Self { keys, seen, occurrences, .. } = self;
        let mut order: Vec<(u64, u32)> =
            (0..).zip(&*seen).map(|(term, seen)| (leading(&keys[seen.key()]), term)).collect();
        order.sort_unstable_by(|(a, left), (b, right)| {
            a.cmp(b).then_with(|| keys[seen[*left as usize].key()].cmp(&keys[seen[*right as usize].key()]))
        });
        let mut index = TermIndex {
            keys: Vec::with_capacity(keys.len()),
            terms: Vec::with_capacity(seen.len()),
            numbers: vec![0; occurrences.len()],
        };
        let mut numbers_start = 0;
        for &(_, term) in &order {
            let seen = &mut seen[term as usize];
            let (key_start, key_length) = (index.keys.len() as u32, seen.key_length);
            index.keys.extend_from_slice(&keys[seen.key()]);
            index.terms.push(Term { key_start, key_length, numbers_start, numbers_length: seen.count });
            // From now on the place of the term's next number.
            seen.last = numbers_start;
            numbers_start += seen.count;
        }
        for &(term, number) in &*occurrences {
            let place = &mut seen[term as usize].last;
            index.numbers[*place as usize] = number;
            *place += 1;
        }
        keys.clear();
        seen.clear();
        occurrences.clear();
        self.by_key.clear();
        index
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::bytes::put_bytes;

    fn encoded(terms: &[String]) -> Vec<u8> {
        let mut bytes = Vec::new();
        terms.iter().for_each(|term| put_bytes(&mut bytes, term.as_bytes()));
        bytes
    }

    fn listed(index: &TermIndex) -> Vec<(Vec<u8>, Vec<u32>)> {
        index.range(b"").map(|(key, numbers)| (key.to_vec(), numbers.to_vec())).collect()
    }

    fn expected(entries: &[Vec<String>]) -> Vec<(Vec<u8>, Vec<u32>)> {
        let mut map: BTreeMap<Vec<u8>, Vec<u32>> = BTreeMap::new();
        for (number, terms) in entries.iter().enumerate() {
            for term in terms {
                let numbers = map.entry(term.as_bytes().to_vec()).or_default();
                if numbers.last() != Some(&(number as u32)) {
                    numbers.push(number as u32);
                }
            }
        }
        map.into_iter().collect()
    }

    proptest! {
        #[test]
        fn an_index_and_a_merge_of_indexes_list_the_same(
            entries in prop::collection::vec(prop::collection::vec("[ab]{0,10}", 0..6), 1..40),
            parts in 1usize..6,
        ) {
            let encoded: Vec<Vec<u8>> = entries.iter().map(|terms| encoded(terms)).collect();
            let whole = TermIndex::build(encoded.iter().map(|terms| &terms[..]));
            prop_assert_eq!(listed(&whole), expected(&entries));
            let size = entries.len().div_ceil(parts);
            let built: Vec<TermIndex> =
                encoded.chunks(size).map(|part| TermIndex::build(part.iter().map(|terms| &terms[..]))).collect();
            let placed: Vec<(&TermIndex, u32)> =
                built.iter().enumerate().map(|(part, index)| (index, (part * size) as u32)).collect();
            prop_assert_eq!(listed(&TermIndex::merge(&placed)), expected(&entries));
        }
    }
}
