//! How a task carries its context: a slot of the thread that is filled while the task is polled and restored after.
//!
//! One mechanism serves futures on any executor and plain functions. A future keeps its context with itself; threads and
//! tasks that are started get it by [`carry`] and [`carry_fn`].

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};
use std::thread::{self, JoinHandle};

use pin_project_lite::pin_project;

use super::Context;
use crate::{Actor, Error, ErrorKind, Result};

thread_local! {
    static CURRENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// The context of the running task or function; one that sets nothing outside of every scope.
pub fn current() -> Context {
    CURRENT.try_with(|slot| slot.borrow().clone()).ok().flatten().unwrap_or_default()
}

/// Runs `future` in `context`, which takes what it does not set from the context in which this is called. When the
/// future is polled, what was before is put aside, and put back after, whether it returns, waits, panics or is dropped.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use deedbook::{Actor, Context, context};
///
/// let request = Context::new().actor(Actor::new("user", "user_1")).request_id("req_7");
/// context::scope(request, async {
///     let support = Context::new().actor(Actor::new("user", "user_2"));
///     context::scope(support, async {
///         assert_eq!(context::current().get_request_id(), Some("req_7"));
///     })
///     .await;
///     assert_eq!(context::current().get_actor().expect("it is set").id.as_deref(), Some("user_1"));
/// })
/// .await;
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn scope<F: Future>(context: Context, future: F) -> Scoped<F> {
    Scoped::new(inner(context), future)
}

/// Runs `call` in `context`, which takes what it does not set from the present one; then puts that back.
pub fn scope_sync<T>(context: Context, call: impl FnOnce() -> T) -> T {
    let mut slot = Some(inner(context));
    let _entered = Entered::new(&mut slot);
    call()
}

/// Names who acts from now on in the innermost scope that has an actor of its own, or in the outermost one: for
/// authentication that happens inside of a handler. All tasks of a request see it, its request event too.
///
/// # Errors
/// [`ErrorKind::Invalid`] outside of every scope, where nobody would see it.
pub fn set_actor(actor: Actor) -> Result<()> {
    let bound = CURRENT.try_with(|slot| slot.borrow().as_ref()?.bind(actor)).ok().flatten();
    bound.ok_or_else(|| {
        let message = "an actor can be named only within `context::scope` or a request; there is none around this call";
        Error::new(ErrorKind::Invalid, message)
    })
}

/// Gives `future` the present context wherever it is polled: `tokio::spawn(context::carry(future))`.
pub fn carry<F: Future>(future: F) -> Scoped<F> {
    Scoped::new(present(), future)
}

/// Gives `call` the present context wherever it is called: `std::thread::scope`, a thread pool, `spawn_blocking`.
pub fn carry_fn<T>(call: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let mut slot = present();
    move || {
        let _entered = Entered::new(&mut slot);
        call()
    }
}

/// Begins a scope by `call`, which makes a future, and goes on with it in that future; gives the context too.
#[cfg(feature = "tower")]
pub(crate) fn enclosed<F>(context: Context, call: impl FnOnce() -> F) -> (Context, Scoped<F>) {
    let context = inner(context);
    let mut slot = Some(context.clone());
    let future = {
        let _entered = Entered::new(&mut slot);
        call()
    };
    (context, Scoped { context: slot, future: Some(future) })
}

/// As [`std::thread::spawn`], with the present context.
///
/// # Panics
/// As [`std::thread::spawn`], where the operating system gives no thread.
pub fn spawn_thread<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn(carry_fn(call))
}

/// As [`tokio::spawn`], with the present context.
///
/// # Panics
/// As [`tokio::spawn`], outside of a runtime.
#[cfg(feature = "tokio")]
pub fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    tokio::spawn(carry(future))
}

/// As [`tokio::task::spawn_blocking`], with the present context.
///
/// # Panics
/// As [`tokio::task::spawn_blocking`], outside of a runtime.
#[cfg(feature = "tokio")]
pub fn spawn_blocking<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::task::spawn_blocking(carry_fn(call))
}

fn present() -> Option<Context> {
    CURRENT.try_with(|slot| slot.borrow().clone()).ok().flatten()
}

/// `context` as a scope within the present one.
fn inner(context: Context) -> Context {
    // An actor that is set begins a cell of its own, so that naming one later ends with this scope.
    let context = match context.actor {
        super::Who::Unset => context,
        _ => context.frozen().bindable(),
    };
    match present() {
        Some(outer) => context.within(&outer),
        None => context,
    }
    .bindable()
}

/// Keeps `slot` exchanged with the slot of the thread while it lives.
struct Entered<'s> {
    slot: &'s mut Option<Context>,
}

impl<'s> Entered<'s> {
    fn new(slot: &'s mut Option<Context>) -> Self {
        exchange(slot);
        Self { slot }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        exchange(self.slot);
    }
}

fn exchange(slot: &mut Option<Context>) {
    // A thread that is ending has no slot any more, and nothing is recorded from there.
    let _ = CURRENT.try_with(|current| std::mem::swap(&mut *current.borrow_mut(), slot));
}

pin_project! {
    /// A future with the context in which it runs; made by [`scope`] and [`carry`].
    #[must_use = "a future does nothing unless it is polled"]
    pub struct Scoped<F> {
        context: Option<Context>,
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Scoped<F> {
        // What the future drops may record too, so it is dropped in its context.
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = Entered::new(this.context);
            this.future.set(None);
        }
    }
}

impl<F> Scoped<F> {
    fn new(context: impl Into<Option<Context>>, future: F) -> Self {
        Self { context: context.into(), future: Some(future) }
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, waker: &mut task::Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _entered = Entered::new(this.context);
        let future = this.future.as_mut().as_pin_mut().expect("the future is there until it is dropped");
        let ready = task::ready!(future.poll(waker));
        // Dropped here rather than with its owner, who may keep it long after it ended.
        this.future.set(None);
        Poll::Ready(ready)
    }
}
