//! `tenants`: very many small tenants in one log, and what a busy one costs its neighbours.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use deedbook_core::{Atomicity, Event, Store, StoreExt};
use deedbook_store::{FileStore, Options as StoreOptions};
use tempfile::TempDir;

use crate::Result;
use crate::figures::Percentiles;
use crate::http::{ADMIN_TOKEN, Serving, read_answer};
use crate::machine::{Circumstances, anonymous_bytes};
use crate::workload::Workload;
use crate::{report, row};

/// How many there are, and what they do.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Small tenants.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub tenants: u64,
    /// Events of each of them.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub events: u64,
    /// Events of the one large tenant.
    #[arg(long, default_value_t = 500_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub large: u64,
    /// Connections over which the large tenant asks what makes the server read all of its entries.
    #[arg(long, default_value_t = 8)]
    pub busy: usize,
    /// Questions of a small tenant, alone and beside the large one.
    #[arg(long, default_value_t = 1_000)]
    pub questions: usize,
    /// Where the log is kept: filled where there is none, else asked as it is. A temporary one where none is named.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Events of a batch while the log is filled.
const BATCH_EVENTS: u64 = 1_000;
const LARGE: &str = "large";

/// Fills the log where that is needed, opens it, asks and prints.
///
/// # Errors
/// When the log fails, or an answer is not the expected one.
pub fn run(options: &Options) -> Result<()> {
    let circumstances = Circumstances::now();
    println!("{}\n{}\n$ {}", circumstances.machine_line(), circumstances.date, circumstances.command);
    let temporary = TempDir::with_prefix("deedbook-bench-")?;
    let directory = options.data.as_deref().unwrap_or(temporary.path());
    fill(directory, options)?;
    let before = anonymous_bytes();
    let begun = Instant::now();
    let store = FileStore::open(directory, StoreOptions::default())?;
    let (opened, memory) = (begun.elapsed(), anonymous_bytes());
    let entries = report::thousands(store.visible_count() as f64);
    println!(
        "{} tenants and a large one, {entries} entries: opened in {:.1} ms; {} MiB more than before",
        report::thousands(options.tenants as f64),
        opened.as_secs_f64() * 1e3,
        memory.saturating_sub(before) >> 20,
    );
    let workload = small_workload(options);
    let begun = Instant::now();
    enter_all(&store, (0..options.tenants).map(|tenant| event(&workload, options, options.events, tenant)))?;
    println!(
        "one more event in each: {:.1} s; {} MiB",
        begun.elapsed().as_secs_f64(),
        anonymous_bytes().saturating_sub(before) >> 20
    );
    let serving = Serving::start(Arc::new(store))?;
    neighbours(serving.address, options)
}

/// Asks as a small tenant, first alone, then beside the large one.
fn neighbours(address: SocketAddr, options: &Options) -> Result<()> {
    let alone = ask(address, options.questions)?;
    let (done, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let beside = thread::scope(|scope| {
        for _ in 0..options.busy {
            scope.spawn(|| keep_busy(address, &done, &asked));
        }
        let beside = ask(address, options.questions);
        done.store(true, Ordering::Relaxed);
        beside
    })?;
    let mut table = report::table(&["a small tenant's newest page", "p50 ms", "p99 ms"]);
    let beside_name = format!("beside {} readers of the large tenant", options.busy);
    for (name, found) in [("alone", &alone), (&beside_name[..], &beside)] {
        table.add_row([name.to_owned(), format!("{:.2}", found.p50_ms), format!("{:.2}", found.p99_ms)]);
    }
    println!("{table}");
    let times = beside.p99_ms / alone.p99_ms;
    println!("p99 × {times:.2}; the large tenant got {} answers meanwhile", asked.into_inner());
    Ok(())
}

fn fill(directory: &Path, options: &Options) -> Result<()> {
    let store = FileStore::open(directory, StoreOptions::default())?;
    if store.visible_count() == 0 {
        let workload = small_workload(options);
        let small = (0..options.events).flat_map(|round| (0..options.tenants).map(move |tenant| (round, tenant)));
        enter_all(&store, small.map(|(round, tenant)| event(&workload, options, round, tenant)))?;
        let workload = Workload::new(options.large);
        enter_all(&store, (0..options.large).map(|index| tenant_event(&workload, index, LARGE.to_owned())))?;
    }
    Ok(store.close()?)
}

/// The events of all small tenants, the one that is entered after opening too.
fn small_workload(options: &Options) -> Workload {
    Workload::new((options.events + 1) * options.tenants)
}

/// The event of a small tenant in this round.
fn event(workload: &Workload, options: &Options, round: u64, tenant: u64) -> Event {
    tenant_event(workload, round * options.tenants + tenant, format!("tenant-{tenant}"))
}

fn tenant_event(workload: &Workload, index: u64, tenant: String) -> Event {
    Event { tenant: Some(tenant), ..workload.event(index) }
}

fn enter_all(store: &FileStore, mut events: impl Iterator<Item = Event>) -> Result<()> {
    loop {
        let batch: Vec<Event> = events.by_ref().take(BATCH_EVENTS as usize).collect();
        if batch.is_empty() {
            return Ok(());
        }
        let drafts = batch.into_iter().map(row::draft).collect::<deedbook_core::Result<Vec<_>>>()?;
        for fate in store.append(drafts, Atomicity::PerEvent)? {
            fate?;
        }
    }
}

/// Asks until it is done for what no index answers.
fn keep_busy(address: SocketAddr, done: &AtomicBool, asked: &AtomicU64) {
    let Ok(mut client) = Client::connect(address) else { return };
    while !done.load(Ordering::Relaxed) {
        if client.get(&format!("/v1/events/count?tenant={LARGE}&q=meta.amount:%3E1")).is_ok() {
            asked.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The newest page of a small tenant, another one each time.
fn ask(address: SocketAddr, questions: usize) -> Result<Percentiles> {
    let mut client = Client::connect(address)?;
    let mut latencies = Vec::with_capacity(questions);
    for question in 0..questions + questions / 10 {
        let begun = Instant::now();
        client.get(&format!("/v1/events?tenant=tenant-{}&limit=50", question % 1_000))?;
        latencies.push(begun.elapsed());
    }
    // The first answers fill the caches.
    let warm: Vec<Duration> = latencies.split_off(questions / 10);
    Percentiles::of(warm).ok_or_else(|| "nothing was asked".into())
}

struct Client {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Client {
    fn connect(address: SocketAddr) -> Result<Self> {
        let writer = TcpStream::connect(address)?;
        writer.set_nodelay(true)?;
        Ok(Self { reader: BufReader::new(writer.try_clone()?), writer })
    }

    fn get(&mut self, path: &str) -> Result<Vec<u8>> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\n\r\n");
        self.writer.write_all(request.as_bytes())?;
        read_answer(&mut self.reader)
    }
}
