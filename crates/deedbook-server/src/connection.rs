//! Connections: accepted up to a limit, each with bounds on slowness, drained at the end.

mod stall;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

use crate::access::Peer;
use crate::app::{App, Phase};
use crate::problem::Problem;
use crate::watched::request_id;
use stall::Stalling;

/// How long accepting rests after the operating system refused, as when there are no more descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Refused connections that are told so at one time; further ones are closed without a word.
const REFUSALS_MAX: usize = 64;

/// How long a refused client is given to take its refusal.
const REFUSAL_TIME_MAX: Duration = Duration::from_millis(500);

/// Serves `router` on `listener` until `shutdown` is ready or the log is poisoned, then drains.
pub(crate) async fn serve(app: &Arc<App>, router: Router, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let door = Door {
        app: app.clone(),
        router,
        room: Arc::new(Semaphore::new(app.limits.connections_max)),
        refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
    };
    let mut phase = app.phase.subscribe();
    tokio::select! {
        () = door.accept(&listener, &graceful) => {}
        () = shutdown => {}
        _ = phase.wait_for(|phase| *phase != Phase::Serving) => {}
    }
    drop(listener);
    // Tails end when they see this; what is poisoned stays so.
    app.phase.send_if_modified(|phase| {
        let serving = *phase == Phase::Serving;
        if serving {
            *phase = Phase::Ending;
        }
        serving
    });
    if tokio::time::timeout(app.limits.shutdown_time_max, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not end in time and are cut");
    }
}

struct Door {
    app: Arc<App>,
    router: Router,
    room: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
}

impl Door {
    async fn accept(&self, listener: &TcpListener, graceful: &GracefulShutdown) {
        loop {
            let (stream, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_REST).await;
                    continue;
                }
            };
            match self.room.clone().try_acquire_owned() {
                Ok(room) => self.open(stream, Peer(address.ip()), graceful, room),
                Err(_) => self.refuse(stream),
            }
        }
    }

    fn open(&self, stream: TcpStream, peer: Peer, graceful: &GracefulShutdown, room: OwnedSemaphorePermit) {
        // Answers are small and written whole: waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        let router = self.router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            router.clone().oneshot(request)
        });
        let limits = &self.app.limits;
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time_max)
            .max_buf_size(limits.head_bytes_max.max(HYPER_BUFFER_MIN))
            .serve_connection(TokioIo::new(Stalling::new(stream, limits.write_stall_max)), service);
        let connection = graceful.watch(connection);
        let app = self.app.clone();
        tokio::spawn(async move {
            app.figures.connections.increment(1.0);
            // Whoever breaks off, or is too slow, has been told what can be told.
            let _ = connection.await;
            app.figures.connections.decrement(1.0);
            drop(room);
        });
    }

    fn refuse(&self, stream: TcpStream) {
        self.app.figures.connections_refused.increment(1);
        let Ok(turn) = self.refusals.clone().try_acquire_owned() else { return };
        tokio::spawn(async move {
            let _ = tokio::time::timeout(REFUSAL_TIME_MAX, tell_refusal(stream)).await;
            drop(turn);
        });
    }
}

/// hyper refuses to work with smaller buffers.
const HYPER_BUFFER_MIN: usize = 8192;

/// Writes the refusal, and takes what the client sends until it closes: closing before would reset the connection, and
/// the client might not see the refusal.
async fn tell_refusal(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(refusal().as_bytes()).await?;
    stream.shutdown().await?;
    let mut sink = [0; 4096];
    while stream.read(&mut sink).await? > 0 {}
    Ok(())
}

/// What a connection beyond the limit is told, before anything of it is read.
fn refusal() -> String {
    let problem = Problem::overloaded("there are more connections than the server takes; try again later");
    let body = problem.to_json(Some(&request_id())).to_string();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
