//! A real server on loopback, and a client that sends exactly the bytes it is told to.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use deedbook_core::commitment::Key;
use deedbook_core::removal::Erasure;
use deedbook_core::{
    Atomicity, Draft, Entry, Error, ErrorKind, Group, GroupBy, MemoryStore, Page, PageRequest, Query, Reply, Result,
    Scope, Store, Timestamp,
};
use deedbook_deliver::{Couriers, Guard, State, States};
use deedbook_server::{AdminToken, Author, Limits, NewToken, Options, Secret, Server, Settings, TokenKind};
use deedbook_testkit::Clock;
use serde_json::Value;
use tokio::sync::oneshot;

/// The administrator's token of every test.
pub(crate) const ADMIN: &str = "an administrator's token of 32 or more characters";

/// A store that reads what is in memory below it, and appends as a test says.
pub(crate) struct Through<S> {
    pub(crate) below: Arc<MemoryStore>,
    pub(crate) submit: S,
    /// Called before a page is read.
    pub(crate) reading: fn(),
    /// Called before entries are counted.
    pub(crate) counting: fn(),
}

impl<S: Fn(Vec<Draft>, Atomicity, Reply) + Send + Sync> Store for Through<S> {
    fn submit(&self, drafts: Vec<Draft>, atomicity: Atomicity, reply: Reply) {
        (self.submit)(drafts, atomicity, reply);
    }

    fn get(&self, tenant: &str, id: &str, scope: &Scope) -> Result<Option<Entry>> {
        self.below.get(tenant, id, scope)
    }

    fn page(&self, query: &Query, scope: &Scope, request: &PageRequest) -> Result<Page> {
        (self.reading)();
        self.below.page(query, scope, request)
    }

    fn count(&self, query: &Query, scope: &Scope, groups: &[GroupBy]) -> Result<Vec<Group>> {
        (self.counting)();
        self.below.count(query, scope, groups)
    }

    fn follow(&self, from: u64, limit: usize, wait: Duration, scope: &Scope) -> Result<Vec<Entry>> {
        self.below.follow(from, limit, wait, scope)
    }

    fn visible_count(&self) -> u64 {
        self.below.visible_count()
    }

    fn retire(&self, positions: &[u64]) -> Result<()> {
        self.below.retire(positions)
    }

    fn erase(&self, erasures: &[Erasure]) -> Result<()> {
        self.below.erase(erasures)
    }
}

