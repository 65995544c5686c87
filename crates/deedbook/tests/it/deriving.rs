//! What the derives make: events with everything that is declared, entities, what changed, ids.

use std::collections::BTreeMap;
use std::fmt;

use deedbook::event::{Counting, Failure};
use deedbook::{Actor, Changes, Context, Entity, Event, Id, IntoEvent, Outcome, Target, Timestamp, changes, new_id};
use serde::Serialize;
use serde_json::json;

#[derive(Entity, Id, Clone)]
#[entity(href = "https://app.example/invoices/{id}")]
#[id(prefix = "inv")]
struct Invoice {
    #[entity(id)]
    id: Id<Invoice>,
    #[entity(name)]
    title: String,
    amount: Money,
    #[entity(personal)]
    address: Address,
    #[entity(secret)]
    download_key: String,
    #[entity(skip)]
    loaded_at: std::time::Instant,
    #[entity(rename = "tags")]
    labels: Vec<&'static str>,
}

#[derive(Clone, Serialize)]
struct Money(i64);

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} EUR", self.0 / 100, self.0 % 100)
    }
}

#[derive(Clone, Serialize)]
struct Address {
    street: &'static str,
    city: &'static str,
}

#[derive(Entity)]
#[entity(type = "user")]
struct Person {
    #[entity(id)]
    id: u32,
    #[entity(name)]
    name: Option<String>,
    #[entity(email)]
    email: &'static str,
}

#[derive(Event)]
#[event(
    action = "invoice.approved",
    audience = ["members", "owners"],
    category = "project",
    schema = 2,
    describe = "{actor} approved {invoice} for {amount} ({share:.1} %, limit {limit}) {{so}}",
    describe_denied = "{actor} may not approve {invoice}"
)]
struct InvoiceApproved<'a> {
    #[event(target)]
    invoice: &'a Invoice,
    #[event(target(role = "approver"))]
    approvers: Vec<&'a Person>,
    amount: &'a Money,
    share: f64,
    limit: Option<u32>,
    #[event(personal, rename = "remark")]
    note: &'a str,
    #[event(secret)]
    password: &'a str,
    #[event(flatten)]
    more: BTreeMap<&'static str, bool>,
    #[event(outcome)]
    outcome: Outcome,
    #[event(reason)]
    reason: Option<&'a str>,
    #[event(correlation_id)]
    order: Id<Invoice>,
    #[event(occurred_at)]
    at: Timestamp,
    #[event(id)]
    id: &'a str,
}

fn invoice() -> Invoice {
    Invoice {
        id: "inv_8hWAb-kHmq5nmfE-xPggAA".parse().expect("it is an id"),
        title: "Invoice 7".into(),
        amount: Money(4_200),
        address: Address { street: "Main St 1", city: "Bonn" },
        download_key: "s3cret".into(),
        loaded_at: std::time::Instant::now(),
        labels: vec!["new"],
    }
}

fn approved<'a>(invoice: &'a Invoice, approvers: Vec<&'a Person>, outcome: Outcome) -> InvoiceApproved<'a> {
    InvoiceApproved {
        invoice,
        approvers,
        amount: &invoice.amount,
        share: 33.333,
        limit: None,
        note: "as agreed",
        password: "hunter2",
        more: BTreeMap::from([("urgent", true)]),
        outcome,
        reason: Some("due"),
        order: invoice.id,
        at: Timestamp::UNIX_EPOCH,
        id: "evt_x",
    }
}

fn ada() -> Context {
    Context::new().actor(Actor::new("user", "user_1").named("Ada")).request_id("req_1").tenant("acme")
}

