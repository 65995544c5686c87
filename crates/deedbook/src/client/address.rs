//! Where a server is, and the addresses of what it offers.

use deedbook_core::{Error, ErrorKind, Result};
use reqwest::Url;

/// The address of a server: `http://` or `https://`, a host, perhaps a port and a path before `/v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address(Url);

impl Address {
    /// # Errors
    /// [`ErrorKind::Invalid`] for anything else, and for `https://` where this was built without TLS.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let url = Url::parse(text).map_err(|error| {
            refused("found no address of a server; expected one such as \"https://audit.example\"").with_source(error)
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("the address holds a user or a password; give the token by itself"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("the address has a \"?\" or \"#\"; expected only scheme, host, port and path"));
        }
        match url.scheme() {
            "http" => Ok(Self(url)),
            "https" if cfg!(feature = "https") => Ok(Self(url)),
            "https" => Err(refused(
                "this program was built without the feature \"https\" of the crate deedbook, which https:// needs",
            )),
            _ => Err(refused("found another scheme; expected \"http://\" or \"https://\" and a host")),
        }
    }

    /// The address of `path` below the server's own, with `query`.
    pub(super) fn join(&self, path: &[&str], query: &[(&'static str, String)]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// As it is shown to people.
    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

fn refused(message: &'static str) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_below_the_server() {
        let joined = |base: &str, path: &[&str], query: &[(&'static str, String)]| {
            Address::parse(base).expect(base).join(path, query).to_string()
        };
        assert_eq!(joined("http://127.0.0.1:7400", &["v1", "events"], &[]), "http://127.0.0.1:7400/v1/events");
        assert_eq!(joined("http://[::1]:7400/", &["healthz"], &[]), "http://[::1]:7400/healthz");
        assert_eq!(joined("http://a.example/audit/", &["v1", "events"], &[]), "http://a.example/audit/v1/events");
        assert_eq!(joined("http://a.example", &["v1", "a/b?c"], &[]), "http://a.example/v1/a%2Fb%3Fc");
        let query = [("q", "actor:\"a b\" & c".to_owned()), ("limit", "5".to_owned())];
        assert_eq!(
            joined("http://a.example", &["v1"], &query),
            "http://a.example/v1?q=actor%3A%22a+b%22+%26+c&limit=5"
        );
    }

    #[test]
    fn what_is_no_address_is_refused_and_not_repeated() {
        for (text, words) in [
            ("audit.example", "no address"),
            ("", "no address"),
            ("ftp://audit.example", "another scheme"),
            ("http://user:secret@audit.example", "give the token by itself"),
            ("http://audit.example/?token=secret", "only scheme, host"),
            ("http://audit.example/#secret", "only scheme, host"),
        ] {
            let error = Address::parse(text).expect_err(text);
            assert!(error.to_string().contains(words), "{text}: {error}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{text}");
        }
        assert_eq!(Address::parse("https://audit.example").is_ok(), cfg!(feature = "https"));
    }
}
