//! Cookies: the two that this server sets, how they are read, and whom they are believed from.

use axum::http::header::{self, HeaderMap, HeaderValue};

/// A cookie of this server. Scripts cannot read it.
pub(crate) struct Cookie {
    pub(crate) name: &'static str,
    path: &'static str,
    /// Whether it comes along when another site leads here, as a provider does that sends a browser back.
    same_site: &'static str,
}

/// An attempt to sign in.
pub(crate) const ATTEMPT: Cookie = Cookie { name: "deedbook_sign_in", path: "/auth", same_site: "Lax" };
/// The token of who is signed in. No other site can make a browser send it.
pub(crate) const SESSION: Cookie = Cookie { name: "deedbook_session", path: "/", same_site: "Strict" };

impl Cookie {
    /// The header that sets it, or removes it where `seconds` is 0.
    pub(crate) fn set(&self, value: &str, seconds: i64, secure: bool) -> HeaderValue {
        let Self { name, path, same_site } = self;
        let secure = if secure { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite={same_site}{secure}");
        HeaderValue::from_str(&text).expect("values of cookies are made here, of letters and digits")
    }

    /// Its value in a request. One that is sent twice is not believed: another host of the domain may have set it.
    pub(crate) fn of<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut found = pairs.filter(|(name, _)| *name == self.name).map(|(_, value)| value);
        found.next().filter(|_| found.next().is_none())
    }
}

/// Whether the request comes from a page of this server, by what browsers say of it. Source: Fetch Metadata Request
/// Headers, section 2.3; browsers that do not send it send `Origin`.
pub(crate) fn is_of_our_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), _, _) => site == "same-origin",
        (None, Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, from)| from == host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_cookie_is_found_among_others_and_not_believed_twice() {
        for (sent, found) in [
            (&["deedbook_session=a"][..], Some("a")),
            (&["x=1; deedbook_session=a; y=2"], Some("a")),
            (&["x=1", "deedbook_session=a=b"], Some("a=b")),
            (&["deedbook_session=a; deedbook_session=b"], None),
            (&["deedbook_session=a", "deedbook_session=a"], None),
            (&["notdeedbook_session=a"], None),
            (&["deedbook_session"], None),
            (&[], None),
        ] {
            let pairs: Vec<_> = sent.iter().map(|value| ("cookie", *value)).collect();
            assert_eq!(SESSION.of(&headers(&pairs)), found, "{sent:?}");
        }
    }

    #[test]
    fn what_another_page_sends_is_told_apart() {
        for (pairs, ours) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://a"), ("host", "a")], false),
            (&[("origin", "https://a:1"), ("host", "a:1")], true),
            (&[("origin", "https://b"), ("host", "a")], false),
            (&[("origin", "null"), ("host", "a")], false),
            (&[("host", "a")], false),
        ] {
            assert_eq!(is_of_our_own_page(&headers(pairs)), ours, "{pairs:?}");
        }
    }

    #[test]
    fn cookies_are_hidden_from_scripts_and_other_sites() {
        let set = SESSION.set("s", 60, true);
        assert_eq!(set, "deedbook_session=s; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(ATTEMPT.set("", 0, false), "deedbook_sign_in=; Path=/auth; Max-Age=0; HttpOnly; SameSite=Lax");
    }
}
