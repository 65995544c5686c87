//! Every single call of a script fails once, in each way a call can fail, and from each on the device stays dead.

use deedbook_core::{Atomicity, ErrorKind};
use deedbook_testkit::disk::{Fault, Lasting, SimulatedDisk};

use super::ledger::Verdict;
use super::script::{Act, Client, Gate, acts, options};

const ACTS: usize = 14;
const SEEDS: u64 = 2;

#[test]
fn any_call_may_fail_once() {
    for fault in Fault::ALL {
        let faults = super::for_each_seed(super::seeds(SEEDS), |seed| fail_each_call(seed, fault), |a, b| *a += b);
        println!("{faults} calls failed once: {fault:?}");
    }
}

#[test]
fn the_device_may_die_at_any_call() {
    let deaths = super::for_each_seed(super::seeds(SEEDS), die_at_each_call, |a, b| *a += b);
    println!("the device died at {deaths} calls");
}

/// Where nothing of a segment is kept in memory, every look for an id reads, and any of these reads may fail.
#[test]
fn an_atomic_batch_stands_or_falls_with_any_call() {
    let mut refused = 0;
    for call in 0.. {
        let disk = SimulatedDisk::new();
        let mut client = Client::new(&disk, 4);
        client.options.cache_bytes = 1;
        client.options.filter_bytes_max = 0;
        client.act(&Act::Append((40_000..40_030).collect(), Atomicity::PerEvent));
        client.act(&Act::Compact);
        disk.fail(disk.calls() + call, Fault::Error, Lasting::Once);
        client.act(&Act::Append((40_025..40_035).collect(), Atomicity::AllOrNothing));
        if disk.faults_met() == 0 {
            break;
        }
        disk.mend();
        refused += client.errors.len();
        let there = (40_025..40_035).filter(|&number| client.ledger.has_receipt(number)).count();
        let (given, poisoned) = (client.ledger.receipts_given(), client.poisonings > 0);
        client.close();
        let verdict = client.ledger.judge(&disk, usize::MAX, options(4, &Gate::new()), true);
        assert!(verdict.is_clean(), "call {call}: {verdict:#?}, {:#?}", client.errors);
        assert!(verdict.entries == 30 || verdict.entries == 35, "call {call}: {}", verdict.entries);
        // Five of them have receipts from before.
        assert!(there == 5 && client.errors.len() == 1 || there == 10, "call {call}: {there}, {:#?}", client.errors);
        assert!(poisoned || given == verdict.entries, "call {call}: {given} receipts, {} entries", verdict.entries);
    }
    println!("{refused} calls refused an atomic batch");
    assert!(refused > 10);
}

/// How many calls the script of a seed makes where nothing fails.
fn calls_of(seed: u64, acts: &[Act]) -> u64 {
    let disk = SimulatedDisk::new();
    let mut client = Client::new(&disk, seed);
    client.act_all(acts);
    client.close();
    disk.calls()
}

fn fail_each_call(seed: u64, fault: Fault) -> u64 {
    let acts = acts(seed, ACTS);
    let calls = calls_of(seed, &acts);
    for call in 0..calls {
        let disk = SimulatedDisk::new();
        disk.name_calls();
        disk.fail(call, fault, Lasting::Once);
        let mut client = Client::new(&disk, seed);
        client.act_all(&acts);
        client.close();
        let names = disk.call_names();
        let what = &names[call as usize];
        let reproduce = format!(
            "seed {seed}, {fault:?} in call {call}: {what}; errors: {:#?}\n\
             CHAOS_SEED={seed} cargo test -p deedbook-store --test it io_errors",
            client.errors
        );
        check_errors(&client, fault, what, &reproduce);
        check_poisoning(&client, fault, &names, call, &reproduce);
        judge(&mut client, seed + call, &reproduce);
    }
    calls
}

/// Errors are of the kind that tells the caller what to do, and there are none where trying again is enough.
fn check_errors(client: &Client, fault: Fault, what: &str, reproduce: &str) {
    let expected = match fault {
        Fault::Error | Fault::Interrupted => ErrorKind::Io,
        Fault::Full => ErrorKind::DiskFull,
        Fault::Short => ErrorKind::Invalid,
    };
    let poisoned = |kind| client.poisonings > 0 && kind == ErrorKind::Poisoned;
    let as_expected = |kind| kind == expected || poisoned(kind);
    assert!(client.errors.iter().all(|error| as_expected(error.kind())), "{reproduce}");
    let harmless = fault == Fault::Interrupted && (what.starts_with("read") || what.starts_with("write"));
    assert!(!harmless || client.errors.is_empty(), "{reproduce}");
}

/// The log is poisoned where a frame could not be written or synced, and nowhere else.
fn check_poisoning(client: &Client, fault: Fault, names: &[String], call: u64, reproduce: &str) {
    let what = &names[call as usize];
    let log = what.strip_prefix("sync wal-").or(what.strip_prefix("write wal-"));
    // A file of the log is synced for the first time when it is made.
    let is_frame = log.is_some_and(|log| names[..call as usize].contains(&format!("sync wal-{log}")));
    let passes = fault == Fault::Short || fault == Fault::Interrupted && what.starts_with("write");
    assert_eq!(client.poisonings, usize::from(is_frame && !passes), "{reproduce}");
}

fn die_at_each_call(seed: u64) -> u64 {
    let acts = acts(seed, ACTS);
    let calls = calls_of(seed, &acts);
    for call in 0..calls {
        let disk = SimulatedDisk::new();
        disk.fail(call, Fault::Error, Lasting::Forever);
        let mut client = Client::new(&disk, seed);
        client.open();
        for act in &acts {
            // Nobody reads from a dead device; acts end where the log is poisoned or cannot be opened.
            if client.store.as_ref().is_none_or(|store| store.stats().poisoned) {
                break;
            }
            client.act_without_reopening(act);
        }
        client.close();
        disk.mend();
        let reproduce = format!(
            "seed {seed}, the device died at call {call}: {:#?}\n\
             CHAOS_SEED={seed} cargo test -p deedbook-store --test it io_errors",
            client.errors
        );
        judge(&mut client, seed + call, &reproduce);
    }
    calls
}

/// The device works again: everything acknowledged is there, after a power cut too, and nothing is left over.
fn judge(client: &mut Client, seed: u64, reproduce: &str) {
    let disk = client.disk.clone();
    let step = disk.steps();
    let after_power_cut = disk.crash_at(step, seed);
    for (left, how) in [(&after_power_cut, "after a power cut"), (&disk, "on the same disk")] {
        let verdict: Verdict = client.ledger.judge(left, step, options(seed, &Gate::new()), true);
        assert!(verdict.is_clean(), "{how}: {verdict:#?}, {reproduce}");
        let left_over = left.names().into_iter().find(|name| name.starts_with("wal-") || name.ends_with("tmp"));
        assert_eq!(left_over, None, "{how}: {reproduce}");
    }
}
