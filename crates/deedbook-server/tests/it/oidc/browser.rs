//! As much of a browser as signing in needs: cookies, redirects, and a form.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::support::{Request, Response};

/// How the browser is told to reach the server; it knows where that really is.
pub(super) const PUBLIC_URL: &str = "http://127.0.0.1:1";

/// A browser that reaches one server and the providers that this sends it to.
pub(super) struct Browser {
    server: SocketAddr,
    cookies: HashMap<(SocketAddr, String), String>,
}

impl Browser {
    pub(super) fn new(server: SocketAddr) -> Self {
        Self { server, cookies: HashMap::new() }
    }

    pub(super) fn get(&mut self, path: &str) -> Response {
        self.ask(self.server, Request::to(self.server, "GET", path))
    }

    /// Sends nothing, from a page of the server.
    pub(super) fn post(&mut self, path: &str) -> Response {
        self.send("POST", path, "", "same-origin")
    }

    /// Sends JSON from a page of this site, seen from the server.
    pub(super) fn send(&mut self, method: &str, path: &str, body: &str, site: &str) -> Response {
        let request = Request::to(self.server, method, path).header(&format!("Sec-Fetch-Site: {site}"));
        self.ask(self.server, request.body("application/json", body))
    }

    /// Signs in as `who` and comes back; the answer of the server to that.
    pub(super) fn sign_in(&mut self, who: &str, return_to: &str) -> Response {
        let callback = self.way_back(who, return_to);
        self.get(&callback)
    }

    /// Signs in as `who`; the path with which the provider sends the browser back.
    pub(super) fn way_back(&mut self, who: &str, return_to: &str) -> String {
        let begun = self.get(&format!("/auth/sign-in?return_to={return_to}")).is(303);
        let mut url = begun.header("location").expect("a provider").to_owned();
        let provider = address(&url);
        for _ in 0..20 {
            if let Some(path) = url.strip_prefix(PUBLIC_URL) {
                return path.to_owned();
            }
            let path = url.split_once("://").map_or(&url[..], |(_, rest)| &rest[rest.find('/').expect("a path")..]);
            let mut answer = self.ask(provider, Request::to(provider, "GET", path));
            if answer.status == 200 {
                let action = attribute(&answer.body, "action=\"");
                let prompt = attribute(&answer.body, "name=\"prompt\" value=\"");
                let form = format!("prompt={prompt}&login={}&password=x", who.replace('+', "%2B"));
                let path = &action[action.find("/interaction").expect("a form of the provider")..];
                let request = Request::to(provider, "POST", path).body("application/x-www-form-urlencoded", form);
                answer = self.ask(provider, request);
            }
            url = answer.header("location").unwrap_or_else(|| panic!("no way on: {answer:?}")).to_owned();
        }
        panic!("the provider leads nowhere: {url}");
    }

    fn ask(&mut self, address: SocketAddr, request: Request) -> Response {
        let sent: Vec<String> = self
            .cookies
            .iter()
            .filter(|((host, _), _)| *host == address)
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        let request = request.without("Host").header(&format!("Host: {address}"));
        let request = if sent.is_empty() { request } else { request.header(&format!("Cookie: {}", sent.join("; "))) };
        let answer = request.send();
        for (_, set) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = set.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            if value.is_empty() || set.contains("Max-Age=0") {
                self.cookies.remove(&(address, name.to_owned()));
            } else {
                self.cookies.insert((address, name.to_owned()), value.to_owned());
            }
        }
        answer
    }
}

fn address(url: &str) -> SocketAddr {
    let rest = url.strip_prefix("http://").expect("a provider on loopback");
    rest.split('/').next().expect("a host").parse().expect("an address")
}

/// What stands between `before` and the next quote.
fn attribute<'a>(html: &'a str, before: &str) -> &'a str {
    let from = html.find(before).unwrap_or_else(|| panic!("no {before} in {html}")) + before.len();
    &html[from..from + html[from..].find('"').expect("a quote")]
}
