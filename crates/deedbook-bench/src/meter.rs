//! What a turn costs: wall time and CPU time, without the making of its input.
//!
//! The input of a turn is made in chunks between its appends, on the measuring thread. That thread's own CPU time is
//! taken off. Whatever else this process or a server does meanwhile, such as sealing in the background, stays counted:
//! as CPU time in full, and as wall time as if the contestant had waited for it (at most as long as the pause was), so
//! that nobody gets work done for nothing while input is made.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::Result;

/// CPU time of all threads of this process, ended ones too.
pub fn process_cpu() -> Duration {
    clock(ClockId::ProcessCPUTime)
}

/// CPU time of this thread.
pub fn thread_cpu() -> Duration {
    clock(ClockId::ThreadCPUTime)
}

/// CPU time of the threads that a process has now, `self` or the number of another one, whose names `wanted` takes. The
/// kernel cuts names at 15 bytes.
pub fn threads_cpu(process: &str, wanted: impl Fn(&str) -> bool) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    let used = threads.into_iter().flatten().flatten().filter_map(|thread| thread_used(&thread.path(), &wanted));
    used.sum()
}

/// One that ends meanwhile is none.
fn thread_used(thread: &Path, wanted: impl Fn(&str) -> bool) -> Option<Duration> {
    let name = fs::read_to_string(thread.join("comm")).ok()?;
    let times = wanted(name.trim_end()).then(|| fs::read_to_string(thread.join("schedstat")).ok())??;
    let nanoseconds = times.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

fn clock(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Time used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// On the clock on the wall.
    pub wall: Duration,
    /// Of all processors.
    pub cpu: Duration,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.wall += other.wall;
        self.cpu += other.cpu;
    }
}

/// Measures one turn.
pub struct Meter {
    start: Stamp,
    aside: Cost,
}

#[derive(Clone, Copy)]
struct Stamp {
    at: Instant,
    cpu: Duration,
}

impl Stamp {
    fn now(cpu_elsewhere: Duration) -> Self {
        Self { at: Instant::now(), cpu: process_cpu() + cpu_elsewhere }
    }

    fn cost_until(self, end: Self) -> Cost {
        Cost { wall: end.at.saturating_duration_since(self.at), cpu: end.cpu.saturating_sub(self.cpu) }
    }
}

impl Meter {
    /// Begins; `cpu_elsewhere` is what a server has used so far.
    pub fn start(cpu_elsewhere: Duration) -> Self {
        Self { start: Stamp::now(cpu_elsewhere), aside: Cost::default() }
    }

    /// Makes input: `make` runs on this thread and is not counted, whatever happens beside it is.
    ///
    /// # Errors
    /// Those of `make` and of `cpu_elsewhere`.
    pub fn aside<T>(
        &mut self,
        cpu_elsewhere: impl Fn() -> Result<Duration>,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let own = thread_cpu();
        let before = Stamp::now(cpu_elsewhere()?);
        let made = make()?;
        let all = before.cost_until(Stamp::now(cpu_elsewhere()?));
        let own = thread_cpu() - own;
        let beside = all.cpu.saturating_sub(own);
        self.aside += Cost { wall: all.wall.saturating_sub(beside), cpu: own };
        Ok(made)
    }

    /// Ends.
    pub fn stop(self, cpu_elsewhere: Duration) -> Cost {
        let all = self.start.cost_until(Stamp::now(cpu_elsewhere));
        Cost { wall: all.wall.saturating_sub(self.aside.wall), cpu: all.cpu.saturating_sub(self.aside.cpu) }
    }
}
