//! What the library costs its callers: `cargo run --release --example cost -p deedbook --features tower`.
//!
//! * `record` from 64 tasks, in CPU time of the process for an event, against the same drafts given to the store by hand.
//! * `best_effort`, in time until it returns.
//! * `RequestLayer` around a service that does nothing, in time for a request without events.
//!
//! Each is measured in turns with what it is compared with, and the median of the turns is given, for machines are busy.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context as Waker, Poll};
use std::time::{Duration, Instant};

use deedbook::capture::Capture;
use deedbook::store::{Atomicity, Store};
use deedbook::{Actor, Context, Deedbook, Entity, Event, IntoEvent, RequestLayer, context};
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const TASKS: usize = 64;
const EVENTS_PER_TASK: usize = 250;
const TURNS: usize = 7;

#[derive(Entity, Clone)]
struct Document {
    #[entity(id)]
    id: u64,
    #[entity(name)]
    name: String,
}

#[derive(Event)]
#[event(action = "document.shared", audience = ["members"], describe = "{actor} shared {document} for {days} days")]
struct DocumentShared {
    #[event(target)]
    document: Document,
    days: u32,
    #[event(personal)]
    note: String,
}

fn shared(number: usize) -> DocumentShared {
    let document = Document { id: number as u64, name: format!("Plan {number}") };
    DocumentShared { document, days: 30, note: "for the board, as agreed on Monday".to_owned() }
}

fn request_context() -> Context {
    let actor = Actor::new("user", "user_8hWAb-kHmq5nmfE-xPggAA").named("Ada Lovelace");
    Context::new()
        .actor(actor)
        .request_id("req_7f3")
        .session_id("ses_51c")
        .user_agent("Mozilla/5.0 (X11; Linux x86_64)")
}

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    runtime.block_on(async {
        recording().await?;
        best_effort().await?;
        layer().await
    })
}

async fn recording() -> Outcome<()> {
    let (library, by_hand) = (Directory::open()?, Directory::open()?);
    let (mut with_library, mut without) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        with_library.push(cpu_per_event(&library.book, Way::Library).await?);
        without.push(cpu_per_event(&by_hand.book, Way::ByHand).await?);
    }
    let (library, by_hand) = (median(with_library), median(without));
    let percent = (library.as_secs_f64() / by_hand.as_secs_f64() - 1.0) * 100.0;
    println!(
        "record from {TASKS} tasks: {library:?} of CPU for an event; the store by hand: {by_hand:?} ({percent:+.0} %)"
    );
    Ok(())
}

/// A book in a directory that is removed at the end.
struct Directory {
    book: Deedbook,
    _directory: tempfile::TempDir,
}

impl Directory {
    fn open() -> Outcome<Self> {
        let directory = tempfile::tempdir()?;
        let url = format!("file:{}", directory.path().display());
        let book = Deedbook::builder().best_effort_events_max(100_000).capture(Capture::default()).open(&url)?;
        Ok(Self { book, _directory: directory })
    }
}

#[derive(Clone, Copy)]
enum Way {
    Library,
    ByHand,
}

async fn cpu_per_event(book: &Deedbook, way: Way) -> Outcome<Duration> {
    let before = process_cpu();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let book = book.clone();
            tokio::spawn(context::scope(request_context(), async move {
                for number in 0..EVENTS_PER_TASK {
                    match way {
                        Way::Library => drop(book.record(shared(task * EVENTS_PER_TASK + number)).await?),
                        Way::ByHand => by_hand(&book, task * EVENTS_PER_TASK + number).await?,
                    }
                }
                Ok::<(), deedbook::Error>(())
            }))
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok((process_cpu() - before) / (TASKS * EVENTS_PER_TASK) as u32)
}

/// The same event, put together and handed to the store without the library.
async fn by_hand(book: &Deedbook, number: usize) -> deedbook::Result<()> {
    let event = shared(number).into_event(&context::current())?;
    let draft = deedbook_store::prepare(event)?;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let store: Arc<dyn Store> = book.store().expect("it is open");
    store.submit(vec![draft], Atomicity::PerEvent, Box::new(move |fates| drop(sender.send(fates))));
    receiver.await.expect("the store answers").map(drop)
}

async fn best_effort() -> Outcome<()> {
    let Directory { book, _directory } = Directory::open()?;
    let times = context::scope(request_context(), async {
        let mut times = Vec::new();
        for burst in 0..40 {
            let events: Vec<_> = (0..500).map(|number| shared(burst * 500 + number)).collect();
            for event in events {
                let begun = Instant::now();
                book.best_effort(event);
                times.push(begun.elapsed());
            }
            // A pause between bursts, in which the thread may fall asleep and must be woken.
            tokio::time::sleep(Duration::from_millis(if burst % 4 == 0 { 300 } else { 10 })).await;
        }
        times
    })
    .await;
    book.shutdown().await?;
    let (half, most) = (quantile(&times, 0.5), quantile(&times, 0.99));
    println!("best_effort: returns within {half:?} at the median, {most:?} at the 99th percentile");
    println!("  what became of them: {:?}", book.best_effort_counts());
    Ok(())
}

async fn layer() -> Outcome<()> {
    let Directory { book, _directory } = Directory::open()?;
    let route = |head: &http::request::Parts| Some(head.uri.path().to_owned());
    let layer = RequestLayer::new(&book).trusted_hops(1).route(route);
    let (mut bare, mut layered) = (Nothing, layer.layer(Nothing));
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        without.push(time_per_request(&mut bare).await?);
        with.push(time_per_request(&mut layered).await?);
    }
    let (with, without) = (median(with), median(without));
    println!("RequestLayer: adds {:?} to a request without events", with.saturating_sub(without));
    Ok(())
}

async fn time_per_request<S>(service: &mut S) -> Outcome<Duration>
where
    S: Service<Request<()>, Error = std::convert::Infallible>,
{
    const REQUESTS: u32 = 20_000;
    let requests: Vec<_> = (0..REQUESTS).map(|_| request()).collect::<Result<_, _>>()?;
    let begun = Instant::now();
    for request in requests {
        let _ = std::hint::black_box(service.call(request).await);
    }
    Ok(begun.elapsed() / REQUESTS)
}

fn request() -> http::Result<Request<()>> {
    Request::get("/documents/7")
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0")
        .header("x-forwarded-for", "203.0.113.9")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .body(())
}

/// A service that does nothing.
struct Nothing;

impl Service<Request<()>> for Nothing {
    type Response = Response<()>;
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Waker<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(())))
    }
}

fn median(times: Vec<Duration>) -> Duration {
    quantile(&times, 0.5)
}

fn quantile(times: &[Duration], share: f64) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[((times.len() - 1) as f64 * share) as usize]
}

/// CPU time of all threads of this process.
fn process_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
