//! Bits flip in every file of a directory: each is detected or harmless, never a panic and never a wrong answer.

use std::sync::Arc;

use deedbook_store::FileStore;
use deedbook_testkit::Random;
use deedbook_testkit::disk::SimulatedDisk;

use super::answers::{Answers, Fate, left_by_a_killed_process};
use super::script::options_on;

const RANDOM_FLIPS: usize = 2000;

#[derive(Debug, Default)]
struct Sum {
    flips: usize,
    found_by_opening: usize,
    found_by_reading: usize,
    found_by_doctor: usize,
    harmless: usize,
    merged: usize,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.flips += other.flips;
        self.found_by_opening += other.found_by_opening;
        self.found_by_reading += other.found_by_reading;
        self.found_by_doctor += other.found_by_doctor;
        self.harmless += other.harmless;
        self.merged += other.merged;
    }

    fn note(&mut self, fate: Fate) {
        self.flips += 1;
        match fate {
            Fate::FoundByOpening => self.found_by_opening += 1,
            Fate::FoundByReading => self.found_by_reading += 1,
            Fate::FoundByDoctor => self.found_by_doctor += 1,
            Fate::Harmless => self.harmless += 1,
        }
    }
}

/// One bit of one file.
#[derive(Clone, Debug)]
struct Flip {
    name: String,
    byte: usize,
    bit: usize,
}

#[test]
fn every_flipped_bit_is_found_or_harmless() {
    let disk = left_by_a_killed_process();
    let answers = Answers::of(&disk);
    let flips = flips(&disk);
    let sum = super::for_each_seed(
        0..flips.len() as u64,
        |nth| {
            let flip = &flips[nth as usize];
            let mut sum = Sum::default();
            let damaged = flipped(&disk, flip);
            let fate = answers.judge(&damaged).unwrap_or_else(|wrong| panic!("{flip:?}: {wrong}"));
            let may_be_harmless = flip.name == "LOCK" || flip.name.starts_with("wal-");
            assert!(fate != Fate::Harmless || may_be_harmless, "{flip:?} is not noticed");
            if fate != Fate::FoundByOpening && nth % 16 == 0 {
                merge(&disk, flip, &answers);
                sum.merged += 1;
            }
            sum.note(fate);
            sum
        },
        Sum::add,
    );
    println!("flipped bits over {} files: {sum:?}", disk.names().len());
    assert_eq!(sum.flips, flips.len());
    assert!(sum.harmless < sum.flips / 4, "{sum:?}");
}

/// Sealing and merging never turn damaged bytes into sound files.
fn merge(disk: &SimulatedDisk, flip: &Flip, answers: &Answers) {
    let damaged = flipped(disk, flip);
    let opened = FileStore::open_on(Arc::new(damaged.clone()), "the simulated disk", options_on(&damaged, 1));
    if let Ok(store) = opened {
        // Whether they succeed or not, what is there afterwards is right or refused.
        let _ = store.compact();
        let _ = store.close();
    }
    answers.judge(&damaged).unwrap_or_else(|wrong| panic!("after compaction, {flip:?}: {wrong}"));
}

fn flipped(disk: &SimulatedDisk, flip: &Flip) -> SimulatedDisk {
    let damaged = disk.copy();
    let mut bytes = damaged.read(&flip.name).unwrap();
    bytes[flip.byte] ^= 1 << flip.bit;
    damaged.put(&flip.name, bytes);
    damaged
}

/// Every bit of headers and footers, one in each 64 bytes elsewhere, and some anywhere; all, where more is wanted.
fn flips(disk: &SimulatedDisk) -> Vec<Flip> {
    let mut flips = Vec::new();
    let mut random = Random::new(7);
    let files: Vec<(String, usize)> =
        disk.names().into_iter().map(|name| (name.clone(), disk.read(&name).unwrap().len())).collect();
    for (name, length) in &files {
        for byte in 0..*length {
            let bits = match () {
                () if super::is_soak() || is_header_or_footer(name, byte, *length) => 0..8,
                () if byte % 64 == 0 => {
                    let bit = random.below(8);
                    bit..bit + 1
                }
                () => 0..0,
            };
            let byte = if bits.len() == 1 { (byte + random.below(64)).min(length - 1) } else { byte };
            flips.extend(bits.map(|bit| Flip { name: name.clone(), byte, bit }));
        }
    }
    let not_empty: Vec<_> = files.iter().filter(|(_, length)| *length > 0).collect();
    for _ in 0..RANDOM_FLIPS {
        let (name, length) = *random.pick(&not_empty);
        flips.push(Flip { name: name.clone(), byte: random.below(*length), bit: random.below(8) });
    }
    flips
}

fn is_header_or_footer(name: &str, byte: usize, length: usize) -> bool {
    if name.starts_with("wal-") {
        // Two copies of the header, and the headers of frames wherever they may be: what they hold, and the checksum.
        byte % 512 >= 508 && byte < 6144 || byte % 512 < 80 && (byte < 1024 || (4096..4608).contains(&byte))
    } else if name.starts_with("segment-") {
        byte < 32 || byte + 360 >= length
    } else {
        byte < 96
    }
}
