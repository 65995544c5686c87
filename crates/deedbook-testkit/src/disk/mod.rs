//! [`SimulatedDisk`]: a directory in memory that can lose power, run full and fail, the same way for the same seed.
//!
//! What a real disk may show after a power cut is shown here sooner or later: bytes that were not synced are lost,
//! kept, torn at sectors of 512 bytes or reordered; lengths and names that were not synced come and go, each rename
//! as a whole. What was synced stays.

mod faults;
mod platter;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use deedbook_store::{Disk, DiskFile, LockKind};

use self::faults::Plan;
pub use self::faults::{Fault, Lasting};
use self::platter::{Platter, Step, Write};
use crate::Random;

const LOCK_FILE: &str = "LOCK";

/// A directory in memory. Clones are the same directory.
#[derive(Clone, Default)]
pub struct SimulatedDisk(Arc<Mutex<Inner>>);

/// What the disk does when it is asked to sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Syncs {
    /// What it says.
    #[default]
    Honest,
    /// Nothing, and says that it did: the negative control.
    Ignored,
}

#[derive(Default)]
struct Inner {
    platter: Platter,
    /// Before the first step.
    start: Platter,
    steps: Vec<Step>,
    calls: u64,
    call_names: Option<Vec<String>>,
    plan: Option<Plan>,
    faults_met: u64,
    syncs: Syncs,
    bytes_max: Option<u64>,
    locks: Locks,
}

#[derive(Default)]
struct Locks {
    exclusive: bool,
    shared: usize,
}

impl SimulatedDisk {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// A directory with these files, all durable.
    pub fn with_files<'f>(files: impl IntoIterator<Item = (&'f str, Vec<u8>)>) -> Self {
        let mut platter = Platter::default();
        files.into_iter().for_each(|(name, bytes)| platter.put(name, bytes));
        Self::starting_with(platter)
    }

    fn starting_with(platter: Platter) -> Self {
        let inner = Inner { start: platter.clone(), platter, ..Inner::default() };
        Self(Arc::new(Mutex::new(inner)))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        locked(&self.0)
    }

    /// How many changes were made so far; a crash can be had before and after each.
    pub fn steps(&self) -> usize {
        self.inner().steps.len()
    }

    /// What each change was, for messages.
    pub fn describe_step(&self, step: usize) -> String {
        self.inner().steps.get(step).map_or_else(|| "the end".into(), describe)
    }

    /// How many calls were made so far, reads included.
    pub fn calls(&self) -> u64 {
        self.inner().calls
    }

    /// From now on remembers what each call was, for messages.
    pub fn name_calls(&self) {
        self.inner().call_names = Some(Vec::new());
    }

    /// What the calls since [`SimulatedDisk::name_calls`] were.
    pub fn call_names(&self) -> Vec<String> {
        self.inner().call_names.clone().unwrap_or_default()
    }

    /// Lets call number `call`, counted from 0 when the disk was made, go wrong.
    pub fn fail(&self, call: u64, fault: Fault, lasting: Lasting) {
        self.inner().plan = Some(Plan { call, fault, lasting });
    }

    /// Nothing goes wrong any more.
    pub fn mend(&self) {
        self.inner().plan = None;
    }

    /// How many calls went wrong.
    pub fn faults_met(&self) -> u64 {
        self.inner().faults_met
    }

    /// Says what syncs do from now on.
    pub fn set_syncs(&self, syncs: Syncs) {
        self.inner().syncs = syncs;
    }

    /// Says how many bytes all files together may have; `None` is no limit.
    pub fn set_space(&self, bytes_max: Option<u64>) {
        self.inner().bytes_max = bytes_max;
    }

    /// Bytes of all files together.
    pub fn bytes_used(&self) -> u64 {
        self.inner().platter.bytes_used()
    }

    /// The names of all files, sorted.
    pub fn names(&self) -> Vec<String> {
        self.inner().platter.names().map(|name| name.to_string()).collect()
    }

    /// The bytes of a file, if it is there.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let inner = self.inner();
        inner.platter.find(name).map(|file| inner.platter.content(file).to_vec())
    }

    /// Puts a durable file there behind everybody's back.
    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        self.inner().tamper(|platter| platter.put(name, bytes.clone()));
    }

    /// Takes a file away behind everybody's back.
    pub fn take_away(&self, name: &str) {
        self.inner().tamper(|platter| platter.take_away(name));
    }

    /// A disk of its own with the same files as they are seen now, all durable.
    pub fn copy(&self) -> Self {
        let inner = self.inner();
        let mut platter = Platter::default();
        for name in inner.platter.names() {
            let file = inner.platter.find(name).expect("it is a name of this directory");
            platter.put(name, inner.platter.content(file).to_vec());
        }
        Self::starting_with(platter)
    }

    /// Goes through what was done to this disk so far, to crash it at any point.
    pub fn crashes(&self) -> Crashes {
        let inner = self.inner();
        Crashes { platter: inner.start.clone(), steps: inner.steps.clone(), next: 0 }
    }

    /// What the disk shows if the power was cut after so many steps; `seed` chooses among what is possible.
    pub fn crash_at(&self, step: usize, seed: u64) -> Self {
        let mut crashes = self.crashes();
        crashes.advance_to(step);
        crashes.cut_power(seed)
    }

    /// What the disk shows if the process was killed after so many steps: all that was written.
    pub fn kill_at(&self, step: usize) -> Self {
        let mut crashes = self.crashes();
        crashes.advance_to(step);
        crashes.kill()
    }
}

