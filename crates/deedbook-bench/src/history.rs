//! `history`: the versions of one thing among millions of other events, and the thing as of a time, asked over HTTP.
//!
//! The client is this process too; its CPU time is taken off, so that what is left is the server's.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use deedbook_core::{Actor, Atomicity, Change, Event, Scope, Store, StoreExt, Target, Timestamp};
use deedbook_store::{FileStore, Options as StoreOptions};
use tempfile::TempDir;

use crate::Result;
use crate::figures::Percentiles;
use crate::http::{ADMIN_TOKEN, Serving, read_answer};
use crate::machine::Circumstances;
use crate::meter::{process_cpu, thread_cpu};
use crate::workload::Workload;
use crate::{report, row};

/// What is asked, and among how much.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Other events.
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub events: u64,
    /// Versions of the thing, spread evenly among them.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub versions: u64,
    /// Times that each question is asked.
    #[arg(long, default_value_t = 500)]
    pub questions: usize,
    /// Where the log is kept: filled where there is none, else asked as it is. A temporary one where none is named.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Events of a batch while the log is filled.
const BATCH_EVENTS: u64 = 1_000;

/// Fills the log where that is needed, asks and prints.
///
/// # Errors
/// When the log fails, or an answer is not the expected one.
pub fn run(options: &Options) -> Result<()> {
    let circumstances = Circumstances::now();
    println!("{}\n{}\n$ {}", circumstances.machine_line(), circumstances.date, circumstances.command);
    let temporary = TempDir::with_prefix("deedbook-bench-")?;
    let directory = options.data.as_deref().unwrap_or(temporary.path());
    let store = filled(directory, options)?;
    println!("{} entries in {}", report::thousands(store.visible_count() as f64), directory.display());
    let serving = Serving::start(Arc::new(store))?;
    let mut table = report::table(&["", "p50 ms", "p99 ms", "CPU ms", "bytes"]);
    for (name, path) in questions(options) {
        let asked = ask(&serving, &path, options.questions)?;
        let millis = |duration: Duration| format!("{:.2}", duration.as_secs_f64() * 1e3);
        let bytes = report::thousands(asked.bytes as f64);
        let (p50, p99) = (asked.latency.p50_ms, asked.latency.p99_ms);
        table.add_row([name.to_owned(), format!("{p50:.2}"), format!("{p99:.2}"), millis(asked.cpu), bytes]);
    }
    println!("{table}");
    Ok(())
}

/// A log with the events, in segments as after a restart.
fn filled(directory: &Path, options: &Options) -> Result<FileStore> {
    let open = || FileStore::open(directory, StoreOptions::default());
    let store = open()?;
    if store.visible_count() > 0 {
        let last = format!("version_{}", options.versions - 1);
        let is_whole = store.get("default", &last, &Scope::tenant("default"))?.is_some();
        return if is_whole {
            Ok(store)
        } else {
            Err("the log is of another run, or was not filled; remove it".into())
        };
    }
    let workload = Workload::new(options.events);
    let bar = report::bar(options.events);
    let mut versions = 0;
    for first in (0..options.events).step_by(BATCH_EVENTS as usize) {
        let until = (first + BATCH_EVENTS).min(options.events);
        let mut events: Vec<Event> = (first..until).map(|index| workload.event(index)).collect();
        while versions < options.versions && versions * options.events / options.versions < until {
            events.push(version(versions)?);
            versions += 1;
        }
        let drafts = events.into_iter().map(row::draft).collect::<deedbook_core::Result<Vec<_>>>()?;
        for fate in store.append(drafts, Atomicity::PerEvent)? {
            fate?;
        }
        bar.set_position(until);
    }
    store.close()?;
    drop(store);
    Ok(open()?)
}

/// When the first version occurred; the others follow by the minute.
const BEGUN_AT: i64 = 1_790_000_000;

/// One version of the thing: three fields at the beginning, then one or the other of them.
fn version(number: u64) -> Result<Event> {
    let action = if number == 0 { "invoice.created" } else { "invoice.updated" };
    let mut event =
        Event::new(action, Actor { name: Some("Ada Lovelace".to_owned()), ..Actor::new("user", "user_ada") });
    event.id = Some(format!("version_{number}"));
    event.tenant = Some("default".to_owned());
    event.targets = vec![Target { name: Some("Invoice 7".to_owned()), ..Target::new("invoice", "7") }];
    event.occurred_at = Some(Timestamp::from_second(BEGUN_AT + 60 * number as i64)?);
    let states = ["draft", "open", "sent", "paid"];
    let state = |number: u64| states[number as usize % states.len()].into();
    let change = |path: &str, from: Option<serde_json::Value>, to: serde_json::Value| Change {
        path: path.to_owned(),
        from,
        to: Some(to),
        redacted: false,
    };
    event.changes = match number {
        0 => vec![change("/state", None, state(0)), change("/total", None, 0.into()), change("/note", None, "".into())],
        _ => {
            let note = |number: u64| format!("agreed in call {number}").into();
            let total = change("/total", Some((number - 1).into()), number.into());
            vec![change("/state", Some(state(number - 1)), state(number)), total, change("/note", None, note(number))]
        }
    };
    Ok(event)
}

/// What is asked, by name.
fn questions(options: &Options) -> [(&'static str, String); 5] {
    let half = options.versions / 2;
    let at = Timestamp::from_second(BEGUN_AT + 60 * half as i64).unwrap_or(Timestamp::MIN);
    let thing = "target=invoice:7";
    [
        ("history, all versions", format!("/v1/history?{thing}&limit={}", options.versions)),
        ("history, a page of 50", format!("/v1/history?{thing}")),
        ("as of a time", format!("/v1/as-of?{thing}&at={at}")),
        ("as of now", format!("/v1/as-of?{thing}&at=latest")),
        ("difference of two", format!("/v1/diff?{thing}&from=version_{half}&to=latest")),
    ]
}

/// What one question took.
struct Asked {
    latency: Percentiles,
    /// Of the server, for one answer.
    cpu: Duration,
    bytes: usize,
}

fn ask(serving: &Serving, path: &str, times: usize) -> Result<Asked> {
    let stream = TcpStream::connect(serving.address)?;
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = (BufReader::new(stream.try_clone()?), stream);
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\n\r\n");
    let mut once = || -> Result<(Duration, usize)> {
        let begun = Instant::now();
        writer.write_all(request.as_bytes())?;
        let body = read_answer(&mut reader)?;
        Ok((begun.elapsed(), body.len()))
    };
    // The first answers fill the caches.
    for _ in 0..times / 10 {
        once()?;
    }
    let (cpu, own) = (process_cpu(), thread_cpu());
    let mut latencies = Vec::with_capacity(times);
    let mut bytes = 0;
    for _ in 0..times.max(1) {
        let (latency, length) = once()?;
        latencies.push(latency);
        bytes = length;
    }
    let cpu = (process_cpu() - cpu).saturating_sub(thread_cpu() - own);
    let latency = Percentiles::of(latencies).ok_or("nothing was asked")?;
    Ok(Asked { latency, cpu: cpu / times.max(1) as u32, bytes })
}
