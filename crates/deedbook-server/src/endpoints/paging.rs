//! Pages: `after`, `before`, `limit`, `order` → some entries, and the URLs of the pages beside them.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use deedbook_core::{Order, PageRequest, Result, Store, Timestamp};
use serde_json::Value;

use super::question::Question;
use super::record::json;
use crate::access::Numbers;
use crate::app::App;
use crate::cursor::Place;
use crate::parameters::{Parameters, bad, percent_encoded};
use crate::problem::Answer;
use crate::reading::{ReadKind, Reader};

/// Entries of a page where nobody says how many.
const LIMIT: usize = 50;

/// Entries that are read at once: a page of large entries is then stopped at its limit of bytes.
const CHUNK_ENTRIES: usize = 100;

const ORDERS: [(&str, Order); 2] = [("desc", Order::Descending), ("asc", Order::Ascending)];

/// Which page is wanted, as it was asked.
pub(super) struct Paging {
    order: Order,
    limit: usize,
    after: Option<String>,
    before: Option<String>,
}

/// A page that can be read.
pub(super) struct Opened<'a> {
    app: &'a Arc<App>,
    question: &'a Question,
    order: Order,
    limit: usize,
    direction: Direction,
    /// What relative times of the query are relative to.
    pub(super) now: Timestamp,
}

impl Paging {
    /// Takes the parameters of a page.
    ///
    /// # Errors
    /// 400 where one is wrong.
    pub(super) fn take(app: &App, parameters: &mut Parameters) -> Answer<Self> {
        let order = parameters.word("order", &ORDERS)?.unwrap_or(Order::Descending);
        let limit = parameters.count("limit", app.limits.page_entries_max)?.unwrap_or(LIMIT);
        Ok(Self { order, limit, after: parameters.text("after")?, before: parameters.text("before")? })
    }

    /// Reads the cursor.
    ///
    /// # Errors
    /// 400 where there are two, or one of another question.
    pub(super) fn open<'a>(self, app: &'a Arc<App>, question: &'a Question) -> Answer<Opened<'a>> {
        let direction = match (self.after, self.before) {
            (Some(_), Some(_)) => return Err(bad("give one of \"after\" and \"before\"")),
            (Some(cursor), None) => Direction::After(app.cursors.read(&question.binding, &cursor)?),
            (None, Some(cursor)) => Direction::Before(app.cursors.read(&question.binding, &cursor)?),
            (None, None) => Direction::Start,
        };
        let now = direction.place().map_or_else(|| app.now(), |place| place.now);
        Ok(Opened { app, question, order: self.order, limit: self.limit, direction, now })
    }
}

impl Opened<'_> {
    /// Reads the page by `read` and writes it; `path` is that of the endpoint.
    ///
    /// # Errors
    /// What reading fails with.
    pub(super) async fn answer(
        self,
        reader: &Reader,
        kind: ReadKind,
        headers: &HeaderMap,
        path: &'static str,
        read: impl Fn(&dyn Store, &PageRequest) -> Result<Chunk> + Send + 'static,
    ) -> Answer {
        let after = self.direction.place().map(|place| place.position);
        let wanted = Wanted { order: self.direction.read_in(self.order), limit: self.limit, after };
        let bytes_max = self.app.limits.page_bytes_max;
        let work = move |store: &dyn Store| gather(wanted, bytes_max, &mut |request| read(store, request));
        let gathered = self.app.read(reader, kind, &self.question.scope, work).await?;
        let Self { app, question, order, limit, now, .. } = self;
        let neighbours = Neighbours { app, path, question, order, limit, now, base: base(app, headers) };
        Ok(neighbours.page(&self.direction, gathered))
    }
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

/// Some entries as bytes, each with its position, in the order of reading.
pub(super) struct Chunk {
    pub(super) entries: Vec<(u64, Vec<u8>)>,
    pub(super) has_more: bool,
    pub(super) watermark: Option<u64>,
    /// Whether some of them were read in an archive.
    pub(super) archived: bool,
}

/// What was read, in the order of reading.
struct Gathered {
    entries: Vec<Vec<u8>>,
    positions: Vec<u64>,
    has_more: bool,
    watermark: Option<u64>,
    archived: bool,
}

/// Reads up to the limit of entries or of bytes, whichever comes first; one entry is always read.
fn gather(wanted: Wanted, bytes_max: usize, read: &mut dyn FnMut(&PageRequest) -> Result<Chunk>) -> Result<Gathered> {
    let mut gathered =
        Gathered { entries: Vec::new(), positions: Vec::new(), has_more: true, watermark: None, archived: false };
    let mut bytes = 0;
    let mut request = PageRequest { order: wanted.order, limit: 0, after: wanted.after };
    while gathered.has_more && gathered.entries.len() < wanted.limit {
        request.limit = (wanted.limit - gathered.entries.len()).min(CHUNK_ENTRIES);
        let chunk = read(&request)?;
        // The first look is the oldest: all that it promises was visible during the later ones too.
        gathered.watermark = gathered.watermark.or(chunk.watermark);
        gathered.has_more = chunk.has_more;
        gathered.archived |= chunk.archived;
        if chunk.entries.is_empty() {
            break;
        }
        for (position, body) in chunk.entries {
            if bytes + body.len() > bytes_max && !gathered.entries.is_empty() {
                gathered.has_more = true;
                return Ok(gathered);
            }
            bytes += body.len();
            gathered.positions.push(position);
            gathered.entries.push(body);
        }
        request.after = gathered.positions.last().copied();
    }
    Ok(gathered)
}

impl Gathered {
    fn reversed(mut self) -> Self {
        self.entries.reverse();
        self.positions.reverse();
        self
    }
}

/// What the URLs of neighbouring pages are made of.
struct Neighbours<'a> {
    app: &'a App,
    path: &'static str,
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
        if gathered.archived {
            out.extend_from_slice(b",\"archived\":true");
        }
        out.push(b'}');
        out
    }

    fn url(&self, name: &str, position: u64) -> String {
        let cursor = self.app.cursors.write(&self.question.binding, Place { position, now: self.now });
        let order = if self.order == Order::Ascending { "asc" } else { "desc" };
        let mut url = format!("{}{}?{name}={cursor}&limit={}&order={order}", self.base, self.path, self.limit);
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
