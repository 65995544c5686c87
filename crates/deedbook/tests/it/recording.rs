//! Record, read back, search; what is refused and what is dropped.

use deedbook::event::Source;
use deedbook::{Actor, Context, Deedbook, ErrorKind, Event, Target, context};

fn shared(document: &str) -> Event {
    let mut event = Event::new("document.shared", Actor::new("user", "user_1").named("Ada"));
    event.targets.push(Target::new("document", document).named("Q3 plan"));
    event
}

#[tokio::test]
async fn what_was_recorded_is_read_back_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("file:{}", directory.path().join("book").display());
    let book = Deedbook::open(&url).unwrap();
    let receipt = book.record(shared("doc_1")).await.unwrap();
    assert_eq!((receipt.seq, receipt.tenant.as_str()), (0, "default"));
    book.shutdown().await.unwrap();
    assert_eq!(book.record(shared("doc_2")).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(book.get(&receipt.id).await.unwrap_err().kind(), ErrorKind::NotFound);

    let book = Deedbook::open(&url).unwrap();
    let entry = book.get(&receipt.id).await.unwrap().unwrap();
    assert_eq!(entry.seq, Some(0));
    assert_eq!(entry.event.targets[0].id, "doc_1");
    assert!(book.get("evt_other").await.unwrap().is_none());
}

#[tokio::test]
async fn an_equal_event_with_the_same_id_is_recorded_once() {
    let book = Deedbook::open("memory:").unwrap();
    let first = book.record(shared("doc_1")).id("evt_a").await.unwrap();
    let again = book.record(shared("doc_1")).id("evt_a").await.unwrap();
    assert_eq!(first, again);
    let other = book.record(shared("doc_2")).id("evt_a").await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn pages_cursors_streams_and_counts_agree() {
    let book = Deedbook::open("memory:").unwrap();
    for number in 0..7 {
        book.record(shared(&format!("doc_{number}"))).await.unwrap();
    }
    let ask = || book.query("action:document.* occurred:>=-7d").limit(3);
    let first = ask().page().await.unwrap();
    let targets = |page: &deedbook::search::Page| -> Vec<String> {
        page.entries.iter().map(|entry| entry.event.targets[0].id.clone()).collect()
    };
    assert_eq!(targets(&first), ["doc_6", "doc_5", "doc_4"]);
    let cursor = first.next.unwrap().to_string();
    let second = ask().after(cursor.parse().unwrap()).page().await.unwrap();
    assert_eq!(targets(&second), ["doc_3", "doc_2", "doc_1"]);
    let foreign = book.query("").after(cursor.parse().unwrap()).page().await.unwrap_err();
    assert!(foreign.to_string().contains("belongs to another query"), "{foreign}");

    let mut all = book.query("").oldest_first().all();
    let mut seen = Vec::new();
    while let Some(entry) = all.next().await {
        seen.push(entry.unwrap().event.targets[0].id.clone());
    }
    assert_eq!(seen, (0..7).map(|number| format!("doc_{number}")).collect::<Vec<_>>());
    assert_eq!(book.query("doc").count().await.unwrap(), 0);
    assert_eq!(book.query("target:doc_3").count().await.unwrap(), 1);
    let broken = book.query("action:").page().await.unwrap_err();
    assert!(broken.to_string().contains("at 8"), "{broken}");
}

#[tokio::test]
async fn what_the_event_does_not_say_comes_from_the_context_and_then_from_the_book() {
    let source = Source { service: Some("docs".into()), ..Source::default() };
    let book = Deedbook::builder().tenant("house").source(source.clone()).open("memory:").unwrap();
    let request = Context::new().tenant("acme").request_id("req_1");
    let inside = context::scope(request, async { book.record(shared("doc_1")).await.unwrap() }).await;
    let outside = book.record(shared("doc_2")).await.unwrap();
    assert_eq!((inside.tenant.as_str(), outside.tenant.as_str()), ("acme", "house"));
    let entry = book.query("request_id:req_1").tenant("acme").page().await.unwrap().entries.remove(0);
    assert_eq!(entry.event.source, Some(source));
    assert_eq!(book.query("").page().await.unwrap().entries.len(), 1);
    assert_eq!(book.query("").all_tenants().page().await.unwrap().entries.len(), 2);
}

#[tokio::test]
async fn best_effort_is_recorded_by_shutdown_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("file:{}", directory.path().display());
    let book = Deedbook::builder().best_effort_events_max(1_000).open(&url).unwrap();
    for number in 0..600 {
        book.best_effort(shared(&format!("doc_{number}")));
    }
    let mut broken = shared("doc_x");
    broken.action = "Not An Action".to_owned();
    book.best_effort(broken);
    book.shutdown().await.unwrap();
    book.best_effort(shared("doc_late"));
    let counts = book.best_effort_counts();
    assert_eq!((counts.recorded, counts.refused, counts.dropped, counts.late), (600, 1, 1, 0));
    drop(book);
    assert_eq!(Deedbook::open(&url).unwrap().query("").count().await.unwrap(), 600);
}

#[test]
fn a_thread_without_an_executor_records_too() {
    let book = Deedbook::open("memory:").unwrap();
    assert_eq!(book.record(shared("doc_1")).wait().unwrap().seq, 0);
}

#[tokio::test]
async fn a_batch_gives_each_event_its_own_fate() {
    let book = Deedbook::open("memory:").unwrap();
    let mut broken = shared("doc_2");
    broken.action = "Not An Action".to_owned();
    let given = |id: &str, document: &str| Event { id: Some(id.to_owned()), ..shared(document) };
    let batch = book.batch().add(given("evt_1", "doc_1")).add(broken).add(given("evt_1", "doc_3")).add(shared("doc_4"));
    let fates = batch.await.unwrap();
    let ends: Vec<_> =
        fates.iter().map(|fate| fate.as_ref().map(|receipt| receipt.seq).map_err(|e| e.kind())).collect();
    assert_eq!(ends, [Ok(0), Err(ErrorKind::Invalid), Err(ErrorKind::Conflict), Ok(1)]);
    assert!(book.batch().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_batch_is_all_or_nothing_where_it_says_so() {
    let book = Deedbook::open("memory:").unwrap();
    let mut broken = shared("doc_2");
    broken.action = "Not An Action".to_owned();
    let error = book.batch().add(shared("doc_1")).add(broken).all_or_nothing().await.unwrap_err();
    assert_eq!((error.kind(), error.problems()[0].pointer.as_str()), (ErrorKind::Invalid, "/1/action"));
    let given = |document: &str| Event { id: Some("evt_1".to_owned()), ..shared(document) };
    let error = book.batch().add(given("doc_1")).add(given("doc_2")).all_or_nothing().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(book.query("").count().await.unwrap(), 0);
    let fates = book.batch().add(shared("doc_1")).add(shared("doc_2")).all_or_nothing().await.unwrap();
    assert_eq!(fates.len(), 2);
}
