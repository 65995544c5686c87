//! Crashes, failing devices, full disks, damage and jumping clocks, each with its negative control.
//!
//! A [`ledger`] outside of the fault's reach knows what was sent and acknowledged; a [`script`] of a seed does a bit of
//! everything on a simulated disk; after each fault the ledger judges what is left. Every failure names its seed; run
//! that one alone with `CHAOS_SEED=<seed>` before the command that failed. `CHAOS=soak` does ten times as much.

mod answers;
mod ledger;
mod script;
mod taken;

mod clocks;
mod damaged_files;
mod disk_full;
mod every_step;
mod flipped_bits;
mod io_errors;
mod kill;
mod messages;
mod power_cut;

/// How many seeds a test with so many in continuous integration takes, and the first of them.
fn seeds(in_ci: u64) -> std::ops::Range<u64> {
    if let Some(seed) = std::env::var("CHAOS_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return seed..seed + 1;
    }
    0..if is_soak() { in_ci * 10 } else { in_ci }
}

/// What the doctor finds, but that the scripts take away without authorising it.
fn problems_but_authority(report: deedbook_store::Report) -> Vec<String> {
    let is_told = |problem: &String| !problem.contains("no entry authorises it") && !problem.starts_with("and so were");
    report.problems.into_iter().filter(is_told).collect()
}

/// Whether much more is wanted than in continuous integration.
fn is_soak() -> bool {
    std::env::var("CHAOS").is_ok_and(|size| size == "soak")
}

/// Does `work` for each seed, on two threads, and adds up what it returns.
fn for_each_seed<T: Default + Send>(
    seeds: std::ops::Range<u64>,
    work: impl Fn(u64) -> T + Sync,
    add: impl Fn(&mut T, T) + Sync,
) -> T {
    let next = std::sync::atomic::AtomicU64::new(seeds.start);
    let worker = || {
        let mut sum = T::default();
        loop {
            let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if seed >= seeds.end {
                return sum;
            }
            add(&mut sum, work(seed));
        }
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(worker), scope.spawn(worker)];
        let mut sum = T::default();
        threads.into_iter().for_each(|thread| add(&mut sum, thread.join().expect("the worker did not fail")));
        sum
    })
}
