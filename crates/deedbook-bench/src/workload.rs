//! The events of the comparison: a hundred tenants over thirty days, skewed as real ones are, the same on every run.
//!
//! Event `n` is a pure function of the seed and `n`: nothing is kept, any event can be made again, and questions are
//! asked about events that exist, drawn with the skew of the workload itself.

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deedbook_core::serde_json::{Map, Value, json};
use deedbook_core::{Actor, Auth, Change, Context, Event, Http, Outcome, Source, Target, Timestamp};

use crate::random::Random;
use crate::vocabulary::Vocabulary;

/// Microseconds of a day.
pub const DAY_US: i64 = 86_400_000_000;

const SEED: u64 = 0xdeed_b00c_0000_0001;
const START_US: i64 = 1_788_220_800_000_000; // 2026-09-01T00:00:00Z
const DAYS: i64 = 30;
const TENANTS: u64 = 100;

/// The generator of events.
pub struct Workload {
    events: u64,
    vocabulary: Vocabulary,
}

/// One tenant's people and things, derived from its rank; nothing of it is stored.
struct Tenant {
    rank: u64,
    name: String,
    /// People who act.
    users: u64,
    /// Things that exist by the time of the event; more come into being all the time.
    things: u64,
}

impl Workload {
    /// `events` events, spread evenly over thirty days.
    pub fn new(events: u64) -> Self {
        Self { events, vocabulary: Vocabulary::new(SEED) }
    }

    /// How many events there are.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The words of the texts.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// A source of numbers for questions about this workload.
    pub fn questions(&self) -> Random {
        Random::new(SEED, u64::MAX - 1)
    }

    /// Event number `index`; its id, tenant and time are always present.
    pub fn event(&self, index: u64) -> Event {
        let random = &mut Random::new(SEED, index);
        let tenant = self.tenant(index, random);
        let (verb, kind) = ACTIONS[random.rank(ACTIONS.len() as u64, 0.9) as usize];
        let actor = actor(&tenant, random);
        let targets = self.targets(&tenant, kind, random);
        let mut event = Event::new(format!("{kind}.{verb}"), actor);
        event.id = Some(typed_id("evt", random.bytes()));
        event.category = Some(CATEGORIES[kind.len() % CATEGORIES.len()].to_owned());
        event.outcome = Some(outcome(random));
        event.occurred_at = Some(self.occurred_at(index, random));
        event.description = Some(self.description(&event.actor, verb, &targets, random));
        event.targets = targets;
        event.changes = self.changes(random);
        event.context = context(&event.actor, kind, verb, random);
        event.correlation_id = random.happens(0.2).then(|| correlation_id(index));
        event.source = Some(source(kind));
        event.audience = random.happens(0.4).then(|| audience(kind));
        event.metadata = self.metadata(random);
        event.tenant = Some(tenant.name);
        event
    }

    fn tenant(&self, index: u64, random: &mut Random) -> Tenant {
        let rank = random.rank(TENANTS, 1.1);
        // Roughly the tenant's part of the events so far: its things grow with its history.
        let share = ((rank + 2) as f64).powf(-1.1) / 3.0;
        let things = 10 + (index as f64 * share / 50.0) as u64;
        Tenant { rank, name: tenant_name(rank), users: 8 + 1_200 / (rank + 1), things }
    }

    fn occurred_at(&self, index: u64, random: &mut Random) -> Timestamp {
        let clock_us = i128::from(index) * i128::from(DAYS * DAY_US) / i128::from(self.events.max(1));
        let early_us = random.below(3_000_000) as i64;
        let at_us = (START_US + clock_us as i64 - early_us).max(START_US);
        Timestamp::from_microsecond(at_us).expect("a day of 2026 is a valid time")
    }

    fn targets(&self, tenant: &Tenant, kind: &str, random: &mut Random) -> Vec<Target> {
        let mut targets = vec![self.thing(tenant, kind, random)];
        if random.happens(0.25) {
            targets.push(self.project(tenant, random));
        }
        if random.happens(0.1) {
            let person = user(tenant, random);
            let mut target = Target::new("user", person.id.unwrap_or_default());
            target.name = person.name;
            target.role = Some("recipient".to_owned());
            targets.push(target);
        }
        targets
    }

    fn thing(&self, tenant: &Tenant, kind: &str, random: &mut Random) -> Target {
        // Half of the acts are about what came into being lately, half about what is always in use.
        let near = random.rank(tenant.things, 1.1);
        let number = if random.happens(0.5) { tenant.things - 1 - near } else { near };
        self.target(tenant, kind, number)
    }

    fn project(&self, tenant: &Tenant, random: &mut Random) -> Target {
        self.target(tenant, "project", random.rank(10 + tenant.users / 10, 0.9))
    }

