//! The pages: the files of the folder `ui`, which the binary carries, as answers that a browser may keep.
//!
//! They are open to everyone and hold nothing of any event; what they show they get from the API, with the reader's token.

mod files;

use std::io::Write;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::problem::{Answer, Problem};
use files::{FILES, PAGE, PLACES};

/// What a page may do: run scripts of this server, talk to this server, and nothing else. Texts become markup only by
/// the templates of lit, which the browser enforces (Trusted Types).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types lit-html";

/// Bytes of the digest that name a version of a file.
const TAG_BYTES: usize = 12;

/// The pages at their places, and their files below `/ui`.
pub(crate) fn routes() -> Router<Arc<App>> {
    let pages = PLACES.iter().fold(Router::new(), |router, place| router.route(place, get(page)));
    let files = Router::new().route("/ui/{*name}", get(file)).layer(from_fn(for_other_origins));
    pages.merge(files)
}

/// The page; which of them it is to show, its scripts read from the address.
async fn page(headers: HeaderMap) -> Answer {
    shown(&headers)
}

fn shown(headers: &HeaderMap) -> Answer {
    let file = find(PAGE).ok_or_else(Problem::not_found)?;
    let mut response = file.answer(headers);
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // An address holds the query, and a query may hold names.
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// The page in answer to something that cannot be: what that was, its scripts read from the address.
pub(crate) fn page_of(status: StatusCode, headers: &HeaderMap) -> Answer {
    let mut headers = headers.clone();
    headers.remove(header::IF_NONE_MATCH);
    let mut response = shown(&headers)?;
    *response.status_mut() = status;
    response.headers_mut().remove(header::ETAG);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A script or a style.
async fn file(Path(name): Path<String>, headers: HeaderMap) -> Answer {
    let file = find(&name).filter(|file| file.name != PAGE).ok_or_else(Problem::not_found)?;
    Ok(file.answer(&headers))
}

/// The component is code without a secret, which pages of other origins may load.
async fn for_other_origins(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin"));
    response
}

/// A file as it is sent.
struct Ready {
    name: &'static str,
    media_type: &'static str,
    plain: Bytes,
    compressed: Bytes,
    tag: HeaderValue,
}

/// All files, compressed when the first one is asked for.
static READY: LazyLock<Vec<Ready>> =
    LazyLock::new(|| FILES.iter().map(|(name, content)| Ready::new(name, content)).collect());

fn find(name: &str) -> Option<&'static Ready> {
    READY.iter().find(|file| file.name == name)
}

impl Ready {
    fn new(name: &'static str, content: &'static [u8]) -> Self {
        let digest = Sha256::digest(content);
        let tag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&digest[..TAG_BYTES]));
        Self {
            name,
            media_type: media_type(name),
            plain: Bytes::from_static(content),
            compressed: compressed(content),
            tag: HeaderValue::from_str(&tag).expect("base64 between quotes is a header"),
        }
    }

    /// The file, or 304 where the browser has it. Browsers ask each time, so that a new server is never met by half of
    /// an old page.
    fn answer(&self, asked: &HeaderMap) -> Response {
        let fixed = [
            (header::ETAG, self.tag.clone()),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (header::VARY, HeaderValue::from_static("accept-encoding")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        if is_known(asked, &self.tag) {
            return (StatusCode::NOT_MODIFIED, fixed).into_response();
        }
        let media_type = [(header::CONTENT_TYPE, self.media_type)];
        if takes_gzip(asked) {
            let encoding = [(header::CONTENT_ENCODING, "gzip")];
            return (fixed, media_type, encoding, self.compressed.clone()).into_response();
        }
        (fixed, media_type, self.plain.clone()).into_response()
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

fn compressed(content: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).and_then(|()| encoder.finish()).expect("memory takes every write").into()
}

/// Whether the browser has this version, by RFC 9110 13.1.2; the comparison is weak.
fn is_known(asked: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known).as_bytes() == tag.as_bytes())
}

/// Whether the browser says that it takes gzip, and not that it takes none of it.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let codings = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    codings.flat_map(|value| value.split(',')).any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        let quality = quality.trim().strip_prefix("q=").unwrap_or("1");
        name.trim().eq_ignore_ascii_case("gzip") && quality.parse().is_ok_and(|quality: f32| quality > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Folders and kinds of files that browsers do not ask for.
    fn is_served(name: &str) -> bool {
        !name.starts_with("tests/")
            && !name.ends_with(".d.ts")
            && (name.ends_with(".js") || name.ends_with(".css") || name.ends_with(".svg") || name.ends_with(".html"))
    }

    fn names_below(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
        for child in std::fs::read_dir(folder).expect("the folder can be read") {
            let child = child.expect("the folder can be read");
            let name = format!("{prefix}{}", child.file_name().to_string_lossy());
            if child.path().is_dir() {
                names_below(&child.path(), &format!("{name}/"), found);
            } else if is_served(&name) {
                found.insert(name);
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_listed() {
        let mut there = BTreeSet::new();
        names_below(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui")), "", &mut there);
        let listed: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(listed, there);
        assert!(listed.iter().all(|name| media_type(name) != "application/octet-stream"));
    }

    fn asked(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (value, takes) in [
            ("gzip, deflate, br, zstd", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip;q=0.0, br", false),
            ("br", false),
            ("", false),
        ] {
            assert_eq!(takes_gzip(&asked(header::ACCEPT_ENCODING, value)), takes, "{value}");
        }
    }

    #[test]
    fn a_version_that_the_browser_has_is_not_sent_again() {
        let tag = HeaderValue::from_static("\"abc\"");
        for (value, known) in
            [("\"abc\"", true), ("\"x\", W/\"abc\"", true), ("*", true), ("\"abd\"", false), ("abc", false)]
        {
            assert_eq!(is_known(&asked(header::IF_NONE_MATCH, value), &tag), known, "{value}");
        }
    }
}
