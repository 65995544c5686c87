//! Events that look like those of a real application and are the same in every run: a function of a number.

use deedbook_core::serde_json::{Map, Value, json};
use deedbook_core::{
    Actor, Auth, Change, Context, Credential, Draft, Event, Failure, Http, Limits, OWN_TENANT, Outcome, Source, Target,
    Timestamp, prepare_own,
};

use crate::Random;

/// Tenants of the generated events; the last is the log's own and occurs once in forty.
pub const TENANTS: [&str; 4] = ["acme", "beta-9", "default", OWN_TENANT];

/// Ids of the users among actors and targets.
pub const USERS: [&str; 6] = ["user_1", "user_2", "user_3", "user:4", "ада", "user 6"];

/// Names of those users, in the same order.
pub const USER_NAMES: [&str; 6] =
    ["Ada Lovelace", "Grace Brewster Hopper", "Jürgen Groß", "O’Neil, Sinéad", "Ада Лавлейс", "山田 太郎"];

/// Actions of the generated events.
pub const ACTIONS: [&str; 8] = [
    "document.shared",
    "document.deleted",
    "user.signed_in",
    "user.role.changed",
    "invoice.approved",
    "project.release.file.removed",
    "account.api_token.created",
    "report.exported",
];

const TARGETS: [(&str, &str, &str); 7] = [
    ("document", "doc_42", "Q3 plan"),
    ("document", "doc_43", "Straßenverzeichnis ﬁnal"),
    ("invoice", "inv:2026:7", "Invoice 7 for ACME GmbH"),
    ("payment", "7", "Überweisung 1.250,00"),
    ("project", "deedbook", "deedbook-core 0.1.0"),
    ("bucket", "arn:aws:s3:::logs", "τα ημερολόγια της ΟΔΟΣ"),
    ("report", "年次報告", "年次報告書 annual plan"),
];

const DESCRIPTIONS: [&str; 6] = [
    "contract-bot shared Q3 plan with Grace on behalf of Ada Lovelace",
    "approved the annual plan for 3.14 million",
    "the plan of the annual meeting, not the annual plan",
    "IŞIK ve ışık 🎉 snake_case user@example.com http://x.example/a?b=c",
    "removed file deedbook-0.1.0.tar.gz (sha256:ab12) from the release",
    "to be to be or not to be",
];

/// Event `number`, whole and valid, with an id of its own. About one in four says when it occurred.
pub fn event(number: u64) -> Event {
    let mut random = Random::new(number);
    let mut event = Event::new(*random.pick(&ACTIONS), actor(&mut random));
    event.id = Some(format!("evt_{number:06}"));
    event.tenant = tenant(&mut random);
    event.outcome =
        [None, None, Some(Outcome::Success), Some(Outcome::Failure), Some(Outcome::Denied)][random.below(5)];
    event.occurred_at = random.one_in(4).then(|| occurred_at(&mut random));
    event.targets = (0..random.below(4)).map(|_| target(&mut random)).collect();
    event.changes = (0..random.below(3)).map(|_| change(&mut random)).collect();
    event.context = context(&mut random);
    event.category = some(&mut random, &["account", "project", "access"]);
    event.schema = random.one_in(5).then(|| format!("{}@2", event.action));
    event.reason = some(&mut random, &["customer asked, ticket T-5"]);
    event.correlation_id = some(&mut random, &["ord_991", "ord_992", "batch 7"]);
    event.transaction_id = some(&mut random, &["tx_1", "tx_2"]);
    event.source = random.one_in(2).then(|| source(&mut random));
    event.audience = audience(&mut random);
    event.description = some(&mut random, &DESCRIPTIONS);
    event.metadata = metadata(&mut random);
    if event.outcome == Some(Outcome::Failure) {
        event.error = Some(Failure { code: Some("timeout".into()), message: Some("no answer in 30 s".into()) });
    }
    if event.metadata.contains_key("note") {
        event.personal = vec!["/metadata/note".into()];
    }
    event
}

/// Event `number`, checked and canonical.
pub fn draft(number: u64) -> Draft {
    prepared(event(number))
}

/// Drafts of these numbers.
pub fn drafts(numbers: std::ops::Range<u64>) -> Vec<Draft> {
    numbers.map(draft).collect()
}

/// An event that claims the id and tenant of event `number` and says something else.
pub fn conflicting_draft(number: u64) -> Draft {
    prepared(Event { reason: Some("another story".into()), ..event(number) })
}

/// A small event of `tenant`, for tests that give its parts themselves.
pub fn simple(tenant: &str, id: &str) -> Event {
    let actor = Actor::new("user", USERS[0]).named(USER_NAMES[0]);
    Event { id: Some(id.into()), tenant: Some(tenant.into()), ..Event::new(ACTIONS[0], actor) }
}