    fn target(&self, tenant: &Tenant, kind: &str, number: u64) -> Target {
        let own = &mut Random::new(SEED ^ tenant.rank ^ ((kind.len() as u64) << 32), number + (1 << 40));
        let id = typed_id(&kind[..3], own.bytes());
        let name = format!("{} {} {}", self.title(own), self.vocabulary.word(own), 2024 + own.below(3));
        Target::new(kind, id).named(name)
    }

    fn title(&self, random: &mut Random) -> String {
        let word = self.vocabulary.word(random);
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    }

    fn description(&self, actor: &Actor, verb: &str, targets: &[Target], random: &mut Random) -> String {
        let who = actor.name.as_deref().unwrap_or("The system");
        let what = targets.first().and_then(|target| target.name.as_deref()).unwrap_or("nothing");
        format!("{who} {verb} {what}: {}", self.sentence(2 + random.below(3), random))
    }

    fn sentence(&self, words: u64, random: &mut Random) -> String {
        let words: Vec<&str> = (0..words).map(|_| self.vocabulary.word(random)).collect();
        words.join(" ")
    }

    fn changes(&self, random: &mut Random) -> Vec<Change> {
        let count = if random.happens(0.35) { 1 + random.rank(3, 1.5) } else { 0 };
        (0..count).map(|_| self.change(random)).collect()
    }

    fn change(&self, random: &mut Random) -> Change {
        let (path, from, to) = match random.below(5) {
            0 => ("/status", json!(random.one_of(STATES)), json!(random.one_of(STATES))),
            1 => ("/title", json!(self.sentence(2, random)), json!(self.sentence(2, random))),
            2 => ("/amount", json!(random.below(500_000)), json!(random.below(500_000))),
            3 => ("/role", json!("member"), json!(random.one_of(ROLES))),
            _ => ("/active", json!(true), json!(false)),
        };
        Change { path: path.to_owned(), from: Some(from), to: Some(to), redacted: false }
    }

    fn metadata(&self, random: &mut Random) -> Map<String, Value> {
        let mut metadata = Map::new();
        metadata.insert("amount".to_owned(), json!(10 + random.rank(2_000_000, 1.1)));
        metadata.insert("currency".to_owned(), json!(random.one_of(&["EUR", "EUR", "USD", "GBP", "CHF"])));
        if random.happens(0.15) {
            metadata.insert("note".to_owned(), json!(self.sentence(2 + random.below(3), random)));
        }
        if random.happens(0.2) {
            metadata.insert("retry".to_owned(), json!(random.happens(0.5)));
        }
        metadata
    }
}

fn tenant_name(rank: u64) -> String {
    format!("{}-{:02}", TENANT_NAMES[rank as usize % TENANT_NAMES.len()], rank)
}

fn actor(tenant: &Tenant, random: &mut Random) -> Actor {
    match random.below(100) {
        0..=2 => Actor::without_id("system").named("Scheduler"),
        3..=11 => {
            let number = random.rank(12, 1.2);
            Actor::new("service", format!("svc_{}", SERVICES[number as usize])).named(SERVICES[number as usize])
        }
        12..=15 => {
            let agent = Actor::new("agent", format!("agt_{}", random.rank(20, 1.1))).named("contract assistant");
            Actor { on_behalf_of: Some(Box::new(user(tenant, random))), ..agent }
        }
        _ => user(tenant, random),
    }
}

fn user(tenant: &Tenant, random: &mut Random) -> Actor {
    let number = random.rank(tenant.users, 0.95);
    let own = &mut Random::new(SEED ^ tenant.rank, number + (1 << 41));
    let (first, last) = (own.one_of(FIRST_NAMES), own.one_of(LAST_NAMES));
    let email = format!("{}.{}{number}@{}.example", first.to_lowercase(), last.to_lowercase(), tenant.name);
    let actor = Actor::new("user", typed_id("user", own.bytes())).named(format!("{first} {last}"));
    Actor { email: own.happens(0.6).then_some(email), ..actor }
}

fn outcome(random: &mut Random) -> Outcome {
    match random.below(100) {
        0..=3 => Outcome::Failure,
        4..=6 => Outcome::Denied,
        7 => Outcome::Unknown,
        _ => Outcome::Success,
    }
}

/// Address and browser stay with a person; services call from a few addresses and have no browser.
fn context(actor: &Actor, kind: &str, verb: &str, random: &mut Random) -> Context {
    let home =
        actor.id.as_deref().map_or(7, |id| id.bytes().fold(7u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte)));
    let place = home.wrapping_add(random.rank(3, 2.0));
    let browser = actor.kind == "user";
    Context {
        ip: Some(IpAddr::V4(Ipv4Addr::from_bits(0x0b00_0000 | (place.wrapping_mul(0x9e37_79b1) as u32 >> 8)))),
        user_agent: (browser && random.happens(0.35))
            .then(|| BROWSERS[(place % BROWSERS.len() as u64) as usize].to_owned()),
        request_id: Some(format!("req_{:010x}", random.below(1 << 40))),
        session_id: (browser && random.happens(0.1))
            .then(|| format!("ses_{:012x}", home.wrapping_add(random.below(4)))),
        trace_id: None,
        auth: random.happens(0.1).then(|| Auth {
            method: Some(random.one_of(&["password", "saml", "api_token"]).to_owned()),
            ..Auth::default()
        }),
        http: (browser && random.happens(0.4)).then(|| http(kind, verb, random)),
    }
}

