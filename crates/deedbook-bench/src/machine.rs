//! Where and when a figure was made: a number without this is not published.

use std::fs;

use deedbook_core::Timestamp;
use serde::Serialize;

/// The circumstances of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Circumstances {
    /// Model of the processor.
    pub processor: String,
    /// Processors that this process may use.
    pub processors: usize,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Name and release of the kernel.
    pub kernel: String,
    /// When the run began, in UTC.
    pub date: String,
    /// How to repeat it.
    pub command: String,
}

impl Circumstances {
    /// Those of this run. What cannot be found out is called `unknown`.
    pub fn now() -> Self {
        Self {
            processor: processor().unwrap_or_else(unknown),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: status_bytes("/proc/meminfo", "MemTotal:").unwrap_or(0),
            kernel: kernel().unwrap_or_else(unknown),
            date: Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            command: command(),
        }
    }

    /// One line.
    pub fn machine_line(&self) -> String {
        let gigabytes = self.memory_bytes as f64 / f64::from(1 << 30);
        format!("{}, {} cores, {gigabytes:.0} GiB, {}", self.processor, self.processors, self.kernel)
    }
}

/// Bytes of anonymous memory of this process that are in RAM: heap and stacks, not the page cache.
pub fn anonymous_bytes() -> u64 {
    status_bytes("/proc/self/status", "RssAnon:").unwrap_or(0)
}

fn status_bytes(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kernel() -> Option<String> {
    let part = |name: &str| fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok();
    Some(format!("{} {}", part("ostype")?.trim(), part("osrelease")?.trim()))
}

fn command() -> String {
    let arguments = std::env::args().skip(1);
    ["cargo run --release -p deedbook-bench --".to_owned()].into_iter().chain(arguments).collect::<Vec<_>>().join(" ")
}

fn unknown() -> String {
    "unknown".to_owned()
}
