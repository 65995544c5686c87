//! The process is killed, and the power is cut, at every single step of a script that appends, seals, merges, trims,
//! replaces the manifest and recovers.

use deedbook_testkit::disk::SimulatedDisk;

use super::script::{Client, Gate, acts, options};

const ACTS: usize = 60;

#[test]
fn a_process_may_be_killed_at_every_step() {
    let steps =
        super::for_each_seed(super::seeds(6), |seed| crash_everywhere(seed, SimulatedDisk::kill_at), |a, b| *a += b);
    println!("killed at {steps} steps");
}

#[test]
fn power_may_be_cut_at_every_step() {
    let cut = |seed: u64| move |disk: &SimulatedDisk, step: usize| disk.crash_at(step, seed * 1_000_000 + step as u64);
    let steps = super::for_each_seed(super::seeds(6), |seed| crash_everywhere(seed, cut(seed)), |a, b| *a += b);
    println!("power cut at {steps} steps");
}

/// A process is killed at every step, its successor at every fifth step of its recovery, and then the power is cut:
/// what the first one wrote without a sync, and the second one relied on, is gone if it can be.
#[test]
fn a_kill_and_then_a_power_cut() {
    let steps = super::for_each_seed(
        super::seeds(3),
        |seed| {
            let client = Client::after_acts(seed, 24);
            let mut cuts = 0;
            for step in 0..=client.disk.steps() {
                let killed = client.disk.kill_at(step);
                let mut second = Client::new(&killed, seed + 77);
                assert!(second.open(), "seed {seed}, killed after step {step}: {:?}", second.errors);
                for moment in (step % 5..=killed.steps()).step_by(5) {
                    let left = killed.crash_at(moment, (step * 1000 + moment) as u64);
                    let verdict = client.ledger.judge(&left, step, options(seed + 1, &Gate::new()), false);
                    assert!(
                        verdict.is_clean(),
                        "seed {seed}, killed after step {step}, power cut after step {moment} of the recovery, before: {}: \
                     {verdict:#?}\nCHAOS_SEED={seed} cargo test -p deedbook-store --test it every_step",
                        killed.describe_step(moment)
                    );
                    cuts += 1;
                }
            }
            cuts
        },
        |a, b| *a += b,
    );
    println!("{steps} kills followed by power cuts");
}

fn crash_everywhere(seed: u64, crash: impl Fn(&SimulatedDisk, usize) -> SimulatedDisk) -> usize {
    let mut client = Client::new(&SimulatedDisk::new(), seed);
    client.act_all(&acts(seed, ACTS));
    client.close();
    assert!(client.errors.is_empty(), "seed {seed}: {:?}", client.errors);
    let steps = client.disk.steps();
    for step in 0..=steps {
        let left = crash(&client.disk, step);
        let verdict = client.ledger.judge(&left, step, options(seed + 1, &Gate::new()), step % 4 == 0);
        assert!(
            verdict.is_clean(),
            "seed {seed}, crash after step {step}, before: {}: {verdict:#?}\n\
             CHAOS_SEED={seed} cargo test -p deedbook-store --test it every_step",
            client.disk.describe_step(step)
        );
    }
    steps
}