fn http(kind: &str, verb: &str, random: &mut Random) -> Http {
    Http {
        method: Some(if verb == "viewed" { "GET" } else { "POST" }.to_owned()),
        route: Some(format!("/{kind}s/{{id}}/{verb}")),
        status: Some([200, 200, 200, 201, 204, 403, 500][random.rank(7, 1.5) as usize]),
        duration_ms: None,
    }
}

fn source(kind: &str) -> Source {
    Source {
        service: Some(SERVICES[kind.len() % SERVICES.len()].to_owned()),
        version: Some("2026.9.3".to_owned()),
        environment: None,
    }
}

fn audience(kind: &str) -> Vec<String> {
    let labels: &[&str] = if kind.len().is_multiple_of(2) { &["owners", "security"] } else { &["members"] };
    labels.iter().map(|&label| label.to_owned()).collect()
}

/// Three neighbours in time belong to one piece of business.
fn correlation_id(index: u64) -> String {
    typed_id("cor", Random::new(SEED ^ 0xc0, index / 3).bytes())
}

fn typed_id(prefix: &str, bytes: [u8; 16]) -> String {
    let mut id = String::with_capacity(prefix.len() + 23);
    id.push_str(prefix);
    id.push('_');
    URL_SAFE_NO_PAD.encode_string(bytes, &mut id);
    id
}

/// Past verb and object, the frequent ones first.
const ACTIONS: &[(&str, &str)] = &[
    ("viewed", "document"),
    ("updated", "document"),
    ("viewed", "customer"),
    ("created", "comment"),
    ("updated", "customer"),
    ("paid", "invoice"),
    ("created", "invoice"),
    ("shared", "document"),
    ("created", "document"),
    ("updated", "order"),
    ("signed_in", "session"),
    ("created", "order"),
    ("approved", "invoice"),
    ("exported", "report"),
    ("viewed", "report"),
    ("uploaded", "attachment"),
    ("assigned", "ticket"),
    ("closed", "ticket"),
    ("created", "ticket"),
    ("updated", "subscription"),
    ("shipped", "order"),
    ("cancelled", "order"),
    ("refunded", "payment"),
    ("captured", "payment"),
    ("failed", "payment"),
    ("deleted", "document"),
    ("renamed", "document"),
    ("moved", "document"),
    ("invited", "member"),
    ("removed", "member"),
    ("role_changed", "member"),
    ("created", "api_token"),
    ("revoked", "api_token"),
    ("rotated", "secret"),
    ("updated", "policy"),
    ("enabled", "integration"),
    ("disabled", "integration"),
    ("created", "webhook"),
    ("deleted", "customer"),
    ("merged", "customer"),
];
const CATEGORIES: &[&str] = &["account", "project", "access", "admin"];
const STATES: &[&str] = &["draft", "open", "pending", "approved", "closed", "archived"];
const ROLES: &[&str] = &["viewer", "editor", "owner", "billing"];
const SERVICES: &[&str] = &[
    "web", "api", "billing", "mailer", "search", "importer", "exporter", "gateway", "jobs", "sync", "reports", "edge",
];
const TENANT_NAMES: &[&str] = &[
    "acme", "globex", "initech", "umbra", "hooli", "stark", "wayne", "wonka", "tyrell", "cyber", "soylent", "vandelay",
];
const FIRST_NAMES: &[&str] = &[
    "Ada",
    "Alan",
    "Barbara",
    "Claude",
    "Dorothy",
    "Edsger",
    "Frances",
    "Grace",
    "Hedy",
    "Ivan",
    "Jean",
    "Katherine",
    "Leslie",
    "Margaret",
    "Niklaus",
    "Olga",
    "Peter",
    "Radia",
    "Sophie",
    "Tim",
    "Ursula",
    "Vint",
    "Whitfield",
    "Yukihiro",
];
const LAST_NAMES: &[&str] = &[
    "Allen",
    "Bartik",
    "Cerf",
    "Diffie",
    "Engelbart",
    "Floyd",
    "Goldwasser",
    "Hamilton",
    "Hopper",
    "Johnson",
    "Knuth",
    "Lamport",
    "Liskov",
    "Lovelace",
    "Matsumoto",
    "Naur",
    "Perlman",
    "Ritchie",
    "Shannon",
    "Turing",
    "Vaughan",
    "Wilson",
];
const BROWSERS: &[&str] = &[
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "DocsApp/7.4 (Android 16; Pixel 9)",
    "deedbook-client/1.0",
];
