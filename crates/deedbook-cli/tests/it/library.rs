//! The library behind a server, which is the binary itself, and then on the directory of that server: equal answers.

use std::sync::Arc;
use std::time::Duration;

use deedbook::history::{Effect, Existence, Moment};
use deedbook::spool::SpoolOptions;
use deedbook::{Actor, Changes, Deedbook, Entity, ErrorKind, Event, Kept, Timestamp, changes};
use deedbook_store::{FileStore, Options};

use crate::remote::{ADMIN, Served};
use crate::support::Room;

#[derive(Entity, Clone)]
struct Ticket {
    #[entity(id)]
    id: u32,
    #[entity(name)]
    title: String,
    state: &'static str,
}

#[derive(Event)]
#[event(action = "ticket.created")]
struct TicketCreated<'a> {
    #[event(target)]
    ticket: &'a Ticket,
    #[event(changes)]
    changes: Changes,
    #[event(occurred_at)]
    at: Timestamp,
}

#[derive(Event)]
#[event(action = "ticket.changed")]
struct TicketChanged<'a> {
    #[event(target)]
    ticket: &'a Ticket,
    #[event(changes)]
    changes: Changes,
    #[event(occurred_at)]
    at: Timestamp,
}

#[derive(Event)]
#[event(action = "ticket.viewed")]
struct TicketViewed {
    #[event(target)]
    ticket: Ticket,
}

fn second(number: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + number).unwrap()
}

fn ticket(state: &'static str) -> Ticket {
    Ticket { id: 7, title: "A leak in the roof".to_owned(), state }
}

/// Records a ticket and seven changes of it; gives the ids, oldest first.
async fn life(book: &Deedbook) -> Vec<String> {
    let states = ["open", "taken", "waiting", "taken", "solved", "open", "taken", "closed"].map(ticket);
    let created = TicketCreated { ticket: &states[0], changes: Changes::creation(&states[0]).unwrap(), at: second(0) };
    let mut ids = vec![book.record(created).await.unwrap().id];
    let mut batch = book.batch();
    for (number, pair) in (1..).zip(states.windows(2)) {
        let changes = changes(&pair[0], &pair[1]).unwrap();
        batch = batch.add(TicketChanged { ticket: &pair[1], changes, at: second(60 * number) });
    }
    ids.extend(batch.await.unwrap().into_iter().map(|fate| fate.unwrap().id));
    ids
}

/// Everything that the library tells of the ticket, as text.
async fn told(book: &Deedbook, ids: &[String]) -> Vec<String> {
    let history = || book.history(&ticket("closed"));
    let mut versions = Vec::new();
    let mut page = history().limit(3).versions().await.unwrap();
    loop {
        versions.extend(page.versions);
        let Some(next) = page.next else { break };
        page = history().limit(3).after(next).versions().await.unwrap();
    }
    assert_eq!((versions.len(), versions[8].effect), (9, Effect::Created));
    let matching = history().matching("action:ticket.viewed").versions().await.unwrap().versions;
    assert_eq!(matching.len(), 1);
    let before = history().as_of(second(90)).await.unwrap();
    assert_eq!(before.field("/state").unwrap().value.known().unwrap(), "taken");
    assert_eq!(before.field("/state").unwrap().set_by.as_ref().unwrap().id, ids[1]);
    let never = history().as_of(second(-1)).await.unwrap();
    assert_eq!(never.existence, Existence::NotCreated);
    let blame = history().blame().await.unwrap();
    assert_eq!(blame.field("/title").unwrap().set_by.as_ref().unwrap().id, ids[0]);
    assert_eq!(blame.field("/state").unwrap().set_by.as_ref().unwrap().id, ids[7]);
    let at = history().at(Moment::Event(ids[2].clone())).await.unwrap();
    assert!(at.is_some() && history().at(Moment::Event("evt_other".into())).await.unwrap().is_none());
    let diff = history().diff(Moment::Event(ids[0].clone()), Moment::Time(second(90))).await.unwrap().unwrap();
    assert_eq!(diff.differences.len(), 1);
    let patch = history().restore(Moment::Event(ids[4].clone())).await.unwrap().unwrap();
    assert_eq!(patch.patch.len(), 1);
    let around = history().around(&ids[3]).await.unwrap().unwrap();
    assert_eq!(around.previous.as_ref().unwrap().entry.id(), ids[2]);
    let entry = book.get(&ids[5]).await.unwrap().unwrap();
    let nothing = book.history(&Ticket { id: 8, ..ticket("open") });
    assert!(nothing.clone().versions().await.unwrap().versions.is_empty());
    // Whether such a thing would be seen is what a server does not tell.
    let nothing = nothing.blame().await.unwrap();
    assert_eq!((nothing.existence, nothing.fields.len()), (Existence::Unknown, 0));
    vec![
        format!("{versions:#?} {matching:#?} {before:#?} {never:#?} {blame:#?} {at:#?}"),
        format!("{diff:#?} {patch:#?} {around:#?} {entry:#?}"),
        book.query("action:ticket.changed occurred:<2100").count().await.unwrap().to_string(),
    ]
}

