//! The body of a request: read within its time, decompressed within its limit, and never held beyond the stock.

use std::io::Read;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use crate::admission::Reservation;
use crate::app::App;
use crate::limits::Limits;
use crate::problem::{Answer, Problem};

/// Bytes that are decompressed between two looks at the stock.
const STEP_BYTES: usize = 64 * 1024;

/// A body as it came, with the room that it takes.
pub(crate) struct Received {
    pub(crate) format: Format,
    coding: Coding,
    bytes: Bytes,
    reservation: Reservation,
}

/// How a body is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `application/json`.
    Json,
    /// `application/x-ndjson`.
    Ndjson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    Zstd,
}

impl Received {
    /// Reads the whole body.
    ///
    /// # Errors
    /// 415 for a type or coding that is not understood, 413 over the limit, 408 when it takes too long, 400 when it
    /// breaks off, 503 when there is no room for it.
    pub(crate) async fn read(app: &Arc<App>, headers: &HeaderMap, body: Body) -> Answer<Self> {
        let format = format(headers)?;
        let coding = coding(headers)?;
        let announced = announced_length(headers);
        if announced.is_some_and(|length| length > app.limits.body_bytes_max) {
            return Err(too_large(&app.limits));
        }
        let mut reservation = app.bodies.nothing();
        let reading = collect(body, announced.unwrap_or(0), &app.limits, &mut reservation);
        let bytes = match tokio::time::timeout(app.limits.body_time_max, reading).await {
            Ok(bytes) => bytes?,
            Err(_) => return Err(too_slow(&app.limits)),
        };
        Ok(Self { format, coding, bytes, reservation })
    }

    /// How many bytes came; decompressing them is more work than their number tells.
    pub(crate) fn is_small(&self, bytes_max: usize) -> bool {
        self.coding == Coding::Identity && self.bytes.len() <= bytes_max
    }

    /// The text, and the room it takes. This may compute for long.
    ///
    /// # Errors
    /// 400 where it cannot be decompressed, 413 over the limit, 503 when there is no room for it.
    pub(crate) fn decompressed(mut self, limits: &Limits) -> Answer<(Bytes, Reservation)> {
        let plain = match self.coding {
            Coding::Identity => return Ok((self.bytes, self.reservation)),
            Coding::Gzip => inflate(flate2::bufread::MultiGzDecoder::new(&*self.bytes), limits, &mut self.reservation),
            Coding::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(&*self.bytes).and_then(|mut decoder| {
                    // A frame says how much memory its window takes; 8 MiB is what every decoder must support.
                    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                    Ok(decoder)
                });
                inflate(decoder.map_err(|_| not_decompressed())?, limits, &mut self.reservation)
            }
        };
        Ok((plain?, self.reservation))
    }
}

/// 2²³ bytes, the window that RFC 8878 recommends every decoder to support.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

async fn collect(mut body: Body, announced: usize, limits: &Limits, reservation: &mut Reservation) -> Answer<Bytes> {
    reservation.grow(announced).ok_or_else(no_room)?;
    let mut reserved = announced;
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::malformed("incomplete_body", "the body broke off before its end"))?;
        let Ok(data) = frame.into_data() else { continue };
        let length = first.len() + all.len() + data.len();
        if length > limits.body_bytes_max {
            return Err(too_large(limits));
        }
        if length > reserved {
            reservation.grow(length - reserved).ok_or_else(no_room)?;
            reserved = length;
        }
        // Small bodies come in one piece, which is not copied.
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            if all.is_empty() {
                all.reserve(announced.max(length));
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Decompresses step by step, so that a bomb is noticed when it passes the limit and not when it is whole.
fn inflate(mut decoder: impl Read, limits: &Limits, reservation: &mut Reservation) -> Answer<Bytes> {
    let mut plain = Vec::new();
    loop {
        reservation.grow(STEP_BYTES).ok_or_else(no_room)?;
        let read = (&mut decoder).take(STEP_BYTES as u64).read_to_end(&mut plain).map_err(|_| not_decompressed())?;
        if plain.len() > limits.decompressed_bytes_max {
            return Err(Problem::too_large(
                "decompressed_body_too_large",
                format!(
                    "the body has more than {} bytes after decompression; send several smaller ones",
                    limits.decompressed_bytes_max
                ),
            ));
        }
        if read == 0 {
            return Ok(plain.into());
        }
    }
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn format(headers: &HeaderMap) -> Answer<Format> {
    let unsupported = || {
        let detail = "send application/json or application/x-ndjson, in UTF-8, and say so in the header Content-Type";
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    };
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).ok_or_else(unsupported)?;
    let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
    let format = match parts.next().as_deref() {
        Some("application/json") => Format::Json,
        Some("application/x-ndjson") => Format::Ndjson,
        _ => return Err(unsupported()),
    };
    let is_utf8 = |part: String| match part.strip_prefix("charset=") {
        Some(charset) => charset.trim_matches('"') == "utf-8",
        None => true,
    };
    if parts.all(is_utf8) { Ok(format) } else { Err(unsupported()) }
}

fn coding(headers: &HeaderMap) -> Answer<Coding> {
    let unsupported = || {
        let detail = "a body is sent as it is, or compressed once with gzip or zstd";
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_content_encoding", detail)
    };
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(value) = values.next() else { return Ok(Coding::Identity) };
    if values.next().is_some() {
        return Err(unsupported());
    }
    match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "identity" | "" => Ok(Coding::Identity),
        "gzip" | "x-gzip" => Ok(Coding::Gzip),
        "zstd" => Ok(Coding::Zstd),
        _ => Err(unsupported()),
    }
}

fn too_large(limits: &Limits) -> Problem {
    let detail = format!("the body has more than {} bytes; send several smaller ones", limits.body_bytes_max);
    Problem::too_large("body_too_large", detail)
}

fn too_slow(limits: &Limits) -> Problem {
    let detail = format!("the body did not arrive within {} s", limits.body_time_max.as_secs_f32());
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail)
}

fn no_room() -> Problem {
    Problem::overloaded("there is no room for the body at this moment and nothing was recorded; try again later")
}

fn not_decompressed() -> Problem {
    Problem::malformed("bad_compression", "the body cannot be decompressed as Content-Encoding says")
}
