//! The tower layer within axum, over a service that is called as a server calls it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use deedbook::capture::{Capture, Kind, Names, Switch};
use deedbook::event::Auth;
use deedbook::{Actor, Deedbook, Entry, Event, Outcome, RequestLayer, auth, context};
use http::{Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

#[derive(deedbook::Entity)]
struct User {
    #[entity(id)]
    id: &'static str,
    #[entity(name)]
    name: &'static str,
}

const ADA: User = User { id: "user_1", name: "Ada" };

fn book(capture: Capture) -> Deedbook {
    Deedbook::builder().capture(capture).open("memory:").expect("threads are started")
}

fn router(book: &Deedbook, layer: RequestLayer) -> Router {
    let approve = {
        let book = book.clone();
        async move || {
            context::set_actor(Actor::new("user", "user_1").named("Ada")).expect("the layer began a scope");
            let mut event = Event::new("invoice.approved", Actor::clone(&context::current().get_actor().expect("set")));
            event.metadata.insert("amount".into(), 12.into());
            book.record(event).await.expect("it is recorded");
            StatusCode::CREATED
        }
    };
    let sign_in = {
        let book = book.clone();
        async move || {
            auth::signed_in(&book, &ADA, Auth { method: Some("password".into()), ..Auth::default() })
                .await
                .map(|_| ())
                .ok();
        }
    };
    Router::new()
        .route("/invoices/{id}/approve", post(approve))
        .route("/sign-in", post(sign_in))
        .route("/forbidden", post(async || StatusCode::FORBIDDEN))
        .route("/panic", post(async || -> () { panic!("on purpose") }))
        .route("/wait", post(async || std::future::pending::<()>().await))
        .route("/look", get(async || context::current().get_request_id().unwrap_or("none").to_owned()))
        .layer(layer)
}

fn request(method: &str, path: &str) -> Request<Body> {
    let peer = ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 5000)));
    let request = Request::builder().method(method).uri(path).extension(peer);
    let request = request
        .header("user-agent", "curl/8")
        .header("x-request-id", "req_7")
        .header("x-forwarded-for", "6.6.6.6, 203.0.113.9")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    request.body(Body::empty()).expect("it is a request")
}

async fn call(router: &Router, request: Request<Body>) -> Response<Body> {
    let mut service = router.clone();
    std::future::poll_fn(|waker| Service::<Request<Body>>::poll_ready(&mut service, waker)).await.expect("it is ready");
    service.call(request).await.expect("a router always answers")
}

/// What was recorded, oldest first.
async fn recorded(book: &Deedbook) -> Vec<Entry> {
    let store = book.store().expect("it is open");
    book.shutdown().await.expect("it closes");
    let book = Deedbook::builder().on(store).expect("threads are started");
    book.query("").oldest_first().page().await.expect("it is read").entries
}

