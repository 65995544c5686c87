//! A peer for tests, behind the door to the network: it keeps a log as a server does and fails as it is told, in virtual
//! time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deedbook_core::commitment::Key;
use deedbook_core::{Draft, Event, Limits, Timestamp, prepare};
use reqwest::header::{CONTENT_ENCODING, RETRY_AFTER};
use reqwest::{Request, Response};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::address::Address;
use super::transport::{Broken, Sending, Transport};
use super::{Client, ClientOptions, Token};

/// A secret that must never show.
pub(crate) const CANARY: &str = "deed_write_canary7f3a";

/// What happens to one request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// It is answered as by a server in good health.
    Serve,
    /// It is served, after a while.
    ServeAfter(Duration),
    /// It is served, but the answer is lost.
    LoseAnswer,
    /// It is refused as a whole with this status, perhaps with `Retry-After` in seconds.
    Refuse(u16, Option<u64>),
    /// The connection breaks before the request arrives.
    Reset,
    /// There is never an answer.
    Hang,
    /// A body that is not JSON, with status 200.
    Nonsense,
}

/// Decides by the number of the request, from 0 on, and the time since the peer was made.
type Script = Box<dyn Fn(usize, Duration) -> Act + Send + Sync>;

/// The peer; what it keeps outlives its clients.
pub(crate) struct Peer {
    script: Script,
    since: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Number of events in each request that arrived at the door, whatever became of it; 0 for one that does not post.
    pub(crate) requests: Vec<usize>,
    /// Ids in the order in which they were entered.
    pub(crate) ids: Vec<String>,
    /// The bytes behind each id.
    pub(crate) log: HashMap<String, Vec<u8>>,
}

impl Peer {
    pub(crate) fn new(script: impl Fn(usize, Duration) -> Act + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { script: Box::new(script), since: Instant::now(), state: Mutex::default() })
    }

    /// A client of this peer.
    pub(crate) fn client(self: &Arc<Self>) -> Client {
        self.client_with(ClientOptions::default())
    }

    pub(crate) fn client_with(self: &Arc<Self>, options: ClientOptions) -> Client {
        let address = Address::parse("http://peer.test").expect("an address");
        Client::over(Box::new(Line(self.clone())), address, Token::new(CANARY).expect("a token"), options)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, request: Request) -> Result<Response, Broken> {
        let lines = if request.url().path() == "/v1/events" { lines(&request) } else { Vec::new() };
        let number = {
            let mut state = self.state();
            state.requests.push(lines.len());
            state.requests.len() - 1
        };
        match (self.script)(number, self.since.elapsed()) {
            Act::Serve => Ok(self.answer(&lines)),
            Act::ServeAfter(wait) => {
                tokio::time::sleep(wait).await;
                Ok(self.answer(&lines))
            }
            Act::LoseAnswer => {
                self.answer(&lines);
                Err(Broken::because("connection reset by peer"))
            }
            Act::Refuse(status, wait) => Ok(refusal(status, wait)),
            Act::Reset => Err(Broken::because("connection reset by peer")),
            Act::Hang => std::future::pending().await,
            Act::Nonsense => Ok(response(200, None, "<html>".to_owned())),
        }
    }

    /// Enters what is good. An event is bad where its action says so: `test.invalid`, `test.large`, `test.foreign`.
    fn answer(&self, lines: &[Vec<u8>]) -> Response {
        let mut state = self.state();
        let results: Vec<Value> = lines.iter().enumerate().map(|(index, line)| state.enter(index, line)).collect();
        response(200, None, json!({ "results": results }).to_string())
    }
}

impl State {
    fn enter(&mut self, index: usize, line: &[u8]) -> Value {
        let event: Value = serde_json::from_slice(line).expect("JSON");
        let id = event["id"].as_str().expect("every event has an id before it is sent").to_owned();
        let refused = |status: u16, code: &str| {
            let errors = json!([{ "pointer": "/action", "code": code, "detail": "of this test" }]);
            json!({ "index": index, "status": status, "problem": { "code": code, "errors": errors } })
        };
        match event["action"].as_str() {
            Some("test.invalid") => return refused(422, "bad_action"),
            Some("test.large") => return refused(413, "too_large"),
            Some("test.foreign") => return refused(403, "foreign_tenant"),
            _ => {}
        }
        let status = match self.log.get(&id) {
            Some(known) if known == line => 200,
            Some(_) => return refused(409, "conflict"),
            None => {
                self.log.insert(id.clone(), line.to_vec());
                self.ids.push(id.clone());
                201
            }
        };
        let seq = self.ids.iter().rposition(|known| *known == id).expect("entered");
        let receipt = json!({ "id": id, "tenant": "acme", "seq": seq, "recorded_at": "2026-09-20T14:03:27.481512Z",
            "leaf_hash": "0".repeat(64) });
        json!({ "index": index, "status": status, "receipt": receipt })
    }
}

/// The door of a client that leads to the peer.
struct Line(Arc<Peer>);

impl Transport for Line {
    fn send(&self, request: Request) -> Sending<'_> {
        Box::pin(self.0.serve(request))
    }
}

fn lines(request: &Request) -> Vec<Vec<u8>> {
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let plain = match request.headers().get(CONTENT_ENCODING) {
        Some(encoding) if encoding == "zstd" => zstd::bulk::decompress(body, 8 << 20).expect("zstd"),
        _ => body.to_vec(),
    };
    plain.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// A refusal that repeats the secret, as a careless proxy may.
fn refusal(status: u16, wait: Option<u64>) -> Response {
    let detail = format!("refused {CANARY}");
    response(status, wait, json!({ "code": "refused", "detail": detail, "request_id": "req_1" }).to_string())
}

fn response(status: u16, wait: Option<u64>, body: String) -> Response {
    let mut response = http::Response::builder().status(status);
    if let Some(wait) = wait {
        response = response.header(RETRY_AFTER, wait);
    }
    response.body(body).expect("a response").into()
}

/// A draft with this id and action; a random id where there is none.
pub(crate) fn draft(id: Option<&str>, action: &str) -> Draft {
    let mut event = Event::new(action, deedbook_core::Actor::new("user", "ada"));
    event.id = id.map(str::to_owned);
    let random = Key(std::array::from_fn(|_| 7)).seed("acme", &format!("{:?}", Timestamp::now()));
    prepare(event, &Limits::default(), || random.0).expect("a good event")
}
