//! `GET /v1/events`: one page, and the URLs of its neighbours.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use deedbook_core::{Entry, Order, PageRequest, Query, Result, Store, Timestamp};
use serde_json::Value;

use super::question::Question;
use super::record::json;
use super::schema;
use crate::access::Numbers;
use crate::cursor::Place;
use crate::parameters::{Parameters, bad, percent_encoded};
use crate::problem::Answer;
use crate::reading::{ReadKind, Reader};
use crate::server::App;

/// Entries of a page where nobody says how many.
const LIMIT: usize = 50;

/// Entries that are read at once: a page of large entries is then stopped at its limit of bytes.
const CHUNK_ENTRIES: usize = 100;

const PARAMETERS: [&str; 7] = ["q", "tz", "tenant", "after", "before", "limit", "order"];
const ORDERS: [(&str, Order); 2] = [("desc", Order::Descending), ("asc", Order::Ascending)];

/// List entries.
///
/// `next` and `prev` are whole URLs. A page holds fewer entries than `limit` where they are large; `has_more` tells
/// whether further ones match.
#[utoipa::path(
    get, path = "/events", tag = "events", operation_id = "list_events",
    params(
        schema::QuestionParameters,
        ("after" = Option<String>, Query, description = "A cursor: entries further in the order of the page"),
        ("before" = Option<String>, Query, description = "A cursor: entries back in the order of the page"),
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 1000, description = "At most so many entries; 50"),
        ("order" = Option<schema::Order>, Query, description = "Newest first, or oldest first"),
    ),
    responses((status = 200, description = "One page", body = schema::Page), schema::Refusals),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    reader: Reader,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Answer {
    let question = Question::take(&mut parameters, &reader.0)?;
    let order = parameters.word("order", &ORDERS)?.unwrap_or(Order::Descending);
    let limit = parameters.count("limit", app.limits.page_entries_max)?.unwrap_or(LIMIT);
    let (after, before) = (parameters.text("after")?, parameters.text("before")?);
    parameters.finish(&PARAMETERS)?;
    let direction = match (after, before) {
        (Some(_), Some(_)) => return Err(bad("give one of \"after\" and \"before\"")),
        (Some(cursor), None) => Direction::After(app.cursors.read(&question.binding, &cursor)?),
        (None, Some(cursor)) => Direction::Before(app.cursors.read(&question.binding, &cursor)?),
        (None, None) => Direction::Start,
    };
    let now = direction.place().map_or_else(|| app.now(), |place| place.now);
    let (query, scope) = (question.query(now)?, question.scope.clone());
    let wanted =
        Wanted { order: direction.read_in(order), limit, after: direction.place().map(|place| place.position) };
    let (numbers, bytes_max) = (question.numbers, app.limits.page_bytes_max);
    let work = move |store: &dyn Store| gather(store, &query, &scope, wanted, numbers, bytes_max);
    let gathered = app.read(&reader, ReadKind::List, work).await?;
    let neighbours = Neighbours { app: &app, question: &question, order, limit, now, base: base(&app, &headers) };
    Ok(neighbours.page(&direction, gathered))
}

/// From where a page is read.
enum Direction {
    Start,
    After(Place),
    Before(Place),
}

impl Direction {
    fn place(&self) -> Option<&Place> {
        match self {
            Self::Start => None,
            Self::After(place) | Self::Before(place) => Some(place),
        }
    }

    /// The order in which the store is read: back to front for what comes before a cursor.
    fn read_in(&self, order: Order) -> Order {
        match (self, order) {
            (Self::Before(_), Order::Ascending) => Order::Descending,
            (Self::Before(_), Order::Descending) => Order::Ascending,
            (_, order) => order,
        }
    }
}

#[derive(Clone, Copy)]
struct Wanted {
    order: Order,
    limit: usize,
    after: Option<u64>,
}

/// What was read, in the order of reading.
struct Gathered {
    entries: Vec<Vec<u8>>,
    positions: Vec<u64>,
    has_more: bool,
    watermark: Option<u64>,
}

