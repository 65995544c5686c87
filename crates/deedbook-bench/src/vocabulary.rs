//! The words of the workload: common ones written out, a long tail made of syllables, drawn by Zipf's law.

use std::collections::HashSet;

use crate::random::Random;

/// How many words there are.
const WORDS: usize = 4_000;
/// Close to 1.0, as in natural text.
const EXPONENT: f64 = 1.05;
/// Shorter words may occur by chance inside random ids, where `LIKE` would find them and a word search does not.
const SEARCHABLE_LENGTH_MIN: usize = 8;

/// A fixed list of words, the most frequent first.
pub struct Vocabulary {
    words: Vec<String>,
    searchable: Vec<usize>,
}

impl Vocabulary {
    /// The one vocabulary of this workload.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, u64::MAX);
        let mut words: Vec<String> = COMMON.split_whitespace().map(str::to_owned).collect();
        let common = words.len();
        let mut known: HashSet<String> = words.iter().cloned().collect();
        while words.len() < WORDS {
            let word = syllables(&mut random);
            if word.len() >= 4 && known.insert(word.clone()) {
                words.push(word);
            }
        }
        let searchable = searchable(&words, common);
        Self { words, searchable }
    }

    /// A word, the frequent ones more often.
    pub fn word(&self, random: &mut Random) -> &str {
        &self.words[random.rank(self.words.len() as u64, EXPONENT) as usize]
    }

    /// A word that people would search for and that is no part of any other text of the workload, so that `LIKE` and
    /// a search by words agree; each of them as likely, most of them rare.
    pub fn search_word(&self, random: &mut Random) -> &str {
        let index = random.below(self.searchable.len() as u64) as usize;
        &self.words[self.searchable[index]]
    }
}

fn syllables(random: &mut Random) -> String {
    let mut word = String::new();
    for _ in 0..=random.below(2) {
        word.push_str(random.one_of(ONSETS));
        word.push_str(random.one_of(VOWELS));
        word.push_str(random.one_of(CODAS));
    }
    word.push_str(random.one_of(ENDINGS));
    word
}

fn searchable(words: &[String], common: usize) -> Vec<usize> {
    let long: Vec<usize> = (0..words.len()).filter(|&index| words[index].len() >= SEARCHABLE_LENGTH_MIN).collect();
    let alone = |word: &str| long.iter().filter(|&&other| words[other].contains(word)).count() == 1;
    long.iter().copied().filter(|&index| index >= common && alone(&words[index])).collect()
}

const ONSETS: &[&str] = &[
    "b", "br", "c", "cl", "d", "dr", "f", "fl", "g", "gr", "h", "k", "l", "m", "n", "p", "pl", "pr", "r", "s", "st",
    "t", "tr", "v", "w",
];
const VOWELS: &[&str] = &["a", "e", "i", "o", "u", "ea", "ou", "ai"];
const CODAS: &[&str] = &["", "", "n", "r", "s", "t", "l", "m", "nd", "rt", "ck", "nt"];
const ENDINGS: &[&str] = &["", "", "", "ing", "ed", "er", "tion", "ment", "ly", "al", "ity", "ance"];

const COMMON: &str = "
    the of and to in for a on with is that by this it from at as be was has plan team report budget review draft final
    annual quarterly monthly weekly new old first second north south east west sales finance legal support product
    design research data access policy security office contract renewal invoice payment order customer partner vendor
    supplier meeting notes summary proposal estimate forecast launch release update change request approval
    agreement account group project roadmap strategy target goal result risk audit control plan schedule campaign
    brand market price discount tax travel expense salary hiring interview training onboarding guide handbook manual
    checklist template form survey feedback ticket incident outage backup restore migration upgrade server network
    mobile desktop client platform service system model test stage region country city branch store shipment
    delivery stock warehouse return refund claim case complaint appeal decision board investor share report letter
    copy version archive export import list table chart dashboard metric usage quota limit capacity demand supply
    energy water health safety quality standard internal external public private shared personal temporary urgent";
