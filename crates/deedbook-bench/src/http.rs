//! `http`: recording over HTTP against the library, and against a server whose store says yes without storing.
//!
//! Clients are threads with one connection each that send the next request when the last one is answered. They run on
//! the same machine and are paid for in every figure over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use deedbook_core::commitment::Key;
use deedbook_core::query::Query;
use deedbook_core::removal::Erasure;
use deedbook_core::{
    AppendStatus, Appended, Atomicity, Digest, Draft, Entry, Group, GroupBy, MemoryStore, OWN_TENANT, Page,
    PageRequest, Receipt, Reply, Scope, Store, StoreExt, Timestamp,
};
use deedbook_server::{Options as ServerOptions, Secret, Server};
use deedbook_store::FileStore;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::Result;
use crate::machine::Circumstances;
use crate::meter::process_cpu;
use crate::workload::Workload;
use crate::{report, row};

pub(crate) const ADMIN_TOKEN: &str = "a token of the benchmark that is long enough";

/// What is recorded.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Events recorded one by one.
    #[arg(long, default_value_t = 40_000)]
    pub singles: u64,
    /// Connections, or threads, that record one by one.
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
    /// Events recorded in batches.
    #[arg(long, default_value_t = 200_000)]
    pub batched: u64,
    /// Events in a batch, at most 1,000.
    #[arg(long, default_value_t = 500)]
    pub batch: usize,
    /// Connections, or threads, that record batches.
    #[arg(long, default_value_t = 4)]
    pub batch_connections: usize,
    /// Times that everything is measured, in turns; the median counts.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
}

/// What one way of recording took.
#[derive(Clone, Copy, Debug)]
struct Rate {
    events_per_s: f64,
    cpu_us_per_event: f64,
}

/// Measures and prints.
///
/// # Errors
/// When an event is not recorded.
pub fn run(options: &Options) -> Result<()> {
    let circumstances = Circumstances::now();
    println!("{}\n{}\n$ {}", circumstances.machine_line(), circumstances.date, circumstances.command);
    let singles = Load { events: options.singles, batch: 1, clients: options.connections };
    let batches = Load { events: options.batched, batch: options.batch, clients: options.batch_connections };
    for (title, load) in [("one by one", singles), ("in batches", batches)] {
        let ways: [(&str, Way); 3] = [
            ("library", Way::Library),
            ("over HTTP", Way::Http(Behind::File)),
            ("over HTTP, parsed and answered only", Way::Http(Behind::Nothing)),
        ];
        let mut found = vec![Vec::new(); ways.len()];
        for _ in 0..options.rounds.max(1) {
            for ((_, way), rates) in ways.iter().zip(&mut found) {
                rates.push(load.measure(*way)?);
            }
        }
        let found: Vec<Rate> = found.into_iter().map(median).collect();
        let head = format!("{title}: {} at a time, {} clients", load.batch, load.clients);
        let mut table = report::table(&[&head, "events/s", "of the library's", "CPU µs/event"]);
        for ((name, _), rate) in ways.iter().zip(&found) {
            table.add_row([
                (*name).to_owned(),
                report::thousands(rate.events_per_s),
                format!("{:.0} %", 100.0 * rate.events_per_s / found[0].events_per_s),
                format!("{:.1}", rate.cpu_us_per_event),
            ]);
        }
        println!("{table}");
    }
    Ok(())
}

fn median(mut rates: Vec<Rate>) -> Rate {
    rates.sort_by(|a, b| a.events_per_s.total_cmp(&b.events_per_s));
    rates[rates.len() / 2]
}

#[derive(Clone, Copy)]
enum Way {
    /// `append` on as many threads as there are clients.
    Library,
    /// `POST /v1/events` on as many connections.
    Http(Behind),
}

#[derive(Clone, Copy)]
enum Behind {
    File,
    Nothing,
}

/// What is recorded, and by how many.
#[derive(Clone, Copy)]
struct Load {
    events: u64,
    batch: usize,
    clients: usize,
}

impl Load {
    fn measure(self, way: Way) -> Result<Rate> {
        let directory = TempDir::with_prefix("deedbook-bench-")?;
        let open = || FileStore::open(directory.path(), deedbook_store::Options::default());
        match way {
            Way::Library => {
                let store = open()?;
                self.timed(self.drafts()?, |batches| append(&store, batches))
            }
            Way::Http(Behind::File) => self.over_http(Arc::new(open()?)),
            Way::Http(Behind::Nothing) => self.over_http(Arc::new(Yes::new())),
        }
    }

    fn over_http(self, store: Arc<dyn Store>) -> Result<Rate> {
        let serving = Serving::start(store)?;
        let bodies = self.drafts()?.into_iter().map(|of_client| of_client.iter().map(|batch| body(batch)).collect());
        self.timed(bodies.collect(), |bodies: Vec<Vec<u8>>| post_all(serving.address, &bodies))
    }

    /// The batches of each client.
    fn drafts(self) -> Result<Vec<Vec<Vec<Draft>>>> {
        let workload = Workload::new(self.events);
        let batches = self.events / self.batch as u64;
        (0..self.clients as u64)
            .map(|client| {
                let of_client = (client..batches).step_by(self.clients);
                let batch = |nth: u64| -> Result<Vec<Draft>> {
                    let first = nth * self.batch as u64;
                    let drafts = (first..first + self.batch as u64).map(|index| row::draft(workload.event(index)));
                    Ok(drafts.collect::<deedbook_core::Result<_>>()?)
                };
                of_client.map(batch).collect()
            })
            .collect()
    }

