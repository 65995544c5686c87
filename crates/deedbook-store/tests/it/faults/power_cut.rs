//! Power is cut at some twenty moments of each of a thousand scripts, and again while what is left is recovered.

use deedbook_testkit::Random;
use deedbook_testkit::disk::{SimulatedDisk, Syncs};

use super::ledger::Verdict;
use super::script::{Client, Gate, acts, options};

const ACTS: usize = 24;
const CUTS_PER_SEED: usize = 20;

#[derive(Debug, Default)]
struct Sum {
    cuts: usize,
    cuts_in_recovery: usize,
    acknowledged: usize,
    recovered: usize,
    violations: usize,
    lost: usize,
    returned: usize,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.cuts_in_recovery += other.cuts_in_recovery;
        self.acknowledged += other.acknowledged;
        self.recovered += other.recovered;
        self.violations += other.violations;
        self.lost += other.lost;
        self.returned += other.returned;
    }

    fn note(&mut self, verdict: &Verdict) {
        self.recovered += verdict.entries;
        self.violations += verdict.violations();
        self.lost += verdict.lost;
        self.returned += verdict.returned;
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_is_cut() {
    let seeds = super::seeds(1000);
    let count = seeds.end - seeds.start;
    let sum = super::for_each_seed(seeds, |seed| cut_script(seed, Syncs::Honest, Strictness::Panic), Sum::add);
    println!("power cuts over {count} seeds: {sum:?}");
    assert_eq!(sum.violations, 0);
}

/// The negative control: without syncs the same cuts lose what was acknowledged, and bring back what was taken away.
#[test]
fn without_syncs_a_power_cut_loses() {
    let sum = super::for_each_seed(0..20, |seed| cut_script(seed, Syncs::Ignored, Strictness::Count), Sum::add);
    println!("power cuts without syncs: {sum:?}");
    assert!(sum.lost > 100, "the test does not see what a missing sync loses: {sum:?}");
    assert!(sum.returned > 5, "the test does not see what comes back without syncs: {sum:?}");
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Strictness {
    Panic,
    Count,
}

fn cut_script(seed: u64, syncs: Syncs, strictness: Strictness) -> Sum {
    let disk = SimulatedDisk::new();
    disk.set_syncs(syncs);
    let mut client = Client::new(&disk, seed);
    client.act_all(&acts(seed, ACTS));
    assert!(client.errors.is_empty(), "seed {seed}: {:?}", client.errors);
    let mut random = Random::new(seed ^ 0x7077_7200);
    let mut moments: Vec<usize> = (0..CUTS_PER_SEED).map(|_| random.below(disk.steps() + 1)).collect();
    moments.sort_unstable();
    let mut sum = Sum { acknowledged: client.ledger.receipts_given(), ..Sum::default() };
    let mut crashes = disk.crashes();
    for moment in moments {
        crashes.advance_to(moment);
        let crash_seed = random.next_u64();
        let mut left = crashes.cut_power(crash_seed);
        if random.one_in(4) {
            // The machine comes back, recovers for a while, and the power is cut again.
            left = cut_again(&left, &mut random);
            sum.cuts_in_recovery += 1;
        }
        let options = options(crash_seed, &Gate::new());
        let verdict = client.ledger.judge(&left, moment, options, random.one_in(4));
        sum.cuts += 1;
        sum.note(&verdict);
        if strictness == Strictness::Panic && !verdict.is_clean() {
            let next = disk.describe_step(moment);
            panic!(
                "seed {seed}, cut after step {moment}, before: {next}: {verdict:#?}\nCHAOS_SEED={seed} cargo test -p deedbook-store --test it power_cut"
            );
        }
    }
    sum
}

/// Opens what is left, and cuts the power at some moment of that.
fn cut_again(left: &SimulatedDisk, random: &mut Random) -> SimulatedDisk {
    let mut second = Client::new(left, random.next_u64());
    second.open();
    if random.one_in(2) {
        second.close();
    }
    let moment = random.below(left.steps() + 1);
    let after = left.crash_at(moment, random.next_u64());
    drop(second);
    after
}