/// The history of a disk, stopped at some step.
pub struct Crashes {
    platter: Platter,
    steps: Vec<Step>,
    next: usize,
}

impl Crashes {
    /// Goes on to the state after so many steps; never back.
    pub fn advance_to(&mut self, step: usize) {
        while self.next < step.min(self.steps.len()) {
            self.platter.apply(&self.steps[self.next]);
            self.next += 1;
        }
    }

    /// The power is cut here.
    pub fn cut_power(&self, seed: u64) -> SimulatedDisk {
        SimulatedDisk::starting_with(self.platter.after_power_cut(&mut Random::new(seed)))
    }

    /// The process is killed here; what it did not sync may still be lost by a later power cut.
    pub fn kill(&self) -> SimulatedDisk {
        SimulatedDisk::starting_with(self.platter.clone())
    }
}

impl Inner {
    fn tamper(&mut self, change: impl Fn(&mut Platter)) {
        change(&mut self.platter);
        self.start = self.platter.clone();
        self.steps.clear();
    }

    /// Counts a call and finds what goes wrong in it.
    fn call(&mut self, what: &str, name: &str) -> Option<Fault> {
        let fault = self.plan.and_then(|plan| plan.at(self.calls));
        self.calls += 1;
        self.faults_met += u64::from(fault.is_some());
        if let Some(names) = &mut self.call_names {
            names.push(format!("{what} {name}"));
        }
        fault
    }

    /// A call that succeeds or fails as a whole.
    fn whole_call(&mut self, what: &str, name: &str) -> io::Result<()> {
        self.call(what, name).and_then(Fault::error).map_or(Ok(()), Err)
    }

    fn take(&mut self, step: Step) {
        self.platter.apply(&step);
        self.steps.push(step);
    }