    /// Gives each client its share on a thread of its own and waits for all.
    fn timed<T: Send>(self, shares: Vec<T>, record: impl Fn(T) -> Result<()> + Sync) -> Result<Rate> {
        let events = (self.events / self.batch as u64 * self.batch as u64) as f64;
        let (start, cpu) = (Instant::now(), process_cpu());
        std::thread::scope(|scope| {
            let record = &record;
            let clients: Vec<_> = shares.into_iter().map(|share| scope.spawn(move || record(share))).collect();
            clients.into_iter().try_for_each(|client| client.join().unwrap_or_else(|_| Err("a client panicked".into())))
        })?;
        let (wall, cpu) = (start.elapsed(), process_cpu() - cpu);
        Ok(Rate { events_per_s: events / wall.as_secs_f64(), cpu_us_per_event: cpu.as_secs_f64() * 1e6 / events })
    }
}

fn append(store: &FileStore, batches: Vec<Vec<Draft>>) -> Result<()> {
    for batch in batches {
        for fate in store.append(batch, Atomicity::PerEvent)? {
            fate?;
        }
    }
    Ok(())
}

/// A request with these events: an object, or lines.
fn body(batch: &[Draft]) -> Vec<u8> {
    let mut body = Vec::new();
    for draft in batch {
        body.extend_from_slice(draft.canonical());
        body.push(b'\n');
    }
    let format = if batch.len() == 1 { "json" } else { "x-ndjson" };
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\nContent-Type: \
         application/{format}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

fn post_all(address: SocketAddr, requests: &[Vec<u8>]) -> Result<()> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let (mut reader, mut writer) = (BufReader::new(stream.try_clone()?), stream);
    requests.iter().try_for_each(|request| {
        writer.write_all(request)?;
        read_answer(&mut reader).map(drop)
    })
}

/// Reads one answer and gives its body; a batch is believed to be recorded when no problem is in it.
pub(crate) fn read_answer(reader: &mut BufReader<TcpStream>) -> Result<Vec<u8>> {
    let (mut line, mut length, mut status) = (String::new(), 0, String::new());
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let text = line.trim_end().to_ascii_lowercase();
        match text.split_once(':') {
            None if text.is_empty() => break,
            None => status = text,
            Some(("content-length", value)) => length = value.trim().parse()?,
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let text = String::from_utf8_lossy(&body);
    let recorded = ["201", "200"].iter().any(|good| status.split(' ').nth(1) == Some(good));
    if recorded && !text.contains("\"problem\"") { Ok(body) } else { Err(format!("{status}: {text}").into()) }
}

/// A server on threads of its own.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Serving {
    pub(crate) fn start(store: Arc<dyn Store>) -> Result<Self> {
        let mut options = ServerOptions::default();
        options.admin_token = Some(Secret::new(ADMIN_TOKEN));
        let (server, _) = Server::new(store, options)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let served = runtime.block_on(server.serve(listener, async move { drop(stopped.await) }));
            if let Err(error) = served {
                eprintln!("the server ended: {error}");
            }
        });
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A store that gives a receipt for everything and keeps the settings of the server alone.
struct Yes {
    own: MemoryStore,
    next: AtomicU64,
}

impl Yes {
    fn new() -> Self {
        Self { own: MemoryStore::new(Timestamp::now, Key([7; 32])), next: AtomicU64::new(0) }
    }

    fn receipt(&self, draft: &Draft) -> Receipt {
        let position = self.next.fetch_add(1, Ordering::Relaxed);
        let (tenant, id) = (draft.tenant().to_owned(), draft.id().to_owned());
        Receipt { id, tenant, seq: position, position, recorded_at: Timestamp::now(), leaf_hash: Digest([0; 32]) }
    }
}

impl Store for Yes {
    fn submit(&self, drafts: Vec<Draft>, atomicity: Atomicity, reply: Reply) {
        if drafts.iter().any(|draft| draft.tenant() == OWN_TENANT) {
            return self.own.submit(drafts, atomicity, reply);
        }
        let accepted = |draft| Ok(Appended { receipt: self.receipt(draft), status: AppendStatus::Created });
        reply(Ok(drafts.iter().map(accepted).collect()));
    }

    fn get(&self, tenant: &str, id: &str, scope: &Scope) -> deedbook_core::Result<Option<Entry>> {
        self.own.get(tenant, id, scope)
    }

    fn page(&self, query: &Query, scope: &Scope, request: &PageRequest) -> deedbook_core::Result<Page> {
        self.own.page(query, scope, request)
    }

    fn count(&self, query: &Query, scope: &Scope, groups: &[GroupBy]) -> deedbook_core::Result<Vec<Group>> {
        self.own.count(query, scope, groups)
    }

    fn follow(&self, from: u64, limit: usize, wait: Duration, scope: &Scope) -> deedbook_core::Result<Vec<Entry>> {
        self.own.follow(from, limit, wait, scope)
    }

    fn visible_count(&self) -> u64 {
        self.own.visible_count()
    }

    fn retire(&self, positions: &[u64]) -> deedbook_core::Result<()> {
        self.own.retire(positions)
    }

    fn erase(&self, erasures: &[Erasure]) -> deedbook_core::Result<()> {
        self.own.erase(erasures)
    }
}
