//! The service that the layer puts around another.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Instant;

use http::{HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::handled::{End, Pending};
use super::{REQUEST_ID, Shared, request_id};
use crate::context::{Scoped, enclosed};

/// A service whose requests have a context; made by [`super::RequestLayer`].
#[derive(Clone)]
pub struct Requests<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Requests<S> {
    pub(super) fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }
}

impl<S, B, R> Service<Request<B>> for Requests<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Handling<S::Future>;

    fn poll_ready(&mut self, waker: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(waker)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let begun = Instant::now();
        let (head, body) = request.into_parts();
        let (id, route) = (request_id(&head.headers), (self.shared.route)(&head));
        let capture = &self.shared.book.settings().capture;
        let is_wanted = capture.wants_request(head.method.as_str(), route.as_deref().unwrap_or_default());
        let named = is_wanted.then(|| (Arc::from(head.method.as_str()), route.as_deref().map(Arc::from)));
        let context = self.shared.context(&head, &id, route);
        let request = Request::from_parts(head, body);
        let (context, future) = enclosed(context, || self.inner.call(request));
        let pending = named.map(|(method, route)| {
            let book = self.shared.book.clone();
            Pending { book, context, method, route, begun }
        });
        Handling { future, id, pending }
    }
}

pin_project! {
    /// A request on its way. Dropped before it has its answer, it is recorded as abandoned, or as panicked.
    #[must_use = "a future does nothing unless it is polled"]
    pub struct Handling<F> {
        #[pin]
        future: Scoped<F>,
        id: Arc<str>,
        pending: Option<Pending>,
    }

    impl<F> PinnedDrop for Handling<F> {
        fn drop(this: Pin<&mut Self>) {
            let end = if std::thread::panicking() { End::Panicked } else { End::Abandoned };
            if let Some(pending) = this.project().pending.take() {
                pending.end(end);
            }
        }
    }
}

impl<F, R, E> Future for Handling<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, waker: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut answer = task::ready!(this.future.poll(waker));
        if let Ok(response) = &mut answer {
            // The id has only letters that headers may have.
            if let Ok(id) = HeaderValue::from_str(this.id) {
                response.headers_mut().entry(REQUEST_ID).or_insert(id);
            }
        }
        if let Some(pending) = this.pending.take() {
            pending.end(answer.as_ref().map_or(End::Failed, |response| End::Answered(response.status().as_u16())));
        }
        Poll::Ready(answer)
    }
}