    fn file(&self, name: &str) -> io::Result<usize> {
        self.platter.find(name).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// How many of so many bytes at `offset` there is room for.
    fn room(&self, file: usize, offset: usize, count: usize) -> usize {
        let Some(bytes_max) = self.bytes_max else { return count };
        let free = bytes_max.saturating_sub(self.platter.bytes_used()) as usize;
        let end = self.platter.content(file).len() + free;
        count.min(end.saturating_sub(offset))
    }

    fn write(&mut self, file: usize, name: &str, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut count = self.room(file, offset, bytes.len());
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let fault = self.call("write", name);
        match fault {
            Some(Fault::Short) => count = count.div_ceil(2),
            // A device that fails may have written a part.
            Some(Fault::Error) => count = (self.calls as usize * 512) % (count + 512) / 512 * 512,
            Some(Fault::Full | Fault::Interrupted) => count = 0,
            None => {}
        }
        count = count.min(bytes.len());
        if count > 0 {
            self.take(Step::Write(file, Write { offset, bytes: bytes[..count].into() }));
        }
        fault.and_then(Fault::error).map_or(Ok(count), Err)
    }

    fn sync(&mut self, file: usize, name: &str) -> io::Result<()> {
        if let Some(error) = self.call("sync", name).and_then(Fault::error) {
            self.take(Step::SyncFailed(file, self.calls));
            return Err(error);
        }
        if self.syncs == Syncs::Honest {
            self.take(Step::Sync(file));
        }
        Ok(())
    }
}

impl Disk for SimulatedDisk {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.inner();
        inner.whole_call("create", name)?;
        if inner.platter.find(name).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = inner.platter.files();
        inner.take(Step::Create(name.into()));
        Ok(Arc::new(SimulatedFile { disk: self.clone(), file, name: name.into(), writable: true }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.inner();
        inner.whole_call("open", name)?;
        let file = inner.file(name)?;
        Ok(Arc::new(SimulatedFile { disk: self.clone(), file, name: name.into(), writable: false }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.inner();
        inner.whole_call("rename", from)?;
        inner.file(from)?;
        inner.take(Step::Rename(from.into(), to.into()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inner = self.inner();
        inner.whole_call("remove", name)?;
        inner.file(name)?;
        inner.take(Step::Remove(name.into()));
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.inner().whole_call("list", "the directory")?;
        Ok(self.names())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut inner = self.inner();
        inner.whole_call("sync", "the directory")?;
        if inner.syncs == Syncs::Honest {
            inner.take(Step::SyncDirectory);
        }
        Ok(())
    }

    fn lock(&self, kind: LockKind) -> io::Result<Option<Box<dyn Send + Sync>>> {
        let mut inner = self.inner();
        inner.whole_call("lock", LOCK_FILE)?;
        let there = inner.platter.find(LOCK_FILE).is_some();
        let free = match kind {
            LockKind::Exclusive => {
                if !there {
                    inner.take(Step::Create(LOCK_FILE.into()));
                }
                !inner.locks.exclusive && inner.locks.shared == 0
            }
            LockKind::Shared if !there => return Err(io::ErrorKind::NotFound.into()),
            LockKind::Shared => !inner.locks.exclusive,
        };
        if !free {
            return Ok(None);
        }
        match kind {
            LockKind::Exclusive => inner.locks.exclusive = true,
            LockKind::Shared => inner.locks.shared += 1,
        }
        Ok(Some(Box::new(Held { disk: self.clone(), kind })))
    }
}

/// A lock until it is dropped.
struct Held {
    disk: SimulatedDisk,
    kind: LockKind,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut inner = self.disk.inner();
        match self.kind {
            LockKind::Exclusive => inner.locks.exclusive = false,
            LockKind::Shared => inner.locks.shared -= 1,
        }
    }
}

/// An open file; it stays readable after its name is gone.
struct SimulatedFile {
    disk: SimulatedDisk,
    file: usize,
    /// When it was opened.
    name: String,
    writable: bool,
}

impl DiskFile for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut inner = self.disk.inner();
        let fault = inner.call("read", &self.name);
        if let Some(error) = fault.and_then(Fault::error) {
            return Err(error);
        }
        let content = inner.platter.content(self.file);
        let rest = usize::try_from(offset).ok().and_then(|offset| content.get(offset..)).unwrap_or_default();
        let mut count = rest.len().min(buffer.len());
        if fault == Some(Fault::Short) {
            count = count.div_ceil(2);
        }
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.disk.inner().write(self.file, &self.name, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.inner().sync(self.file, &self.name)
    }

    fn length(&self) -> io::Result<u64> {
        let mut inner = self.disk.inner();
        inner.whole_call("measure", &self.name)?;
        Ok(inner.platter.content(self.file).len() as u64)
    }
}

fn describe(step: &Step) -> String {
    match step {
        Step::Create(name) => format!("create {name}"),
        Step::Write(file, write) => format!("write {} bytes at {} of file {file}", write.bytes.len(), write.offset),
        Step::Sync(file) => format!("sync file {file}"),
        Step::SyncFailed(file, _) => format!("fail to sync file {file}"),
        Step::Rename(from, to) => format!("rename {from} to {to}"),
        Step::Remove(name) => format!("remove {name}"),
        Step::SyncDirectory => "sync the directory".into(),
    }
}

fn locked(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