/// A server in this process, over any store.
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    /// The path of a link that lets in once.
    pub(crate) entrance: String,
    /// Where entries go besides, of a house over a store.
    pub(crate) couriers: Arc<Couriers>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl House {
    /// Over an empty store in memory, with the default limits.
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    /// Over an empty store in memory.
    pub(crate) fn with(limits: Limits) -> Self {
        let clock = Clock::fixed();
        let store = Arc::new(MemoryStore::new(clock.function(), Key([7; 32])));
        Self::over(store, clock, limits)
    }

    /// Over this store.
    pub(crate) fn over(store: Arc<dyn Store>, clock: Clock, limits: Limits) -> Self {
        let couriers = couriers(store.clone());
        Self::beside(couriers, store, clock, limits)
    }

    /// Over this store, with couriers that were begun before.
    pub(crate) fn beside(couriers: Arc<Couriers>, store: Arc<dyn Store>, clock: Clock, limits: Limits) -> Self {
        let mut options = Options::default();
        options.limits = limits;
        options.admin_token = Some(Secret::new(ADMIN));
        options.clock = Arc::new(clock.function());
        options.couriers = Some(couriers.clone());
        // Receivers of tests are on this machine.
        options.webhook_guard = Guard::anywhere();
        let mut house = Self::with_options(options, store, clock);
        house.couriers = couriers;
        house
    }

    /// Over an empty store in memory, by the clock of the wall, with these options.
    pub(crate) fn by_the_wall(options: Options) -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Timestamp::now, Key([7; 32])));
        let mut options = options;
        options.admin_token = Some(Secret::new(ADMIN));
        Self::with_options(options, store, Clock::fixed())
    }

    /// Over this store, with these options.
    pub(crate) fn with_options(options: Options, store: Arc<dyn Store>, clock: Clock) -> Self {
        let (server, _) = Server::new(store.clone(), options).expect("a server");
        Self::running(server, store, clock)
    }

    /// As its own first start would be: the administrator's token is made.
    pub(crate) fn first_start(store: Arc<dyn Store>) -> (Self, AdminToken) {
        let (server, admin) = Server::new(store.clone(), Options::default()).expect("a server");
        (Self::running(server, store, Clock::fixed()), admin)
    }

    fn running(server: Server, store: Arc<dyn Store>, clock: Clock) -> Self {
        let (stop, stopped) = oneshot::channel();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let entrance = server.entrance().expect("a code");
        let serve = async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            server.serve(listener, async move { drop(stopped.await) }).await
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let runtime = runtime.expect("a runtime");
            let ended = runtime.block_on(serve);
            runtime.shutdown_timeout(Duration::from_secs(5));
            ended
        });
        let couriers = couriers(store.clone());
        Self { address, store, clock, entrance, couriers, stop: Some(stop), thread: Some(thread) }
    }

    /// Makes a token as the command line does on a directory.
    pub(crate) fn token(&self, kind: TokenKind, tenant: Option<&str>) -> String {
        let settings = Settings::load(self.store.clone(), Arc::new(self.clock.function())).expect("settings");
        let new = NewToken { tenant: tenant.map(str::to_owned), ..NewToken::of_kind(kind) };
        let (token, secret) = settings.create(new, &Author::system()).expect("a token");
        self.until_known(&token.id);
        secret.expose().to_owned()
    }

    /// Waits until the server has learnt of a token that was made beside it.
    fn until_known(&self, id: &str) {
        while !self.get("/v1/tokens").body.contains(id) {
            std::thread::yield_now();
        }
    }

    /// Makes a token through the API, of this body; its text.
    pub(crate) fn made(&self, body: &str) -> String {
        self.post("/v1/tokens", body).is(201).json()["token"].as_str().expect("a text").to_owned()
    }

    /// Waits until the log has an entry of this action in `tenant` that `fits`.
    pub(crate) fn until_entered(&self, tenant: &str, action: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let query =
            Query::parse(&format!("action:{action}"), &deedbook_testkit::questions::options()).expect("a query");
        loop {
            let page = self.store.page(&query, &Scope::tenant(tenant), &PageRequest::oldest(1_000)).expect("a page");
            let entries = page.entries.iter().map(|entry| serde_json::from_slice(&entry.to_json()).expect("JSON"));
            if let Some(found) = entries.into_iter().find(|entry| fits(entry)) {
                return found;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a request with the administrator's token.
    pub(crate) fn get(&self, path: &str) -> Response {
        self.request("GET", path).send()
    }

    /// Sends a body of JSON with the administrator's token.
    pub(crate) fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Response {
        self.request("POST", path).body("application/json", body).send()
    }

    /// A request to be completed.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::to(self.address, method, path).token(ADMIN)
    }

    /// A connection on which a test writes what it likes.
    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// Tells the server to end and waits for it.
    pub(crate) fn stop(mut self) -> deedbook_core::Result<()> {
        self.couriers.stop();
        drop(self.stop.take());
        self.thread.take().expect("it runs").join().expect("no panic")
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(mut self) -> deedbook_core::Result<()> {
        self.thread.take().expect("it runs").join().expect("no panic")
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.couriers.stop();
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Couriers of a log, none of which is there yet, that keep in memory how far they are.
pub(crate) fn couriers(store: Arc<dyn Store>) -> Arc<Couriers> {
    Arc::new(Couriers::new(store, Arc::new(Kept::default()), |_, _| ()))
}

#[derive(Default)]
struct Kept(Mutex<HashMap<String, State>>);

impl States for Kept {
    fn load(&self, name: &str) -> Result<Option<State>> {
        Ok(self.0.lock().expect("no panic").get(name).cloned())
    }

    fn save(&self, name: &str, state: &State) -> Result<()> {
        self.0.lock().expect("no panic").insert(name.to_owned(), state.clone());
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.0.lock().expect("no panic").remove(name);
        Ok(())
    }
}

/// A request on its way.
pub(crate) struct Request {
    address: SocketAddr,
    line: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Request {
    /// A request to any server, without a token.
    pub(crate) fn to(address: SocketAddr, method: &str, path: &str) -> Self {
        Self {
            address,
            line: format!("{method} {path} HTTP/1.1"),
            headers: vec!["Host: log.example".into(), "Connection: close".into()],
            body: Vec::new(),
        }
    }

    /// With another token than the administrator's.
    pub(crate) fn token(mut self, token: &str) -> Self {
        self = self.without("Authorization");
        self.header(&format!("Authorization: Bearer {token}"))
    }

    /// Without a header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|header| !header.starts_with(name));
        self
    }

    /// With a further header.
    pub(crate) fn header(mut self, header: &str) -> Self {
        self.headers.push(header.to_owned());
        self
    }

    /// With a body.
    pub(crate) fn body(mut self, media_type: &str, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self.header(&format!("Content-Type: {media_type}"))
    }

    /// Sends it and reads the whole answer.
    pub(crate) fn send(self) -> Response {
        let mut stream = connect(self.address);
        let length = if self.line.starts_with("GET") && self.body.is_empty() {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", self.body.len())
        };
        let head = format!("{}\r\n{}\r\n{length}\r\n", self.line, self.headers.join("\r\n"));
        stream.write_all(head.as_bytes()).expect("written");
        // A server that refuses a body may close before it has read all of it.
        let _ = stream.write_all(&self.body);
        Response::read(stream)
    }

    /// Sends it and leaves the answer to be read.
    pub(crate) fn open(self) -> TcpStream {
        let mut stream = connect(self.address);
        let head = format!("{}\r\n{}\r\n\r\n", self.line, self.headers.join("\r\n"));
        stream.write_all(head.as_bytes()).expect("written");
        stream
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    stream
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    /// Reads an answer up to the end of the connection.
    pub(crate) fn read(mut stream: impl Read) -> Self {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let head = std::str::from_utf8(&bytes[..end]).expect("text");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let headers: Vec<(String, String)> = lines.filter_map(header).collect();
        let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let body = if chunked { dechunked(&bytes[end + 4..]) } else { bytes[end + 4..].to_vec() };
        let body = String::from_utf8(body).expect("text");
        Self { status: status.expect("a status"), headers, body }
    }

    /// A header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The answer, which must have this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// The code of a problem of this status, which has all that a problem has.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let body = self.json();
        assert_eq!(body["status"], status);
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"));
        body["code"].as_str().expect("a code").to_owned()
    }

    /// The body with the id of the request replaced.
    pub(crate) fn redacted(&self) -> String {
        let id = self.header("x-request-id").unwrap_or("none");
        self.body.replace(id, "[request_id]")
    }
}

/// Undoes the chunks of a body that is whole.
fn dechunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") else { return body };
        let size = std::str::from_utf8(&bytes[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let Some(size) = size.filter(|size| *size > 0) else { return body };
        let chunk = &bytes[end + 2..];
        body.extend_from_slice(&chunk[..size.min(chunk.len())]);
        bytes = chunk.get(size + 2..).unwrap_or_default();
    }
}

/// A small event with an id.
pub(crate) fn event(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","action":"invoice.approved","actor":{{"type":"user","id":"ada"}},"targets":[{{"type":"invoice","id":"7"}}]}}"#
    )
}

/// A store that fails from a call on, as one does whose disk is gone: of a removal half is done then.
pub(crate) struct Failing {
    below: Arc<dyn Store>,
    calls: AtomicU64,
    fails_at: AtomicU64,
    refuses_retirements: AtomicBool,
    hook: Mutex<Option<(u64, Hook)>>,
}

type Hook = Box<dyn FnOnce() + Send>;

impl Failing {
    pub(crate) fn new(below: Arc<dyn Store>) -> Self {
        let (calls, fails_at) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
        Self { below, calls, fails_at, refuses_retirements: AtomicBool::new(false), hook: Mutex::default() }
    }

    /// So many further calls are answered.
    pub(crate) fn fail_after(&self, calls: u64) {
        self.calls.store(0, Ordering::SeqCst);
        self.fails_at.store(calls, Ordering::SeqCst);
    }

    /// No entry is retired any more.
    pub(crate) fn refuse_retirements(&self) {
        self.refuses_retirements.store(true, Ordering::SeqCst);
    }

    /// Every call is answered again.
    pub(crate) fn heal(&self) {
        self.fails_at.store(u64::MAX, Ordering::SeqCst);
        self.refuses_retirements.store(false, Ordering::SeqCst);
        drop(self.hook.lock().expect("no panic").take());
    }

    /// Calls `hook` before the call that comes after so many others.
    pub(crate) fn at_call(&self, calls: u64, hook: impl FnOnce() + Send + 'static) {
        self.calls.store(0, Ordering::SeqCst);
        *self.hook.lock().expect("no panic") = Some((calls, Box::new(hook)));
    }

    fn call(&self) -> Result<()> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let hook = {
            let mut hook = self.hook.lock().expect("no panic");
            hook.take_if(|(at, _)| *at == call)
        };
        if let Some((_, hook)) = hook {
            hook();
        }
        if call < self.fails_at.load(Ordering::SeqCst) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Io, "the disk is gone"))
    }
}