#[tokio::test]
async fn a_request_gives_its_events_their_context_and_is_recorded_itself() {
    let book = book(Capture::default());
    let layer = RequestLayer::new(&book).trusted_hops(1);
    let response = call(&router(&book, layer), request("POST", "/invoices/7/approve")).await;
    assert_eq!(response.headers()["x-request-id"], "req_7");
    let [approved, handled] = &recorded(&book).await[..] else { panic!("two events are expected") };
    assert_eq!(approved.event.action, "invoice.approved");
    let http = handled.event.context.http.as_ref().unwrap();
    assert_eq!(handled.event.action, "http.request_handled");
    assert_eq!((http.method.as_deref(), http.status), (Some("POST"), Some(201)));
    assert!(http.duration_ms.is_some_and(|milliseconds| milliseconds < 60_000));
    let description = "Ada requested POST /invoices/{id}/approve: 201";
    assert_eq!(handled.event.description.as_deref(), Some(description));
    for event in [&approved.event, &handled.event] {
        let context = &event.context;
        assert_eq!(context.http.as_ref().unwrap().route.as_deref(), Some("/invoices/{id}/approve"));
        assert_eq!(context.ip, Some("203.0.113.9".parse().unwrap()));
        assert_eq!(context.user_agent.as_deref(), Some("curl/8"));
        assert_eq!(context.request_id.as_deref(), Some("req_7"));
        assert_eq!(context.trace_id.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        assert_eq!(event.actor.id.as_deref(), Some("user_1"));
    }
}

#[tokio::test]
async fn how_a_request_ends_is_its_outcome() {
    let book = book(Capture::default());
    let router = router(&book, RequestLayer::new(&book));
    call(&router, request("POST", "/forbidden")).await;
    call(&router, request("POST", "/nowhere")).await;
    let panicking = tokio::spawn({
        let router = router.clone();
        async move { call(&router, request("POST", "/panic")).await }
    });
    assert!(panicking.await.unwrap_err().is_panic());
    let waiting = tokio::spawn({
        let router = router.clone();
        async move { call(&router, request("POST", "/wait")).await }
    });
    tokio::task::yield_now().await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    // What was abandoned left nothing behind on this thread.
    assert!(context::current().get_actor().is_none());
    let entries = recorded(&book).await;
    let ends: Vec<_> = entries.iter().map(|entry| (entry.event.outcome.unwrap(), status(entry))).collect();
    let expected = [
        (Outcome::Denied, Some(403)),
        (Outcome::Failure, Some(404)),
        (Outcome::Failure, None),
        (Outcome::Unknown, None),
    ];
    assert_eq!(ends, expected);
    assert!(entries.iter().all(|entry| entry.event.actor.kind == "anonymous"));
    assert!(entries[2].event.description.as_deref().unwrap().ends_with("/panic: panicked"));
    assert!(entries[3].event.description.as_deref().unwrap().ends_with("/wait: abandoned"));
}

fn status(entry: &Entry) -> Option<u16> {
    entry.event.context.http.as_ref()?.status
}

#[tokio::test]
async fn what_is_switched_off_leaves_no_event_but_keeps_its_context() {
    let book = book(Capture::nothing());
    let router = router(&book, RequestLayer::new(&book));
    call(&router, request("POST", "/forbidden")).await;
    call(&router, request("POST", "/sign-in")).await;
    let looked = call(&router, request("GET", "/look")).await;
    let body = axum::body::to_bytes(looked.into_body(), 100).await.unwrap();
    assert_eq!(&body[..], b"req_7");
    assert!(recorded(&book).await.is_empty());
}

#[tokio::test]
async fn routes_and_methods_are_chosen() {
    let capture = Capture {
        requests: Kind { exclude: Names::new(["/forb*"]), ..Kind::default() },
        sign_ins: Kind { switch: Switch::Off, ..Kind::default() },
        methods: Names::new(["*"]),
    };
    let book = book(capture);
    let router = router(&book, RequestLayer::new(&book));
    for (method, path) in [("POST", "/forbidden"), ("POST", "/sign-in"), ("GET", "/look")] {
        call(&router, request(method, path)).await;
    }
    let entries = recorded(&book).await;
    let routes: Vec<_> =
        entries.iter().map(|entry| entry.event.context.http.as_ref().unwrap().route.as_deref().unwrap()).collect();
    assert_eq!(routes, ["/sign-in", "/look"]);
}

#[tokio::test]
async fn signing_in_names_the_actor_of_the_request() {
    let book = book(Capture::default());
    call(&router(&book, RequestLayer::new(&book)), request("POST", "/sign-in")).await;
    let [signed_in, handled] = &recorded(&book).await[..] else { panic!("two events are expected") };
    assert_eq!(signed_in.event.action, "user.signed_in");
    assert_eq!(signed_in.event.context.auth.as_ref().unwrap().method.as_deref(), Some("password"));
    assert_eq!(signed_in.event.context.ip, Some("10.0.0.1".parse().unwrap()));
    assert_eq!(handled.event.actor.name.as_deref(), Some("Ada"));
}

#[tokio::test]
async fn signing_out_and_failing_to_sign_in_are_one_call() {
    let book = book(Capture::default());
    let request = deedbook::Context::new().actor(Actor::new("user", "user_1").named("Ada")).request_id("req_1");
    context::scope(request, async {
        auth::signed_out(&book).await.unwrap().unwrap();
        auth::sign_in_failed(&book, "bob@x.example", None, "unknown user").await.unwrap().unwrap();
        auth::sign_in_failed(&book, "ada", Some(&ADA), "wrong password").await.unwrap().unwrap();
    })
    .await;
    let entries = recorded(&book).await;
    assert_eq!(entries[0].event.description.as_deref(), Some("Ada signed out"));
    let unknown = &entries[1].event;
    assert_eq!((unknown.action.as_str(), unknown.actor.kind.as_str()), ("user.sign_in_failed", "anonymous"));
    assert_eq!(unknown.outcome, Some(Outcome::Failure));
    assert_eq!(unknown.metadata["attempted_name"], "bob@x.example");
    assert_eq!(unknown.personal, ["/metadata/attempted_name"]);
    assert_eq!(unknown.error.as_ref().unwrap().message.as_deref(), Some("unknown user"));
    assert!(unknown.targets.is_empty());
    assert_eq!(entries[2].event.targets[0].id, "user_1");
    assert_eq!(entries[2].event.context.request_id.as_deref(), Some("req_1"));
}

#[tokio::test]
async fn an_actor_comes_from_the_head_and_other_routers_tell_their_route() {
    let book = book(Capture::default());
    let layer = RequestLayer::new(&book)
        .actor(|head| Some(Actor::new("user", head.headers.get("x-user")?.to_str().ok()?)))
        .route(|head| Some(format!("{}*", &head.uri.path()[..2])))
        .peer(|_| "192.0.2.1".parse().ok())
        .trusted_networks(["192.0.2.0/24", "203.0.113.0/24"])
        .unwrap();
    let mut service = layer.layer(Ping);
    let mut request = request("POST", "/abc");
    request.headers_mut().insert("x-user", "user_9".parse().unwrap());
    service.call(request).await.unwrap();
    let entry = recorded(&book).await.remove(0);
    assert_eq!(entry.event.actor.id.as_deref(), Some("user_9"));
    assert_eq!(entry.event.context.ip, Some("6.6.6.6".parse().unwrap()));
    assert_eq!(entry.event.context.http.unwrap().route.as_deref(), Some("/a*"));
}

/// A service of no framework.
struct Ping;

impl Service<Request<Body>> for Ping {
    type Response = Response<Arc<str>>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        std::future::ready(Ok(Response::new(Arc::from("pong"))))
    }
}
