//! Who acts: nested scopes, threads, tasks, late names; and that nothing of it leaks.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as Waker, Poll, Wake};

use deedbook::{Actor, Context, Deedbook, ErrorKind, context};
use proptest::prelude::*;

fn acting(id: &str) -> Context {
    Context::new().actor(Actor::new("user", id))
}

fn who() -> Option<String> {
    context::current().get_actor().and_then(|actor| actor.id.clone())
}

#[derive(deedbook::Event)]
#[event(action = "thing.done", describe = "{actor} did it")]
struct Done;

/// Question 12.
#[tokio::test]
async fn the_actor_is_recorded() {
    let book = Deedbook::open("memory:").unwrap();
    context::scope(acting("ada"), async { book.record(Done).await.unwrap() }).await;
    let entry = book.query("actor:ada").page().await.unwrap().entries.remove(0);
    assert_eq!(entry.event.description.as_deref(), Some("user ada did it"));
    let nobody = book.record(Done).await.unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::Invalid);
}

/// Question 13.
#[tokio::test]
async fn a_nested_actor_ends_with_its_block() {
    context::scope(acting("ada").request_id("req_1"), async {
        context::scope(acting("grace"), async {
            tokio::task::yield_now().await;
            assert_eq!(who().as_deref(), Some("grace"));
            assert_eq!(context::current().get_request_id(), Some("req_1"));
        })
        .await;
        assert_eq!(who().as_deref(), Some("ada"));
        context::scope_sync(acting("lin").tenant("acme"), || {
            assert_eq!(who().as_deref(), Some("lin"));
            assert_eq!(context::current().get_tenant(), Some("acme"));
        });
        assert_eq!((who().as_deref(), context::current().get_tenant()), (Some("ada"), None));
        let panicked = std::panic::catch_unwind(|| context::scope_sync(acting("lin"), || panic!("on purpose")));
        assert!(panicked.is_err());
        assert_eq!(who().as_deref(), Some("ada"));
    })
    .await;
    assert_eq!(who(), None);
}

