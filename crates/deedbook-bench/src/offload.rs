//! `offload`: what stays of a log whose entries lie in an archive, and how long questions take then.
//!
//! The archive is a directory of the same disk: what is measured is what the store does, not a network. Each question is
//! asked of a log that was opened for it, so that nothing is in the store's memory.

use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use deedbook_core::query::ParseOptions;
use deedbook_core::{GroupBy, PageRequest, Query, Scope, Store, Timestamp};
use deedbook_store::{FileStore, Options as StoreOptions};
use tempfile::TempDir;

use crate::machine::Circumstances;
use crate::retire::fill;
use crate::workload::Workload;
use crate::{Result, report};

/// How much is moved.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Events in the log: a hundred tenants, thirty days.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    pub events: u64,
    /// How often each question is asked.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub repeat: u64,
}

/// A question, and what is counted of its answer.
type Ask = dyn Fn(&FileStore) -> Result<u64>;

/// Fills a log, moves its entries, asks before and after, and prints.
///
/// # Errors
/// When the log fails, or an answer is another one afterwards.
pub fn run(options: &Options) -> Result<()> {
    let circumstances = Circumstances::now();
    println!("{}\n{}\n$ {}", circumstances.machine_line(), circumstances.date, circumstances.command);
    let (log, archive) = (TempDir::with_prefix("deedbook-bench-")?, TempDir::with_prefix("deedbook-bench-")?);
    let directory = log.path().join("log");
    let workload = Workload::new(options.events);
    fill(&directory, &workload, options.events)?;
    let open = || FileStore::open(&directory, StoreOptions::default());
    let store = open()?;
    store.compact()?;
    store.close()?;
    let event = workload.event(0);
    let tenant = event.tenant.clone().unwrap_or_default();
    let target = format!("{}:{}", event.targets[0].kind, event.targets[0].id);
    let questions = questions(&tenant, &target)?;
    let before = ask_all(&questions, options.repeat, &directory)?;
    let bytes_before = bytes_of(&directory)?;
    let (store, begun) = (open()?, Instant::now());
    let place = archive.path().to_str().ok_or("the temporary directory has no name in UTF-8")?;
    let moved = store.offload(place, Timestamp::MAX, &|_| ControlFlow::Continue(()))?;
    let took = begun.elapsed();
    store.close()?;
    let after = ask_all(&questions, options.repeat, &directory)?;
    let each = |bytes: u64| bytes as f64 / options.events as f64;
    println!(
        "{} of {} entries moved in {:.1} s\nbytes an event  {:.1} before; {:.1} in the directory and {:.1} in the archive after",
        report::thousands(moved.entries as f64),
        report::thousands(options.events as f64),
        took.as_secs_f64(),
        each(bytes_before),
        each(bytes_of(&directory)?),
        each(bytes_of(&archive.path().join("segments"))?),
    );
    let mut table = report::table(&["", "answer", "before ms", "after ms"]);
    for ((name, _), (before, after)) in questions.iter().zip(before.into_iter().zip(after)) {
        if before.0 != after.0 {
            return Err(format!("{name}: {} before and {} after", before.0, after.0).into());
        }
        let milliseconds = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1000.0);
        table.add_row([name.to_string(), before.0.to_string(), milliseconds(before.1), milliseconds(after.1)]);
    }
    println!("{table}");
    Ok(())
}

fn questions(tenant: &str, target: &str) -> Result<Vec<(&'static str, Box<Ask>)>> {
    let scope = Scope::tenant(tenant);
    let parse = ParseOptions::utc(Timestamp::UNIX_EPOCH);
    let history = Query::parse(&format!("target:\"{target}\""), &parse)?;
    let newest = scope.clone();
    let of_thing = scope.clone();
    let all = scope.clone();
    Ok(vec![
        ("newest 50 of a tenant", Box::new(move |store| page(store, &Query::all(), &newest, 50))),
        ("50 entries about a thing", Box::new(move |store| page(store, &history, &of_thing, 50))),
        (
            "a count by action",
            Box::new(move |store| {
                let groups = store.count(&Query::all(), &scope, &[GroupBy::Action])?;
                Ok(groups.iter().map(|group| group.count).sum())
            }),
        ),
        ("all entries of the largest tenant", Box::new(move |store| read_all(store, &all))),
    ])
}

fn page(store: &FileStore, query: &Query, scope: &Scope, limit: usize) -> Result<u64> {
    Ok(store.page(query, scope, &PageRequest::newest(limit))?.entries.len() as u64)
}

fn read_all(store: &FileStore, scope: &Scope) -> Result<u64> {
    let (mut request, mut count) = (PageRequest::newest(1000), 0);
    loop {
        let page = store.page(&Query::all(), scope, &request)?;
        count += page.entries.len() as u64;
        request.after = page.entries.last().map(|entry| entry.receipt.position);
        if !page.has_more {
            return Ok(count);
        }
    }
}

/// The answers, and the median of the times.
fn ask_all(questions: &[(&str, Box<Ask>)], repeat: u64, directory: &Path) -> Result<Vec<(u64, Duration)>> {
    let mut answers = Vec::new();
    for (_, ask) in questions {
        let mut times = Vec::new();
        let mut answer = 0;
        for _ in 0..repeat {
            let store = FileStore::open_read_only(directory)?;
            let begun = Instant::now();
            answer = ask(&store)?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        answers.push((answer, times[times.len() / 2]));
    }
    Ok(answers)
}

/// What the files take on the disk: holes take nothing.
fn bytes_of(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        bytes += entry?.metadata()?.blocks() * 512;
    }
    Ok(bytes)
}
