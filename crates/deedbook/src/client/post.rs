//! Drafts → receipts: events in one request, or in several where there are too many for one.

use bytes::Bytes;
use deedbook_core::{AppendStatus, Atomicity, Digest, Draft, Error, ErrorKind, Result, Timestamp};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use tokio::time::Instant;

use super::answer::strange;
use super::call::Call;
use super::problem::{self, Refusal};
use super::{Client, Token};
use crate::receipt::{Fates, Receipt, Recorded};

/// Events in one request: what the API takes.
pub(crate) const REQUEST_EVENTS_MAX: usize = 1_000;
/// Bytes of events in one request: half of the 8 MiB that the API takes, since what is sent is canonical and the server
/// counts what it decompresses.
pub(crate) const REQUEST_BYTES_MAX: usize = 4 << 20;
/// The level of zstd that costs least.
const COMPRESSION: i32 = 1;

impl Client {
    /// Sends `drafts` in this order and gives the fate of each; `Ok` in a place means that the server has it durably.
    /// [`Atomicity::PerEvent`] may take several requests of at most 1,000 events and 4 MiB, and their order is that of
    /// the drafts; [`Atomicity::AllOrNothing`] is one.
    ///
    /// A passing failure is tried again until `deadline`. Where the last attempt got no answer, drafts may have been
    /// recorded: send them again, which never enters them twice.
    ///
    /// # Errors
    /// For everything: [`ErrorKind::Overloaded`], [`ErrorKind::Unavailable`], [`ErrorKind::Denied`],
    /// [`ErrorKind::DiskFull`]; with [`Atomicity::AllOrNothing`] whatever refuses one, with its index first in the
    /// pointer of a problem, and [`ErrorKind::TooLarge`] over the size of one request. For one draft, in its place:
    /// [`ErrorKind::Invalid`], [`ErrorKind::TooLarge`], [`ErrorKind::Conflict`], [`ErrorKind::Denied`] for another's
    /// tenant.
    pub async fn post(
        &self,
        drafts: &[Draft],
        atomicity: Atomicity,
        deadline: Instant,
    ) -> Result<Vec<Result<Recorded>>> {
        let claims: Vec<Bytes> = drafts.iter().map(claim).collect();
        self.post_claims(&claims, atomicity, deadline).await
    }

    /// As [`Client::post`], of events in JSON without line breaks, each with its id.
    pub(crate) async fn post_claims(&self, claims: &[Bytes], atomicity: Atomicity, deadline: Instant) -> Fates {
        if atomicity == Atomicity::AllOrNothing {
            if requests(claims).count() > 1 {
                return Err(too_much());
            }
            return self.post_request(claims, atomicity, deadline).await;
        }
        let mut fates = Vec::with_capacity(claims.len());
        for request in requests(claims) {
            fates.extend(self.post_split(request, deadline).await?);
        }
        Ok(fates)
    }

    /// Sends one request; where it is refused as a whole for what is in it, sends each half by itself, so that what is
    /// good is not refused with what is not.
    async fn post_split(&self, claims: &[Bytes], deadline: Instant) -> Fates {
        let mut open = vec![claims];
        let mut fates = Vec::with_capacity(claims.len());
        while let Some(claims) = open.pop() {
            match self.post_request(claims, Atomicity::PerEvent, deadline).await {
                Ok(found) => fates.extend(found),
                Err(error) if !is_about_content(&error) => return Err(error),
                Err(error) if claims.len() == 1 => fates.push(Err(error)),
                Err(_) => {
                    let (first, second) = claims.split_at(claims.len() / 2);
                    open.extend([second, first]);
                }
            }
        }
        Ok(fates)
    }

    async fn post_request(&self, claims: &[Bytes], atomicity: Atomicity, deadline: Instant) -> Fates {
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        let call = self.call(claims, atomicity)?;
        let results: Results = self.repeat(&call, deadline).await?.json()?;
        results.fates(claims.len(), &self.shared.token)
    }