/// The draft of an event that a test knows to be valid; the log's own tenant is allowed.
pub fn prepared(event: Event) -> Draft {
    let draft = prepare_own(event, &Limits::default(), || [7; 16]);
    draft.unwrap_or_else(|error| panic!("a generated event is not valid: {error}"))
}

fn tenant(random: &mut Random) -> Option<String> {
    match random.below(40) {
        0 => Some(OWN_TENANT.to_owned()),
        1..=20 => Some(TENANTS[0].to_owned()),
        21..=32 => Some(TENANTS[1].to_owned()),
        _ => None,
    }
}

fn user(random: &mut Random) -> Actor {
    let index = random.below(USERS.len());
    let actor = Actor::new("user", USERS[index]);
    if random.one_in(4) { actor } else { actor.named(USER_NAMES[index]) }
}

fn actor(random: &mut Random) -> Actor {
    let mut actor = match random.below(10) {
        0 => Actor::without_id("system"),
        1 => Actor::without_id("anonymous"),
        2 => Actor::new("service", "user_1").named("billing"),
        3 => Actor::new("agent", "agt_7").named("contract-bot"),
        _ => user(random),
    };
    if random.one_in(4) {
        actor.on_behalf_of = Some(Box::new(user(random)));
    }
    actor
}

fn target(random: &mut Random) -> Target {
    if random.one_in(3) {
        let index = random.below(USERS.len());
        return Target { role: Some("recipient".into()), ..Target::new("user", USERS[index]).named(USER_NAMES[index]) };
    }
    let (kind, id, name) = *random.pick(&TARGETS);
    let target = Target::new(kind, id);
    if random.one_in(5) { target } else { target.named(name) }
}

fn change(random: &mut Random) -> Change {
    let path = (*random.pick(&["/role", "/settings/theme", "/settings", "/rolex", "/api_key", "/a~1b/0"])).to_owned();
    if path == "/api_key" {
        return Change { path, from: None, to: None, redacted: true };
    }
    let values = [
        None,
        Some(Value::Null),
        Some(json!("editor")),
        Some(json!("Viewer of annual plans")),
        Some(json!(19.9)),
        Some(json!({"theme": "dark", "sizes": [1, 2.5, "large"]})),
        Some(json!(true)),
    ];
    Change { path, from: random.pick(&values).clone(), to: random.pick(&values).clone(), redacted: false }
}

fn context(random: &mut Random) -> Context {
    let ips = ["203.0.113.9", "203.0.113.200", "10.1.2.3", "2001:db8::9", "::ffff:10.9.9.9"];
    let request = |random: &mut Random| Http {
        method: Some("POST".into()),
        route: Some("/documents/{id}/share".into()),
        status: Some(200 + random.below(300) as u16),
        duration_ms: Some(random.below(900) as u64),
    };
    let credential = Credential { kind: "api_token".into(), id: "tok_9".into(), name: Some("CI".into()) };
    Context {
        ip: random.one_in(2).then(|| random.pick(&ips).parse().expect("an address")),
        user_agent: some(random, &["Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/143.0"]),
        request_id: random.one_in(2).then(|| format!("req_{}", random.below(50))),
        auth: random.one_in(4).then(|| Auth { credential: Some(credential), ..Auth::default() }),
        http: random.one_in(3).then(|| request(random)),
        ..Context::default()
    }
}

fn source(random: &mut Random) -> Source {
    let service = (*random.pick(&["docs-api", "billing"])).to_owned();
    Source { service: Some(service), environment: Some("production".into()), ..Source::default() }
}

fn audience(random: &mut Random) -> Option<Vec<String>> {
    match random.below(6) {
        0 => Some(Vec::new()),
        1 => Some(vec!["owners".into()]),
        2 => Some(vec!["owners".into(), "security".into()]),
        3 => Some(vec!["members".into()]),
        _ => None,
    }
}

fn metadata(random: &mut Random) -> Map<String, Value> {
    let members = [
        ("amount", json!(random.below(3000))),
        ("amount", json!(1250.5)),
        ("note", json!("personal remark about the plan")),
        ("tags", json!(["blue", "Green", 7])),
        ("dotted.name", json!({"x": true})),
        ("items", json!([{"sku": "a1", "n": 1}, {"sku": "b2", "n": 20}])),
        ("text", json!("long ".repeat(random.below(60)))),
    ];
    let chosen = (0..random.below(4)).map(|_| random.pick(&members).clone()).collect::<Vec<_>>();
    chosen.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Within the forty days up to 20 September 2026.
fn occurred_at(random: &mut Random) -> Timestamp {
    let back = random.below(40 * 86_400) as i64;
    Timestamp::from_microsecond(1_789_912_800_000_000 - back * 1_000_000 + random.below(1_000_000) as i64)
        .expect("a time within this century")
}

fn some(random: &mut Random, choices: &[&str]) -> Option<String> {
    random.one_in(3).then(|| (*random.pick(choices)).to_owned())
}