#[test]
fn an_event_has_what_is_declared_and_what_the_context_knows() {
    let (invoice, grace) = (invoice(), Person { id: 9, name: None, email: "grace@acme.example" });
    let event = approved(&invoice, vec![&grace], Outcome::Success).into_event(&ada()).unwrap();
    assert_eq!(event.action, "invoice.approved");
    assert_eq!(event.schema.as_deref(), Some("invoice.approved@2"));
    assert_eq!(event.category.as_deref(), Some("project"));
    assert_eq!(event.audience, Some(vec!["members".to_owned(), "owners".to_owned()]));
    assert_eq!(event.actor.name.as_deref(), Some("Ada"));
    assert_eq!((event.tenant.as_deref(), event.id.as_deref()), (Some("acme"), Some("evt_x")));
    assert_eq!(event.context.request_id.as_deref(), Some("req_1"));
    assert_eq!(event.reason.as_deref(), Some("due"));
    assert_eq!(event.correlation_id.as_deref(), Some("inv_8hWAb-kHmq5nmfE-xPggAA"));
    assert_eq!(event.occurred_at, Some(Timestamp::UNIX_EPOCH));
    let [first, second] = &event.targets[..] else { panic!("{:?}", event.targets) };
    assert_eq!(
        (first.kind.as_str(), first.name.as_deref(), first.role.as_deref()),
        ("invoice", Some("Invoice 7"), None)
    );
    assert_eq!(first.href.as_deref(), Some("https://app.example/invoices/inv_8hWAb-kHmq5nmfE-xPggAA"));
    assert_eq!((second.kind.as_str(), second.id.as_str(), second.role.as_deref()), ("user", "9", Some("approver")));
    assert_eq!(second.email.as_deref(), Some("grace@acme.example"));
    let metadata = json!({ "amount": 4200, "share": 33.333, "remark": "as agreed", "urgent": true });
    assert_eq!(serde_json::Value::Object(event.metadata.clone()), metadata);
    assert_eq!(event.personal, ["/metadata/remark"]);
    let description = "Ada approved Invoice 7 for 42.00 EUR (33.3 %, limit none) {so}";
    assert_eq!(event.description.as_deref(), Some(description));
    assert!(!format!("{event:?}").contains("hunter2"));
}

#[test]
fn a_description_differs_by_outcome() {
    let invoice = invoice();
    let event = approved(&invoice, Vec::new(), Outcome::Denied).into_event(&ada()).unwrap();
    assert_eq!(event.description.as_deref(), Some("Ada may not approve Invoice 7"));
    assert_eq!(event.outcome, Some(Outcome::Denied));
}

#[derive(Event)]
#[event(action = "report.sent", describe = "{actor} sent a report to {to}: {error}", audience = [], uncounted)]
struct ReportSent {
    #[event(actor)]
    by: Actor,
    #[event(target)]
    to: Option<Target>,
    #[event(error)]
    error: Option<Failure>,
}

#[test]
fn an_error_is_a_failure_and_whoever_acts_is_told_with_those_behind() {
    let mut by = Actor::new("agent", "agt_1").named("contract-bot");
    by.on_behalf_of = Some(Box::new(Actor::new("user", "user_1")));
    let report = ReportSent { by, to: None, error: Some("no route".into()) };
    let event = report.into_event(&Context::new()).unwrap();
    assert_eq!(event.outcome, Some(Outcome::Failure));
    assert_eq!(event.audience, Some(Vec::new()));
    let description = "contract-bot on behalf of user user_1 sent a report to none: no route";
    assert_eq!(event.description.as_deref(), Some(description));
    assert_eq!(ReportSent::COUNTING, Counting::Uncounted);
    assert_eq!(InvoiceApproved::COUNTING, Counting::Counted);
}

#[derive(Event)]
#[event(action = "backup.made")]
struct BackupMade;

#[test]
fn nobody_is_never_guessed() {
    let error = BackupMade.into_event(&Context::new()).unwrap_err();
    assert!(error.to_string().contains("nobody is known to act in \"backup.made\""), "{error}");
    assert_eq!(BackupMade.into_event(&ada()).unwrap().actor.id.as_deref(), Some("user_1"));
}

#[derive(Event)]
#[event(action = "invoice.changed", describe = "{actor} changed {invoice}")]
struct InvoiceChanged<'a> {
    #[event(target)]
    invoice: &'a Invoice,
    #[event(changes)]
    changes: Changes,
}

