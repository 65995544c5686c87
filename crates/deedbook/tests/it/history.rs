//! The history of a thing, as an application asks for it.

use deedbook::history::{Effect, Existence, Moment};
use deedbook::{Actor, Changes, Deedbook, Entity, Event, Timestamp, changes};

#[derive(Entity, Clone)]
struct Ticket {
    #[entity(id)]
    id: u32,
    #[entity(name)]
    title: &'static str,
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

fn second(number: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + number).expect("it is in range")
}

#[tokio::test]
async fn versions_states_blame_differences_and_the_way_back() {
    let book = Deedbook::builder().actor(Actor::new("user", "ada")).open("memory:").unwrap();
    let first = Ticket { id: 7, title: "Leak", state: "open" };
    let then = Ticket { state: "closed", ..first.clone() };
    let created = TicketCreated { ticket: &first, changes: Changes::creation(&first).unwrap(), at: second(0) };
    let created = book.record(created).await.unwrap();
    let changed = TicketChanged { ticket: &then, changes: changes(&first, &then).unwrap(), at: second(60) };
    let changed = book.record(changed).await.unwrap();

    let page = book.history(&then).limit(1).versions().await.unwrap();
    assert_eq!(page.versions[0].effect, Effect::Changed);
    let page = book.history(&then).limit(1).after(page.next.unwrap()).versions().await.unwrap();
    assert_eq!((page.versions[0].effect, page.next), (Effect::Created, None));
    let matching = book.history(&then).matching("action:ticket.changed").versions().await.unwrap();
    assert_eq!(matching.versions.len(), 1);

    let before = book.history(&then).as_of(second(30)).await.unwrap();
    assert_eq!(before.field("/state").unwrap().value.known().unwrap(), "open");
    let never = book.history(&then).as_of(second(-1)).await.unwrap();
    assert_eq!(never.existence, Existence::NotCreated);
    let blame = book.history_of("ticket:7".parse().unwrap()).blame().await.unwrap();
    assert_eq!(blame.field("/state").unwrap().set_by.as_ref().unwrap().id, changed.id);
    assert_eq!(blame.field("/title").unwrap().set_by.as_ref().unwrap().id, created.id);

    let (from, to) = (Moment::Event(created.id.clone()), Moment::Latest);
    let diff = book.history(&then).diff(from.clone(), to).await.unwrap().unwrap();
    assert_eq!(diff.differences.iter().map(|difference| difference.path.as_str()).collect::<Vec<_>>(), ["/state"]);
    assert_eq!(book.history(&then).restore(from).await.unwrap().unwrap().patch.len(), 1);
    let around = book.history(&then).around(&changed.id).await.unwrap().unwrap();
    assert_eq!(around.previous.unwrap().entry.id(), created.id);
    assert!(around.next.is_none());
    assert!(book.history(&then).at(Moment::Event("evt_other".into())).await.unwrap().is_none());
    assert!(book.history(&then).tenant("acme").versions().await.unwrap().versions.is_empty());
    let nothing = Ticket { id: 8, ..then };
    assert!(book.history(&nothing).versions().await.unwrap().versions.is_empty());
}