/// Question 14.
#[tokio::test]
async fn threads_and_tasks_that_are_started_keep_the_actor() {
    context::scope(acting("ada"), async {
        assert_eq!(context::spawn_thread(who).join().unwrap().as_deref(), Some("ada"));
        assert_eq!(std::thread::spawn(context::carry_fn(who)).join().unwrap().as_deref(), Some("ada"));
        assert_eq!(tokio::spawn(context::carry(async { who() })).await.unwrap().as_deref(), Some("ada"));
        let scoped = std::thread::scope(|threads| threads.spawn(context::carry_fn(who)).join().unwrap());
        assert_eq!(scoped.as_deref(), Some("ada"));
        // The control: what is started without help knows nothing.
        assert_eq!(std::thread::spawn(who).join().unwrap(), None);
        assert_eq!(tokio::spawn(async { who() }).await.unwrap(), None);
        // A scope that is made here and polled elsewhere inherits from here.
        let inner = context::scope(Context::new().tenant("acme"), async { who() });
        assert_eq!(tokio::spawn(inner).await.unwrap().as_deref(), Some("ada"));
    })
    .await;
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn tokio_is_spawned_with_the_context() {
    context::scope(acting("ada"), async {
        assert_eq!(context::spawn(async { who() }).await.unwrap().as_deref(), Some("ada"));
        assert_eq!(context::spawn_blocking(who).await.unwrap().as_deref(), Some("ada"));
    })
    .await;
}

/// Question 15.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_tasks_keep_their_own_actors() {
    let tasks: Vec<_> = (0..32)
        .map(|number| {
            let id = format!("user_{number}");
            tokio::spawn(context::scope(acting(&id), async move {
                for _ in 0..50 {
                    assert_eq!(who().as_deref(), Some(id.as_str()));
                    tokio::task::yield_now().await;
                }
            }))
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn an_actor_that_is_named_late_is_seen_by_all_of_the_request_and_by_nobody_else() {
    context::scope(Context::new().request_id("req_1"), async {
        assert_eq!(who(), None);
        let sibling = context::carry(async { who() });
        context::scope(Context::new().tenant("acme"), async {
            context::set_actor(Actor::new("user", "ada")).unwrap();
        })
        .await;
        assert_eq!(who().as_deref(), Some("ada"));
        assert_eq!(tokio::spawn(sibling).await.unwrap().as_deref(), Some("ada"));
        // A scope with an actor of its own has a cell of its own.
        context::scope(acting("job"), async {
            context::set_actor(Actor::new("user", "grace")).unwrap();
            assert_eq!(who().as_deref(), Some("grace"));
        })
        .await;
        assert_eq!(who().as_deref(), Some("ada"));
        // So has the present context, when it begins a scope again.
        context::scope(context::current(), async { context::set_actor(Actor::new("user", "lin")).unwrap() }).await;
        assert_eq!(who().as_deref(), Some("ada"));
    })
    .await;
    assert_eq!(context::set_actor(Actor::new("user", "ada")).unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn best_effort_takes_the_actor_of_its_moment() {
    let book = Deedbook::open("memory:").unwrap();
    context::scope(acting("ada"), async {
        book.best_effort(Done);
        context::set_actor(Actor::new("user", "grace")).unwrap();
        book.best_effort(Done);
    })
    .await;
    let store = book.store().unwrap();
    book.shutdown().await.unwrap();
    let page = store.page(&Default::default(), &deedbook::Scope::all_tenants(), &oldest()).unwrap();
    let actors: Vec<_> = page.entries.iter().map(|entry| entry.event.actor.id.as_deref()).collect();
    assert_eq!(actors, [Some("ada"), Some("grace")]);
}

fn oldest() -> deedbook::store::PageRequest {
    deedbook::store::PageRequest::oldest(10)
}

#[tokio::test]
async fn what_a_future_drops_is_dropped_in_its_context() {
    struct Witness(Arc<Mutex<Option<String>>>);
    impl Drop for Witness {
        fn drop(&mut self) {
            *self.0.lock().expect("nobody panics with it") = who();
        }
    }
    let seen = Arc::new(Mutex::new(None));
    let witness = Witness(seen.clone());
    let future = context::scope(acting("ada"), async move {
        let _witness = witness;
        std::future::pending::<()>().await;
    });
    drop(future);
    assert_eq!(seen.lock().unwrap().as_deref(), Some("ada"));
    assert_eq!(who(), None);
}

/// What one task does at each of its steps.
#[derive(Clone, Debug)]
enum Step {
    /// Lets others run.
    Yield,
    /// Names the actor of its innermost scope.
    Name(u8),
    /// Goes through these steps in a scope of its own, with or without an actor.
    Scope(Option<u8>, Vec<Step>),
    /// The same without waiting.
    Sync(u8),
    /// Lets go of a future that has begun.
    Abandon(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![
        3 => Just(Step::Yield),
        1 => any::<u8>().prop_map(Step::Name),
        1 => any::<u8>().prop_map(Step::Sync),
        1 => any::<u8>().prop_map(Step::Abandon),
    ];
    let step = leaf.prop_recursive(3, 24, 5, |inner| {
        let scope = (any::<Option<u8>>(), prop::collection::vec(inner, 0..5));
        scope.prop_map(|(actor, steps)| Step::Scope(actor, steps))
    });
    prop::collection::vec(step, 1..8)
}

/// Goes through `steps` and checks after each that the actor is the one that the rules give; tells the last one, for
/// what was named within a scope without an actor of its own is named outside of it too.
fn walk(task: usize, steps: Vec<Step>, mut actor: String) -> Pin<Box<dyn Future<Output = String> + Send>> {
    let id = move |number: u8| format!("task_{task}_{number}");
    Box::pin(async move {
        for step in steps {
            assert_eq!(who().as_deref(), Some(actor.as_str()));
            match step {
                Step::Yield => YieldNow(false).await,
                Step::Name(number) => {
                    actor = id(number);
                    context::set_actor(Actor::new("user", &*actor)).expect("a task has a scope");
                }
                Step::Scope(Some(number), steps) => {
                    context::scope(acting(&id(number)), walk(task, steps, id(number))).await;
                }
                Step::Scope(None, steps) => {
                    actor = context::scope(Context::new(), walk(task, steps, actor)).await;
                }
                Step::Sync(number) => context::scope_sync(acting(&id(number)), || assert_eq!(who(), Some(id(number)))),
                Step::Abandon(number) => {
                    let mut abandoned = Box::pin(context::scope(acting(&id(number)), std::future::pending::<()>()));
                    std::future::poll_fn(|waker| {
                        assert!(abandoned.as_mut().poll(waker).is_pending());
                        Poll::Ready(())
                    })
                    .await;
                }
            }
            assert_eq!(who().as_deref(), Some(actor.as_str()));
        }
        actor
    })
}

struct YieldNow(bool);

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Waker<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

proptest! {
    /// Tasks are polled on one thread in any order, so each resumes where another one was before.
    #[test]
    fn interleaved_tasks_never_see_each_other(
        tasks in prop::collection::vec(steps(), 1..5),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
    ) {
        let begin = |(task, steps): (usize, Vec<Step>)| {
            let first = format!("task_{task}");
            Some(Box::pin(context::scope(acting(&first), walk(task, steps, first.clone()))))
        };
        let mut running: Vec<_> = tasks.into_iter().enumerate().map(begin).collect();
        let waker = std::task::Waker::from(Arc::new(Nobody));
        let mut waker = Waker::from_waker(&waker);
        for index in order {
            let at = index.index(running.len());
            if let Some(task) = &mut running[at]
                && task.as_mut().poll(&mut waker).is_ready()
            {
                running[at] = None;
            }
            // Some are let go of half way, when the order ends.
            prop_assert_eq!(who(), None);
        }
        drop(running);
        prop_assert_eq!(who(), None);
    }
}