fn list(changes: &Changes) -> serde_json::Value {
    let each = |change: &deedbook::Change| match change.redacted {
        true => json!([change.path, "redacted"]),
        false => json!([change.path, change.from, change.to]),
    };
    changes.iter().map(each).collect()
}

#[test]
fn changes_are_told_field_by_field_and_secrets_are_not() {
    let before = invoice();
    let mut after = before.clone();
    assert!(changes(&before, &after).unwrap().is_empty());
    after.loaded_at = before.loaded_at + std::time::Duration::from_secs(1);
    after.title = "Invoice 7b".into();
    after.address.city = "Köln";
    after.download_key = "0ther".into();
    after.labels.push("paid");
    let changed = changes(&before, &after).unwrap();
    let expected = json!([
        ["/title", "Invoice 7", "Invoice 7b"],
        ["/address/city", "Bonn", "Köln"],
        ["/download_key", "redacted"],
        ["/tags", ["new"], ["new", "paid"]],
    ]);
    assert_eq!(list(&changed), expected);
    let event = InvoiceChanged { invoice: &after, changes: changed }.into_event(&ada()).unwrap();
    assert_eq!(event.personal, ["/changes/1/from", "/changes/1/to"]);
    assert!(!format!("{event:?} {:?}", after.fields().unwrap()).contains("0ther"));
}

#[test]
fn a_creation_tells_every_field_and_a_deletion_what_was() {
    let invoice = invoice();
    let created = Changes::creation(&invoice).unwrap();
    let address = json!({ "street": "Main St 1", "city": "Bonn" });
    let expected = json!([
        ["/title", null, "Invoice 7"],
        ["/amount", null, 4200],
        ["/address", null, address],
        ["/download_key", "redacted"],
        ["/tags", null, ["new"]],
    ]);
    assert_eq!(list(&created), expected);
    let deleted = Changes::deletion(&invoice).unwrap();
    assert_eq!((deleted[0].from.clone(), deleted[0].to.clone()), (Some(json!("Invoice 7")), None));
}

#[test]
fn more_personal_changes_than_pointers_are_erased_together() {
    struct Wide(i64);
    impl Entity for Wide {
        fn to_target(&self) -> Target {
            Target::new("wide", "1")
        }
        fn fields(&self) -> deedbook::Result<deedbook::entity::Fields> {
            const NAMES: [&str; 20] =
                ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"];
            let empty = deedbook::entity::Fields::new();
            NAMES.iter().try_fold(empty, |fields, name| fields.with(name, &self.0, deedbook::entity::Kept::Personal))
        }
    }
    let mut event = Event::new("wide.changed", Actor::without_id("system"));
    changes(&Wide(1), &Wide(2)).unwrap().apply(&mut event);
    assert_eq!(event.changes.len(), 20);
    assert_eq!(event.personal, ["/changes"]);
}

#[tokio::test]
async fn what_the_derives_make_passes_the_rules_of_the_log() {
    let book = deedbook::Deedbook::builder().actor(Actor::new("service", "tests")).open("memory:").unwrap();
    let (before, grace) = (invoice(), Person { id: 9, name: Some("Grace".into()), email: "grace@acme.example" });
    let mut after = before.clone();
    after.address.street = "Side St 2";
    book.record(approved(&before, vec![&grace], Outcome::Success)).await.unwrap();
    book.record(InvoiceChanged { invoice: &after, changes: changes(&before, &after).unwrap() }).await.unwrap();
    book.record(BackupMade).await.unwrap();
    let history = book.query(format!("target:invoice:{}", before.id)).page().await.unwrap();
    assert_eq!(history.entries.len(), 2);
    assert_eq!(history.entries[0].event.description.as_deref(), Some("service tests changed Invoice 7"));
}

#[test]
fn new_ids_differ_and_have_their_prefix() {
    let (one, other) = (new_id::<Invoice>(), new_id::<Invoice>());
    assert!(one.to_string().starts_with("inv_") && one != other);
}
