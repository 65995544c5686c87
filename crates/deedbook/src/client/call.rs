//! One request, as often as it is sent.

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Method, Request};

use super::address::Address;

/// What is asked of a server, apart from where it is and with which token.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) path: &'a [&'a str],
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
}

impl<'a> Call<'a> {
    /// Reads what is at `path`.
    pub(super) fn get(path: &'a [&'a str], query: Vec<(&'static str, String)>) -> Self {
        Self { method: Method::GET, path, query, headers: Vec::new(), body: Bytes::new() }
    }

    /// The same call with a header.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A request of it; bytes of the body are shared, not copied.
    pub(super) fn request(&self, address: &Address, authorization: HeaderValue) -> Request {
        let mut request = Request::new(self.method.clone(), address.join(self.path, &self.query));
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, authorization);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.extend(self.headers.iter().cloned());
        if !self.body.is_empty() {
            *request.body_mut() = Some(self.body.clone().into());
        }
        request
    }
}
