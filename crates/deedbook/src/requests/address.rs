//! The address of a client behind proxies. What a client says of itself is believed only as far as a proxy that is
//! trusted vouches for it.

use std::net::IpAddr;
use std::str::FromStr;

use deedbook_core::{Error, ErrorKind};
use http::HeaderMap;

const FORWARDED_FOR: &str = "x-forwarded-for";
/// Addresses of the header that are looked at: more proxies than that are a loop or an attack.
const ADDRESSES_MAX: usize = 64;

/// Which proxies stand before the application.
#[derive(Clone, Debug)]
pub(super) enum Proxies {
    /// None: the header is never believed.
    None,
    /// As many, each of which adds the address that it was called from.
    Hops(usize),
    /// Those of these networks.
    Networks(Vec<Network>),
}

impl Proxies {
    /// The address of the client; `peer` is who opened the connection, where that is known.
    pub(super) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        match self {
            Self::None | Self::Hops(0) => peer,
            // The last address was added by the last proxy; one that the proxies did not add cannot be the n-th.
            Self::Hops(hops) => forwarded(headers).nth(hops - 1).unwrap_or(peer),
            Self::Networks(networks) => nearest_stranger(peer?, headers, networks),
        }
    }
}

/// Goes from proxy to proxy as long as they are trusted.
fn nearest_stranger(peer: IpAddr, headers: &HeaderMap, networks: &[Network]) -> Option<IpAddr> {
    let is_trusted = |address: IpAddr| networks.iter().any(|network| network.contains(address));
    let mut client = peer;
    for address in forwarded(headers) {
        if !is_trusted(client) {
            break;
        }
        // What a trusted proxy wrote but nobody can read ends the way: the proxy is all that is known.
        let Some(address) = address else { break };
        client = address;
    }
    Some(client)
}

/// The addresses of the header, the last added first; `None` for what is none.
fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let lines: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().map(|line| line.to_str().unwrap_or("?")).collect();
    let addresses: Vec<Option<IpAddr>> =
        lines.iter().rev().flat_map(|line| line.rsplit(',')).take(ADDRESSES_MAX).map(address).collect();
    addresses.into_iter()
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let found = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0.parse().ok()?,
        None => text.parse().ok().or_else(|| text.rsplit_once(':')?.0.parse().ok())?,
    };
    Some(canonical(found))
}

/// IPv4 addresses in the clothes of IPv6 are IPv4 addresses.
pub(super) fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// A network of addresses, such as `10.0.0.0/8` or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        match (self.address, canonical(address)) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros() >= self.prefix_bits
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros() >= self.prefix_bits
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: Option<IpAddr> = address.parse().ok();
        let width = address.map(|address| if address.is_ipv4() { 32 } else { 128 });
        let bits = bits.map_or(width, |bits| bits.parse().ok());
        match (address, bits, width) {
            (Some(address), Some(prefix_bits), Some(width)) if prefix_bits <= width => {
                Ok(Self { address, prefix_bits })
            }
            _ => {
                let message = format!("found the network {text:?}; expected one such as \"10.0.0.0/8\" or \"::1\"");
                Err(Error::new(ErrorKind::Invalid, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        headers
    }

    #[track_caller]
    fn check(proxies: &Proxies, lines: &[&str], expected: Option<&str>) {
        let peer = Some("10.0.0.1".parse().unwrap());
        let expected = expected.map(|address| address.parse().unwrap());
        assert_eq!(proxies.client(peer, &headers(lines)), expected, "{proxies:?} {lines:?}");
    }

    #[test]
    fn without_trust_the_header_says_nothing() {
        check(&Proxies::None, &["203.0.113.9"], Some("10.0.0.1"));
        check(&Proxies::Hops(0), &["203.0.113.9"], Some("10.0.0.1"));
    }

    #[test]
    fn hops_count_from_the_end() {
        check(&Proxies::Hops(1), &["6.6.6.6, 203.0.113.9"], Some("203.0.113.9"));
        check(&Proxies::Hops(2), &["6.6.6.6, 203.0.113.9, 10.1.1.1"], Some("203.0.113.9"));
        check(&Proxies::Hops(2), &["6.6.6.6", "203.0.113.9", "10.1.1.1"], Some("203.0.113.9"));
        check(&Proxies::Hops(1), &["[2001:db8::1]:443"], Some("2001:db8::1"));
        check(&Proxies::Hops(1), &["203.0.113.9:1234"], Some("203.0.113.9"));
        check(&Proxies::Hops(1), &["::ffff:203.0.113.9"], Some("203.0.113.9"));
        // Fewer addresses than proxies: somebody came past them, so nothing of the header is believed.
        check(&Proxies::Hops(3), &["6.6.6.6"], Some("10.0.0.1"));
        check(&Proxies::Hops(1), &[], Some("10.0.0.1"));
        check(&Proxies::Hops(1), &["nonsense"], None);
    }

    #[test]
    fn networks_are_followed_to_the_first_stranger() {
        let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().unwrap());
        let proxies = Proxies::Networks(networks.to_vec());
        check(&proxies, &["6.6.6.6, 203.0.113.9, 10.1.1.1"], Some("203.0.113.9"));
        check(&proxies, &["203.0.113.9, 2001:db8::7"], Some("203.0.113.9"));
        check(&proxies, &["10.2.2.2"], Some("10.2.2.2"));
        check(&proxies, &["nonsense, 10.1.1.1"], Some("10.1.1.1"));
        let peer = Some("198.51.100.1".parse().unwrap());
        assert_eq!(proxies.client(peer, &headers(&["6.6.6.6"])), peer);
        assert_eq!(proxies.client(None, &headers(&["6.6.6.6"])), None);
    }

    #[test]
    fn networks_are_read_strictly() {
        for text in ["10.0.0.0/33", "10.0.0/8", "10.0.0.0/x", "::/129", ""] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("203.0.113.9".parse().unwrap()) && !all.contains("::1".parse().unwrap()));
        let one: Network = "10.0.0.7".parse().unwrap();
        assert!(one.contains("::ffff:10.0.0.7".parse().unwrap()) && !one.contains("10.0.0.6".parse().unwrap()));
    }
}