/// Reads up to the limit of entries or of bytes, whichever comes first; one entry is always read.
fn gather(
    store: &dyn Store,
    query: &Query,
    scope: &deedbook_core::Scope,
    wanted: Wanted,
    numbers: Numbers,
    bytes_max: usize,
) -> Result<Gathered> {
    let mut gathered = Gathered { entries: Vec::new(), positions: Vec::new(), has_more: true, watermark: None };
    let mut bytes = 0;
    let mut request = PageRequest { order: wanted.order, limit: 0, after: wanted.after };
    while gathered.has_more && gathered.entries.len() < wanted.limit {
        request.limit = (wanted.limit - gathered.entries.len()).min(CHUNK_ENTRIES);
        let page = store.page(query, scope, &request)?;
        // The first look is the oldest: all that it promises was visible during the later ones too.
        gathered.watermark = gathered.watermark.or(page.watermark);
        gathered.has_more = page.has_more;
        for entry in &page.entries {
            let body = numbers.entry(entry);
            if bytes + body.len() > bytes_max && !gathered.entries.is_empty() {
                gathered.has_more = true;
                return Ok(gathered);
            }
            bytes += body.len();
            gathered.push(entry, body);
        }
        request.after = gathered.positions.last().copied();
        if page.entries.is_empty() {
            break;
        }
    }
    Ok(gathered)
}

impl Gathered {
    fn push(&mut self, entry: &Entry, body: Vec<u8>) {
        self.positions.push(entry.receipt.position);
        self.entries.push(body);
    }

    fn reversed(mut self) -> Self {
        self.entries.reverse();
        self.positions.reverse();
        self
    }
}

/// What the URLs of neighbouring pages are made of.
struct Neighbours<'a> {
    app: &'a App,
    question: &'a Question,
    order: Order,
    limit: usize,
    now: Timestamp,
    base: String,
}

impl Neighbours<'_> {
    fn page(&self, direction: &Direction, gathered: Gathered) -> axum::response::Response {
        let (gathered, has_next, has_previous) = match direction {
            // What a cursor came from lies on the other side of it.
            Direction::Start => {
                let has_next = gathered.has_more;
                (gathered, has_next, false)
            }
            Direction::After(_) => {
                let has_next = gathered.has_more;
                (gathered, has_next, true)
            }
            Direction::Before(_) => {
                let has_previous = gathered.has_more;
                (gathered.reversed(), true, has_previous)
            }
        };
        let url = |name, position: Option<&u64>| position.map(|position| self.url(name, *position));
        let next = if has_next { url("after", gathered.positions.last()) } else { None };
        let previous = if has_previous { url("before", gathered.positions.first()) } else { None };
        let body = self.body(&gathered, next.as_deref(), previous.as_deref(), has_next);
        let mut response = json(StatusCode::OK, body);
        let links = [("next", &next), ("prev", &previous)];
        let links = links.iter().filter_map(|(relation, url)| Some(format!("<{}>; rel=\"{relation}\"", url.as_ref()?)));
        let links = links.collect::<Vec<_>>().join(", ");
        if let Some(links) = HeaderValue::from_str(&links).ok().filter(|links| !links.is_empty()) {
            response.headers_mut().insert(header::LINK, links);
        }
        response
    }

    fn body(&self, gathered: &Gathered, next: Option<&str>, previous: Option<&str>, has_more: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(gathered.entries.iter().map(|entry| entry.len() + 1).sum::<usize>() + 512);
        out.extend_from_slice(b"{\"data\":[");
        for (index, entry) in gathered.entries.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(entry);
        }
        let (next, previous) = (Value::from(next), Value::from(previous));
        out.extend_from_slice(format!("],\"next\":{next},\"prev\":{previous},\"has_more\":{has_more}").as_bytes());
        if self.question.numbers == Numbers::All {
            out.extend_from_slice(format!(",\"watermark\":{}", Value::from(gathered.watermark)).as_bytes());
        }
        out.push(b'}');
        out
    }

    fn url(&self, name: &str, position: u64) -> String {
        let cursor = self.app.cursors.write(&self.question.binding, Place { position, now: self.now });
        let order = if self.order == Order::Ascending { "asc" } else { "desc" };
        let mut url = format!("{}/v1/events?{name}={cursor}&limit={}&order={order}", self.base, self.limit);
        for (name, value) in &self.question.given {
            url.push_str(&format!("&{name}={}", percent_encoded(value)));
        }
        url
    }
}

/// Scheme and host as the client knows them.
fn base(app: &App, headers: &HeaderMap) -> String {
    if let Some(url) = &app.public_url {
        return url.clone();
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    // A host that cannot be one is left out: what a stranger sends is not put into a URL of ours.
    let is_host =
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-_[]".contains(&byte));
    if is_host { format!("http://{host}") } else { String::new() }
}
