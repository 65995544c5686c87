//! What a simulated disk holds: what programs see of it, what is durable, and what lies in between.
//!
//! Pure state: it changes by [`Step`]s and says what a crash would leave. It injects no faults and knows no locks.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Random;

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// One change, in the order in which programs made them.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A new, empty file; its number is the next one.
    Create(Arc<str>),
    Write(usize, Write),
    /// The bytes and the length are durable.
    Sync(usize),
    /// Some of the bytes are durable, and nothing will make the others so but writing them again.
    SyncFailed(usize, u64),
    Rename(Arc<str>, Arc<str>),
    Remove(Arc<str>),
    SyncDirectory,
}

/// Bytes written to a file.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) offset: usize,
    pub(super) bytes: Arc<[u8]>,
}

/// Files and names.
#[derive(Clone, Default)]
pub(super) struct Platter {
    files: Vec<File>,
    names: Names,
    durable_names: Names,
    /// Since the directory was synced last.
    name_changes: Vec<NameChange>,
}

type Names = BTreeMap<Arc<str>, usize>;

#[derive(Clone, Default)]
struct File {
    seen: Arc<Vec<u8>>,
    durable: Arc<Vec<u8>>,
    /// Since the file was synced last.
    unsynced: Vec<Write>,
    /// A failed sync left `seen` and `durable` apart for good.
    apart: bool,
}

/// A change of the directory, which happens wholly or not at all.
#[derive(Clone)]
enum NameChange {
    Set(Arc<str>, usize),
    Unset(Arc<str>),
    Move(Arc<str>, Arc<str>, usize),
}

impl NameChange {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Set(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Unset(name) => {
                names.remove(name);
            }
            Self::Move(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
        }
    }
}

impl Platter {
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.keys()
    }

    pub(super) fn content(&self, file: usize) -> &[u8] {
        &self.files[file].seen
    }

    /// How many files there have been.
    pub(super) fn files(&self) -> usize {
        self.files.len()
    }

    /// Bytes of all files that have a name.
    pub(super) fn bytes_used(&self) -> u64 {
        self.names.values().map(|&file| self.files[file].seen.len() as u64).sum()
    }

    /// Puts a durable file there, in the place of one of the same name.
    pub(super) fn put(&mut self, name: &str, bytes: Vec<u8>) {
        let bytes = Arc::new(bytes);
        self.files.push(File { seen: bytes.clone(), durable: bytes, ..File::default() });
        let change = NameChange::Set(name.into(), self.files.len() - 1);
        change.apply(&mut self.names);
        change.apply(&mut self.durable_names);
    }

    /// Takes a file away, durably.
    pub(super) fn take_away(&mut self, name: &str) {
        self.names.remove(name);
        self.durable_names.remove(name);
    }

    /// Does a step that is possible; others are without effect.
    pub(super) fn apply(&mut self, step: &Step) {
        match step {
            Step::Create(name) => {
                self.files.push(File::default());
                self.change_names(NameChange::Set(name.clone(), self.files.len() - 1));
            }
            Step::Write(file, write) => self.files[*file].write(write.clone()),
            Step::Sync(file) => self.files[*file].sync(),
            Step::SyncFailed(file, seed) => self.files[*file].fail_to_sync(&mut Random::new(*seed)),
            Step::Rename(from, to) => {
                if let Some(file) = self.find(from) {
                    self.change_names(NameChange::Move(from.clone(), to.clone(), file));
                }
            }
            Step::Remove(name) => self.change_names(NameChange::Unset(name.clone())),
            Step::SyncDirectory => {
                self.durable_names = self.names.clone();
                self.name_changes.clear();
            }
        }
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.name_changes.push(change);
    }

    /// What is there after the power was cut at this moment, one of the many possibilities.
    pub(super) fn after_power_cut(&self, random: &mut Random) -> Self {
        let names = self.surviving_names(random);
        let survival = Survival::any(random);
        let mut after = Self::default();
        for (name, file) in names {
            after.put(&name, self.files[file].surviving(survival, random));
        }
        after
    }

    fn surviving_names(&self, random: &mut Random) -> Names {
        let mut names = self.durable_names.clone();
        let all = self.name_changes.len();
        let (prefix, share) = match random.below(4) {
            0 => (all, 0),
            1 => (0, 0),
            2 => (random.below(all + 1), 0),
            _ => (0, 1 + random.below(7)),
        };
        for (nth, change) in self.name_changes.iter().enumerate() {
            if nth < prefix || random.below(8) < share {
                change.apply(&mut names);
            }
        }
        names
    }
}

/// Which of the bytes that were not synced survive.
#[derive(Clone, Copy)]
enum Survival {
    All,
    Nothing,
    /// So many of eight writes, as wholes.
    Writes(usize),
    /// So many of eight sectors, each for itself.
    Sectors(usize),
}

impl Survival {
    fn any(random: &mut Random) -> Self {
        match random.below(6) {
            0 => Self::All,
            1 => Self::Nothing,
            2 => Self::Writes(1 + random.below(7)),
            _ => Self::Sectors(1 + random.below(7)),
        }
    }
}

impl File {
    fn write(&mut self, write: Write) {
        put_bytes(Arc::make_mut(&mut self.seen), write.offset, &write.bytes);
        self.unsynced.push(write);
    }

    fn sync(&mut self) {
        if self.apart {
            let durable = Arc::make_mut(&mut self.durable);
            self.unsynced.drain(..).for_each(|write| put_bytes(durable, write.offset, &write.bytes));
        } else {
            self.durable = self.seen.clone();
            self.unsynced.clear();
        }
    }

    fn fail_to_sync(&mut self, random: &mut Random) {
        let survival = Survival::any(random);
        self.durable = Arc::new(self.surviving(survival, random));
        self.unsynced.clear();
        self.apart = true;
    }

    fn surviving(&self, survival: Survival, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.durable.to_vec();
        if self.unsynced.is_empty() {
            return bytes;
        }
        for write in &self.unsynced {
            write.survive(survival, &mut bytes, random);
        }
        // The length is a thing of its own: it may be durable without the bytes, and the bytes without it.
        match random.below(3) {
            0 => bytes.resize(bytes.len().max(self.seen.len()), 0),
            1 if !matches!(survival, Survival::All) => bytes.truncate(self.durable.len()),
            _ => {}
        }
        bytes
    }
}

impl Write {
    fn survive(&self, survival: Survival, bytes: &mut Vec<u8>, random: &mut Random) {
        match survival {
            Survival::All => put_bytes(bytes, self.offset, &self.bytes),
            Survival::Nothing => {}
            Survival::Writes(share) => {
                if random.below(8) < share {
                    put_bytes(bytes, self.offset, &self.bytes);
                }
            }
            Survival::Sectors(share) => self.survive_by_sectors(share, bytes, random),
        }
    }

    fn survive_by_sectors(&self, share: usize, bytes: &mut Vec<u8>, random: &mut Random) {
        let mut start = 0;
        while start < self.bytes.len() {
            let to_boundary = SECTOR - (self.offset + start) % SECTOR;
            let end = (start + to_boundary).min(self.bytes.len());
            if random.below(8) < share {
                put_bytes(bytes, self.offset + start, &self.bytes[start..end]);
            }
            start = end;
        }
    }
}

fn put_bytes(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}