impl Store for Failing {
    fn submit(&self, drafts: Vec<Draft>, atomicity: Atomicity, reply: Reply) {
        match self.call() {
            Ok(()) => self.below.submit(drafts, atomicity, reply),
            Err(error) => reply(Err(error)),
        }
    }

    fn get(&self, tenant: &str, id: &str, scope: &Scope) -> Result<Option<Entry>> {
        self.call()?;
        self.below.get(tenant, id, scope)
    }

    fn page(&self, query: &Query, scope: &Scope, request: &PageRequest) -> Result<Page> {
        self.call()?;
        self.below.page(query, scope, request)
    }

    fn count(&self, query: &Query, scope: &Scope, groups: &[GroupBy]) -> Result<Vec<Group>> {
        self.below.count(query, scope, groups)
    }

    fn follow(&self, from: u64, limit: usize, wait: Duration, scope: &Scope) -> Result<Vec<Entry>> {
        self.below.follow(from, limit, wait, scope)
    }

    fn visible_count(&self) -> u64 {
        self.below.visible_count()
    }

    fn retire(&self, positions: &[u64]) -> Result<()> {
        if self.refuses_retirements.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Io, "the disk is gone"));
        }
        match self.call() {
            Ok(()) => self.below.retire(positions),
            Err(error) => self.below.retire(&positions[..positions.len() / 2]).and(Err(error)),
        }
    }

    fn erase(&self, erasures: &[Erasure]) -> Result<()> {
        match self.call() {
            Ok(()) => self.below.erase(erasures),
            Err(error) => self.below.erase(&erasures[..erasures.len() / 2]).and(Err(error)),
        }
    }
}