#[tokio::test]
async fn a_book_behind_a_server_answers_as_one_on_its_directory() {
    let room = Room::new();
    let served = Served::on(&room, "127.0.0.1:0");
    let open = || Deedbook::builder().actor(Actor::new("user", "ada").named("Ada")).deadline(Duration::from_secs(30));
    let book = open().connect(&served.url, ADMIN).unwrap();
    let ids = life(&book).await;
    book.best_effort(TicketViewed { ticket: ticket("closed") });
    book.shutdown().await.unwrap();
    assert_eq!(book.best_effort_counts().recorded, 1, "{:?}", book.best_effort_counts());
    let book = open().connect(&served.url, ADMIN).unwrap();
    let behind_a_server = told(&book, &ids).await;
    let narrowed = book.history(&ticket("closed")).visible_to(vec!["owners".to_owned()], None);
    assert_eq!(narrowed.versions().await.unwrap_err().kind(), ErrorKind::Invalid);
    drop(served);
    let store = FileStore::open(room.path().join("book"), Options::default()).unwrap();
    let book = open().on(Arc::new(store)).unwrap();
    for (here, there) in told(&book, &ids).await.iter().zip(&behind_a_server) {
        // Line by line, or what differs could not be found in so long a text.
        for (here, there) in here.lines().zip(there.lines()) {
            assert_eq!(here, there);
        }
        assert_eq!(here, there);
    }
}

#[tokio::test]
async fn a_spool_bridges_the_time_without_a_server() {
    let room = Room::new();
    let served = Served::on(&room, "127.0.0.1:0");
    let (url, listen) = (served.url.clone(), served.url.strip_prefix("http://").unwrap().to_owned());
    let open = |token: &str| {
        let mut options = SpoolOptions::in_directory(room.path().join("spool"));
        options.pause_max = Duration::from_millis(100);
        let book = Deedbook::builder().actor(Actor::new("user", "ada")).deadline(Duration::from_millis(300));
        book.spool(options).connect(&url, token).unwrap()
    };
    let book = open(ADMIN);
    let viewed = || TicketViewed { ticket: ticket("open") };
    assert!(matches!(book.spool(viewed()).id("e0").deadline(Duration::from_secs(30)).await, Ok(Kept::Recorded(_))));
    drop(served);
    for id in ["e1", "e2", "e3"] {
        assert_eq!(book.spool(viewed()).id(id).await.unwrap(), Kept::Spooled { id: id.to_owned() });
    }
    book.shutdown().await.unwrap();
    assert_eq!(book.spool_status().unwrap().waiting, 3);
    // The application starts again, and then the server comes back.
    let book = open(ADMIN);
    let served = Served::on(&room, &listen);
    while book.spool_status().unwrap().delivered < 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let stored = served.admin(&room, &["log", "--limit", "0", "--format", "ndjson"]).exits(0).ndjson();
    let ids: Vec<_> = stored.iter().rev().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["e0", "e1", "e2", "e3"]);
}