    fn call(&self, claims: &[Bytes], atomicity: Atomicity) -> Result<Call<'static>> {
        let mut lines = Vec::with_capacity(claims.iter().map(|claim| claim.len() + 1).sum());
        for claim in claims {
            lines.extend_from_slice(claim);
            lines.push(b'\n');
        }
        let query = match atomicity {
            Atomicity::PerEvent => Vec::new(),
            Atomicity::AllOrNothing => vec![("atomic", "true".to_owned())],
        };
        let call = Call { method: Method::POST, ..Call::get(&["v1", "events"], query) };
        let call = call.with(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        if lines.len() < self.shared.options.compress_from_bytes {
            return Ok(Call { body: lines.into(), ..call });
        }
        let compressed = zstd::bulk::compress(&lines, COMPRESSION)
            .map_err(|error| Error::new(ErrorKind::Io, "cannot compress the events").with_source(error))?;
        Ok(Call { body: compressed.into(), ..call.with(CONTENT_ENCODING, HeaderValue::from_static("zstd")) })
    }
}

/// A draft as it is sent.
pub(crate) fn claim(draft: &Draft) -> Bytes {
    Bytes::from(draft.claim().into_owned())
}

/// Whether a request was refused for what is in it, and not for who sent it, when, or where to.
fn is_about_content(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Invalid | ErrorKind::TooLarge | ErrorKind::Conflict)
}

fn too_much() -> Error {
    let message = format!(
        "a batch of which all or nothing is recorded has at most {REQUEST_EVENTS_MAX} events and {REQUEST_BYTES_MAX} bytes; \
         nothing was sent"
    );
    Error::new(ErrorKind::TooLarge, message)
}

/// `claims` in pieces that fit into a request each.
fn requests(claims: &[Bytes]) -> impl Iterator<Item = &[Bytes]> {
    let mut rest = claims;
    std::iter::from_fn(move || {
        let (request, more) = rest.split_at(fitting(rest.iter().map(Bytes::len)));
        rest = more;
        (!request.is_empty()).then_some(request)
    })
}

/// How many claims of these lengths fit into one request; at least one, where there is one.
pub(crate) fn fitting(lengths: impl Iterator<Item = usize>) -> usize {
    let mut bytes = 0;
    let fits = |(index, length): &(usize, usize)| {
        bytes += length + 1;
        *index == 0 || (*index < REQUEST_EVENTS_MAX && bytes <= REQUEST_BYTES_MAX)
    };
    lengths.enumerate().take_while(fits).count()
}

/// The answer to a batch.
#[derive(Deserialize)]
struct Results {
    results: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    status: u16,
    receipt: Option<ReceiptIn>,
    problem: Option<Refusal>,
}

/// A receipt on the wire.
#[derive(Deserialize)]
struct ReceiptIn {
    id: String,
    tenant: String,
    seq: u64,
    position: Option<u64>,
    recorded_at: Timestamp,
    leaf_hash: String,
}

impl Results {
    fn fates(self, sent: usize, token: &Token) -> Fates {
        if self.results.len() != sent {
            return Err(strange("it has not one result for each event"));
        }
        self.results.into_iter().map(|item| item.fate(token)).collect()
    }
}

impl Item {
    fn fate(self, token: &Token) -> Result<Result<Recorded>> {
        let status = StatusCode::from_u16(self.status).map_err(|_| strange("a result has no status of HTTP"))?;
        let (receipt, status) = match (status, self.receipt) {
            (StatusCode::CREATED, Some(receipt)) => (receipt, AppendStatus::Created),
            (StatusCode::OK, Some(receipt)) => (receipt, AppendStatus::Replayed),
            _ if status.is_success() => return Err(strange("a result has no receipt")),
            _ => return Ok(Err(problem::error_of(status, self.problem.unwrap_or_default(), token))),
        };
        Ok(Ok(Recorded { receipt: receipt.read()?, status }))
    }
}

impl ReceiptIn {
    fn read(self) -> Result<Receipt> {
        let leaf_hash: Digest = self.leaf_hash.parse().map_err(|_| strange("a receipt has no leaf hash"))?;
        let Self { id, tenant, seq, position, recorded_at, .. } = self;
        Ok(Receipt { id, tenant, seq, position, recorded_at, leaf_hash })
    }
}
