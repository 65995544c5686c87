//! The address that bodies are sent to, and how little of it may be shown.

use deedbook_core::Result;
use reqwest::Url;

use crate::Secret;
use crate::settings::wrong;

/// Bytes that a part of an address has at least where it is taken for a secret.
const SECRET_BYTES_MIN: usize = 8;

/// An address that bodies can be sent to. Errors do not repeat it: it may hold a secret.
pub(super) fn address(text: &str) -> Result<Url> {
    let url = Url::parse(text).map_err(|error| wrong(format!("url is no address: {error}")))?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(wrong("url must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("url holds a name or a password: put them into a header, from a file or a variable"));
    }
    if url.fragment().is_some() {
        return Err(wrong("url ends in a #fragment, which is sent to nobody: leave it out"));
    }
    Ok(url)
}

/// What of an address may be a secret, where it is long enough to be one: many receivers put theirs into the path.
pub(super) fn secrets(url: &Url) -> Vec<Secret> {
    let values = url.query_pairs().map(|(_, value)| value.into_owned());
    let parts = [Some(url.path()), url.query()].into_iter().flatten().map(str::to_owned);
    parts.chain(values).filter(|part| part.len() >= SECRET_BYTES_MIN).map(Secret::new).collect()
}

/// Scheme, host and port: what may be shown of an address.
pub(super) fn host(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_cannot_be_used_are_refused_and_not_repeated() {
        for (url, expected) in [
            ("hooks.canary.example/x", "no address"),
            ("https://", "no address"),
            ("ftp://canary.example/", "https://"),
            ("file:///canary", "https://"),
            ("https://canary:secret@siem.example/", "header"),
            ("https://canary@siem.example/", "header"),
            ("https://siem.example/#canary", "fragment"),
        ] {
            let error = address(url).expect_err(url).to_string();
            assert!(error.contains(expected) && !error.contains("canary"), "{url}: {error}");
        }
    }

    #[test]
    fn only_the_host_of_an_address_is_shown() {
        let url = address("https://siem.example:8088/services/canary?token=canary").expect("an address");
        assert_eq!(host(&url), "https://siem.example:8088");
    }

    #[test]
    fn what_may_be_a_secret_of_an_address_is_known() {
        let url = address("https://hooks.example/services/T0/B0?sig=a%2Bcanary%21&v=1").expect("an address");
        let secrets: Vec<String> = secrets(&url).iter().map(|secret| secret.expose().to_owned()).collect();
        assert_eq!(secrets, ["/services/T0/B0", "sig=a%2Bcanary%21&v=1", "a+canary!"]);
    }
}
